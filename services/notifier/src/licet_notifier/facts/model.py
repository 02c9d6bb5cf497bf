"""What a decision about a notice rests on: the notice, and what is known of its credential or enrolment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from licet_events.civil import END_OF_DAY, Ending
from licet_events.credentials import FlagKind
from licet_events.enrolments import EnrolmentState


@dataclass(frozen=True, slots=True)
class Notice:
    """A scheduler's event for which somebody may be notified, reduced to what the decision needs."""

    event_id: UUID
    event_name: str
    """Its type, such as `licet.credential.expiring.v1`."""
    credential_id: UUID
    holder_id: UUID
    credential_version: int
    term_id: UUID | None
    term_revision: int
    at: datetime
    """The instant that has come."""
    notify: bool
    expires_on: date
    time_zone: str
    """The term's zone, in which `expires_on` is a day."""
    step: int | None
    correlation_id: str
    traceparent: str | None
    next_at: datetime | None = None
    """From when on the next step, or that the term has ended, is told in its place."""

    @property
    def template(self) -> str:
        """The name of its template: the type without the contract's prefix."""
        return self.event_name.removeprefix("licet.")

    @property
    def mail_name(self) -> str:
        """As policies, templates, stops and forecasts name it, such as `credential.expiring`."""
        return self.template.removesuffix(".v1")


@dataclass(frozen=True, slots=True)
class PrintedEnd:
    """The end of a credential, as its document prints it."""

    expires_on: date
    ending: Ending = END_OF_DAY
    month: str | None = None
    """YYYY-MM where only the month is printed."""

    @property
    def last_day(self) -> date:
        """The last day that is valid as a whole."""
        return self.ending.last_day(self.expires_on)


class EnrolmentMail(StrEnum):
    """What a mail about an enrolment tells."""

    APPLIED = "applied"
    """To those who decide: an application waits for them."""
    APPROVED = "approved"
    DECLINED = "declined"
    RETURNED = "returned"
    COMPLETED = "completed"
    WINDOW_OPEN = "window_open"
    """A recertification may begin."""
    DEADLINE_NEAR = "deadline_near"


@dataclass(frozen=True, slots=True)
class Renewal:
    """What `renewal.due` says of a recertification."""

    term_id: UUID
    expires_on: date
    time_zone: str
    start_by: date
    components: tuple[tuple[str, date], ...]
    """Names of the components still to do, each with the latest day to start."""
    last_day: date | None = None
    """The last day that is valid as a whole; `None` from older builds: `expires_on`."""
    month: str | None = None
    """YYYY-MM where only the month is printed."""

    @property
    def end(self) -> PrintedEnd:
        """The end of the credential, as far as it is told: a day or a month."""
        return PrintedEnd(self.last_day or self.expires_on, month=self.month)


@dataclass(frozen=True, slots=True)
class EnrolmentNotice:
    """An event of an enrolment for which somebody may be notified, reduced to what the decision needs."""

    event_id: UUID
    event_name: str
    """Its type, such as `licet.enrolment.status_changed.v1`."""
    mail: EnrolmentMail
    enrolment_id: UUID
    holder_id: UUID
    enrolment_version: int
    at: datetime
    """When it happened; of `deadline_near` the instant that has come."""
    step: int | None
    """Of `deadline_near`: days before the deadline."""
    renewal: Renewal | None
    """Of `window_open`."""
    correlation_id: str
    traceparent: str | None

    @property
    def template(self) -> str:
        """The name of its template."""
        return f"enrolment.{self.mail}.v1"

    @property
    def mail_name(self) -> str:
        """As policies, templates and stops name it, such as `enrolment.approved`."""
        return f"enrolment.{self.mail}"


AnyNotice = Notice | EnrolmentNotice


@dataclass(frozen=True, slots=True)
class Holder:
    """A holder, as far as mails go."""

    id: UUID
    version: int
    name: str
    email: str | None
    time_zone: str | None
    team: str | None
    location: str | None
    manager_id: UUID | None
    active: bool
    merged: bool = False
    """Whether it is a duplicate that leads to another, to whom its credentials go."""
    locale: str | None = None
    """In which language and form mails are written, such as `de-AT`."""
    roles: frozenset[str] = frozenset()
    bounced: bool = False
    """Whether the address takes no mail, as a delivery status notification said."""


@dataclass(frozen=True, slots=True)
class Run:
    """Touching or overlapping terms: when they begin and whose end is theirs."""

    starts_at: datetime
    expires_on: date | None
    term_id: UUID
    term_revision: int
    time_zone: str = "UTC"
    """In which `expires_on` is a day; UTC for runs that were learned before it was kept."""
    ending: Ending = END_OF_DAY
    """How the printed date is meant."""
    expires_on_month: str | None = None
    """YYYY-MM where only the month is printed."""

    @property
    def last_day(self) -> date | None:
        """The last day that is valid as a whole; `None` for a run that never ends."""
        return None if self.expires_on is None else self.ending.last_day(self.expires_on)


