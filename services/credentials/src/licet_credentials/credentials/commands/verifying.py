"""Recording a check of a credential against a source."""

from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid
from licet_credentials.credentials.change import Change, require_not_voided
from licet_credentials.credentials.commands.writing import change_credential
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.store import CredentialWithRules
from licet_credentials.credentials.terms import Term
from licet_credentials.credentials.verification import Check, verification_of, with_verification


async def verify_credential(
    tx: Transaction,
    credential_id: UUID,
    check: Check,
    *,
    term_id: UUID | None,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Record a check of a term, with any result; by default of the last term.

    Revoked and surrendered credentials can be checked too: sources report that state.
    """

    def verify(change: Change, _loaded: CredentialWithRules) -> Change:
        credential = change.credential
        require_not_voided(credential)
        term = credential.last_term if term_id is None else _term(credential, term_id)
        return with_verification(change, verification_of(check, term, tx.cause.actor, now), now)

    return await change_credential(
        tx, credential_id, verify, expected_version=expected_version, now=now, note=check.note
    )


def _term(credential: Credential, term_id: UUID) -> Term:
    for term in credential.terms:
        if term.id == term_id:
            return term
    raise Invalid(f"The credential has no term {term_id}.", pointer="/term_id")
