"""Booking and cancelling shifts by request: what a platform is told at once, where its events are not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from licet_certifications.eligibility import store as eligibility
from licet_certifications.eligibility.spans import queue_reviews
from licet_certifications.eligibility.store import Pair
from licet_certifications.shifts import model, store
from licet_certifications.shifts.commands import BookedAtTheSameMoment, take_reports
from licet_certifications.shifts.model import Report, Shift, Work
from licet_certifications.shifts.store import Listed
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.erasure import block_erasures, erased_among
from licet_chassis.errors import Gone, Invalid, NotFound, OutOfReach, require_version

MaySee: TypeAlias = Callable[[str | None, str | None], bool]
"""Whether somebody of a team, at a location, is to be seen."""


async def book(
    tx: Transaction,
    platform: str,
    external_id: str,
    work: Work,
    *,
    may_see: MaySee,
    expected_version: int | None,
    now: datetime,
) -> tuple[Listed, bool]:
    """Book a shift, or replace its booking, on request; returns it and whether it is new.

    A request counts over every event that came before it. Raises `NotFound` for a holder who is not known
    or not to be seen, `Gone` for one who was erased, `Invalid` for a target that nobody knows, `OutOfReach`
    for a shift of somebody who is not to be seen, and `StaleVersion`.
    """
    await block_erasures(tx.conn)
    holder = await _holder_of(tx.conn, work, may_see)
    if not await eligibility.read_known_targets(tx.conn, [work.target]):
        raise Invalid(
            f"{work.target} is unknown: no requirement names it and no holder has it.", pointer="/target"
        )
    work = replace(work, holder_id=holder)
    await queue_reviews(tx.conn, {Pair(holder, work.target): tx.cause})
    before = await _lock_visible(tx.conn, platform, external_id, may_see)
    if before is not None:
        require_version(expected_version, before.version)
    revision, occurred_at = (0, now) if before is None else _just_after(before.order, now)
    await take_reports(tx, [Report(platform, external_id, revision, occurred_at, work)], now=now)
    booked = await store.read_shift(tx.conn, model.shift_id(platform, external_id))
    if booked is None:
        raise BookedAtTheSameMoment
    return booked, before is None or before.work is None


async def cancel(
    tx: Transaction,
    platform: str,
    external_id: str,
    *,
    may_see: MaySee,
    expected_version: int | None,
    now: datetime,
) -> None:
    """Cancel a booked shift; once more changes nothing.

    Raises `NotFound`, `OutOfReach` and `StaleVersion`.
    """
    await block_erasures(tx.conn)
    before = await _lock_visible(tx.conn, platform, external_id, may_see)
    if before is None or before.work is None:
        raise NotFound(f"There is no shift {external_id} of {platform} here.")
    require_version(expected_version, before.version)
    revision, occurred_at = _just_after(before.order, now)
    await take_reports(tx, [Report(platform, external_id, revision, occurred_at, None)], now=now)


def _just_after(order: tuple[int, datetime], now: datetime) -> tuple[int, datetime]:
    revision, occurred_at = order
    return revision, max(now, occurred_at + timedelta(microseconds=1))


async def _holder_of(conn: Connection, work: Work, may_see: MaySee) -> UUID:
    holder_id = work.holder_id
    if holder_id is None:
        key = work.external_key or ""
        holder_id = (await store.resolve_external_keys(conn, {key})).get(key)
        pointer, named = "/holder_external_id", f"with the external id {key}"
    else:
        pointer, named = "/holder_id", str(holder_id)
        if await erased_among(conn, [str(holder_id)]):
            raise Gone(f"The holder {holder_id} was erased.", pointer=pointer)
    known = {} if holder_id is None else await store.known_holders(conn, {holder_id})
    for holder in known.values():
        if may_see(holder.team, holder.location):
            return holder.id
    raise NotFound(f"There is no holder {named} here.", pointer=pointer)


async def _lock_visible(conn: Connection, platform: str, external_id: str, may_see: MaySee) -> Shift | None:
    shift_id = model.shift_id(platform, external_id)
    shift = (await store.lock_shifts(conn, [shift_id])).get(shift_id)
    listed = None if shift is None else await store.read_shift(conn, shift_id)
    if listed is not None and not may_see(listed.team, listed.location):
        raise OutOfReach(
            f"The shift {external_id} of {platform} is of somebody whom this token does not see."
        )
    return shift
