"""Routes for operators: work left, the clock, parked records, backfill.

Commands of `licet` use them with a token, so they work alike on any deployment, need a scope, are logged, and
need no password of a database. Only what runs before a service does is a command of its own (`migrate`).
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime, timedelta

import structlog
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from licet_chassis.backfill import backfill
from licet_chassis.clock import ClockNotMovable
from licet_chassis.consuming import parked, store
from licet_chassis.http.auth import requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.problems import Conflict, NotFound, Unavailable
from licet_chassis.http.resources import Body
from licet_chassis.process import Process
from licet_chassis.rederiving import count_left, read_progress
from licet_chassis.settings import ServiceSettings
from licet_chassis.zones import installed_edition
from licet_events.event import Instant

_log = structlog.get_logger("licet.operations")

# Parked records are about anybody, and so is what their replay or a backfill does.
_READ = requires("operations:read", everyone=True)
_WRITE = requires("operations:write", everyone=True)


class Work(BaseModel):
    """What a service still has to do."""

    now: datetime
    """Business time."""
    pending: dict[str, int]
    """Work that could be done now, by name. All zero means quiet."""


class ClockState(BaseModel):
    """Business time, and whether there is anything left to do at it."""

    now: datetime
    offset_seconds: float
    set_to: datetime | None
    """The instant that was set last; setting it again changes nothing."""
    next_due_at: datetime | None
    """The next instant after now at which there will be work; null if there is none."""
    pending: dict[str, int]
    """Work that could be done now, by name. All zero means quiet."""
    moved: bool = False


class ClockSetting(Body):
    """The instant to move business time to."""

    now: Instant


class ParkedRecord(BaseModel):
    """A record that could not be handled."""

    id: int
    consumer: str
    topic: str
    partition: int
    offset: int
    partition_key: str
    reason: str
    attempts: int
    parked_at: datetime


class ParkedBytes(ParkedRecord):
    """A parked record with its bytes as text; what is not UTF-8 is escaped."""

    key: str | None
    headers: dict[str, str]
    value: str | None


class TimeZones(BaseModel):
    """By which edition of the time zone database a service's instants were derived."""

    installed: str
    """The edition with which this process runs, such as `2026f`."""
    recorded: str | None
    """By this edition, or a newer one, every stored instant was derived; null: nothing is known."""
    deriving: str | None
    """The edition by which instants are being derived again; null: none."""
    left: dict[str, int]
    """Rows whose instants have not been derived by the installed edition, by kind; empty: none."""


class ReplayOrder(Body):
    """Which parked records' keys to replay; all if `ids` is left out."""

    ids: list[int] | None = None


class ReplayResult(BaseModel):
    """What a replay did."""

    replayed: int
    still_parked: int


