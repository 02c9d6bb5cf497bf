"""Checks of a credential against a source, and when one is fresh enough for a renewal."""

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
"""Maximum age of a check that a renewal can use."""


@dataclass(frozen=True, slots=True)
class Check:
    """A reported check; a date means the whole day in the zone of the term."""

    source: str
    result: VerificationResult = VerificationResult.CONFIRMED
    checked_at: DateOrInstant | None = None
    """By default now."""
    valid_until: DateOrInstant | None = None
    note: str | None = None


def verification_of(check: Check, term: Term, actor: str, now: datetime, *, within: str = "") -> Verification:
    """Return the verification for a check of the term; raises `Invalid` for contradictory times.

    `within` is the pointer to the check in the body, for errors.
    """
    checked_at = now if check.checked_at is None else beginning(check.checked_at, term.time_zone)
    if checked_at > now:
        raise Invalid("checked_at is in the future.", pointer=f"{within}/checked_at")
    valid_until = None if check.valid_until is None else ending(check.valid_until, term.time_zone)
    if valid_until is not None and check.result is not VerificationResult.CONFIRMED:
        raise Invalid(
            f"A check with the result {check.result} confirms nothing, so it takes no valid_until.",
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


def with_verification(change: Change, check: Verification, now: datetime) -> Change:
    """Add a check.

    The credential shows the latest check by `checked_at`: one that is entered late does not replace it.
    """
    before = change.credential.verification
    latest = check if before is None else max(before, check, key=lambda each: (each.checked_at, each.id))
    verified = change.emit(
        replace(change.credential, verification=latest),
        now,
        lambda state: CredentialVerified(
            credential=state, verification=VerificationState.model_validate(check, from_attributes=True)
        ),
    )
    return replace(verified, checks=(*verified.checks, check))


def has_fresh_check(credential: Credential, now: datetime) -> bool:
    """Whether a renewal can use the latest check.

    It confirmed, is still valid, is not older than `FRESH_FOR`, and was made after the last term was
    recorded: a check that supported that term can't support another.
    """
    check = credential.verification
    return (
        check is not None
        and check.holds(now)
        and check.checked_at > credential.last_term.recorded_at
        and now - check.checked_at <= FRESH_FOR
    )
