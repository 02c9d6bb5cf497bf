"""Completions: what learning systems report. Inbound: any system may write it, Licet reads it."""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from licet_events.event import EventData, Instant, Model
from licet_events.topics import Topic


class CompletionResult(StrEnum):
    """How it ended for the learner."""

    PASSED = "passed"
    COMPLETED = "completed"
    """Done, where there is nothing to pass."""
    WAIVED = "waived"
    """Credited without having been done."""
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    """Taken back: what was reported before does not count any more."""

    @property
    def counts(self) -> bool:
        """Whether the component is done with it."""
        return self not in {CompletionResult.FAILED, CompletionResult.WITHDRAWN}


class LearnerAccount(Model):
    """An account in a learning system."""

    home_page: str
    """The system's address, as xAPI's `account.homePage`."""
    name: str
    """The account's id or login there."""


class Learner(Model):
    """Whose completion it is. At least one has to be given; all that are given must lead to one holder."""

    external_id: str | None = None
    """The holder's external id."""
    email: str | None = None
    """Compared without regard to case."""
    account: LearnerAccount | None = None
    """The learner's account in the learning system."""
    holder_id: UUID | None = None
    """The holder's id, for systems that have read it from Licet's events."""

    @property
    def key(self) -> str:
        """What orders the records of a learner: the first of external id, e-mail, account and id given."""
        if self.external_id:
            return self.external_id
        if self.email:
            return self.email
        if self.account:
            return f"{self.account.home_page} {self.account.name}"
        return str(self.holder_id or "")


class CompletionRecorded(EventData):
    """A learning system reports how a course, exam or task ended for a learner.

    Written by learning systems, not by Licet. `source` and `source_id` are its identity: the same two with
    the same content are a repetition, whichever way they come; with other content they are a conflict that
    a person sees.
    """

    event_type: ClassVar[str] = "licet.completion.recorded.v1"
    topic: ClassVar[Topic] = Topic.COMPLETIONS
    source: str
    """The learning system, as the components of programmes name it."""
    source_id: str
    """The completion's id there."""
    learner: Learner
    """Who completed it, as the learning system knows them."""
    course: str
    """The course's id there; for xAPI the activity's IRI."""
    completed_at: Instant
    """When it ended; for `withdrawn` when it was taken back."""
    result: CompletionResult
    """How it ended."""
    credits: float | None = None
    """What it earned; absent: what the component says."""
    evidence: tuple[str, ...] = ()
    """Ids, addresses or hashes of what supports it; never the document."""

    @property
    def key(self) -> str:
        """What identifies the learner; the external id, where it is given."""
        return self.learner.key

    @property
    def partition_key(self) -> str:
        """The whole key, so that the records of a learner keep their order."""
        return self.key

    @property
    def subject(self) -> str:
        """The completion's id in its source."""
        return self.source_id
