"""The validity of a credential at an instant and over time."""

from dataclasses import dataclass
from datetime import UTC, datetime

from licet_credentials.credentials.model import Credential, Flag
from licet_credentials.credentials.runs import Run
from licet_credentials.credentials.terms import Term
from licet_events.civil import local_date
from licet_events.credentials import FlagKind, Validity


def current_run(runs: tuple[Run, ...], now: datetime) -> Run | None:
    """Return the run that contains `now`, else the latest past one, else the next."""
    begun = [run for run in runs if run.starts_at <= now]
    return begun[-1] if begun else runs[0] if runs else None


def current_term(credential: Credential, now: datetime) -> Term:
    """Return the term that ends the current run; the last term if there is no run."""
    run = current_run(credential.runs, now)
    if run is None:
        return credential.last_term
    return next(term for term in credential.terms if term.id == run.term_id)


_FLAGS_FIRST = (
    (FlagKind.REVOKED, Validity.REVOKED),
    (FlagKind.SURRENDERED, Validity.SURRENDERED),
    (FlagKind.SUSPENDED, Validity.SUSPENDED),
)


def validity(runs: tuple[Run, ...], flags: tuple[Flag, ...], now: datetime) -> Validity:
    """Return the validity at `now`.

    `validity_at` in the schema computes the same in SQL, for lists; a test compares the two.
    """
    in_force = {flag.kind for flag in flags if flag.in_force(now)}
    for kind, result in _FLAGS_FIRST:
        if kind in in_force:
            return result
    run = current_run(runs, now)
    if run is None:
        return Validity.INCOMPLETE
    if now < run.starts_at:
        return Validity.PENDING
    if run.expires_at is not None and run.expires_at <= now:
        return Validity.EXPIRED
    if run.expiring_at is not None and run.expiring_at <= now:
        return Validity.EXPIRING
    return Validity.ACTIVE


def days_left(credential: Credential, now: datetime) -> int | None:
    """Return the days from today to the last whole day of the current run, in its zone; negative after it."""
    run = current_run(credential.runs, now)
    if run is None or (last_day := run.last_day) is None:
        return None
    return (last_day - local_date(now, run.time_zone)).days


_FOR_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of validity by the passing of time."""

    at: datetime
    before: Validity
    after: Validity
    reason: str


def transitions(
    runs: tuple[Run, ...], flags: tuple[Flag, ...], *, start: Validity, after: datetime, until: datetime
) -> tuple[Transition, ...]:
    """Return the changes of validity in (`after`, `until`], in order; `start` is the validity before."""
    instants = {
        instant
        for run in runs
        for instant in (run.starts_at, run.expiring_at, run.expires_at)
        if instant is not None
    }
    instants |= {flag.effective_from for flag in flags}
    instants |= {flag.until for flag in flags if flag.until is not None}
    found: list[Transition] = []
    current = start
    for instant in sorted(instant for instant in instants if after < instant <= until):
        following = validity(runs, flags, instant)
        if following is not current:
            found.append(Transition(instant, current, following, _reason(current, following, flags, instant)))
            current = following
    return tuple(found)


def next_change_at(credential: Credential) -> datetime | None:
    """Return when validity next differs from the announced one; `None` for never."""
    if credential.voided:
        return None
    for each in transitions(
        credential.runs,
        credential.flags,
        start=credential.announced,
        after=credential.announced_at,
        until=_FOR_EVER,
    ):
        return each.at
    return None


def _reason(before: Validity, after: Validity, flags: tuple[Flag, ...], at: datetime) -> str:
    for kind, result in _FLAGS_FIRST:
        if after is result:
            return next(flag.reason for flag in flags if flag.kind is kind and flag.in_force(at))
    if before is Validity.SUSPENDED:
        return "suspension_ended"
    return {
        Validity.EXPIRED: "expired",
        Validity.EXPIRING: "step_reached",
        Validity.ACTIVE: "effective",
    }.get(after, "time_passed")
