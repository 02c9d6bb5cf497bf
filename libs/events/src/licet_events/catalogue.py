"""The catalogue: credential types, locations and teams, and the requirements that name them."""

from datetime import date
from enum import StrEnum
from typing import ClassVar, Literal, TypeAlias
from uuid import UUID

from licet_events.civil import ExpiresAtRule
from licet_events.event import EventData, Instant, Model
from licet_events.topics import Topic


class Category(StrEnum):
    """What kind of authorisation a credential type is."""

    LICENSE = "license"
    INSURANCE = "insurance"
    CERTIFICATION = "certification"
    TRAINING = "training"
    OTHER = "other"


class RenewalBasis(StrEnum):
    """From which day the next expiry of a renewed credential is counted."""

    FROM_EXPIRY = "from_expiry"
    FROM_COMPLETION = "from_completion"
    FIXED_DATE = "fixed_date"


class LateRenewal(StrEnum):
    """What becomes of a credential that is renewed after its expiry."""

    FROM_COMPLETION = "from_completion"
    """The new term starts when it was completed; the days without a term stay a lapse."""
    FROM_EXPIRY = "from_expiry"
    """The new term follows the old one, for so many days after the expiry; later as `from_completion`."""
    REFUSED = "refused"
    """A new credential is needed."""


class MonthEnd(StrEnum):
    """What a number of months after the last day of a month is."""

    CLAMP = "clamp"
    """The same day, or the last one of a shorter month: 28 February is followed by 28 August."""
    KEEP = "keep"
    """The last day of the month again: 28 February is followed by 31 August."""


class YearCycle(StrEnum):
    """The years in which a day that comes back ends a term."""

    EVERY = "every"
    ODD = "odd"
    EVEN = "even"


class BirthDay(StrEnum):
    """A day of the year that follows from the holder's date of birth."""

    BIRTHDAY = "birthday"
    """29 February falls to the 28th in other years."""
    BIRTH_MONTH = "birth_month"
    """The last day of the month of birth."""


class RenewalEvidence(StrEnum):
    """What a renewal must bring along."""

    NONE = "none"
    IMAGE = "image"
    VERIFICATION = "verification"


class NumberUnique(StrEnum):
    """Among which credentials of one type a number must be unique."""

    NONE = "none"
    HOLDER = "holder"
    JURISDICTION = "jurisdiction"


class NumberComparison(StrEnum):
    """When two numbers are the same to `number_unique`."""

    EXACT = "exact"
    """When every character is, but for blanks and invisible characters."""
    LOOSE = "loose"
    """When their letters and digits are, without regard to case: `AB 123` and `ab-123`."""


class Period(Model):
    """A length of validity: exactly one of months and days."""

    months: int | None = None
    """Calendar months. Null: days are given."""
    days: int | None = None
    """Days. Null: months are given."""


class FixedDate(Model):
    """A day of the year on which every term of a type ends."""

    month: int
    """The month, 1 to 12."""
    day: int
    """The day of the month."""
    at_least_months: int = 0
    """A term lasts at least so many months: an earlier fixed date is passed over."""
    years: YearCycle = YearCycle.EVERY
    """In which years the day counts."""


class BirthAnchor(Model):
    """A day of the holder's year on which every term of a type ends."""

    at: BirthDay
    """Whether a term ends with the month of birth or on the birthday."""
    at_least_months: int = 0
    """A term lasts at least so many months: an earlier date is passed over."""
    years: YearCycle = YearCycle.EVERY
    """In which years the day counts."""


class AgeBand(Model):
    """The validity for holders who are at least so old when examined: one of months and days."""

    from_age: int
    """The age in years, at the date of examination, from which the band holds."""
    months: int | None = None
    """Calendar months that a term lasts. Null: days are given."""
    days: int | None = None
    """Days that a term lasts. Null: months are given."""


class AttributeKind(StrEnum):
    """What values a typed attribute takes."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    """As text, so that nothing is rounded."""
    BOOLEAN = "boolean"
    DATE = "date"
    CHOICE = "choice"
    CHOICES = "choices"
    """Any number of the options, in their order."""


class DeclaredAttribute(Model):
    """What credentials of a type say beyond number and dates, such as an insured limit or a class."""

    name: str
    """The attribute's name."""
    kind: AttributeKind
    """The type of its value."""
    required: bool = False
    """Whether every credential of the type needs it."""
    options: tuple[str, ...] = ()
    """Which values a choice has."""


