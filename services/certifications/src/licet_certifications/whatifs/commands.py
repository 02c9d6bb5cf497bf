"""Taking in a what-if, and computing some of its answer; neither changes a fact or publishes anything."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from licet_certifications.eligibility.deciding import decide
from licet_certifications.eligibility.model import Decision
from licet_certifications.eligibility.reading import Facts, read_facts, read_holders, read_rulebooks
from licet_certifications.eligibility.store import Pair
from licet_certifications.facts.model import ending_of
from licet_certifications.facts.store import find_type
from licet_certifications.periods import zone_of
from licet_certifications.requirements import model as requirements
from licet_certifications.requirements.commands import with_declared_attributes
from licet_certifications.requirements.store import read_requirement
from licet_certifications.visibility import Visibility
from licet_certifications.whatifs import model, store
from licet_certifications.whatifs.model import (
    Assignment,
    Change,
    ChangedGrace,
    ChangedHolder,
    ChangedRequirement,
    Expiry,
    MovedExpiry,
    MovedWaiverEnd,
    NewRequirement,
    Supposed,
    WhatIf,
    WorseHolder,
    WorseShift,
)
from licet_certifications.whatifs.store import Owner, Question
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.erasure import block_erasures
from licet_chassis.errors import Conflict, Invalid, NotFound, Refused
from licet_events import civil
from licet_events.catalogue import RequirementState
from licet_events.eligibility import ANYWHERE
from licet_events.ids import uuid7
from licet_events.sameness import folded_code
from licet_events.waivers import WaiverStatus

HOLDERS_AT_ONCE = 250

MaySee = Callable[[str | None, str | None], bool]
"""Whether the people of a team at a location are seen."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and whom they see."""

    actor: str
    visibility: Visibility
    may_see: MaySee


async def ask(
    tx: Transaction,
    changes: Sequence[Change],
    shown: Sequence[Mapping[str, Any]],
    asker: Asker,
    *,
    default_zone: str,
    now: datetime,
) -> WhatIf:
    """Keep a question to be answered in the background.

    `shown` are the changes as they were sent. Raises `Invalid` with a pointer to the change that makes no
    sense, and `Conflict` where too many wait already.
    """
    if await store.count_running(tx.conn) >= model.MOST_RUNNING:
        raise Conflict(
            f"{model.MOST_RUNNING} what-ifs are being computed, which is the most at once; wait for one."
        )
    resolving = _Resolving(tx.conn, asker, default_zone, now)
    for number, change in enumerate(changes):
        try:
            await resolving.add(change)
        except Refused as refused:
            raise Invalid(refused.detail, pointer=f"/changes/{number}{refused.pointer or ''}") from None
    question = Question(
        id=uuid7(),
        supposed=resolving.supposed(),
        targets=sorted(resolving.targets),
        named=sorted(resolving.named),
        actor=asker.actor,
        visibility=asker.visibility,
        after=None,
        now=now,
    )
    await store.insert_what_if(tx.conn, question, shown)
    return await store.read_what_if(tx.conn, question.id, asker.visibility)


async def delete(tx: Transaction, id: UUID, seen: Visibility) -> None:
    """Forget a question and its answer, also one that is being computed; raises `NotFound`."""
    await store.read_what_if(tx.conn, id, seen)
    await store.delete_what_if(tx.conn, id)


async def answer_some(tx: Transaction, question: Question, *, now: datetime) -> None:
    """Examine the next holders of a question that is held, and note how far it has come.

    An answer to many holders is made in as many transactions, each from the facts of its own moment, so
    memory and locks do not depend on how many there are.
    """
    await block_erasures(tx.conn)
    holder_ids = await store.next_holders(tx.conn, question, HOLDERS_AT_ONCE)
    holders, shifts = await _examine(tx.conn, question, holder_ids) if holder_ids else ([], [])
    await store.save_chunk(tx.conn, question.id, holders, shifts)
    await store.note_progress(
        tx.conn,
        question.id,
        after=holder_ids[-1] if holder_ids else question.after,
        examined=len(holder_ids),
        finished=len(holder_ids) < HOLDERS_AT_ONCE,
        now=now,
    )


