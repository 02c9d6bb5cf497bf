"""Completions in the database."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from licet_certifications.completions.model import (
    Candidate,
    Completion,
    Contradiction,
    Kept,
    Unmatched,
)
from licet_certifications.facts.identity import account_key, email_key, external_key
from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.failpoints import Failpoint
from licet_chassis.queries import load_queries, load_templates
from licet_events.completions import CompletionRecorded, CompletionResult, Learner, LearnerAccount

if TYPE_CHECKING:
    import asyncpg

QUERIES = load_queries(__package__)
TEMPLATES = load_templates(__package__)
_IDENTITIES = 0x6C6963657401
_SAVED = Failpoint("completions.saved")


async def completions_of(conn: Connection, holder_ids: Collection[UUID]) -> dict[UUID, list[Completion]]:
    """Return what each of the holders has completed, in the order in which it counts.

    A holder without any is left out, and so is a completion that was voided.
    """
    found: dict[UUID, list[Completion]] = {}
    for row in await conn.fetch(QUERIES["completions_of"], list(holder_ids)):
        completion = _completion(row)
        found.setdefault(completion.holder_id, []).append(completion)
    for completions in found.values():
        completions.sort(key=lambda one: one.order)
    return found


async def hold_identities(conn: Connection) -> None:
    """Keep holders from being learned until the transaction ends; call it before anything is locked."""
    await conn.execute(QUERIES["hold_identities"], _IDENTITIES)


async def share_identities(conn: Connection) -> None:
    """Keep unmatched completions from being kept until the transaction ends, where holders are learned."""
    await conn.execute(QUERIES["share_identities"], _IDENTITIES)


async def find_candidates(conn: Connection, learners: Sequence[Learner]) -> list[list[Candidate]]:
    """Return for each learner, in order, the holders who have something that it names."""
    found: list[list[Candidate]] = [[] for _ in learners]
    keys = [keys_of(learner) for learner in learners]
    rows = await conn.fetch(
        QUERIES["find_candidates"],
        [key.external for key in keys],
        [key.email for key in keys],
        [key.account for key in keys],
        [learner.holder_id for learner in learners],
    )
    for row in rows:
        found[row["place"] - 1].append(Candidate(row["id"], row["leads_to"], row["external_key"]))
    return found


async def insert_completions(
    conn: Connection, reports: Sequence[tuple[UUID, CompletionRecorded, UUID | Unmatched]], now: datetime
) -> set[UUID]:
    """Keep those reports that are not there yet, each with its id and its holder or why there is none.

    Returns the ids of these. Two reports of one id must not be among them.
    """
    rows = [_row(of, report, holder, now) for of, report, holder in reports]
    new = {row["id"] for row in await conn.fetch(QUERIES["insert_completions"], json.dumps(rows))}
    _SAVED()
    return new


async def lock_completions(conn: Connection, ids: Collection[UUID]) -> dict[UUID, Kept]:
    """Return completions by id and hold them until the transaction ends."""
    return {row["id"]: _kept(row) for row in await conn.fetch(QUERIES["lock_completions"], list(ids))}


async def assign(conn: Connection, holders: Mapping[UUID, UUID]) -> None:
    """Say whose completions are: by completion, the holder."""
    await conn.execute(QUERIES["assign_completions"], list(holders), list(holders.values()))


async def dismiss(conn: Connection, id: UUID) -> None:
    """Note that an unmatched completion is nobody's here."""
    await conn.execute(QUERIES["dismiss_completion"], id)


async def replace_completion(conn: Connection, id: UUID, report: CompletionRecorded, holder_id: UUID) -> None:
    """Let a completion say what another report said."""
    await conn.execute(
        QUERIES["replace_completion"], id, holder_id, report.course, report.completed_at,
        report.result.value, report.credits, list(report.evidence),
    )  # fmt: skip


async def void_completion(conn: Connection, id: UUID, now: datetime) -> UUID | None:
    """Take a completion back as reported in error; returns its holder where that changes anything."""
    holder_id: UUID | None = await conn.fetchval(QUERIES["void_completion"], id, now)
    return holder_id


async def insert_conflict(conn: Connection, conflict: Contradiction) -> bool:
    """Keep a contradicting report; returns whether it is new."""
    new = await conn.fetchval(
        QUERIES["insert_conflict"], conflict.id, conflict.completion_id, conflict.holder_id,
        conflict.report.model_dump_json(), conflict.reported_at,
    )  # fmt: skip
    return new is not None


async def lock_conflict(conn: Connection, id: UUID) -> Contradiction:
    """Return a contradicting report and hold it until the transaction ends; raises `NotFound`."""
    row = await conn.fetchrow(QUERIES["lock_conflict"], id)
    if row is None:
        raise NotFound(f"There is no conflict {id} between completions.")
    return _conflict(row)


async def conflicts_of(conn: Connection, ids: Collection[UUID]) -> dict[UUID, list[Contradiction]]:
    """Return, by completion, what contradicts it and is not decided."""
    found: dict[UUID, list[Contradiction]] = {}
    for row in await conn.fetch(QUERIES["conflicts_of"], list(ids)):
        found.setdefault(row["completion_id"], []).append(_conflict(row))
    return found


async def decide_conflict(conn: Connection, id: UUID, decision: str, actor: str, now: datetime) -> None:
    """Note which of two reports is right: `kept` or `replaced`."""
    await conn.execute(QUERIES["decide_conflict"], id, decision, actor, now)


