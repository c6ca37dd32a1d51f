"""The JSON schema of configuration files, for editors; every method's parameters included.

It is pydantic's own of the sections and of all components. What a file writes in another form than
the model has is said where the form is read: of a budget in `assay.components.budget`, of a section
in `assay.config.sections`. Here a component becomes what describes it.
"""

import json
import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from assay.components.base import Component
from assay.components.building import SHARED_FIELDS
from assay.components.component import Dataset, Feature, Scorer, Selector
from assay.components.default_selection import default_selection
from assay.components.descriptions import REFERENCE, plain_value
from assay.components.registry import components, find
from assay.components.wishes import WrittenSelection
from assay.config.sections import Sections

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFINITIONS = "#/$defs/"
_WHOLE = "file"
_KINDS: tuple[type[Component], ...] = (Dataset, Feature, Scorer, Selector)
_REFERRED: Schema = {"type": "string", "pattern": f"^{REFERENCE}"}


def config_schema() -> Schema:
    """Return the JSON schema of a whole configuration file."""
    definitions = _definitions()
    sections = {"title": "Assay configuration", **definitions.pop(_WHOLE)}
    return _alone(sections, definitions)


def method_schema(name: str) -> Schema:
    """Return the JSON schema of one method as a configuration file describes it.

    Raises:
        UnknownMethodError: if no method has the name.
    """
    method = find(name)
    definitions = _definitions()
    return _alone(definitions[_key(method)], definitions)


class _Written(GenerateJsonSchema):
    """pydantic's schema of models, in the form that files have them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return that no field is given a title: its name says as much."""
        return False

    def encode_default(self, dft: Any) -> Any:
        """Return a default as a person writes it."""
        return plain_value(dft)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return the schema of a model; a component's begins with the method's name."""
        made = super().model_schema(schema)
        made.pop("title", None)
        model = schema["cls"]
        if issubclass(model, Component):
            made["description"] = model.summary()
            made["properties"] = {"method": {"const": model.name}, **made.get("properties", {})}
            made["required"] = ["method", *made.get("required", [])]
        return made

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        """Return the schema of a list; one of names with a value each may be a mapping, too."""
        made = super().tuple_schema(schema)
        pair = made.get("items", {}).get("prefixItems", [])
        if len(pair) != 2 or pair[0] != {"type": "string"}:
            return made
        return {"anyOf": [{"type": "object", "additionalProperties": pair[1]}, made]}


def _definitions() -> dict[str, Schema]:
    """Return the schemas of sections, of components by kind and name, and of what they refer to."""
    found = list(components())
    models: list[type[BaseModel]] = [Sections, WrittenSelection, *_KINDS, *found]
    places, whole = models_json_schema(
        [(model, "validation") for model in models],
        ref_template=_DEFINITIONS + "{model}",
        schema_generator=_Written,
    )
    names = {
        model: place["$ref"].removeprefix(_DEFINITIONS) for (model, _), place in places.items()
    }
    definitions: dict[str, Schema] = whole["$defs"]
    definitions[_WHOLE] = definitions.pop(names[Sections])
    for component in found:
        definitions[_key(component)] = definitions.pop(names[component])
    top = definitions[_key(find("top_score", "selector"))]["properties"]
    selectors = {component.name for component in found if component.kind == "selector"}
    for scorer in found:
        if scorer.kind == "scorer" and scorer.name not in selectors:
            shared = {name: top[name] for name in SHARED_FIELDS}
            definitions[f"selector.{scorer.name}"] = _with(shared, definitions[_key(scorer)])
    for model in (*_KINDS, *found):  # where a parameter holds one
        definitions[names[model]] = _described(model, definitions)
    wishes = definitions[names[WrittenSelection]]["properties"]
    definitions[names[WrittenSelection]] = _selection(wishes, definitions)
    return definitions


def _key(component: type[Component]) -> str:
    return f"{component.kind}.{component.name}"


def _described(model: type[Component], definitions: dict[str, Schema]) -> Schema:
    """Return what describes any component of a class: its name, a reference, or its parameters."""
    if model in _KINDS:
        keys = sorted(key for key in definitions if key.startswith(f"{model.kind}."))
    else:
        keys = [_key(model)]
    referred = {**_REFERRED, "description": f"A {model.kind} named here."}
    names = [key.partition(".")[2] for key in keys]
    return {"anyOf": [{"enum": names}, referred, *({"$ref": _DEFINITIONS + key} for key in keys)]}


def _selection(wishes: dict[str, Schema], definitions: dict[str, Schema]) -> Schema:
    """Return the schema of an entry of `selections`: a selector, and wishes beside it."""
    keys = sorted(key for key in definitions if key.startswith("selector."))
    default = definitions[_key(type(default_selection("1%").selector))]["properties"]
    unnamed = {name: schema for name, schema in default.items() if name != "method"}
    copied = wishes | {"method": _REFERRED}
    return {
        "anyOf": [
            {"enum": [key.partition(".")[2] for key in keys]},
            _REFERRED,
            {"type": "object", "properties": copied, "required": ["method"]},
            {"type": "object", "properties": wishes | unnamed, "additionalProperties": False},
            *(_with(wishes, definitions[key]) for key in keys),
        ]
    }


def _with(properties: dict[str, Schema], schema: Schema) -> Schema:
    """Return the schema of an object that may have other properties besides its own."""
    return schema | {"properties": properties | schema["properties"]}


def _alone(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """Return a schema with the definitions that it refers to, directly or by others."""
    needed: dict[str, Schema] = {}
    waiting = set(_referred(schema))
    while waiting:
        name = waiting.pop()
        needed[name] = definitions[name]
        waiting |= set(_referred(needed[name])) - needed.keys()
    return {"$schema": DIALECT, **schema, "$defs": dict(sorted(needed.items()))}


def _referred(schema: Any) -> list[str]:
    return re.findall(f'"{re.escape(_DEFINITIONS)}([^"]+)"', json.dumps(schema))
