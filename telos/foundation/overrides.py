"""``key.path=value`` from the command line, laid over a recipe's data."""

import copy
import re
from typing import Any

from telos.foundation import yaml
from telos.foundation.errors import TelosError

_OVERRIDE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)=(.*)", re.DOTALL)


def is_override(argument: str) -> bool:
    """Whether an argument has the form ``name=value`` or ``name.name=value`` (then it is never a path)."""
    return _OVERRIDE.fullmatch(argument) is not None


def split_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """(paths and names, overrides), each in the order given."""
    plain = [a for a in arguments if not is_override(a)]
    return plain, [a for a in arguments if is_override(a)]


def apply(data: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    """A copy of ``data`` with the overrides set; changing a ``kind`` drops the old kind's settings."""
    result = copy.deepcopy(data)
    for override in overrides:
        match = _OVERRIDE.fullmatch(override)
        if match is None:
            raise TelosError("an override must have the form name.name=value", repr(override), "write for example train.seed=2")
        path, value = match[1].split("."), _value(match[2], match[1])
        node = result
        for part in path[:-1]:
            inner = node.get(part)
            if isinstance(inner, str):  # the short form: `objective: causal`
                inner = {"kind": inner}
            elif inner is None:
                inner = {}
            elif not isinstance(inner, dict):
                raise TelosError(f"{match[1]}: every part before the last must be a group of settings", f"'{part}' is {inner!r}",
                                 f"set {part} itself")  # fmt: skip
            node[part] = inner
            node = inner
        if path[-1] == "kind" and node.get("kind") != value:
            node.clear()
        node[path[-1]] = value
    return result


def _value(text: str, name: str) -> Any:
    """YAML, but a word that begins with one of YAML's signs for aliases, tags and the like is that word (``*.md``)."""
    return text if text[:1] in ("*", "&", "!", "%", "@", "`") else yaml.load(text, f"the value of {name}")
