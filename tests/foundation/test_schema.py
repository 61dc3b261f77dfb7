"""The JSON Schema that editors get."""

import pytest
from pydantic import Field

from telos.foundation.schema import json_schema
from telos.foundation.spec import Spec
from telos.foundation.units import Duration
from telos.objectives import Objective


class Recipe(Spec):
    objective: Objective = Objective.parse("causal")
    also: list[Objective] = Field([])
    budget: Duration = Duration.parse("3m")


@pytest.fixture(scope="module")
def schema() -> dict:
    return json_schema(Recipe)


def test_a_family_field_is_the_union_of_its_members(schema):
    kinds = Objective.kinds()
    for node in (schema["properties"]["objective"], schema["properties"]["also"]["items"]):
        options = node["anyOf"]
        assert options[0] == {"type": "string", "enum": kinds}
        assert [option["$ref"] for option in options[1:]] == [f"#/$defs/Objective.{kind}" for kind in kinds]


def test_every_reference_has_its_definition(schema):
    def references(node):
        if isinstance(node, dict):
            yield from ([node["$ref"]] if "$ref" in node else [])
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    found = set(references(schema))
    assert found
    assert {reference.removeprefix("#/$defs/") for reference in found} <= set(schema["$defs"])


def test_a_member_is_described_with_its_kind_and_refuses_other_names(schema):
    causal = schema["$defs"]["Objective.causal"]
    assert causal["properties"]["kind"] == {"const": "causal"}
    assert causal["properties"]["mask_documents"]["type"] == "boolean"
    assert causal["additionalProperties"] is False
    assert "kind" not in causal.get("required", []), "the default kind may be left out"


def test_a_duration_is_text(schema):
    budget = schema["properties"]["budget"]
    assert budget["type"] == "string"
    assert budget["default"] == "3m"


def test_defaults_are_written_as_in_a_recipe(schema):
    assert schema["properties"]["objective"]["default"] == {"kind": "causal", "terms": [], "mask_documents": True}
    assert schema["properties"]["also"]["default"] == []
