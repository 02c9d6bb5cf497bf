"""What a certificate says, and when there is one. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from licet_certifications.documents.pages import Document, Heading, Paragraph, Part, Space
from licet_chassis.errors import Conflict
from licet_events.enrolments import EnrolmentStatus

_CERTIFIED = frozenset({EnrolmentStatus.ACTIVE, EnrolmentStatus.EXPIRING})


@dataclass(frozen=True, slots=True)
class Subject:
    """Everything that a certificate rests on."""

    enrolment_id: UUID
    status: EnrolmentStatus
    reason: str | None
    holder_name: str | None
    programme_name: str
    template: str
    issues_credential: bool
    credential_id: UUID | None
    number: str | None
    completed_on: date | None
    valid_from: date | None
    valid_until: str | None
    """The end as the document prints it: a month, a day, or a day with a time."""


def certificate(subject: Subject, link: str, *, fonts: Sequence[Path], now: datetime) -> Document:
    """Return what the certificate says; raises `Conflict` where there is nothing to certify at present."""
    if subject.status not in _CERTIFIED:
        why = f" ({subject.reason})" if subject.reason else ""
        raise Conflict(
            f"Enrolment {subject.enrolment_id} is {subject.status.value}{why}; a certificate is given while "
            "it is active or expiring."
        )
    if subject.issues_credential and subject.credential_id is None:
        raise Conflict("The credential is being issued; ask for the certificate again in a moment.")
    if subject.holder_name is None:
        raise Conflict(
            "The holder's name is not known here yet; `licet backfill` of credentials tells it again."
        )
    framed = subject.template == "standard"
    return Document(
        title=f"{subject.programme_name}: certificate",
        parts=_parts(subject, link),
        made_at=now,
        landscape=framed,
        framed=framed,
        fonts=fonts,
    )


def _parts(subject: Subject, link: str) -> tuple[Part, ...]:
    facts = [
        ("Number", subject.number),
        ("Completed on", subject.completed_on),
        ("Valid from", subject.valid_from),
        ("Valid until", subject.valid_until),
    ]
    return (
        Space(12),
        Heading("Certificate", 30, "C"),
        Space(8),
        Paragraph("This certifies that", 12, "C"),
        Space(3),
        Heading(subject.holder_name or "", 26, "C"),
        Space(3),
        Paragraph("has completed the programme", 12, "C"),
        Space(3),
        Heading(subject.programme_name, 20, "C"),
        Space(10),
        *(Paragraph(f"{name}: {value}", 11, "C") for name, value in facts if value is not None),
        Space(8),
        Paragraph("Whether it still holds can be seen at", 9, "C"),
        Paragraph(link, 9, "C", link=link),
    )
