"""What callers ask of the policy, and what they are told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, StringConstraints, field_validator

from licet_chassis.http.resources import Body
from licet_events.notifications import NotificationReason, RecipientRole
from licet_notifier.explaining.commands import Explanation, ToldBy
from licet_notifier.explaining.previewing import Preview
from licet_notifier.mail.address import usable_address
from licet_notifier.mail.transport import Result
from licet_notifier.notifications.model import Detour
from licet_notifier.policy.bodies import RulesBody, Step
from licet_notifier.policy.model import Delivery
from licet_notifier.templates.bodies import Variants
from licet_notifier.templates.model import Reading, normal_language


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


class PreviewBody(Body):
    """For whom a template is rendered, and about what; made-up where no credential is named."""

    credential_id: UUID | None = None
    recipient: Reading = Reading.HOLDER
    language: Annotated[str, StringConstraints(max_length=35)] | None = None
    """In place of the recipient's locale."""
    step: Step | None = None
    """Days before the end, negative after it; the days are counted as on that day."""
    variants: Variants | None = None
    """A draft, in place of the saved variants."""
    every_variant: bool = False
    """Whether to render every variant of the event beside the one that the recipient would get."""

    @field_validator("language")
    @classmethod
    def _is_language(cls, language: str | None) -> str | None:
        return None if language is None else normal_language(language)


class TestBody(PreviewBody):
    """What to send to the author of a template."""

    to: Annotated[str, StringConstraints(max_length=320)] | None = None
    """The address; where left out, that of the token's claim `email`."""

    @field_validator("to")
    @classmethod
    def _is_usable(cls, address: str | None) -> str | None:
        if address is not None and usable_address(address) is None:
            raise ValueError("no mail can be sent to it; it must be such as ada@example.org")
        return address


class VariantPreview(BaseModel):
    """A variant, rendered."""

    variant: str
    """Its label."""
    saved: bool
    """Whether it is one of your own."""
    version: str
    """The saved version, or the name of the shipped texts."""
    language: str
    because: list[str]
    """Why it is this variant."""
    subject: str
    text: str
    html: str

    @classmethod
    def of(cls, preview: Preview) -> Self:
        """Show a preview."""
        return cls(**_fields(preview))


class PreviewView(VariantPreview):
    """The mail that the recipient would get."""

    others: list[VariantPreview]
    """Every variant of the event, where asked for."""

    @classmethod
    def of_all(cls, previews: Sequence[Preview]) -> Self:
        """Show the first as the one that counts."""
        first, *others = previews
        return cls(**_fields(first), others=[VariantPreview.of(each) for each in others])


class TestView(BaseModel):
    """What became of a test."""

    to: str
    outcome: Result
    smtp_status: int | None
    answer: str | None
    """The mail server's words."""
    variant: str
    subject: str


def _fields(preview: Preview) -> dict[str, Any]:
    return {
        "variant": preview.letter.variant.conditions.label,
        "saved": preview.choice.saved,
        "version": preview.letter.version,
        "language": preview.letter.language,
        "because": list(preview.choice.because),
        "subject": preview.content.subject,
        "text": preview.content.text,
        "html": preview.content.html,
    }
