"""Taking in a file, and carrying out a batch of its rows through the same model, store and outbox."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_credentials.credentials import commands as credential_commands
from licet_credentials.credentials import store as credential_store
from licet_credentials.credentials.model import CredentialFacts
from licet_credentials.credentials.store import NumberKey, Saved, number_scope
from licet_credentials.holders import commands as holder_commands
from licet_credentials.holders import store as holder_store
from licet_credentials.holders.commands import HolderFacts, new_holder, updated_holder
from licet_credentials.holders.model import Holder
from licet_credentials.holders.store import HolderChange
from licet_credentials.imports import store
from licet_credentials.imports.mapping import Mapping, find_mapping, read_mapping
from licet_credentials.imports.model import (
    Outcome,
    Plan,
    RowError,
    RowResult,
    Ruling,
    SourceRow,
    plan_credential,
)
from licet_credentials.imports.reading import decode_file
from licet_credentials.types import commands as type_commands
from licet_credentials.types import store as type_store
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import RenewalEvidence
from licet_events.ids import uuid7


@dataclass(frozen=True, slots=True)
class TakeIn:
    """A file as it was sent."""

    content: bytes
    file_name: str
    mapping: str
    dry_run: bool


async def take_in(tx: Transaction, command: TakeIn, *, now: datetime) -> store.Import:
    """Check mapping and header and keep the file to be worked off; raises `Invalid`."""
    name, text = find_mapping(command.mapping)
    decode_file(command.content, read_mapping(text))
    import_id = uuid7()
    await store.insert_import(
        tx.conn,
        import_id,
        mapping_name=name,
        mapping=text,
        dry_run=command.dry_run,
        file_name=command.file_name,
        content=command.content,
        actor=tx.cause.actor,
        now=now,
    )
    return await store.read_import(tx.conn, import_id)


@dataclass
class Batch:
    """What one batch of rows comes to."""

    counts: Counter[str] = field(default_factory=Counter)
    types_created: set[str] = field(default_factory=set)
    results: list[tuple[RowResult, UUID | None]] = field(default_factory=list)
    saved: list[Saved] = field(default_factory=list)

    def note(self, results: Iterable[RowResult], credential_id: UUID | None) -> None:
        """Take rows into the report."""
        for result in results:
            self.results.append((result, credential_id))
            self.counts[result.outcome.value] += 1


async def import_rows(
    tx: Transaction,
    rows: Sequence[SourceRow],
    mapping: Mapping,
    *,
    default_zone: str,
    dry_run: bool,
    now: datetime,
) -> Batch:
    """Carry out rows, or with `dry_run` only tell what they would come to.

    All rows of a holder must be in one batch; rows of several holders are worked off together, with a
    number of round trips that does not grow with the batch.
    """
    batch = Batch()
    holders = await _holders(tx, rows, mapping, batch, dry_run=dry_run, now=now)
    types = await _types(tx, rows, mapping, batch, dry_run=dry_run, now=now)
    planned = await _plan(tx, rows, mapping, holders, types, default_zone, now)
    for each in await _with_free_numbers(tx, planned, batch):
        batch.note(each.plan.results, each.credential_id)
        batch.counts["terms_created"] += each.plan.terms_added
        batch.counts["credentials_created"] += each.new
        if each.plan.change is not None and not dry_run:
            batch.saved.append(Saved(each.plan.change, each.rules))
    await credential_commands.write(tx, batch.saved, now)
    return batch


async def _holders(
    tx: Transaction,
    rows: Sequence[SourceRow],
    mapping: Mapping,
    batch: Batch,
    *,
    dry_run: bool,
    now: datetime,
) -> dict[str, Holder]:
    """Return the holders of the rows by external id, made or updated where the rows say so."""
    latest: dict[str, SourceRow] = {}
    for row in rows:
        known = latest.get(row.holder.external_id)
        if known is None or row.latest > known.latest:
            latest[row.holder.external_id] = row
    holders = await holder_store.lock_by_external_ids(tx.conn, list(latest))
    new: list[Holder] = []
    changes: list[HolderChange] = []
    for external_id, row in latest.items():
        said = _holder_facts(row, mapping)
        if external_id in holders:
            change = updated_holder(holders[external_id], said, now)
            batch.counts["holders_updated"] += change is not None
        else:
            change = new_holder(HolderFacts(**{"kind": mapping.holder.kind, **said}), now)
            batch.counts["holders_created"] += 1
            new.append(change.holder)
        if change is not None:
            holders[external_id] = change.holder
            changes.append(change)
    if changes and not dry_run:
        await holder_commands.write(tx, changes, now)
        await holder_commands.link_reports(tx, new, now)
    return holders


def _holder_facts(row: SourceRow, mapping: Mapping) -> dict[str, Any]:
    """Return the facts that the mapping has columns for; the others are none of the file's business."""
    said: dict[str, Any] = {
        name: getattr(row.holder, name)
        for name in row.holder.__slots__
        if getattr(mapping.holder, name) is not None
    }
    return said if mapping.holder.time_zone is None else said | {"time_zone": mapping.holder.time_zone}


