"""Finding enrolments in the database, and filters kept under a name."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import to_json

from licet_certifications.register.model import EnrolmentFilter, SavedFilter, Sort
from licet_certifications.visibility import Visibility
from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries, load_templates
from licet_chassis.words import Patterns, search_words
from licet_events import civil
from licet_events.enrolments import EnrolmentStatus
from licet_events.sameness import target_of

if TYPE_CHECKING:
    import asyncpg

QUERIES = load_queries(__package__)
TEMPLATES = load_templates(__package__)

_FILTER = TypeAdapter(EnrolmentFilter)
_FEW = 500
"""Up to so many holders with a word, or enrolments behind time, are looked up first and named to the list. Of
what there is more, a list finds a page quickly by looking at each enrolment as it comes."""


EVERYONE = Visibility()


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a list an enrolment stands: what the list is sorted by, and the enrolment's id."""

    id: UUID
    value: datetime | None = None
    """The instant; `None` where the id is all it is sorted by."""


async def find_enrolments(
    conn: Connection,
    wanted: EnrolmentFilter,
    *,
    now: datetime,
    time_zone: str,
    limit: int,
    sight: Visibility = EVERYONE,
    sort: Sort = Sort.ENTRY,
    after: Position | None = None,
) -> list[Position]:
    """Return where the next enrolments stand that the filter asks for and that are seen, in order.

    Status and ends are those at `now`; days are those of `time_zone`.
    """
    given = await _conditions(conn, wanted, now, time_zone, sight)
    if wanted.status is not None:
        late = await _late(conn, wanted.status, now)
        if len(wanted.status) == 1 and not any(late.values()):
            # One value keeps the index in the order of ids; a list of one, or an alternative, does not.
            given["only_status"] = wanted.status[0].value
        else:
            given |= {"status": [status.value for status in wanted.status]} | late
    given |= {"limit": limit, sort.clause: True, "backwards": sort.backwards or None}
    if after is not None:
        given |= {f"after_{sort.clause}": True, "after": _bound(after.value), "after_id": after.id}
    rows = await TEMPLATES["find_enrolments"].fetch(conn, given)
    return [Position(row["id"], _instant(row.get("key"))) for row in rows]


# asyncpg gives and takes PostgreSQL's infinity as a datetime without a zone; cursors are instants.
_INFINITY = datetime.max  # noqa: DTZ901  # see above
_NEVER = _INFINITY.replace(tzinfo=UTC)


def _instant(value: datetime | None) -> datetime | None:
    return _NEVER if value == _INFINITY else value


def _bound(value: datetime | None) -> datetime | None:
    return _INFINITY if value == _NEVER else value


async def count_by_status(
    conn: Connection,
    wanted: EnrolmentFilter,
    *,
    now: datetime,
    time_zone: str,
    sight: Visibility = EVERYONE,
) -> Mapping[EnrolmentStatus, int]:
    """Return how many enrolments have each status at `now`; what the filter says of statuses is not asked."""
    if replace(wanted, status=None) == EnrolmentFilter() and sight == EVERYONE:
        rows = list(await conn.fetch(QUERIES["count_all"], now))
    else:
        given = await _conditions(conn, wanted, now, time_zone, sight)
        rows = await TEMPLATES["count_enrolments"].fetch(conn, given)
    found = {row["status"]: row["number"] for row in rows}
    return {status: found.get(status.value, 0) for status in EnrolmentStatus}


async def _conditions(
    conn: Connection, wanted: EnrolmentFilter, now: datetime, time_zone: str, sight: Visibility
) -> dict[str, Any]:
    given: dict[str, Any] = {
        "now": now,
        "kind": None if wanted.kind is None else wanted.kind.value,
        "holder_id": wanted.holder_id,
        "team": wanted.team,
        "location": wanted.location,
        "role": None if wanted.role is None else [target_of("role", wanted.role)],
        "teams": sight.teams,
        "locations": sight.locations,
        "lacking": None if wanted.lacking is None else [wanted.lacking],
        "waiting_since": wanted.waiting_since,
        "expires_before": None
        if wanted.expiring_within is None
        else now + timedelta(days=wanted.expiring_within),
        "completed_from": _begin(wanted.completed_from, time_zone),
        "completed_before": None
        if wanted.completed_to is None
        else civil.expires_at(wanted.completed_to, time_zone),
    }
    if wanted.programme is not None:
        codes = list(wanted.programme)
        given |= {"programme": codes[0]} if len(codes) == 1 else {"programmes": codes}
    for number, word in enumerate(search_words(wanted.q), start=1):
        given |= await _meant_by(conn, number, word)
    return given


