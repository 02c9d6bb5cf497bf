"""`licet import`: an inventory with its whole history becomes holders and credentials, quietly and once."""

import csv
import os
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from licet_events import Topic
from licet_events.civil import starts_at
from support.importing.licences import LicenceRow, Licences, made_up
from support.running import Outcome


@dataclass(frozen=True, order=True)
class Published:
    """An event: its short type, its id and what it says."""

    name: str
    id: str
    data: Any = field(compare=False)


@dataclass
class Imported:
    """A file that was brought in, and what was said."""

    licences: Licences
    file: Path
    mails_before: int
    dry: Outcome
    after_dry: int
    """How many events there were more after the dry run."""
    outcome: Outcome
    events: list[Published]


@pytest.fixture(scope="module")
def imported(world, tmp_path_factory) -> Imported:
    """Thirty businesses: first tried, then brought in."""
    directory = tmp_path_factory.mktemp("import")
    licences = made_up(f"M{world.now:%y%m%d%H%M%S}", holders=30)
    file = licences.write(directory / "licences.csv")
    world.quiet()
    mails, events = len(world.target.mail_box.mails()), len(world.run.events())
    dry = world.run.cli("import", str(file), "--mapping", "chicago", "--dry-run", cwd=directory)
    world.quiet()
    after_dry = len(world.run.events()) - events
    outcome = world.run.cli("import", str(file), "--mapping", "chicago", "--json", cwd=directory)
    world.quiet()
    return Imported(licences, file, mails, dry, after_dry, outcome, published(world, licences))


def published(world, licences: Licences) -> list[Published]:
    """Everything on any topic that is about these businesses, in the order of types and ids."""
    service = world.target.service("credentials")
    accounts = {row.account for row in licences.rows}
    holders = {item["id"] for item in service.items("/v1/holders") if item["external_id"] in accounts}
    return sorted(
        Published(
            seen.attributes["type"].removeprefix("licet.").removesuffix(".v1"),
            seen.attributes["id"],
            seen.document()["data"],
        )
        for seen in world.run.events(*(topic for topic in Topic if topic != Topic.CATALOGUE))
        if (seen.key or "").split("/")[0] in holders
    )


def by_number(licences: Licences) -> dict[str, list[LicenceRow]]:
    """The rows of each licence."""
    found: dict[str, list[LicenceRow]] = {}
    for row in licences.rows:
        found.setdefault(row.number, []).append(row)
    return found


def test_a_dry_run_says_what_would_happen_and_does_nothing(imported):
    assert imported.dry.code == 0, imported.dry
    assert imported.dry.out.startswith(f"It would be: {len(imported.licences.rows)} rows")
    assert imported.after_dry == 0


def test_every_row_becomes_a_term_and_every_licence_one_event(imported):
    assert imported.outcome.code == 0, imported.outcome
    licences = imported.licences
    counts = {name: count for name, count in imported.outcome.json["counts"].items() if count}
    assert counts == {
        "created": len(licences.rows),
        "holders_created": licences.holders,
        "credentials_created": licences.credentials,
        "terms_created": len(licences.rows),
    }
    assert Counter(event.name for event in imported.events) == {
        "holder.registered": licences.holders,
        "credential.created": licences.credentials,
    }


def test_statuses_and_dates_match_the_file(imported):
    created = {
        event.data["credential"]["number"]: event.data["credential"]
        for event in imported.events
        if event.name == "credential.created"
    }
    assert Counter(state["validity"] for state in created.values()) == imported.licences.validity
    for number, rows in by_number(imported.licences).items():
        terms = {(term["valid_from"], term["expires_on"]) for term in created[number]["terms"]}
        assert terms == {(row.start and row.start.isoformat(), row.end.isoformat()) for row in rows}
        flags = [flag["effective_from"] for flag in created[number]["flags"]]
        zone = "America/Chicago"
        assert flags == [
            starts_at(row.since, zone).isoformat().replace("+00:00", "Z") for row in rows if row.since
        ]


def test_nobody_is_notified_of_past_terms(imported, world):
    assert len(world.target.mail_box.mails()) == imported.mails_before


def test_importing_again_changes_and_publishes_nothing(imported, world):
    again = world.run.cli(
        "import", str(imported.file), "--mapping", "chicago", "--json", cwd=imported.file.parent
    )
    world.quiet()
    assert again.code == 0, again
    counts = {name: count for name, count in again.json["counts"].items() if count}
    assert counts == {"unchanged": len(imported.licences.rows)}
    assert published(world, imported.licences) == imported.events


