"""Pydantic's complaints about a spec as errors in three parts: the place in the recipe, what was found, the probable remedy.

Tests: tests/foundation/test_spec.py.
"""

from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from telos.foundation.errors import SpecError, nearest


def explain(cls: type[BaseModel], error: ValidationError) -> SpecError:
    """The first complaint, or the misspelt name where that is why one is missing."""
    complaints = error.errors(include_url=False)
    first = complaints[0]
    if first["type"] == "missing":  # because it is misspelt, where there is an unknown name as well
        first = next(
            (one for one in complaints if one["type"] == "extra_forbidden" and one["loc"][:-1] == first["loc"][:-1]), first
        )
    path, holder = _place(cls, first["loc"])
    raised = first.get("ctx", {}).get("error")
    if isinstance(raised, SpecError):  # of a member of a family, which knows its own settings
        return raised.under(*path)
    found = short(first.get("input"))
    if first["type"] == "extra_forbidden":
        valid = sorted(_fields(holder))
        meant = nearest(path[-1], valid)
        return SpecError(path, f"valid names here are {', '.join(valid) or '(none)'}", f"unknown name '{path[-1]}'",
                         f"write '{meant}'" if meant else f"remove '{path[-1]}'")  # fmt: skip
    if first["type"] == "missing":
        return SpecError(path, "must be given", "nothing", f"add '{path[-1]}: …'")
    if first["type"] in ("value_error", "assertion_error"):
        return SpecError(path, str(raised or first["msg"]), found, f"change {'it' if path else 'one of them'}")
    # A setting of several types has a complaint of each.
    said = dict.fromkeys(_must(one["msg"]) for one in complaints if _place(cls, one["loc"])[0] == path)
    listed = first["type"] in ("list_type", "tuple_type") and isinstance(first.get("input"), (str, int, float))
    fix = f"put it in brackets: [{first['input']}]" if listed else "change it to such a value"
    return SpecError(path, ", or ".join(said), f"{found} ({type(first.get('input')).__name__})", fix)


def _must(message: str) -> str:
    message = message[0].lower() + message[1:]
    return message.replace("input should be", "must be")


def _place(cls: Any, location: tuple[int | str, ...]) -> tuple[tuple[str, ...], Any]:
    """(dotted path, annotation of what holds its last part) of pydantic's place, which names the types of a union, too."""
    path: list[str] = []
    holder, inner = cls, cls
    for part in location:
        options = [one for one in get_args(inner) if one is not NoneType] if get_origin(inner) in (Union, UnionType) else []
        if len(options) > 1:
            inner = None  # this part says which of them; what it holds has numbers or is whole
            continue
        holder = options[0] if options else inner
        path.append(str(part))
        if part in _fields(holder):
            inner = _fields(holder)[str(part)].annotation
        else:
            inner = next((one for one in reversed(get_args(holder)) if one is not ...), None)  # of a list, tuple or mapping
    return tuple(path), holder


def _fields(cls: Any) -> dict[str, Any]:
    """Fields by the name that a recipe uses."""
    fields = cls.model_fields if isinstance(cls, type) and issubclass(cls, BaseModel) else {}
    return {info.alias or name: info for name, info in fields.items()}


def short(value: Any) -> str:
    """What was found, in at most 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
