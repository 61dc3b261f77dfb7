"""JSON Schema of a spec for editors: a field of a family is the union of all its members."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from telos.foundation.spec import FAMILY_MARK, Spec, plain


class _Generator(GenerateJsonSchema):
    """Pydantic's, with defaults as a recipe writes them."""

    def encode_default(self, dft: Any) -> Any:
        return plain(dft)


def json_schema(cls: type[Spec]) -> dict[str, Any]:
    """A self-contained JSON Schema (draft 2020-12) of a spec class; imports every member of the families it mentions."""
    definitions: dict[str, Any] = {}
    bases = {base._family: base for base in _bases(Spec)}

    def place(node: Any) -> Any:
        if isinstance(node, list):
            return [place(item) for item in node]
        if not isinstance(node, dict):
            return node
        if FAMILY_MARK not in node:
            return {name: place(value) for name, value in node.items()}
        base = bases[node[FAMILY_MARK]]
        beside = {name: place(value) for name, value in node.items() if name != FAMILY_MARK}
        return beside | {"anyOf": [{"type": "string", "enum": base.kinds()}, *({"$ref": define(base, k)} for k in base.kinds())]}

    def define(base: type[Spec], kind: str) -> str:
        name = f"{base.__name__}.{kind}"
        if name not in definitions:
            definitions[name] = {}
            own = absorb(base.member(kind))
            own["properties"] = {"kind": {"const": kind}, **own.get("properties", {})}
            if kind != base._default_kind:
                own["required"] = ["kind", *own.get("required", [])]
            definitions[name] = own
        return f"#/$defs/{name}"

    def absorb(member: type[Spec]) -> dict[str, Any]:
        raw = member.model_json_schema(schema_generator=_Generator)
        for name, inner in raw.pop("$defs", {}).items():
            definitions.setdefault(name, place(inner))
        return place(raw)

    whole = absorb(cls)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "$defs": definitions}


def _bases(cls: type[Spec]) -> list[type[Spec]]:
    return [base for c in cls.__subclasses__() for base in ([c] if c._is_base else []) + _bases(c)]
