"""The scheduler's database as a test uses it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg

from licet_chassis.cause import Cause
from licet_chassis.database import Database, Transaction
from licet_events import Event, EventData
from licet_events.credentials import CredentialMoved, CredentialState
from licet_events.enrolments import EnrolmentState
from licet_events.holders import HolderState
from licet_events.waivers import WaiverState
from licet_scheduler.timers import commands
from support.publishing import published_event
from support.scheduling.states import named

ENTRY = datetime(2026, 9, 1, tzinfo=UTC)


class Scheduler:
    """The scheduler's database, and what one does with it."""

    def __init__(self, database: Database, url: str) -> None:
        self.database = database
        self.url = url

    async def learn(
        self, *states: CredentialState, moved: Sequence[CredentialMoved] = (), now: datetime = ENTRY
    ) -> None:
        async with self._transaction() as tx:
            await commands.apply_credentials(tx, states, moved, now=now)

    async def apply_waivers(self, *states: WaiverState, now: datetime = ENTRY) -> None:
        async with self._transaction() as tx:
            await commands.apply_waivers(tx, states, now=now)

    async def apply_enrolments(self, *states: EnrolmentState, now: datetime = ENTRY) -> None:
        async with self._transaction() as tx:
            await commands.apply_enrolments(tx, states, now=now)

    async def end(self, *moved: CredentialMoved, now: datetime = ENTRY) -> None:
        await self.learn(moved=moved, now=now)

    async def apply_holders(self, *holders: HolderState, now: datetime = ENTRY) -> None:
        async with self._transaction() as tx:
            await commands.apply_holders(tx, holders, now=now)

    async def decide(self, now: datetime, limit: int = 500) -> int:
        async def work(tx: Transaction) -> int:
            return await commands.decide_due(tx, limit=limit, now=now)

        return await self.database.run(Cause.new("service:scheduler"), work)

    async def decide_all(self, now: datetime, limit: int = 500) -> None:
        while await self.decide(now, limit):
            pass

    async def published(self) -> list[Event[Any]]:
        rows = await self.rows("select record_key, headers, value from outbox order by id")
        return [published_event(row) for row in rows]

    async def told(self) -> list[EventData]:
        return [event.data for event in await self.published()]

    async def due(self, name: object = "credential") -> datetime | None:
        rows = await self.rows("select due_at from timers where credential_id = $1", named(name))
        due: datetime | None = rows[0]["due_at"]
        return due

    async def rows(self, sql: str, *arguments: object) -> list["asyncpg.Record"]:
        async with self.database.reading() as conn:
            return await conn.fetch(sql, *arguments)

    def _transaction(self) -> Any:
        return self.database.transaction(Cause.new("service:scheduler"))
