"""Holders are enrolled by rule once they gain what a programme names, and never twice for it."""

from typing import Any

import httpx
import pytest

from licet_certifications.app import ACTOR, forget_holder
from licet_certifications.entry.following import EntryByRule
from licet_chassis.cause import Cause
from licet_events.enrolments import EnrolmentOpened
from licet_events.holders import HolderSnapshot, HolderUpdated

from .conftest import Certifications, credential, holder
from .test_programmes import defined, drafted, published, type_told


async def work_off(service: Certifications) -> None:
    follower = EntryByRule(service.database, service.runtime.clock, ACTOR)
    while await follower.step():
        pass


async def opened(service: Certifications) -> list[tuple[int, str]]:
    """Return who was enrolled in what since the last call."""
    await work_off(service)
    events = [event.data for event in await service.published()]
    return [
        (event.enrolment.holder_id.int, event.enrolment.programme)
        for event in events
        if isinstance(event, EnrolmentOpened)
    ]


async def ruled(http: httpx.AsyncClient, code: str = "food-safety", number: int = 1, **entry: Any) -> None:
    """Publish a version that enrols by rule."""
    if number == 1:
        await defined(http, code)
    await drafted(http, code, entry=entry)
    answer = await published(http, number, code)
    assert answer.status_code == 200, answer.text


@pytest.fixture
async def types(service: Certifications) -> None:
    await service.tell(type_told())


async def test_whoever_gains_a_role_is_enrolled_with_its_cause(http, service, types):
    await ruled(http, roles=["cook"])
    await service.tell(holder(1, roles=("waiter",)))
    assert await opened(service) == []
    [told] = await service.tell(HolderUpdated(holder=holder(1, version=2, roles=("waiter", "cook"))))
    await work_off(service)
    [event] = [one for one in await service.published() if isinstance(one.data, EnrolmentOpened)]
    assert event.data.enrolment.entry == "rule"
    assert event.data.enrolment.status == "in_progress"
    assert event.correlation_id == told.correlation_id


async def test_a_queue_and_a_credential_type_enrol_too(http, service, types):
    await ruled(http, queues=["claims"], credential_types=["licence"])
    await service.tell(holder(1, roles=(), queues=("claims",)))
    assert await opened(service) == [(1, "food-safety")]
    await service.tell(credential(7, 2))
    assert await opened(service) == []  # nothing is known of the holder yet
    await service.tell(holder(2, roles=()))
    assert await opened(service) == [(2, "food-safety")]


async def test_nobody_is_enrolled_twice_after_a_replay_or_a_backfill(http, service, types):
    await ruled(http, roles=["forklift"])
    events = await service.tell(holder(1))
    assert await opened(service) == [(1, "food-safety")]
    await service.tell_batch(*events)
    await service.tell(HolderSnapshot(holder=holder(1)))
    await service.tell(HolderUpdated(holder=holder(1, version=2, location="oslo")))
    assert await opened(service) == []


async def test_somebody_who_loses_and_regains_a_role_is_asked_again(http, service, types, token):
    await ruled(http, roles=["forklift"])
    await service.tell(holder(1))
    assert len(await opened(service)) == 1
    async with service.database.reading() as conn:
        await conn.execute("delete from enrolments")
    await service.tell(HolderUpdated(holder=holder(1, version=2, roles=())))
    assert await opened(service) == []
    await service.tell(HolderUpdated(holder=holder(1, version=3)))
    assert await opened(service) == [(1, "food-safety")]


async def test_a_new_rule_enrols_those_who_have_the_role_and_an_old_one_nobody_again(
    http, service, types, monkeypatch
):
    monkeypatch.setattr("licet_certifications.entry.following._HOLDERS_A_STEP", 2)
    await service.tell(*(holder(number) for number in range(1, 6)), holder(6, active=False))
    assert await opened(service) == []
    await ruled(http, roles=["forklift"])
    assert sorted(await opened(service)) == [(number, "food-safety") for number in range(1, 6)]
    await ruled(http, number=2, roles=["forklift"], queues=["claims"])
    async with service.database.reading() as conn:
        rows = await conn.fetch("select triggers from entry_publications")
    assert [list(row["triggers"]) for row in rows] == [["queue:claims"]]
    assert await opened(service) == []


async def test_whoever_does_not_meet_what_comes_first_is_not_enrolled(http, service, types):
    await ruled(http, roles=["forklift"], required_credentials=["licence"])
    await service.tell(holder(1))
    assert await opened(service) == []
    async with service.database.reading() as conn:
        assert await conn.fetchval("select count(*) from entry_gains") == 0


async def test_what_no_rule_names_is_not_kept(service):
    await service.tell(*(holder(number) for number in range(1, 5)))
    await work_off(service)
    async with service.database.reading() as conn:
        assert await conn.fetchval("select count(*) from entry_gains") == 0


async def test_an_erased_holder_gains_nothing(http, service, types):
    await ruled(http, roles=["forklift"])
    await service.tell(holder(1))
    async with service.database.transaction(Cause.new("user:t")) as tx:
        await forget_holder(tx, holder(1).id, service.runtime.clock.now())
    assert await opened(service) == []
