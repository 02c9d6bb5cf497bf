"""Deriving instants again from civil dates when a newer edition of the time zone database is installed.

A page is one transaction that also notes how far it came, so a crash repeats nothing and loses nothing. Of
several instances one derives at a time. A process of an older edition, as during a rollout, changes nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from licet_chassis import zones
from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.connection import Connection
from licet_chassis.database import Database, Transaction
from licet_chassis.queries import load_queries

_log = structlog.get_logger("licet.time_zones")
_QUERIES = load_queries("licet_chassis", "rederiving.sql")
_PAGE = 200

TIME_ZONES = "time_zones"
"""Reason code of corrections of instants that a newer edition derives otherwise."""


@dataclass(frozen=True, slots=True)
class Page:
    """What deriving one page again came to."""

    last: UUID | None
    """The id of the last row of the page; `None` if there are no more."""
    changed: int
    """How many rows had instants that differ."""


@dataclass(frozen=True)
class Derived:
    """A kind of rows with instants that follow from civil dates, in the order of their ids."""

    name: str
    derive: Callable[[Transaction, UUID | None, int, datetime], Awaitable[Page]]
    """Derives up to so many rows after the id again, locked, and publishes each that differs."""
    count: Callable[[Connection, UUID | None], Awaitable[int]]
    """Counts the rows after the id."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far instants have been derived again."""

    edition: str | None
    """By which edition, or a newer one, every instant was derived; `None`: nothing is known."""
    deriving: str | None = None
    """The edition by which they are being derived again."""
    source: str | None = None
    after: UUID | None = None
    changed: int = 0

    @property
    def done(self) -> bool:
        """Whether nothing is left to derive by the installed edition."""
        return self.edition is not None and self.edition >= zones.installed_edition()


async def read_progress(conn: Connection) -> Progress:
    """Return how far instants have been derived again."""
    row = await conn.fetchrow(_QUERIES["read_progress"])
    return Progress(None) if row is None else Progress(**row)


async def count_left(conn: Connection, sources: Sequence[Derived], progress: Progress) -> dict[str, int]:
    """Return how many rows have not been derived by the installed edition, by kind."""
    if progress.done:
        return {}
    names = [source.name for source in sources]
    begun = progress.deriving == zones.installed_edition() and progress.source in names
    current = names.index(progress.source or "") if begun else 0
    left = {}
    for number, source in enumerate(sources):
        if number >= current:
            after = progress.after if begun and number == current else None
            left[source.name] = await source.count(conn, after)
    return left


class Rederiving:
    """Derives all instants of a service again, page by page, if the installed edition is a newer one."""

    def __init__(
        self, sources: Sequence[Derived], database: Database, clock: BusinessClock, *, page_size: int = _PAGE
    ) -> None:
        self._sources = tuple(sources)
        self._database = database
        self._clock = clock
        self._page_size = page_size

    async def step(self) -> bool:
        """Derive one page; returns whether there may be more."""
        async with self._database.reading() as conn:
            if (await read_progress(conn)).done:
                return False
        return await self._database.run(Cause.new(f"service:{self._database.service}"), self._derive)

    async def _derive(self, tx: Transaction) -> bool:
        await tx.conn.execute(_QUERIES["ensure_progress"])
        row = await tx.conn.fetchrow(_QUERIES["lock_progress"])
        if row is None:
            return False  # another instance derives
        progress, edition = Progress(**row), zones.installed_edition()
        if progress.done:
            return False
        if progress.deriving != edition:
            if progress.deriving is not None and progress.deriving > edition:
                return False  # a process of a newer edition has begun
            _log.info(
                "time_zones.deriving",
                service=self._database.service,
                found=progress.edition,
                installed=edition,
            )
            progress = Progress(progress.edition, edition)
        names = [source.name for source in self._sources]
        number = names.index(progress.source) if progress.source in names else 0
        after = progress.after if progress.source in names else None
        if self._sources:
            page = await self._sources[number].derive(tx, after, self._page_size, self._clock.now())
            changed = progress.changed + page.changed
            if page.last is None:
                number += 1
            if number < len(self._sources):
                await _save(tx.conn, Progress(progress.edition, edition, names[number], page.last, changed))
                return True
            progress = Progress(progress.edition, changed=changed)
        await _save(tx.conn, Progress(edition, changed=progress.changed))
        _log.info(
            "time_zones.derived", service=self._database.service, edition=edition, changed=progress.changed
        )
        return False


async def _save(conn: Connection, progress: Progress) -> None:
    await conn.execute(
        _QUERIES["save_progress"],
        progress.edition,
        progress.deriving,
        progress.source,
        progress.after,
        progress.changed,
    )
