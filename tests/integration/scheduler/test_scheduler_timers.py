"""Timers on a real PostgreSQL: learning, claiming from several instances, and what is kept."""

import asyncio
import random
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest

from licet_chassis.cause import Cause
from licet_chassis.database import Database, Transaction
from licet_chassis.outbox.append import append
from licet_events import encode
from licet_events.credentials import CredentialState, FlagKind
from licet_events.reminders.model import Outcome
from licet_events.schedule import (
    CredentialEffective,
    CredentialExpired,
    CredentialExpiring,
    DeadlineReached,
    InstantReached,
)
from licet_events.waivers import WaiverStatus
from licet_scheduler.app import create_service
from licet_scheduler.settings import SchedulerSettings
from licet_scheduler.timers import commands, store
from support.scheduling.database import ENTRY, Scheduler
from support.scheduling.states import DAY, credential, enrolment, flag, holder, named, term, waiver


def a_year(**changes: Any) -> CredentialState:
    first = term("first", date(2026, 9, 2), date(2026, 12, 31), recorded_at=ENTRY)
    return credential(first, created_at=ENTRY, **changes)


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 9, tzinfo=UTC)


async def test_a_new_credential_is_due_at_its_first_instant_before_anything_is_decided(
    scheduler: Scheduler,
) -> None:
    await scheduler.learn(a_year(), now=at(11, 1))
    assert await scheduler.due() == datetime(2026, 9, 1, 22, tzinfo=UTC)
    assert await scheduler.rows("select 1 from decisions") == []
    assert await scheduler.published() == []


async def test_a_claim_publishes_what_it_decides_and_sets_the_next_instant(scheduler: Scheduler) -> None:
    await scheduler.learn(a_year())
    assert await scheduler.decide(at(9, 2)) == 1
    (event,) = await scheduler.published()
    assert isinstance(event.data, CredentialEffective)
    assert event.source == "/licet/scheduler"
    assert event.time == at(9, 2)
    assert await scheduler.due() == datetime(2026, 10, 1, 22, tzinfo=UTC)
    assert await scheduler.decide(at(9, 2)) == 0


async def test_events_of_one_holder_share_a_partition_and_keep_their_order(scheduler: Scheduler) -> None:
    await scheduler.learn(a_year())
    await scheduler.decide_all(datetime(2027, 2, 1, tzinfo=UTC))
    events = await scheduler.published()
    assert {event.data.partition_key for event in events} == {str(named("holder"))}
    assert [event.data.at for event in events] == sorted(event.data.at for event in events)
    assert len({event.correlation_id for event in events}) == 1


async def test_older_and_repeated_states_change_nothing(scheduler: Scheduler) -> None:
    await scheduler.learn(a_year(version=3))
    await scheduler.apply_holders(holder(version=4))
    kept = """
        select xmin, c::text from credentials c
        union all select xmin, t::text from timers t
        union all select xmin, h::text from holders h
    """
    before = await scheduler.rows(kept)
    await scheduler.learn(a_year(version=3), a_year(version=2, voided=True), a_year(version=1, ladder=(10,)))
    await scheduler.apply_holders(holder(version=3, active=False), holder(version=4))
    assert await scheduler.rows(kept) == before


async def test_the_newest_of_several_states_in_one_batch_wins(scheduler: Scheduler) -> None:
    await scheduler.learn(a_year(version=1), a_year(version=3, voided=True), a_year(version=2))
    assert await scheduler.due() is None


async def test_replaying_a_state_after_decisions_decides_nothing_again(scheduler: Scheduler) -> None:
    await scheduler.learn(a_year())
    await scheduler.decide_all(at(12, 10))
    told = len(await scheduler.published())
    await scheduler.learn(a_year(version=2), now=at(12, 10))
    await scheduler.learn(a_year(), a_year(version=2), now=at(12, 10))
    assert await scheduler.decide(at(12, 10)) == 0
    assert len(await scheduler.published()) == told


