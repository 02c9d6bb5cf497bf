"""Completions: what a learning system reported about a learner, and when two reports are the same."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from licet_events.completions import CompletionRecorded, CompletionResult, Learner
from licet_events.ids import derived_id

CLOCK_SKEW = timedelta(minutes=5)
"""How far a learning system's clock may be ahead of ours before its report lies in the future."""
FIRST_YEAR = 1900
LONGEST_TEXT = 2000
MOST_EVIDENCE = 20
MOST_CREDITS = 10_000


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
    DISMISSED = "dismissed"
    """A person has said that it is nobody's here; who the learner was is no longer kept."""


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


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a report is not taken."""

    code: str
    detail: str
    """What to do about it, in words."""


def fault_of(report: CompletionRecorded, now: datetime) -> Fault | None:
    """Return what makes a report impossible, or `None`. Whether its course is known does not matter here."""
    return next(_faults(report, now), None)


def _faults(report: CompletionRecorded, now: datetime) -> Iterator[Fault]:
    learner, account = report.learner, report.learner.account
    if not (learner.external_id or learner.email or account or learner.holder_id):
        yield Fault("learner_missing", "learner names nobody; give external_id, email, account or holder_id.")
    texts: list[tuple[str, str | None]] = [
        ("source", report.source),
        ("source_id", report.source_id),
        ("course", report.course),
        ("learner/external_id", learner.external_id),
        ("learner/email", learner.email),
        ("learner/account/home_page", account.home_page if account else None),
        ("learner/account/name", account.name if account else None),
        *((f"evidence/{index}", text) for index, text in enumerate(report.evidence)),
    ]
    for name, text in texts:
        if text is not None and (not text.strip() or len(text) > LONGEST_TEXT or not text.isprintable()):
            yield Fault(
                "text_malformed",
                f"{name} must have 1 to {LONGEST_TEXT} characters, no control characters among them.",
            )
    if len(report.evidence) > MOST_EVIDENCE:
        yield Fault("evidence_too_much", f"evidence may name at most {MOST_EVIDENCE} things.")
    if report.credits is not None and not 0 <= report.credits <= MOST_CREDITS:
        yield Fault("credits_out_of_range", f"credits must be from 0 to {MOST_CREDITS}.")
    if report.completed_at > now + CLOCK_SKEW:
        yield Fault(
            "completed_in_the_future",
            f"completed_at, {_shown(report.completed_at)}, lies in the future; it is {_shown(now)} here. "
            "Report it once it is done.",
        )
    if report.completed_at.year < FIRST_YEAR:
        yield Fault(
            "completed_too_early",
            f"completed_at, {_shown(report.completed_at)}, lies before the year {FIRST_YEAR}.",
        )


def _shown(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Kept:
    """A completion as it is kept, whoever's it is."""

    id: UUID
    source: str
    source_id: str
    holder_id: UUID | None
    course: str
    completed_at: datetime
    result: CompletionResult
    credits: float | None
    evidence: tuple[str, ...]
    recorded_at: datetime
    voided_at: datetime | None
    """When its report was taken back as an error; it counts for nothing then."""
    unmatched: Unmatched | None
    learner: Learner | None
    """As reported; kept only while nobody knows who it is."""

    def says(self, report: CompletionRecorded) -> bool:
        """Whether a report says the same. Who the learner is, is compared by the holders that are meant."""
        return (self.course, self.completed_at, self.result, self.credits, self.evidence) == (
            report.course,
            report.completed_at,
            report.result,
            report.credits,
            report.evidence,
        )


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A report under the source and id of a completion that says something else."""

    id: UUID
    completion_id: UUID
    holder_id: UUID | None
    """The holder whom it names, where that is clear."""
    report: CompletionRecorded
    reported_at: datetime
    decision: str | None = None


def conflict_id(completion: UUID, report: CompletionRecorded) -> UUID:
    """Return the id of a conflict: the same for each repetition of the contradicting report."""
    return derived_id("completion_conflict", completion, report.model_dump_json())


class OutcomeKind(StrEnum):
    """What became of a report."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    UNMATCHED = "unmatched"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one report."""

    kind: OutcomeKind
    completion_id: UUID | None = None
    holder_id: UUID | None = None
    code: str | None = None
    """Why, where it was not simply recorded."""
    detail: str | None = None
