"""The plan of a subject: every instant at which time alone changes something.

A `Plan` follows from the state of a credential, an enrolment or a waiver and does not change with time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from licet_events import civil
from licet_events.audits import AuditScheduleState, AuditState
from licet_events.credentials import CredentialState, FlagKind, RunState, TermState
from licet_events.enrolments import EnrolmentState
from licet_events.ladder import steps_told
from licet_events.schedule import Deadline
from licet_events.waivers import WaiverState, WaiverStatus


class Kind(StrEnum):
    """What an instant of a term is about."""

    EFFECTIVE = "effective"
    EXPIRED = "expired"
    EXPIRING = "expiring"
    """A step of 0 or above."""
    OVERDUE = "overdue"
    """A step below 0."""


class EnrolmentInstant(StrEnum):
    """What an instant of an enrolment is about."""

    DEADLINE = "deadline"
    DEADLINE_NEAR = "deadline_near"
    """A reminder step before the deadline."""
    WINDOW_OPENS = "window_opens"
    """From here on the holder may recertify."""


class WaiverInstant(StrEnum):
    """What an instant of a waiver is about."""

    END = "end"
    """The waiver no longer releases from its requirement."""


class AuditInstant(StrEnum):
    """What an instant of an audit or of an audit schedule is about."""

    DUE = "due"
    """A schedule's next audit is to be opened."""
    DUE_NEAR = "due_near"
    """A reminder step before the last day of an audit."""


SubjectInstant = EnrolmentInstant | WaiverInstant | AuditInstant
"""An instant of something other than a credential."""


class DeadlineKey(NamedTuple):
    """Identifies a deadline within its subject."""

    deadline: Deadline | SubjectInstant
    reference: UUID | None = None
    """Id of the flag, enrolment, waiver, audit or audit schedule."""
    at: datetime | None = None
    """Set together with a reference: a moved deadline is reached again, at another instant."""

    def __str__(self) -> str:
        """Return its stored name, which is also part of event ids and never changes."""
        about = (
            () if self.reference is None or self.at is None else (str(self.reference), self.at.isoformat())
        )
        return ":".join(("deadline", self.deadline, *about))


class Identity(NamedTuple):
    """Identifies a decision within its subject. A tuple, because catching up compares millions of them."""

    term_id: UUID | None
    term_revision: int
    kind: Kind | DeadlineKey
    step: int | None = None


_FIRST_DAY = date(1, 1, 3)
"""The first day whose start can be computed in every zone."""


@dataclass(frozen=True, slots=True)
class Fact:
    """The start or the end of a run, which is always announced."""

    at: datetime
    identity: Identity
    """Names the term that causes it: the first of the run for its start, the last for its end."""
    entered_at: datetime
    """When the term was entered; earlier instants are not announced."""


@dataclass(frozen=True, slots=True)
class Step:
    """A reminder step of a run's ladder."""

    step: int
    at: datetime
    """00:00 of its day in the term's zone; a step after the end never comes before it."""
    due: datetime
    """When it can be reached: `at`, but not before its run becomes the current one."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run of terms: its start, its end, and the ladder of reminders before and after the end."""

    term_id: UUID
    """The term that ends the run and to which the ladder belongs."""
    term_revision: int
    expires_on: date | None
    """The printed expiry date."""
    last_day: date | None
    """The last day that is valid as a whole, to which the steps count."""
    expires_at: datetime | None
    expires_on_month: str | None
    """YYYY-MM where only the month is printed."""
    time_zone: str
    begins: Fact
    ends: Fact | None
    """`None` if the run never ends or a final flag takes effect before its end."""
    steps: tuple[Step, ...]
    """From the mildest to the strictest, which is the order of their instants."""
    until: datetime | None
    """When the ladder ends: the next run starts or a final flag takes effect."""
    entered_at: datetime
    corrected_at: datetime | None
    announce_reached: bool

    @property
    def expiring_step(self) -> int | None:
        """The step at which validity turns to `expiring`: the largest above 0 that is told for its term."""
        return self.steps[0].step if self.steps and self.steps[0].step > 0 else None

    def next_after(self, instant: datetime) -> datetime | None:
        """Return when the first of the later steps, or the end, is reached."""
        instants = [*(step.due for step in self.steps), *((self.ends.at,) if self.ends else ())]
        return min((each for each in instants if each > instant), default=None)

    def identity_of(self, step: Step) -> Identity:
        """Return the identity of the decision about the step."""
        kind = Kind.EXPIRING if step.step >= 0 else Kind.OVERDUE
        return Identity(self.term_id, self.term_revision, kind, step.step)


