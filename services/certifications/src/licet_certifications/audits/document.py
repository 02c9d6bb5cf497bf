"""The result of an audit as a PDF for people; what proves it is the signed file."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from licet_certifications.audits.store import StoredAudit
from licet_certifications.documents.pages import Document, Facts, Heading, Paragraph, Part, Rows, Space
from licet_events.audits import AuditCounts
from licet_events.civil import zone


def document_of(
    stored: StoredAudit,
    counts: AuditCounts,
    not_verifiable: Sequence[tuple[str, str, str]],
    *,
    now: datetime,
    fonts: Sequence[Path],
) -> Document:
    """Return the pages; `not_verifiable` has credential type, credential and holder of each such record."""
    audit = stored.state
    parts: list[Part] = [
        Heading(f"Audit: {audit.name}"),
        Space(2),
        Facts(
            (
                ("Scope", _scope(stored)),
                ("Opened", f"{_shown(audit.opened_at, audit.time_zone)} by {stored.opened_by}"),
                ("Due", f"{audit.due_on}"),
                *_closing(stored),
            )
        ),
        Space(4),
        Rows(
            ("Credentials", "Confirmed", "Corrected", "Not verifiable", "Without attestation"),
            [[f"{n:,}" for n in (counts.items, counts.confirmed, counts.corrected,
                                 counts.not_verifiable, counts.open)]],
        ),
    ]  # fmt: skip
    if not_verifiable:
        parts += [
            Space(4),
            Heading("Not verifiable", size=14),
            Rows(("Credential type", "Credential", "Holder"), not_verifiable, (3, 5, 5)),
        ]
    if audit.result_sha256 is not None:
        parts += [
            Space(4),
            Paragraph(f"SHA-256 of the signed result: {audit.result_sha256}", size=9),
            Paragraph("`licet audit verify` checks that file without this service.", size=9),
        ]
    return Document(
        title=f"Audit: {audit.name}",
        parts=parts,
        made_at=now,
        footer=f"Licet, {_shown(now, audit.time_zone)}",
        fonts=fonts,
    )


def _scope(stored: StoredAudit) -> str:
    scope, sample = stored.state.scope, stored.state.sample
    named = [
        f"{name} {', '.join(codes)}"
        for name, codes in (("teams", scope.teams), ("locations", scope.locations), ("types", scope.types))
        if codes
    ]
    whole = "; ".join(named) or "every credential"
    return whole if sample is None else f"{whole}; a sample of {sample.share:.0%} with seed {sample.seed}"


def _closing(stored: StoredAudit) -> tuple[tuple[str, str], ...]:
    audit = stored.state
    if audit.closed_at is None:
        return (("Closed", "not yet"),)
    closed = ("Closed", f"{_shown(audit.closed_at, audit.time_zone)} by {stored.closed_by}")
    if stored.incomplete_reason is None:
        return (closed,)
    return (closed, ("Incomplete", stored.incomplete_reason))


def _shown(instant: datetime, time_zone: str) -> str:
    return f"{instant.astimezone(zone(time_zone)):%Y-%m-%d %H:%M} ({time_zone})"