@dataclass(frozen=True, slots=True)
class Flag:
    """An interval in which a credential is suspended, revoked or surrendered."""

    kind: FlagKind
    effective_from: datetime
    until: datetime | None

    def in_force(self, now: datetime) -> bool:
        """Tell whether it holds at `now`; its end is not part of it."""
        return self.effective_from <= now and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential, as far as mails go."""

    id: UUID
    version: int
    holder_id: UUID
    type: str
    name: str
    number: str | None
    terms: Mapping[UUID, int]
    """The revision of each of its terms."""
    runs: tuple[Run, ...]
    """In order of time."""
    flags: tuple[Flag, ...]
    voided: bool
    quiet_until: datetime | None

    def end_of(self, notice: Notice) -> PrintedEnd:
        """Return how the end that a notice is about is printed."""
        for run in self.runs:
            if run.term_id == notice.term_id and run.expires_on == notice.expires_on:
                return PrintedEnd(notice.expires_on, run.ending, run.expires_on_month)
        return PrintedEnd(notice.expires_on)

    def quiet_at(self, now: datetime) -> bool:
        """Tell whether reminders rest because a renewal waits for its issuer."""
        return self.quiet_until is not None and now < self.quiet_until

    def pause_ends(self, now: datetime) -> datetime | None:
        """Return when time alone ends a suspension or quiet period that holds at `now`: the earliest end."""
        ends = [flag.until for flag in self.flags if flag.in_force(now)]
        return min(
            (each for each in (*ends, self.quiet_until) if each is not None and now < each), default=None
        )

    def current_run(self, now: datetime) -> Run | None:
        """Return the run that contains `now`, else the latest past one, else the next."""
        begun = [run for run in self.runs if run.starts_at <= now]
        return begun[-1] if begun else next(iter(self.runs), None)


@dataclass(frozen=True, slots=True)
class Place:
    """A team or a location, as far as mails go."""

    code: str
    name: str
    time_zone: str | None
    fallback_email: str | None
    country: str | None = None
    subdivision: str | None = None


MOST_OF_A_ROLE: Final = 50
"""How many people are told because of one role; a notice that tells more is for a mailing list."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Which people beside the holder and the manager the policy may tell, so that they are read."""

    managers_manager: bool = False
    supervisors: bool = False
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody's word, by a link in a mail, that reminders of a term may rest for a while."""

    term_id: UUID | None
    until: datetime
    to: str | None = None
    """The only recipient whose reminders rest, as `Decision.to` names it: a snooze. Absent: all of them."""

    def rests(self, term_id: UUID | None, now: datetime) -> bool:
        """Tell whether reminders of a term rest at `now`."""
        return term_id == self.term_id and now < self.until


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the decisions about one notice rest on."""

    holder: Holder
    credential: Credential
    credential_type: str | None
    """The name of its type."""
    manager: Holder | None
    team: Place | None
    location: Place | None
    manager_location: Place | None
    later_notice_at: datetime | None
    """The latest instant of the same term for which a notice was decided."""
    managers_manager: Holder | None = None
    team_supervisors: tuple[Holder, ...] = ()
    location_supervisors: tuple[Holder, ...] = ()
    of_roles: Mapping[str, tuple[Holder, ...]] = field(default_factory=dict)
    """Active people by role, for the roles that the policy tells."""
    locations: Mapping[str, Place] = field(default_factory=dict)
    """The locations of all these people, by code."""
    escalated_to: frozenset[str] = frozenset()
    """Whom the same term was escalated to before, as `Decision.to` names them."""
    acknowledgements: tuple[Acknowledgement, ...] = ()


@dataclass(frozen=True, slots=True)
class EnrolmentFacts:
    """Everything that the decisions about one notice of an enrolment rest on."""

    enrolment: EnrolmentState
    programme: str
    """The name of the programme; its code while the name is not known."""
    begun_again: bool
    """Whether a recertification that follows this enrolment is open."""
    holder: Holder
    manager: Holder | None
    deciders: tuple[Holder, ...]
    """Active supervisors of the holder's team and location, or of the teams and locations that may decide."""
    team: Place | None
    location: Place | None
    locations: Mapping[str, Place]
    """The locations of all these people, by code."""
    later_notice_at: datetime | None
    """The latest instant for which a notice of the same kind was decided."""
    managers_manager: Holder | None = None
    team_supervisors: tuple[Holder, ...] = ()
    location_supervisors: tuple[Holder, ...] = ()
    of_roles: Mapping[str, tuple[Holder, ...]] = field(default_factory=dict)
    """Active people by role, for the roles that the policy tells."""

    @property
    def manager_location(self) -> Place | None:
        """Where the manager works."""
        return self.locations.get(self.manager.location or "") if self.manager else None
