"""A programme and the definition of one of its versions: what a holder has to do, and who decides.

A published version never changes, so an enrolment can be judged by its version's definition for ever.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from licet_events.catalogue import ProgrammeComponent, ProgrammeState
from licet_events.event import Model
from licet_events.sameness import target_of


class ComponentKind(StrEnum):
    """What kind of work a component is."""

    COURSE = "course"
    EXAM = "exam"
    TASK = "task"
    ATTENDANCE = "attendance"


class Source(Model):
    """What a learning system calls a component."""

    source: str
    """The learning system, as its completions name it."""
    id: str
    """The course's id there; for xAPI the activity's IRI."""


class Component(Model):
    """A course, exam, task or attendance that counts towards completion."""

    code: str
    name: str
    kind: ComponentKind
    required: bool = True
    """Whether completion needs it; an optional one still earns credits and may be in a group."""
    credits: float = 0
    category: str | None = None
    """The category that its credits count in."""
    prerequisites: tuple[str, ...] = ()
    """Codes of components that have to be complete before this one counts."""
    approval: bool = False
    """Whether staff must approve a completion before it counts; `Approvals.components` says who."""
    evidence: bool = False
    """Whether a completion must bring evidence before it counts."""
    counts_for_days: int | None = None
    """For how many days a completion counts, from its own instant; `None`: without end."""
    usual_days: int | None = None
    """How many days it usually takes: what the latest day to start is computed from."""
    sources: tuple[Source, ...] = ()


class Group(Model):
    """At least `k` of some components."""

    name: str
    k: int
    components: tuple[str, ...]


class CreditRule(Model):
    """How many credits completion needs."""

    category: str | None = None
    """`None`: credits of all categories together."""
    minimum: float = 0
    cap: float | None = None
    """Of this category no more than this counts towards the total."""


class CompletionRule(Model):
    """When the work is complete: all required components, every group and every minimum of credits."""

    groups: tuple[Group, ...] = ()
    credits: tuple[CreditRule, ...] = ()
    carry_over_months: int = 0
    """For how many months credits beyond the minimum count towards the next recertification."""


class Approver(Model):
    """Who may decide, beside the scope; what is empty admits everyone with the scope."""

    scope: str = "certifications:approve"
    teams: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    two_people: bool = False
    """Whether two different people must approve."""


class Approvals(Model):
    """What waits for a person; `None` means that nothing does."""

    enrolment: Approver | None = None
    components: Approver | None = None
    """Who approves components that ask for it."""
    completion: Approver | None = None


class EntryRules(Model):
    """Who gets in, and how."""

    self_application: bool = True
    staff: bool = True
    roles: tuple[str, ...] = ()
    """Holders of one of these roles are enrolled by rule."""
    queues: tuple[str, ...] = ()
    credential_types: tuple[str, ...] = ()
    """Holders of a credential of one of these types are enrolled by rule."""
    required_programmes: tuple[str, ...] = ()
    """Programmes of which the holder must have an active certification first."""
    required_credentials: tuple[str, ...] = ()
    """Credential types of which the holder must have a valid credential first."""

    @property
    def triggers(self) -> tuple[str, ...]:
        """What somebody gains to be enrolled by rule: `role:<code>`, `queue:<code>` or `type:<code>`."""
        return (
            *(target_of("role", code) for code in self.roles),
            *(target_of("queue", code) for code in self.queues),
            *(f"type:{code}" for code in self.credential_types),
        )


class Deadline(Model):
    """How long an enrolment may take; a version without one has no deadline."""

    days: int
    then: Literal["none", "not_completed"] = "none"


class Recertification(Model):
    """How an active certification is renewed."""

    window_days: int
    """A recertification may be opened this many days before expiry."""
    components: tuple[Component, ...] = ()
    """Empty: the same components as the first time."""
    completion: CompletionRule | None = None
    """`None`: the same rule as the first time."""
    full_path_after_days: int | None = None
    """A lapse longer than this leads back to the full path; `None`: never."""


class Definition(Model):
    """Everything that a version says."""

    credential_type: str | None = None
    """The code of the type that a completion issues or renews; `None`: completion issues nothing."""
    components: tuple[Component, ...]
    completion: CompletionRule = CompletionRule()
    approvals: Approvals = Approvals()
    entry: EntryRules = EntryRules()
    deadline: Deadline | None = None
    recertification: Recertification | None = None
    cool_off_days: int = 0
    """For how many days after Declined nobody may apply again."""
    counts_before_enrolment: bool = True
    """Whether completions from before the enrolment count; those that led to a certification count once."""
    certificate: str | None = None
    """Name of the certificate's template; `None`: the shipped one."""

    def path(self, *, recertification: bool) -> tuple[tuple[Component, ...], CompletionRule]:
        """Return the components and the rule of the first path or of the recertification."""
        renewal = self.recertification if recertification else None
        if renewal is None:
            return self.components, self.completion
        return renewal.components or self.components, renewal.completion or self.completion


def counted_credits(rules: Iterable[CreditRule], earned: Mapping[str | None, float]) -> float:
    """Return the credits that count towards the total: those of each category up to its cap."""
    caps: dict[str | None, float] = {
        rule.category: rule.cap for rule in rules if rule.category is not None and rule.cap is not None
    }
    counted: list[float] = [min(amount, caps.get(category, amount)) for category, amount in earned.items()]
    return round(sum(counted), 2)


class VersionState(StrEnum):
    """Where a version is in its life."""

    DRAFT = "draft"
    """May be changed; no enrolment is on it."""
    PUBLISHED = "published"
    """Never changes. New enrolments use the published version with the highest number."""
    RETIRED = "retired"
    """Takes no new enrolments; those that are on it go on."""


@dataclass(frozen=True, slots=True)
class Programme:
    """A certification scheme, whatever its versions say."""

    code: str
    version: int
    """Grows by one with each change, also of what new enrolments use."""
    name: str
    credential_type: str | None
    """What versions issue that do not say otherwise themselves."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a programme."""

    programme: str
    number: int
    version: int
    """Of the draft: grows by one with each change and with each step of its life."""
    state: VersionState
    definition: Definition
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None = None
    retired_at: datetime | None = None


def programme_state(programme: Programme, used: Version | None) -> ProgrammeState:
    """Return a programme as the contract has it, with the version that new enrolments use."""
    definition = None if used is None else used.definition
    recertifies = definition is not None and definition.recertification is not None
    return ProgrammeState(
        code=programme.code,
        version=programme.version,
        name=programme.name,
        number=None if used is None else used.number,
        credential_type=programme.credential_type if definition is None else definition.credential_type,
        components=() if definition is None else _told(definition.components),
        recertification_components=_told(definition.path(recertification=True)[0])
        if definition is not None and recertifies
        else (),
        created_at=programme.created_at,
        updated_at=programme.updated_at,
    )


def _told(components: Iterable[Component]) -> tuple[ProgrammeComponent, ...]:
    return tuple(ProgrammeComponent.model_validate(component.model_dump()) for component in components)
