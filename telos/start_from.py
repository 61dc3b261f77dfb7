"""Weights that training begins with: those of a saved model, instead of drawn ones (``train.start_from``).

Every tensor of the network must be one of the saved model's, of its name and shape, and the tokenizer the same: a weight that
stood for another token would be worse than a drawn one.  What the objective builds beside the network is taken over where the
model was trained for the same objective, and begins anew otherwise.  Tests: tests/test_start_from.py.
"""

from pathlib import Path
from typing import Any

from telos.foundation import files
from telos.foundation.errors import TelosError
from telos.objectives import Objective


def start_from(folder: Path, network: Any, owned: Any, objective: Objective, tokenizer_hash: str) -> str:
    """Lay the saved weights into ``network`` and ``owned``; gives the first 16 digits of the saved file's SHA-256."""
    from telos.models.saved import load_model
    from telos.objectives import _saved

    saved, tokenizer = load_model(folder)
    if saved.spec.learns_by != "gradient":
        raise TelosError("train.start_from must be a model with weights", f"'{saved.spec.kind()}' counts ({folder})",
                         "leave train.start_from out")  # fmt: skip
    if tokenizer.vocabulary.tokenizer_hash != tokenizer_hash:
        raise TelosError("train.start_from must be a model of the run's tokenizer", f"another one's ({folder})",
                         f"take its tokenizer: tokenizer.kind=pretrained tokenizer.path={folder}")  # fmt: skip
    values, own = saved.state_dict(), network.state_dict()
    wrong = sorted({n for n in own if n not in values or values[n].shape != own[n].shape} | set(values) - set(own))
    if wrong:
        name = wrong[0]
        shapes = [str(tuple(one[name].shape)) if name in one else "none" for one in (values, own)]
        raise TelosError("train.start_from must have every tensor of the recipe's model, and no other",
                         f"{name}: {shapes[0]} in {folder}, {shapes[1]} in the recipe's model ({len(wrong)} differ in all)",
                         "give the recipe the same model settings")  # fmt: skip
    network.load_state_dict(values)
    found = _saved.read(folder)
    if owned is not None and found is not None and found[0].kind() == objective.kind():
        _saved.fill(folder, owned)
    return files.sha256(folder / "model.safetensors")[:16]
