"""Random facts and bookings on a real database: what is told of shifts, and of timelines, is what holds.

Two instances of the service work side by side on one database, one of them is restarted on the way, and
a backfill repeats everything. What a subscriber makes of the topics alone is compared with what the API
answers.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from licet_certifications.app import ACTOR, create_service, resolve_bookings, review_shifts, work_off
from licet_certifications.shifts.consumer import take_bookings
from licet_chassis.backfill import Snapshots
from licet_chassis.cause import Cause
from licet_chassis.database import Database
from licet_events import Event, Topic
from licet_events.credentials import FlagKind, FlagState
from licet_events.eligibility import EligibilityEnded, EligibilityEvent, Interval, Verdict
from licet_events.shifts import (
    BookingEvent,
    ShiftAtRisk,
    ShiftBooked,
    ShiftCancelled,
    ShiftChanged,
    ShiftCleared,
    ShiftEvent,
)

from .conftest import NOW, Certifications, credential, holder, run

HOLDERS, STEPS = range(1, 7), 120
TARGETS = ("role:forklift", "queue:claims")
PLACES = ("*", "BER", "HAM")
TODAY = datetime.now(UTC).date()
GRAVITY = list(Verdict)


@dataclass
class World:
    """Facts and bookings that change at random, and the versions that they have."""

    service: Certifications
    dice: random.Random
    versions: dict[Any, int] = field(default_factory=dict)
    requirements: list[Any] = field(default_factory=list)

    def days(self, least: int, most: int) -> timedelta:
        return timedelta(days=self.dice.randint(least, most))

    def next(self, thing: Any) -> int:
        self.versions[thing] = self.versions.get(thing, 0) + 1
        return self.versions[thing]

    async def change(self) -> None:
        await self.dice.choice([self.hire, self.license, self.license, self.book, self.book, self.require])()

    async def hire(self) -> None:
        number = self.dice.choice(HOLDERS)
        await self.service.tell(
            holder(
                number, self.next(("holder", number)), active=self.dice.random() < 0.9,
                roles=self.dice.choice([(), ("forklift",), ("forklift",)]),
                queues=self.dice.choice([(), ("claims",)]), location=self.dice.choice([None, "BER"]),
                external_id=f"E-{number}",
            )
        )  # fmt: skip

    async def license(self) -> None:
        number, kind = self.dice.choice(HOLDERS), self.dice.choice(["licence", "course"])
        flags: tuple[FlagState, ...] = ()
        if self.dice.random() < 0.3:
            flags = (
                FlagState(
                    id=UUID(int=9), kind=FlagKind.SUSPENDED, effective_from=NOW, reason="under_review",
                    until=self.dice.choice([None, datetime.now(UTC) + self.days(1, 30)]),
                ),
            )  # fmt: skip
        first = TODAY - timedelta(days=self.dice.randint(0, 90))
        last = TODAY + timedelta(days=self.dice.randint(-20, 60))
        await self.service.tell(
            credential(
                100 * number + len(kind), number, run(first, max(first, last)),
                version=self.next((number, kind)), type=kind, flags=flags,
                grace_days=self.dice.choice([0, 10]), voided=self.dice.random() < 0.1,
            )
        )  # fmt: skip

    async def require(self) -> None:
        if len(self.requirements) < 4:
            state = await self.service.require(
                self.dice.choice(TARGETS), self.dice.choice(["licence", "course"]),
                locations=self.dice.choice([(), ("HAM",)]),
            )  # fmt: skip
            self.requirements.append(state)
            return
        place = self.dice.randrange(len(self.requirements))
        until = self.dice.choice([None, TODAY + timedelta(days=self.dice.randint(1, 40))])
        self.requirements[place] = await self.service.change(self.requirements[place], effective_until=until)

    async def book(self) -> None:
        number = self.dice.randint(1, 12)
        kinds: list[type[BookingEvent]] = [ShiftBooked, ShiftChanged, ShiftChanged, ShiftCancelled]
        kind = self.dice.choice(kinds)
        start = datetime.now(UTC) + timedelta(days=self.dice.randint(-3, 40))
        told: dict[str, Any] = {
            "platform": "roster", "external_id": f"S{number}", "occurred_at": NOW,
            "revision": self.next(("shift", number)),
        }  # fmt: skip
        who = self.dice.choice(HOLDERS)
        by_id = self.dice.random() < 0.5
        told |= {"holder_id": UUID(int=who)} if by_id else {"holder_external_id": f"E-{who}"}
        if kind is not ShiftCancelled:
            told |= {"target": self.dice.choice(TARGETS), "location": self.dice.choice(PLACES)}
            told |= {"start": start, "end": start + timedelta(hours=8)}
        event: Event[BookingEvent] = Event.of(
            kind(**told), source="/roster", time=NOW, recorded_time=NOW, correlation_id="roster"
        )
        async with self.service.database.transaction(Cause.new(ACTOR)) as tx:
            await take_bookings(tx, [event], datetime.now(UTC))


@asynccontextmanager
async def another_instance(service: Certifications, url: str) -> AsyncIterator[Certifications]:
    database = await Database.open(url, service="certifications", max_size=3)
    yield replace(service, database=database, runtime=replace(service.runtime, database=database))
    await database.close()


async def keep_up(service: Certifications) -> None:
    """Do what the loops of an instance do, until nothing is left."""
    while any([await work_off(service.runtime), await review_shifts(service.runtime),
               await resolve_bookings(service.runtime)]):  # fmt: skip
        pass


@pytest.mark.parametrize("seed", range(3))
async def test_topics_say_what_the_api_says_and_each_shift_is_explained(
    service, migrated_url, settings, http, seed
):
    world = World(service, random.Random(seed))  # no secret
    events: list[Event[Any]] = []
    for part in range(3):
        async with another_instance(service, migrated_url) as other:  # a restart between the parts
            for _ in range(STEPS // 3):
                await world.change()
                if world.dice.random() < 0.4:
                    await asyncio.gather(keep_up(service), keep_up(other))
            await asyncio.gather(keep_up(service), keep_up(other))
        events += await service.published()
        if part == 1:
            await _repeat_everything(service, settings)
            events += await service.published()
    await keep_up(service)
    events += await service.published()

    timelines = [one.data for one in events if isinstance(one.data, EligibilityEvent)]
    assert await _differences(http, _projection(events)) == []
    told = [one.data for one in events if isinstance(one.data, ShiftAtRisk | ShiftCleared)]
    assert any(isinstance(one, ShiftAtRisk) for one in told), "a world without risks proves nothing"
    _must_alternate(told)
    for one in told:
        _must_be_explained(one, timelines)
    await _must_agree_with_checks(http)
    async with service.database.reading() as conn:
        rows = await conn.fetch("select id, told, at_risk from shifts where told > 0")
    last = {one.shift.id: one.shift for one in told}
    assert {row["id"]: (row["told"], row["at_risk"]) for row in rows} == {
        shift_id: (shift.version, shift.at_risk) for shift_id, shift in last.items()
    }


def _projection(events: list[Event[Any]]) -> dict[str, EligibilityEvent]:
    """Return what a subscriber keeps who knows the topic alone: the newest state of each key."""
    kept: dict[str, EligibilityEvent] = {}
    for data in (one.data for one in events):
        if isinstance(data, EligibilityEnded):
            kept.pop(data.key, None)
        elif isinstance(data, EligibilityEvent):
            before = kept.get(data.key)
            if before is None or before.sequence <= data.sequence:
                kept[data.key] = data
    return kept


async def _differences(http: Any, kept: dict[str, EligibilityEvent]) -> list[Any]:
    different: list[Any] = []
    for number in HOLDERS:
        for target in TARGETS:
            for place in PLACES:
                answer = await http.get(
                    f"/v1/eligibility/{UUID(int=number)}", params={"target": target, "location": place}
                )
                if answer.status_code == 404:
                    continue
                shown = answer.json()
                key = f"{UUID(int=number)}/{target}"
                told = kept.get(f"{key}/{place}") or kept.get(f"{key}/*")
                expected = None if told is None else told.eligibility.model_dump(mode="json")["intervals"]
                if shown["version"] is None:
                    if told is not None:
                        different.append((key, place, "the API knows none"))
                elif shown["intervals"] != expected:
                    different.append((key, place, shown["intervals"], expected))
    return different


async def _must_agree_with_checks(http: Any) -> None:
    """Once all is quiet each shift that lies ahead has the verdict that a check of it gives."""
    listed = (await http.get("/v1/shifts", params={"from": datetime.now(UTC).isoformat()})).json()["items"]
    shifts = [one for one in listed if one["status"] == "booked"]
    fields = ("holder_id", "target", "location", "start", "end")
    checks = [{name: one[name] for name in fields} for one in shifts]
    answer = (await http.post("/v1/eligibility/checks", json={"checks": checks})).json()["checks"]
    assert [one["verdict"] for one in answer] == [one["verdict"] for one in shifts]


def _must_alternate(told: Sequence[ShiftEvent]) -> None:
    by_shift: dict[UUID, list[ShiftEvent]] = {}
    for one in told:
        by_shift.setdefault(one.shift.id, []).append(one)
    for several in by_shift.values():
        kinds = [type(one) for one in several]
        assert kinds == [(ShiftAtRisk, ShiftCleared)[n % 2] for n in range(len(kinds))]
        assert [one.shift.version for one in several] == list(range(1, len(several) + 1))


def _must_be_explained(one: ShiftEvent, timelines: list[EligibilityEvent]) -> None:
    shift = one.shift
    if isinstance(one, ShiftAtRisk):
        assert GRAVITY.index(shift.verdict) > GRAVITY.index(shift.booked_verdict)
        assert shift.since < shift.end
    if shift.timeline_version is None:
        assert {str(reason.code) for reason in shift.reasons} <= {"not_assigned", "unknown_target"}
        return
    keys = {f"{shift.holder_id}/{shift.target}/{place}" for place in (shift.location, "*")}
    matching = [
        line for line in timelines
        if line.key in keys and line.sequence == shift.timeline_version
    ]  # fmt: skip
    assert any(_says(line.eligibility.intervals, one) for line in matching)


def _says(intervals: tuple[Interval, ...], one: ShiftEvent) -> bool:
    shift = one.shift
    within = [
        each for each in intervals
        if (each.start is None or each.start < shift.end) and (each.end is None or each.end > shift.start)
    ]  # fmt: skip
    worst = max((each.verdict for each in within), key=GRAVITY.index)
    reasons = {reason for each in within if each.verdict is worst for reason in each.reasons}
    return (worst, reasons) == (shift.verdict, set(shift.reasons))


async def _repeat_everything(service: Certifications, settings: Any) -> None:
    sources = [
        source for source in create_service(settings).snapshots
        if isinstance(source, Snapshots) and source.topic in {Topic.ELIGIBILITY, Topic.SHIFTS}
    ]  # fmt: skip
    for source in sources:
        cursor: Any = None
        while True:
            async with service.database.transaction(Cause.new(ACTOR)) as tx:
                states, cursor = await source.page(tx.conn, cursor, 20)
                await tx.publish(*states, now=NOW)
            if cursor is None:
                break
