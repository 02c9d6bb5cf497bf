"""JSON Schemas of the published types."""

from collections.abc import Iterable, Iterator
from enum import Enum
from inspect import cleandoc
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from licet_events.event import EventData, schema_uri
from licet_events.generate.docstrings import member_docs
from licet_events.json_schema import drop_list_defaults, merge_null

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(model: type[EventData]) -> Schema:
    """Return the JSON Schema of a type's value on the wire; that of a tombstone allows only null.

    It describes every version of the type's bytes: what later versions added is not required.
    """
    head = {"$schema": DIALECT, "$id": schema_uri(model.event_type)}
    if model.tombstone:
        return head | _tombstone(model)
    schemas, definitions = described_schemas([model], "#/$defs/{model}")
    return head | schemas[model] | ({"$defs": definitions} if definitions else {})


def described_schemas(
    models: Iterable[type[EventData]], ref_template: str
) -> tuple[dict[type[EventData], Schema], dict[str, Schema]]:
    """Return the schema of each model, and the definitions they share, with all docstrings in place."""
    wanted = list(models)
    plain = [model for model in wanted if not model.tombstone]
    _, together = models_json_schema([(model, "validation") for model in plain], ref_template=ref_template)
    definitions: dict[str, Schema] = together["$defs"] if plain else {}
    classes = {cls.__name__: cls for model in plain for cls in parts_of(model)}
    for name, schema in definitions.items():
        _describe(schema, classes[name])
        merge_null(schema)
        drop_list_defaults(schema)
    schemas = {
        model: _tombstone(model) if model.tombstone else definitions.pop(model.__name__) for model in wanted
    }
    return schemas, definitions


def _tombstone(model: type[EventData]) -> Schema:
    return {"title": model.__name__, "description": cleandoc(model.__doc__ or ""), "type": "null"}


def _describe(schema: Schema, cls: type) -> None:
    docs = member_docs(cls)
    if issubclass(cls, BaseModel):
        for name, field in cls.model_fields.items():
            if name in docs:
                schema["properties"][field.alias or name]["description"] = docs[name]
    elif issubclass(cls, Enum):
        told = [f"`{member.value}`: {docs[member.name]}" for member in cls if member.name in docs]
        if told:
            schema["description"] = "\n\n".join([schema.get("description", ""), *told]).strip()


def parts_of(cls: type) -> Iterator[type]:
    """Yield a model or enum and every model and enum inside it, once each."""
    seen: dict[type, None] = {}
    _collect(cls, seen)
    yield from seen


def _collect(annotation: Any, seen: dict[type, None]) -> None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel | Enum):
        if annotation in seen:
            return
        seen[annotation] = None
        if issubclass(annotation, BaseModel):
            for field in annotation.model_fields.values():
                _collect(field.annotation, seen)
    for argument in get_args(annotation):
        _collect(argument, seen)
