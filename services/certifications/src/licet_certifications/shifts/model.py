"""Booked shifts: which report counts, and when a shift comes at risk and is cleared.

A shift is compared with the best verdict it has had since it was booked. So a booking that was made a moment
before its holder's licence became known is watched like any other.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self
from uuid import UUID

from licet_events.eligibility import Reason, Verdict
from licet_events.ids import derived_id
from licet_events.shifts import ClearedBy, ShiftAtRisk, ShiftCleared, ShiftEvent, ShiftState

_GRAVITY = {verdict: gravity for gravity, verdict in enumerate(Verdict)}


def shift_id(platform: str, external_id: str) -> UUID:
    """Return the id of a platform's shift: the same for every report of it."""
    return derived_id("shift", platform, external_id)


@dataclass(frozen=True, slots=True)
class Work:
    """What a booking is for: who works what, where and when."""

    holder_id: UUID | None
    """`None` while nobody is known by the external id."""
    external_key: str | None
    """The comparison form of the holder's external id, where the platform names one."""
    target: str
    location: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """What a platform says of one of its shifts."""

    platform: str
    external_id: str
    revision: int
    occurred_at: datetime
    work: Work | None
    """`None` where the shift is cancelled."""

    @property
    def id(self) -> UUID:
        """The id of the shift."""
        return shift_id(self.platform, self.external_id)

    @property
    def order(self) -> tuple[int, datetime]:
        """Of several reports about a shift the one with the highest counts."""
        return self.revision, self.occurred_at


@dataclass(frozen=True, slots=True)
class Standing:
    """What is said of a shift: the worst verdict within it, why, and by which version of the timeline."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    timeline_version: int | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """A booked shift."""

    id: UUID
    version: int
    platform: str
    external_id: str
    work: Work | None
    """`None` where its cancellation arrived first."""
    revision: int
    occurred_at: datetime
    created_at: datetime
    updated_at: datetime
    cancelled_at: datetime | None = None
    booked_verdict: Verdict | None = None
    """The best verdict since it was booked; `None` while its holder is not known."""
    standing: Standing | None = None
    at_risk: bool = False
    since: datetime | None = None
    told: int = 0
    """How many events have been published about it."""

    @classmethod
    def first(cls, report: Report, now: datetime) -> Self:
        """Return the shift that a first report makes, not judged yet."""
        return cls(
            id=report.id,
            version=1,
            platform=report.platform,
            external_id=report.external_id,
            work=report.work,
            revision=report.revision,
            occurred_at=report.occurred_at,
            created_at=now,
            updated_at=now,
            cancelled_at=now if report.work is None else None,
        )

    @property
    def order(self) -> tuple[int, datetime]:
        """That of the report which counts."""
        return self.revision, self.occurred_at

    def lies_ahead(self, now: datetime) -> bool:
        """Whether it is booked and not over."""
        return self.cancelled_at is None and self.work is not None and now < self.work.ends_at


@dataclass(frozen=True, slots=True)
class Change:
    """A shift after a step, and what is to be published of it, in order."""

    shift: Shift
    events: tuple[ShiftEvent, ...] = ()


def take(before: Shift | None, report: Report, standing: Standing | None, now: datetime) -> Change | None:
    """Return the shift as a report has it; `None` where the report is older than what is known, or repeated.

    `standing` is what is said now of the reported work, `None` where there is none or its holder is unknown.
    """
    if before is None:
        shift = Shift.first(report, now)
        return Change(shift if standing is None else replace(judge(shift, standing, now).shift, version=1))
    if report.order <= before.order:
        return None
    seen = replace(before, revision=report.revision, occurred_at=report.occurred_at)
    if report.work is None:
        return _cancelled(seen, now)
    if report.work == before.work and before.cancelled_at is None:
        return Change(seen)
    return rebook(seen, report.work, standing, now)


def rebook(before: Shift, work: Work, standing: Standing | None, now: datetime) -> Change:
    """Return the shift with other work: if it was at risk it is cleared first, as what it was.

    The verdict it is compared with stays as long as the same holder does the same work at the same place.
    """
    cleared = _cleared(before, ClearedBy.CHANGED, now)
    same = before.cancelled_at is None and _who_and_what(before.work) == _who_and_what(work)
    shift = replace(
        cleared.shift,
        version=before.version + 1,
        work=work,
        cancelled_at=None,
        booked_verdict=before.booked_verdict if same else None,
        standing=None,
        updated_at=now,
    )
    if standing is None:
        return Change(shift, cleared.events)
    judged = judge(shift, standing, now)
    return Change(replace(judged.shift, version=shift.version), cleared.events + judged.events)


def judge(before: Shift, standing: Standing, now: datetime) -> Change:
    """Return the shift with what is said of it now; it is told of once when that becomes worse or good again.

    A shift that is over stays as it was.
    """
    if before.standing is not None and not before.lies_ahead(now):
        return Change(before)
    booked = _better(before.booked_verdict, standing.verdict)
    at_risk = before.lies_ahead(now) and _GRAVITY[standing.verdict] > _GRAVITY[booked]
    if (before.booked_verdict, before.standing, before.at_risk) == (booked, standing, at_risk):
        return Change(before)
    shift = replace(
        before, version=before.version + 1, booked_verdict=booked, standing=standing, updated_at=now
    )
    if at_risk and not before.at_risk:
        shift = replace(shift, at_risk=True, since=now, told=shift.told + 1)
        return Change(shift, (ShiftAtRisk(shift=state_of(shift)),))
    if before.at_risk and not at_risk:
        return _cleared(shift, ClearedBy.VERDICT, now)
    return Change(shift)


def state_of(shift: Shift) -> ShiftState:
    """Return a shift that has been told of as the contract has it."""
    work, standing = shift.work, shift.standing
    if (
        work is None or work.holder_id is None or standing is None or shift.booked_verdict is None
        or shift.since is None
    ):  # fmt: skip
        raise ValueError(f"the shift {shift.id} has never been at risk; there is nothing to tell")
    return ShiftState(
        id=shift.id,
        version=shift.told,
        platform=shift.platform,
        external_id=shift.external_id,
        holder_id=work.holder_id,
        target=work.target,
        location=work.location,
        start=work.starts_at,
        end=work.ends_at,
        at_risk=shift.at_risk,
        since=shift.since,
        booked_verdict=shift.booked_verdict,
        verdict=standing.verdict,
        reasons=standing.reasons,
        timeline_version=standing.timeline_version,
    )


def _cancelled(shift: Shift, now: datetime) -> Change:
    if shift.cancelled_at is not None:
        return Change(shift)
    cleared = _cleared(shift, ClearedBy.CANCELLED, now) if shift.lies_ahead(now) else Change(shift)
    return replace(
        cleared,
        shift=replace(cleared.shift, version=shift.version + 1, cancelled_at=now, updated_at=now),
    )


def _cleared(shift: Shift, by: ClearedBy, now: datetime) -> Change:
    if not shift.at_risk:
        return Change(shift)
    shift = replace(shift, at_risk=False, since=now, told=shift.told + 1)
    return Change(shift, (ShiftCleared(shift=state_of(shift), cleared_by=by),))


def _better(one: Verdict | None, other: Verdict) -> Verdict:
    return other if one is None or _GRAVITY[other] < _GRAVITY[one] else one


def _who_and_what(work: Work | None) -> tuple[object, ...] | None:
    return None if work is None else (work.holder_id, work.target, work.location)
