"""Deciding what waits, whoever owns it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from licet_certifications.worklist import store
from licet_certifications.worklist.model import Authority, Item, Ruling
from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, NotFound, Refused

Decider: TypeAlias = Callable[[Transaction, Item, Ruling, datetime], Awaitable[None]]
"""Carries out a ruling on an item of its kind: changes what waits and closes the item.

The token has been judged by the item's `deciders`; who decides is the transaction's actor.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one decision."""

    item_id: UUID
    refused: Refused | None = None
    """Why nothing was done; `None` where it was carried out."""


async def decide(
    tx: Transaction,
    deciders: Mapping[str, Decider],
    item_id: UUID,
    ruling: Ruling,
    *,
    by: Authority,
    now: datetime,
) -> None:
    """Carry out a decision about one item.

    Raises `NotFound` for an item that the token does not see, `Conflict` for one that was decided already
    or by somebody who may not approve it, `OutOfReach` where the token may not decide, and what the owner
    of the item raises.
    """
    found = await store.lock_item(tx.conn, item_id)
    item = found.item
    if not by.may_see(team=found.team, location=found.location):
        raise NotFound(f"There is no item {item_id} on the worklist.")
    item.require_open()
    item.deciders.require(ruling.verb, by)
    decider = deciders.get(item.kind)
    if decider is None:
        raise Conflict(f"Nobody decides items of the kind {item.kind} here.")
    await decider(tx, item, ruling, now)


async def decide_all(
    tx: Transaction,
    deciders: Mapping[str, Decider],
    rulings: list[tuple[UUID, Ruling]],
    *,
    by: Authority,
    now: datetime,
) -> list[Outcome]:
    """Carry out decisions in their order and return what became of each.

    One that is refused leaves nothing behind and does not keep the others back. Where there is only one,
    its refusal is raised.
    """
    if len(rulings) == 1:
        item_id, ruling = rulings[0]
        await decide(tx, deciders, item_id, ruling, by=by, now=now)
        return [Outcome(item_id)]
    outcomes = []
    for item_id, ruling in rulings:
        try:
            async with tx.conn.transaction():
                await decide(tx, deciders, item_id, ruling, by=by, now=now)
        except Refused as refused:
            outcomes.append(Outcome(item_id, refused))
        else:
            outcomes.append(Outcome(item_id))
    return outcomes
