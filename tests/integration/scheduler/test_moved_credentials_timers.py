"""A credential that was moved to another holder keeps its decisions and goes on under the new one."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from licet_events.credentials import CredentialMoved, CredentialState
from licet_events.schedule import CredentialExpiring
from support.scheduling.database import ENTRY, Scheduler
from support.scheduling.states import credential, holder, named, term

LEFT = CredentialMoved(holder_id=named("holder"), credential_id=named("credential"))
STEP_30 = datetime(2026, 11, 30, 23, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 15, tzinfo=UTC)


def a_year(**changes: Any) -> CredentialState:
    first = term("first", date(2026, 9, 2), date(2026, 12, 31), recorded_at=ENTRY)
    return credential(first, created_at=ENTRY, **changes)


ARRIVED = a_year(version=2, holder="another")


@pytest.mark.parametrize("order", ["state first", "end first", "at once"])
async def test_decisions_stay_and_later_steps_go_to_the_new_holder(scheduler: Scheduler, order: str) -> None:
    await scheduler.apply_holders(holder(), holder("another"))
    await scheduler.learn(a_year())
    await scheduler.decide_all(NOVEMBER)
    told = len(await scheduler.told())
    assert told == 3  # effective, 90 and 60 days

    if order == "state first":
        await scheduler.learn(ARRIVED, now=NOVEMBER)
        await scheduler.end(LEFT, now=NOVEMBER)
    elif order == "end first":
        await scheduler.end(LEFT, now=NOVEMBER)
        await scheduler.learn(ARRIVED, now=NOVEMBER)
    else:
        await scheduler.learn(ARRIVED, moved=[LEFT], now=NOVEMBER)

    assert await scheduler.due() == STEP_30
    await scheduler.decide_all(STEP_30)
    *_, last = events = await scheduler.told()
    assert len(events) == told + 1
    assert isinstance(last, CredentialExpiring)
    assert (last.holder_id, last.step, last.credential_version) == (named("another"), 30, 2)


async def test_between_the_end_of_its_key_and_its_new_state_nothing_is_due(scheduler: Scheduler) -> None:
    await scheduler.learn(a_year())
    await scheduler.end(LEFT, now=NOVEMBER)
    assert await scheduler.decide(NOVEMBER) == 0
    assert await scheduler.rows("select 1 from timers") == []
    assert await scheduler.told() == []


async def test_an_old_tombstone_takes_nothing_from_the_new_holder(scheduler: Scheduler) -> None:
    await scheduler.learn(ARRIVED)
    await scheduler.end(LEFT, now=NOVEMBER)
    await scheduler.learn(a_year(), now=NOVEMBER)
    [row] = await scheduler.rows("select version, holder_id from credentials")
    assert (row["version"], row["holder_id"]) == (2, named("another"))
    assert await scheduler.due() is not None