def operations_router(settings: ServiceSettings) -> APIRouter:
    """Return the routes that every service has. The clock's are there only where it is movable."""
    router = APIRouter(prefix="/v1", tags=["operations"])

    @router.get("/work", dependencies=[_READ])
    async def show_work(request: Request) -> Work:
        """Show what could be done now: events unsent and unread, waiting work, the service's own."""
        process = _process(request)
        return Work(now=process.runtime.clock.now(), pending=await _pending(process))

    @router.get("/parked", response_model=Page[ParkedRecord], dependencies=[_READ], responses=CSV_TOO)
    async def list_parked(request: Request, page: PageQuery) -> Response:
        """List parked records that were not replayed, oldest first."""

        async def read(asked: PageRequest) -> Page[ParkedRecord]:
            async with _process(request).runtime.database.reading() as conn:
                rows = await store.list_parked(conn, asked.after(int) or 0, asked.limit + 1)
            return page_of(rows, asked.limit, lambda row: row.id, lambda row: ParkedRecord(**asdict(row)))

        return await listed(request, page, read, ParkedRecord)

    @router.get("/parked/{parked_id}", dependencies=[_READ])
    async def show_parked(request: Request, parked_id: int) -> ParkedBytes:
        """Show a parked record with its bytes."""
        async with _process(request).runtime.database.reading() as conn:
            found = await store.find_parked(conn, parked_id)
        if found is None:
            raise NotFound(f"There is no parked record {parked_id}.")
        row, raw = found
        return ParkedBytes(
            **asdict(row),
            key=_text(raw.key),
            headers={name: _text(value) or "" for name, value in raw.headers},
            value=_text(raw.value),
        )

    @router.post("/parked/replay", dependencies=[_WRITE])
    async def replay_parked(request: Request, order: ReplayOrder) -> ReplayResult:
        """Carry out parked records again, oldest first for each key. Safe to repeat."""
        process = _process(request)
        result = await parked.replay(
            process.dispatchers, process.runtime.database, process.runtime.service, order.ids
        )
        return ReplayResult(replayed=result.replayed, still_parked=result.still_parked)

    @router.get("/time-zones", dependencies=[_READ])
    async def show_time_zones(request: Request) -> TimeZones:
        """Show by which edition of the time zone database instants were derived, and what is left."""
        process = _process(request)
        async with process.runtime.database.reading() as conn:
            progress = await read_progress(conn)
            left = await count_left(conn, process.service.derived, progress)
        return TimeZones(
            installed=installed_edition(), recorded=progress.edition, deriving=progress.deriving, left=left
        )

    @router.post("/backfill", dependencies=[_WRITE])
    async def publish_again(request: Request) -> StreamingResponse:
        """Publish the present state of everything again. Safe to repeat, also while everything runs.

        Answers with JSON lines as it goes: `{"source", "published"}` with a running count, and at the
        end `{"done": {source: count}}` or `{"failed": "…"}`.
        """
        return StreamingResponse(_backfill_lines(_process(request)), media_type="application/x-ndjson")

    if settings.clock == "movable":
        _add_clock(router)
    return router


async def _backfill_lines(process: Process) -> AsyncIterator[str]:
    steps: asyncio.Queue[tuple[str, int] | None] = asyncio.Queue()
    runtime = process.runtime
    work = asyncio.create_task(
        backfill(
            process.service.snapshots,
            runtime.database,
            runtime.clock,
            progress=lambda source, count: steps.put_nowait((source, count)),
        )
    )
    work.add_done_callback(lambda _: steps.put_nowait(None))
    try:
        while (step := await steps.get()) is not None:
            yield json.dumps({"source": step[0], "published": step[1]}) + "\n"
        yield json.dumps({"done": await work}) + "\n"
    except Exception as error:  # noqa: BLE001  # the answer has begun; only its lines can report it
        _log.exception("backfill.failed")
        yield json.dumps({"failed": f"{type(error).__name__}; begin again, it is safe to repeat"}) + "\n"
    finally:
        work.cancel()


def _add_clock(router: APIRouter) -> None:
    @router.get("/clock", dependencies=[_READ])
    async def show_clock(request: Request) -> ClockState:
        """Show business time, the next instant due and the work that is left."""
        return await _clock_state(_process(request), moved=False)

    @router.put("/clock", dependencies=[_WRITE])
    async def set_clock(request: Request, setting: ClockSetting) -> ClockState:
        """Move business time forward; the instant that was set last changes nothing."""
        process = _process(request)
        try:
            async with process.runtime.database.reading() as conn:
                moved = await process.runtime.clock.set(conn, setting.now)
        except ClockNotMovable as error:
            raise NotFound(str(error)) from None
        except ValueError as error:
            raise Conflict(str(error)) from None
        return await _clock_state(process, moved=moved)


async def _clock_state(process: Process, *, moved: bool) -> ClockState:
    clock = process.runtime.clock
    return ClockState(
        now=clock.now(),
        offset_seconds=clock.offset / timedelta(seconds=1),
        set_to=clock.set_to,
        next_due_at=await process.next_due(),
        pending=await _pending(process),
        moved=moved,
    )


async def _pending(process: Process) -> dict[str, int]:
    try:
        return await process.pending()
    except KafkaError as error:
        raise Unavailable(
            f"Kafka does not answer ({type(error).__name__}), so nobody knows what is unread; try again.",
            headers={"Retry-After": "1"},
        ) from error


def _process(request: Request) -> Process:
    return request.app.state.process  # type: ignore[no-any-return]  # app.state is untyped


def _text(part: bytes | None) -> str | None:
    return None if part is None else part.decode("utf-8", "backslashreplace")