def test_a_broken_row_is_in_the_report_and_the_command_exits_with_1(imported, world, tmp_path):
    good = imported.licences.rows[0]
    broken = replace(good, number=f"{good.number}B", end=date(1990, 1, 1), start=date(1999, 1, 1))
    file = imported.licences.write(tmp_path / "broken.csv", [broken, good])
    ended = world.run.cli("import", str(file), "--mapping", "chicago", cwd=tmp_path)
    assert ended.code == 1
    assert "1 rows were rejected" in ended.err
    with (tmp_path / "broken.csv.report.csv").open(newline="") as report:
        rows = list(csv.DictReader(report))
    assert [(row["line"], row["outcome"]) for row in rows] == [("2", "rejected"), ("3", "unchanged")]
    assert rows[0]["column"] == "LICENSE TERM EXPIRATION DATE"
    assert "valid_from" in rows[0]["detail"]


def test_an_import_is_listed_and_undone(imported, world, tmp_path):
    licences = made_up(f"U{world.now:%y%m%d%H%M%S}", holders=3)
    file = licences.write(tmp_path / "undone.csv")
    job = world.run.cli("import", str(file), "--mapping", "chicago", "--json", cwd=tmp_path).good().json
    assert job["id"] in world.run.cli("imports", "list").good().out
    undone = world.run.cli(
        "imports", "undo", job["id"], "--json", "--report", "undone.report.csv", cwd=tmp_path
    ).good()
    assert undone.json["state"] == "undone"
    assert undone.json["undone"] == {
        "credentials_voided": licences.credentials, "terms_withdrawn": 0, "credentials_left": 0,
        "holders_deactivated": licences.holders, "holders_left": 0,
    }  # fmt: skip
    with (tmp_path / "undone.report.csv").open(newline="") as report:
        assert {row["undo"] for row in csv.DictReader(report)} == {"undone"}
    world.quiet()
    again = world.run.cli("import", str(file), "--mapping", "chicago", "--json", cwd=tmp_path).good().json
    assert again["counts"]["credentials_created"] == licences.credentials


def test_an_unknown_mapping_is_refused_with_the_known_ones(world, imported, tmp_path):
    refused = world.run.cli("import", str(imported.file), "--mapping", "atlantis", cwd=tmp_path)
    assert refused.code != 0
    assert "chicago" in refused.err
    assert "Traceback" not in refused.err


if "LICET_REAL_INPUT" in os.environ:

    def test_the_real_file_gives_the_known_counts(world, tmp_path):
        before = len(world.target.mail_box.mails())
        done = world.run.cli(
            "import", os.environ["LICET_REAL_INPUT"], "--mapping", "chicago", "--json", cwd=tmp_path
        )
        world.quiet()
        counts = {name: count for name, count in done.good().json["counts"].items() if count}
        assert counts == {
            "created": 561, "holders_created": 141, "credentials_created": 184, "terms_created": 561,
        }  # fmt: skip
        accounts = set()
        with Path(os.environ["LICET_REAL_INPUT"]).open(newline="") as file:
            accounts = {row["ACCOUNT NUMBER"] for row in csv.DictReader(file)}
        service = world.target.service("credentials")
        holders = {item["id"] for item in service.items("/v1/holders") if item["external_id"] in accounts}
        assert len(holders) == 141
        names: Counter[str] = Counter()
        validity: Counter[str] = Counter()
        for seen in world.run.events(Topic.CREDENTIALS, Topic.SCHEDULE, Topic.NOTIFICATIONS):
            if (seen.key or "").split("/")[0] in holders:
                names[seen.attributes["type"]] += 1
                validity[seen.document()["data"]["credential"]["validity"]] += 1
        assert names == {"licet.credential.created.v1": 184}
        assert validity == {"expired": 141, "surrendered": 38, "revoked": 5}
        assert len(world.target.mail_box.mails()) == before
        again = world.run.cli(
            "import", os.environ["LICET_REAL_INPUT"], "--mapping", "chicago", "--json", cwd=tmp_path
        )
        counts = {name: count for name, count in again.good().json["counts"].items() if count}
        assert counts == {"unchanged": 561}
