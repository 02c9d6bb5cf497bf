"""Taking in an action on many, and carrying it out on one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_certifications.bulk import store
from licet_certifications.bulk.model import (
    MOST,
    Asker,
    Enrol,
    HolderFilter,
    Job,
    Kind,
    Migrate,
    Outcome,
    Result,
    Wanted,
)
from licet_certifications.bulk.reading import Line
from licet_certifications.bulk.store import Claimed
from licet_certifications.enrolments import commands as enrolments
from licet_certifications.enrolments.model import Entry
from licet_certifications.facts.identity import external_key
from licet_certifications.programmes import store as programmes
from licet_certifications.programmes.model import VersionState
from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, Invalid, Refused
from licet_events.enrolments import EnrolmentStage
from licet_events.ids import uuid7


@dataclass(frozen=True, slots=True)
class TakeIn:
    """Enrolling many, as it was asked for."""

    enrol: Enrol
    dry_run: bool
    asker: Asker
    request: Mapping[str, Any]
    """As it is shown."""


async def enrol_holders(
    tx: Transaction,
    command: TakeIn,
    programme: str,
    wanted: HolderFilter | Sequence[UUID],
    *,
    now: datetime,
) -> Job:
    """Keep holders to be enrolled in a programme; whom a filter finds is settled here.

    Raises `NotFound` for an unknown programme, and `Invalid` where there are too many.
    """
    await programmes.read_programme(tx.conn, programme)
    if isinstance(wanted, HolderFilter):
        ids = await store.find_holders(tx.conn, wanted, command.asker, MOST + 1)
        if len(ids) > MOST:
            raise Invalid(
                f"The filter finds more than {MOST:,} holders, which is the most at once; narrow it.",
                pointer="/filter",
            )
    else:
        ids = sorted(set(wanted))
    return await _take_in(tx, command, [Wanted(holder_id, programme) for holder_id in ids], now)


async def enrol_lines(tx: Transaction, command: TakeIn, lines: Sequence[Line], *, now: datetime) -> Job:
    """Keep the rows of a file to be worked off; what is wrong with a row is told with it."""
    keys = {line.external_id: external_key(line.external_id) for line in lines if line.external_id}
    called = await store.holders_called(tx.conn, list(keys.values()))
    rows = []
    for line in lines:
        found = {line.holder_id} if line.external_id is None else called.get(keys[line.external_id], set())
        if line.fault is not None:
            rows.append(Wanted(None, line.programme, line.fault))
        elif len(found) != 1:
            many = "several holders have" if found else "no holder has"
            rows.append(Wanted(None, line.programme, f"The external_id names nobody for sure: {many} it."))
        else:
            rows.append(Wanted(next(iter(found)), line.programme))
    return await _take_in(tx, command, rows, now)


async def migrate_enrolments(
    tx: Transaction, migrate: Migrate, asker: Asker, *, dry_run: bool, now: datetime
) -> Job:
    """Keep every open enrolment on another version to be moved; raises `NotFound` and `Conflict`."""
    version = await programmes.read_version(tx.conn, migrate.programme, migrate.number)
    if version.state is not VersionState.PUBLISHED:
        raise Conflict(
            f"Version {migrate.number} of {migrate.programme} is {version.state}; enrolments move to a "
            "published one."
        )
    job_id = uuid7()
    request = {"programme": migrate.programme, "number": migrate.number}
    await store.insert_job(tx.conn, job_id, Kind.MIGRATE, request, asker, dry_run=dry_run, now=now)
    await store.insert_enrolments(tx.conn, job_id, migrate.programme, migrate.number)
    await store.finish_job(tx.conn, job_id, now)
    return await store.read_job(tx.conn, job_id, asker)


async def cancel_job(tx: Transaction, job_id: UUID, asker: Asker, *, now: datetime) -> Job:
    """End a job after the row in hand; what is done stays. Raises `Conflict` once it has ended."""
    job = await store.read_job(tx.conn, job_id, asker)
    if not await store.cancel_job(tx.conn, job_id, now):
        raise Conflict(f"The bulk action has ended already; it is {job.state}.")
    return await store.read_job(tx.conn, job_id, asker)


class _OnlyTried(Exception):
    """Takes back what a dry run did."""


async def act_on_one(tx: Transaction, row: Claimed, now: datetime) -> Result:
    """Carry the action out on one row by the command that a single request takes.

    What is refused, or only tried, is taken back, with its events; the transaction goes on.
    """
    result = Result(Outcome.FAILED)
    try:
        async with tx.conn.transaction():
            result = await _carried_out(tx, row, now)
            if row.dry_run:
                raise _OnlyTried
    except _OnlyTried:
        return result
    except Refused as refused:
        return Result(Outcome.REFUSED, refused.detail)
    return result


async def _carried_out(tx: Transaction, row: Claimed, now: datetime) -> Result:
    if row.kind is Kind.MIGRATE:
        assert row.enrolment_id is not None  # noqa: S101  # rows of a migration are enrolments
        enrolment = await enrolments.move_to_version(
            tx, row.enrolment_id, int(row.request["number"]), now=now
        )
    else:
        enrolment = await enrolments.open_enrolment(
            tx,
            row.holder_id,
            row.programme,
            entry=Entry(row.request["entry"]),
            now=now,
            note=row.request.get("note"),
            by=row.asker,
        )
    shown = await enrolments.read(tx.conn, enrolment.state.id, now=now)
    status, _ = shown.enrolment.at(now)
    done = shown.enrolment.state.stage is EnrolmentStage.COMPLETED or shown.progress.complete
    return Result(
        Outcome.DONE,
        # A dry run takes the new enrolment back, so its id would lead nowhere.
        enrolment_id=None if row.dry_run else enrolment.state.id,
        status=status.value,
        complete=done,
        missing=() if done else shown.progress.missing,
    )


async def _take_in(tx: Transaction, command: TakeIn, rows: Sequence[Wanted], now: datetime) -> Job:
    job_id = uuid7()
    request = {
        **command.request,
        "entry": command.enrol.entry.value,
        **({} if command.enrol.note is None else {"note": command.enrol.note}),
    }
    await store.insert_job(
        tx.conn, job_id, Kind.ENROL, request, command.asker, dry_run=command.dry_run, now=now
    )
    await store.insert_rows(tx.conn, job_id, rows)
    await store.finish_job(tx.conn, job_id, now)
    return await store.read_job(tx.conn, job_id, command.asker)
