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


class Period(Model):
    """A length of validity: exactly one of months and days."""

    months: int | None = None
    days: int | None = None


class FixedDate(Model):
    """A day of the year on which every term of a type ends."""

    month: int
    day: int
    at_least_months: int = 0
    years: YearCycle = YearCycle.EVERY


class BirthAnchor(Model):
    """A day of the holder's year on which every term of a type ends."""

    at: BirthDay
    at_least_months: int = 0
    years: YearCycle = YearCycle.EVERY


class AgeBand(Model):
    """The validity for holders who are at least so old when examined: one of months and days."""

    from_age: int
    months: int | None = None
    days: int | None = None


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
    kind: AttributeKind
    required: bool = False
    options: tuple[str, ...] = ()
    """Which values a choice has."""


AttributeValue: TypeAlias = bool | int | str | tuple[str, ...]
"""A value of a typed attribute: dates as YYYY-MM-DD, decimals as text, choices as a list."""


DEFAULT_LADDER: tuple[int, ...] = (90, 60, 30, 7, 0, -7)
"""Days before `expires_on` at which a notice is due; negative ones come after it."""


class CredentialTypeState(Model):
    """A credential type's rules."""

    code: str
    version: int
    name: str
    category: Category
    expires: bool = True
    validity: Period | None = None
    ladder: tuple[int, ...] = DEFAULT_LADDER
    renewal_window_days: int | None = None
    grace_days: int = 0
    renewal_basis: RenewalBasis | None = None
    fixed_date: FixedDate | None = None
    expires_at_rule: ExpiresAtRule | None = None
    """How the printed expiry date of its credentials is meant; absent from older builds: `end_of_day`."""
    expires_at_time: str | None = None
    """With `at_time`: the local time of the printed day, HH:MM."""
    end_of_month: bool = False
    """Whether a term whose end follows from a rule is valid through the end of that month."""
    renewal_evidence: RenewalEvidence = RenewalEvidence.NONE
    number_unique: NumberUnique = NumberUnique.HOLDER
    attributes: tuple[DeclaredAttribute, ...] = ()
    aliases: tuple[str, ...] = ()
    retired: bool = False
    late_renewal: LateRenewal = LateRenewal.FROM_COMPLETION
    late_renewal_days: int | None = None
    """Days after the expiry in which a late renewal counts `from_expiry`."""
    month_end: MonthEnd = MonthEnd.CLAMP
    birth_anchor: BirthAnchor | None = None
    """Takes the place of `renewal_basis`, which is null then."""
    age_bands: tuple[AgeBand, ...] = ()
    """Take the place of `validity` from their age on; in order of age."""
    created_at: Instant
    updated_at: Instant


class LocationState(Model):
    """A place where work is done."""

    code: str
    version: int
    name: str
    time_zone: str | None = None
    country: str | None = None
    subdivision: str | None = None
    supervisor_ids: tuple[UUID, ...] = ()
    fallback_email: str | None = None
    created_at: Instant
    updated_at: Instant


class TeamState(Model):
    """People who work together."""

    code: str
    version: int
    name: str
    supervisor_ids: tuple[UUID, ...] = ()
    fallback_email: str | None = None
    created_at: Instant
    updated_at: Instant


class Severity(StrEnum):
    """Whether an unmet requirement blocks or warns."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"


class AttributeCondition(Model):
    """What one typed attribute of a credential has to be. Every comparison that is given has to hold."""

    attribute: str
    equals: AttributeValue | None = None
    one_of: tuple[AttributeValue, ...] = ()
    """For an attribute with several choices, one of the choices has to be among these."""
    at_least: int | str | None = None
    """An integer, or a decimal or a date as text; so is `at_most`."""
    at_most: int | str | None = None


class Operand(Model):
    """A part of a nested expression: either one credential type with conditions, or an expression again."""

    type: str | None = None
    """The name of a credential type. The fields up to `min_days_remaining` go with it."""
    where: tuple[AttributeCondition, ...] = ()
    verified_within_days: int | None = None
    """How many days ago, at most, the latest check confirmed the credential."""
    issued_by: tuple[str, ...] = ()
    """One of these has to be its issuer; compared without regard to case. Empty asks for none."""
    match_jurisdiction: bool = False
    min_days_remaining: int = 0
    kind: Literal["all_of", "any_of", "k_of"] | None = None
    """How many of `operands` are asked for."""
    k: int | None = None
    operands: tuple["Operand", ...] = ()


class Expression(Model):
    """Which credential types a requirement asks for: all of them, any of them, or `k` of them.

    Where `tree` is given, it is what counts. The other fields are then for readers that do not know it:
    they ask for all types that the tree names, hence for more than the tree does, except its conditions.
    """

    kind: Literal["all_of", "any_of", "k_of"]
    types: tuple[str, ...]
    """Every type that is named anywhere, each once."""
    k: int | None = None
    tree: Operand | None = None
    """The whole of a nested expression, or of one with conditions."""


class RequirementState(Model):
    """A rule that a target needs credential types."""

    id: UUID
    version: int
    code: str | None = None
    """What people and files of rules call it."""
    target: str
    """`role:<code>` or `queue:<code>`."""
    locations: tuple[str, ...] = ()
    """Where it applies; empty means everywhere."""
    expression: Expression
    severity: Severity = Severity.MANDATORY
    match_jurisdiction: bool = False
    min_days_remaining: int = 0
    effective_from: date
    effective_until: date | None = None
    """The last day on which it applies."""
    time_zone: str
    starts_at: Instant
    ends_at: Instant | None = None
    created_at: Instant
    updated_at: Instant


class CourseSource(Model):
    """What a learning system calls a component."""

    source: str
    id: str
    """The course's id there; for xAPI the activity's IRI."""


class ProgrammeComponent(Model):
    """A component of a programme, as far as those who offer courses need it."""

    code: str
    name: str
    kind: str
    """`course`, `exam`, `task` or `attendance`."""
    credits: float = 0
    category: str | None = None
    required: bool = True
    prerequisites: tuple[str, ...] = ()
    usual_days: int | None = None
    """How many days it usually takes."""
    sources: tuple[CourseSource, ...] = ()


class ProgrammeState(Model):
    """A certification scheme and what new enrolments in it have to do."""

    code: str
    version: int
    name: str
    number: int | None = None
    """The number of the version that new enrolments use; `None` where none is published."""
    credential_type: str | None = None
    """What a completion of that version issues or renews."""
    components: tuple[ProgrammeComponent, ...] = ()
    recertification_components: tuple[ProgrammeComponent, ...] = ()
    """Those of a recertification; empty where the version has none."""
    created_at: Instant
    updated_at: Instant


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
