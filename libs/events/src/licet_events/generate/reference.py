"""The contract as a page to read."""

from collections.abc import Iterable, Iterator
from enum import Enum
from inspect import cleandoc
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from licet_events.event import EventData
from licet_events.generate.asyncapi import summary, topics_in_use
from licet_events.generate.attributes import ATTRIBUTES
from licet_events.generate.docstrings import member_docs
from licet_events.generate.schemas import parts_of
from licet_events.topics import Topic
from licet_events.types import EVENT_TYPES

_HEAD = """\
# Events

Generated from `libs/events` by `python -m licet_events.generate`; change the models, not this page.

Every record is a CloudEvent 1.0 in Kafka's binary mode: attributes in headers, JSON as value. Delivery
is at least once. Order holds for one `ce_partitionkey` on one topic. A state event carries the whole
state after it, and its `ce_sequence` grows by 1: keep the highest seen, and a repetition does no harm.
A null value ends its key and has a `ce_sequence` too: keep it with the key as you keep a state's, so that
a replay neither revives what ended nor ends what came back. Where an old record has none, the order on the
topic counts. After a backfill a topic is complete once `licet.backfill.finished.v1` has been read on every
partition, from each service that owns states on it (its field `by`).
Ignore fields you do not know, and pass over types you do not know.
"""

_INBOUND = """\
Other systems write it. A record needs the headers `ce_specversion` (`1.0`), `ce_type`, `ce_id` (any text
that is unique in its `ce_source`), `ce_source` and `ce_time`; the others of the table above may be left out.
Its key decides the order: records with the same key are taken in as they were written.
"""


def reference() -> str:
    """Return the reference page of all topics, types, shared parts and codes, as Markdown."""
    return "\n".join([_HEAD, *_headers(), *_topics(), *_parts(), *_codes()]).rstrip() + "\n"


def _headers() -> Iterator[str]:
    yield "## Headers\n"
    yield from _table(
        ("header", "always there", "what it is"),
        ((f"`{a.header}`", "yes" if a.required else "", a.meaning) for a in ATTRIBUTES),
    )


def _topics() -> Iterator[str]:
    shared = [model for model in EVENT_TYPES.values() if len(model.topics()) > 1]
    for topic in topics_in_use():
        models = [model for model in EVENT_TYPES.values() if model.topics() == {topic}]
        yield f"## `{topic}`\n"
        yield f"{topic.about[0].upper()}{topic.about[1:]}.\n"
        yield f"- record key: `{topic.record_key}`"
        yield f"- partitions: {topic.partitions}"
        yield f"- {topic.kept}\n"
        if topic.inbound:
            yield _INBOUND
        yield from _types(models)
    yield "## On several topics\n"
    for model in shared:
        on = ", ".join(f"`{topic}`" for topic in Topic if topic in model.topics())
        yield f"- `{model.event_type}`: {on}"
    yield ""
    yield from _types(shared)


def _types(models: list[type[EventData]]) -> Iterator[str]:
    yield from _table(
        ("type", "when", "value"),
        ((f"`{m.event_type}`", summary(m), "null" if m.tombstone else _names(m)) for m in models),
    )
    for model in models:
        fields = {name: f for name, f in model.model_fields.items() if not _is_state(name, f)}
        if fields and not model.tombstone:
            yield f"### `{model.event_type}`\n"
            yield f"{cleandoc(model.__doc__ or '')}\n"
            yield from _fields(model)


def _names(model: type[EventData]) -> str:
    return ", ".join(f"`{f.alias or name}`" for name, f in model.model_fields.items())


def _is_state(name: str, field: FieldInfo) -> bool:
    """Whether the field is the whole state that the types of a topic share; told once, below."""
    annotation = field.annotation
    return isinstance(annotation, type) and issubclass(annotation, BaseModel) and name in _STATES


_STATES = {
    name
    for model in EVENT_TYPES.values()
    for name, field in model.model_fields.items()
    if isinstance(field.annotation, type) and field.annotation.__name__.endswith("State")
}


def _parts() -> Iterator[str]:
    yield "## Parts\n"
    for cls in _all_parts():
        if issubclass(cls, BaseModel):
            yield f"### {cls.__name__}\n"
            yield f"{cleandoc(cls.__doc__ or '')}\n"
            yield from _fields(cls)


def _codes() -> Iterator[str]:
    yield "## Codes\n"
    for cls in _all_parts():
        if issubclass(cls, Enum):
            docs = member_docs(cls)
            yield f"### {cls.__name__}\n"
            yield f"{cleandoc(cls.__doc__ or '')}\n"
            for member in cls:
                yield f"- `{member.value}`" + (f": {docs[member.name]}" if member.name in docs else "")
            yield ""


def _all_parts() -> list[type]:
    published = set(EVENT_TYPES.values())
    found = {cls: None for model in EVENT_TYPES.values() for cls in parts_of(model)}
    return sorted((cls for cls in found if cls not in published), key=lambda cls: cls.__name__)


def _fields(model: type[BaseModel]) -> Iterator[str]:
    docs = member_docs(model)
    yield from _table(
        ("field", "type", "if absent", "what it is"),
        (
            (f"`{f.alias or name}`", _type(f.annotation), _default(f), docs.get(name, ""))
            for name, f in model.model_fields.items()
        ),
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    if isinstance(value, tuple):
        return "`[" + ", ".join(str(item) for item in value) + "]`"
    if value is None or isinstance(value, bool):
        return "`" + {None: "null", True: "true", False: "false"}[value] + "`"
    return f"`{value}`"


def _type(annotation: Any) -> str:
    if get_origin(annotation) is not None:
        return _composed(annotation)
    if issubclass(annotation, BaseModel | Enum):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return _PLAIN[annotation.__name__]


def _composed(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{argument}`" for argument in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"object of {_type(arguments[1])}"
    if origin is Annotated:
        return _type(arguments[0])
    return " or ".join(_type(argument) for argument in arguments)


_PLAIN = {
    "NoneType": "null",
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "UUID": "UUID",
    "date": "date",
    "datetime": "instant",
    "AwareDatetime": "instant",
}


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _row(head)
    yield _row(tuple("---" for _ in head))
    for row in rows:
        yield _row(tuple(" ".join(cell.split()) for cell in row))
    yield ""


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"
