"""The JSON schema of configuration files, for editors; every method's parameters included."""

import types
from collections.abc import Iterable
from typing import Any, Union, get_args, get_origin

from pydantic import create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from assay.components.budget import Budget
from assay.components.building import SHARED_FIELDS, component_fields
from assay.components.component import Component
from assay.components.default_selection import default_recipe
from assay.components.descriptions import REFERENCE, plain_value
from assay.components.registry import components, find
from assay.components.table import Kind
from assay.components.wishes import DUPLICATES
from assay.config.sections import DataSection, Sections, SourceSection
from assay.samples import Attribute

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFINITIONS = "#/$defs/"
KINDS: tuple[Kind, ...] = ("dataset", "feature", "scorer", "selector")


def config_schema() -> Schema:
    """Return the JSON schema of a whole configuration file."""
    sections = Sections.model_json_schema(ref_template=_DEFINITIONS + "{model}")
    definitions = _tidy(sections.pop("$defs"))
    definitions |= _component_definitions()
    sections = _tidy(sections)
    properties = sections["properties"]
    properties["data"] = _data(definitions)
    named: Schema = {"type": "object", "additionalProperties": _ref("scorer")}
    properties["scores"] |= {"anyOf": [{"type": "array", "items": _ref("scorer")}, named]}
    properties["selections"]["additionalProperties"] = _ref("selection")
    for name in ("scores", "selections"):
        properties[name].pop("type", None)
    properties["scores"].pop("additionalProperties", None)
    return {"$schema": DIALECT, "title": "Assay configuration", **sections, "$defs": definitions}


def method_schema(name: str) -> Schema:
    """Return the JSON schema of one method as a configuration file describes it.

    Raises:
        UnknownMethodError: if no method has the name.
    """
    method = find(name)
    schema = {"$schema": DIALECT, **_of_component(method)}
    definitions = _component_definitions()
    needed: dict[str, Schema] = {}
    waiting = _referred(schema)
    while waiting:
        found = waiting.pop()
        if found not in needed:
            needed[found] = definitions[found]
            waiting |= _referred(definitions[found])
    return schema | {"$defs": {key: needed[key] for key in sorted(needed)}}


def _referred(schema: Any) -> set[str]:
    """Return the names of the definitions that a schema refers to."""
    if isinstance(schema, list):
        return {name for item in schema for name in _referred(item)}
    if not isinstance(schema, dict):
        return set()
    inner = {name for value in schema.values() for name in _referred(value)}
    reference = schema.get("$ref")
    return inner | {reference.removeprefix(_DEFINITIONS)} if isinstance(reference, str) else inner


def _component_definitions() -> dict[str, Schema]:
    definitions: dict[str, Schema] = {"budget": _budget()}
    members: dict[Kind, list[type[Component]]] = {kind: list(components(kind)) for kind in KINDS}
    for kind, found in members.items():
        for component in found:
            definitions[f"{kind}.{component.name}"] = _of_component(component)
    scorers = [c for c in members["scorer"] if c.name not in {s.name for s in members["selector"]}]
    for component in scorers:
        definitions[f"selector.{component.name}"] = _as_selector(component)
    for kind, found in members.items():
        names = [component.name for component in found]
        if kind == "selector":
            names += [component.name for component in scorers]
        definitions[kind] = _described(kind, names)
    definitions["selection"] = _selection(definitions)
    return definitions


def _described(kind: Kind, names: Iterable[str]) -> Schema:
    ordered = sorted(names)
    return {
        "anyOf": [
            {"enum": ordered},
            {"type": "string", "pattern": f"^{REFERENCE}", "description": f"A {kind} named here."},
            *(_ref(f"{kind}.{name}") for name in ordered),
        ]
    }


def _of_component(component: type[Component]) -> Schema:
    fields = component.model_fields
    properties: dict[str, Schema] = {"method": {"const": component.name}}
    for name, info in fields.items():
        properties[name] = _parameter(component, name, info)
    required = [name for name, info in fields.items() if info.is_required()]
    return {
        "type": "object",
        "description": component.summary(),
        "properties": properties,
        "required": ["method", *required],
        "additionalProperties": False,
    }


def _as_selector(scorer: type[Component]) -> Schema:
    """Return the schema of a score that stands for a selection of the rows it prefers."""
    schema = _of_component(scorer)
    top = _of_component(find("top_score", "selector"))["properties"]
    properties = {name: top[name] for name in SHARED_FIELDS} | schema["properties"]
    return schema | {"properties": properties}


def _wishes() -> dict[str, Schema]:
    """Return what may stand beside a method's own parameters."""
    attribute = {"enum": list(get_args(Attribute))}
    words = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    return {
        "where": {
            "description": "Only rows of which all conditions hold: names with their words, or "
            "texts such as score>=0.8.",
            "anyOf": [{"type": "object", "additionalProperties": words}, *words["anyOf"]],
        },
        "dedup": {"description": "Keep one row of every group.", "enum": list(DUPLICATES)},
        "against": {"description": "Evaluation files whose questions are avoided.", **words},
        "per": {"description": "Divide the budget between these groups.", **attribute},
        "share": {
            "description": "Weights of the groups, or without a budget their own budgets.",
            "type": "object",
            "additionalProperties": {"type": ["number", "string"]},
        },
        "seeds": {
            "description": "How many selections to make, or with which seeds.",
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            ],
        },
    }


