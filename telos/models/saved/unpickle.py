"""``python -m telos.models.saved.unpickle FOLDER``: model.safetensors from the weights that torch.save pickled.

Only tensors and plain containers are unpickled (``weights_only``), so that nothing in the file runs.  Tensors that share memory
are written out each.  Test: tests/models/test_saved.py.
"""

import sys
from pathlib import Path

from telos.foundation.errors import TelosError
from telos.foundation.files import writing
from telos.models.saved.tensors import WEIGHTS


def convert(folder: Path) -> Path:
    """Write model.safetensors beside pytorch_model.bin, or beside its parts; the path written."""
    import torch
    from safetensors.torch import save_file

    folder = Path(folder)
    files = sorted(folder.glob("pytorch_model*.bin"))
    if not files:
        raise TelosError("a folder to convert must hold pytorch_model.bin", f"none in {folder}", "name the model's folder")
    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        try:
            found = torch.load(file, map_location="cpu", weights_only=True)
            tensors |= {name: tensor.detach().clone().contiguous() for name, tensor in found.items()}
        except Exception as error:  # torch has no error of its own for what it will not unpickle
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise TelosError(f"{file} must hold tensors by name and nothing else", first,
                             "take the model in safetensors from its source") from None  # fmt: skip
    with writing(folder / WEIGHTS):
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    return folder / WEIGHTS


if __name__ == "__main__":
    try:
        print(convert(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
    except TelosError as error:
        sys.exit(f"error: {error}")