AttributeValue: TypeAlias = bool | int | str | tuple[str, ...]
"""A value of a typed attribute: dates as YYYY-MM-DD, decimals as text, choices as a list."""


DEFAULT_LADDER: tuple[int, ...] = (90, 60, 30, 7, 0, -7)
"""Days before `expires_on` at which a notice is due; negative ones come after it."""


class CredentialTypeState(Model):
    """A credential type's rules."""

    code: str
    """Identifies the type; it never changes."""
    version: int
    """Grows by 1 with each event."""
    name: str
    """The name to show."""
    category: Category
    """The kind of credential."""
    expires: bool = True
    """Whether credentials of the type end at all."""
    validity: Period | None = None
    """How long a term lasts. Null: its end is entered with each."""
    ladder: tuple[int, ...] = DEFAULT_LADDER
    """Reminder steps in days before the end, the earliest first; below 0: days after it."""
    renewal_window_days: int | None = None
    """How many days before the end a renewal may be recorded."""
    grace_days: int = 0
    """For how many days after the end work goes on with a warning."""
    renewal_basis: RenewalBasis | None = None
    """What the end of a renewal is computed from."""
    fixed_date: FixedDate | None = None
    """The day of the year on which terms end, where the basis is a fixed date."""
    expires_at_rule: ExpiresAtRule | None = None
    """How the printed expiry date of its credentials is meant; absent from older builds: `end_of_day`."""
    expires_at_time: str | None = None
    """With `at_time`: the local time of the printed day, HH:MM."""
    end_of_month: bool = False
    """Whether a term whose end follows from a rule is valid through the end of that month."""
    renewal_evidence: RenewalEvidence = RenewalEvidence.NONE
    """What has to come with a renewal."""
    number_unique: NumberUnique = NumberUnique.HOLDER
    """Within what a number may occur only once."""
    number_comparison: NumberComparison = NumberComparison.LOOSE
    """When two numbers are the same one."""
    attributes: tuple[DeclaredAttribute, ...] = ()
    """What credentials of the type say beside the fields of all."""
    aliases: tuple[str, ...] = ()
    """Codes by which the type was known before; they still lead to it."""
    retired: bool = False
    """Whether no credential of the type may be recorded any more; those there are go on."""
    late_renewal: LateRenewal = LateRenewal.FROM_COMPLETION
    """What a renewal after the end does."""
    late_renewal_days: int | None = None
    """Days after the expiry in which a late renewal counts `from_expiry`."""
    month_end: MonthEnd = MonthEnd.CLAMP
    """Whether a term that began on a month's last day ends on one."""
    birth_anchor: BirthAnchor | None = None
    """Takes the place of `renewal_basis`, which is null then."""
    age_bands: tuple[AgeBand, ...] = ()
    """Take the place of `validity` from their age on; in order of age."""
    created_at: Instant
    """When it was recorded first."""
    updated_at: Instant
    """When it changed last."""


class LocationState(Model):
    """A place where work is done."""

    code: str
    """Identifies the location."""
    version: int
    """Grows by 1 with each event."""
    name: str
    """The name to show."""
    time_zone: str | None = None
    """The IANA zone in which days begin and end there."""
    country: str | None = None
    """ISO 3166-1 alpha-2. Null: not entered."""
    subdivision: str | None = None
    """ISO 3166-2, such as `US-IL`. Null: not entered."""
    supervisor_ids: tuple[UUID, ...] = ()
    """Holders who are told of what concerns people at the location."""
    fallback_email: str | None = None
    """Where mails go that reach nobody else. Null: to the deployment's address."""
    created_at: Instant
    """When it was recorded first."""
    updated_at: Instant
    """When it changed last."""


class TeamState(Model):
    """People who work together."""

    code: str
    """Identifies the team."""
    version: int
    """Grows by 1 with each event."""
    name: str
    """The name to show."""
    supervisor_ids: tuple[UUID, ...] = ()
    """Holders who are told of what concerns the team's people."""
    fallback_email: str | None = None
    """Where mails go that reach nobody else. Null: to the deployment's address."""
    created_at: Instant
    """When it was recorded first."""
    updated_at: Instant
    """When it changed last."""


