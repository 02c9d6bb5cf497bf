"""Gaps in the record of a credential, by the requirements of its type."""

from datetime import datetime
from enum import StrEnum

from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.terms import Term
from licet_credentials.credentials.validity import current_term
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import RenewalEvidence


class Lack(StrEnum):
    """Something that a record should have but lacks."""

    EXPIRY = "expiry"
    EVIDENCE = "evidence"
    VERIFICATION = "verification"


def lacks(credential: Credential, rules: CredentialType, now: datetime) -> tuple[Lack, ...]:
    """Return what the record lacks at `now`: a known expiry, an image, a check that confirms it.

    Image and check must be of the current term; an image of the credential as a whole counts too.
    """
    found = []
    term = current_term(credential, now)
    if not credential.runs:
        found.append(Lack.EXPIRY)
    if rules.renewal_evidence is RenewalEvidence.IMAGE and not _has_image(credential, term):
        found.append(Lack.EVIDENCE)
    if rules.renewal_evidence is RenewalEvidence.VERIFICATION and not _is_verified(credential, term, now):
        found.append(Lack.VERIFICATION)
    return tuple(found)


def _has_image(credential: Credential, term: Term) -> bool:
    return any(image.term_id in {None, term.id} for image in credential.images)


def _is_verified(credential: Credential, term: Term, now: datetime) -> bool:
    check = credential.verification
    return check is not None and check.term_id == term.id and check.holds(now)
