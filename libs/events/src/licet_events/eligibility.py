"""Eligibility: who may do which work, from when until when, and why."""

from enum import StrEnum
from typing import ClassVar, Self
from uuid import UUID

from licet_events.event import EventData, Instant, Model
from licet_events.topics import Topic


class Verdict(StrEnum):
    """Whether a holder may do the work, from best to worst."""

    ELIGIBLE = "eligible"
    WARNING = "warning"
    INELIGIBLE = "ineligible"


class ReasonCode(StrEnum):
    """Why a verdict is what it is."""

    VALID = "valid"
    MISSING = "missing"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SURRENDERED = "surrendered"
    INCOMPLETE = "incomplete"
    WRONG_JURISDICTION = "wrong_jurisdiction"
    TOO_SHORT = "too_short"
    UNVERIFIED = "unverified"
    WAIVED = "waived"
    GRACE = "grace"
    HOLDER_INACTIVE = "holder_inactive"
    UNKNOWN_TARGET = "unknown_target"
    NOT_ASSIGNED = "not_assigned"
    NO_REQUIREMENT = "no_requirement"


class Reason(Model):
    """One reason, with what it is about."""

    code: ReasonCode
    """What it is, as a code."""
    type: str | None = None
    """The credential type it is about."""
    requirement_id: UUID | None = None
    """The requirement that it is about. Null: none."""
    credential_id: UUID | None = None
    """The credential that it is about. Null: none."""
    waiver_id: UUID | None = None
    """The waiver that releases from it; only with `waived`."""
    condition: str | None = None
    """Which condition the credential does not meet, where `code` alone does not say it:
    `attribute:<name>` or `issuer`."""


class Interval(Model):
    """A half-open interval of the timeline; a null end is open."""

    start: Instant | None = None
    """The instant from which the verdict holds. Null: since ever."""
    end: Instant | None = None
    """The instant from which another one holds. Null: without end."""
    verdict: Verdict
    """Whether the holder may work."""
    reasons: tuple[Reason, ...]
    """Why."""


class FactVersion(Model):
    """Which version of a fact a timeline rests on."""

    kind: str
    """`holder`, `credential`, `credential_type`, `requirement`, `location`, `waiver`."""
    id: str
    """The id of the thing."""
    version: int
    """Its version."""


ANYWHERE = "*"
"""The location of a timeline that is about no particular location."""


class EligibilityState(Model):
    """The timeline of one holder for one target at one location."""

    holder_id: UUID
    """Who may work, or not."""
    target: str
    """`role:<code>` or `queue:<code>`."""
    location: str = ANYWHERE
    """The code of the location; `*`: anywhere without a timeline of its own."""
    version: int
    """Grows by 1 with each event."""
    intervals: tuple[Interval, ...]
    """Contiguous, from the open past to the open future."""
    facts: tuple[FactVersion, ...]
    """The versions of what the timeline was computed from."""
    computed_at: Instant
    """When it was computed."""


class EligibilityEvent(EventData):
    """Any event that carries a whole timeline."""

    topic: ClassVar[Topic] = Topic.ELIGIBILITY
    eligibility: EligibilityState
    """The timeline after the event."""

    @property
    def key(self) -> str:
        """`<holder>/<target>/<location or *>`."""
        state = self.eligibility
        return f"{state.holder_id}/{state.target}/{state.location}"

    @property
    def subject(self) -> str:
        """The whole key: a timeline has no id of its own."""
        return self.key

    @property
    def sequence(self) -> int:
        """The timeline's version."""
        return self.eligibility.version


class EligibilityChanged(EligibilityEvent):
    """The timeline changed."""

    event_type: ClassVar[str] = "licet.eligibility.changed.v1"


class EligibilitySnapshot(EligibilityEvent):
    """The timeline again."""

    event_type: ClassVar[str] = "licet.eligibility.snapshot.v1"


class EligibilityEnded(EventData):
    """There is no timeline for this holder, target and location any more. Null on the wire."""

    event_type: ClassVar[str] = "licet.eligibility.ended.v1"
    topic: ClassVar[Topic] = Topic.ELIGIBILITY
    tombstone: ClassVar[bool] = True
    holder_id: UUID
    """Whose timeline has ended."""
    target: str
    """The target, such as `role:nurse`."""
    location: str
    """The code of the location, or `*`."""
    version: int | None = None
    """One more than the last timeline's, in `ce_sequence`; absent from the first builds' records."""

    @property
    def key(self) -> str:
        """That of the timeline which ended."""
        return f"{self.holder_id}/{self.target}/{self.location}"

    @property
    def sequence(self) -> int | None:
        """The version that ends the timeline."""
        return self.version

    @property
    def subject(self) -> str:
        """The whole key: a timeline has no id of its own."""
        return self.key

    @classmethod
    def of_key(cls, key: str, sequence: int | None) -> Self:
        """Rebuild the event from `<holder>/<target>/<location or *>`; raises `ValueError`."""
        holder, target, location = key.split("/")
        return cls(holder_id=UUID(holder), target=target, location=location, version=sequence)
