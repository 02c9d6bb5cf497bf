"""What is generated says what the models say, and `--check` notices when it no longer does."""

import json
import shutil
from pathlib import Path

import pytest

import licet_events
from licet_events import EVENT_TYPES
from licet_events.credentials import CredentialStatusChanged
from licet_events.generate.__main__ import checkout_of, main
from licet_events.generate.docstrings import member_docs
from licet_events.generate.reference import reference
from licet_events.generate.schemas import schema_of
from licet_events.notifications import NotificationReason, NotificationSent

SCHEMA = "licet.holder.registered.v1.json"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a copy of the package with everything generated, outside of any checkout."""
    source = Path(licet_events.__file__).parent
    copy = tmp_path / "licet_events"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert main([], copy) == 0
    return copy


def test_what_was_just_written_passes_the_check(package: Path):
    assert main(["--check"], package) == 0
    assert {path.stem for path in (package / "schemas").glob("*.json")} == set(EVENT_TYPES)


def test_a_file_that_differs_is_named(package: Path, capsys: pytest.CaptureFixture[str]):
    path = package / "schemas" / SCHEMA
    path.write_text(path.read_text("utf-8").replace('"name"', '"title"'), "utf-8")
    assert main(["--check"], package) == 1
    assert f"{path} differs" in capsys.readouterr().err


def test_a_file_that_is_missing_is_named_and_not_written(package: Path, capsys: pytest.CaptureFixture[str]):
    path = package / "schemas" / SCHEMA
    path.unlink()
    assert main(["--check"], package) == 1
    assert f"{path} is missing" in capsys.readouterr().err
    assert not path.exists()


def test_the_schema_of_a_type_that_is_gone_is_named_and_then_removed(
    package: Path, capsys: pytest.CaptureFixture[str]
):
    stray = package / "schemas" / "licet.holder.renamed.v1.json"
    stray.write_text("{}", "utf-8")
    assert main(["--check"], package) == 1
    assert f"{stray} is the schema of no type" in capsys.readouterr().err
    main([], package)
    assert not stray.exists()


def test_only_a_checkout_has_a_reference_page(tmp_path: Path):
    root = tmp_path / "licet"
    package = root / "libs/events/src/licet_events"
    assert checkout_of(package) == root
    assert checkout_of(tmp_path / "lib/site-packages/licet_events") is None
    main([], package)
    assert (root / "docs/reference/events.md").read_text("utf-8") == reference()


def test_docstrings_of_fields_and_members_are_found_inherited_ones_too():
    assert member_docs(NotificationSent)["event_id"] == "The event that caused it."
    assert member_docs(NotificationReason)["GAVE_UP"].startswith("Retries ended")
    assert "sha256" not in member_docs(CredentialStatusChanged)


def test_a_schema_names_fields_as_the_wire_does_and_tells_what_they_are():
    schema = schema_of(CredentialStatusChanged)
    assert {"from", "to"} <= schema["properties"].keys()
    assert "from_" not in json.dumps(schema)
    assert schema["properties"]["actor"]["description"].startswith("A code and id")
    terms = schema["$defs"]["TermState"]["properties"]
    assert terms["time_zone"]["description"] == "Frozen when the term is recorded."
    assert "announce_reached" not in schema["$defs"]["TermState"]["required"]


def test_the_schema_of_a_tombstone_allows_only_null():
    assert schema_of(EVENT_TYPES["licet.eligibility.ended.v1"])["type"] == "null"


def test_the_reference_tells_of_every_type_and_its_links_lead_somewhere():
    page = reference()
    headings = {line.lstrip("# ").lower() for line in page.splitlines() if line.startswith("#")}
    for event_type in EVENT_TYPES:
        assert f"| `{event_type}` |" in page
    links = {part.split(")")[0] for part in page.split("](#")[1:]}
    assert links
    assert links <= headings
