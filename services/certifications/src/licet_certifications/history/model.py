"""What was known of a shift when it began, and whether today's knowledge says otherwise."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_events.eligibility import FactVersion, Reason, Verdict


@dataclass(frozen=True, slots=True)
class Question:
    """Might this holder work this shift?"""

    holder_id: UUID
    target: str
    location: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What was known of a shift at an instant."""

    known_at: datetime
    verdict: Verdict
    reasons: tuple[Reason, ...]
    location: str | None
    """That of the decision; `None`, as what follows, where there was none."""
    version: int | None
    computed_at: datetime | None
    facts: tuple[FactVersion, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was known when the shift began, beside what is known now."""

    question: Question
    then: Known
    today: Known

    @property
    def differs(self) -> bool:
        """Whether today's knowledge gives another verdict, or gives it for other reasons."""
        return (self.then.verdict, set(self.then.reasons)) != (self.today.verdict, set(self.today.reasons))
