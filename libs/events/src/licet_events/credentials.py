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
    """Identifies the term."""
    revision: int
    """Grows by 1 with each correction of the term."""
    valid_from: date | None = None
    """The first valid civil date. Null: valid from before it was entered."""
    expires_on: date | None = None
    """The printed expiry date: the last valid one unless `expires_at_rule` says otherwise."""
    expiry: Expiry
    """Whether the term ends, and whether its end is known."""
    time_zone: str
    """Frozen when the term is recorded."""
    starts_at: Instant
    """The instant from which it is valid."""
    expires_at: Instant | None = None
    """The instant from which it is no longer valid. Null: never, or unknown."""
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
    """The instant from which the run is valid."""
    expiring_at: Instant | None = None
    """When validity turns to `expiring`: the first step above 0 that is told for its term (`ladder.py`)."""
    expires_at: Instant | None = None
    """The instant from which it is no longer valid. Null: it has no end, or none that is known."""
    expires_on: date | None = None
    """The printed expiry date, as that of the term."""
    time_zone: str
    """The IANA zone in which its last day ends."""
    term_id: UUID
    """The term whose end is the run's."""
    term_revision: int
    """The revision of that term."""
    expires_at_rule: ExpiresAtRule | None = None
    """How `expires_on` is meant; absent from older builds, which knew only `end_of_day`."""
    expires_at_time: str | None = None
    """With `at_time`: the local time on `expires_on`, HH:MM."""
    expires_on_month: str | None = None
    """YYYY-MM where only the month is known; `expires_on` is then its last day."""

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
    """Identifies the flag."""
    kind: FlagKind
    """What was done to the credential."""
    effective_from: Instant
    """The instant from which it holds."""
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
    """Identifies the image."""
    kind: str
    """What it shows, such as `front` or `back`."""
    sha256: str
    """The SHA-256 of the original, in hexadecimal."""
    content_type: str | None = None
    """The media type of the original."""
    term_id: UUID | None = None
    """The term that it supports; absent where it is about the credential as a whole."""


class VerificationState(Model):
    """A check of a credential against a source."""

    id: UUID
    """Identifies the check."""
    term_id: UUID
    """The term that was checked."""
    checked_at: Instant
    """When it was checked."""
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
    """Identifies the credential for ever; a UUIDv7."""
    version: int
    """Grows by 1 with each event."""
    holder_id: UUID
    """Whose it is."""
    type: str
    """The code of its credential type."""
    category: Category
    """The kind of credential, as its type says."""
    name: str
    """The type's name, to show."""
    number: str | None = None
    """The number on the document, as it was entered. Null: none."""
    country: str | None = None
    """The country that it is for, ISO 3166-1 alpha-2. Null: not entered."""
    subdivision: str | None = None
    """The state or province that it is for, ISO 3166-2. Null: not entered."""
    issuer: str | None = None
    """Who issued it. Null: not entered."""
    issued_on: date | None = None
    """The day on which it was issued. Null: not entered."""
    terms: tuple[TermState, ...]
    """Its validity periods, in the order in which they begin."""
    runs: tuple[RunState, ...]
    """In order of time. Empty while an expiry is unknown."""
    flags: tuple[FlagState, ...] = ()
    """Suspensions, revocations and surrenders."""
    ladder: tuple[int, ...]
    """The steps in force: the credential's own, else its type's."""
    grace_days: int = 0
    """For how many days after the end work goes on with a warning."""
    validity: Validity
    """As last announced. Compute the present one from runs and flags."""
    voided: bool = False
    """Whether it was entered in error: it counts for nothing."""
    attributes: dict[str, AttributeValue] = Field(default_factory=dict)
    """What the type declares, by name."""
    verification: VerificationState | None = None
    """The latest check."""
    quiet_until: Instant | None = None
    """While a submitted renewal waits for its issuer, reminders rest until then."""
    images: tuple[ImageReference, ...] = ()
    """Its scans."""
    created_at: Instant
    """When it was recorded first."""
    updated_at: Instant
    """When it changed last."""


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
    """The credential after the event."""

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
    """How it came in."""


class CredentialUpdated(CredentialEvent):
    """Facts other than dates changed."""

    event_type: ClassVar[str] = "licet.credential.updated.v1"
    changed: tuple[str, ...]
    """Names of the fields that changed."""
    reason: str | None = None
    """A reason code, where one was given."""


class CorrectedField(Model):
    """A value that was wrong; a date or code as text."""

    field: str
    """The field's name."""
    was: str | None = None
    """Its value before. Null: it had none."""
    now: str | None = None
    """Its value after. Null: it has none."""


class CredentialCorrected(CredentialEvent):
    """What was entered wrong was put right."""

    event_type: ClassVar[str] = "licet.credential.corrected.v1"
    term_id: UUID | None = None
    """The term that was wrong, or was missing."""
    flag_id: UUID | None = None
    """The flag that was wrong, or should never have been set."""
    corrected: tuple[CorrectedField, ...]
    """Each field that was wrong, before and after."""
    reason: str
    """A code, such as `typing_error`."""


class CredentialRenewed(CredentialEvent):
    """A new term was accepted."""

    event_type: ClassVar[str] = "licet.credential.renewed.v1"
    term_id: UUID
    """The new term."""
    previous_term_id: UUID
    """The term before it. Null: there was none."""
    mode: str
    """Which rule gave the expiry: `explicit`, `from_expiry`, `from_completion`, `fixed_date`, `birthday` or
    `birth_month`."""


class CredentialStatusChanged(CredentialEvent):
    """Validity changed. Announced exactly once for each change."""

    event_type: ClassVar[str] = "licet.credential.status_changed.v1"
    from_: Validity = Field(alias="from")
    """The validity before."""
    to: Validity
    """The validity after."""
    effective_at: Instant
    """The instant of the change; it may lie before the event."""
    cause: ChangeCause
    """Whether time or a person brought the change."""
    reason: str
    """A code, such as `expired`, `renewed` or the reason that a person gave."""
    actor: str
    """A code and id, such as `user:<subject>` or `service:scheduler`; never a name."""


class CredentialVoided(CredentialEvent):
    """The credential was entered in error."""

    event_type: ClassVar[str] = "licet.credential.voided.v1"
    reason: str
    """A code, such as `entered_in_error`."""


class CredentialSubmitted(CredentialEvent):
    """A renewal was handed to its issuer; reminders rest for a while."""

    event_type: ClassVar[str] = "licet.credential.submitted.v1"


class CredentialVerified(CredentialEvent):
    """The credential was checked against a source, whatever came of it."""

    event_type: ClassVar[str] = "licet.credential.verified.v1"
    verification: VerificationState
    """The check and its result."""


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
    """The credential that has left the key."""
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
    """The new scan."""


class CredentialImageRemoved(CredentialEvent):
    """A scan was deleted."""

    event_type: ClassVar[str] = "licet.credential.image_removed.v1"
    image: ImageReference
    """The scan that is gone."""
    reason: str | None = None
    """A reason code."""


class CredentialSnapshot(CredentialEvent):
    """A credential's state again."""

    event_type: ClassVar[str] = "licet.credential.snapshot.v1"
