"""What callers say of the policy."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, field_validator, model_validator

from licet_chassis.http.resources import Body
from licet_notifier.facts.mails import OF_ENROLMENTS, OF_STEPS
from licet_notifier.mail.address import usable_address
from licet_notifier.policy.documents import policy_of
from licet_notifier.policy.model import Delivery, Policy, Within

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Codes: TypeAlias = Code | Annotated[list[Code], Field(min_length=1, max_length=500)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Step = Annotated[int, Field(ge=-3650, le=3650)]


class FixedAddress(Body):
    """An address that is told, whoever reads there."""

    address: Annotated[str, StringConstraints(max_length=320)]

    @field_validator("address")
    @classmethod
    def _is_usable(cls, address: str) -> str:
        if usable_address(address) is None:
            raise ValueError("no mail can be sent to it; it must be such as desk@example.org")
        return address


class PeopleOfRole(Body):
    """Everybody who has a role."""

    role: Code
    within: Within | None = None
    """Only those of the holder's own team or location."""


class NamedCircle(Body):
    """A circle that the policy names."""

    circle: Code


EVENTS = (*OF_STEPS, *OF_ENROLMENTS)
"""The events that a rule may name: of shifts at risk the supervisors of the team are told."""

Person = Literal[
    "holder", "manager", "managers_manager", "team_supervisors", "location_supervisors", "deciders"
]
Tell = Annotated[list[Person | FixedAddress | PeopleOfRole | NamedCircle], Field(max_length=50)]


class EscalationBody(Body):
    """Who is told, once, where nobody has renewed, submitted or acknowledged so many days after a step."""

    after_days: Annotated[int, Field(ge=1, le=365)]
    tell: Annotated[Tell, Field(min_length=1)]


class RuleBody(Body):
    """Who is told of the notices that match everything that the rule names."""

    event: str | None = None
    """Such as `credential.expiring`; any where left out."""
    steps: Annotated[list[Step], Field(min_length=1, max_length=50)] | None = None
    """Days before the end of a credential, negative after it."""
    type: Codes | None = None
    """Codes of credential types; of mails about enrolments, of programmes."""
    team: Codes | None = None
    """The holder's team."""
    location: Codes | None = None
    """The holder's location."""
    tell: Tell
    """Nobody, where it is empty."""
    delivery: Delivery = Delivery.SEPARATE
    """`copies`: all get the same mail, written for the first of them."""
    escalate: Annotated[list[EscalationBody], Field(max_length=5)] | None = None

    @field_validator("event")
    @classmethod
    def _is_known(cls, event: str | None) -> str | None:
        if event is not None and event not in EVENTS:
            raise ValueError(f"no rule is for it; rules are for {', '.join(EVENTS)}")
        return event

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        of_steps = self.event in {"credential.expiring", "credential.overdue", None}
        if self.steps and not of_steps:
            raise ValueError(f"{self.event} has no steps; leave steps out")
        if self.steps and self.event == "credential.expiring" and min(self.steps) < 0:
            raise ValueError("steps of credential.expiring are 0 or more, of credential.overdue less")
        if self.steps and self.event == "credential.overdue" and max(self.steps) >= 0:
            raise ValueError("steps of credential.overdue are negative, of credential.expiring 0 or more")
        if self.escalate and self.event in OF_ENROLMENTS:
            raise ValueError("only notices of credentials are escalated; leave escalate out")
        if "deciders" in self.tell and self.event != "enrolment.applied":
            raise ValueError("deciders are told of enrolment.applied only; name this event")
        return self


class RulesBody(Body):
    """Rules, with the circles that they name."""

    rules: Annotated[list[RuleBody], Field(max_length=500)]
    circles: Annotated[dict[Code, Tell], Field(max_length=100)] | None = None

    def policy(self, version: int = 0) -> Policy:
        """Return the policy that it describes, not yet checked."""
        return policy_of(self.model_dump(mode="json"), version)


class PolicyBody(RulesBody):
    """A policy that is to count from now on."""

    note: Note | None = None
    dry_run: bool = False
    """Only check it, and say what it would change."""


class RestoreBody(Body):
    """Which version is to count again."""

    version: Annotated[int, Field(ge=1)]
    note: Note | None = None
