"""Writing many rows by COPY while the next ones are made."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from licet_chassis.connection import Connection


class Copying:
    """Copies rows into one table after the other; PostgreSQL writes them while the next ones are made.

    `async with Copying(conn) as copying`: until the block ends, nothing else may use the connection. An
    error with rows is raised by the next `take`, or at the end of the block.
    """

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._writing: asyncio.Task[str] | None = None

    async def take(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Send rows, once those before are written; returns as soon as they are on their way."""
        await self._written()
        if not rows:
            return
        sent = asyncio.Event()
        self._writing = asyncio.create_task(
            self._conn.copy_records_to_table(table, columns=columns, records=_telling(rows, sent))
        )
        self._writing.add_done_callback(lambda _: sent.set())
        await sent.wait()

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self._written()
        elif self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])


def _telling(rows: Iterable[Sequence[Any]], sent: asyncio.Event) -> Iterator[Sequence[Any]]:
    # The driver asks for a further row when it has taken the last, and then sends them all at once.
    yield from rows
    sent.set()
