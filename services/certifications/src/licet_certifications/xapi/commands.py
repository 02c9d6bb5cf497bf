"""Keeping statements, and taking in the completions that they tell of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from licet_certifications.completions.model import OutcomeKind
from licet_certifications.intake import commands as intake
from licet_certifications.xapi import store
from licet_certifications.xapi.model import SOURCE, Statement
from licet_chassis.database import LostRace, Transaction
from licet_chassis.erasure import block_erasures
from licet_chassis.errors import Conflict, Invalid


class StatementRace(LostRace, Conflict):
    """Two requests bring a statement at the same moment."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of statements that were sent together."""

    new: set[UUID] = field(default_factory=set)
    conflicting: list[UUID] = field(default_factory=list)
    """Those whose id a different statement has; where there are any, none was kept."""


async def keep_statements(tx: Transaction, statements: Sequence[Statement], *, now: datetime) -> Kept:
    """Keep statements, all or none, and take in what they complete; a repetition changes nothing.

    What contradicts a kept statement is not kept; a completion in it is put before a person all the same.
    Raises `Invalid` for a statement that takes back one which takes back another, and for a completion that
    can't be true.
    """
    await block_erasures(tx.conn)
    by_id: dict[UUID, Statement] = {}
    for place, one in enumerate(statements):
        if one.id in by_id:
            raise Invalid(f"Two of the statements have the id {one.id}.", pointer=f"/{place}/id")
        by_id[one.id] = one
    before = await store.digests_of(tx.conn, by_id)
    conflicting = [one for one, digest in before.items() if by_id[one].digest != digest]
    if conflicting:
        await _take_in(tx, [by_id[one] for one in conflicting], now)
        return Kept(conflicting=conflicting)
    fresh = [one for one in statements if one.id not in before]
    new = await store.insert_statements(tx.conn, fresh)
    if len(new) < len(fresh):
        # Somebody kept one of them since; whether it is the same one is seen in the next attempt.
        raise StatementRace("Another request is keeping one of these statements; send them again.")
    await _take_in(tx, fresh, now)
    await _void(tx, fresh, now)
    return Kept(new=new)


async def _take_in(tx: Transaction, statements: Sequence[Statement], now: datetime) -> None:
    reports = [report for one in statements if (report := one.completion()) is not None]
    if not reports:
        return
    for report, outcome in zip(reports, await intake.take_in(tx, reports, now=now), strict=True):
        if outcome.kind is OutcomeKind.REJECTED:
            raise Invalid(f"Statement {report.source_id} completes nothing: {outcome.detail}")


async def _void(tx: Transaction, statements: Sequence[Statement], now: datetime) -> None:
    """Take back what these statements void, and those of them that were voided before they came."""
    targets = {one.voids for one in statements if one.voids is not None}
    if wrong := await store.voiding_among(tx.conn, targets):
        raise Invalid(f"Statement {min(wrong)} takes back another; it can't be taken back itself.")
    targets |= await store.voided_by_others(tx.conn, [one.id for one in statements])
    for one in sorted(await store.void_statements(tx.conn, targets)) if targets else ():
        await intake.void(tx, SOURCE, str(one), now=now)
