"""Undoing an import: void its credentials, withdraw the terms it added, then deactivate its holders.

Whatever somebody has changed since is left. What the import corrected or updated on existing records is left
as well: the values from before are in the history, where a person finds them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict
from licet_credentials.credentials import store as credential_store
from licet_credentials.credentials.change import Change, announce, settle
from licet_credentials.credentials.commands.writing import write_credentials
from licet_credentials.credentials.corrections import Correction, apply_correction
from licet_credentials.credentials.store import CredentialWithRules, PendingChange
from licet_credentials.holders import store as holder_store
from licet_credentials.holders.commands.leaving import deactivate_holder
from licet_credentials.imports import store
from licet_credentials.imports.model import UNDONE_REASON, ImportWork, UndoEntry, UndoResult, UndoStep
from licet_events.credentials import CredentialVoided

_UNDONE, _LEFT = "undone", "left"
_WAS_THERE, _CHANGED, _VOIDED, _RESTS, _HAS_CREDENTIALS, _INACTIVE = (
    "was_there_before",
    "changed_since",
    "voided_already",
    "something_rests_on_it",
    "has_credentials",
    "inactive_already",
)

_CREDENTIALS_VOIDED, _TERMS_WITHDRAWN, _CREDENTIALS_LEFT, _HOLDERS_DEACTIVATED, _HOLDERS_LEFT = (
    "credentials_voided",
    "terms_withdrawn",
    "credentials_left",
    "holders_deactivated",
    "holders_left",
)


async def undo_batch(tx: Transaction, work: ImportWork, limit: int, *, now: datetime) -> bool:
    """Undo the next entries of the log; returns whether there may be more."""
    entries = await store.read_undo_entries(tx.conn, work.id, work.undo_step, work.undo_after, limit)
    if not entries:
        if work.undo_step is UndoStep.HOLDERS:
            return False
        work.undo_step, work.undo_after = UndoStep.HOLDERS, None
        return True
    undo = _undo_credentials if work.undo_step is UndoStep.CREDENTIALS else _undo_holders
    results, counts = await undo(tx, entries, now)
    await store.save_undo_results(tx.conn, work.id, work.undo_step, results)
    work.undo_counts += counts
    work.undo_after = entries[-1].id
    return True


async def _undo_credentials(
    tx: Transaction, entries: Sequence[UndoEntry], now: datetime
) -> tuple[list[UndoResult], Counter[str]]:
    found = await credential_store.lock_credentials(tx.conn, [entry.id for entry in entries])
    changed = await store.changed_since(tx.conn, entries)
    results, saved, counts = [], [], Counter[str]()
    for entry in entries:
        loaded = found.get(entry.id)
        reason = _first_reason(
            (loaded is None or not (entry.created or entry.terms), _WAS_THERE),
            (loaded is not None and loaded.credential.voided, _VOIDED),
            (entry.id in changed, _CHANGED),
        )
        if reason is None and loaded is not None:
            try:
                change = _undo_credential(entry, loaded, tx.cause.actor, now)
            except Conflict:
                reason = _RESTS
            else:
                saved.append(PendingChange(change, loaded.rules))
                counts[_CREDENTIALS_VOIDED] += entry.created
                counts[_TERMS_WITHDRAWN] += len(entry.terms)
        counts[_CREDENTIALS_LEFT] += reason is not None or entry.more
        results.append(_result(entry, reason))
    await write_credentials(tx, saved, now)
    return results, counts


def _first_reason(*table: tuple[bool, str]) -> str | None:
    """Return the first reason that applies for leaving an entry as it is."""
    return next((reason for applies, reason in table if applies), None)


def _result(entry: UndoEntry, reason: str | None) -> UndoResult:
    return UndoResult(entry.id, _UNDONE if reason is None else _LEFT, reason)


def _undo_credential(entry: UndoEntry, loaded: CredentialWithRules, actor: str, now: datetime) -> Change:
    """Void a credential that the import created; from an existing one, withdraw its terms, the last first."""
    change = settle(loaded.credential, now)
    if entry.created:
        return change.emit(
            replace(change.credential, voided=True),
            now,
            lambda state: CredentialVoided(credential=state, reason=UNDONE_REASON),
        )
    for term in reversed(change.credential.terms):
        if term.id in entry.terms:
            wrong = Correction(UNDONE_REASON, term_id=term.id, withdraw_term=True)
            change = apply_correction(change, wrong, now, was=loaded.rules, rules=loaded.rules)
    return announce(change, now, reason=UNDONE_REASON, actor=actor)


async def _undo_holders(
    tx: Transaction, entries: Sequence[UndoEntry], now: datetime
) -> tuple[list[UndoResult], Counter[str]]:
    created = [entry for entry in entries if entry.created]
    for entry in sorted(created, key=lambda entry: entry.id):
        # Locked first, so that the answers of the two queries below stay true until the commit.
        await holder_store.lock_holder(tx.conn, entry.id)
    with_credentials = await store.holders_with_credentials(tx.conn, [entry.id for entry in created])
    changed = await store.changed_since(tx.conn, created)
    results = []
    for entry in entries:
        reason = _first_reason(
            (not entry.created, _WAS_THERE),
            (entry.id in changed, _CHANGED),
            (entry.id in with_credentials, _HAS_CREDENTIALS),
        ) or await _deactivate(tx, entry, now)
        results.append(_result(entry, reason))
    counts = Counter(_HOLDERS_DEACTIVATED if each.undo == _UNDONE else _HOLDERS_LEFT for each in results)
    return results, counts


async def _deactivate(tx: Transaction, entry: UndoEntry, now: datetime) -> str | None:
    try:
        await deactivate_holder(tx, entry.id, UNDONE_REASON, expected_version=None, now=now)
    except Conflict:
        return _INACTIVE
    return None
