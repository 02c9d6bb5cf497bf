"""Checks of a credential against a source: what one says, and when a renewal may rest on one."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from licet_chassis.errors import Invalid
from licet_credentials.credentials.change import Change
from licet_credentials.credentials.dates import DateOrInstant, beginning, ending
from licet_credentials.credentials.model import Credential, Verification, VerificationResult
from licet_credentials.credentials.terms import Term
from licet_events.credentials import CredentialVerified, VerificationState
from licet_events.ids import uuid7

FRESH_FOR = timedelta(days=30)
"""How old a check may be for a renewal to rest on it."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check as it is reported; a date means the whole of that day in the zone of the term."""

    source: str
    result: VerificationResult = VerificationResult.CONFIRMED
    checked_at: DateOrInstant | None = None
    """Where it is left out, now."""
    valid_until: DateOrInstant | None = None
    note: str | None = None


def verification_of(check: Check, term: Term, actor: str, now: datetime, *, within: str = "") -> Verification:
    """Return the verification that a check of the term is; raises `Invalid` for times that make no sense.

    `within` is where in the body the check is, for the pointers of errors.
    """
    checked_at = now if check.checked_at is None else beginning(check.checked_at, term.time_zone)
    if checked_at > now:
        raise Invalid("checked_at is in the future.", pointer=f"{within}/checked_at")
    valid_until = None if check.valid_until is None else ending(check.valid_until, term.time_zone)
    if valid_until is not None and check.result is not VerificationResult.CONFIRMED:
        raise Invalid(
            f"A check with the result {check.result} confirms nothing that could be valid until a day.",
            pointer=f"{within}/valid_until",
        )
    if valid_until is not None and valid_until <= checked_at:
        raise Invalid("valid_until must be after checked_at.", pointer=f"{within}/valid_until")
    return Verification(
        id=uuid7(),
        term_id=term.id,
        checked_at=checked_at,
        source=check.source,
        result=check.result,
        valid_until=valid_until,
        actor=actor,
        note=check.note,
    )


def with_verification(change: Change, made: Verification, now: datetime) -> Change:
    """Return the change with the check and the event that says so.

    The credential shows the latest check by when it was made: one that is entered late changes nothing
    of what a later one said.
    """
    before = change.credential.verification
    latest = made if before is None else max(before, made, key=lambda each: (each.checked_at, each.id))
    told = change.emit(
        replace(change.credential, verification=latest),
        now,
        lambda state: CredentialVerified(
            credential=state, verification=VerificationState.model_validate(made, from_attributes=True)
        ),
    )
    return replace(told, checks=(*told.checks, made))


def has_fresh_check(credential: Credential, now: datetime) -> bool:
    """Whether a renewal now may rest on the latest check.

    It confirmed, it still holds, it is not older than `FRESH_FOR`, and it was made after the last term
    was recorded: what supported that term supports no other.
    """
    check = credential.verification
    return (
        check is not None
        and check.holds(now)
        and check.checked_at > credential.last_term.recorded_at
        and now - check.checked_at <= FRESH_FOR
    )