@dataclass(frozen=True, slots=True)
class FlagDeadline:
    """The start or end of a flag."""

    deadline: Deadline
    flag_id: UUID
    at: datetime

    @property
    def identity(self) -> Identity:
        """Identity of the decision about it."""
        return Identity(None, 0, DeadlineKey(self.deadline, self.flag_id, self.at))


@dataclass(frozen=True, slots=True)
class SubjectDeadline:
    """An instant of something other than a credential."""

    instant: SubjectInstant
    subject_id: UUID
    at: datetime
    step: int | None = None
    """Days before the deadline, for a reminder."""

    @property
    def identity(self) -> Identity:
        """Identity of the decision about it."""
        return Identity(None, 0, DeadlineKey(self.instant, self.subject_id, self.at), self.step)


@dataclass(frozen=True, slots=True)
class Plan:
    """Every instant that follows from the state of a subject."""

    created_at: datetime
    runs: tuple[PlannedRun, ...] = ()
    flags: tuple[FlagDeadline, ...] = ()
    quiet_until: datetime | None = None
    """When reminders resume."""
    deadlines: tuple[SubjectDeadline, ...] = ()
    """Instants of a subject that is no credential; reminders from the mildest to the strictest."""
    suspensions: tuple[tuple[datetime, datetime | None], ...] = ()
    """Half-open intervals in which the credential is suspended: steps are announced, and nobody is told."""

    def suspended_throughout(self, since: datetime, until: datetime) -> bool:
        """Return whether one suspension holds from the first of these instants to the second."""
        return any(begins <= since and (ends is None or until < ends) for begins, ends in self.suspensions)

    @property
    def all_deadlines(self) -> tuple[FlagDeadline | SubjectDeadline, ...]:
        """Deadlines of flags and of subjects that are no credentials."""
        return (*self.flags, *self.deadlines)


def plan_of(credential: CredentialState) -> Plan:
    """Return the instants of a credential: none if it is voided, none after a final flag."""
    if credential.voided:
        return Plan(credential.created_at)
    final = (flag for flag in credential.flags if flag.kind.final and not flag.undone)
    ended = min((flag.effective_from for flag in final), default=None)
    terms = {term.id: term for term in credential.terms}
    runs = credential.runs
    planned = (
        _planned_run(
            credential,
            terms,
            run,
            first=index == 0,
            following=runs[index + 1] if index + 1 < len(runs) else None,
            ended=ended,
        )
        for index, run in enumerate(runs)
    )
    return Plan(
        credential.created_at,
        tuple(run for run in planned if run is not None),
        tuple(_flag_deadlines(credential, ended)),
        credential.quiet_until,
        suspensions=tuple(
            (flag.effective_from, flag.until)
            for flag in credential.flags
            if flag.kind is FlagKind.SUSPENDED and not flag.undone
        ),
    )


def _planned_run(
    credential: CredentialState,
    terms: dict[UUID, TermState],
    run: RunState,
    *,
    first: bool,
    following: RunState | None,
    ended: datetime | None,
) -> PlannedRun | None:
    if ended is not None and run.starts_at >= ended:
        return None
    last = terms[run.term_id]
    entered_at = max(last.recorded_at, credential.created_at)
    opening = _opening_term(credential.terms, run) or last
    limits = (following.starts_at if following else None, ended)
    until = min((limit for limit in limits if limit is not None), default=None)
    ends = None
    if run.expires_at is not None and (ended is None or run.expires_at < ended):
        ends = Fact(run.expires_at, Identity(run.term_id, run.term_revision, Kind.EXPIRED), entered_at)
    steps: tuple[Step, ...] = ()
    if run.last_day is not None:
        # The first run is current even before it starts; a later one becomes current when it starts.
        since = None if first else run.starts_at
        steps = tuple(
            step
            for step in _steps(run, run.last_day, credential.ladder, last.valid_from, since)
            if until is None or step.due < until
        )
    return PlannedRun(
        term_id=run.term_id,
        term_revision=run.term_revision,
        expires_on=run.expires_on,
        last_day=run.last_day,
        expires_at=run.expires_at,
        expires_on_month=run.expires_on_month,
        time_zone=run.time_zone,
        begins=Fact(
            run.starts_at,
            Identity(opening.id, opening.revision, Kind.EFFECTIVE),
            max(opening.recorded_at, credential.created_at),
        ),
        ends=ends,
        steps=steps,
        until=until,
        entered_at=entered_at,
        corrected_at=(last.corrected_at or credential.updated_at) if last.revision > 1 else None,
        announce_reached=last.announce_reached,
    )


