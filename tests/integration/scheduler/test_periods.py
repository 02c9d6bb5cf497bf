"""Periods of schedules are announced once each, and a heartbeat by one instance at a time."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from licet_chassis.cause import Cause
from licet_events.periods import AuditDue, DigestDue, Heartbeat
from licet_scheduler.periods import commands, routes, store
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app
from support.publishing import published_event

ISSUER = Issuer()
WEEKLY = {"kind": "digest", "rule": "FREQ=WEEKLY;BYDAY=MO;BYHOUR=8", "time_zone": "Europe/Berlin"}


async def announce(scheduler, now):
    async def work(tx):
        return await commands.announce_due(tx, now=now)

    return await scheduler.database.run(Cause.new("service:scheduler"), work)


async def published(scheduler):
    async with scheduler.database.reading() as conn:
        return [published_event(row) for row in await conn.fetch("select * from outbox order by id")]


async def test_a_period_is_announced_once_at_its_hour_and_after_a_rest_once_for_all(scheduler):
    app = edge_app(ISSUER, routes.router, database=scheduler.database)
    async with client_of(app, ISSUER.token(scope="scheduler:read scheduler:write")) as client:
        made = await client.put("/v1/schedules/weekly", json=WEEKLY)
        assert (made.status_code, made.json()["version"]) == (201, 1)
        at = datetime.fromisoformat(made.json()["next_at"])
        assert at.astimezone(UTC).hour in {6, 7}

        assert await announce(scheduler, at - timedelta(seconds=1)) == 0
        # Three instances at once.
        assert sum(await asyncio.gather(*(announce(scheduler, at) for _ in range(3)))) == 1
        late = at + timedelta(days=24)
        assert await announce(scheduler, late) == 1
        first, second = await published(scheduler)
        assert (type(first.data), first.data.schedule, first.data.at) == (DigestDue, "weekly", at)
        assert first.data.next_at == second.data.at
        assert second.data.next_at > late
        async with scheduler.database.reading() as conn:
            assert await store.next_due(conn, late) == second.data.next_at

        (shown,) = (await client.get("/v1/schedules")).json()["items"]
        assert datetime.fromisoformat(shown["last_at"]) == second.data.at
        changed = await client.put("/v1/schedules/weekly", json=WEEKLY | {"kind": "audit"})
        assert (changed.status_code, changed.json()["version"]) == (200, 2)
        due = datetime.fromisoformat(changed.json()["next_at"])
        await announce(scheduler, due)
        assert type((await published(scheduler))[-1].data) is AuditDue
        stale = await client.put("/v1/schedules/weekly", json=WEEKLY, headers={"If-Match": '"1"'})
        assert stale.status_code == 412
        assert (await client.delete("/v1/schedules/weekly")).status_code == 204
        assert (await client.delete("/v1/schedules/weekly")).status_code == 404
        for rule in ("FREQ=HOURLY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"):
            refused = await client.put("/v1/schedules/never", json=WEEKLY | {"rule": rule})
            assert refused.json()["errors"][0]["pointer"] == "/rule"


@pytest.mark.parametrize("old", [True, False])
async def test_a_heartbeat_is_published_once_an_interval_whoever_asks(scheduler, old):
    async def beat(tx):
        await commands.beat(tx, timedelta(minutes=5))

    await scheduler.database.run(Cause.new("service:scheduler"), beat)
    if old:
        async with scheduler.database.reading() as conn:
            await conn.execute("update heartbeats set beaten_at = beaten_at - interval '6 minutes'")
    await asyncio.gather(*(scheduler.database.run(Cause.new("service:scheduler"), beat) for _ in range(3)))
    assert [type(event.data) for event in await published(scheduler)] == ([Heartbeat] if old else [])