async def _types(
    tx: Transaction,
    rows: Sequence[SourceRow],
    mapping: Mapping,
    batch: Batch,
    *,
    dry_run: bool,
    now: datetime,
) -> dict[str, CredentialType]:
    """Return the credential types of the rows by code, made by the mapping where there are none."""
    names = {row.credential.type_code: row.credential.type_name for row in rows}
    types = await type_store.read_types(tx.conn, list(names))
    for code in sorted(names.keys() - types.keys()):
        types[code] = _new_type(code, names[code], mapping, now)
        batch.types_created.add(code)
        if not dry_run:
            await type_commands.define_type(tx, types[code], now=now)
    return types


def _new_type(code: str, name: str, mapping: Mapping, now: datetime) -> CredentialType:
    rules = mapping.type
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
        aliases=(),
        retired=False,
        created_at=now,
        updated_at=now,
    )


@dataclass(frozen=True, slots=True)
class Planned:
    """The rows of one credential and what is to be done with them."""

    rows: Sequence[SourceRow]
    plan: Plan
    rules: CredentialType
    existing_id: UUID | None

    @property
    def new(self) -> bool:
        """Whether the credential is to be made."""
        return self.existing_id is None

    @property
    def credential_id(self) -> UUID | None:
        """The credential, made or found."""
        return self.existing_id or (self.plan.change.credential.id if self.plan.change else None)

    @property
    def number_key(self) -> NumberKey | None:
        """The type, scope and number that nobody else may have, of a credential to be made."""
        if not self.new or self.plan.change is None:
            return None
        credential = self.plan.change.credential
        scope = number_scope(credential, self.rules.number_unique)
        return None if scope is None else (credential.type, scope, credential.number or "")


async def _plan(
    tx: Transaction,
    rows: Sequence[SourceRow],
    mapping: Mapping,
    holders: dict[str, Holder],
    types: dict[str, CredentialType],
    default_zone: str,
    now: datetime,
) -> list[Planned]:
    groups: dict[NumberKey, list[SourceRow]] = {}
    for row in rows:
        key = (row.holder.external_id, row.credential.type_code, row.credential.number)
        groups.setdefault(key, []).append(row)
    ids = await credential_store.ids_by_number(tx.conn, list(groups))
    existing = await credential_store.lock_credentials(tx.conn, sorted(ids.values()))
    ruling = Ruling(
        mapping.credential.time_zone or default_zone, mapping.term.announce_reached, tx.cause.actor
    )
    planned = []
    for key, group in groups.items():
        holder, rules = holders[key[0]], types[key[1]]
        found = existing[ids[key]].credential if key in ids else None
        facts = _credential_facts(max(group, key=lambda row: row.latest), holder)
        plan = plan_credential(group, found, rules, facts, ruling, now)
        planned.append(Planned(group, plan, rules, found.id if found else None))
    return planned


def _credential_facts(row: SourceRow, holder: Holder) -> CredentialFacts:
    said = row.credential
    return CredentialFacts(
        holder_id=holder.id,
        name=said.name,
        number=said.number,
        country=said.country,
        subdivision=said.subdivision,
        issuer=said.issuer,
        issued_on=said.issued_on,
    )


async def _with_free_numbers(tx: Transaction, planned: Sequence[Planned], batch: Batch) -> list[Planned]:
    """Return those whose numbers are free; the rows of the others are rejected, naming who has it."""
    keys = [key for each in planned if (key := each.number_key) is not None]
    taken = await store.taken_numbers(tx.conn, keys)
    free = []
    for each in planned:
        key = each.number_key
        if key is not None and key in taken:
            detail = f"the number is already that of credential {taken[key]}"
            batch.note(
                (
                    RowResult(row.line, Outcome.REJECTED, (RowError("", row.credential.number, detail),))
                    for row in each.rows
                ),
                None,
            )
            continue
        if key is not None and each.credential_id is not None:
            taken[key] = each.credential_id
        free.append(each)
    return free