class Severity(StrEnum):
    """Whether an unmet requirement blocks or warns."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"


class AttributeCondition(Model):
    """What one typed attribute of a credential has to be. Every comparison that is given has to hold."""

    attribute: str
    """The attribute's name."""
    equals: AttributeValue | None = None
    """The value that it must have. Null: no such condition."""
    one_of: tuple[AttributeValue, ...] = ()
    """For an attribute with several choices, one of the choices has to be among these."""
    at_least: int | str | None = None
    """An integer, or a decimal or a date as text; so is `at_most`."""
    at_most: int | str | None = None
    """The largest value allowed. Null: no such condition."""


class Operand(Model):
    """A part of a nested expression: either one credential type with conditions, or an expression again."""

    type: str | None = None
    """The name of a credential type. The fields up to `min_days_remaining` go with it."""
    where: tuple[AttributeCondition, ...] = ()
    """Conditions on the attributes of a credential of the type."""
    verified_within_days: int | None = None
    """How many days ago, at most, the latest check confirmed the credential."""
    issued_by: tuple[str, ...] = ()
    """One of these has to be its issuer; compared without regard to case. Empty asks for none."""
    match_jurisdiction: bool = False
    """Whether the credential has to be for the location's jurisdiction. Null: as the requirement says."""
    min_days_remaining: int = 0
    """How many days it has to have left. Null: as the requirement says."""
    kind: Literal["all_of", "any_of", "k_of"] | None = None
    """How many of `operands` are asked for."""
    k: int | None = None
    """How many of the operands, where `k_of`. Null otherwise."""
    operands: tuple["Operand", ...] = ()
    """What a nested expression is about; empty for a single type."""


class Expression(Model):
    """Which credential types a requirement asks for: all of them, any of them, or `k` of them.

    Where `tree` is given, it is what counts. The other fields are then for readers that do not know it:
    they ask for all types that the tree names, hence for more than the tree does, except its conditions.
    """

    kind: Literal["all_of", "any_of", "k_of"]
    """How many of the operands are needed."""
    types: tuple[str, ...]
    """Every type that is named anywhere, each once."""
    k: int | None = None
    """How many, where `k_of`. Null otherwise."""
    tree: Operand | None = None
    """The whole of a nested expression, or of one with conditions."""


class RequirementState(Model):
    """A rule that a target needs credential types."""

    id: UUID
    """Identifies the requirement for ever."""
    version: int
    """Grows by 1 with each event."""
    code: str | None = None
    """What people and files of rules call it."""
    target: str
    """`role:<code>` or `queue:<code>`."""
    locations: tuple[str, ...] = ()
    """Where it applies; empty means everywhere."""
    expression: Expression
    """Which credentials are needed."""
    severity: Severity = Severity.MANDATORY
    """Whether who lacks them may not work, or works with a warning."""
    match_jurisdiction: bool = False
    """Whether a credential counts only where it was issued for the location's jurisdiction."""
    min_days_remaining: int = 0
    """How many days a credential has to have left at the end of the work."""
    effective_from: date
    """The first day on which the requirement holds."""
    effective_until: date | None = None
    """The last day on which it applies."""
    time_zone: str
    """The IANA zone in which its days are meant."""
    starts_at: Instant
    """The instant from which it holds."""
    ends_at: Instant | None = None
    """The instant from which it no longer holds. Null: without end."""
    created_at: Instant
    """When it was recorded first."""
    updated_at: Instant
    """When it changed last."""


class CourseSource(Model):
    """What a learning system calls a component."""

    source: str
    """The code of the learning system."""
    id: str
    """The course's id there; for xAPI the activity's IRI."""


class ProgrammeComponent(Model):
    """A component of a programme, as far as those who offer courses need it."""

    code: str
    """Identifies the component within its programme."""
    name: str
    """The name to show."""
    kind: str
    """`course`, `exam`, `task` or `attendance`."""
    credits: float = 0
    """What its completion earns."""
    category: str | None = None
    """The category of its credits. Null: none."""
    required: bool = True
    """Whether the programme can't be completed without it."""
    prerequisites: tuple[str, ...] = ()
    """Codes of the components that have to be completed before."""
    usual_days: int | None = None
    """How many days it usually takes."""
    sources: tuple[CourseSource, ...] = ()
    """What learning systems call it."""


