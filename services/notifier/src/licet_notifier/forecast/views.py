"""What callers are shown of a forecast."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from licet_events.notifications import RecipientRole
from licet_notifier.forecast.model import Foreseen


class ForecastItem(BaseModel):
    """A line of a mail that will leave, if nothing changes."""

    day: date
    """Where the recipient is."""
    at: datetime
    recipient: str | None
    """The address."""
    recipient_id: UUID | None
    """The person who is told, or in whose place a fallback address is."""
    recipient_name: str | None
    role: RecipientRole
    circle: str
    credential_id: UUID
    holder_id: UUID
    holder_name: str
    team: str | None
    location: str | None
    type: str
    event: str
    step: int | None
    """Days before the end, negative after it; absent where the mail says that it has expired."""
    after_days: int
    """0: told at once; else an escalation, so many days after the step."""
    rule: str
    """The rule of the policy."""
    expires_on: date
    """The expiry date that the document prints."""
    expires_on_month: str | None
    """YYYY-MM where the document prints only the month; `expires_on` is then its last day."""
    digest: bool
    """Whether it is told in a digest with others."""

    @classmethod
    def of(cls, mail: Foreseen) -> Self:
        """Show a line."""
        decision, holder, notice = mail.decision, mail.facts.holder, mail.notice
        return cls(
            day=mail.day,
            at=mail.at,
            recipient=decision.address,
            recipient_id=decision.recipient_id,
            recipient_name=decision.name,
            role=decision.role,
            circle=decision.circle or decision.told,
            credential_id=notice.credential_id,
            holder_id=holder.id,
            holder_name=holder.name,
            team=holder.team,
            location=holder.location,
            type=mail.facts.credential.type,
            event=mail.event,
            step=notice.step,
            after_days=decision.after_days,
            rule=decision.rule,
            expires_on=notice.expires_on,
            expires_on_month=mail.facts.credential.end_of(notice).month,
            digest=decision.digest_id is not None,
        )


class By(StrEnum):
    """By what counts of a day are parted."""

    RECIPIENT = "recipient"
    TEAM = "team"


class ForecastDay(BaseModel):
    """How much leaves on a day."""

    day: date
    recipient: str | None
    """Set where counts are parted by recipient."""
    team: str | None
    """Set where counts are parted by team; null also for holders without one."""
    mails: int
    """A digest counts once."""
    lines: int
    """What the mails tell: one for each credential and recipient."""
    recipients: int


def count_days(mails: Sequence[Foreseen], by: By | None) -> list[ForecastDay]:
    """Return the counts of each day, parted by recipient or team where that is asked for, in order."""
    groups: dict[tuple[date, str | None, str | None], list[Foreseen]] = {}
    for mail in mails:
        recipient = mail.decision.address if by is By.RECIPIENT else None
        team = mail.facts.holder.team if by is By.TEAM else None
        groups.setdefault((mail.day, recipient, team), []).append(mail)
    return [
        ForecastDay(
            day=day,
            recipient=recipient,
            team=team,
            mails=_count_mails(told),
            lines=len(told),
            recipients=len({(each.decision.address or "").casefold() for each in told}),
        )
        for (day, recipient, team), told in sorted(
            groups.items(), key=lambda each: (each[0][0], each[0][1] or "", each[0][2] or "")
        )
    ]


def _count_mails(told: Iterable[Foreseen]) -> int:
    return len({each.decision.digest_id or each.id for each in told})
