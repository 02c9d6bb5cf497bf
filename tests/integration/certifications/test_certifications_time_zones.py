"""A newer edition of the time zone database: periods and timelines are derived again, once."""

from datetime import UTC, date, datetime
from uuid import UUID

from licet_certifications.rederiving.sources import SOURCES
from licet_certifications.waivers import commands
from licet_certifications.waivers.model import DEFAULT_DAYS, Limits, Period, WaiverRequest
from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.rederiving import Rederiving, read_progress
from licet_events.catalogue import RequirementChanged
from licet_events.eligibility import EligibilityChanged
from licet_events.waivers import WaiverCorrected, WaiverReason
from support.editions import OLD, old_edition

from .conftest import credential, holder, run

VANCOUVER, LAST = "America/Vancouver", date(2026, 12, 31)
BEFORE, AFTER = datetime(2027, 1, 1, 8, tzinfo=UTC), datetime(2027, 1, 1, 7, tzinfo=UTC)
NOW = datetime(2026, 12, 2, tzinfo=UTC)
HOLDER = UUID(int=1)


class StandingClock(BusinessClock):
    """Business time that stands still."""

    def now(self):
        return NOW


async def finish(service):
    job = Rederiving(SOURCES, service.database, StandingClock(movable=False), page_size=1)
    while await job.step():
        pass


async def granted(service, requirement):
    asked = WaiverRequest(
        HOLDER,
        requirement.id,
        WaiverReason.RENEWAL_IN_PROGRESS,
        Period(starts_on=date(2026, 12, 1), ends_on=LAST),
    )
    async with service.database.transaction(Cause.new("user:ada")) as tx:
        waiver = await commands.ask_for_waiver(
            tx, asked, limits=Limits(DEFAULT_DAYS), time_zone=VANCOUVER, now=NOW
        )
    async with service.database.transaction(Cause.new("user:bea")) as tx:
        return await commands.approve(tx, waiver.state.id, note=None, now=NOW)


async def test_periods_and_timelines_are_derived_again_with_one_correction_each(service):
    with old_edition():
        await service.tell(holder(1))
        requirement = await service.require(time_zone=VANCOUVER, effective_until=LAST)
        await service.tell(credential(2, 1, run(date(2026, 1, 1), date(2027, 5, 1))))
        waiver = await granted(service, requirement)
        await finish(service)
        await service.work_off()
        assert (requirement.ends_at, waiver.state.ends_at) == (BEFORE, BEFORE)
    await service.published()
    await finish(service)
    await service.work_off()
    told = [event.data for event in await service.published()]
    (changed,) = [data for data in told if isinstance(data, RequirementChanged)]
    assert (changed.requirement.ends_at, changed.requirement.version) == (AFTER, 2)
    (corrected,) = [data for data in told if isinstance(data, WaiverCorrected)]
    assert (corrected.waiver.ends_at, corrected.reason) == (AFTER, "time_zones")
    timelines = [data for data in told if isinstance(data, EligibilityChanged)]
    assert len(timelines) == 1
    edges = {interval.start for interval in timelines[0].eligibility.intervals}
    assert AFTER in edges
    assert BEFORE not in edges
    async with service.database.reading() as conn:
        ends = await conn.fetch("select (state ->> 'ends_at')::timestamptz as at from requirement_versions")
        assert {row["at"] for row in ends} == {AFTER}
        assert await conn.fetchval("select ends_at from waivers") == AFTER
        progress = await read_progress(conn)
        assert progress.done
        assert progress.edition != OLD
    await finish(service)
    await service.work_off()
    assert await service.published() == []
