"""The published schemas: what is committed is what the models say, and it breaks no reader."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contract.golden_files import PUBLISHED_SCHEMAS, Golden, goldens
from licet_events import EVENT_TYPES
from licet_events.compatibility import breaking_changes
from licet_events.generate import __main__ as generate

CURRENT = Path(str(files("licet_events"))) / "schemas"


def _schema(directory: Path, event_type: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((directory / f"{event_type}.json").read_text(encoding="utf-8"))
    return document


def test_everything_generated_is_committed_as_it_is_generated():
    assert generate.main(["--check"]) == 0


def test_every_type_has_a_published_schema_and_none_was_taken_back():
    assert {path.stem for path in PUBLISHED_SCHEMAS.glob("*.json")} == set(EVENT_TYPES)


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_the_schema_of_today_breaks_no_reader_of_the_published_one(event_type: str):
    changes = breaking_changes(_schema(PUBLISHED_SCHEMAS, event_type), _schema(CURRENT, event_type))
    assert not changes, "\n".join(map(str, changes))


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_a_schema_is_one_and_is_named_as_the_records_name_it(event_type: str):
    schema = _schema(CURRENT, event_type)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:licet:schema:{event_type}"


@pytest.mark.parametrize("golden", goldens(), ids=lambda golden: golden.path.stem)
def test_golden_values_are_valid_by_their_schema(golden: Golden):
    validator = Draft202012Validator(
        _schema(CURRENT, golden.event_type), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    value = None if golden.value is None else json.loads(golden.value)
    assert not [error.message for error in validator.iter_errors(value)]


def test_the_date_of_birth_is_published_with_holders_alone():
    naming = {
        path.stem for path in CURRENT.glob("*.json") if "birth_date" in path.read_text(encoding="utf-8")
    }
    assert naming == {name for name in EVENT_TYPES if name.startswith("licet.holder.")} - {
        "licet.holder.erased.v1"
    }