async def _examine(
    conn: Connection, question: Question, holder_ids: Sequence[UUID]
) -> tuple[list[WorseHolder], list[WorseShift]]:
    supposed = question.supposed
    pairs = await _pairs_of(conn, question, holder_ids)
    # What is supposed only adds to what has to be read, so one reading serves both worlds.
    present = await read_rulebooks(conn, {pair.target for pair in pairs})
    places = supposed.locations.union(*(book.locations for book in present.values()))
    facts = await read_facts(conn, pairs, supposed=supposed.requirements, locations=places)
    booked: dict[Pair, list[model.BookedShift]] = {}
    for shift in await store.read_booked(conn, pairs, question.now):
        booked.setdefault(Pair(shift.holder_id, shift.target), []).append(shift)
    holders: list[WorseHolder] = []
    shifts: list[WorseShift] = []
    for pair in pairs:
        await asyncio.sleep(0)  # requests are answered meanwhile
        holder = facts.holders[pair.holder_id]
        before = decide(
            holder,
            present[pair.target],
            credentials=facts.credentials.get(holder.id, ()),
            places=facts.places,
            waivers=facts.waivers.get(holder.id, ()),
        )
        after = _decide_supposed(supposed, pair, facts)
        there, here = model.at_home(after, supposed.holder(holder)), model.at_home(before, holder)
        place, stretches = there or (here[0] if here else ANYWHERE, model.NOT_ASSIGNED)
        worse = model.worsening(here and here[1], stretches, question.now) if here or there else None
        if worse is not None:
            holders.append(WorseHolder(holder.id, pair.target, place, worse))
        for shift in booked.get(pair, ()):
            old = model.during(before, shift.location, shift.starts_at, shift.ends_at)
            new = model.during(after, shift.location, shift.starts_at, shift.ends_at)
            if model.is_worse(new, old):
                shifts.append(WorseShift(shift, old, new))
    return holders, shifts


async def _pairs_of(conn: Connection, question: Question, holder_ids: Sequence[UUID]) -> list[Pair]:
    """Return what is to be compared: everything of those who are named, what changes of the others."""
    named, targets = set(question.named), set(question.targets)
    return sorted(
        Pair(holder.id, target)
        for holder in (await read_holders(conn, holder_ids)).values()
        for target in question.supposed.targets_of(holder)
        if holder.id in named or target in targets
    )


def _decide_supposed(supposed: Supposed, pair: Pair, facts: Facts) -> dict[str, Decision]:
    return decide(
        supposed.holder(facts.holders[pair.holder_id]),
        facts.rulebooks[pair.target],
        credentials=supposed.credentials(facts.credentials.get(pair.holder_id, ())),
        places=facts.places,
        waivers=supposed.waivers(facts.waivers.get(pair.holder_id, ())),
    )


