"""What an award leads to: a new credential, a new term of one, or a refusal with its reason."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from licet_chassis.errors import NotFound
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.renewal import add_period, next_fixed_date
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import RenewalBasis
from licet_events.credentials import Expiry


class Outcome(StrEnum):
    """What became of an award."""

    ISSUED = "issued"
    RENEWED = "renewed"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why an award was refused. A person decides what follows; the award is not tried again."""

    HOLDER_UNKNOWN = "holder_unknown"
    TYPE_UNKNOWN = "type_unknown"
    TYPE_RETIRED = "type_retired"
    CREDENTIAL_UNKNOWN = "credential_unknown"
    CREDENTIAL_VOIDED = "credential_voided"
    CREDENTIAL_MOVED = "credential_moved"
    """It is another holder's by now, and not because the two were merged."""
    TYPE_DIFFERS = "type_differs"
    """It was corrected to another type meanwhile."""
    REVOKED = "revoked"
    SURRENDERED = "surrendered"
    NEVER_EXPIRES = "never_expires"
    """There is nothing to renew."""
    NOT_ACCEPTED = "not_accepted"
    """The type's rules refuse the credential or the term; the detail says which and why."""


class HolderUnknown(NotFound):
    """The holder of an award is not known here."""


class CredentialUnknown(NotFound):
    """The credential that an award renews is not known here."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of an award."""

    outcome: Outcome
    reason: Reason | None = None
    detail: str | None = None
    """A sentence for people; in no event."""
    credential_id: UUID | None = None
    term_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Award:
    """An award that was decided, as it is kept."""

    id: UUID
    enrolment_id: UUID
    holder_id: UUID
    """As the award named it; the credential may be another's since, after a merge."""
    type: str
    decided: Decided
    awarded_at: datetime
    decided_at: datetime


def refusal_of_type(rules: CredentialType | None) -> Reason | None:
    """Return why no credential of the type can be issued; `None` where one can."""
    if rules is None:
        return Reason.TYPE_UNKNOWN
    return Reason.TYPE_RETIRED if rules.retired else None


def refusal_of_renewal(credential: Credential, holder_id: UUID, type_code: str) -> Reason | None:
    """Return why an award for that holder and type can't renew the credential; `None` where it can.

    A retired type is no reason: whoever has a credential of it may renew it.
    """
    if credential.voided:
        return Reason.CREDENTIAL_VOIDED
    if credential.holder_id != holder_id:
        return Reason.CREDENTIAL_MOVED
    if credential.type != type_code:
        return Reason.TYPE_DIFFERS
    final = next((flag.kind for flag in credential.flags if flag.kind.final and not flag.undone), None)
    if final is not None:
        return Reason(final.value)
    if credential.last_term.expiry is Expiry.NEVER:
        return Reason.NEVER_EXPIRES
    return None


def first_expiry(rules: CredentialType, completed_on: date) -> date | None:
    """Return until when the first term lasts that a completion begins.

    `None` where the type does not expire, and where its rules give no date: then the credential is
    incomplete until somebody enters one.
    """
    if not rules.expires:
        return None
    if rules.renewal_basis is RenewalBasis.FIXED_DATE and rules.fixed_date is not None:
        return next_fixed_date(rules.fixed_date, completed_on)
    return None if rules.validity is None else add_period(completed_on, rules.validity)
