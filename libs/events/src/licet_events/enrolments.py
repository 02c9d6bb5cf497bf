"""Enrolments: one holder's run through one version of a programme, and what its completion leads to."""

from datetime import date
from enum import StrEnum
from typing import ClassVar, Self
from uuid import UUID

from pydantic import Field

from licet_events.credentials import ChangeCause, Validity
from licet_events.event import EventData, Instant, Model
from licet_events.ids import derived_id
from licet_events.topics import Topic


class EnrolmentStatus(StrEnum):
    """The one name that follows from an enrolment's stage and its credential's validity."""

    APPLIED = "applied"
    IN_PROGRESS = "in_progress"
    ADMIN_REVIEW = "admin_review"
    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    INACTIVE = "inactive"
    DECLINED = "declined"
    NOT_COMPLETED = "not_completed"
    CANCELLED = "cancelled"


class EnrolmentStage(StrEnum):
    """How far the work has come: the enrolment's own axis, which knows nothing of the credential."""

    APPLIED = "applied"
    IN_PROGRESS = "in_progress"
    ADMIN_REVIEW = "admin_review"
    COMPLETED = "completed"
    DECLINED = "declined"
    NOT_COMPLETED = "not_completed"
    INACTIVE = "inactive"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether only a new enrolment leads on."""
        return self in {EnrolmentStage.DECLINED, EnrolmentStage.NOT_COMPLETED, EnrolmentStage.CANCELLED}


class EnrolmentKind(StrEnum):
    """Which path of the programme's version is followed."""

    FIRST = "first"
    RECERTIFICATION = "recertification"


class ComponentStatus(StrEnum):
    """How far one component is."""

    OPEN = "open"
    """Nothing that counts has been reported."""
    WAITING = "waiting"
    """It was reported and waits for what `lacking` names."""
    COMPLETED = "completed"


class ComponentState(Model):
    """A component of the path, as far as the holder has come with it."""

    code: str
    """The component's code."""
    name: str
    """The name to show."""
    status: ComponentStatus
    """How far it is."""
    required: bool = True
    """Whether the programme can't be completed without it."""
    lacking: tuple[str, ...] = ()
    """Codes of what is missing, such as `completion`, `prerequisites`, `evidence`, `approval`."""
    credits: float = 0
    """What it earns; 0 while it is not completed."""
    category: str | None = None
    """The category of its credits. Null: none."""
    completed_at: Instant | None = None
    """When the completion that counts took place. Null: none counts."""
    counts_until: Instant | None = None
    """When the completion stops counting; absent where it counts without end."""
    completion_id: UUID | None = None
    """The completion that counts, or that waits."""
    source: str | None = None
    """The system that reported it."""
    source_id: str | None = None
    """Its id of the completion."""


class SurplusCredits(Model):
    """Credits beyond a minimum."""

    category: str | None = None
    """Absent: beyond the minimum of all categories together."""
    credits: float
    """How many."""


class AwardState(Model):
    """The credential that a completion issues or renews. An award's id is carried out once."""

    id: UUID
    """Derived from the enrolment, so that the same completion has the same award."""
    enrolment_id: UUID
    """The enrolment that was completed."""
    holder_id: UUID
    """Who gets the credential."""
    credential_type: str
    """The code of the credential type to issue or renew."""
    completed_on: date
    """The day of the last completion that counted, where `time_zone` says."""
    time_zone: str
    """The IANA zone in which `completed_on` is meant."""
    completed_at: Instant | None = None
    """The instant of that completion, for whoever knows a zone that fits the holder better."""
    credential_id: UUID | None = None
    """The credential to renew; absent: issue one."""
    awarded_at: Instant
    """When the award was published last; later than a refusal where it is to be judged again."""

    @staticmethod
    def id_of(enrolment_id: UUID) -> UUID:
        """Return the id of an enrolment's award."""
        return derived_id("award", enrolment_id)


class AwardRefusal(Model):
    """Why an award was not carried out. The same award published again, later, is judged again."""

    award_id: UUID
    """The award."""
    enrolment_id: UUID
    """The enrolment whose completion awarded it."""
    holder_id: UUID
    """The holder whom the award names."""
    credential_type: str
    """The code of the type that was to be issued or renewed."""
    credential_id: UUID | None = None
    """The credential that was to be renewed; absent where one was to be issued."""
    reason: str
    """A code, such as `type_retired`, `credential_voided`, `revoked` or `not_accepted`."""
    awarded_at: Instant
    """When the award that was refused was published."""
    refused_at: Instant
    """When it was refused."""