async def waiting_for(conn: Connection, holder_ids: Collection[UUID]) -> list[Kept]:
    """Return completions of nobody known that may be of these holders, held until the transaction ends."""
    return [_kept(row) for row in await conn.fetch(QUERIES["waiting_for"], list(holder_ids))]


async def lead_on(conn: Connection, holder_ids: Collection[UUID]) -> set[UUID]:
    """Give what merged holders among these have completed to those whom they lead to; returns both."""
    rows = await conn.fetch(QUERIES["lead_on"], list(holder_ids))
    return {row[side] for row in rows for side in ("from", "into")}


async def leads_to(conn: Connection, holder_id: UUID) -> UUID:
    """Return the holder that an id leads to; raises `NotFound`."""
    found: UUID | None = await conn.fetchval(QUERIES["leads_to"], holder_id)
    if found is None:
        raise NotFound(f"There is no holder {holder_id}.")
    return found


async def keep_account(
    conn: Connection, account: LearnerAccount, holder_id: UUID, actor: str, now: datetime
) -> None:
    """Remember whose an account in a learning system is."""
    await conn.execute(
        QUERIES["keep_account"], account_key(account.home_page, account.name), account.home_page,
        account.name, holder_id, actor, now,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CompletionFilter:
    """Which completions are asked for; what is `None` is not asked."""

    holder_id: UUID | None = None
    unmatched: bool | None = None
    """Only those of which nobody knows whose they are."""
    source: str | None = None
    course: str | None = None
    teams: Collection[str] | None = None
    locations: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A completion with where its holder is, which decides who sees it."""

    completion: Kept
    team: str | None
    location: str | None


async def read_completion(conn: Connection, id: UUID) -> Listed:
    """Return a completion; raises `NotFound`."""
    row = await conn.fetchrow(QUERIES["read_completion"], id)
    if row is None:
        raise NotFound(f"There is no completion {id}.")
    return Listed(_kept(row), row["team"], row["location"])


async def list_completions(
    conn: Connection, asked: CompletionFilter, *, after: UUID | None, limit: int
) -> list[Kept]:
    """Return completions in the order of their ids after one."""
    given = {
        "holder_id": asked.holder_id,
        "unmatched": asked.unmatched or None,
        "source": asked.source,
        "course": asked.course,
        "teams": None if asked.teams is None else sorted(asked.teams),
        "locations": None if asked.locations is None else sorted(asked.locations),
        "after": after,
        "limit": limit,
    }
    return [_kept(row) for row in await TEMPLATES["list_completions"].fetch(conn, given)]


async def forget_holder(conn: Connection, holder_id: UUID, *, consumer: str) -> list[UUID]:
    """Delete the completions and accounts of a holder, and what may be of the holder or could not be read.

    `consumer` is whose parked records may name the holder. Returns the completions that waited for somebody
    to say whose they are. The facts still have to know the holder.
    """
    return [row["id"] for row in await conn.fetch(QUERIES["forget_holder"], holder_id, consumer)]


@dataclass(frozen=True, slots=True)
class Keys:
    """What a learner goes by, in comparison form."""

    external: str | None
    email: str | None
    account: str | None


def keys_of(learner: Learner) -> Keys:
    """Return what a learner goes by, in comparison form."""
    account = learner.account
    return Keys(
        None if learner.external_id is None else external_key(learner.external_id),
        None if learner.email is None else email_key(learner.email),
        None if account is None else account_key(account.home_page, account.name),
    )


def _row(id: UUID, report: CompletionRecorded, holder: UUID | Unmatched, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": str(id),
        "source": report.source,
        "source_id": report.source_id,
        "course": report.course,
        "completed_at": report.completed_at.isoformat(),
        "result": report.result.value,
        "credits": report.credits,
        "evidence": report.evidence,
        "recorded_at": now.isoformat(),
    }
    if isinstance(holder, UUID):
        return row | {"holder_id": str(holder)}
    keys = keys_of(report.learner)
    return row | {
        "unmatched": holder.value,
        "learner": report.learner.model_dump(mode="json", exclude_none=True),
        "external_key": keys.external,
        "email_key": keys.email,
        "account_key": keys.account,
        "learner_id": None if report.learner.holder_id is None else str(report.learner.holder_id),
    }


def _completion(row: "asyncpg.Record") -> Completion:
    return Completion(
        id=row["id"],
        holder_id=row["holder_id"],
        source=row["source"],
        source_id=row["source_id"],
        course=row["course"],
        completed_at=row["completed_at"],
        result=CompletionResult(row["result"]),
        credits=row["credits"],
        evidence=tuple(row["evidence"]),
        recorded_at=row["recorded_at"],
    )


def _kept(row: "asyncpg.Record") -> Kept:
    return Kept(
        id=row["id"],
        source=row["source"],
        source_id=row["source_id"],
        holder_id=row["holder_id"],
        course=row["course"],
        completed_at=row["completed_at"],
        result=CompletionResult(row["result"]),
        credits=row["credits"],
        evidence=tuple(row["evidence"]),
        recorded_at=row["recorded_at"],
        voided_at=row["voided_at"],
        unmatched=None if row["unmatched"] is None else Unmatched(row["unmatched"]),
        learner=None if row["learner"] is None else Learner.model_validate_json(row["learner"]),
    )


def _conflict(row: "asyncpg.Record") -> Contradiction:
    return Contradiction(
        id=row["id"],
        completion_id=row["completion_id"],
        holder_id=row["holder_id"],
        report=CompletionRecorded.model_validate_json(row["report"]),
        reported_at=row["reported_at"],
        decision=row["decision"],
    )
