"""Credentials: their terms, runs, flags and validity.

A state carries `runs` beside `terms`: a reader who asks until when somebody is licensed needs runs. Their
owner computes them once, with the rules of zones, so that everybody else compares instants.
"""

from datetime import date
from enum import StrEnum
from typing import ClassVar, Self
from uuid import UUID

from pydantic import Field

from licet_events.catalogue import AttributeValue, Category
from licet_events.civil import Ending, ExpiresAtRule
from licet_events.event import EventData, Instant, Model
from licet_events.topics import Topic


class Expiry(StrEnum):
    """Whether a term ends."""

    DATED = "dated"
    NEVER = "never"
    UNKNOWN = "unknown"


class Validity(StrEnum):
    """The state of a credential at an instant."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SURRENDERED = "surrendered"
    INCOMPLETE = "incomplete"


class FlagKind(StrEnum):
    """What a person may set on a credential, with a reason."""

    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SURRENDERED = "surrendered"

    @property
    def final(self) -> bool:
        """Whether only a correction undoes it."""
        return self is not FlagKind.SUSPENDED


class TermState(Model):
    """One validity period of a credential."""

    id: UUID
    revision: int
    """Grows by 1 with each correction of the term."""
    valid_from: date | None = None
    expires_on: date | None = None
    """The printed expiry date: the last valid one unless `expires_at_rule` says otherwise."""
    expiry: Expiry
    time_zone: str
    """Frozen when the term is recorded."""
    starts_at: Instant
    expires_at: Instant | None = None
    recorded_at: Instant
    """Business time at which the term was entered; what happened before is history."""
    corrected_at: Instant | None = None
    """Business time of the latest correction, which gave the term its revision; absent before any."""
    announce_reached: bool = True
    """Whether the strictest reminder step that was reached before entry is announced."""
    award_id: UUID | None = None
    """The award of a programme that led to the term; absent where none did."""
    expires_at_rule: ExpiresAtRule | None = None
    """How `expires_on` is meant, by its type; absent from older builds, which knew only `end_of_day`."""
    expires_at_time: str | None = None
    """With `at_time`: the local time on `expires_on`, HH:MM."""
    expires_on_month: str | None = None
    """YYYY-MM where only the month is known; `expires_on` is then its last day."""


class RunState(Model):
    """Touching or overlapping terms taken together."""

    starts_at: Instant
    expiring_at: Instant | None = None
    """When validity turns to `expiring`: the first step above 0 that is told for its term (`ladder.py`)."""
    expires_at: Instant | None = None
    expires_on: date | None = None
    """The printed expiry date, as that of the term."""
    time_zone: str
    term_id: UUID
    """The term whose end is the run's."""
    term_revision: int
    expires_at_rule: ExpiresAtRule | None = None
    expires_at_time: str | None = None
    expires_on_month: str | None = None

    @property
    def ending(self) -> Ending:
        """How `expires_on` is meant."""
        return Ending(self.expires_at_rule or ExpiresAtRule.END_OF_DAY, self.expires_at_time)

    @property
    def last_day(self) -> date | None:
        """The last day that is valid as a whole; reminder steps count to it."""
        return None if self.expires_on is None else self.ending.last_day(self.expires_on)


class FlagState(Model):
    """An interval in which a credential is suspended, revoked or surrendered."""

    id: UUID
    kind: FlagKind
    effective_from: Instant
    until: Instant | None = None
    """A flag that ends when it begins was undone: it never held."""
    reason: str
    """A reason code."""

    @property
    def undone(self) -> bool:
        """Whether it never holds: a correction took it back, or it was ended before it began."""
        return self.until == self.effective_from


class ImageReference(Model):
    """A stored scan; never the image itself."""

    id: UUID
    kind: str
    sha256: str
    content_type: str | None = None
    term_id: UUID | None = None
    """The term that it supports; absent where it is about the credential as a whole."""


class VerificationState(Model):
    """A check of a credential against a source."""

    id: UUID
    term_id: UUID
    """The term that was checked."""
    checked_at: Instant
    source: str
    """A code of what it was checked against, such as `issuer_register`."""
    result: str
    """`confirmed`, `not_found` or `differs`."""
    valid_until: Instant | None = None
    """When the check has to be done again; absent where once is enough."""
    actor: str
    """Who checked; a code and id, never a name."""


class CredentialState(Model):
    """A credential as it is after an event, with everything that its validity follows from."""

    id: UUID
    version: int
    holder_id: UUID
    type: str
    """The code of its credential type."""
    category: Category
    name: str
    number: str | None = None
    country: str | None = None
    subdivision: str | None = None
    issuer: str | None = None
    issued_on: date | None = None
    terms: tuple[TermState, ...]
    runs: tuple[RunState, ...]
    """In order of time. Empty while an expiry is unknown."""
    flags: tuple[FlagState, ...] = ()
    ladder: tuple[int, ...]
    """The steps in force: the credential's own, else its type's."""
    grace_days: int = 0
    validity: Validity
    """As last announced. Compute the present one from runs and flags."""
    voided: bool = False
    attributes: dict[str, AttributeValue] = Field(default_factory=dict)
    """What the type declares, by name."""
    verification: VerificationState | None = None
    """The latest check."""
    quiet_until: Instant | None = None
    """While a submitted renewal waits for its issuer, reminders rest until then."""
    images: tuple[ImageReference, ...] = ()
    created_at: Instant
    updated_at: Instant