class WaitState(Model):
    """The decision that an enrolment waits for, and who may make it."""

    kind: str
    """`application`, `completion`, `review` (of a component that was withdrawn) or `award` (refused)."""
    since: Instant
    """From when on it has waited."""
    scope: str
    """The scope that a decider's token needs."""
    teams: tuple[str, ...] = ()
    """Empty: deciders of any team."""
    locations: tuple[str, ...] = ()
    """Empty: deciders of any location."""
    people: int = 1
    """How many different people have to approve."""
    approved_by: tuple[str, ...] = ()
    """Who has approved so far; codes and ids, never names."""
    reason: str | None = None
    """A code of why it waits, such as why an award was refused; absent where the kind says enough."""


class EnrolmentState(Model):
    """An enrolment as it is after an event, with both axes and the status that follows from them."""

    id: UUID
    """Identifies the enrolment for ever."""
    version: int
    """Grows by 1 with each event."""
    holder_id: UUID
    """Who is enrolled."""
    programme: str
    """The code of the programme."""
    programme_version: int
    """The number of the programme's version that it is judged by."""
    kind: EnrolmentKind
    """Whether it is the first way through the programme or a recertification."""
    stage: EnrolmentStage
    """How far the work has come."""
    validity: Validity | None = None
    """That of the credential which the completion issued or renewed, as last announced."""
    status: EnrolmentStatus
    """As last announced."""
    reason: str | None = None
    """A code of why it has the status, such as `suspended` or `component_withdrawn`."""
    components: tuple[ComponentState, ...] = ()
    """What the path consists of, and how far each part is."""
    credits: float = 0
    """The sum that counts: after caps, with what was carried over."""
    surplus: tuple[SurplusCredits, ...] = ()
    """Credits beyond each minimum, once it is completed; they may count towards the next recertification."""
    waits_for: WaitState | None = None
    """The decision that it waits for. Null: for none."""
    award: AwardState | None = None
    """What the completion awarded; whoever has not seen its id carries it out, from event or snapshot."""
    credential_id: UUID | None = None
    """The credential of the award once it is known, or the one that is to be renewed."""
    previous_enrolment_id: UUID | None = None
    """The enrolment that this one follows."""
    superseded_by: UUID | None = None
    """The enrolment whose completion renewed the credential: it has the validity from then on."""
    opened_at: Instant
    """When it was opened."""
    opened_by: str
    """Who applied or enrolled the holder; a code and id, never a name."""
    entry: str | None = None
    """How the holder got in: by `application`, enrolled by `staff`, or by `rule`."""
    decided_at: Instant | None = None
    """When a person last decided about it."""
    decided_by: str | None = None
    """Who did; a code and id, never a name."""
    completed_at: Instant | None = None
    """When it was completed for the first time. Null: not yet."""
    deadline_at: Instant | None = None
    """When the programme's deadline is reached; absent where there is none or it no longer matters."""
    window_opens_at: Instant | None = None
    """When a recertification may be opened; absent where none follows."""
    renewal_due_for: UUID | None = None
    """The credential's term for which `renewal.due` was published last."""
    created_at: Instant
    """When it was recorded first."""
    updated_at: Instant
    """When it changed last."""


class EnrolmentEvent(EventData):
    """Any event that carries an enrolment's whole state."""

    topic: ClassVar[Topic] = Topic.CERTIFICATIONS
    enrolment: EnrolmentState
    """The enrolment after the event."""

    @property
    def key(self) -> str:
        """`<holder>/enrolment/<id>`."""
        return f"{self.enrolment.holder_id}/enrolment/{self.enrolment.id}"

    @property
    def partition_key(self) -> str:
        """The holder's id."""
        return str(self.enrolment.holder_id)

    @property
    def subject(self) -> str:
        """The enrolment's id."""
        return str(self.enrolment.id)

    @property
    def sequence(self) -> int:
        """The enrolment's version."""
        return self.enrolment.version


class EnrolmentOpened(EnrolmentEvent):
    """A holder applied to a programme or was enrolled in it, with the first status."""

    event_type: ClassVar[str] = "licet.enrolment.opened.v1"
    cause: ChangeCause
    """Automatic where an application or a rule led to it, manual where staff enrolled the holder."""
    actor: str
    """A code and id, such as `user:<subject>`; never a name."""


class EnrolmentStatusChanged(EnrolmentEvent):
    """The status changed. Announced exactly once for each change."""

    event_type: ClassVar[str] = "licet.enrolment.status_changed.v1"
    from_: EnrolmentStatus = Field(alias="from")
    """The status before."""
    to: EnrolmentStatus
    """The status after."""
    effective_at: Instant
    """The instant of the change; it may lie before the event."""
    cause: ChangeCause
    """Whether time and facts or a person brought the change."""
    reason: str
    """A code, such as `approved`, `denied`, `completed`, `expired` or `renewed`."""
    actor: str
    """A code and id; never a name."""


class EnrolmentUpdated(EnrolmentEvent):
    """Something other than the status changed."""

    event_type: ClassVar[str] = "licet.enrolment.updated.v1"
    changed: tuple[str, ...]
    """Names of the fields that changed."""


