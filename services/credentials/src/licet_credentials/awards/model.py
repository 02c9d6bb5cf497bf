"""The result of an award: a new credential, a new term, or a refusal with its reason."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from licet_chassis.errors import NotFound
from licet_credentials.credentials.model import Credential
from licet_credentials.types.model import CredentialType
from licet_events.civil import local_date
from licet_events.credentials import Expiry
from licet_events.enrolments import AwardState


class Outcome(StrEnum):
    """Outcome of an award."""

    ISSUED = "issued"
    RENEWED = "renewed"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why an award was refused. A person decides what follows."""

    HOLDER_UNKNOWN = "holder_unknown"
    TYPE_UNKNOWN = "type_unknown"
    TYPE_RETIRED = "type_retired"
    CREDENTIAL_UNKNOWN = "credential_unknown"
    CREDENTIAL_VOIDED = "credential_voided"
    CREDENTIAL_MOVED = "credential_moved"
    """It belongs to another holder now, and not because the two were merged."""
    TYPE_DIFFERS = "type_differs"
    """Its type was corrected since the award."""
    REVOKED = "revoked"
    SURRENDERED = "surrendered"
    NEVER_EXPIRES = "never_expires"
    """It never expires, so there is nothing to renew."""
    NOT_ACCEPTED = "not_accepted"
    """The type's rules refuse the credential or the term; the detail says which and why."""


class HolderUnknown(NotFound):
    """The service does not know the holder of an award (yet)."""


class CredentialUnknown(NotFound):
    """The service does not know the credential that an award renews (yet)."""


@dataclass(frozen=True, slots=True)
class AwardResult:
    """Outcome of an award, with its reason or the term that it created."""

    outcome: Outcome
    reason: Reason | None = None
    detail: str | None = None
    """A sentence for people; never part of an event."""
    credential_id: UUID | None = None
    term_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Award:
    """A decided award, as stored."""

    id: UUID
    enrolment_id: UUID
    holder_id: UUID
    """The holder named by the award; after a merge the credential may belong to another."""
    type: str
    result: AwardResult
    awarded_at: datetime
    decided_at: datetime


def completion_day(award: AwardState, zone: str) -> date:
    """Return the day of the last completion where the credential is at home.

    Awards of older builds have no instant, only a day in a zone of their own.
    """
    return award.completed_on if award.completed_at is None else local_date(award.completed_at, zone)


def refusal_of_type(rules: CredentialType | None) -> Reason | None:
    """Return why no credential of the type can be issued, or `None` if one can."""
    if rules is None:
        return Reason.TYPE_UNKNOWN
    return Reason.TYPE_RETIRED if rules.retired else None


def refusal_of_renewal(credential: Credential, holder_id: UUID, type_code: str) -> Reason | None:
    """Return why an award for that holder and type can't renew the credential, or `None` if it can.

    A retired type is no reason: existing credentials of it may still be renewed.
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
