"""An answer for the past as one page for an inspector."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from licet_certifications.documents.pages import Document, Facts, Heading, Paragraph, Part, Rows, Space
from licet_certifications.history.model import Answer, Known
from licet_events.civil import zone

MOST_ROWS = 12
"""How many rows of reasons and facts fit on the page beside the rest; how many more there are is said."""


def document_of(
    answer: Answer, holder_name: str | None, time_zone: str, *, now: datetime, fonts: Sequence[Path]
) -> Document:
    """Return the page; instants are shown in the zone."""
    asked = answer.question
    rows = MOST_ROWS // (4 if answer.differs else 2)
    parts: list[Part] = [
        Heading("Who might work this shift"),
        Space(2),
        Facts(
            (
                ("Holder", f"{holder_name or 'name not kept'} ({asked.holder_id})"),
                ("Work", asked.target),
                ("Location", "no particular one" if asked.location == "*" else asked.location),
                ("Shift", f"{_shown(asked.start, time_zone)} to {_shown(asked.end, time_zone)}"),
            )
        ),
        Space(4),
        Heading(f"Known when it began: {answer.then.verdict}", size=14),
        *_known(answer.then, time_zone, rows),
    ]
    if answer.differs:
        parts += [
            Space(4),
            Heading(f"Today's knowledge says otherwise: {answer.today.verdict}", size=14),
            *_known(answer.today, time_zone, rows),
        ]
    return Document(
        title="Eligibility of a shift",
        parts=parts,
        made_at=now,
        footer=f"Licet, {_shown(now, time_zone)}",
        fonts=fonts,
    )


def _known(known: Known, time_zone: str, rows: int) -> list[Part]:
    when = f"Known at {_shown(known.known_at, time_zone)}"
    if known.version is None or known.computed_at is None:
        return [Paragraph(f"{when}. No decision was in force.", size=9), _reasons(known, rows)]
    decision = f"decision {known.version} for location {known.location}"
    return [
        Paragraph(f"{when}, by {decision} of {_shown(known.computed_at, time_zone)}.", size=9),
        Space(1),
        _reasons(known, rows),
        Space(2),
        _facts(known, rows),
    ]


def _reasons(known: Known, most: int) -> Rows:
    rows = [
        (
            str(reason.code).replace("_", " "),
            reason.type or "",
            str(reason.credential_id or ""),
            str(reason.requirement_id or ""),
        )
        for reason in known.reasons[:most]
    ]
    if len(known.reasons) > most:
        rows.append((f"and {len(known.reasons) - most} more", "", "", ""))
    return Rows(("Reason", "Credential type", "Credential", "Requirement"), rows, (3, 3, 5, 5))


def _facts(known: Known, most: int) -> Rows:
    rows = [(fact.kind.replace("_", " "), fact.id, str(fact.version)) for fact in known.facts[:most]]
    if len(known.facts) > most:
        rows.append((f"and {len(known.facts) - most} more", "", ""))
    return Rows(("It rested on", "Id or code", "Version"), rows, (3, 7, 2))


def _shown(instant: datetime, time_zone: str) -> str:
    return f"{instant.astimezone(zone(time_zone)):%Y-%m-%d %H:%M:%S} ({time_zone})"
