"""Answers for the past as they are shown."""

from typing import Self
from uuid import UUID

from pydantic import BaseModel

from licet_certifications.history.model import Answer, Known
from licet_events.eligibility import FactVersion, Reason, Verdict
from licet_events.event import Instant


class KnownView(BaseModel):
    """What was known of the shift at an instant."""

    known_at: Instant
    verdict: Verdict
    reasons: list[Reason]
    location: str | None
    """Of the decision: the shift's or `*`; null, as the version, where no decision was in force."""
    version: int | None
    """The version of the decision, as on the topic `licet.eligibility.v1`."""
    computed_at: Instant | None
    facts: list[FactVersion]
    """The facts and waivers that the decision rested on, by version."""

    @classmethod
    def of(cls, known: Known) -> Self:
        """Show what was known."""
        return cls(
            known_at=known.known_at,
            verdict=known.verdict,
            reasons=list(known.reasons),
            location=known.location,
            version=known.version,
            computed_at=known.computed_at,
            facts=list(known.facts),
        )


class AnswerView(BaseModel):
    """The verdict on a shift as it was known when the shift began."""

    holder_id: UUID
    target: str
    location: str
    start: Instant
    end: Instant
    then: KnownView
    """As it was known when the shift began; as it is known now, if it has yet to begin."""
    differs: bool
    """Whether today's knowledge gives another verdict, or gives it for other reasons."""
    today: KnownView | None
    """As it is known now; null where that says the same."""

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """Show an answer."""
        asked = answer.question
        return cls(
            holder_id=asked.holder_id,
            target=asked.target,
            location=asked.location,
            start=asked.start,
            end=asked.end,
            then=KnownView.of(answer.then),
            differs=answer.differs,
            today=KnownView.of(answer.today) if answer.differs else None,
        )
