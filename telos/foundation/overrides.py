"""``key.path=value`` from the command line, laid over a recipe's data."""

import copy
import re
from collections.abc import Mapping
from typing import Any

from telos.foundation import yaml
from telos.foundation.errors import TelosError

_OVERRIDE = re.compile(r"([A-Za-z_]\w*(?:\.(?:[A-Za-z_]\w*|[0-9]+))*)=(.*)", re.DOTALL)


def is_override(argument: str) -> bool:
    """Whether an argument has the form ``name=value`` or ``name.name=value`` (then it is never a path)."""
    return _OVERRIDE.fullmatch(argument) is not None


def split_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """(paths and names, overrides), each in the order given."""
    plain = [a for a in arguments if not is_override(a)]
    return plain, [a for a in arguments if is_override(a)]


def parse(override: str) -> tuple[tuple[str, ...], Any]:
    """(path, value) of one override; `TelosError` where it is none."""
    match = _OVERRIDE.fullmatch(override)
    if match is None:
        raise TelosError("an override must have the form name.name=value", repr(override), "write for example train.seed=2")
    return tuple(match[1].split(".")), _value(match[2], match[1])


def apply(data: dict[str, Any], overrides: list[str], default_kinds: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A copy of ``data`` with the overrides set; of two for one setting the last counts.

    An override that changes a ``kind`` drops the settings that the data has for the old kind, never those of other
    overrides, wherever they stand; neither does one that sets a group whole, or by its short form (``objective=masked``), which
    has the last word on what it names alone.  ``default_kinds`` (dotted path of a family's setting → kind) says what kind a group
    without one is of.  A whole number in a path is a place in a list, from 0.
    """
    result = copy.deepcopy(data)
    done: list[tuple[str, ...]] = []
    for override in overrides:
        path, value = parse(override)
        if (before := _set_before(result, done, path)) and isinstance(value, (str, dict)):
            value = before | ({"kind": value} if isinstance(value, str) else value)
        node, last = _holder(result, path)
        group = path[:-1]
        if last == "kind" and node.get("kind", (default_kinds or {}).get(".".join(group))) not in (value, None):
            kept = {other[len(group)] for other in done if other[: len(group)] == group and len(other) > len(group)}
            for name in set(node) - kept:
                del node[name]
        node[last] = value
        done.append(path)
    return result


def _set_before(data: dict[str, Any], done: list[tuple[str, ...]], group: tuple[str, ...]) -> dict[str, Any]:
    """What earlier overrides have set in a group, by the names right below it."""
    names = {path[len(group)] for path in done if path[: len(group)] == group and len(path) > len(group)}
    node: Any = data
    for part in group if names else ():
        node = node[int(part)] if isinstance(node, list) else node[part]
    return {name: node[name] for name in sorted(names) if name in node} if isinstance(node, dict) else {}


def _holder(data: dict[str, Any], path: tuple[str, ...]) -> tuple[Any, Any]:
    """(group or list, name or place in it) that a path names; groups that are not there are made."""
    node: Any = data
    for depth, part in enumerate(path):
        place: Any = _place(node, part, path, depth) if isinstance(node, list) else part
        if depth == len(path) - 1:
            return node, place
        inner = node[place] if isinstance(node, list) else node.get(part)
        if isinstance(inner, str):  # the short form: `objective: causal`
            inner = {"kind": inner}
        elif inner is None:
            inner = {}
        if path[depth + 1].isdigit() and not isinstance(inner, list):
            raise TelosError(f"{'.'.join(path)}: '{part}' must be a list, whose entries have numbers",
                             f"'{part}' is {inner!r}" if inner else f"no '{part}'", f"set {part} itself")  # fmt: skip
        if not isinstance(inner, (dict, list)):
            raise TelosError(f"{'.'.join(path)}: every part before the last must be a group of settings",
                             f"'{part}' is {inner!r}", f"set {part} itself")  # fmt: skip
        node[place] = inner
        node = inner
    raise AssertionError("a path has parts")


def _place(node: list[Any], part: str, path: tuple[str, ...], depth: int) -> int:
    if part.isdigit() and int(part) < len(node):
        return int(part)
    holder = ".".join(path[:depth])
    raise TelosError(f"{'.'.join(path)}: '{part}' must be the number of an entry of {holder}, from 0",
                     f"{len(node)} entries", f"set {holder} itself")  # fmt: skip


def _value(text: str, name: str) -> Any:
    """YAML, but a word that begins with one of YAML's signs for aliases, tags and the like is that word (``*.md``)."""
    return text if text[:1] in ("*", "&", "!", "%", "@", "`") else yaml.load(text, f"the value of {name}")
