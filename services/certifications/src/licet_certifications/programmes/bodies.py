"""What callers send of programmes and their versions."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from licet_certifications.codes import Code
from licet_certifications.programmes.model import (
    Approvals,
    Approver,
    CompletionRule,
    Component,
    ComponentKind,
    Deadline,
    Definition,
    EntryRules,
    Recertification,
)
from licet_chassis.errors import Invalid
from licet_chassis.http.resources import Body

MOST_COMPONENTS = 200
_MOST_NAMED = 100


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not have control or invisible characters")
    return text


def _of_hundredths(credits: float) -> float:
    if round(credits, 2) != credits:
        raise ValueError("must have at most two decimals")
    return credits


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(_printable),
]
"""What people call something."""

Credits = Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False), AfterValidator(_of_hundredths)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Codes = Annotated[tuple[Code, ...], Field(max_length=_MOST_NAMED)]


class SourceIn(Body):
    """What a learning system calls a component."""

    source: Name
    """The learning system, as its completions name it."""
    id: Annotated[
        str, StringConstraints(min_length=1, max_length=2_000, strip_whitespace=True),
        AfterValidator(_printable),
    ]  # fmt: skip
    """The course's id there; for xAPI the activity's IRI."""


class ComponentIn(Body):
    """A course, exam, task or attendance."""

    code: Code
    name: Name
    kind: ComponentKind
    required: bool = True
    """Whether completion needs it; an optional one still earns credits and may be in a group."""
    credits: Credits = 0
    category: Name | None = None
    prerequisites: Codes = ()
    approval: bool | None = None
    """Whether staff must approve a completion of it; left out: what approvals.components says."""
    evidence: bool = False
    counts_for_days: Days | None = None
    usual_days: Annotated[int, Field(ge=0, le=3_650)] | None = None
    sources: Annotated[tuple[SourceIn, ...], Field(max_length=50)] = ()


class GroupIn(Body):
    """At least `k` of some components."""

    name: Name
    k: Annotated[int, Field(le=MOST_COMPONENTS)]
    components: Annotated[tuple[Code, ...], Field(min_length=1, max_length=MOST_COMPONENTS)]


class CreditRuleIn(Body):
    """How many credits completion needs, in a category or in total."""

    category: Name | None = None
    minimum: Credits = 0
    cap: Credits | None = None
    """Of this category no more than this counts towards the total."""


class CompletionRuleIn(Body):
    """What completion needs beyond the required components."""

    groups: Annotated[tuple[GroupIn, ...], Field(max_length=50)] = ()
    credits: Annotated[tuple[CreditRuleIn, ...], Field(max_length=50)] = ()
    carry_over_months: Annotated[int, Field(ge=0, le=120)] = 0


class ApproverIn(Body):
    """Who may decide."""

    scope: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_-]{0,31}:[a-z][a-z_-]{0,31}$")] = (
        Approver().scope
    )
    teams: Codes = ()
    """Only those whose token is for one of these teams, or for all; empty: whatever the token is for."""
    locations: Codes = ()
    two_people: bool = False
    """Whether two different people must approve."""


class ApprovalsIn(Body):
    """What waits for a person: true for the default approver, or an object that says who decides."""

    enrolment: bool | ApproverIn | None = None
    components: bool | ApproverIn | None = None
    completion: bool | ApproverIn | None = None


class EntryIn(Body):
    """Who gets in, and how."""

    self_application: bool = True
    staff: bool = True
    roles: Codes = ()
    queues: Codes = ()
    credential_types: Codes = ()
    required_programmes: Codes = ()
    required_credentials: Codes = ()


class DeadlineIn(Body):
    """How long an enrolment may take."""

    days: Days
    then: Literal["none", "not_completed"] = "none"


class RecertificationIn(Body):
    """How an active certification is renewed."""

    window_days: Days
    components: Annotated[tuple[ComponentIn, ...], Field(max_length=MOST_COMPONENTS)] = ()
    """Empty: the same as the first time."""
    completion: CompletionRuleIn | None = None
    """Left out: the rule of the first time, or, with components of its own, all that are required."""
    full_path_after_days: Annotated[int, Field(ge=0, le=36_500)] | None = None


class VersionIn(Body):
    """Everything that a version says."""

    credential_type: Code | None = None
    """What completion issues or renews; left out: the programme's; null: nothing."""
    components: Annotated[tuple[ComponentIn, ...], Field(min_length=1, max_length=MOST_COMPONENTS)]
    completion: CompletionRuleIn = CompletionRuleIn()
    approvals: ApprovalsIn = ApprovalsIn()
    entry: EntryIn = EntryIn()
    deadline: DeadlineIn | None = None
    recertification: RecertificationIn | None = None
    cool_off_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    """For how many days after Declined nobody may apply again."""
    counts_before_enrolment: bool = True
    """Whether completions from before the enrolment count; those that led to a certification count once."""
    certificate: Code | None = None
    """Name of the certificate's template; left out: the shipped one."""

    def definition(self, *, programmes_type: str | None) -> Definition:
        """Return what is said with every default filled in; raises `Invalid` for approvals that clash."""
        named = "credential_type" in self.model_fields_set
        components = _components(self.components, self.approvals.components, "/components")
        renewal = self.recertification
        recertification = None
        if renewal is not None:
            own = _components(renewal.components, self.approvals.components, "/recertification/components")
            rule = _rule(renewal.completion)
            recertification = Recertification(
                window_days=renewal.window_days,
                components=own,
                completion=CompletionRule() if own and rule is None else rule,
                full_path_after_days=renewal.full_path_after_days,
            )
            asks = any(component.approval for component in (*components, *own))
        else:
            asks = any(component.approval for component in components)
        return Definition(
            credential_type=self.credential_type if named else programmes_type,
            components=components,
            completion=_rule(self.completion) or CompletionRule(),
            approvals=Approvals(
                enrolment=_approver(self.approvals.enrolment),
                components=_approver(self.approvals.components) or (Approver() if asks else None),
                completion=_approver(self.approvals.completion),
            ),
            entry=EntryRules.model_validate(self.entry.model_dump()),
            deadline=None if self.deadline is None else Deadline.model_validate(self.deadline.model_dump()),
            recertification=recertification,
            cool_off_days=self.cool_off_days,
            counts_before_enrolment=self.counts_before_enrolment,
            certificate=self.certificate,
        )