def _opening_term(terms: Iterable[TermState], run: RunState) -> TermState | None:
    """Return the term that starts the run; a renewal that extends the run does not change it."""
    opening = [term for term in terms if term.starts_at == run.starts_at]
    return min(opening, key=lambda term: (term.recorded_at, term.id), default=None)


def _steps(
    run: RunState, last_day: date, ladder: Iterable[int], valid_from: date | None, since: datetime | None
) -> Iterator[Step]:
    for step in steps_told(ladder, valid_from, last_day):
        try:
            day = last_day - timedelta(days=step)
        except OverflowError:
            continue  # the calendar has no such day
        if day >= _FIRST_DAY:
            at = _step_at(step, last_day, run)
            yield Step(step, at, at if since is None else max(at, since))


def with_instants(plan: Plan) -> Plan:
    """Return the plan with the instants of its steps derived from their days again."""
    return replace(plan, runs=tuple(_with_instants(run) for run in plan.runs))


def _with_instants(run: PlannedRun) -> PlannedRun:
    last_day = run.last_day
    if last_day is None:
        return run
    steps = []
    for step in run.steps:
        at = _step_at(step.step, last_day, run)
        # A step that waited for its run to become the current one goes on waiting for it.
        steps.append(Step(step.step, at, at if step.due == step.at else max(at, step.due)))
    return replace(run, steps=tuple(steps))


def _step_at(step: int, last_day: date, run: RunState | PlannedRun) -> datetime:
    """Return 00:00 of the step's day, after the end no earlier than that: it may come later that day."""
    at = _starts_at(last_day - timedelta(days=step), run.time_zone)
    return at if step >= 0 or run.expires_at is None else max(at, run.expires_at)


@lru_cache(maxsize=65_536)
def _starts_at(day: date, time_zone: str) -> datetime:
    """Return `civil.starts_at`, cached: credentials of one type end on the same few days."""
    return civil.starts_at(day, time_zone)


def _flag_deadlines(credential: CredentialState, ended: datetime | None) -> Iterator[FlagDeadline]:
    for flag in credential.flags:
        if flag.undone:
            continue
        if ended is None or flag.effective_from <= ended:
            yield FlagDeadline(Deadline.FLAG_START, flag.id, flag.effective_from)
        if flag.until is not None and (ended is None or flag.until <= ended):
            yield FlagDeadline(Deadline.FLAG_END, flag.id, flag.until)


NEAR_STEPS = (30, 7)
"""Reminders of an enrolment's deadline, in days before it."""


def plan_of_enrolment(enrolment: EnrolmentState) -> Plan:
    """Return the instants of an enrolment: none once it is over."""
    deadlines = []
    if enrolment.deadline_at is not None:
        for step in NEAR_STEPS:
            at = enrolment.deadline_at - timedelta(days=step)
            deadlines.append(SubjectDeadline(EnrolmentInstant.DEADLINE_NEAR, enrolment.id, at, step))
        deadlines.append(SubjectDeadline(EnrolmentInstant.DEADLINE, enrolment.id, enrolment.deadline_at))
    if enrolment.window_opens_at is not None:
        deadlines.append(
            SubjectDeadline(EnrolmentInstant.WINDOW_OPENS, enrolment.id, enrolment.window_opens_at)
        )
    return Plan(enrolment.created_at, deadlines=tuple(deadlines))


def plan_of_waiver(waiver: WaiverState) -> Plan:
    """Return the end of a granted waiver; another has no instants."""
    if waiver.status is not WaiverStatus.GRANTED:
        return Plan(waiver.created_at)
    end = SubjectDeadline(WaiverInstant.END, waiver.id, waiver.ends_at)
    return Plan(waiver.created_at, deadlines=(end,))


AUDIT_STEPS = (7, 1)
"""Reminders of an open audit, in days before its last day."""


def plan_of_audit(audit: AuditState) -> Plan:
    """Return the reminders of an open audit, each at the start of its day; a closed one has no instants."""
    if audit.closed_at is not None:
        return Plan(audit.opened_at)
    return Plan(
        audit.opened_at,
        deadlines=tuple(
            SubjectDeadline(
                AuditInstant.DUE_NEAR,
                audit.id,
                _starts_at(audit.due_on - timedelta(days=step), audit.time_zone),
                step,
            )
            for step in AUDIT_STEPS
        ),
    )


def plan_of_audit_schedule(schedule: AuditScheduleState) -> Plan:
    """Return when the next audit of a schedule is to be opened; an ended one has no instants."""
    if schedule.next_at is None:
        return Plan(schedule.created_at)
    due = SubjectDeadline(AuditInstant.DUE, schedule.id, schedule.next_at)
    return Plan(schedule.created_at, deadlines=(due,))
