"""What holds for every spec: each member of each family, and each group of settings.  New ones are found, not named."""

import ast
import importlib
import inspect
import itertools
import pkgutil
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import telos
from telos import recipe
from telos.foundation.errors import TelosError
from telos.foundation.schema import json_schema
from telos.foundation.spec import Spec, plain
from telos.foundation.units import Duration

REQUIRED: dict[tuple[str, str], dict[str, Any]] = {
    ("telos.corpus.sources", "files"): {"path": "texts"},
    ("telos.corpus.filters", "word_list"): {"path": "words.txt"},
    ("telos.corpus.sources", "sql"): {"query": "select 1"},
    ("telos.corpus.sources", "web"): {"start": "https://example.org/"},
    ("telos.corpus.sources", "hugging_face"): {"name": "a/b"},
    ("telos.corpus.sources", "mixture"): {"parts": [{"name": "a", "source": {"kind": "installation"}}]},
    ("telos.corpus.sources", "warc"): {"path": "crawl"},
    ("telos.corpus.filters", "decontaminate"): {"against": "evaluation"},
    ("telos.tokens.tokenizers", "pretrained"): {"path": "model"},
    ("telos.objectives.terms", "distillation"): {"teacher": "runs/teacher"},
    ("telos.objectives", "mix"): {"parts": [{"objective": "masked"}]},
}
"""(family, kind) → settings that it cannot do without; everything else builds from nothing."""


# -- finding them -----------------------------------------------------------------------------------------------------


def subclasses(cls: type[Spec]) -> Iterator[type[Spec]]:
    for inner in cls.__subclasses__():
        yield inner
        yield from subclasses(inner)


def import_everything() -> dict[str, str]:
    """Import every module; those that fail, with the reason."""
    failed: dict[str, str] = {}
    for module in pkgutil.walk_packages(telos.__path__, "telos.", onerror=lambda name: None):
        try:
            importlib.import_module(module.name)
        except Exception as error:
            failed[module.name] = repr(error)
    return failed


FAILED = import_everything()
OURS = [cls for cls in dict.fromkeys(subclasses(Spec)) if cls.__module__.split(".")[0] == "telos"]
FAMILIES = [cls for cls in OURS if cls._is_base]
CONCRETE = [cls for cls in OURS if not cls._is_base and not cls.__name__.startswith("_") and "[" not in cls.__name__]
MEMBERS = [(base, kind) for base in FAMILIES for kind in base.kinds()]


