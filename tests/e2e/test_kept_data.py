"""A fresh run with `--data`: the README's walk, pasted; then an end and a new beginning."""

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from licet_cli import clock as moving
from licet_cli.target import open_target
from licet_events import Topic
from licet_events.civil import starts_at
from support.running import Outcome, Run, eventually

README = Path(__file__).parents[2] / "README.md"
OUTAGE = timedelta(seconds=20)
"""How soon after the run was left something falls due."""


@dataclass
class Kept:
    """A run that was walked through, ended and started again."""

    run: Run
    walk: Outcome
    before: dict[str, Any]
    """What there was before the end."""
    due: dict[str, Any]
    """A credential whose last day began while nothing ran."""
    seconds: float
    """How long the second start took."""
    began_again: datetime


def script() -> str:
    """The blocks of the README that belong to the walk: all but the first, which starts the run."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 4
    return "".join(blocks[1:])


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """Walk, remember, leave something due, end, start again."""
    directory = tmp_path_factory.mktemp("kept")
    (directory / ".venv").symlink_to(sys.prefix)
    run = Run(directory, "--data", str(directory / "data"))
    with run.up(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("LICET_RUN_DIR", run.environment["LICET_RUN_DIR"])
        walk = run.run(["bash", "-euo", "pipefail", "-c", script()])
        due = _soon_due()
        before = _all_there_is(run)
        run.cli("down").good()
        assert run.processes() == []
        eventually(lambda: datetime.now(UTC) - before["set_at"] > OUTAGE, bound=60)
        began_again = datetime.now(UTC)
        started = time.monotonic()
        run.start()
        seconds = time.monotonic() - started
        print(f"\nstarted again in {seconds:.1f} s")
        with open_target() as target:
            moving.quiesce(target)
        yield Kept(run, walk, before, due, seconds, began_again)


def _soon_due() -> dict[str, Any]:
    """Record a credential and stop the clock shortly before its last day."""
    with open_target() as target:
        credentials = target.service("credentials")
        now = moving.read_clock(credentials).now
        last_day = now.date() + timedelta(days=5)
        credentials.post("/v1/credential-types", {"code": "kept", "name": "Kept", "category": "other"})
        holder = credentials.post(
            "/v1/holders",
            {"kind": "employee", "name": "Kaja", "email": "kaja@example.org", "time_zone": "UTC"},
        )
        credential: dict[str, Any] = credentials.post("/v1/credentials", {
            "holder_id": holder["id"], "type": "kept", "number": "K-1", "time_zone": "UTC",
            "expires_on": last_day.isoformat(),
        })  # fmt: skip
        moving.move(target, starts_at(last_day, "UTC") - OUTAGE)
        return credential


def _all_there_is(run: Run) -> dict[str, Any]:
    with open_target() as target:
        credentials = target.service("credentials")
        holders = list(credentials.items("/v1/holders"))
        return {
            "set_at": datetime.now(UTC),
            "offset": moving.read_clock(credentials).offset_seconds,
            "holders": holders,
            "credentials": {item["id"]: item for item in credentials.items("/v1/credentials")},
            "timelines": _timelines(target, holders),
            "mails": [mail.raw for mail in target.mail_box.mails()],
            "notified": {seen.attributes["id"] for seen in run.events(Topic.NOTIFICATIONS)},
        }


def _timelines(target: Any, holders: list[Any]) -> dict[str, Any]:
    service = target.service("certifications")
    path = "/v1/eligibility/{}"
    return {
        holder["id"]: service.get(path.format(holder["id"]), target="role:forklift") for holder in holders
    }


@pytest.mark.timeout(300)
def test_the_commands_of_the_readme_can_be_pasted(kept):
    assert kept.walk.code == 0, kept.walk
    assert "Ends in 30 days: Forklift licence of Jonas Reuter" in kept.walk.out
    assert "eligible(valid)" in kept.walk.out
    assert "Who was told, or not" in kept.walk.out
    assert "Traceback" not in kept.walk.err


def test_a_restart_keeps_all_data_and_business_time_goes_on(kept):
    assert kept.seconds < 120  # 15 on a machine that does nothing else
    with open_target() as target:
        credentials = target.service("credentials")
        assert list(credentials.items("/v1/holders")) == kept.before["holders"]
        found = {item["id"]: item for item in credentials.items("/v1/credentials")}
        assert set(found) == set(kept.before["credentials"])
        for name in moving.ORDER:
            offset = moving.read_clock(target.service(name)).offset_seconds
            assert offset == pytest.approx(kept.before["offset"], abs=5)
        assert _timelines(target, kept.before["holders"]) == kept.before["timelines"]


def test_a_backfill_publishes_the_state_of_everything_again(kept):
    topics = (Topic.HOLDERS, Topic.CREDENTIALS, Topic.CATALOGUE, Topic.ELIGIBILITY)
    again = {(seen.topic, seen.attributes["subject"]) for seen in kept.run.events(*topics)
             if seen.attributes["type"].endswith(".snapshot.v1")}  # fmt: skip
    for holder in kept.before["holders"]:
        assert (Topic.HOLDERS, holder["id"]) in again
    for credential in kept.before["credentials"]:
        assert (Topic.CREDENTIALS, credential) in again
    assert {topic for topic, _ in again} == set(topics)


def test_timers_due_during_downtime_are_decided_and_announced_once(kept):
    with open_target() as target:
        (timer,) = target.service("scheduler").items("/v1/timers", credential_id=kept.due["id"])
        (last,) = [decision for decision in timer["decisions"] if decision["step"] == 0]
        assert last["outcome"] == "announced"
        assert datetime.fromisoformat(last["at"]) == starts_at(
            date.fromisoformat(kept.due["expires_on"]), "UTC"
        )
        assert last["id"] in {seen.attributes["id"] for seen in kept.run.events(Topic.SCHEDULE)}
        moving.move(target, datetime.fromisoformat(last["at"]) + timedelta(hours=9))
        mails = target.mail_box.mails()
        assert [mail.raw for mail in mails][: len(kept.before["mails"])] == kept.before["mails"]
        fresh = [mail.to for mail in mails[len(kept.before["mails"]) :]]
        assert sorted(fresh) == ["Kaja <kaja@example.org>", "credentials@licet.example"]  # she has no manager


def test_images_can_be_fetched_after_a_restart(kept):
    with open_target() as target:
        service = target.service("credentials")
        (licence,) = [item for item in kept.before["credentials"].values() if item["images"]]
        (image,) = licence["images"]
        path = f"/v1/credentials/{licence['id']}/images/{image['id']}/display"
        answer = httpx.get(service.send("GET", path).headers["location"], timeout=30)
        assert answer.status_code == 200
        assert len(answer.content) > 10_000
