"""Taking back what an import made: void what it recorded, deactivate whom it entered, leave what changed.

What it changed on a credential or holder that was there before stays: terms are never taken away, and
what was recorded before a change is in the history, where a person finds it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from licet_chassis.database import Transaction
from licet_credentials.credentials import commands as credential_commands
from licet_credentials.credentials import store as credential_store
from licet_credentials.credentials.change import settle
from licet_credentials.credentials.store import Saved
from licet_credentials.errors import Conflict
from licet_credentials.holders import commands as holder_commands
from licet_credentials.holders import store as holder_store
from licet_credentials.imports import store
from licet_credentials.imports.store import CREDENTIALS, HOLDERS, Effect, Undone, Work
from licet_events.credentials import CredentialVoided

UNDONE_REASON = "import_undone"
"""The reason code of what undoing changes."""

_UNDONE, _LEFT = "undone", "left"
_WAS_THERE, _CHANGED, _VOIDED, _HAS_CREDENTIALS, _INACTIVE = (
    "was_there_before",
    "changed_since",
    "voided_already",
    "has_credentials",
    "inactive_already",
)

_CREDENTIALS = {_UNDONE: "credentials_voided", _LEFT: "credentials_left"}
_HOLDERS = {_UNDONE: "holders_deactivated", _LEFT: "holders_left"}


async def undo_batch(tx: Transaction, work: Work, limit: int, *, now: datetime) -> bool:
    """Take back the next part of what an import made; returns whether there may be more."""
    effects = await store.next_effects(tx.conn, work.id, work.undo_step, work.undo_after, limit)
    if not effects:
        if work.undo_step == HOLDERS:
            return False
        work.undo_step, work.undo_after = HOLDERS, None
        return True
    step, words = (_void, _CREDENTIALS) if work.undo_step == CREDENTIALS else (_deactivate, _HOLDERS)
    undone = await step(tx, effects, now)
    await store.note_undone(tx.conn, work.id, work.undo_step, undone)
    for each in undone:
        work.undo_counts[words[each.undo]] += 1
    work.undo_after = effects[-1].id
    return True


async def _void(tx: Transaction, effects: Sequence[Effect], now: datetime) -> list[Undone]:
    made = [effect for effect in effects if effect.created]
    loaded = await credential_store.lock_credentials(tx.conn, [effect.id for effect in made])
    changed = await store.changed_since(tx.conn, made)
    undone, saved = [], []
    for effect in effects:
        found = loaded.get(effect.id)
        if not effect.created or found is None:
            undone.append(Undone(effect.id, _LEFT, _WAS_THERE))
        elif found.credential.voided:
            undone.append(Undone(effect.id, _LEFT, _VOIDED))
        elif effect.id in changed:
            undone.append(Undone(effect.id, _LEFT, _CHANGED))
        else:
            change = settle(found.credential, now)
            change = change.tell(
                replace(change.credential, voided=True),
                now,
                lambda state: CredentialVoided(credential=state, reason=UNDONE_REASON),
            )
            saved.append(Saved(change, found.rules))
            undone.append(Undone(effect.id, _UNDONE))
    await credential_commands.write(tx, saved, now)
    return undone


async def _deactivate(tx: Transaction, effects: Sequence[Effect], now: datetime) -> list[Undone]:
    made = [effect for effect in effects if effect.created]
    for effect in sorted(made, key=lambda effect: effect.id):
        await holder_store.lock_holder(tx.conn, effect.id)  # what is asked next stays so
    holding = await store.holders_with_credentials(tx.conn, [effect.id for effect in made])
    changed = await store.changed_since(tx.conn, made)
    undone = []
    for effect in effects:
        reason = (
            _WAS_THERE
            if not effect.created
            else _CHANGED
            if effect.id in changed
            else _HAS_CREDENTIALS
            if effect.id in holding
            else await _deactivated(tx, effect, now)
        )
        undone.append(Undone(effect.id, _UNDONE if reason is None else _LEFT, reason))
    return undone


async def _deactivated(tx: Transaction, effect: Effect, now: datetime) -> str | None:
    try:
        await holder_commands.deactivate_holder(tx, effect.id, UNDONE_REASON, expected_version=None, now=now)
    except Conflict:
        return _INACTIVE
    return None
