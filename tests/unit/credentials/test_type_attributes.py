"""Typed attributes: what a type may declare, and which values answer to it."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet_chassis.errors import Invalid
from licet_credentials.types.attributes import (
    attribute_from_text,
    checked_attributes,
    checked_declaration,
    meanings,
    merged_attributes,
    retyped,
)
from licet_events.catalogue import AttributeKind, DeclaredAttribute


def declared(name: str, kind: AttributeKind, *options: str, required: bool = False) -> DeclaredAttribute:
    return DeclaredAttribute(name=name, kind=kind, required=required, options=options)


LIMIT = declared("insured_limit", AttributeKind.DECIMAL, required=True)
CLASSES = declared("classes", AttributeKind.CHOICES, "C", "CE", "D")
DECLARED = (
    LIMIT,
    CLASSES,
    declared("insurer", AttributeKind.TEXT),
    declared("persons", AttributeKind.INTEGER),
    declared("umbrella", AttributeKind.BOOLEAN),
    declared("retroactive_from", AttributeKind.DATE),
    declared("basis", AttributeKind.CHOICE, "occurrence", "claims_made"),
)


def refused(declared: Any, given: Any) -> tuple[str, str | None]:
    with pytest.raises(Invalid) as caught:
        checked_attributes(declared, given)
    return caught.value.detail, caught.value.pointer


def test_every_kind_accepts_its_values_and_the_result_follows_the_declared_order():
    given_ = {
        "basis": "claims_made", "retroactive_from": "2024-02-29", "umbrella": False, "persons": 0,
        "insurer": "  Acme  ", "classes": ["CE", "C"], "insured_limit": "1000000.00",
    }  # fmt: skip
    checked = checked_attributes(DECLARED, given_)
    assert list(checked.items()) == [
        ("insured_limit", "1000000"), ("classes", ("C", "CE")), ("insurer", "Acme"), ("persons", 0),
        ("umbrella", False), ("retroactive_from", "2024-02-29"), ("basis", "claims_made"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("insured_limit", 1.5), ("insured_limit", True), ("insured_limit", "1e6"), ("insured_limit", "ten"),
        ("insured_limit", "NaN"), ("insured_limit", ""), ("insured_limit", "\u0661"), ("classes", "C"),
        ("classes", []), ("classes", ["B"]), ("classes", ["C", "C", "C", "C"]), ("classes", [["C"]]),
        ("insurer", ""), ("insurer", "   "), ("insurer", "a\nb"), ("insurer", "x" * 501), ("insurer", 7),
        ("persons", "7"), ("persons", True), ("persons", 1.0), ("persons", 2**53), ("umbrella", "true"),
        ("umbrella", 1), ("retroactive_from", "2023-02-29"), ("retroactive_from", "2026-W01-1"),
        ("retroactive_from", "20260101"), ("basis", "Occurrence"), ("basis", ["occurrence"]),
        ("insurer", {"a": 1}),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused_at_its_name(name: str, value: Any):
    detail, pointer = refused(DECLARED, {"insured_limit": "1", name: value})
    assert pointer == f"/attributes/{name}"
    assert detail.startswith(f"The attribute {name} must be ")


def test_a_required_attribute_that_is_missing_or_null_is_reported():
    assert refused(DECLARED, {}) == (
        'The attribute insured_limit is required: a decimal as text, such as "1500.50".',
        "/attributes/insured_limit",
    )
    assert refused(DECLARED, {"insured_limit": None})[1] == "/attributes/insured_limit"


def test_an_unknown_attribute_is_reported_with_the_declared_ones():
    assert refused((LIMIT,), {"insured_limit": "1", "a/b~c": 1}) == (
        "The type declares no attribute 'a/b~c'; it has insured_limit.", "/attributes/a~1b~0c",
    )  # fmt: skip
    assert refused((), {"x": 1})[0] == "The type declares no attribute 'x'; it has none."


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**15), max_value=10**15))
def test_a_decimal_keeps_its_value_and_has_one_canonical_form(number: Decimal):
    text = checked_attributes((LIMIT,), {"insured_limit": f"{number:f}"})["insured_limit"]
    assert isinstance(text, str)
    assert Decimal(text) == number
    longer = f"{text}0" if "." in text else f"{text}.000"
    assert checked_attributes((LIMIT,), {"insured_limit": longer}) == {"insured_limit": text}
    assert "E" not in text
    assert text != "-0"


@given(st.dates())
def test_every_calendar_date_is_a_valid_date(day: date):
    attribute = declared("on", AttributeKind.DATE)
    assert checked_attributes((attribute,), {"on": day.isoformat()}) == {"on": day.isoformat()}


def test_a_merge_patch_sets_removes_and_clears():
    present = {"insured_limit": "5", "insurer": "Acme"}
    assert merged_attributes(DECLARED, present, {"persons": 2, "insurer": None}) == {
        "insured_limit": "5", "persons": 2,
    }  # fmt: skip
    assert merged_attributes(DECLARED[1:], present, None) == {}
    with pytest.raises(Invalid, match="insured_limit is required"):
        merged_attributes(DECLARED, present, None)


def test_an_undeclared_attribute_is_dropped_at_the_next_change():
    assert merged_attributes(DECLARED, {"insured_limit": "5", "gone": "x"}, {"persons": 1}) == {
        "insured_limit": "5", "persons": 1,
    }  # fmt: skip


def test_a_cell_is_converted_to_the_kind_of_its_attribute():
    by_name = {attribute.name: attribute for attribute in DECLARED}
    assert attribute_from_text(by_name["persons"], " 12 ") == 12
    assert attribute_from_text(by_name["umbrella"], "TRUE") is True
    assert attribute_from_text(by_name["classes"], "CE; C") == ("C", "CE")
    assert attribute_from_text(by_name["insured_limit"], "10.50") == "10.5"
    for name, text in (
        ("persons", "twelve"),
        ("umbrella", "yes"),
        ("classes", "C;X"),
        ("insured_limit", "1,5"),
    ):
        with pytest.raises(Invalid) as caught:
            attribute_from_text(by_name[name], text)
        assert caught.value.pointer == f"/attributes/{name}"


def test_a_filter_matches_every_value_that_its_text_can_mean():
    assert meanings("1.50") == ["1.50", ["1.50"], "1.5"]
    assert meanings("05") == ["05", ["05"], "5", 5]
    assert meanings("true") == ["true", ["true"], True]
    assert meanings("CE") == ["CE", ["CE"]]


@given(st.integers(-(10**30), 10**30))
def test_a_number_too_long_for_an_integer_matches_as_text_only(number: int):
    assert all(isinstance(each, str | list) for each in meanings(str(number * 10**20 or 10**20)))


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ((LIMIT, LIMIT), "/attributes/1/name"),
        ((declared("class", AttributeKind.CHOICE),), "/attributes/0/options"),
        ((declared("class", AttributeKind.CHOICES, "C", "C"),), "/attributes/0/options"),
        ((LIMIT, declared("n", AttributeKind.INTEGER, "1")), "/attributes/1/options"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(wrong: tuple[DeclaredAttribute, ...], pointer: str):
    with pytest.raises(Invalid) as caught:
        checked_declaration(wrong)
    assert caught.value.pointer == pointer


def test_a_changed_kind_is_detected():
    text = declared("insured_limit", AttributeKind.TEXT)
    assert retyped(DECLARED, (text, CLASSES, declared("new", AttributeKind.DATE))) == ("insured_limit",)
