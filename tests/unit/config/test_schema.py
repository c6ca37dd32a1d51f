import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from assay.components.registry import components
from assay.config.schema import config_schema, method_schema
from assay.errors import UnknownMethodError

EXAMPLES = Path(__file__).parents[3] / "examples"


def _fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:  # noqa: PLR0911
    """Whether a value is valid: the keywords that our schemas use, by their specification."""
    known = {
        "$ref", "$schema", "$defs", "title", "description", "default", "anyOf", "enum", "const",
        "type", "pattern", "minimum", "maximum", "exclusiveMinimum", "properties", "required",
        "additionalProperties", "propertyNames", "items", "prefixItems", "minItems", "maxItems",
    }  # fmt: skip
    assert set(schema) <= known, set(schema) - known
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return _fits(value, root["$defs"][name], root)
    if "anyOf" in schema and not any(_fits(value, part, root) for part in schema["anyOf"]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if "type" in schema and not _is(value, schema["type"]):
        return False
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            return False
        if value <= schema.get("exclusiveMinimum", value - 1):
            return False
    if isinstance(value, dict):
        return _object_fits(value, schema, root)
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0) or len(value) > schema.get("maxItems", 10**9):
            return False
        first = schema.get("prefixItems", [])
        parts = [*first, *[schema.get("items", {})] * max(0, len(value) - len(first))]
        return all(_fits(item, part, root) for item, part in zip(value, parts, strict=False))
    return True


def _object_fits(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any]) -> bool:
    properties = schema.get("properties", {})
    if not set(schema.get("required", [])) <= set(value):
        return False
    for name, item in value.items():
        if "propertyNames" in schema and not _fits(name, schema["propertyNames"], root):
            return False
        rest = schema.get("additionalProperties", True)
        part = properties.get(name, rest)
        if part is False or (isinstance(part, dict) and not _fits(item, part, root)):
            return False
    return True


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    kinds: dict[str, Any] = {
        "object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
        "null": type(None), "boolean": bool,
    }  # fmt: skip
    return isinstance(value, kinds[kind])


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return config_schema()


def _valid(text: str, schema: dict[str, Any]) -> bool:
    return _fits(YAML(typ="safe", pure=True).load(text), schema, schema)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_fits_the_schema(path: Path, schema: dict[str, Any]) -> None:
    assert _valid(path.read_text(encoding="utf-8"), schema)


@pytest.mark.parametrize(
    "text",
    [
        "data: a.json",
        "data: [a.json, {source: b.csv, map: {response: '{b}'}}]",
        "data: {source: a.json, hold_out: 1%, split: train}",
        "data: a\nscores: [mtld, {method: longest_response, unit_of_length: words}]",
        "data: a\nscores: {x: mtld, y: {method: rank_mean, of: [=x, ttr], weights: [1, 2.5]}}",
        "data: a\nselections: {s: random, t: =s, u: {method: =s, budget: 5}}",
        "data: a\nselections: {s: {budget: 5%, dedup: near, where: {language: [en, de]}}}",
        "data: a\nselections: {s: {method: mtld, budget: 2M tokens, per: task, seeds: [1, 2]}}",
        "data: a\nselections: {s: {method: mtld, rule: {below: 3}}}",
        "data: a\nselections: {s: {method: mtld, budget: {amount: 5%, of: eligible}}}",
        "data: a\nselections: {s: {method: quota, by: mtld, weights: {a: 1}, budgets: [[b, 5%]]}}",
        "data: a\nlimits: {max_unscored: 2%, workers: 3, device: 'cuda:0'}",
        "data: a\ndefaults: {language_model: gpt2, dtype: bfloat16}",
        "data: a\nscores: [{method: ifd, model: gpt2, rendering: {template: own.json}}]",
        "data: a\nselections: {s: {method: threshold, by: mtld, low: null, high: 3}}",
        "data: {sources: a.json, max_set_aside: 0.5}",
        "data: {sources: {source: a.json, name: mine}}",
        "data: a\nselections: {s: {method: deduplicate, match: semantic, encoder: embeddings}}",
        "data: a\nselections: {s: {method: =t, per: source, share: {a: 2, b: 70%}}}",
        "data: a\ncompare: {base: b, budgets: 5%, methods: [mtld, {method: ifd, model: gpt2}]}",
        "data: a\ncompare: {base: b, budgets: [5, 5%], methods: {x: mine, y: {method: mtld}}}",
    ],
)
def test_what_is_accepted_fits_the_schema(text: str, schema: dict[str, Any]) -> None:
    assert _valid(text, schema)


@pytest.mark.parametrize(
    "text",
    [
        "scores: [mtld]",
        "data: {hold_out: 1%}",
        "data: {source: a.json, colour: red}",
        "data: {source: a.json, hold_out: 1.5}",
        "data: a\nscores: [mtldd]",
        "data: a\nscores: {x: {method: mtld, size: 3}}",
        "data: a\nscores: {x: {method: longest_response, unit_of_length: lines}}",
        "data: a\nselections: {s: {method: band, by: mtld, low: 3}}",
        "data: a\nselections: {s: {method: top_score, by: random}}",
        "data: a\nselections: {s: {method: random, dedup: fuzzy}}",
        "data: a\nselections: {s: {method: random, where: 3}}",
        "data: a\nselections: {s: {method: random, budget: [5]}}",
        "data: a\nselections: {s: {method: random, bugdet: 5}}",
        "data: a\nexports: [{selection: s, output: o, format: trll}]",
        "data: {source: a.json, sources: [b.json]}",
        "data: []",
        "data: a\nselections: {s: {method: deduplicate, encoder: {method: text}}}",
        "data: a\nselections: {s: {method: quota, by: mtld, weights: {a: many}}}",
        "data: a\nselections: {s: {method: mtld, per: tsk}}",
        "data: a\ncompare: {base: b, budgets: []}",
        "data: a\ncompare: {base: b, budgets: 5, methods: {x: {method: mtldd}}}",
        "data: a\nlimits: {workers: 0}",
        "data: a\nlimits: {device: gpu}",
        "data: a\ndefaults: {dtype: float8}",
        "data: a\nscores: [{method: ifd, rendering: {turns: none}}]",
        "data: a\nscores: [{method: ifd, rendering: {tmplate: alpaca}}]",
    ],
)
def test_what_is_refused_does_not_fit_the_schema(text: str, schema: dict[str, Any]) -> None:
    assert not _valid(text, schema)


def test_every_parameter_of_every_component_is_described() -> None:
    schema = config_schema()
    own = [each for each in components() if each.__module__.startswith("assay.")]  # no other test's
    assert len(own) > 100
    for component in own:
        described = schema["$defs"][f"{component.kind}.{component.name}"]
        assert list(described["properties"]) == ["method", *component.model_fields]
        assert all(part.get("description") for part in list(described["properties"].values())[1:])


def test_every_reference_has_a_definition(schema: dict[str, Any]) -> None:
    for whole in (schema, method_schema("quota"), method_schema("ttr")):
        names = re.findall(r"'\$ref': '#/\$defs/([^']+)'", str(whole))
        assert set(names) <= set(whole["$defs"])


def test_the_schema_of_one_method_holds_no_more_than_it_needs() -> None:
    assert method_schema("ttr")["$defs"] == {}
    with pytest.raises(UnknownMethodError):
        method_schema("ttrr")
