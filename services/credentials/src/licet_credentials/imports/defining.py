"""The credential types that rows name."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from licet_chassis.database import Transaction
from licet_credentials.imports.mapping import Mapping as Declared
from licet_credentials.imports.model import SourceRow
from licet_credentials.types import store as type_store
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import RenewalEvidence


async def types_of(
    tx: Transaction, rows: Sequence[SourceRow], declared: Declared, now: datetime
) -> tuple[Mapping[str, CredentialType], set[str]]:
    """Return the credential types of the rows by what they call them, and the codes of those that are new.

    Where the mapping wants it, what there is not is made up by its rules; it is for the caller to write.
    """
    names = {row.credential.type_code: row.credential.type_name for row in rows}
    types = await type_store.hold_types(tx.conn, sorted(names))
    new = names.keys() - types.keys() if declared.type.define else set()
    made = {code: _new_type(code, names[code], declared, now) for code in new}
    return {**types, **made}, set(made)


def _new_type(code: str, name: str, declared: Declared, now: datetime) -> CredentialType:
    rules = declared.type
    return CredentialType(
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
        attributes=rules.attributes,
        aliases=(),
        retired=False,
        created_at=now,
        updated_at=now,
    )
