"""Tensors of a folder by name: read from safetensors alone, and laid into a network that must want exactly them.

Tests: tests/models/test_saved.py.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from telos.foundation.errors import TelosError
from telos.foundation.files import read_json

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("pytorch_model*.bin", "pytorch_model.bin.index.json", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""How files begin that torch.save and pickle write."""


def stored(network: Any) -> "dict[str, Tensor]":
    """What a folder keeps of a network, live: parameters (a tied one once) and the buffers that are not derived from settings."""
    kept = network.state_dict()
    names = [*dict(network.named_parameters()), *dict(network.named_buffers())]
    return {name: kept[name] for name in names if name in kept}


def fill(wanted: "Mapping[str, Tensor]", found: "Mapping[str, Tensor]") -> None:
    """Copy each tensor into the one of the same name, after `check_names` and `check_types`."""
    import torch

    check_names({n: tuple(t.shape) for n, t in wanted.items()}, {n: tuple(t.shape) for n, t in found.items()})
    check_types(wanted, found)
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(found[name])


def check_names(wanted: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> None:
    """Tensor name → shape on both sides must be the same; the first that is missing, left over or of another shape is named."""

    def refuse(what: str, names: Iterable[str]) -> None:
        name = min(names)
        shapes = f" of shape {found[name]}" if name in found else f" of shape {wanted[name]}"
        raise TelosError("model.safetensors must hold exactly the tensors of config.json's model", f"'{name}'{shapes} is {what}",
                         "take both files from one model")  # fmt: skip

    if missing := wanted.keys() - found.keys():
        refuse("missing", missing)
    if extra := found.keys() - wanted.keys():
        refuse("not one of them", extra)
    if other := [name for name in wanted if wanted[name] != found[name]]:
        refuse(f"wanted with shape {wanted[min(other)]}", other)


def check_types(wanted: "Mapping[str, Tensor]", found: "Mapping[str, Tensor]") -> None:
    """Whole numbers where a network has fractions are quantised weights, whose scales it would not know."""
    for name, tensor in found.items():
        own = wanted[name]
        if tensor.is_floating_point() != own.is_floating_point() or tensor.dtype.itemsize == 1 < own.dtype.itemsize:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise TelosError("model.safetensors must hold plain numbers", f"'{name}' is {kind}",
                             "take the weights that are not quantised")  # fmt: skip


def read_tensors(folder: Path) -> "dict[str, Tensor]":
    """Name → tensor, from model.safetensors or from the parts that its index lists.

    Raises `TelosError` where a file is missing, damaged or a pickle, and where the index and its parts do not agree.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(folder)
    tensors: dict[str, Tensor] = {}
    index = read_index(folder)
    for name in sorted(set(index.values())) if index is not None else [WEIGHTS]:
        _refuse_pickle(folder, name)
        try:
            tensors |= load_file(folder / name)
        except (SafetensorError, OSError) as error:
            raise _damaged(folder / name, error) from None
    if index is not None and (wrong := sorted(index.keys() ^ tensors.keys())):
        where = "is in no part" if wrong[0] in index else "is not in the index"
        raise TelosError(f"{INDEX} must list the tensors of its parts", f"'{wrong[0]}' {where}", "copy the whole folder again")
    return tensors


def check_readable(folder: Path) -> None:
    """Refuse a model.safetensors that is missing, damaged or a pickle, without reading its numbers."""
    from safetensors import SafetensorError, safe_open

    _refuse_pickle(folder, WEIGHTS)
    try:
        with safe_open(folder / WEIGHTS, framework="np"):
            pass
    except (SafetensorError, OSError) as error:
        raise _damaged(folder / WEIGHTS, error) from None


def read_index(folder: Path) -> dict[str, str] | None:
    """Tensor → the part that holds it; None where there is no index.  Parts lie in the folder itself."""
    if not (folder / INDEX).is_file() or (folder / WEIGHTS).is_file():
        return None
    try:
        parts = {str(name): str(part) for name, part in read_json(folder / INDEX)["weight_map"].items()}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise TelosError(f"{folder / INDEX} must be readable", f"damaged content ({type(error).__name__})",
                         "copy the file again") from None  # fmt: skip
    for part in parts.values():
        if Path(part).name != part or not part.endswith(".safetensors"):
            raise TelosError(
                f"{INDEX} must name .safetensors files of its own folder", f"'{part}'", "take it from the source again"
            )
    return parts


def _refuse_pickle(folder: Path, name: str) -> None:
    """Say it where there is a pickle instead of safetensors: to read a pickle is to run what is in it."""
    path = folder / name
    pickles = [path.name] if path.is_file() else sorted(p.name for pattern in PICKLES for p in folder.glob(pattern))
    if path.is_file():
        with open(path, "rb") as file:
            start = file.read(9)  # safetensors: eight bytes of the header's length, which may be any, and the header's first
        if not start.startswith(_PICKLE_STARTS) or start.endswith(b"{"):
            return
    if pickles:
        raise TelosError("a model's weights must be in safetensors, which holds numbers and nothing that runs",
                         f"a pickle: {pickles[0]} in {folder}",
                         f"if you trust it: python -m telos.models.saved.unpickle {folder}")  # fmt: skip
    raise TelosError(f"a model folder must have {name}", f"none in {folder}", "copy the whole folder again")


def _damaged(path: Path, error: Exception) -> TelosError:
    return TelosError(f"{path} must be readable", f"damaged content ({error})", "copy the file again")