def _selection(definitions: dict[str, Schema]) -> Schema:
    """Return the schema of an entry of `selections`: a selector, and wishes beside it."""
    wishes = _wishes()
    options: list[Schema] = []
    for name, schema in sorted(definitions.items()):
        if name.startswith("selector."):
            options.append(schema | {"properties": wishes | schema["properties"]})
    recipe = default_recipe("1%").selector
    default = definitions[f"selector.{recipe.name}"]["properties"]
    unnamed = {key: value for key, value in default.items() if key != "method"}
    copied = {"method": {"type": "string", "pattern": f"^{REFERENCE}"}}
    return {
        "anyOf": [
            definitions["selector"]["anyOf"][0],
            definitions["selector"]["anyOf"][1],
            {"type": "object", "properties": wishes | copied, "required": ["method"]},
            {"type": "object", "properties": wishes | unnamed, "additionalProperties": False},
            *options,
        ]
    }


def _parameter(component: type[Component], name: str, info: FieldInfo) -> Schema:
    kind = component_fields(component).get(name)
    if kind is not None:
        schema = _holding(info.annotation, kind)
    elif _holds(info.annotation, Budget):
        schema = _pairs(_ref("budget"), info.annotation) or _optional(_ref("budget"))
    else:
        schema = _value(name, info)
    if info.description:
        schema = {"description": info.description, **schema}
    if info.default is not PydanticUndefined:
        schema = {**schema, "default": plain_value(info.default)}
    return schema


def _holding(annotation: Any, kind: Kind) -> Schema:
    if any(get_origin(part) is tuple for part in _alternatives(annotation)):
        return {"type": "array", "items": _ref(kind)}
    optional = type(None) in _alternatives(annotation)
    return _optional(_ref(kind)) if optional else _ref(kind)


def _value(name: str, info: FieldInfo) -> Schema:
    model = create_model("Parameter", **{name: (info.annotation, info)})  # type: ignore[call-overload]
    whole = _tidy(model.model_json_schema())
    schema: Schema = _in_place(whole["properties"][name], whole.get("$defs", {}))
    schema.pop("description", None)
    schema.pop("default", None)
    return _pairs(_number_of(schema), info.annotation) or schema


def _number_of(schema: Schema) -> Schema:
    """Return the schema of the second of each pair, where `schema` is one of pairs."""
    items = schema.get("items", {}).get("prefixItems", [])
    return items[1] if len(items) == 2 else {}


def _pairs(second: Schema, annotation: Any) -> Schema | None:
    """Return the schema of names with a value each, or None if that is not the type."""
    inner = get_args(annotation)[:1]
    if get_origin(annotation) is not tuple or get_origin(inner[0]) is not tuple:
        return None
    pair = {"type": "array", "prefixItems": [{"type": "string"}, second], "minItems": 2}
    return {
        "anyOf": [
            {"type": "object", "additionalProperties": second},
            {"type": "array", "items": pair},
        ]
    }


def _holds(annotation: Any, wanted: type) -> bool:
    if annotation is wanted:
        return True
    return any(_holds(part, wanted) for part in get_args(annotation))


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def _budget() -> Schema:
    described: Schema = _tidy(Budget.model_json_schema())
    described = _in_place(described, described.pop("$defs"))
    described["required"] = ["amount"]
    return {
        "description": "Samples (5000), a share (5%) or tokens (2M tokens).",
        "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}, described],
    }


def _data(definitions: dict[str, Schema]) -> Schema:
    source = _ref("SourceSection")
    one = {"anyOf": [{"type": "string"}, source]}
    several = {"anyOf": [*one["anyOf"], {"type": "array", "items": one, "minItems": 1}]}
    section = definitions.pop("DataSection")
    whole = section["properties"] | {"sources": several}
    short = {**definitions["SourceSection"]["properties"], **section["properties"]}
    del short["sources"]
    return {
        "description": DataSection.__doc__,
        "anyOf": [
            {"type": "string", "description": SourceSection.model_fields["source"].description},
            {"type": "array", "items": one, "minItems": 1},
            section | {"properties": whole, "required": ["sources"]},
            section | {"properties": short, "required": ["source"]},
        ],
    }


def _ref(name: str) -> Schema:
    return {"$ref": _DEFINITIONS + name}


def _optional(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _tidy(schema: Any) -> Any:
    """Return a schema without the titles that pydantic makes up."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _tidy(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }


def _in_place(schema: Schema, definitions: Schema) -> Schema:
    """Return a schema in which definitions, of which some refer to others, stand where they are."""
    for _ in definitions:
        for name, definition in definitions.items():
            schema = _inlined(schema, _DEFINITIONS + name, definition)
    return schema


def _inlined(schema: Any, reference: str, definition: Schema) -> Any:
    if isinstance(schema, list):
        return [_inlined(item, reference, definition) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("$ref") == reference:
        return definition
    return {key: _inlined(value, reference, definition) for key, value in schema.items()}
