"""Programmes and their versions in the database."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from licet_certifications.programmes.model import Definition, Programme, Version, VersionState
from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries

if TYPE_CHECKING:
    import asyncpg

QUERIES = load_queries(__package__)


async def insert_programme(conn: Connection, programme: Programme) -> bool:
    """Keep a new programme; returns whether its code was free."""
    code = await conn.fetchval(
        QUERIES["insert_programme"], programme.code, programme.version, programme.name,
        programme.credential_type, programme.created_at, programme.updated_at,
    )  # fmt: skip
    return code is not None


async def update_programme(conn: Connection, programme: Programme) -> None:
    """Write a programme as it is now."""
    await conn.execute(
        QUERIES["update_programme"], programme.code, programme.version, programme.name,
        programme.credential_type, programme.updated_at,
    )  # fmt: skip


async def read_programme(conn: Connection, code: str) -> Programme:
    """Return a programme; raises `NotFound`."""
    return _programme(await conn.fetchrow(QUERIES["read_programme"], code), code)


async def lock_programme(conn: Connection, code: str) -> Programme:
    """Return a programme and hold it with its versions until the transaction ends; raises `NotFound`."""
    return _programme(await conn.fetchrow(QUERIES["lock_programme"], code), code)


async def list_programmes(conn: Connection, after: str | None, limit: int) -> list[Programme]:
    """Return programmes in order of codes after `after`."""
    rows = await conn.fetch(QUERIES["list_programmes"], after, limit)
    return [_programme(row, row["code"]) for row in rows]


async def lock_page(conn: Connection, after: str | None, limit: int) -> list[Programme]:
    """Return programmes in order of codes after `after` and hold them until the transaction ends."""
    rows = await conn.fetch(QUERIES["page_programmes"], after, limit)
    return [_programme(row, row["code"]) for row in rows]


async def missing_programmes(conn: Connection, codes: Sequence[str]) -> list[str]:
    """Return those of some codes that are no programme's."""
    return [row["code"] for row in await conn.fetch(QUERIES["missing_programmes"], list(codes))]


async def save_version(conn: Connection, version: Version) -> None:
    """Write a version as it is now."""
    await conn.execute(
        QUERIES["save_version"], version.programme, version.number, version.version, version.state.value,
        version.definition.model_dump_json(), version.created_at, version.updated_at, version.published_at,
        version.retired_at,
    )  # fmt: skip


async def read_version(conn: Connection, programme: str, number: int) -> Version:
    """Return a version; raises `NotFound`."""
    row = await conn.fetchrow(QUERIES["read_version"], programme, number)
    if row is None:
        await read_programme(conn, programme)
        raise NotFound(f"Programme {programme} has no version {number}.")
    return _version(row)


async def read_versions(
    conn: Connection, wanted: Iterable[tuple[str, int]]
) -> Mapping[tuple[str, int], Version]:
    """Return versions by (programme, number); what there is not is left out."""
    pairs = list(wanted)
    rows = await conn.fetch(
        QUERIES["read_versions"], [programme for programme, _ in pairs], [number for _, number in pairs]
    )
    return {(row["programme"], row["number"]): _version(row) for row in rows}


async def newest_published(conn: Connection, programme: str) -> Version | None:
    """Return the version that new enrolments use; `None` where none is published."""
    row = await conn.fetchrow(QUERIES["newest_published"], [programme])
    return None if row is None else _version(row)


async def newest_of(conn: Connection, programmes: Sequence[str]) -> Mapping[str, Version]:
    """Return the versions that new enrolments use, by programme; one without such a version is left out."""
    rows = await conn.fetch(QUERIES["newest_published"], list(programmes))
    return {row["programme"]: _version(row) for row in rows}


async def all_newest_published(conn: Connection) -> list[Version]:
    """Return the version that new enrolments use, of every programme that has one."""
    return [_version(row) for row in await conn.fetch(QUERIES["all_newest_published"])]


async def list_versions(conn: Connection, programme: str, after: int, limit: int) -> list[Version]:
    """Return versions of a programme in order of numbers after `after`."""
    return [_version(row) for row in await conn.fetch(QUERIES["list_versions"], programme, after, limit)]


async def last_number(conn: Connection, programme: str) -> int:
    """Return the highest number of a version; 0 where there is none."""
    number: int = await conn.fetchval(QUERIES["last_number"], programme)
    return number


async def insert_sources(conn: Connection, version: Version) -> None:
    """Let the courses be found that the components of a version stand for."""
    definition = version.definition
    paths = {False: definition.components}
    if definition.recertification is not None:
        paths[True] = definition.path(recertification=True)[0]
    rows = [
        {
            "source": source.source,
            "id": source.id,
            "recertification": recertification,
            "component": component.code,
        }
        for recertification, components in paths.items()
        for component in components
        for source in component.sources
    ]
    await conn.execute(QUERIES["insert_sources"], version.programme, version.number, json.dumps(rows))


async def note_rules(conn: Connection, version: Version, triggers: Sequence[str]) -> None:
    """Let those be found after the commit who have what new rules of entry name already."""
    await conn.execute(QUERIES["note_rules"], version.programme, version.number, list(triggers))


@dataclass(frozen=True, slots=True)
class ComponentOfCourse:
    """A component that a course stands for, in one version that was published."""

    programme: str
    number: int
    recertification: bool
    """Whether on the path of a recertification; a course may be on both."""
    component: str
    programme_created_at: datetime


async def components_of(
    conn: Connection, courses: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], list[ComponentOfCourse]]:
    """Return, by (source, id), the components that courses stand for; an unknown course is left out.

    Enrolments stay on old versions, so those that are retired by now are among them.
    """
    pairs = list(courses)
    rows = await conn.fetch(
        QUERIES["components_of"], [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    )
    found: dict[tuple[str, str], list[ComponentOfCourse]] = {}
    for row in rows:
        component = ComponentOfCourse(
            row["programme"], row["number"], row["recertification"], row["component"], row["created_at"]
        )
        found.setdefault((row["source"], row["id"]), []).append(component)
    return found


def _programme(row: "asyncpg.Record | None", code: str) -> Programme:
    if row is None:
        raise NotFound(f"There is no programme {code}.")
    return Programme(**row)


def _version(row: "asyncpg.Record") -> Version:
    return Version(
        **{
            **row,
            "state": VersionState(row["state"]),
            "definition": _definition(row["definition"]),
        }
    )


@lru_cache(maxsize=256)
def _definition(document: str) -> Definition:
    # Definitions are frozen, and whoever judges many enrolments needs the same few again and again.
    return Definition.model_validate_json(document)
