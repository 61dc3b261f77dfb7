"""YAML 1.2 scalars on PyYAML: ``1e-3`` is a number, ``no`` is a word, a key given twice is an error."""

import re
from typing import Any

import yaml

from telos.foundation.errors import TelosError

_CORE = [
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
     "-+0123456789."),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN\0"),
]  # fmt: skip


_PREFIX = "tag:yaml.org,2002:"
_TAGS = {f"{_PREFIX}{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map")}


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict = {}  # noqa: RUF012 - as the class above declares it

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Plain data: only the tags of the core schema, nothing within itself, and what a tag says must be true."""
        if node.tag not in _TAGS:
            tag = node.tag.replace(_PREFIX, "!!")
            raise yaml.constructor.ConstructorError(None, None, f"the tag {tag} is none of a recipe's", node.start_mark)
        try:
            return super().construct_object(node, deep=True)
        except (KeyError, TypeError, ValueError):
            what = repr(node.value[:40]) if isinstance(node, yaml.ScalarNode) else "this"
            problem = f"{what} is no {node.tag.removeprefix(_PREFIX)}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: dict[Any, int] = {}
        for name, _ in node.value:
            if not isinstance(name, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a name must be a word", name.start_mark)
            word, line = name.value, name.start_mark.line + 1
            if word in seen:
                raise TelosError(
                    f"{name.start_mark.name}: a key may stand once",
                    f"'{word}' in line {seen[word]} and in line {line}",
                    "remove one of the two",
                )
            seen[word] = line
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict = {}  # noqa: RUF012 - as the class above declares it


for _tag, _pattern, _first in _CORE:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), [c if c != "\0" else "" for c in _first])


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = node.value
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor(
    "tag:yaml.org,2002:float", lambda loader, node: float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))
)


def load(text: str, name: str = "recipe") -> Any:
    """The data of one YAML document; a syntax error names file, line and column."""
    try:
        loader = _Loader(text)
        loader.name = name
        return loader.get_single_data()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"the character U+{ord(text[error.position]):04X}, line {line}"
        raise TelosError(f"{name} must be valid YAML", found, "mend that line") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "the text ends too early"
        raise TelosError(f"{name} must be valid YAML", f"{problem}{place}", "mend that line") from None
    except RecursionError:
        raise TelosError(f"{name} must be valid YAML", "groups within groups, too deep", "mend it") from None


def lines(text: str) -> dict[tuple[str, ...], int]:
    """Dotted path of every value in a YAML text → its line (from 1)."""
    found: dict[tuple[str, ...], int] = {}

    def walk(node: yaml.Node | None, path: tuple[str, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                found[(*path, str(name.value))] = name.start_mark.line + 1
                walk(value, (*path, str(name.value)))

    walk(yaml.compose(text, _Loader), ())
    return found


def dump(data: Any) -> str:
    """YAML that `load` reads back to the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100)
