"""Enrolments in the database."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from licet_certifications.enrolments.model import Change, Enrolment, Internals, Told, project
from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.failpoints import Failpoint
from licet_chassis.queries import load_queries
from licet_events.credentials import FlagState, RunState
from licet_events.enrolments import (
    ComponentCompleted,
    ComponentStatus,
    ComponentWithdrawn,
    EnrolmentOpened,
    EnrolmentStage,
    EnrolmentState,
    EnrolmentStatusChanged,
)
from licet_events.event import Model

if TYPE_CHECKING:
    import asyncpg

QUERIES = load_queries(__package__)
_LOCKS = 0x656E72  # a class of advisory locks of its own
_SAVED = Failpoint("enrolments.saved")


@dataclass(frozen=True, slots=True)
class Found:
    """An enrolment with where its holder is, which decides who sees it."""

    enrolment: Enrolment
    team: str | None
    location: str | None


@dataclass(frozen=True, slots=True)
class Happened:
    """One entry of an enrolment's history."""

    version: int
    at: datetime
    event: str
    actor: str
    from_status: str | None
    to_status: str
    cause: str
    reason: str | None
    note: str | None
    component: str | None


async def hold_holders(conn: Connection, holder_ids: Collection[UUID]) -> None:
    """Let nobody else open or reconsider enrolments of these holders until the transaction ends."""
    await conn.execute(QUERIES["share_holders"], _LOCKS, list(holder_ids))


async def read_enrolment(conn: Connection, enrolment_id: UUID) -> Found:
    """Return an enrolment; raises `NotFound`."""
    row = await conn.fetchrow(QUERIES["read_enrolment"], enrolment_id)
    if row is None:
        raise NotFound(f"There is no enrolment {enrolment_id}.")
    return Found(_enrolment(row), row["team"], row["location"])


async def read_open_renewal(conn: Connection, state: EnrolmentState) -> Enrolment | None:
    """Return the open recertification that is to renew the credential of an enrolment, if there is one."""
    row = await conn.fetchrow(QUERIES["read_open_renewal"], state.credential_id, state.id)
    return None if row is None else _enrolment(row)


async def lock_of_holders(conn: Connection, holder_ids: Collection[UUID]) -> list[Enrolment]:
    """Return all enrolments of some holders, in the order in which they were opened, and hold them."""
    return [_enrolment(row) for row in await conn.fetch(QUERIES["lock_of_holders"], list(holder_ids))]


