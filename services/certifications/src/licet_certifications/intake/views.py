"""What callers are shown of completions."""

from typing import Self
from uuid import UUID

from pydantic import BaseModel

from licet_certifications.completions.model import Contradiction, Kept, Outcome, OutcomeKind
from licet_events.completions import CompletionResult, Learner
from licet_events.event import Instant


class ResultView(BaseModel):
    """What became of one completion."""

    outcome: OutcomeKind
    completion_id: UUID | None
    holder_id: UUID | None
    """Whose it is, where that is known."""
    code: str | None
    """Why, where it was not simply recorded; `course_unknown` where no programme names the course yet,
    `before_programme` where the programmes that name it were entered later."""
    detail: str | None

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """Show what became of a completion."""
        return cls(
            outcome=outcome.kind,
            completion_id=outcome.completion_id,
            holder_id=outcome.holder_id,
            code=outcome.code,
            detail=outcome.detail,
        )


class ResultsView(BaseModel):
    """What became of each completion, in the order of the request."""

    results: list[ResultView]


class ReportView(BaseModel):
    """A report that contradicts a completion, waiting for a decision."""

    id: UUID
    holder_id: UUID | None
    learner: Learner
    course: str
    completed_at: Instant
    result: CompletionResult
    credits: float | None
    evidence: list[str]
    reported_at: Instant

    @classmethod
    def of(cls, conflict: Contradiction) -> Self:
        """Show a contradicting report."""
        report = conflict.report
        return cls(
            id=conflict.id,
            holder_id=conflict.holder_id,
            learner=report.learner,
            course=report.course,
            completed_at=report.completed_at,
            result=report.result,
            credits=report.credits,
            evidence=list(report.evidence),
            reported_at=conflict.reported_at,
        )


class CompletionView(BaseModel):
    """A completion."""

    id: UUID
    source: str
    source_id: str
    holder_id: UUID | None
    unmatched: str | None
    """Why nobody knows whose it is; null where it is known."""
    learner: Learner | None
    """As reported; kept only while nobody knows who it is."""
    course: str
    completed_at: Instant
    result: CompletionResult
    credits: float | None
    evidence: list[str]
    recorded_at: Instant
    voided_at: Instant | None
    """When its report was taken back as an error."""

    @classmethod
    def of(cls, kept: Kept) -> Self:
        """Show a completion."""
        return cls(**_fields(kept))


class CompletionWithConflicts(CompletionView):
    """A completion and what contradicts it."""

    conflicts: list[ReportView]

    @classmethod
    def with_conflicts(cls, kept: Kept, conflicts: list[Contradiction]) -> Self:
        """Show a completion and the reports that contradict it."""
        return cls(**_fields(kept), conflicts=[ReportView.of(one) for one in conflicts])


def _fields(kept: Kept) -> dict[str, object]:
    return {
        "id": kept.id,
        "source": kept.source,
        "source_id": kept.source_id,
        "holder_id": kept.holder_id,
        "unmatched": kept.unmatched,
        "learner": kept.learner,
        "course": kept.course,
        "completed_at": kept.completed_at,
        "result": kept.result,
        "credits": kept.credits,
        "evidence": list(kept.evidence),
        "recorded_at": kept.recorded_at,
        "voided_at": kept.voided_at,
    }