async def test_a_renewal_moves_the_timer_to_the_new_end(scheduler: Scheduler) -> None:
    await scheduler.learn(a_year())
    await scheduler.decide_all(at(12, 5))
    first = term("first", date(2026, 9, 2), date(2026, 12, 31), recorded_at=ENTRY)
    second = term("second", date(2027, 1, 1), date(2027, 12, 31), recorded_at=at(12, 6))
    await scheduler.learn(credential(first, second, version=2, created_at=ENTRY), now=at(12, 6))
    told = len(await scheduler.published())
    await scheduler.decide_all(datetime(2027, 9, 30, tzinfo=UTC))
    assert len(await scheduler.published()) == told
    assert await scheduler.due() == datetime(2027, 10, 1, 22, tzinfo=UTC)


async def test_a_revoked_credential_waits_for_nothing(scheduler: Scheduler) -> None:
    await scheduler.learn(a_year(flags=[flag(FlagKind.REVOKED, at(10, 15))]))
    await scheduler.decide_all(at(12, 31))
    assert await scheduler.due() is None
    assert isinstance((await scheduler.told())[-1], DeadlineReached)


async def test_steps_of_an_inactive_holder_are_passed_over_until_reactivation(
    scheduler: Scheduler,
) -> None:
    await scheduler.apply_holders(holder(version=1))
    await scheduler.learn(a_year())
    await scheduler.decide_all(at(10, 3))
    await scheduler.apply_holders(holder(version=2, active=False), now=at(10, 4))
    await scheduler.decide_all(at(12, 5))
    assert [type(data) for data in await scheduler.told()] == [CredentialEffective, CredentialExpiring]
    await scheduler.apply_holders(holder(version=3, active=True), now=at(12, 6))
    assert await scheduler.due() == datetime(2026, 11, 30, 23, tzinfo=UTC)
    await scheduler.decide_all(at(12, 6))
    last = (await scheduler.told())[-1]
    assert isinstance(last, CredentialExpiring)
    assert last.step == 30
    await scheduler.apply_holders(holder(version=4), holder(version=3), now=at(12, 7))
    assert await scheduler.decide(at(12, 7)) == 0


async def test_an_unknown_holder_counts_as_active(scheduler: Scheduler) -> None:
    await scheduler.learn(a_year())
    await scheduler.decide_all(at(10, 3))
    assert isinstance((await scheduler.told())[-1], CredentialExpiring)


async def test_a_claim_that_fails_decides_and_publishes_nothing(scheduler: Scheduler) -> None:
    await scheduler.learn(a_year())
    due = await scheduler.due()

    async def work(tx: Transaction) -> None:
        await commands.decide_due(tx, limit=10, now=at(12, 5))
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await scheduler.database.run(Cause.new("service:scheduler"), work)
    assert await scheduler.due() == due
    assert await scheduler.published() == []
    assert await scheduler.rows("select 1 from decisions") == []


async def test_three_instances_after_ten_days_over_a_change_of_clocks_decide_each_instant_once(
    scheduler: Scheduler,
) -> None:
    generator = random.Random(20261025)  # Europe turns its clocks back on this day
    down, up = datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 10, 30, 12, tzinfo=UTC)
    states = []
    for number in range(2_000):
        zone = generator.choice(("Europe/Berlin", "Europe/London", "America/New_York", "UTC", "Africa/Cairo"))
        begin = date(2026, 9, 2) + generator.randrange(60) * DAY
        end = begin + generator.randrange(10, 100) * DAY
        one = term(f"term {number}", begin, end, time_zone=zone, recorded_at=ENTRY)
        states.append(
            credential(one, name=number, holder=number % 700, ladder=(30, 14, 7, 1, 0, -7), created_at=ENTRY)
        )
    for some in range(0, len(states), 500):
        await scheduler.learn(*states[some : some + 500])
    now = ENTRY
    while now < down:
        await scheduler.decide_all(now)
        now += 5 * DAY
    await scheduler.decide_all(down)
    before = {event.id for event in await scheduler.published()}
    assert await scheduler.decide(down) == 0

    others = [await Database.open(scheduler.url, service="scheduler") for _ in range(3)]
    try:
        async with asyncio.TaskGroup() as tasks:
            for database in others:
                tasks.create_task(Scheduler(database, scheduler.url).decide_all(up, limit=20))
    finally:
        for database in others:
            await database.close()

    events = await scheduler.published()
    assert len(before) < len(events)
    assert len({event.id for event in events}) == len(events)
    decisions = await scheduler.rows("select * from decisions")
    decided = Counter(
        (row["credential_id"], row["term_id"], row["term_revision"], row["kind"], row["step"])
        for row in decisions
    )
    assert set(decided.values()) == {1}
    told = [event.data for event in events]
    for kind, instant in ((CredentialEffective, "starts_at"), (CredentialExpired, "expires_at")):
        assert {data.credential_id for data in told if isinstance(data, kind)} == {
            state.id for state in states if getattr(state.runs[0], instant) <= up
        }
    strictest: dict[Any, int] = {}
    for row in decisions:
        if row["step"] is not None and not row["kind"].startswith("deadline"):
            strictest[row["credential_id"]] = min(row["step"], strictest.get(row["credential_id"], 1000))
    announced = {
        (row["credential_id"], row["step"]) for row in decisions if row["outcome"] == Outcome.ANNOUNCED
    }
    assert set(strictest.items()) <= announced
    assert await scheduler.rows("select 1 from timers where due_at <= $1", up) == []


