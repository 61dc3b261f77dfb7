"""A thing is its own configuration.

`Spec` is a frozen pydantic model.  A *family* is a base class bound to a folder: every file in that folder is one
member, and the file's stem is the member's ``kind``::

    class Objective(Spec, family="telos.objectives", default="causal"): ...
    # telos/objectives/span_corruption.py
    class SpanCorruption(Objective): noise_density: float = 0.15

A field typed ``Objective`` takes an instance, ``{"kind": "span_corruption", "noise_density": 0.2}`` or the bare word
``"span_corruption"``; it imports that one file and nothing else, and dumps as the concrete class.
Tests: tests/foundation/test_spec.py, tests/contracts/test_specs.py.
"""

import hashlib
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, ClassVar, Self, get_args

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import core_schema

from telos.foundation import yaml
from telos.foundation.errors import SpecError, nearest
from telos.foundation.explain import explain, short

FAMILY_MARK = "x-telos-family"
"""Stands in a member's own JSON Schema for a field of a family; `telos.foundation.schema` puts the union there."""


class Spec(BaseModel):
    """Settings, and the behaviour where there is no state.

    Unknown keys are refused with their path, the nearest valid name and the list of valid ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)
    _family: ClassVar[str | None] = None
    _default_kind: ClassVar[str | None] = None
    _is_base: ClassVar[bool] = False

    def __init_subclass__(cls, *, family: str | None = None, default: str | None = None, **kwargs: Any) -> None:
        cls._is_base = family is not None
        if family is not None:
            cls._family, cls._default_kind = family, default
        super().__init_subclass__(**kwargs)

    @classmethod
    def __pydantic_init_subclass__(cls, *, family: str | None = None, default: str | None = None, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise explain(type(self), error) from None

    # Pydantic then validates a spec inside a spec without calling `__init__`, so that an error keeps its whole path.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @field_validator("*")
    @classmethod
    def _within_64_bits(cls, value: Any) -> Any:
        """Numbers that JSON, and so the hash and every file of a run, can hold."""
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError("must be a whole number of 64 bits")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Pydantic would take true for 1."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        kinds = {annotation, *get_args(annotation)}
        if isinstance(value, bool) and kinds & {int, float} and not kinds & {bool, Any}:
            raise ValueError("must be a number")
        return value

    # -- families ---------------------------------------------------------------------------------------------------

    @classmethod
    def kind(cls) -> str:
        """The member's name in recipes: the stem of its file."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def kinds(cls) -> list[str]:
        """Names of all members of this family, found by listing its folder."""
        assert cls._family is not None, f"{cls.__name__} belongs to no family"
        package = importlib.import_module(cls._family)
        return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.ispkg and not m.name.startswith("_"))

    @classmethod
    def member(cls, kind: str) -> type[Self]:
        """The class of one member; imports that one file."""
        kinds = cls.kinds()
        if kind not in kinds:
            meant = nearest(str(kind), kinds)
            raise SpecError(
                ("kind",),
                f"must be one of {', '.join(kinds)}",
                repr(kind),
                f"write '{meant}'" if meant else "choose one of the names above",
            )
        module = importlib.import_module(f"{cls._family}.{kind}")
        own = [c for c in vars(module).values()
               if isinstance(c, type) and issubclass(c, cls) and not c._is_base and c.__module__ == module.__name__]  # fmt: skip
        members = [c for c in own if not any(c is not o and issubclass(o, c) for o in own)]
        assert len(members) == 1, f"{module.__name__} must define exactly one {cls.__name__}, it defines {own}"
        return members[0]

    @classmethod
    def _take(cls, value: Any) -> Self:
        """Validate a family field: instance, mapping with ``kind`` or bare word."""
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, Mapping):
            raise SpecError((), f"must be a mapping with a 'kind' ({', '.join(cls.kinds())})", short(value),
                            f"write {{kind: {cls._default_kind or cls.kinds()[0]}}}")  # fmt: skip
        settings = dict(value)
        kind = settings.pop("kind", cls._default_kind)
        if kind is None:
            raise SpecError(("kind",), f"must be given ({', '.join(cls.kinds())})", "no 'kind'", "add it")
        _require_words(settings)
        return cls.member(kind)(**settings)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        if not cls._is_base:
            return handler(source)
        return core_schema.no_info_plain_validator_function(
            cls._take, serialization=core_schema.plain_serializer_function_ser_schema(lambda member: member.dump())
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict:
        return {FAMILY_MARK: cls._family} if cls._is_base else handler(schema)

    # -- to and from data -------------------------------------------------------------------------------------------

    @classmethod
    def parse(cls, data: Any) -> Self:
        """A spec from plain data (what YAML or JSON gives); for a family base, of the member that ``kind`` names."""
        if cls._is_base:
            return cls._take(data)
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            raise SpecError((), "must be a mapping of settings", short(data), "write 'name: value' lines")
        settings = dict(data)
        if cls._family is not None and settings.get("kind") == cls.kind():
            del settings["kind"]
        _require_words(settings)
        return cls(**settings)

    def dump(self) -> dict[str, Any]:
        """Plain data that `parse` takes back: every field resolved, ``kind`` first."""
        head = {"kind": self.kind()} if self._family is not None else {}
        fields = {info.alias or name: plain(getattr(self, name)) for name, info in type(self).model_fields.items()}
        return head | fields

    @classmethod
    def from_yaml(cls, text: str, name: str = "recipe") -> Self:
        return cls.parse(yaml.load(text, name) or {})

    def to_yaml(self) -> str:
        return yaml.dump(self.dump())

    def hash(self) -> str:
        """16 hexadecimal digits: SHA-256 of the canonical JSON of the resolved dump."""
        return stable_hash(self.dump())

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed, validated anew."""
        return type(self)(**{info.alias or name: getattr(self, name) for name, info in type(self).model_fields.items()} | changes)


def _require_words(settings: Mapping[Any, Any]) -> None:
    for name in settings:
        if not isinstance(name, str):
            raise SpecError((), "names of settings must be words", repr(name), "rename or remove it")


def stable_hash(data: Any) -> str:
    """16 hexadecimal digits of SHA-256 over canonical JSON (sorted keys, no spaces)."""
    return hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def plain(value: Any) -> Any:
    """A setting as plain data: what YAML and JSON can hold."""
    if isinstance(value, Spec):
        return value.dump()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