def _begin(day: date | None, time_zone: str) -> datetime | None:
    return None if day is None else civil.starts_at(day, time_zone)


async def _late(conn: Connection, statuses: Sequence[EnrolmentStatus], now: datetime) -> dict[str, Any]:
    """Return how enrolments are found whose status time has changed and nobody has settled since."""
    rows = await TEMPLATES["late_enrolments"].fetch(conn, {"now": now, "limit": _FEW + 1})
    if len(rows) > _FEW:
        return {"all_late": True}
    return {"late": [row["id"] for row in rows if row["status"] in statuses] or None}


async def _meant_by(conn: Connection, number: int, word: Patterns) -> dict[str, Any]:
    """Return how a word is looked for: in programmes, and in the few holders that have it or in all names."""
    programmes = [row["code"] for row in await conn.fetch(QUERIES["programmes_with"], list(word))]
    rows = await TEMPLATES["holders_with"].fetch(conn, {"word": word, "limit": _FEW + 1})
    given: dict[str, Any] = {f"word_{number}": word, f"programmes_{number}": programmes}
    if len(rows) > _FEW:
        return given | {f"named_{number}": True}
    return given | {f"held_{number}": [row["id"] for row in rows] or None}


async def read_lines(conn: Connection, found: Sequence[Position], *, now: datetime) -> "list[asyncpg.Record]":
    """Return the enrolments that stand there, in order, as they are at `now`."""
    return list(await conn.fetch(QUERIES["read_lines"], [position.id for position in found], now))


async def save_filter(conn: Connection, saved: SavedFilter) -> SavedFilter:
    """Keep a filter under its name, in place of the one that its owner has there; returns what is kept."""
    conditions = {name: value for name, value in asdict(saved.filter).items() if value is not None}
    row = await conn.fetchrow(
        QUERIES["save_filter"], saved.id, saved.owner, saved.name, saved.shared,
        to_json(conditions).decode(), saved.updated_at,
    )  # fmt: skip
    assert row is not None  # noqa: S101  # the statement returns what it writes
    return _saved(row)


async def find_filter(conn: Connection, owner: str, name: str) -> SavedFilter:
    """Return the filter that a name stands for: the owner's, or else a shared one; raises `NotFound`."""
    row = await conn.fetchrow(QUERIES["find_filter"], owner, name)
    if row is None:
        raise NotFound(f"You have no filter {name}, and nobody shares one of that name.")
    return _saved(row)


async def list_filters(
    conn: Connection, owner: str, after: tuple[str, UUID] | None, limit: int
) -> list[SavedFilter]:
    """Return a page of filters that somebody may use, by name."""
    rows = await conn.fetch(QUERIES["list_filters"], owner, *(after or (None, None)), limit)
    return [_saved(row) for row in rows]


async def delete_filter(conn: Connection, owner: str, name: str) -> None:
    """Forget one of somebody's own filters; raises `NotFound`."""
    if await conn.fetchval(QUERIES["delete_filter"], owner, name) is None:
        raise NotFound(f"You have no filter {name} of your own.")


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete the filters that name a holder; call it while the holder's name is still known."""
    await conn.execute(QUERIES["forget_holder"], holder_id)


def _saved(row: "asyncpg.Record") -> SavedFilter:
    return SavedFilter(
        id=row["id"],
        owner=row["owner"],
        name=row["name"],
        shared=row["shared"],
        filter=_FILTER.validate_python(json.loads(row["filter"]), strict=False),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
