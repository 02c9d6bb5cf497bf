"""What callers ask of the policy, and what they are told."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from licet_chassis.http.resources import Body
from licet_events.notifications import NotificationReason, RecipientRole
from licet_notifier.explaining.commands import Explanation, ToldBy
from licet_notifier.notifications.model import Detour
from licet_notifier.policy.bodies import RulesBody, Step
from licet_notifier.policy.model import Delivery


class ExplainBody(Body):
    """A credential and a step of it, under the policy that counts or under a draft."""

    credential_id: UUID
    step: Step | None = None
    """Days before the end, negative after it; left out: that it has expired."""
    draft: RulesBody | None = None
    """Rules and circles that are only tried."""


class ToldView(BaseModel):
    """A recipient of the step."""

    circle: str
    """As a rule names it: `holder`, `manager`, `team_supervisors`, …, `role:safety`, `address`."""
    after_days: int
    """0: at once; else so many days after the step, where nobody has acted."""
    told: bool
    reason: NotificationReason
    """`due`, or why the recipient would not be told."""
    role: RecipientRole
    recipient_id: UUID | None
    fixed_address: str | None
    detour: Detour | None
    not_before: datetime | None
    template: str
    template_version: str
    """The version of the template and its variant."""
    template_because: list[str]
    language: str

    @classmethod
    def of(cls, told: ToldBy) -> Self:
        """Show a recipient."""
        decision = told.decision
        return cls(
            circle=decision.circle or decision.told,
            after_days=decision.after_days,
            told=decision.due,
            reason=decision.reason,
            role=decision.role,
            recipient_id=decision.recipient_id,
            fixed_address=decision.fixed_address,
            detour=decision.detour,
            not_before=decision.not_before,
            template=told.letter.event,
            template_version=told.letter.label,
            template_because=list(told.choice.because),
            language=told.letter.language,
        )


class ExplanationView(BaseModel):
    """Who is told of a step, and by which rule."""

    credential_id: UUID
    event: str
    step: int | None
    at: datetime
    """The instant of the step."""
    policy_version: int
    """0: a deployment without a policy of its own, or a draft."""
    rule: str
    """`rule 2`, or `default`."""
    because: list[str]
    delivery: Delivery
    told: list[ToldView]

    @classmethod
    def of(cls, explanation: Explanation) -> Self:
        """Show an explanation."""
        return cls(
            credential_id=explanation.notice.credential_id,
            event=explanation.notice.mail_name,
            step=explanation.notice.step,
            at=explanation.notice.at,
            policy_version=explanation.policy_version,
            rule=explanation.resolved.rule,
            because=list(explanation.resolved.because),
            delivery=explanation.resolved.delivery,
            told=[ToldView.of(each) for each in explanation.told],
        )