@dataclass
class _Resolving:
    """Turns changes into facts, in their order, and collects whom they touch."""

    conn: Connection
    asker: Asker
    default_zone: str
    now: datetime
    targets: set[str] = field(default_factory=set)
    named: set[UUID] = field(default_factory=set)
    _versions: list[RequirementState] = field(default_factory=list)
    _grace_days: dict[str, int] = field(default_factory=dict)
    _expiries: dict[UUID, Expiry] = field(default_factory=dict)
    _assignments: dict[UUID, Assignment] = field(default_factory=dict)
    _waiver_ends: dict[UUID, datetime] = field(default_factory=dict)

    def supposed(self) -> Supposed:
        return Supposed(
            tuple(self._versions), self._grace_days, self._expiries, self._assignments, self._waiver_ends
        )

    async def add(self, change: Change) -> None:
        match change:
            case NewRequirement():
                await self._add_version(requirements.made(change.rule, uuid7(), self.now))
            case ChangedRequirement():
                await self._change_requirement(change)
            case ChangedGrace():
                await self._change_grace(change)
            case MovedExpiry():
                await self._move_expiry(change)
            case ChangedHolder():
                await self._change_holder(change)
            case MovedWaiverEnd():
                await self._move_waiver_end(change)

    async def _add_version(self, state: RequirementState) -> None:
        self._versions.append(await with_declared_attributes(self.conn, state))
        self.targets.add(state.target)

    async def _change_requirement(self, change: ChangedRequirement) -> None:
        # Of two changes of one requirement the second goes on from the first.
        earlier = [state for state in self._versions if state.id == change.requirement_id]
        try:
            before = earlier[-1] if earlier else await read_requirement(self.conn, change.requirement_id)
        except NotFound as missing:
            raise Invalid(missing.detail, pointer="/requirement_id") from None
        after = requirements.changed(before, change.changes, self.now)
        if after.version == before.version:
            raise Invalid(
                f"Requirement {before.id} is already as this change would make it.", pointer="/requirement_id"
            )
        requirements.require_order(before, after)
        await self._add_version(after)

    async def _change_grace(self, change: ChangedGrace) -> None:
        found = await find_type(self.conn, change.type)
        if found is None:
            raise Invalid(f"There is no credential type {change.type}.", pointer="/type")
        self._grace_days[found.code] = change.grace_days
        names = {found.code, *found.aliases}
        self.targets.update(await store.read_targets_naming(self.conn, names))
        # Requirements that are themselves supposed may name it as well; their targets are in already.

    async def _move_expiry(self, change: MovedExpiry) -> None:
        found = await store.read_credential(self.conn, change.credential_id)
        if found is None or not self._sees(found[0]):
            raise Invalid(f"There is no credential {change.credential_id}.", pointer="/credential_id")
        owner, runs = found
        if not runs:
            raise Invalid(
                f"Credential {change.credential_id} has no term that could end on another day.",
                pointer="/credential_id",
            )
        latest = runs[-1]
        expires_at = (
            None
            if change.expires_on is None
            else civil.ends_at(change.expires_on, latest["time_zone"], ending_of(latest))
        )
        if expires_at is not None and expires_at <= datetime.fromisoformat(latest["starts_at"]):
            raise Invalid(
                f"The latest term of the credential begins at {latest['starts_at']}, which is after "
                f"{change.expires_on}.",
                pointer="/expires_on",
            )
        self._expiries[change.credential_id] = Expiry(expires_at, change.expires_on)
        self.named.add(owner.holder_id)

    async def _change_holder(self, change: ChangedHolder) -> None:
        found = await store.read_holder(self.conn, change.holder_id)
        if found is None or not self._sees(found[0]):
            raise Invalid(f"There is no holder {change.holder_id}.", pointer="/holder_id")
        changes, (_, targets) = change.changes, found
        for name, prefix in (("roles", "role:"), ("queues", "queue:")):
            if name in changes:
                others = {target for target in targets if not target.startswith(prefix)}
                targets = frozenset(others | {prefix + folded_code(code) for code in changes[name] or ()})
        before = self._assignments.get(change.holder_id)
        if before is not None:
            raise Invalid(
                f"Holder {change.holder_id} is changed twice; put both into one change.", pointer="/holder_id"
            )
        self._assignments[change.holder_id] = Assignment(
            targets=targets if {"roles", "queues"} & changes.keys() else None,
            moves="location" in changes,
            location=changes.get("location"),
            active=changes.get("active"),
        )
        self.named.add(change.holder_id)

    async def _move_waiver_end(self, change: MovedWaiverEnd) -> None:
        found = await store.read_waiver(self.conn, change.waiver_id)
        if found is None or not self._sees(found[0]):
            raise Invalid(f"There is no waiver {change.waiver_id}.", pointer="/waiver_id")
        owner, status = found
        if status in {WaiverStatus.REQUESTED, WaiverStatus.REFUSED}:
            raise Invalid(
                f"Waiver {change.waiver_id} is {status}; only one that was granted has an end to be moved.",
                pointer="/waiver_id",
            )
        zone = await zone_of(self.conn, owner.location or ANYWHERE, self.default_zone)
        ends_at = change.ends_at or _end_of(change.ends_on, zone)
        assert ends_at is not None  # noqa: S101  # the body has one of them
        self._waiver_ends[change.waiver_id] = ends_at
        self.named.add(owner.holder_id)

    def _sees(self, owner: Owner) -> bool:
        return self.asker.may_see(owner.team, owner.location)


def _end_of(day: date | None, zone: str) -> datetime | None:
    return None if day is None else civil.expires_at(day, zone)
