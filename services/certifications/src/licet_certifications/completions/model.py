"""Completions: what a learning system reported about a learner, and when two reports are the same."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from licet_events.completions import CompletionRecorded, CompletionResult
from licet_events.ids import derived_id

CLOCK_SKEW = timedelta(minutes=5)
"""How far a learning system's clock may be ahead of ours before its report lies in the future."""
FIRST_YEAR = 1900


@dataclass(frozen=True, slots=True)
class Completion:
    """A completion of a known holder. It knows no enrolment; whether it counts is the enrolment's matter."""

    id: UUID
    holder_id: UUID
    source: str
    source_id: str
    course: str
    completed_at: datetime
    result: CompletionResult
    credits: float | None
    """What it earned; `None`: what the component says."""
    evidence: tuple[str, ...]
    recorded_at: datetime

    @property
    def order(self) -> tuple[datetime, bool, UUID]:
        """The order in which completions of a course count: the last one rules.

        It does not depend on when they arrived. Of two at the same instant the one that does not count rules.
        """
        return self.completed_at, not self.result.counts, self.id


class Unmatched(StrEnum):
    """Why nobody knows whose completion it is."""

    UNKNOWN = "unknown"
    """No holder has what the report names."""
    AMBIGUOUS = "ambiguous"
    """Several holders have it."""
    CONTRADICTORY = "contradictory"
    """The holder found by one thing has another external id than the report names."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A holder who has something that a report names."""

    holder_id: UUID
    leads_to: UUID
    """The holder that it was merged into, else itself."""
    external_key: str | None


def completion_id(source: str, source_id: str) -> UUID:
    """Return the id of a completion: the same for each report of it, whichever way it comes."""
    return derived_id("completion", source, source_id)


def matched(external_key: str | None, candidates: Iterable[Candidate]) -> UUID | Unmatched:
    """Return the one holder whom the candidates are, or why there is none. It never guesses."""
    found = list(candidates)
    holders = {candidate.leads_to for candidate in found}
    if not holders:
        return Unmatched.UNKNOWN
    if len(holders) > 1:
        return Unmatched.AMBIGUOUS
    known = {candidate.external_key for candidate in found if candidate.external_key is not None}
    if external_key is not None and known and external_key not in known:
        return Unmatched.CONTRADICTORY
    return holders.pop()


def same_content(report: CompletionRecorded, completion: Completion) -> bool:
    """Whether a report says of a completion what is known. Who the learner is, is compared elsewhere."""
    return (
        report.course,
        report.completed_at.astimezone(UTC),
        report.result,
        report.credits,
        report.evidence,
    ) == (
        completion.course,
        completion.completed_at,
        completion.result,
        completion.credits,
        completion.evidence,
    )