class ProgrammeIn(Body):
    """A programme to define."""

    code: Code
    name: Name
    credential_type: Code | None = None
    """What its versions issue that do not say otherwise."""


class ProgrammePatch(Body):
    """What is to be changed (JSON merge patch); the code of a programme never changes."""

    name: Name | None = None
    credential_type: Code | None = None
    """What later versions issue; those that are drafted already keep what they say."""

    @field_validator("name")
    @classmethod
    def _is_there(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("can't be null; leave it out to keep it as it is")
        return value

    def changes(self) -> dict[str, Any]:
        """Return what is to be changed, by the names of the programme's fields."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Nothing(Body):
    """An action that needs no more than its path."""


def _approver(given: bool | ApproverIn | None) -> Approver | None:
    if isinstance(given, ApproverIn):
        return Approver.model_validate(given.model_dump())
    return Approver() if given else None


def _rule(given: CompletionRuleIn | None) -> CompletionRule | None:
    return None if given is None else CompletionRule.model_validate(given.model_dump())


def _components(
    given: Sequence[ComponentIn], approval: bool | ApproverIn | None, at: str
) -> tuple[Component, ...]:
    for number, component in enumerate(given):
        if component.approval and approval is False:
            raise Invalid(
                f"{component.code} asks for approval, but approvals.components is false; leave one of them "
                "out.",
                pointer=f"{at}/{number}/approval",
            )
    everywhere = bool(approval) and not any(component.approval for component in given)
    return tuple(
        Component.model_validate(
            component.model_dump()
            | {"approval": everywhere if component.approval is None else component.approval}
        )
        for component in given
    )
