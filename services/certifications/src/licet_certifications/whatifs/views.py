"""What callers are shown of what-ifs."""

from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel

from licet_certifications.eligibility.contract import reason_of
from licet_certifications.eligibility.model import Assessment
from licet_certifications.whatifs.model import Count, Counts, WhatIf, WhatIfState, WorseHolder, WorseShift
from licet_certifications.whatifs.store import Listed
from licet_events.eligibility import Reason, Verdict
from licet_events.event import Instant


class CountView(BaseModel):
    """How many holders of one group would be worse off."""

    value: str | None
    """The team, location or target."""
    ineligible: int
    warning: int
    """Those who would get a warning and nothing worse."""

    @classmethod
    def of(cls, count: Count) -> Self:
        """Show a count."""
        return cls(value=count.value, ineligible=count.ineligible, warning=count.warning)


class CountsView(BaseModel):
    """What the changes would come to, as far as it has been computed; of holders whom the token sees."""

    ineligible: int
    """Holders who would be unable to do some work, at some time, that they can do then as things are."""
    warning: int
    shifts: int
    """Booked shifts that would be at risk."""
    by_team: list[CountView]
    by_location: list[CountView]
    by_target: list[CountView]

    @classmethod
    def of(cls, counts: Counts) -> Self:
        """Show the counts."""
        return cls(
            ineligible=counts.ineligible,
            warning=counts.warning,
            shifts=counts.shifts,
            by_team=[CountView.of(one) for one in counts.by_team],
            by_location=[CountView.of(one) for one in counts.by_location],
            by_target=[CountView.of(one) for one in counts.by_target],
        )


class WhatIfView(BaseModel):
    """A question, and how far its answer has come."""

    id: UUID
    state: WhatIfState
    progress: float
    """From 0 to 1."""
    examined: int
    total: int
    """Holders whom the changes could touch."""
    counts: CountsView
    changes: list[dict[str, Any]]
    actor: str
    detail: str | None
    """Why it failed."""
    created_at: Instant
    """The changes are judged from this instant on."""
    finished_at: Instant | None

    @classmethod
    def of(cls, found: WhatIf, counts: Counts) -> Self:
        """Show a what-if."""
        done = found.state is WhatIfState.FINISHED or found.total == 0
        return cls(
            id=found.id,
            state=found.state,
            progress=1.0 if done else min(found.examined / found.total, 1.0),
            examined=found.examined,
            total=found.total,
            counts=CountsView.of(counts),
            changes=[dict(change) for change in found.changes],
            actor=found.actor,
            detail=found.detail,
            created_at=found.created_at,
            finished_at=found.finished_at,
        )


class WorseHolderView(BaseModel):
    """A holder and target for which something would be worse."""

    holder_id: UUID
    team: str | None
    location: str | None
    target: str
    timeline_location: str
    """The location whose timeline is compared: the holder's, `*` for none in particular."""
    at: Instant
    """The first instant from which the verdict would be worse."""
    until: Instant | None
    """The first instant after it from which it would not; null where that never comes."""
    ineligible_at: Instant | None
    """From when on the holder could not do the work; null for a warning and nothing worse."""
    old_verdict: Verdict | None
    """At `at`; null where the target is not the holder's yet."""
    old_reasons: list[Reason]
    new_verdict: Verdict
    new_reasons: list[Reason]
    """A `requirement_id` of no requirement is that of one that is only supposed."""

    @classmethod
    def of(cls, listed: Listed[WorseHolder]) -> Self:
        """Show a line of the answer."""
        line, worse = listed.line, listed.line.worsening
        return cls(
            holder_id=line.holder_id,
            team=listed.team,
            location=listed.location,
            target=line.target,
            timeline_location=line.place,
            at=worse.at,
            until=worse.until,
            ineligible_at=worse.ineligible_at,
            old_verdict=None if worse.before is None else worse.before.verdict,
            old_reasons=_reasons(worse.before),
            new_verdict=worse.after.verdict,
            new_reasons=_reasons(worse.after),
        )


class WorseShiftView(BaseModel):
    """A booked shift that would be at risk."""

    shift_id: UUID
    platform: str
    external_id: str
    holder_id: UUID
    team: str | None
    target: str
    location: str
    """Where the shift is."""
    start: Instant
    end: Instant
    old_verdict: Verdict
    old_reasons: list[Reason]
    new_verdict: Verdict
    new_reasons: list[Reason]

    @classmethod
    def of(cls, listed: Listed[WorseShift]) -> Self:
        """Show a line of the answer."""
        line, shift = listed.line, listed.line.shift
        return cls(
            shift_id=shift.id,
            platform=shift.platform,
            external_id=shift.external_id,
            holder_id=shift.holder_id,
            team=listed.team,
            target=shift.target,
            location=shift.location,
            start=shift.starts_at,
            end=shift.ends_at,
            old_verdict=line.before.verdict,
            old_reasons=_reasons(line.before),
            new_verdict=line.after.verdict,
            new_reasons=_reasons(line.after),
        )


def _reasons(assessment: Assessment | None) -> list[Reason]:
    return [] if assessment is None else [reason_of(one) for one in assessment.reasons]
