"""Converting rows of credentials and their parts to objects, and runs to rows."""

import json
from datetime import date, datetime
from typing import Any
from uuid import UUID

from licet_credentials.credentials.model import Credential, Flag, Image, Verification, VerificationResult
from licet_credentials.credentials.terms import Term, in_order
from licet_credentials.rows import Row, fields_of
from licet_credentials.types.model import CredentialType
from licet_credentials.types.store import type_of
from licet_events.catalogue import AttributeValue, Category
from licet_events.civil import ExpiresAtRule
from licet_events.credentials import Expiry, FlagKind, Validity


def rules_of(entry: str) -> CredentialType:
    """Return the credential type of a row given as JSON."""
    row = json.loads(entry)
    for name in ("validity", "fixed_date", "attributes", "birth_anchor", "age_bands"):
        row[name] = None if row[name] is None else json.dumps(row[name])
    for name in ("created_at", "updated_at"):
        row[name] = datetime.fromisoformat(row[name])
    return type_of(row)


def credential_of(row: Row, category: Category) -> Credential:
    """Return the credential of a row of `read_credentials`."""
    return Credential(
        id=row["id"],
        version=row["version"],
        holder_id=row["holder_id"],
        type=row["type"],
        type_version=row["type_version"],
        category=category,
        name=row["name"],
        number=row["number"],
        country=row["country"],
        subdivision=row["subdivision"],
        issuer=row["issuer"],
        issued_on=row["issued_on"],
        notes=row["notes"],
        own_ladder=None if row["own_ladder"] is None else tuple(row["own_ladder"]),
        ladder=tuple(row["ladder"]),
        grace_days=row["grace_days"],
        attributes={name: _attribute(value) for name, value in json.loads(row["attributes"]).items()},
        terms=terms_of(row["terms"]),
        flags=flags_of(row["flags"]),
        images=images_of(row["images"]),
        verification=_verification(row["verification"]),
        voided=row["voided"],
        submitted_at=row["submitted_at"],
        quiet_until=row["quiet_until"],
        announced=Validity(row["announced"]),
        announced_at=row["announced_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


_INSTANTS = frozenset(
    {
        "starts_at",
        "expires_at",
        "recorded_at",
        "effective_from",
        "until",
        "created_at",
        "checked_at",
        "valid_until",
        "corrected_at",
    }
)
_DATES = frozenset({"valid_from", "expires_on", "completed_on"})
_IDS = frozenset({"id", "previous_term_id", "term_id", "award_id"})


def _from_json(row: Row) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in row.items()}


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _INSTANTS:
        return datetime.fromisoformat(value)
    if name in _DATES:
        return date.fromisoformat(value)
    if name in _IDS:
        return UUID(value)
    return value


def terms_of(rows: str) -> tuple[Term, ...]:
    """Return the terms of rows given as a JSON array, in the order of `in_order`."""
    return in_order(term_row(_from_json(row)) for row in json.loads(rows))


def flags_of(rows: str) -> tuple[Flag, ...]:
    """Return the flags of rows given as a JSON array."""
    return tuple(_flag(_from_json(row)) for row in json.loads(rows))


def run_rows(credential: Credential) -> list[dict[str, Any]]:
    """Return the rows of a credential's runs, each with the interval in which it is the current run.

    A run becomes current when it starts, the first one at once; see `validity.current_run`.
    """
    runs = credential.runs
    if not runs:
        last = credential.last_term
        return [
            {
                "credential_id": credential.id,
                "ordinal": 0,
                "current_from": "-infinity",
                "current_until": "infinity",
                "term_id": last.id,
                "term_revision": last.revision,
            }
        ]
    return [
        {name: getattr(run, name) for name in run.__slots__}
        | {
            "credential_id": credential.id,
            "ordinal": ordinal,
            "current_from": run.starts_at if ordinal else "-infinity",
            "current_until": runs[ordinal + 1].starts_at if run is not runs[-1] else "infinity",
        }
        for ordinal, run in enumerate(runs)
    ]


def term_row(row: Row) -> Term:
    """Return the term of a row."""
    codes = {"expiry": Expiry(row["expiry"]), "expires_at_rule": ExpiresAtRule(row["expires_at_rule"])}
    return Term(**fields_of(Term, row) | codes)


def _flag(row: Row) -> Flag:
    return Flag(**fields_of(Flag, row) | {"kind": FlagKind(row["kind"])})


def _attribute(value: Any) -> AttributeValue:
    return tuple(value) if isinstance(value, list) else value


def _verification(entry: str | None) -> Verification | None:
    return None if entry is None else verification_row(_from_json(json.loads(entry)))


def verification_row(row: Row) -> Verification:
    """Return the verification of a row."""
    return Verification(**fields_of(Verification, row) | {"result": VerificationResult(row["result"])})


def images_of(rows: str) -> tuple[Image, ...]:
    """Return the images of rows given as a JSON array."""
    return tuple(Image(**fields_of(Image, _from_json(image))) for image in json.loads(rows))
