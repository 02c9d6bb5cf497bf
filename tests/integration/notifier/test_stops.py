"""Stops: what falls into one is held, and told once or dropped when the operator says so."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio

from licet_chassis.cause import Cause
from licet_events.civil import starts_at
from licet_events.credentials import CredentialRenewed
from licet_events.notifications import NotificationSent, NotificationSkipped
from licet_notifier.restraint import routes
from licet_notifier.restraint.commands import stop_mails
from licet_notifier.restraint.model import Scope, Stop
from licet_notifier.restraint.store import lock_restraint
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app
from support.mailing.cases import EXPIRES_ON, ZONE, event, expiring, renewed
from support.mailing.office import open_office

ISSUER = Issuer()


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url) as opened:
        yield opened


@asynccontextmanager
async def operator(office, **claims):
    app = edge_app(ISSUER, routes.router, database=office.database, clock=office.clock)
    token = ISSUER.token(**({"scope": "notifications:read notifications:write"} | claims))
    async with client_of(app, token) as client:
        yield client


def outcomes(rows):
    return sorted((row["told"], row["state"], row["reason"]) for row in rows)


async def test_a_stop_of_a_team_holds_its_mails_and_no_others(office, smtp):
    _, northern = await office.employ(team="north", email="nora@example.org")
    _, southern = await office.employ(team="south")
    async with operator(office) as client:
        asked = {"scope": {"team": "North"}, "reason": "the team moves house"}
        counted = await client.post("/v1/stop", json=asked | {"dry_run": True})
        assert (counted.status_code, counted.json()["id"], counted.json()["waiting"]) == (200, None, 0)
        assert (await client.get("/v1/stop")).json() == {"stopped": False, "items": []}
        await office.read(event(expiring(northern)), event(expiring(southern)))
        stopped = await client.post("/v1/stop", json=asked)
        assert (stopped.status_code, stopped.json()["waiting"]) == (201, 2)
        again = await client.post("/v1/stop", json=asked)
        assert again.status_code == 409
        assert stopped.json()["id"] in again.json()["detail"]

        await office.deliver()
        assert {mail.recipient for mail in smtp.messages} == {"ada@example.org", "max@example.org"}
        held = await office.rows("state = 'held'")
        assert {str(row["stop_id"]) for row in held} == {stopped.json()["id"]}
        (shown,) = (await client.get("/v1/stop")).json()["items"]
        assert (shown["held"], shown["waiting"], shown["reason"]) == (2, 0, "the team moves house")

        # Two more steps come while it lasts: only the last of them is told when it ends.
        for step in (7, 0):
            office.clock.at = starts_at(EXPIRES_ON - timedelta(days=step), ZONE) + timedelta(hours=10)
            await office.read(event(expiring(northern, step)))
            await office.deliver()
        counted = await client.post("/v1/resume", json={"held": "release", "dry_run": True})
        assert (counted.json()["count"], counted.json()["dry_run"]) == (6, True)
        released = await client.post("/v1/resume", json={"held": "release"})
        assert (released.status_code, released.json()["count"]) == (200, 6)
        assert (await client.post("/v1/resume", json={"held": "release"})).status_code == 409
    smtp.messages.clear()
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == ["max@example.org", "nora@example.org"]
    rows = await office.rows("holder_id = $1", northern.holder_id)
    assert outcomes(rows) == [
        ("holder", "sent", "due"),
        *[("holder", "skipped", "superseded")] * 2,
        ("manager", "sent", "due"),
        *[("manager", "skipped", "superseded")] * 2,
    ]


async def test_a_stop_waits_for_mails_that_are_being_begun_and_holds_all_after_them(office):
    async def stop():
        async with office.database.transaction(Cause.new("user:boss")) as tx:
            await stop_mails(tx, Stop.begin(Scope(), "a race", "user:boss", office.clock.at))

    async with office.database.transaction(Cause.new("service:notifier")) as beginning:
        assert (await lock_restraint(beginning.conn)).stops == ()
        stopping = asyncio.create_task(stop())
        done, _ = await asyncio.wait({stopping}, timeout=0.3)
        assert not done  # mails that are being begun saw no stop, so it must not be answered before them
    await stopping
    async with office.database.transaction(Cause.new("service:notifier")) as beginning:
        assert [each.reason for each in (await lock_restraint(beginning.conn)).stops] == ["a race"]


async def test_what_no_longer_applies_is_not_told_when_a_stop_ends(office, smtp):
    _, licence = await office.employ()
    await office.read(event(expiring(licence)))
    async with operator(office) as client:
        assert (await client.post("/v1/stop", json={"scope": "all", "reason": "audit"})).status_code == 201
        await office.deliver()
        after = renewed(licence)
        await office.read(
            CredentialRenewed(
                credential=after,
                term_id=after.terms[1].id,
                previous_term_id=after.terms[0].id,
                mode="explicit",
            )
        )
        await client.post("/v1/resume", json={"held": "release"})
    await office.deliver()
    assert smtp.messages == []
    assert outcomes(await office.rows()) == [
        ("holder", "skipped", "renewed"), ("manager", "skipped", "renewed"),
    ]  # fmt: skip


async def test_dropped_mails_are_recorded_as_silenced_and_later_ones_are_sent(office, smtp):
    _, licence = await office.employ()
    async with operator(office) as client:
        scope = {"event": "credential.expiring", "type": "FORKLIFT"}
        stopped = (await client.post("/v1/stop", json={"scope": scope, "reason": "wrong dates"})).json()
        await office.read(event(expiring(licence)))
        await office.deliver()
        assert smtp.messages == []
        dropped = await client.post("/v1/resume", json={"held": "drop", "id": stopped["id"]})
        assert dropped.json()["count"] == 2
    await office.deliver()
    assert smtp.messages == []
    assert outcomes(await office.rows()) == [
        ("holder", "skipped", "silenced"), ("manager", "skipped", "silenced"),
    ]  # fmt: skip
    assert [type(each.data) for each in await office.published()] == [NotificationSkipped] * 2
    office.clock.at = starts_at(EXPIRES_ON, ZONE) + timedelta(hours=10)
    await office.read(event(expiring(licence, 0)))
    await office.deliver()
    assert [type(each.data) for each in (await office.published())[2:]] == [NotificationSent] * 2


async def test_mails_rest_on_the_days_that_an_operator_names(office, smtp):
    _, licence = await office.employ()  # it is a Monday morning in Berlin
    async with operator(office) as client:
        before = await client.get("/v1/restraint")
        assert before.json()["quiet_hours"] == {"from": "18:00", "to": "08:00"}
        rules = {"quiet_hours": {"from": "20:00", "to": "06:30"}, "no_send_days": {"weekdays": ["monday"]}}
        changed = await client.put("/v1/restraint", json=rules, headers={"If-Match": before.headers["etag"]})
        assert changed.status_code == 200
        assert changed.json()["no_send_days"] == {"weekdays": ["monday"], "holidays": False}
        assert (await client.get("/v1/restraint")).json() == changed.json()
        stale = await client.put("/v1/restraint", json=rules, headers={"If-Match": before.headers["etag"]})
        assert stale.status_code == 412
    await office.read(event(expiring(licence)))
    await office.deliver()
    assert smtp.messages == []
    (row, _) = await office.rows()
    assert row["not_before"] == starts_at(EXPIRES_ON - timedelta(days=29), ZONE) + timedelta(
        hours=6, minutes=30
    )
    office.clock.at = row["not_before"]
    await office.deliver()
    assert len(smtp.messages) == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("POST", "/v1/stop", {"scope": {"event": "credential.lost"}, "reason": "x"}, "/scope/event"),
        ("POST", "/v1/stop", {"scope": {"team": "north"}}, "/reason"),
        ("POST", "/v1/stop", {"scope": {"group": "north"}, "reason": "x"}, "/scope/group"),
        ("POST", "/v1/resume", {"held": "forget"}, "/held"),
        ("PUT", "/v1/restraint", {"quiet_hours": {"from": "08:00", "to": "08:00"}}, "/quiet_hours"),
        ("PUT", "/v1/restraint", {"quiet_hours": {"from": "8", "to": "25:00"}}, "/quiet_hours/from"),
        (
            "PUT",
            "/v1/restraint",
            {"digests": [{"every": "day"}, {"every": "week", "recipients": ["manager"]}]},
            "/digests/1/recipients",
        ),
        ("PUT", "/v1/restraint", {"digests": [{"every": "day", "at": "07:59"}]}, "/digests/0/at"),
        (
            "PUT",
            "/v1/restraint",
            {"digests": [{"every": "week"}], "no_send_days": {"weekdays": ["monday"]}},
            "/digests/0/weekday",
        ),
        ("PUT", "/v1/restraint", {"daily_cap": 0}, "/daily_cap"),
        (
            "PUT",
            "/v1/restraint",
            {"no_send_days": {"weekdays": [
                "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
            ]}},
            "/no_send_days/weekdays",
        ),
    ],
)  # fmt: skip
async def test_bad_input_is_refused_with_its_place(office, method, path, body, pointer):
    async with operator(office) as client:
        answer = await client.request(method, path, json=body)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_only_tokens_that_see_everyone_stop_and_resume(office):
    async with operator(office, licet_teams=["north"]) as client:
        for path, body in (("stop", {"reason": "x"}), ("resume", {"held": "drop"})):
            assert (await client.post(f"/v1/{path}", json=body)).status_code == 403
    async with operator(office, scope="notifications:read") as client:
        assert (await client.post("/v1/stop", json={"reason": "x"})).status_code == 403
