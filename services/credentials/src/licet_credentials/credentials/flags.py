"""Suspending, reinstating, revoking, surrendering: which flags that sets or ends."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from licet_credentials.credentials.model import Credential, Flag
from licet_credentials.errors import Conflict, Invalid
from licet_events.credentials import FlagKind


def set_flag(credential: Credential, flag: Flag) -> Credential:
    """Return the credential with the flag; raises `Conflict` where a suspension overlaps another."""
    if flag.until is not None and flag.until <= flag.effective_from:
        raise Invalid("until must be after effective_from.", pointer="/until")
    if flag.kind is FlagKind.SUSPENDED:
        for other in credential.flags:
            if other.kind is FlagKind.SUSPENDED and _overlap(flag, other):
                raise Conflict(
                    f"The credential is suspended from {other.effective_from.isoformat()} already; "
                    "reinstate it first."
                )
    return replace(credential, flags=(*credential.flags, flag))


def _overlap(one: Flag, other: Flag) -> bool:
    if one.until == one.effective_from or other.until == other.effective_from:
        return False
    return (other.until is None or one.effective_from < other.until) and (
        one.until is None or other.effective_from < one.until
    )


def end_suspensions(credential: Credential, now: datetime) -> Credential:
    """Return the credential with no suspension in force or to come; raises `Conflict` if there is none."""
    open_ones: set[UUID] = {
        flag.id
        for flag in credential.flags
        if flag.kind is FlagKind.SUSPENDED
        and (flag.until is None or flag.until > now)
        and flag.until != flag.effective_from
    }
    if not open_ones:
        raise Conflict("The credential is not suspended.")
    return replace(
        credential,
        flags=tuple(
            replace(flag, until=max(now, flag.effective_from)) if flag.id in open_ones else flag
            for flag in credential.flags
        ),
    )
