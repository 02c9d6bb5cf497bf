"""Changes of a credential: the state after each step, with the events to publish."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from licet_chassis.errors import Conflict
from licet_credentials.credentials.model import Credential, Verification
from licet_credentials.credentials.state import state_of
from licet_credentials.credentials.validity import Transition, transitions, validity
from licet_events.credentials import (
    ChangeCause,
    CredentialEvent,
    CredentialMoved,
    CredentialState,
    CredentialStatusChanged,
)

ITSELF = "service:credentials"
"""Actor of changes that the passing of time brings."""


@dataclass(frozen=True, slots=True)
class Change:
    """A credential after some steps of a command, with the events of these steps in order."""

    credential: Credential
    events: tuple[CredentialEvent, ...] = ()
    left: tuple[CredentialMoved, ...] = ()
    """Tombstones for keys that it has left; published after the events, which have the new key."""
    checks: tuple[Verification, ...] = ()
    """New checks."""
    withdrawn: tuple[UUID, ...] = ()
    """Ids of withdrawn terms."""

    def emit(
        self, credential: Credential, now: datetime, event: Callable[[CredentialState], CredentialEvent]
    ) -> "Change":
        """Return the change with `credential` as its next version, and the event of that state."""
        following = replace(credential, version=credential.version + 1, updated_at=now)
        return replace(self, credential=following, events=(*self.events, event(state_of(following))))


def settle(credential: Credential, now: datetime) -> Change:
    """Announce, in order, each change of validity by the passing of time since the last announcement.

    Settling twice, or at any instants in between, announces the same changes, each once. A voided
    credential announces nothing.
    """
    change = Change(credential)
    if credential.voided or now <= credential.announced_at:
        return change
    runs, flags = credential.runs, credential.flags
    crossed = transitions(runs, flags, start=credential.announced, after=credential.announced_at, until=now)
    for each in crossed:
        change = _announce(change, each, ChangeCause.AUTOMATIC, now, ITSELF)
    return replace(change, credential=replace(change.credential, announced_at=now))


def announce(change: Change, now: datetime, *, reason: str, actor: str) -> Change:
    """Announce the change of validity that the command itself caused, if it caused one.

    A voided credential announces nothing.
    """
    credential = change.credential
    if credential.voided:
        return change
    at = max(now, credential.announced_at)
    present = validity(credential.runs, credential.flags, at)
    if present is credential.announced:
        return replace(change, credential=replace(credential, announced_at=at))
    return _announce(
        change, Transition(at, credential.announced, present, reason), ChangeCause.MANUAL, now, actor
    )


def _announce(change: Change, each: Transition, cause: ChangeCause, now: datetime, actor: str) -> Change:
    announced = replace(change.credential, announced=each.after, announced_at=each.at)
    return change.emit(
        announced,
        now,
        lambda state: CredentialStatusChanged(
            credential=state,
            from_=each.before,
            to=each.after,
            effective_at=each.at,
            cause=cause,
            reason=each.reason,
            actor=actor,
        ),
    )


def require_not_voided(credential: Credential) -> None:
    """Raise `Conflict` if the credential is voided."""
    if credential.voided:
        raise Conflict("The credential is voided: it was entered in error and can't be changed any more.")


def require_open(credential: Credential) -> None:
    """Raise `Conflict` if the credential is voided or has a final flag, in force or to come."""
    require_not_voided(credential)
    for flag in credential.flags:
        if flag.kind.final and not flag.undone:
            raise Conflict(
                f"The credential is {flag.kind.value} from {flag.effective_from.isoformat()}; "
                "that is final, and only a correction undoes it."
            )
