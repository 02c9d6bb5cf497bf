"""The validity of the credential that an enrolment led to, now and by the passing of time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from licet_certifications.enrolments.model import Ahead
from licet_certifications.enrolments.transitions import Trigger
from licet_events.credentials import FlagKind, FlagState, RunState, Validity

_FLAGS_FIRST = (
    (FlagKind.REVOKED, Validity.REVOKED),
    (FlagKind.SURRENDERED, Validity.SURRENDERED),
    (FlagKind.SUSPENDED, Validity.SUSPENDED),
)


class Dated(Protocol):
    """What a credential's validity follows from; a `CredentialState` is one."""

    @property
    def runs(self) -> tuple[RunState, ...]:
        """In order of time."""

    @property
    def flags(self) -> tuple[FlagState, ...]:
        """Suspensions and ends."""

    @property
    def voided(self) -> bool:
        """Whether it was entered in error."""


def validity_at(state: Dated, at: datetime) -> Validity:
    """Return a credential's validity at an instant, as `credentials` decides it; voided: incomplete."""
    if state.voided:
        return Validity.INCOMPLETE
    in_force = {flag.kind for flag in state.flags if _in_force(flag, at)}
    flagged = next((validity for kind, validity in _FLAGS_FIRST if kind in in_force), None)
    return flagged or _validity_of(current_run(state.runs, at), at)


def _validity_of(run: RunState | None, at: datetime) -> Validity:
    if run is None:
        return Validity.INCOMPLETE
    if at < run.starts_at:
        return Validity.PENDING
    if run.expires_at is not None and run.expires_at <= at:
        return Validity.EXPIRED
    if run.expiring_at is not None and run.expiring_at <= at:
        return Validity.EXPIRING
    return Validity.ACTIVE


def current_run(runs: Sequence[RunState], at: datetime) -> RunState | None:
    """Return the run that contains an instant, else the latest past one, else the next."""
    begun = [run for run in runs if run.starts_at <= at]
    return begun[-1] if begun else runs[0] if runs else None


def ahead_of(state: Dated, after: datetime) -> tuple[Ahead, ...]:
    """Return each change of validity that time brings after an instant, in order."""
    if state.voided:
        return ()
    instants = {
        instant
        for run in state.runs
        for instant in (run.starts_at, run.expiring_at, run.expires_at)
        if instant is not None
    }
    instants |= {flag.effective_from for flag in state.flags}
    instants |= {flag.until for flag in state.flags if flag.until is not None}
    found: list[Ahead] = []
    current = validity_at(state, after)
    for instant in sorted(instant for instant in instants if instant > after):
        following = validity_at(state, instant)
        if following is not current:
            found.append(Ahead(at=instant, validity=following))
            current = following
    return tuple(found)


_TRIGGERS = {
    Validity.EXPIRED: Trigger.EXPIRED,
    Validity.SUSPENDED: Trigger.SUSPENDED,
    Validity.REVOKED: Trigger.REVOKED,
    Validity.SURRENDERED: Trigger.SURRENDERED,
    Validity.PENDING: Trigger.NOT_YET_VALID,
    Validity.INCOMPLETE: Trigger.INCOMPLETE,
}
_GOOD = frozenset({Validity.ACTIVE, Validity.EXPIRING})


def trigger_of(before: Validity, after: Validity) -> Trigger:
    """Return what a change of validity is called."""
    if before in {Validity.REVOKED, Validity.SURRENDERED} and after not in {
        Validity.REVOKED,
        Validity.SURRENDERED,
    }:
        return Trigger.CORRECTED
    if before is Validity.SUSPENDED and after not in {Validity.REVOKED, Validity.SURRENDERED}:
        return Trigger.SUSPENSION_ENDED
    if before in {Validity.PENDING, Validity.INCOMPLETE} and after in {*_GOOD, Validity.EXPIRED}:
        return Trigger.EFFECTIVE
    if before is Validity.ACTIVE and after is Validity.EXPIRING:
        return Trigger.STEP_REACHED
    if after in _GOOD:
        return Trigger.RENEWED
    return _TRIGGERS[after]


def _in_force(flag: FlagState, at: datetime) -> bool:
    return flag.effective_from <= at and (flag.until is None or at < flag.until)