async def read_merged(conn: Connection, holder_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return those of some holders who were merged, each with whom it leads to."""
    return {
        row["id"]: row["merged_into"] for row in await conn.fetch(QUERIES["read_merged"], list(holder_ids))
    }


async def lock_of_credentials(
    conn: Connection, credential_ids: Collection[UUID], award_ids: Collection[UUID]
) -> list[Enrolment]:
    """Return the enrolments that led to credentials, or are to renew them, and hold them."""
    rows = await conn.fetch(QUERIES["lock_of_credentials"], list(credential_ids), list(award_ids))
    return [_enrolment(row) for row in rows]


async def lock_page(conn: Connection, after: UUID | None, limit: int) -> list[EnrolmentState]:
    """Return states in order of ids after one, and hold them until the transaction ends."""
    return [each.state for each in await lock_enrolments(conn, after, limit)]


async def lock_enrolments(conn: Connection, after: UUID | None, limit: int) -> list[Enrolment]:
    """Return enrolments in order of ids after one, and hold them until the transaction ends."""
    return [_enrolment(row) for row in await conn.fetch(QUERIES["lock_page"], after, limit)]


async def count_after(conn: Connection, after: UUID | None) -> int:
    """Return how many enrolments come after an id."""
    count: int = await conn.fetchval(QUERIES["count_after"], after)
    return count


async def save(conn: Connection, changes: Sequence[Change]) -> None:
    """Write enrolments as they are now, and what has happened to them."""
    enrolments = [change.enrolment for change in changes]
    await conn.execute(
        QUERIES["save_enrolments"],
        json.dumps([_row(each) for each in enrolments]),
        [each.state.model_dump_json() for each in enrolments],
        [each.internals.model_dump_json() for each in enrolments],
    )
    history = [_history_row(told) for change in changes for told in change.told]
    if history:
        await conn.execute(QUERIES["keep_history"], *map(list, zip(*history, strict=True)))
    _SAVED()


async def list_history(conn: Connection, enrolment_id: UUID, *, after: int, limit: int) -> list[Happened]:
    """Return what has happened to an enrolment, in order, after a version."""
    rows = await conn.fetch(QUERIES["list_history"], enrolment_id, after, limit)
    return [Happened(**row) for row in rows]


async def read_applicant(conn: Connection, holder_id: UUID) -> "asyncpg.Record | None":
    """Return id, active, team, location and targets of a holder; `None` where nobody is known."""
    return await conn.fetchrow(QUERIES["read_applicant"], holder_id)


class CredentialDates(Model):
    """What the validity of a credential follows from, as the facts keep it."""

    runs: tuple[RunState, ...]
    flags: tuple[FlagState, ...]
    voided: bool


async def read_credentials(conn: Connection, holder_id: UUID) -> list[tuple[str, CredentialDates]]:
    """Return the type of each credential of a holder, and what its validity follows from."""
    rows = await conn.fetch(QUERIES["read_credentials"], holder_id)
    return [(row["type"], CredentialDates.model_validate_json(row["facts"])) for row in rows]


async def read_dates(conn: Connection, credential_id: UUID) -> CredentialDates | None:
    """Return what the validity of a credential follows from; `None` where it is not known here."""
    facts = await conn.fetchval(QUERIES["read_dates"], credential_id)
    return None if facts is None else CredentialDates.model_validate_json(facts)


async def forget_holder(conn: Connection, holder_id: UUID) -> list[UUID]:
    """Delete the enrolments of a holder and return their ids."""
    return [row["id"] for row in await conn.fetch(QUERIES["forget_holder"], holder_id)]


def _enrolment(row: "asyncpg.Record") -> Enrolment:
    return Enrolment(
        EnrolmentState.model_validate_json(row["state"]), Internals.model_validate_json(row["internals"])
    )


def _row(enrolment: Enrolment) -> dict[str, Any]:
    """Return what lists filter by, as JSON has it."""
    state, internals = enrolment.state, enrolment.internals
    upcoming = list(_upcoming(enrolment))
    waits = state.waits_for
    return {
        "id": str(state.id),
        "version": state.version,
        "holder_id": str(state.holder_id),
        "programme": state.programme,
        "programme_version": state.programme_version,
        "kind": state.kind,
        "stage": state.stage,
        "status": state.status,
        "upcoming_at": [at.isoformat() for at, _ in upcoming],
        "upcoming": [status for _, status in upcoming],
        "settled_at": internals.settled_at.isoformat(),
        "reason": state.reason,
        "open": enrolment.open,
        "waits_for": None if waits is None else waits.kind,
        "waits_since": None if waits is None else waits.since.isoformat(),
        "lacking": [each.code for each in state.components if each.status is not ComponentStatus.COMPLETED],
        "credential_id": _text(state.credential_id),
        "award_id": None if state.award is None else str(state.award.id),
        "expires_at": None if internals.term is None else internals.term.expires_at.isoformat(),
        "deadline_at": _text(state.deadline_at),
        "window_opens_at": _text(state.window_opens_at),
        "completed_at": _text(state.completed_at),
        "superseded_by": _text(state.superseded_by),
        "previous_enrolment_id": _text(state.previous_enrolment_id),
        "opened_at": state.opened_at.isoformat(),
        "updated_at": state.updated_at.isoformat(),
    }


def _text(value: UUID | datetime | None) -> str | None:
    return None if value is None else str(value)


def _upcoming(enrolment: Enrolment) -> Iterable[tuple[datetime, str]]:
    state = enrolment.state
    if state.stage is EnrolmentStage.COMPLETED and state.superseded_by is None:
        for each in enrolment.internals.ahead:
            yield each.at, project(state.stage, each.validity).value


def _history_row(told: Told) -> tuple[Any, ...]:
    """Return the arguments of `keep_history` for one event, in their order."""
    event = told.event
    state = event.enrolment
    changed = event if isinstance(event, EnrolmentStatusChanged) else None
    cause = event.cause if isinstance(event, EnrolmentOpened | EnrolmentStatusChanged) else None
    manual = told.actor.startswith("user:")
    return (
        state.id,
        state.version,
        changed.effective_at if changed else told.at,
        event.event_type.removeprefix("licet.").removesuffix(".v1"),
        told.actor,
        changed.from_.value if changed else None,
        state.status.value,
        cause.value if cause else "manual" if manual else "automatic",
        changed.reason if changed else event.reason if isinstance(event, ComponentWithdrawn) else None,
        told.note,
        event.component if isinstance(event, ComponentCompleted | ComponentWithdrawn) else None,
    )
