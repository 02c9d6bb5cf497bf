"""Putting right what was entered wrong: what becomes of the credential, and what is told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_credentials.credentials.change import Change, announce, require_not_voided
from licet_credentials.credentials.dates import correct_term
from licet_credentials.credentials.model import Credential, Term, in_order
from licet_credentials.errors import Invalid
from licet_events.credentials import CorrectedField, CredentialCorrected, CredentialMoved

TERM_FIELDS = ("valid_from", "expires_on", "expiry", "time_zone")
"""What a correction may say of a term."""

Wrong = tuple[CorrectedField, ...]
Corrected = tuple[Credential, Wrong]


@dataclass(frozen=True, slots=True)
class Correction:
    """What was wrong, put right; what is left out was right."""

    reason: str
    term: Mapping[str, Any] = field(default_factory=dict)
    """Of one term, by name: those of `TERM_FIELDS` that were wrong."""
    term_id: UUID | None = None
    """Which term; where it is left out, the last."""
    holder_id: UUID | None = None
    """Whose it is."""


def correct(change: Change, correction: Correction, now: datetime, *, actor: str) -> Change:
    """Carry a correction out in one event; raises `Invalid` where nothing differs from what is recorded.

    A credential that was under a wrong holder gets its next version under the right one, and leaves
    the key it had.
    """
    before = change.credential
    require_not_voided(before)
    after: Credential = before
    wrong: Wrong = ()
    term_id = None
    if correction.term:
        term = before.last_term if correction.term_id is None else term_called(before, correction.term_id)
        term_id = term.id
        after, wrong = _with_term(after, term, correction.term, now)
    if correction.holder_id is not None:
        after, wrong = _with_holder(after, correction.holder_id, wrong)
    if not wrong:
        raise Invalid("Nothing differs from what is recorded, so there is nothing to correct.")
    told = change.tell(
        after,
        now,
        lambda state: CredentialCorrected(
            credential=state, term_id=term_id, corrected=wrong, reason=correction.reason
        ),
    )
    if after.holder_id != before.holder_id:
        left = CredentialMoved(holder_id=before.holder_id, credential_id=before.id)
        told = replace(told, left=(*told.left, left))
    return announce(told, now, reason="corrected", actor=actor)


def term_called(credential: Credential, term_id: UUID) -> Term:
    """Return the term of that id; raises `Invalid`."""
    for term in credential.terms:
        if term.id == term_id:
            return term
    raise Invalid(f"The credential has no term {term_id}.", pointer="/term_id")


def _with_term(credential: Credential, term: Term, given: Mapping[str, Any], now: datetime) -> Corrected:
    corrected, wrong = correct_term(term, given, now)
    terms = in_order(corrected if each.id == term.id else each for each in credential.terms)
    return replace(credential, terms=terms), wrong


def _with_holder(credential: Credential, holder_id: UUID, wrong: Wrong) -> Corrected:
    if holder_id == credential.holder_id:
        return credential, wrong
    moved = CorrectedField(field="holder_id", was=str(credential.holder_id), now=str(holder_id))
    return replace(credential, holder_id=holder_id), (*wrong, moved)