async def test_a_state_that_arrives_while_its_timer_is_claimed_waits_and_is_applied(
    scheduler: Scheduler,
) -> None:
    await scheduler.learn(a_year())
    claimed, may_commit = asyncio.Event(), asyncio.Event()

    async def claim(tx: Transaction) -> None:
        await commands.decide_due(tx, limit=10, now=at(12, 5))
        claimed.set()
        await may_commit.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(scheduler.database.run(Cause.new("service:scheduler"), claim))
        await claimed.wait()
        learning = tasks.create_task(scheduler.learn(a_year(version=2, ladder=(3,)), now=at(12, 5)))
        await _until_somebody_waits(scheduler)
        may_commit.set()
        await learning
    assert await scheduler.due() == datetime(2026, 12, 27, 23, tzinfo=UTC)


async def _until_somebody_waits(scheduler: Scheduler) -> None:
    # The server gives no signal of it.
    while not await scheduler.rows("select 1 from pg_locks where not granted"):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_backfill_repeats_announcements_with_the_same_ids_and_bytes(
    scheduler: Scheduler, database_url: str
) -> None:
    suspended = flag(FlagKind.SUSPENDED, at(10, 15), at(11, 15))
    await scheduler.learn(a_year(flags=[suspended]))
    for now in (at(9, 3), at(10, 20), at(12, 20), datetime(2027, 2, 1, tzinfo=UTC)):
        await scheduler.decide_all(now)
    bytes_of = "select topic, partition_key, record_key, headers, value from outbox order by id"
    first = await scheduler.rows(bytes_of)
    assert len({type(event.data) for event in await scheduler.published()}) == 5
    await scheduler.rows("delete from outbox")
    (source,) = create_service(settings(database_url)).snapshots
    cursor: Any = None
    again: list[Any] = []
    async with scheduler.database.transaction(Cause.new("backfill")) as tx:
        more = True
        while more:
            events, cursor = await source.page(tx.conn, cursor, 3)
            again += events
            more = cursor is not None
        await append(tx.conn, [encode(event) for event in again])
    assert await scheduler.rows(bytes_of) == first


async def test_a_backfill_leaves_out_events_older_than_the_retention_of_the_topic(
    scheduler: Scheduler,
) -> None:
    await scheduler.learn(a_year())
    await scheduler.decide_all(at(12, 20))
    await scheduler.rows("update decisions set recorded_at = recorded_at - interval '31 days'")
    async with scheduler.database.reading() as conn:
        assert await store.page_announced(conn, None, 10) == ([], None)


async def test_the_clock_sees_what_is_due_and_what_comes_next(scheduler: Scheduler) -> None:
    await scheduler.learn(a_year(), a_year().model_copy(update={"id": named("other")}))
    async with scheduler.database.reading() as conn:
        assert await store.count_due(conn, ENTRY) == 0
        assert await store.next_due(conn, ENTRY) == datetime(2026, 9, 1, 22, tzinfo=UTC)
        assert await store.count_due(conn, at(9, 2)) == 2
        assert await store.next_due(conn, at(9, 2)) is None


