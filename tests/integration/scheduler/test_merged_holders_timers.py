"""What came due while a record was merged is announced once for the holder that is left, and not twice."""

from datetime import UTC, date, datetime
from typing import Any

from licet_events.credentials import CredentialState
from licet_events.schedule import CredentialEffective, CredentialExpiring
from support.scheduling.database import ENTRY, Scheduler
from support.scheduling.states import credential, holder, named, term


def a_year(**changes: Any) -> CredentialState:
    first = term("first", date(2026, 9, 2), date(2026, 12, 31), recorded_at=ENTRY)
    return credential(first, created_at=ENTRY, **changes)


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 9, tzinfo=UTC)


async def test_a_step_reached_between_the_merge_and_the_move_is_announced_after_the_move(
    scheduler: Scheduler,
) -> None:
    """Holders and credentials are told on topics of their own: the merge may be known first."""
    await scheduler.apply_holders(holder(version=1), holder("another"))
    await scheduler.learn(a_year())
    await scheduler.decide_all(at(10, 3))
    await scheduler.apply_holders(
        holder(version=2, active=False).model_copy(update={"merged_into": named("another")})
    )
    await scheduler.decide_all(at(12, 1))
    assert [type(data) for data in await scheduler.told()] == [CredentialEffective, CredentialExpiring]

    await scheduler.learn(a_year(version=2, holder="another"), now=at(12, 2))
    await scheduler.decide_all(at(12, 2))
    last = (await scheduler.told())[-1]
    assert isinstance(last, CredentialExpiring)
    assert (last.step, last.holder_id) == (30, named("another"))
    assert len(await scheduler.told()) == 3


async def test_a_step_that_was_announced_before_the_merge_is_not_announced_again(
    scheduler: Scheduler,
) -> None:
    await scheduler.apply_holders(holder(version=1), holder("another"))
    await scheduler.learn(a_year())
    await scheduler.decide_all(at(12, 1))
    told = len(await scheduler.told())
    await scheduler.apply_holders(holder(version=2, active=False))
    await scheduler.learn(a_year(version=2, holder="another"), now=at(12, 2))
    assert await scheduler.decide(at(12, 2)) == 0
    assert len(await scheduler.told()) == told