class ComponentCompleted(EnrolmentEvent):
    """A component counts as completed from now on."""

    event_type: ClassVar[str] = "licet.component.completed.v1"
    component: str
    """The component's code."""
    credits: float = 0
    """What it earns."""
    category: str | None = None
    """The category of its credits. Null: none."""
    completed_at: Instant
    """When the completion took place."""
    source: str | None = None
    """The system that reported it. Null: nobody did, a person decided."""
    source_id: str | None = None
    """Its id of the completion."""
    evidence: tuple[str, ...] = ()
    """Ids or hashes of what supports it; never the document."""


class ComponentWithdrawn(EnrolmentEvent):
    """A component that was completed no longer counts."""

    event_type: ClassVar[str] = "licet.component.withdrawn.v1"
    component: str
    """The component's code."""
    reason: str
    """A code: `failed`, `withdrawn`, `outdated`, `returned`, `prerequisites`, `evidence`, `approval`."""
    source: str | None = None
    """The system that reported the completion which no longer counts."""
    source_id: str | None = None
    """Its id of that completion."""


class CertificationAwarded(EnrolmentEvent):
    """A programme was completed: a credential is to be issued or renewed, once per award id."""

    event_type: ClassVar[str] = "licet.certification.awarded.v1"
    award: AwardState
    """What is to be issued or renewed."""


class AwardRefused(EventData):
    """An award was refused by the rules of its credential type or by the credential that it was to renew.

    `certifications` puts the enrolment under review; whoever approves the review publishes the award again.
    Once a term carries the award's id, the refusal is history.
    """

    event_type: ClassVar[str] = "licet.award.refused.v1"
    topic: ClassVar[Topic] = Topic.CREDENTIALS
    refusal: AwardRefusal
    """The award and why it was refused."""

    @property
    def key(self) -> str:
        """`<holder>/award/<id>`."""
        return f"{self.refusal.holder_id}/award/{self.refusal.award_id}"

    @property
    def partition_key(self) -> str:
        """The holder's id."""
        return str(self.refusal.holder_id)

    @property
    def subject(self) -> str:
        """The award's id."""
        return str(self.refusal.award_id)


class CourseReference(Model):
    """What a learning system calls a component."""

    source: str
    """The code of the learning system."""
    id: str
    """Its id of the course."""


class DueComponent(Model):
    """A component still to do before a renewal, and what learning systems call it."""

    code: str
    """The component's code."""
    name: str
    """The name to show."""
    kind: str
    """`course`, `exam`, `task` or `attendance`."""
    usual_days: int | None = None
    """How many days it usually takes. Null: the programme does not say."""
    start_by: date
    """The latest day to start, so that it and what needs it are done before expiry."""
    sources: tuple[CourseReference, ...] = ()
    """What learning systems call it."""


class RenewalDue(EnrolmentEvent):
    """The window of a recertification has opened: what is still to do, and the latest day to start."""

    event_type: ClassVar[str] = "licet.renewal.due.v1"
    credential_id: UUID
    """The credential to renew."""
    term_id: UUID
    """The term that ends; told once for each."""
    expires_on: date
    """The printed expiry date."""
    time_zone: str
    """The IANA zone in which its days are meant."""
    start_by: date
    """The latest day on which to begin."""
    components: tuple[DueComponent, ...]
    """What is still to do."""
    last_day: date | None = None
    """The last day that is valid as a whole; absent from older builds, which meant `expires_on`."""
    expires_on_month: str | None = None
    """YYYY-MM where the document prints only the month."""


class EnrolmentMoved(EventData):
    """The enrolment is another holder's from now on, since its own was merged; its state is under that key.

    It ends the key of the holder it was under. Delete only what you still keep under that holder.
    """

    event_type: ClassVar[str] = "licet.enrolment.moved.v1"
    topic: ClassVar[Topic] = Topic.CERTIFICATIONS
    tombstone: ClassVar[bool] = True
    holder_id: UUID
    """The holder it was under."""
    enrolment_id: UUID
    """The enrolment that has left the key."""
    version: int
    """Its version when it left, in `ce_sequence`."""

    @property
    def key(self) -> str:
        """`<holder>/enrolment/<id>`."""
        return f"{self.holder_id}/enrolment/{self.enrolment_id}"

    @property
    def sequence(self) -> int:
        """The enrolment's version with which it left this key."""
        return self.version

    @classmethod
    def of_key(cls, key: str, sequence: int | None) -> Self:
        """Rebuild it from `<holder>/enrolment/<id>` and its sequence."""
        holder, _, enrolment = key.split("/")
        return cls(holder_id=UUID(holder), enrolment_id=UUID(enrolment), version=sequence or 0)


class EnrolmentSnapshot(EnrolmentEvent):
    """An enrolment's state again."""

    event_type: ClassVar[str] = "licet.enrolment.snapshot.v1"