def settings(database_url: str) -> SchedulerSettings:
    return SchedulerSettings(
        database_url=database_url,
        kafka_url="127.0.0.1:9",
        issuer_url="http://127.0.0.1:9",
    )


async def test_an_enrolment_has_its_timer_beside_those_of_credentials(scheduler: Scheduler) -> None:
    await scheduler.learn(a_year())
    await scheduler.apply_enrolments(enrolment(deadline_at=at(10, 20), created_at=ENTRY))
    assert await scheduler.due("enrolment") == at(9, 20)
    await scheduler.apply_enrolments(enrolment(deadline_at=at(9, 30), created_at=ENTRY, version=2))
    await scheduler.apply_enrolments(enrolment(deadline_at=at(12, 30), created_at=ENTRY, version=1))
    await scheduler.decide_all(ENTRY)  # 30 days before lies before the application
    assert await scheduler.due("enrolment") == at(9, 23)
    await scheduler.decide_all(at(9, 30))
    (event,) = [each for each in await scheduler.published() if isinstance(each.data, InstantReached)]
    assert (event.data.instant, event.data.at, event.data.about_version) == ("deadline", at(9, 30), 2)
    assert event.data.key == f"{named('holder')}/enrolment/{named('enrolment')}"
    assert event.data.partition_key == str(named("holder"))
    await scheduler.decide_all(at(10, 30))
    assert len([each for each in await scheduler.told() if isinstance(each, InstantReached)]) == 1


async def test_a_backfill_repeats_announcements_of_enrolments_unchanged(scheduler: Scheduler) -> None:
    await scheduler.apply_enrolments(
        enrolment(deadline_at=at(10, 20), window_opens_at=at(9, 1), created_at=ENTRY)
    )
    await scheduler.decide_all(at(10, 20))
    published = await scheduler.published()
    async with scheduler.database.reading() as conn:
        again, _ = await store.page_announced(conn, None, 100)
    assert [encode(event) for event in again] == [encode(event) for event in published]
    assert len(again) == 2


async def test_the_end_of_a_granted_waiver_comes_once_and_is_repeated_as_it_was(scheduler: Scheduler) -> None:
    await scheduler.apply_waivers(waiver(ends_at=at(10, 20)))
    assert await scheduler.due("waiver") == at(10, 20)
    await scheduler.decide_all(at(10, 20))
    await scheduler.apply_waivers(waiver(ends_at=at(10, 20), version=3, status=WaiverStatus.ENDED))
    await scheduler.decide_all(at(11, 20))
    published = await scheduler.published()
    (event,) = published
    assert isinstance(event.data, InstantReached)
    assert (event.data.about, event.data.about_id, event.data.instant) == ("waiver", named("waiver"), "end")
    async with scheduler.database.reading() as conn:
        again, _ = await store.page_announced(conn, None, 100)
    assert [encode(each) for each in again] == [encode(each) for each in published]


async def test_a_waiver_that_was_revoked_has_no_end_to_come(scheduler: Scheduler) -> None:
    await scheduler.apply_waivers(waiver(ends_at=at(10, 20)))
    await scheduler.apply_waivers(waiver(ends_at=at(9, 20), version=3, status=WaiverStatus.REVOKED))
    await scheduler.decide_all(at(11, 20))
    assert await scheduler.published() == []


async def test_no_enrolment_of_an_erased_holder_comes_due(scheduler: Scheduler) -> None:
    await scheduler.apply_enrolments(enrolment(deadline_at=at(10, 20), created_at=ENTRY))
    async with scheduler.database.transaction(Cause.new("service:scheduler")) as tx:
        await commands.forget_holder(tx, named("holder"), at(9, 1))
    await scheduler.decide_all(at(11, 1))
    assert await scheduler.published() == []
    assert await scheduler.rows("select 1 from credentials union all select 1 from timers") == []
