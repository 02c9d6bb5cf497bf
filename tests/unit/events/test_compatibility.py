"""The checker of schemas lets through what readers survive, and nothing else."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from licet_events.compatibility import breaking_changes


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class MoreColours(StrEnum):
    RED = "red"
    BLUE = "blue"
    GREEN = "green"


class Wheel(BaseModel):
    size: int
    spokes: int = 36


class WheelWithTyre(Wheel):
    tyre: str | None = None


class SizelessWheel(BaseModel):
    spokes: int = 36


FIELDS: dict[str, Any] = {
    "name": (str, ...),
    "built_on": (date | None, None),
    "colour": (Colour, ...),
    "kind": (Literal["city", "road"], ...),
    "wheels": (tuple[Wheel, ...], ...),
    "spare": (Wheel | None, None),
    "labels": (dict[str, str | int], {}),
    "gears": (int, 3),
}


def schema(without: str = "", title: str = "Bicycle", **changed: Any) -> dict[str, Any]:
    fields = {**{name: field for name, field in FIELDS.items() if name != without}, **changed}
    made: type[BaseModel] = create_model(title, **fields)
    return made.model_json_schema()


def told(new: dict[str, Any]) -> list[str]:
    return [str(change) for change in breaking_changes(schema(), new)]


def test_the_same_schema_breaks_nothing():
    assert told(schema()) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"bell": (str | None, None)},
        {"bell": (bool, False)},
        {"wheels": (tuple[WheelWithTyre, ...], ...)},
        {"name": (str, Field(description="What its owner calls it."))},
    ],
    ids=["optional", "defaulted", "optional-inside", "described"],
)
def test_an_optional_field_or_a_description_may_be_added(changed: dict[str, Any]):
    assert told(schema(**changed)) == []


def test_names_of_models_do_not_matter():
    renamed = create_model("Tyre", __base__=Wheel)
    assert told(schema(title="Velocipede", wheels=(tuple[renamed, ...], ...))) == []


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_field_that_was_removed_is_told(name: str):
    assert told(schema(without=name)) == [f"/{name}: removed, or renamed"]


def test_a_field_that_was_renamed_is_told():
    assert told(schema(without="gears", speeds=(int, 3))) == ["/gears: removed, or renamed"]


@pytest.mark.parametrize(
    ("name", "field", "place"),
    [
        ("name", (int, ...), "/name"),
        ("name", (str | None, ...), "/name"),
        ("built_on", (datetime | None, None), "/built_on"),
        ("built_on", (date, date(2026, 1, 1)), "/built_on"),
        ("colour", (str, ...), "/colour"),
        ("kind", (str, ...), "/kind"),
        ("wheels", (Wheel, ...), "/wheels"),
        ("wheels", (tuple[int, ...], ...), "/wheels/[]"),
        ("labels", (dict[str, str], {}), "/labels/*"),
        ("gears", (float, 3), "/gears"),
        ("gears", (int, Field(3, le=7)), "/gears"),
    ],
)
def test_a_field_that_was_retyped_is_told(name: str, field: Any, place: str):
    changes = told(schema(**{name: field}))
    assert changes
    assert all(change.startswith(place) for change in changes)


def test_a_field_that_becomes_or_stops_being_required_is_told():
    assert any("newly required" in change for change in told(schema(gears=(int, ...))))
    assert any("no longer required" in change for change in told(schema(name=(str, "?"))))
    assert told(schema(bell=(str, ...))) == ["/bell: new and required: bytes already written lack it"]


def test_another_default_is_told():
    assert told(schema(gears=(int, 7))) == ["/gears: default was 3 and is 7"]
    assert told(schema(spare=(Wheel | None, {"size": 1})))


def test_a_value_that_was_added_or_removed_is_told():
    assert told(schema(colour=(MoreColours, ...))) == ["/colour: value 'green' added"]
    wide = schema(colour=(MoreColours, ...))
    assert [str(change) for change in breaking_changes(wide, schema())] == ["/colour: value 'green' removed"]
    assert told(schema(kind=(Literal["city", "road", "cargo"], ...))) == ["/kind: value 'cargo' added"]


def test_a_change_deep_inside_is_told_with_its_place():
    changed = schema(wheels=(tuple[SizelessWheel, ...], ...), spare=(SizelessWheel | None, None))
    assert told(changed) == ["/wheels/[]/size: removed, or renamed"]


def test_a_type_that_contains_itself_is_compared_to_the_end():
    def tree(leaf: str) -> dict[str, Any]:
        node = {"type": "object", "properties": {"leaf": {"type": leaf}, "next": {"$ref": "#/$defs/Node"}}}
        return {"$ref": "#/$defs/Node", "$defs": {"Node": node}}

    assert breaking_changes(tree("string"), tree("string")) == []
    assert [change.where for change in breaking_changes(tree("string"), tree("integer"))] == ["/leaf"]
