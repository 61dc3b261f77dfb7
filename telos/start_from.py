"""Weights that training begins with: those of a saved model, instead of drawn ones (``train.start_from``).

Every tensor of the network must be one of the saved model's, of its name and shape, the settings that say what it means and the
tokenizer the same: a weight that stood for another token would be worse than a drawn one.  Special tokens go by their names: what
both objectives have is taken over, others are drawn.  What the objective builds beside the network is taken over where the
model was trained for the same objective and the same classes, and begins anew otherwise.  Tests: tests/test_start_from.py.
"""

import re
from pathlib import Path
from typing import Any

from telos.foundation import files
from telos.foundation.errors import TelosError
from telos.objectives import Objective
from telos.tokens.vocabulary import Vocabulary

FREE = re.compile("dropout|stochastic_depth|initialization|context_length|^rope_")
"""Settings that may be others: they take part in how weights are learned, or in how far they reach, and not in what they mean."""


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
    own = network.state_dict()
    values = _by_name(saved.state_dict(), own, network.roles(), saved.vocabulary, network.vocabulary)
    wrong = sorted({n for n in own if n not in values or values[n].shape != own[n].shape} | set(values) - set(own))
    if wrong:
        name = wrong[0]
        shapes = [str(tuple(one[name].shape)) if name in one else "none" for one in (values, own)]
        raise TelosError("train.start_from must have every tensor of the recipe's model, and no other",
                         f"{name}: {shapes[0]} in {folder}, {shapes[1]} in the recipe's model ({len(wrong)} differ in all)",
                         "give the recipe the same model settings")  # fmt: skip
    _refuse_other_settings(folder, saved.spec, network.spec)
    network.load_state_dict(values)
    found = _saved.read(folder)
    same = found is not None and found[0].kind() == objective.kind() and found[1] == network.vocabulary.labels
    if owned is not None and same:
        _saved.fill(folder, owned)
    return files.sha256(folder / "model.safetensors")[:16]


def _refuse_other_settings(folder: Path, theirs: Any, ours: Any) -> None:
    """Of the same shapes and meant otherwise: another activation, attention in another direction …  What is None is left to
    other settings."""
    old, new = theirs.dump(), ours.dump()
    for name in old:
        if not FREE.search(name) and None not in (old[name], new.get(name)) and old[name] != new[name]:
            raise TelosError("train.start_from must be a model of the recipe's settings",
                             f"model.{name}: {old[name]} in {folder}, {new[name]} in the recipe",
                             "give the recipe the same model settings")  # fmt: skip


def _by_name(
    values: dict[str, Any], own: dict[str, Any], roles: dict[str, Any], theirs: Vocabulary, ours: Vocabulary
) -> dict[str, Any]:  # fmt: skip
    """The saved tensors with the rows of special tokens where this vocabulary has them."""
    if theirs.specials == ours.specials:
        return values
    names = [name for name in ours.specials if name in theirs.specials]
    to, of = ([*range(ours.size_ordinary), *(one.specials[name] for name in names)] for one in (ours, theirs))
    found = dict(values)
    for name, tensor in own.items():
        rows = (len(values[name]), len(tensor)) if name in values and tensor.ndim and values[name].ndim else None
        if rows != (theirs.size, ours.size) or (theirs.size == ours.size and not _of_tokens(name, roles)):
            continue
        if values[name].shape[1:] == tensor.shape[1:]:
            found[name] = tensor.clone()
            found[name][to] = values[name][of].to(tensor.dtype)
    return found


def _of_tokens(name: str, roles: dict[str, Any]) -> bool:
    """Whether a tensor with as many rows as there are tokens has one for each of them."""
    return roles.get(name) in ("embedding", "head") or re.fullmatch(r"(lm_head\.|lm_|head_)?bias", name) is not None
