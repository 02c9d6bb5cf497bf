"""Booked shifts: by request and by topic, at risk and cleared, each change told once."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from licet_certifications.app import ACTOR, create_service, resolve_bookings
from licet_certifications.consumers import FACTS
from licet_certifications.shifts.consumer import BOOKINGS
from licet_chassis.cause import Cause
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.http.auth import Principal
from licet_events import Event, EventData, encode
from licet_events.credentials import FlagKind, FlagState
from licet_events.holders import HolderErased, HolderMerged
from licet_events.shifts import (
    BookingEvent,
    ClearedBy,
    ShiftAtRisk,
    ShiftBooked,
    ShiftCancelled,
    ShiftChanged,
    ShiftCleared,
)
from support.consuming import raw
from support.searching.tables import search_database

from .conftest import NOW, Certifications, credential, event_of, holder, run

TODAY = datetime.now(UTC).date()
VALID = run(date(2026, 1, 1), TODAY + timedelta(days=400))
START = datetime.now(UTC).replace(microsecond=0) + timedelta(days=10)
END = START + timedelta(hours=8)


def suspended(version: int, *, until: datetime | None = None) -> Any:
    flag = FlagState(
        id=UUID(int=77), kind=FlagKind.SUSPENDED, effective_from=NOW, until=until, reason="under_review"
    )
    return credential(2, 1, VALID, version=version, flags=(flag,))


def body(**changes: Any) -> dict[str, Any]:
    told = {"holder_id": str(UUID(int=1)), "target": "role:forklift", "location": "*"}
    return {**told, "start": START.isoformat(), "end": END.isoformat(), **changes}


def booked(kind: type[BookingEvent] = ShiftBooked, revision: int = 1, **changes: Any) -> BookingEvent:
    told: dict[str, Any] = {
        "platform": "roster", "external_id": "S1", "holder_id": UUID(int=1), "revision": revision,
        "occurred_at": NOW,
    }  # fmt: skip
    if kind is not ShiftCancelled:
        told |= {"target": "role:forklift", "start": START, "end": END}
    return kind(**{**told, **changes})


@dataclass
class Platform:
    """A scheduling platform that writes to the topic of bookings."""

    service: Certifications

    async def report(self, *events: BookingEvent) -> None:
        dispatcher = Dispatcher(
            BOOKINGS, self.service.database, self.service.runtime.clock, "certifications", None
        )
        for data in events:
            event: Event[EventData] = Event.of(
                data, source="/roster", time=NOW, recorded_time=NOW, correlation_id=str(uuid4())
            )
            async with self.service.database.transaction(Cause.new(ACTOR)) as tx:
                await dispatcher.dispatch(tx, event)

    async def told(self) -> list[ShiftAtRisk | ShiftCleared]:
        return [
            event.data
            for event in await self.service.published()
            if isinstance(event.data, ShiftAtRisk | ShiftCleared)
        ]


@pytest.fixture
async def platform(service: Certifications) -> Platform:
    await service.require()
    await service.tell(holder(1, external_id="E-1"), credential(2, 1, VALID))
    await service.work_off()
    return Platform(service)


async def test_a_shift_comes_at_risk_and_is_cleared_once_per_change(service, platform, http):
    answer = await http.put("/v1/shifts/S1", json=body())
    assert answer.status_code == 201
    assert (answer.json()["verdict"], answer.json()["at_risk"]) == ("eligible", False)
    await service.work_off()
    assert await platform.told() == []

    await service.tell(suspended(2))
    await service.work_off()
    (at_risk,) = await platform.told()
    assert isinstance(at_risk, ShiftAtRisk)
    assert at_risk.key == f"{UUID(int=1)}/{at_risk.shift.id}"
    assert [str(reason.code) for reason in at_risk.shift.reasons] == ["suspended"]
    assert (at_risk.shift.booked_verdict, at_risk.shift.verdict) == ("eligible", "ineligible")

    # Another change that leaves the verdict as it is tells nothing.
    await service.tell(credential(3, 1, VALID, type="another"), suspended(3, until=END + timedelta(days=1)))
    await service.work_off()
    assert await platform.told() == []
    listed = (await http.get("/v1/shifts", params={"at_risk": True})).json()["items"]
    assert [(one["external_id"], one["at_risk"]) for one in listed] == [("S1", True)]

    await service.tell(credential(2, 1, VALID, version=4))
    await service.work_off()
    (cleared,) = await platform.told()
    assert isinstance(cleared, ShiftCleared)
    assert (cleared.cleared_by, cleared.shift.version) == (ClearedBy.VERDICT, 2)
    assert (await http.get("/v1/shifts", params={"at_risk": True})).json()["items"] == []


async def test_the_same_booking_again_changes_nothing(service, platform, http):
    first = await http.put("/v1/shifts/S1", json=body())
    again = await http.put("/v1/shifts/S1", json=body())
    assert (again.status_code, again.json()) == (200, first.json())


async def test_events_count_by_revision_in_whatever_order_they_arrive(service, platform, http):
    later = booked(ShiftChanged, 3, end=END + timedelta(hours=1))
    await platform.report(later, booked(), booked(ShiftChanged, 2), later)
    shown = (await http.get("/v1/shifts/S1", params={"platform": "roster"})).json()
    assert datetime.fromisoformat(shown["end"]) == END + timedelta(hours=1)
    assert shown["version"] == 1


async def test_a_cancellation_that_arrives_first_keeps_its_booking_out(service, platform, http):
    await platform.report(booked(ShiftCancelled, 2))
    assert (await http.get("/v1/shifts/S1", params={"platform": "roster"})).status_code == 404
    await platform.report(booked())
    assert (await http.get("/v1/shifts/S1", params={"platform": "roster"})).status_code == 404
    assert (await http.get("/v1/shifts")).json()["items"] == []
    await platform.report(booked(revision=3))
    assert len((await http.get("/v1/shifts")).json()["items"]) == 1


async def test_a_shift_at_risk_that_is_cancelled_or_changed_is_cleared_for_that(service, platform, http):
    await platform.report(booked())
    await service.work_off()
    await service.tell(suspended(2, until=END))
    await service.work_off()
    assert [type(one) for one in await platform.told()] == [ShiftAtRisk]
    # A booking that only moves is compared with what it was booked with before.
    await platform.report(booked(ShiftChanged, 2, end=END - timedelta(hours=1)))
    told = await platform.told()
    assert [type(one) for one in told] == [ShiftCleared, ShiftAtRisk]
    assert told[0].cleared_by is ClearedBy.CHANGED
    await platform.report(booked(ShiftChanged, 3, start=END, end=END + timedelta(hours=8)))
    assert [type(one) for one in await platform.told()] == [ShiftCleared]
    await platform.report(booked(ShiftChanged, 4))
    assert [type(one) for one in await platform.told()] == [ShiftAtRisk]
    await platform.report(booked(ShiftCancelled, 5))
    (cleared,) = await platform.told()
    assert cleared.cleared_by is ClearedBy.CANCELLED
    assert cleared.shift.version == 6
    await service.tell(credential(2, 1, VALID, version=9))
    await service.work_off()
    assert await platform.told() == []


async def test_a_shift_that_is_over_is_never_at_risk(service, platform, http):
    start = datetime.now(UTC) - timedelta(days=2)
    await platform.report(booked(start=start, end=start + timedelta(hours=8)))
    await service.tell(suspended(2))
    await service.work_off()
    assert await platform.told() == []
    assert not (await http.get("/v1/shifts/S1", params={"platform": "roster"})).json()["at_risk"]


async def test_a_booking_of_an_unknown_holder_waits_until_there_is_one(service, platform, http):
    await platform.report(
        booked(holder_id=None, holder_external_id="E-9"), booked(external_id="S2", holder_id=UUID(int=9))
    )
    await service.work_off()
    assert {one["status"] for one in (await http.get("/v1/shifts")).json()["items"]} == {"holder_unknown"}
    await service.tell(holder(9, external_id="E-9"), credential(8, 9, VALID))
    await service.work_off()
    while await resolve_bookings(service.runtime):
        await service.work_off()
    shown = (await http.get("/v1/shifts")).json()["items"]
    assert {(one["status"], one["verdict"], one["holder_id"]) for one in shown} == {
        ("booked", "eligible", str(UUID(int=9)))
    }
    assert await platform.told() == []


async def test_a_booking_before_its_holders_licence_is_known_is_watched_all_the_same(service, platform):
    await service.tell(holder(5))
    await service.work_off()
    await platform.report(booked(holder_id=UUID(int=5)))
    await service.tell(credential(6, 5, VALID))
    await service.work_off()
    await service.tell(credential(6, 5, VALID, version=2, voided=True))
    await service.work_off()
    assert [type(one) for one in await platform.told()] == [ShiftAtRisk]


async def test_shifts_of_a_merged_holder_become_those_of_the_other(service, platform, http):
    await platform.report(booked())
    await service.tell(holder(9), credential(8, 9, VALID))
    await service.work_off()
    merged = holder(1, 2, active=False, roles=(), merged_into=UUID(int=9), external_id="E-1")
    await service.tell(HolderMerged(holder=merged, into=UUID(int=9)))
    await service.work_off()
    shown = (await http.get("/v1/shifts/S1", params={"platform": "roster"})).json()
    assert (shown["holder_id"], shown["verdict"], shown["at_risk"]) == (str(UUID(int=9)), "eligible", False)
    assert await platform.told() == []
    await platform.report(booked(external_id="S2"))
    shown = (await http.get("/v1/shifts/S2", params={"platform": "roster"})).json()
    assert shown["holder_id"] == str(UUID(int=9))


@pytest.mark.parametrize(
    ("changes", "status", "pointer"),
    [
        ({"end": START.isoformat()}, 422, "/end"),
        ({"holder_id": str(UUID(int=404))}, 404, "/holder_id"),
        ({"holder_id": None, "holder_external_id": "nobody"}, 404, "/holder_external_id"),
        ({"target": "role:juggler"}, 422, "/target"),
        ({"target": "juggler"}, 422, "/target"),
        ({"holder_external_id": "E-1"}, 422, ""),
        ({"end": "2026-13-01T00:00:00Z"}, 422, "/end"),
    ],
)
async def test_a_bad_booking_is_refused_precisely_and_changes_nothing(
    service, platform, http, changes, status, pointer
):
    answer = await http.put("/v1/shifts/S1", json=body(**changes))
    assert answer.status_code == status, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await http.get("/v1/shifts")).json()["items"] == []


async def test_a_malformed_booking_is_parked_alone_and_holds_up_no_other_of_its_holder(
    service, platform, http
):
    dispatcher = Dispatcher(BOOKINGS, service.database, service.runtime.clock, "certifications", None)
    good = [
        encode(
            Event.of(
                booked(external_id=name), source="/roster", time=NOW, recorded_time=NOW, correlation_id=name
            )
        )
        for name in ("S1", "S2")
    ]
    bad = replace(good[0], value=b"{}")
    await dispatcher.handle([raw(one, offset) for offset, one in enumerate((bad, good[0]))], "cluster")
    await dispatcher.handle([raw(good[1], 2)], "cluster")
    async with service.database.reading() as conn:
        assert await conn.fetchval("select count(*) from parked") == 1
    shown = (await http.get("/v1/shifts")).json()["items"]
    assert {one["external_id"] for one in shown} == {"S1", "S2"}


def test_an_event_of_a_shift_that_ends_before_it_starts_does_not_decode():
    with pytest.raises(ValueError, match="the end of a shift must be after its start"):
        booked(end=START)
    with pytest.raises(ValueError, match="holder_id or holder_external_id"):
        booked(ShiftCancelled, holder_id=None)


async def test_of_an_erased_holder_no_shift_stays_and_none_arrives(service, platform, http, settings):
    await platform.report(
        booked(), booked(external_id="S2"), booked(external_id="S3", holder_id=None, holder_external_id="E-1")
    )
    await service.tell(suspended(2))
    await service.work_off()
    await platform.report(booked(ShiftChanged, 2, external_id="S2", holder_id=UUID(int=404)))
    keys = {one.key for one in await platform.told()}
    assert len(keys) == 3
    dispatcher = Dispatcher(
        FACTS, service.database, service.runtime.clock, "certifications", create_service(settings).erase
    )
    async with service.database.transaction(Cause.new(ACTOR)) as tx:
        await dispatcher.dispatch(tx, event_of(HolderErased(holder_id=UUID(int=1))))
    await platform.report(booked(external_id="S4"))
    ended = [one.data.key for one in await service.published() if isinstance(one.data, HolderErased)]
    assert sorted(ended) == sorted(keys)
    async with service.database.reading() as conn:
        found = await search_database(conn, [str(UUID(int=1)), "E-1"], without=["erased_holders", "outbox"])
        assert [each.where for each in found] == []
    answer = await http.put("/v1/shifts/S5", json=body())
    assert answer.status_code == 410


async def test_a_narrowed_token_books_and_sees_its_own_people_only(service, platform, http, token):
    await service.tell(holder(3, team="north"), holder(4, team="south"))
    await service.work_off()
    await http.put("/v1/shifts/S3", json=body(holder_id=str(UUID(int=3))))
    await http.put("/v1/shifts/S4", json=body(holder_id=str(UUID(int=4))))
    token.principal = Principal("ada", token.principal.scopes, teams=frozenset({"north"}))
    assert [one["external_id"] for one in (await http.get("/v1/shifts")).json()["items"]] == ["S3"]
    assert (await http.get("/v1/shifts/S4")).status_code == 404
    assert (await http.put("/v1/shifts/S9", json=body(holder_id=str(UUID(int=4))))).status_code == 404
    taken = await http.put("/v1/shifts/S4", json=body(holder_id=str(UUID(int=3))))
    assert taken.status_code == 403
    assert (await http.delete("/v1/shifts/S4")).status_code == 403
    assert (await http.delete("/v1/shifts/S3")).status_code == 204
    assert (await http.get("/v1/shifts/S3")).json()["status"] == "cancelled"
    assert (await http.delete("/v1/shifts/S3")).status_code == 204


async def test_shifts_are_listed_by_what_is_asked_in_pages_and_as_csv(
    service, platform, http: httpx.AsyncClient
):
    for number in range(5):
        start = START + timedelta(days=number)
        told = body(start=start.isoformat(), end=(start + timedelta(hours=8)).isoformat())
        await http.put(f"/v1/shifts/S{number}", json=told)
    page = (await http.get("/v1/shifts", params={"limit": 2})).json()
    rest = (await http.get("/v1/shifts", params={"limit": 3, "cursor": page["next_cursor"]})).json()
    ids = [one["external_id"] for one in (*page["items"], *rest["items"])]
    assert ids == ["S0", "S1", "S2", "S3", "S4"]
    assert rest["next_cursor"] is None
    day = (START + timedelta(days=2)).date().isoformat()
    whole = await http.put("/v1/shifts/S2", json=body(start=day, end=day))
    assert whole.json()["start"] == f"{day}T00:00:00Z"
    assert whole.json()["end"] == f"{(START + timedelta(days=3)).date()}T00:00:00Z"
    of_day = (await http.get("/v1/shifts", params={"from": day, "to": day})).json()["items"]
    assert "S2" in [one["external_id"] for one in of_day]
    assert "S4" not in [one["external_id"] for one in of_day]
    wanted: dict[str, str | bool] = {
        "target": "role:forklift",
        "holder_id": str(UUID(int=1)),
        "location": "*",
        "at_risk": False,
    }
    assert len((await http.get("/v1/shifts", params=wanted)).json()["items"]) == 5
    text = (await http.get("/v1/shifts", headers={"Accept": "text/csv"})).text
    assert len(text.splitlines()) == 6