def name(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


def written(cls: type[Spec], field: str) -> str:
    """The field's name in a recipe."""
    return cls.model_fields[field].alias or field


def required(cls: type[Spec]) -> dict[str, Any]:
    return REQUIRED.get((str(cls._family), cls.kind()), {})


def test_every_module_can_be_imported():
    assert FAILED == {}


# -- members of families ----------------------------------------------------------------------------------------------


def test_there_are_families():
    assert {base.__name__ for base in FAMILIES} >= {"Source", "Tokenizer", "Model", "Objective"}
    assert len(MEMBERS) > len(FAMILIES)


@pytest.mark.parametrize(("base", "kind"), MEMBERS, ids=name)
def test_the_kind_is_the_files_stem(base, kind):
    cls = base.member(kind)
    assert kind == cls.kind() == Path(inspect.getfile(cls)).stem
    assert Path(inspect.getfile(cls)).parent == Path(inspect.getfile(base)).parent
    assert kind == kind.lower()


@pytest.mark.parametrize(("base", "kind"), MEMBERS, ids=name)
def test_a_member_is_parsed_by_its_kind(base, kind):
    settings = required(base.member(kind))
    spec = base.parse({"kind": kind, **settings})
    assert spec == base.member(kind)(**settings)
    assert spec.dump()["kind"] == kind
    assert base.parse(spec.dump()) == spec
    if not settings:
        assert base.parse(kind) == spec


@pytest.mark.parametrize("family", recipe.FAMILIES)
def test_what_telos_list_shows_is_a_whole_sentence(family):
    """The first line of each file's docstring, which stands there by itself."""
    for kind, said in recipe.members(family)[family].items():
        assert said.endswith((".", ":")), f"{kind}: {said}"


@pytest.mark.parametrize("base", FAMILIES, ids=name)
def test_the_default_kind_exists(base):
    assert base._default_kind is None or base._default_kind in base.kinds()


@pytest.mark.parametrize("base", FAMILIES, ids=name)
def test_the_schema_of_a_family_holds_every_member(base):
    holder = type("Holder", (Spec,), {"__annotations__": {"it": base}, "__module__": __name__})
    schema = json_schema(holder)
    options = [option.get("$ref") for option in schema["properties"]["it"]["anyOf"]]
    for kind in base.kinds():
        defined = f"{base.__name__}.{kind}"
        assert f"#/$defs/{defined}" in options
        assert set(schema["$defs"][defined]["properties"]) == {"kind", *base.member(kind).model_fields}


# -- every spec -------------------------------------------------------------------------------------------------------


def build(cls: type[Spec]) -> Spec:
    settings = required(cls)
    if cls._family is None:  # what is no member is made by the code that needs it, and may demand its settings
        asked = {field: info.annotation for field, info in cls.model_fields.items() if info.is_required()}
        settings = {field: next(candidates(annotation, None)) for field, annotation in asked.items()}
    try:
        return cls(**settings)
    except TelosError as error:
        pytest.fail(f"{cls.__name__} must build from defaults, or stand in REQUIRED: {error}")


@pytest.mark.parametrize("cls", CONCRETE, ids=name)
def test_there_and_back(cls):
    spec = build(cls)
    assert cls.parse(spec.dump()) == spec
    assert cls.from_yaml(spec.to_yaml()) == spec
    assert cls.parse(spec.dump()).hash() == spec.hash()


@pytest.mark.parametrize("cls", CONCRETE, ids=name)
def test_another_setting_is_another_hash(cls):
    """Each field in turn, with another value that is valid beside the others."""
    spec = build(cls)
    for field in cls.model_fields:
        changed = another(spec, field)
        assert changed.hash() != spec.hash(), field
        assert cls.parse(changed.dump()) == changed, field
        assert cls.from_yaml(changed.to_yaml()) == changed, field


@pytest.mark.parametrize("cls", CONCRETE, ids=name)
def test_the_schema_has_every_field_with_its_default(cls):
    schema = json_schema(cls)
    assert set(schema["properties"]) - {"kind"} == {written(cls, field) for field in cls.model_fields}
    for field, info in cls.model_fields.items():
        if not info.is_required() and info.default_factory is None:
            assert schema["properties"][written(cls, field)]["default"] == plain(info.default), field


@pytest.mark.parametrize("cls", OURS, ids=name)
def test_it_says_what_it_is(cls):
    assert (cls.__dict__.get("__doc__") or "").strip(), f"{cls.__module__}.{cls.__name__} has no docstring"
    assert (importlib.import_module(cls.__module__).__doc__ or "").strip(), f"{cls.__module__} has no docstring"


# -- another valid value ----------------------------------------------------------------------------------------------


def another(spec: Spec, field: str) -> Spec:
    """The spec with one field changed to a value that the whole accepts."""
    annotation, now = type(spec).model_fields[field].annotation, getattr(spec, field)
    for value in candidates(annotation, now):
        try:
            changed = spec.replace(**{written(type(spec), field): value})
        except TelosError:
            continue
        if getattr(changed, field) != now:
            return changed
    pytest.fail(f"{type(spec).__name__}.{field}: no other valid value was found; let `candidates` propose one")


def candidates(annotation: Any, now: Any) -> Iterator[Any]:
    """Values of a type, some of which a field may accept."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        for one in inner:
            yield from [None] if one is type(None) else candidates(one, now)
    elif origin is typing.Annotated:
        yield from candidates(inner[0], now)
    elif origin is typing.Literal:
        yield from inner
    elif origin is tuple and Ellipsis not in inner:
        held = now or tuple(next(candidates(one, None)) for one in inner)
        for i, one in enumerate(inner):
            yield from ((*held[:i], value, *held[i + 1 :]) for value in candidates(one, held[i]))
    elif origin in (tuple, list, set, frozenset):
        yield []
        firsts = list(itertools.islice(candidates(inner[0], None), 8)) if inner else []
        yield from ([*(now or ()), first] for first in firsts)
    elif origin is dict:
        yield {}
        yield from ({"a": value} for value in itertools.islice(candidates(inner[1], None), 8))
    elif isinstance(annotation, type):
        yield from simple(annotation, now)


def simple(annotation: type, now: Any) -> Iterator[Any]:
    number = now if isinstance(now, (int, float)) else 1
    if issubclass(annotation, bool):
        yield from (True, False)
    elif issubclass(annotation, int):
        yield from (number + 1, number - 1, number * 2, number // 2, number + 64, 1, 2, 1000)
    elif issubclass(annotation, float):
        yield from (number / 2, number * 2, number + 0.125, number + 1, 0.5, 0.25, 1.0, 3.0)
    elif issubclass(annotation, str):
        yield from (f"{now or ''}x", "另一个", "a", "10%", "7m")
    elif issubclass(annotation, Path):
        yield Path("another")
    elif issubclass(annotation, Duration):
        yield from ("7m", "7 steps", "7 tokens", "7 epochs", "7%")
    elif issubclass(annotation, Spec):
        yield from others(annotation, now)


def others(annotation: type[Spec], now: Any) -> Iterator[Spec]:
    """The spec in the field with one of its own fields changed, then other members of the family."""
    if isinstance(now, Spec):
        yield from (another(now, field) for field in type(now).model_fields)
    members = [annotation.member(kind) for kind in annotation.kinds()] if annotation._is_base else [annotation]
    yield from (build(member) for member in members)


# -- every setting is read --------------------------------------------------------------------------------------------


def attributes_read(sources: list[str]) -> set[str]:
    """Names that stand after a dot, and are read there, in any of the sources."""
    nodes = (node for source in sources for node in ast.walk(ast.parse(source)))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}


def test_the_scan_tells_reading_from_setting():
    source = "class A(Spec):\n    quiet: int = 1\n    loud: int = 2\n\ndef f(a):\n    a.quiet = 3\n    return a.loud"
    assert attributes_read([source]) == {"loud"}


@pytest.fixture(scope="module")
def read() -> set[str]:
    return attributes_read([path.read_text() for path in Path(telos.__path__[0]).rglob("*.py")])


@pytest.mark.parametrize("cls", CONCRETE, ids=name)
def test_every_setting_is_read_somewhere(cls, read):
    unread = set(cls.model_fields) - read
    assert not unread, f"{cls.__name__}: nothing reads {', '.join(sorted(unread))}"
