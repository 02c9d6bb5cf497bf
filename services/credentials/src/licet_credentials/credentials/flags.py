"""Setting, ending, correcting and undoing flags."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.errors import Conflict, Invalid
from licet_credentials.credentials.dates import DateOrInstant, beginning, ending
from licet_credentials.credentials.model import Credential, Flag
from licet_events.credentials import CorrectedField, FlagKind


def set_flag(credential: Credential, flag: Flag) -> Credential:
    """Return the credential with the flag; raises `Conflict` if a suspension overlaps another."""
    _require_fitting(credential, flag)
    return replace(credential, flags=(*credential.flags, flag))


def undo_flag(credential: Credential, flag_id: UUID) -> tuple[Credential, tuple[CorrectedField, ...]]:
    """Return the credential as if the flag had never been set, and the changed field.

    Raises `Invalid` for an unknown flag or one that is already undone.
    """
    flag = _flag(credential, flag_id)
    after = _with_flag(credential, replace(flag, until=flag.effective_from))
    return after, (CorrectedField(field="flag", was=flag.kind.value),)


def correct_flag(
    credential: Credential, flag_id: UUID, given: Mapping[str, Any]
) -> tuple[Credential, tuple[CorrectedField, ...]]:
    """Return the credential with the corrected flag, and the changed fields.

    `given` has the right start and end, and for imports the reason. A date means the whole day in the zone
    of the last term. Raises `Invalid` for an unknown flag and for the end of a final one, and `Conflict` if
    a suspension overlaps another.
    """
    flag, zone = _flag(credential, flag_id), credential.last_term.time_zone
    since: DateOrInstant | None = given.get("effective_from")
    until: DateOrInstant | None = given.get("until", flag.until)
    if flag.kind.final and "until" in given:
        raise Invalid(
            f"{flag.kind.value.capitalize()} is final and has no end; undo_flag takes it back.",
            pointer="/until",
        )
    corrected = replace(
        flag,
        effective_from=flag.effective_from if since is None else beginning(since, zone),
        until=None if until is None else ending(until, zone),
        reason=given.get("reason", flag.reason),
    )
    _require_fitting(credential, corrected)
    wrong = tuple(
        CorrectedField(field=name, was=_text(getattr(flag, name)), now=_text(getattr(corrected, name)))
        for name in ("effective_from", "until", "reason")
        if getattr(flag, name) != getattr(corrected, name)
    )
    return _with_flag(credential, corrected), wrong


def _flag(credential: Credential, flag_id: UUID) -> Flag:
    for flag in credential.flags:
        if flag.id == flag_id:
            if flag.undone:
                raise Invalid(f"The flag {flag_id} is already undone.", pointer="/flag_id")
            return flag
    raise Invalid(f"The credential has no flag {flag_id}.", pointer="/flag_id")


def _with_flag(credential: Credential, flag: Flag) -> Credential:
    flags = tuple(flag if each.id == flag.id else each for each in credential.flags)
    return replace(credential, flags=flags)


def _text(value: datetime | str | None) -> str | None:
    return value.isoformat() if isinstance(value, datetime) else value


def _require_fitting(credential: Credential, flag: Flag) -> None:
    if flag.until is not None and flag.until <= flag.effective_from:
        raise Invalid("until must be after effective_from.", pointer="/until")
    if flag.kind is not FlagKind.SUSPENDED:
        return
    for other in credential.flags:
        if other.kind is FlagKind.SUSPENDED and other.id != flag.id and _overlap(flag, other):
            raise Conflict(
                f"The credential is suspended from {other.effective_from.isoformat()} already; "
                "reinstate it first."
            )


def _overlap(one: Flag, other: Flag) -> bool:
    if one.undone or other.undone:
        return False
    return (other.until is None or one.effective_from < other.until) and (
        one.until is None or other.effective_from < one.until
    )


def end_suspensions(credential: Credential, now: datetime) -> Credential:
    """Return the credential with all suspensions ended; raises `Conflict` if it has none."""
    open_ones: set[UUID] = {
        flag.id
        for flag in credential.flags
        if flag.kind is FlagKind.SUSPENDED and (flag.until is None or flag.until > now) and not flag.undone
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
