"""The AsyncAPI document has what AsyncAPI 3 asks for, and describes the records that we write."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from contract.golden_files import Golden, goldens
from licet_events import EVENT_TYPES
from licet_events.topics import Topic

DOCUMENT: dict[str, Any] = json.loads(files("licet_events").joinpath("asyncapi.json").read_text("utf-8"))


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _at(reference: str) -> Any:
    assert reference.startswith("#/")
    node: Any = DOCUMENT
    for step in reference[2:].split("/"):
        node = node[step]
    return node


def test_every_reference_leads_somewhere():
    references = set(_references(DOCUMENT))
    assert references
    for reference in references:
        assert isinstance(_at(reference), dict), reference


def test_required_members_of_asyncapi_3_are_there():
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    for channel in DOCUMENT["channels"].values():
        assert channel["address"]
        assert channel["messages"]
    for operation in DOCUMENT["operations"].values():
        inbound = operation["channel"]["$ref"].endswith(("/completions", "/bookings"))
        assert operation["action"] == ("receive" if inbound else "send")
        channel = operation["channel"]["$ref"]
        assert _at(channel)["address"]
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")
    known = {
        "asyncapi",
        "id",
        "info",
        "servers",
        "defaultContentType",
        "channels",
        "operations",
        "components",
    }
    assert DOCUMENT.keys() <= known


def test_every_type_is_a_message_on_its_topic():
    assert DOCUMENT["components"]["messages"].keys() == EVENT_TYPES.keys()
    channels = {channel["address"]: channel for channel in DOCUMENT["channels"].values()}
    for event_type, model in EVENT_TYPES.items():
        assert event_type in channels[model.topic]["messages"]


def test_channels_say_partitions_and_cleanup_of_their_topics():
    for channel in DOCUMENT["channels"].values():
        topic = Topic(channel["address"])
        kafka = channel["bindings"]["kafka"]
        assert kafka["topic"] == topic
        assert kafka["partitions"] == topic.partitions
        assert kafka["topicConfiguration"] == {"cleanup.policy": ["compact" if topic.compacted else "delete"]}


@pytest.mark.parametrize("golden", goldens(), ids=lambda golden: golden.path.stem)
def test_golden_records_are_as_described(golden: Golden):
    registry: Registry[Any] = Registry().with_resource(
        "urn:asyncapi", Resource.from_contents(DOCUMENT, default_specification=DRAFT202012)
    )
    base = f"urn:asyncapi#/components/messages/{golden.event_type}"
    instances = {"headers": dict(golden.headers), "payload": json.loads(golden.value or "null")}
    for part, instance in instances.items():
        validator = Draft202012Validator(
            {"$ref": f"{base}/{part}"},
            registry=registry,
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
        assert not [error.message for error in validator.iter_errors(instance)]


def _fields() -> Iterator[tuple[str, str, dict[str, Any]]]:
    components = DOCUMENT["components"]
    owners = {**components["schemas"], **{name: m["payload"] for name, m in components["messages"].items()}}
    for owner, schema in owners.items():
        for field, told in schema.get("properties", {}).items():
            yield owner, field, told


def test_every_field_is_described():
    assert [f"{owner}.{field}" for owner, field, told in _fields() if not told.get("description")] == []


def test_no_list_has_a_default_and_no_plain_type_is_in_a_union_with_null():
    assert [
        f"{owner}.{field}" for owner, field, told in _fields() if isinstance(told.get("default"), list)
    ] == []
    unions = [(owner, field, told["anyOf"]) for owner, field, told in _fields() if "anyOf" in told]
    assert [
        f"{owner}.{field}"
        for owner, field, members in unions
        if {"type": "null"} in members and len(members) == 2 and not any("$ref" in each for each in members)
    ] == []


def test_every_message_has_a_real_record_as_its_example():
    for name, message in DOCUMENT["components"]["messages"].items():
        (example,) = message["examples"]
        assert example["headers"]["ce_type"] == name
        assert ("contentType" in message) == (example["payload"] is not None)
