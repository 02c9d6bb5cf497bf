"""Putting right what was entered wrong, and voiding what should not be there."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_credentials.credentials.change import Change, announce
from licet_credentials.credentials.commands.carrying import change_credential
from licet_credentials.credentials.dates import correct_term
from licet_credentials.credentials.model import Credential, Term, in_order
from licet_credentials.credentials.store import Loaded
from licet_credentials.errors import Conflict, Invalid
from licet_events.credentials import CredentialCorrected, CredentialVoided


async def correct_credential(
    tx: Transaction,
    credential_id: UUID,
    corrections: Mapping[str, Any],
    reason: str,
    *,
    term_id: UUID | None,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Put right a term's dates, expiry or zone; what was believed before stays readable.

    Without a `term_id` it is the last term that was wrong.
    """

    def correct(change: Change, _loaded: Loaded) -> Change:
        credential = change.credential
        if credential.voided:
            raise Conflict("The credential is voided: it was entered in error and takes no more changes.")
        term = credential.last_term if term_id is None else _term(credential, term_id)
        corrected, wrong = correct_term(term, corrections, now)
        terms = in_order(corrected if each.id == term.id else each for each in credential.terms)
        told = change.tell(
            replace(credential, terms=terms),
            now,
            lambda state: CredentialCorrected(
                credential=state, term_id=term.id, corrected=wrong, reason=reason
            ),
        )
        return announce(told, now, reason="corrected", actor=tx.cause.actor)

    return await change_credential(tx, credential_id, correct, expected_version=expected_version, now=now)


def _term(credential: Credential, term_id: UUID) -> Term:
    for term in credential.terms:
        if term.id == term_id:
            return term
    raise Invalid(f"The credential has no term {term_id}.", pointer="/term_id")


async def void_credential(
    tx: Transaction,
    credential_id: UUID,
    reason: str,
    note: str | None,
    *,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Mark a credential as entered in error: it leaves lists and eligibility, and stays in history."""

    def void(change: Change, _loaded: Loaded) -> Change:
        if change.credential.voided:
            raise Conflict("The credential is voided already.")
        return change.tell(
            replace(change.credential, voided=True),
            now,
            lambda state: CredentialVoided(credential=state, reason=reason),
        )

    return await change_credential(
        tx, credential_id, void, expected_version=expected_version, now=now, note=note
    )
