"""What callers say of restraint, and what they are shown."""

from datetime import datetime, time
from typing import Annotated, Any, Literal, Self, get_args
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, field_validator, model_validator

from licet_chassis.http.resources import Body
from licet_notifier.facts.mails import EVENTS
from licet_notifier.restraint.commands import CountedStop, Resumed
from licet_notifier.restraint.model import (
    READERS,
    WEEKDAYS,
    DigestRule,
    Every,
    Held,
    QuietHours,
    Rules,
    Scope,
)
from licet_notifier.restraint.store import KeptRules

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Reader = Literal["holder", "manager", "managers_manager", "supervisor", "role", "address", "fallback"]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class ScopeBody(Body):
    """Which mails: those that match everything that is named; all where nothing is."""

    event: str | None = None
    """Such as `credential.expiring`."""
    type: Code | None = None
    """The code of a credential type."""
    team: Code | None = None
    """The team of the holder whose credential or enrolment it is."""

    @field_validator("event")
    @classmethod
    def _is_known(cls, event: str | None) -> str | None:
        if event is not None and event not in EVENTS:
            raise ValueError(f"no mail is about it; mails are about {', '.join(EVENTS)}")
        return event

    def scope(self) -> Scope:
        """Return the scope."""
        return Scope(self.event, self.type, self.team)


def _all(value: Any) -> Any:
    return {} if value == "all" else value


AnyScope = Annotated[ScopeBody, BeforeValidator(_all)]
"""A scope, or the word `all`."""


class StopBody(Body):
    """An order to hold mails."""

    scope: AnyScope = Field(default_factory=ScopeBody)
    reason: Words
    dry_run: bool = False
    """Only count the mails that would fall into it."""


class ResumeBody(Body):
    """The end of one stop, or of all where neither `scope` nor `id` is named."""

    held: Held
    """What becomes of the mails that were held."""
    scope: AnyScope | None = None
    id: UUID | None = None
    dry_run: bool = False
    """Only count them."""


class ScopeView(BaseModel):
    """Which mails a stop holds; all where nothing is named."""

    event: str | None
    type: str | None
    team: str | None


class StopView(BaseModel):
    """A stop."""

    id: UUID | None
    """Absent where it was only counted."""
    scope: ScopeView
    reason: str
    by: str
    since: datetime
    held: int
    """How many mails have been held."""
    waiting: int
    """How many mails in its scope wait for their time."""

    @classmethod
    def of(cls, counted: CountedStop, *, counted_only: bool = False) -> Self:
        """Show a stop."""
        stop = counted.stop
        return cls(
            id=None if counted_only else stop.id,
            scope=ScopeView(event=stop.scope.event, type=stop.scope.type, team=stop.scope.team),
            reason=stop.reason,
            by=stop.by,
            since=stop.since,
            held=counted.held,
            waiting=counted.waiting,
        )


class StopsView(BaseModel):
    """All stops in force."""

    stopped: bool
    items: list[StopView]


class ResumedView(BaseModel):
    """What the end of stops came to, or would."""

    held: Held
    count: int
    """How many mails were held, and are released or dropped."""
    dry_run: bool
    items: list[StopView]

    @classmethod
    def of(cls, resumed: Resumed, *, dry_run: bool = False) -> Self:
        """Show what was resumed."""
        items = [StopView.of(each) for each in resumed.stops]
        return cls(held=resumed.held, count=resumed.count, dry_run=dry_run, items=items)


class QuietHoursBody(Body):
    """The hours in which no mail leaves, by the recipient's clock; they may go over midnight."""

    from_: TimeOfDay = Field(alias="from", examples=["18:00"])
    to: TimeOfDay = Field(examples=["08:00"])

    @model_validator(mode="after")
    def _leave_time(self) -> Self:
        if self.from_ == self.to:
            raise ValueError("must leave some time for mails; null for no quiet hours at all")
        return self


class NoSendDaysBody(Body):
    """The days on which no mail leaves."""

    weekdays: list[Day] = Field(default_factory=list, max_length=6)
    holidays: bool = False
    """Public holidays of the country and subdivision of the location where the recipient works."""


