"""`licet doctor`: what was announced, held against what is true, and why the two may differ for a while."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer

from licet_cli.embedded.state import SERVICES
from licet_cli.output import JsonOption, fail, progress, show, table
from licet_cli.target import Against, Deployment, Target, open_target
from licet_events import Topic

app = typer.Typer()

_ON_THE_WAY = (
    ("credentials", "outbox", "the scheduler may not know of it: events of credentials are not on Kafka yet"),
    ("scheduler", "lag", "the scheduler may not know of it: it has not read every event"),
    ("scheduler", "outbox", "an event of the scheduler is not on Kafka yet"),
    ("credentials", "lag", "events of the scheduler have not been read yet"),
    ("credentials", "waiting", "an event of the scheduler waits to be tried again"),
)
"""Work of whole services that may have the missing event in it: where, under which name, in words."""


@app.command("doctor")
def doctor(
    older_than: Annotated[
        float, typer.Option(help="Seconds of business time that a change may take to be announced.")
    ] = 300.0,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Report each credential of which something else was announced than is true, and why; and refused awards.

    Ends 1 if there is a difference that no timer and no event on its way explains. A refused award has its
    reason and waits for a person; it is shown and is no fault.
    """
    with open_target(against) as target:
        checked, found = _differences(target, older_than)
        explained = _Explanations(target) if found else None
        items = [{**each, "explained_by": explained.of(each) if explained else None} for each in found]
        refused = list(target.service("credentials").items("/v1/awards", outcome="refused"))
    unexplained = [item for item in items if item["explained_by"] is None]
    document = {
        "checked": checked, "unexplained": len(unexplained), "items": items, "refused_awards": refused,
    }  # fmt: skip
    show(document, as_json, "\n".join([_text(checked, items), *_awards_text(refused)]))
    if unexplained:
        fail(
            f"{len(unexplained)} of {checked} credentials differ without a reason. Any change of one "
            "announces what is missing; please report how it came about."
        )


def _differences(target: Target, older_than: float) -> tuple[int, list[dict[str, Any]]]:
    checked, found, cursor = 0, [], None
    service = target.service("credentials")
    while True:
        part = service.get("/v1/differences", older_than_seconds=older_than, limit=500, cursor=cursor)
        checked += part["checked"]
        found += part["items"]
        cursor = part["next_cursor"]
        if cursor is None:
            return checked, found
        progress(f"{checked:,} credentials checked, {len(found)} differ")


class _Explanations:
    """Why the announcement of a change may still be on its way."""

    def __init__(self, target: Target) -> None:
        self._scheduler = target.service("scheduler")
        self._now = datetime.fromisoformat(self._scheduler.get("/v1/work")["now"])
        self._parked = {
            record["partition_key"]
            for record in target.service("credentials").items("/v1/parked")
            if record["topic"] == Topic.SCHEDULE
        }
        pending = {name: target.service(name).get("/v1/work")["pending"] for name in SERVICES}
        self._on_the_way = [words for name, work, words in _ON_THE_WAY if pending[name].get(work)]

    def of(self, difference: dict[str, Any]) -> str | None:
        """Return why, in words; `None` where nothing explains the difference."""
        return next(self._reasons(difference), None)

    def _reasons(self, difference: dict[str, Any]) -> Iterator[str]:
        if difference["holder_id"] in self._parked:
            yield "an event of the scheduler is parked, see licet parked list"
        for timer in self._scheduler.get("/v1/timers", credential_id=difference["credential_id"])["items"]:
            due_at = timer["due_at"]
            if due_at is not None and datetime.fromisoformat(due_at) <= self._now:
                yield f"its timer was due at {due_at} and is not worked off"
        yield from self._on_the_way


def _text(checked: int, items: list[dict[str, Any]]) -> str:
    if not items:
        return f"{checked:,} credentials checked: what was announced is what is true."
    rows = [["credential", "announced", "true", "since", "because"]]
    rows += [
        [each["credential_id"], each["announced"], each["computed"], each["since"],
         each["explained_by"] or "NOTHING EXPLAINS IT"]
        for each in items
    ]  # fmt: skip
    return f"{checked:,} credentials checked\n{table(rows)}"


def _awards_text(refused: list[dict[str, Any]]) -> list[str]:
    if not refused:
        return []
    rows = [["enrolment", "holder", "refused", "because"]]
    rows += [
        [each["enrolment_id"], each["holder_id"], each["decided_at"], each["reason"]] for each in refused
    ]
    return [f"{len(refused)} awards of programmes were not carried out and wait for a person", table(rows)]
