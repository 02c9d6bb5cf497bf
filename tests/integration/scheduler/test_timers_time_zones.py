"""A newer edition of the time zone database: steps are derived again, and none is announced twice."""

from datetime import UTC, date, datetime

from licet_chassis.clock import BusinessClock
from licet_chassis.rederiving import Rederiving
from licet_events.credentials import CredentialState
from licet_events.schedule import CredentialExpired
from licet_scheduler.timers.rederiving import PLANS
from support.editions import old_edition
from support.scheduling.database import ENTRY, Scheduler
from support.scheduling.states import credential, term

NOW = datetime(2026, 12, 2, tzinfo=UTC)


class StandingClock(BusinessClock):
    """Business time that stands still."""

    def now(self) -> datetime:
        return NOW


def licence(version: int = 1) -> CredentialState:
    there = term("first", date(2026, 1, 2), date(2026, 12, 31), time_zone="America/Vancouver")
    return credential(there, created_at=ENTRY, version=version)


async def test_steps_are_derived_again_and_none_is_announced_twice(scheduler: Scheduler) -> None:
    with old_edition():
        await scheduler.learn(licence())
        await scheduler.decide_all(NOW)
        assert await scheduler.due() == datetime(2026, 12, 24, 8, tzinfo=UTC)  # 7 days before
    announced = len(await scheduler.published())
    rederiving = Rederiving((PLANS,), scheduler.database, StandingClock(movable=False))
    while await rederiving.step():
        pass
    assert await scheduler.due() == datetime(2026, 12, 24, 7, tzinfo=UTC)
    await scheduler.learn(licence(version=2))  # as the correction of its owner tells it
    await scheduler.decide_all(NOW)
    assert len(await scheduler.published()) == announced
    await scheduler.decide_all(datetime(2027, 1, 1, 7, tzinfo=UTC))
    assert isinstance((await scheduler.told())[-1], CredentialExpired)