class DigestBody(Body):
    """Who gets reminders gathered in one mail, and when."""

    recipients: list[Reader] = Field(default_factory=list, max_length=len(READERS))
    """As whom they are told; everybody where it is empty."""
    every: Every
    weekday: Day | None = None
    """Of a weekly one; Monday where it is left out."""
    at: TimeOfDay = "08:00"
    """By the recipient's clock."""

    def rule(self) -> DigestRule:
        """Return the rule."""
        return DigestRule(
            self.every,
            time.fromisoformat(self.at),
            WEEKDAYS[self.weekday or "monday"],
            frozenset(self.recipients),
        )


class RestraintBody(Body):
    """The rules on when mails may leave; what is left out has its default."""

    quiet_hours: QuietHoursBody | None = Field(
        default_factory=lambda: QuietHoursBody.model_validate({"from": "18:00", "to": "08:00"})
    )
    no_send_days: NoSendDaysBody = Field(default_factory=NoSendDaysBody)
    digests: list[DigestBody] = Field(default_factory=list, max_length=20)
    """The first that is for a recipient counts."""
    urgent_within_days: int = Field(7, ge=-1, le=3650)
    """Reminders of so many days before the end and less leave alone at once."""
    daily_cap: int | None = Field(None, ge=1, le=1000)
    """How many mails leave alone to one person on one day; the rest is gathered in a digest of that day."""
    note: Words | None = None

    def rules(self) -> Rules:
        """Return the rules."""
        quiet = self.quiet_hours
        return Rules(
            quiet_hours=None
            if quiet is None
            else QuietHours(time.fromisoformat(quiet.from_), time.fromisoformat(quiet.to)),
            rest_days=frozenset(WEEKDAYS[day] for day in self.no_send_days.weekdays),
            holidays=self.no_send_days.holidays,
            digests=tuple(each.rule() for each in self.digests),
            urgent_within=self.urgent_within_days,
            daily_cap=self.daily_cap,
        )


class DigestView(BaseModel):
    """Who gets reminders gathered in one mail, and when."""

    recipients: list[str]
    every: Every
    weekday: Day | None
    at: str

    @classmethod
    def of(cls, rule: DigestRule) -> Self:
        """Show a rule."""
        weekly = rule.every is Every.WEEK
        names = [name for name in get_args(Day) if WEEKDAYS[name] is rule.weekday]
        return cls(
            recipients=sorted(rule.readers),
            every=rule.every,
            weekday=names[0] if weekly else None,
            at=f"{rule.at:%H:%M}",
        )


class QuietHoursView(BaseModel):
    """The hours in which no mail leaves."""

    from_: str = Field(alias="from")
    to: str


class NoSendDaysView(BaseModel):
    """The days on which no mail leaves."""

    weekdays: list[Day]
    holidays: bool


class RestraintView(BaseModel):
    """The rules on when mails may leave."""

    quiet_hours: QuietHoursView | None
    no_send_days: NoSendDaysView
    digests: list[DigestView]
    urgent_within_days: int
    daily_cap: int | None
    note: str | None
    set_by: str | None
    """Absent until somebody has set them."""
    updated_at: datetime | None
    version: int

    @classmethod
    def of(cls, kept: KeptRules) -> Self:
        """Show the rules."""
        quiet = kept.rules.quiet_hours
        shown: dict[str, Any] | None = None
        if quiet is not None:
            shown = {"from": f"{quiet.begins:%H:%M}", "to": f"{quiet.ends:%H:%M}"}
        days = [name for name in get_args(Day) if WEEKDAYS[name] in kept.rules.rest_days]
        return cls(
            quiet_hours=None if shown is None else QuietHoursView.model_validate(shown),
            no_send_days=NoSendDaysView(weekdays=days, holidays=kept.rules.holidays),
            digests=[DigestView.of(rule) for rule in kept.rules.digests],
            urgent_within_days=kept.rules.urgent_within,
            daily_cap=kept.rules.daily_cap,
            note=kept.note,
            set_by=kept.set_by,
            updated_at=kept.updated_at,
            version=kept.version,
        )