class Origin(StrEnum):
    """How a credential came in."""

    API = "api"
    IMPORT = "import"
    PROGRAMME = "programme"


class ChangeCause(StrEnum):
    """Whether a change followed from time or from a person."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class CredentialEvent(EventData):
    """Any event that carries a credential's whole state."""

    topic: ClassVar[Topic] = Topic.CREDENTIALS
    credential: CredentialState

    @property
    def key(self) -> str:
        """`<holder>/<credential>`."""
        return f"{self.credential.holder_id}/{self.credential.id}"

    @property
    def partition_key(self) -> str:
        """The holder's id."""
        return str(self.credential.holder_id)

    @property
    def subject(self) -> str:
        """The credential's id."""
        return str(self.credential.id)

    @property
    def sequence(self) -> int:
        """The credential's version."""
        return self.credential.version


class CredentialCreated(CredentialEvent):
    """A credential was recorded, with all its terms and flags and its first validity."""

    event_type: ClassVar[str] = "licet.credential.created.v1"
    origin: Origin


class CredentialUpdated(CredentialEvent):
    """Facts other than dates changed."""

    event_type: ClassVar[str] = "licet.credential.updated.v1"
    changed: tuple[str, ...]
    reason: str | None = None
    """A reason code, where one was given."""


class CorrectedField(Model):
    """A value that was wrong; a date or code as text."""

    field: str
    was: str | None = None
    now: str | None = None


class CredentialCorrected(CredentialEvent):
    """What was entered wrong was put right."""

    event_type: ClassVar[str] = "licet.credential.corrected.v1"
    term_id: UUID | None = None
    """The term that was wrong, or was missing."""
    flag_id: UUID | None = None
    """The flag that was wrong, or should never have been set."""
    corrected: tuple[CorrectedField, ...]
    reason: str


class CredentialRenewed(CredentialEvent):
    """A new term was accepted."""

    event_type: ClassVar[str] = "licet.credential.renewed.v1"
    term_id: UUID
    previous_term_id: UUID
    mode: str
    """Which rule gave the expiry: `explicit`, `from_expiry`, `from_completion`, `fixed_date`, `birthday` or
    `birth_month`."""


class CredentialStatusChanged(CredentialEvent):
    """Validity changed. Announced exactly once for each change."""

    event_type: ClassVar[str] = "licet.credential.status_changed.v1"
    from_: Validity = Field(alias="from")
    to: Validity
    effective_at: Instant
    cause: ChangeCause
    reason: str
    actor: str
    """A code and id, such as `user:<subject>` or `service:scheduler`; never a name."""


class CredentialVoided(CredentialEvent):
    """The credential was entered in error."""

    event_type: ClassVar[str] = "licet.credential.voided.v1"
    reason: str


class CredentialSubmitted(CredentialEvent):
    """A renewal was handed to its issuer; reminders rest for a while."""

    event_type: ClassVar[str] = "licet.credential.submitted.v1"


class CredentialVerified(CredentialEvent):
    """The credential was checked against a source, whatever came of it."""

    event_type: ClassVar[str] = "licet.credential.verified.v1"
    verification: VerificationState


class CredentialMoved(EventData):
    """The credential is another holder's from now on; its state is under that holder's key.

    It ends the key of the holder it was under. Delete only what you still keep under that holder.
    """

    event_type: ClassVar[str] = "licet.credential.moved.v1"
    topic: ClassVar[Topic] = Topic.CREDENTIALS
    tombstone: ClassVar[bool] = True
    holder_id: UUID
    """The holder it was under."""
    credential_id: UUID
    version: int | None = None
    """Its version when it left, in `ce_sequence`; absent from the first builds' records."""

    @property
    def key(self) -> str:
        """`<holder>/<credential>`."""
        return f"{self.holder_id}/{self.credential_id}"

    @property
    def sequence(self) -> int | None:
        """The credential's version with which it left this key."""
        return self.version

    @classmethod
    def of_key(cls, key: str, sequence: int | None) -> Self:
        """Rebuild the data from the record key."""
        holder_id, credential_id = key.split("/")
        return cls(holder_id=UUID(holder_id), credential_id=UUID(credential_id), version=sequence)


class CredentialImageAdded(CredentialEvent):
    """A scan was stored."""

    event_type: ClassVar[str] = "licet.credential.image_added.v1"
    image: ImageReference


class CredentialImageRemoved(CredentialEvent):
    """A scan was deleted."""

    event_type: ClassVar[str] = "licet.credential.image_removed.v1"
    image: ImageReference
    reason: str | None = None
    """A reason code."""


class CredentialSnapshot(CredentialEvent):
    """A credential's state again."""

    event_type: ClassVar[str] = "licet.credential.snapshot.v1"
