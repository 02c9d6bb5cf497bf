"""The credential types that rows name, found in the catalogue or defined by the mapping."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from licet_chassis.database import Transaction
from licet_credentials.imports.file.mapping import Mapping as FileMapping
from licet_credentials.imports.rows import SourceRow
from licet_credentials.types import store as type_store
from licet_credentials.types.model import CredentialType, checked
from licet_events.catalogue import RenewalEvidence
from licet_events.sameness import folded_code


async def find_types(
    tx: Transaction, rows: Sequence[SourceRow], mapping: FileMapping, now: datetime
) -> tuple[Mapping[str, CredentialType], set[str]]:
    """Return the credential types by the code or alias that rows use, and the codes of new ones.

    If the mapping defines types, one that the catalogue lacks is built from its rules; the caller writes it.
    """
    names = {row.credential.type_code: row.credential.type_name for row in rows}
    types = await type_store.hold_types(tx.conn, sorted(names))
    missing = sorted(names.keys() - types.keys()) if mapping.type.define else []
    new: dict[str, CredentialType] = {}
    for code in missing:  # those that differ in case alone are one
        new.setdefault(folded_code(code), _new_type(code, names[code], mapping, now))
    found = {code: new[folded_code(code)] for code in missing}
    return {**types, **found}, {entry.code for entry in new.values()}


def _new_type(code: str, name: str, mapping: FileMapping, now: datetime) -> CredentialType:
    rules = mapping.type
    entry = CredentialType(
        code=code,
        version=1,
        name=name,
        category=rules.category,
        expires=rules.expires,
        validity=rules.validity,
        ladder=rules.ladder,
        renewal_window_days=None,
        grace_days=rules.grace_days,
        renewal_basis=rules.renewal_basis,
        fixed_date=None,
        renewal_evidence=RenewalEvidence.NONE,
        number_unique=rules.number_unique,
        number_comparison=rules.number_comparison,
        attributes=rules.attributes,
        aliases=(),
        retired=False,
        created_at=now,
        updated_at=now,
        late_renewal=rules.late_renewal,
        late_renewal_days=rules.late_renewal_days,
        month_end=rules.month_end,
        expires_at_rule=rules.expires_at_rule,
        expires_at_time=rules.expires_at_time,
        end_of_month=rules.end_of_month,
    )
    return checked(entry)
