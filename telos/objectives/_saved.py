"""What an objective leaves in a model's folder where inference needs it: ``objective.json`` and ``objective.safetensors``.

The first has the objective's settings and the names of its classes, the second its trained parts and what goes with them by name.
Tests: tests/objectives/test_saved.py.
"""

from pathlib import Path
from typing import Any

from telos.foundation.errors import TelosError
from telos.foundation.files import MANIFEST, read_json, verify_folder, write_json
from telos.objectives import Objective

FACTS, WEIGHTS = "objective.json", "objective.safetensors"


def save(folder: Path, objective: Objective, owned: Any, labels: tuple[str, ...]) -> None:
    """Write both files into a folder that is being made; ``owned``: what `Objective.build` gave, or None."""
    from safetensors.torch import save_file

    write_json(folder / FACTS, {"objective": objective.dump(), "labels": list(labels)})
    if owned is not None:
        save_file({name: p.detach().cpu().contiguous() for name, p in _tensors(owned).items()}, folder / WEIGHTS)


def _tensors(owned: Any) -> dict[str, Any]:
    """Parameters, and buffers that are kept."""
    saved = owned.state_dict()
    return dict(owned.named_parameters()) | {name: buffer for name, buffer in owned.named_buffers() if name in saved}


def read(folder: Path) -> tuple[Objective, tuple[str, ...]] | None:
    """(objective, names of its classes) of a model's folder; None where it was trained for its likelihood alone."""
    folder = Path(folder)
    if not (folder / FACTS).is_file():
        return None
    if (folder / MANIFEST).exists():
        verify_folder(folder, only=[name for name in (FACTS, WEIGHTS) if (folder / name).exists()])
    try:
        facts = read_json(folder / FACTS)
        return Objective.parse(facts["objective"]), tuple(map(str, facts["labels"]))
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, TelosError):
            raise
        raise TelosError(f"{folder / FACTS} must be readable", f"damaged content ({type(error).__name__})",
                         "copy the whole folder again") from None  # fmt: skip


def trained_for(found: tuple[Objective, tuple[str, ...]] | None) -> str:
    """What a model learned, in words, by what `read` gave."""
    return "its likelihood of text" if found is None else f"objective '{found[0].kind()}'"


def fill(folder: Path, owned: Any) -> None:
    """Lay the saved parts into what `Objective.build` made anew; `TelosError` where they are damaged or of others."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(folder) / WEIGHTS
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise TelosError(f"{path} must be readable", f"damaged content ({error})", "copy the whole folder again") from None
    own = _tensors(owned)
    wrong = [n for n in own if n not in tensors or tensors[n].shape != own[n].shape] + [n for n in tensors if n not in own]
    if wrong:
        raise TelosError(f"{WEIGHTS} must hold the parts of {FACTS}'s objective", f"'{wrong[0]}' differs ({len(wrong)} in all)",
                         "take the files of one model")  # fmt: skip
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(tensors[name])
