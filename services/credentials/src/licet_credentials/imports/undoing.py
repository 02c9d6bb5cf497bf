"""Taking back what an import made: void what it recorded, withdraw the terms that it gave to what was there.

Then whom it entered is deactivated. What somebody has changed since is left, and so is what the import
corrected or updated of what was there: what it was before is in the history, where a person finds it.
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
from licet_credentials.credentials.corrections import Correction, put_right
from licet_credentials.credentials.store import Loaded, Saved
from licet_credentials.holders import store as holder_store
from licet_credentials.holders.commands.leaving import deactivate_holder
from licet_credentials.imports import store
from licet_credentials.imports.model import UNDONE_REASON
from licet_credentials.imports.store import CREDENTIALS, HOLDERS, Effect, Undone, Work
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


async def undo_batch(tx: Transaction, work: Work, limit: int, *, now: datetime) -> bool:
    """Take back the next part of what an import made; returns whether there may be more."""
    effects = await store.next_effects(tx.conn, work.id, work.undo_step, work.undo_after, limit)
    if not effects:
        if work.undo_step == HOLDERS:
            return False
        work.undo_step, work.undo_after = HOLDERS, None
        return True
    step = _take_back if work.undo_step == CREDENTIALS else _deactivate
    undone, counts = await step(tx, effects, now)
    await store.note_undone(tx.conn, work.id, work.undo_step, undone)
    work.undo_counts += counts
    work.undo_after = effects[-1].id
    return True


async def _take_back(
    tx: Transaction, effects: Sequence[Effect], now: datetime
) -> tuple[list[Undone], Counter[str]]:
    loaded = await credential_store.lock_credentials(tx.conn, [effect.id for effect in effects])
    changed = await store.changed_since(tx.conn, effects)
    undone, saved, counts = [], [], Counter[str]()
    for effect in effects:
        found = loaded.get(effect.id)
        reason = (
            _WAS_THERE
            if found is None or not (effect.created or effect.terms)
            else _VOIDED
            if found.credential.voided
            else _CHANGED
            if effect.id in changed
            else None
        )
        if reason is None and found is not None:
            try:
                change = _taken_back(effect, found, tx.cause.actor, now)
            except Conflict:
                reason = _RESTS
            else:
                saved.append(Saved(change, found.rules))
                counts[_CREDENTIALS_VOIDED] += effect.created
                counts[_TERMS_WITHDRAWN] += len(effect.terms)
        counts[_CREDENTIALS_LEFT] += reason is not None or effect.more
        undone.append(Undone(effect.id, _UNDONE if reason is None else _LEFT, reason))
    await write_credentials(tx, saved, now)
    return undone, counts


def _taken_back(effect: Effect, found: Loaded, actor: str, now: datetime) -> Change:
    """Void what the import recorded; of what was there, withdraw the terms, the last of them first."""
    change = settle(found.credential, now)
    if effect.created:
        return change.tell(
            replace(change.credential, voided=True),
            now,
            lambda state: CredentialVoided(credential=state, reason=UNDONE_REASON),
        )
    for term in reversed(change.credential.terms):
        if term.id in effect.terms:
            wrong = Correction(UNDONE_REASON, term_id=term.id, withdraw_term=True)
            change = put_right(change, wrong, now, was=found.rules, rules=found.rules)
    return announce(change, now, reason=UNDONE_REASON, actor=actor)


async def _deactivate(
    tx: Transaction, effects: Sequence[Effect], now: datetime
) -> tuple[list[Undone], Counter[str]]:
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
    return undone, Counter(_HOLDERS_DEACTIVATED if each.undo == _UNDONE else _HOLDERS_LEFT for each in undone)


async def _deactivated(tx: Transaction, effect: Effect, now: datetime) -> str | None:
    try:
        await deactivate_holder(tx, effect.id, UNDONE_REASON, expected_version=None, now=now)
    except Conflict:
        return _INACTIVE
    return None
