"""The notifier's parts on a real database and a real SMTP server, with a clock that a test turns."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock, machine_now
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.consuming.waiting import waiting_loop
from licet_chassis.database import Database
from licet_chassis.loops import Loop
from licet_events import Event, EventData
from licet_events.credentials import CredentialCreated, CredentialState, Origin
from licet_events.holders import HolderRegistered
from licet_events.notifications import NotificationEvent
from licet_notifier.consumers import notifier_consumer
from licet_notifier.digests.commands import begin_digests
from licet_notifier.enrolment_mails.commands import begin_enrolment_mails
from licet_notifier.enrolment_mails.resuming import resume_enrolment_mails
from licet_notifier.mail.message import Skeleton
from licet_notifier.mail.transport import MailTransport, SmtpServer, TransportLimits
from licet_notifier.mail.trouble import ServerTrouble
from licet_notifier.notifications.beginning import begin_mails
from licet_notifier.notifications.delivery import Delivery, Post
from licet_notifier.notifications.links import Links
from licet_notifier.notifications.model import Deployment
from licet_notifier.notifications.resuming import resume_mails, resuming_loop
from licet_notifier.notifications.retry import RetryPolicy
from support.mailing.cases import MORNING, credential_state, event, holder_state
from support.publishing import published_event

LIMITS = TransportLimits(connections=4, connect_timeout=5, command_timeout=5, final_timeout=5)
RETRY = RetryPolicy(first=timedelta(milliseconds=1), longest=timedelta(milliseconds=5), attempts=6)


class TurnedClock(BusinessClock):
    """Business time as the test says."""

    def __init__(self, now: datetime) -> None:
        super().__init__(movable=False)
        self.at = now

    def now(self) -> datetime:
        return self.at


@dataclass
class Office:
    """One notifier."""

    database: Database
    clock: TurnedClock
    dispatcher: Dispatcher
    delivery: Delivery
    resuming: Loop
    post: Post

    async def read(self, *data: EventData | Event[Any]) -> None:
        """Carry out events as the consumer does, in one batch."""
        async with self.database.transaction(Cause.new("service:test")) as tx:
            for item in data:
                await self.dispatcher.dispatch(tx, item if isinstance(item, Event) else event(item))

    async def employ(self, **changes: Any) -> tuple[UUID, CredentialState]:
        """Enter a holder with a manager and a licence; returns the holder's id and the licence."""
        holder_id, manager_id = uuid4(), uuid4()
        licence = credential_state(uuid4(), holder_id)
        await self.read(
            HolderRegistered(holder=holder_state(manager_id, name="Max Leiter", email="max@example.org")),
            HolderRegistered(holder=holder_state(holder_id, manager_id=manager_id, **changes)),
            CredentialCreated(credential=licence, origin=Origin.API),
        )
        return holder_id, licence

    async def deliver(self) -> None:
        """Deliver until nothing is pending at this business time, retries included."""
        while await self.resuming.step() or await self.delivery.step() or await self._leaving():
            pass

    async def _leaving(self) -> bool:
        rows = await self.rows("state = 'pending' and not_before <= $1", self.clock.at)
        return bool(rows)

    async def rows(self, condition: str = "true", *arguments: Any) -> list[dict[str, Any]]:
        """Return notifications as they are in the table."""
        async with self.database.reading() as conn:
            found = await conn.fetch(
                f"select * from notifications where {condition} order by told, id", *arguments
            )
        return [dict(row) for row in found]

    async def published(self) -> list[Event[NotificationEvent]]:
        """Return what is in the outbox, in order."""
        async with self.database.reading() as conn:
            rows = await conn.fetch("select * from outbox order by id")
        return [published_event(row) for row in rows]

    async def try_waiting(self, patience: timedelta = timedelta(minutes=15)) -> None:
        """Try everything that waits again, as if its rest were over."""
        async with self.database.reading() as conn:
            await conn.execute("update waiting set next_try = now() - interval '1 second'")
        loop = waiting_loop([self.dispatcher], self.database, self.clock, "notifier", patience)
        async with self.database.reading() as conn:
            waiting = await conn.fetchval("select count(*) from waiting")
        for _ in range(waiting):
            await loop.step()

    async def lose_leases(self) -> None:
        """Let the leases of all mails under way run out, as after a crash."""
        async with self.database.reading() as conn:
            await conn.execute(
                "update notifications set lease_until = $1 where state = 'sending'",
                machine_now() - timedelta(seconds=1),
            )


@asynccontextmanager
async def open_office(
    database_url: str,
    smtp_url: str,
    *,
    limits: TransportLimits = LIMITS,
    retry: RetryPolicy = RETRY,
    fallback: str | None = "fallback@example.org",
    links: Links | None = None,
) -> AsyncIterator[Office]:
    """Open a notifier on a migrated database."""
    database = await Database.open(database_url, service="notifier")
    clock = TurnedClock(MORNING)
    deployment = Deployment("UTC", fallback, links=links)
    server = SmtpServer.of_url(smtp_url)
    trouble = ServerTrouble(server.name, first_pause=0.01, longest_pause=0.02)
    async with MailTransport.open(server, limits, trouble=trouble) as transport:
        skeleton = Skeleton(sender="licet@example.org", sender_name="Licet", reply_to=None)
        post = Post(transport, skeleton, deployment, retry)
        delivery = Delivery(
            database,
            clock,
            post,
            actor="service:notifier",
            kinds=(begin_mails, begin_enrolment_mails, begin_digests),
        )
        resuming = resuming_loop(
            database,
            clock,
            deployment,
            actor="service:notifier",
            kinds=(resume_mails, resume_enrolment_mails),
        )
        dispatcher = Dispatcher(notifier_consumer(deployment), database, clock, "notifier")
        try:
            yield Office(database, clock, dispatcher, delivery, resuming, post)
        finally:
            await delivery.drain(5)
            await database.close()