class ProgrammeState(Model):
    """A certification scheme and what new enrolments in it have to do."""

    code: str
    """Identifies the programme; it never changes."""
    version: int
    """Grows by 1 with each event."""
    name: str
    """The name to show."""
    number: int | None = None
    """The number of the version that new enrolments use; `None` where none is published."""
    credential_type: str | None = None
    """What a completion of that version issues or renews."""
    components: tuple[ProgrammeComponent, ...] = ()
    """What the version that new enrolments use consists of."""
    recertification_components: tuple[ProgrammeComponent, ...] = ()
    """Those of a recertification; empty where the version has none."""
    created_at: Instant
    """When it was recorded first."""
    updated_at: Instant
    """When it changed last."""


class CatalogueEvent(EventData):
    """Any event on the catalogue's topic."""

    topic: ClassVar[Topic] = Topic.CATALOGUE

    @property
    def partition_key(self) -> str:
        """The whole key: the topic has one partition."""
        return self.key


class CredentialTypeEvent(CatalogueEvent):
    """Any event that carries a credential type's whole state."""

    credential_type: CredentialTypeState
    """The credential type after the event."""

    @property
    def key(self) -> str:
        """`credential_type/<code>`."""
        return f"credential_type/{self.credential_type.code}"

    @property
    def sequence(self) -> int:
        """The credential type's version."""
        return self.credential_type.version


class CredentialTypeChanged(CredentialTypeEvent):
    """A credential type was defined or changed."""

    event_type: ClassVar[str] = "licet.credential_type.changed.v1"


class CredentialTypeSnapshot(CredentialTypeEvent):
    """A credential type's state again."""

    event_type: ClassVar[str] = "licet.credential_type.snapshot.v1"


class LocationEvent(CatalogueEvent):
    """Any event that carries a location's whole state."""

    location: LocationState
    """The location after the event."""

    @property
    def key(self) -> str:
        """`location/<code>`."""
        return f"location/{self.location.code}"

    @property
    def sequence(self) -> int:
        """The location's version."""
        return self.location.version


class LocationChanged(LocationEvent):
    """A location was defined or changed."""

    event_type: ClassVar[str] = "licet.location.changed.v1"


class LocationSnapshot(LocationEvent):
    """A location's state again."""

    event_type: ClassVar[str] = "licet.location.snapshot.v1"


class TeamEvent(CatalogueEvent):
    """Any event that carries a team's whole state."""

    team: TeamState
    """The team after the event."""

    @property
    def key(self) -> str:
        """`team/<code>`."""
        return f"team/{self.team.code}"

    @property
    def sequence(self) -> int:
        """The team's version."""
        return self.team.version


class TeamChanged(TeamEvent):
    """A team was defined or changed."""

    event_type: ClassVar[str] = "licet.team.changed.v1"


class TeamSnapshot(TeamEvent):
    """A team's state again."""

    event_type: ClassVar[str] = "licet.team.snapshot.v1"


class RequirementEvent(CatalogueEvent):
    """Any event that carries a requirement's whole state."""

    requirement: RequirementState
    """The requirement after the event."""

    @property
    def key(self) -> str:
        """`requirement/<id>`."""
        return f"requirement/{self.requirement.id}"

    @property
    def sequence(self) -> int:
        """The requirement's version."""
        return self.requirement.version


class RequirementChanged(RequirementEvent):
    """A requirement was made or changed."""

    event_type: ClassVar[str] = "licet.requirement.changed.v1"


class RequirementSnapshot(RequirementEvent):
    """A requirement's state again."""

    event_type: ClassVar[str] = "licet.requirement.snapshot.v1"


class ProgrammeEvent(CatalogueEvent):
    """Any event that carries a programme's whole state."""

    programme: ProgrammeState
    """The programme after the event."""

    @property
    def key(self) -> str:
        """`programme/<code>`."""
        return f"programme/{self.programme.code}"

    @property
    def sequence(self) -> int:
        """The programme's version."""
        return self.programme.version


class ProgrammeChanged(ProgrammeEvent):
    """A programme was defined or changed, or new enrolments in it use another version."""

    event_type: ClassVar[str] = "licet.programme.changed.v1"


class ProgrammeSnapshot(ProgrammeEvent):
    """A programme's state again."""

    event_type: ClassVar[str] = "licet.programme.snapshot.v1"
