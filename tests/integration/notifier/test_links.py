"""A link in a mail asks on GET and acts on POST, once; then reminders rest, and the last is told after it."""

import re
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio

from licet_chassis.cause import Cause
from licet_chassis.clock import machine_now
from licet_chassis.http.auth import routes_without_scope
from licet_events.civil import starts_at
from licet_events.credentials import CredentialRenewed
from licet_notifier.links import routes, store
from licet_notifier.notifications.links import Links
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app
from support.mailing.cases import EXPIRES_ON, ZONE, event, expired, expiring, renewed
from support.mailing.office import open_office

ISSUER = Issuer()
LINKS = Links("https://licet.test", b"k" * 32)


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url, links=LINKS) as opened:
        yield opened


@asynccontextmanager
async def browser(office, token=None):
    app = edge_app(ISSUER, routes.router, database=office.database, clock=office.clock)
    app.state.post = office.post
    assert routes_without_scope(app) == []
    async with client_of(app, token) as client:
        yield client


def at(days_left):
    return starts_at(EXPIRES_ON - timedelta(days=days_left), ZONE) + timedelta(hours=10)


async def mailed(office, smtp):
    """Tell of 30 days; return the licence, and the paths of the holder's links."""
    _, licence = await office.employ()
    await office.read(event(expiring(licence)))
    await office.deliver()
    mail = next(mail for mail in smtp.messages if mail.recipient == "ada@example.org").message
    text = mail.get_body(("plain",)).get_content() + mail.get_body(("html",)).get_content()
    paths = {
        kind: re.findall(rf"https://licet\.test(/links/{kind}/[A-Za-z0-9_=-]+)", text)[0]
        for kind in ("acknowledge", "snooze")
    }
    smtp.messages.clear()
    return licence, paths


async def remind(office, smtp, licence, step):
    office.clock.at = at(step)
    await office.read(event(expiring(licence, step)))
    await office.deliver()
    told = sorted(mail.recipient for mail in smtp.messages)
    smtp.messages.clear()
    return told


async def test_a_booked_renewal_lets_reminders_rest_and_the_last_one_is_told_after_the_day(office, smtp):
    licence, paths = await mailed(office, smtp)
    booked = EXPIRES_ON - timedelta(days=5)
    async with browser(office) as client:
        for _ in range(3):  # scanners look as often as they like
            page = await client.get(paths["acknowledge"])
            assert page.status_code == 200
            assert "Forklift licence of Ada Beispiel" in page.text
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        for wrong in ("", "tomorrow", "2020-01-01", "2040-01-01"):
            refused = await client.post(paths["acknowledge"], data={"booked_on": wrong})
            assert (refused.status_code, 'role="alert"' in refused.text) == (422, True)
        async with office.database.reading() as conn:
            assert await conn.fetchval("select count(*) from acknowledgements") == 0
        done = await client.post(paths["acknowledge"], data={"booked_on": booked.isoformat()})
        assert (done.status_code, booked.isoformat() in done.text) == (200, True)
        for again in (await client.get(paths["acknowledge"]), await client.post(paths["acknowledge"])):
            assert again.status_code == 410
            assert "Ada" not in again.text
    assert await remind(office, smtp, licence, 7) == []
    rows = await office.rows("state = 'skipped'")
    assert {row["reason"] for row in rows} == {"acknowledged"}
    office.clock.at = starts_at(booked + timedelta(days=1), ZONE) + timedelta(hours=9)
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == ["ada@example.org", "max@example.org"]
    assert {mail.message["Subject"].split(":")[0] for mail in smtp.messages} == {"Ends in 4 days"}
    token = ISSUER.token(scope="notifications:read")
    async with browser(office, token) as client:
        (said,) = (await client.get("/v1/acknowledgements")).json()["items"]
        assert (said["kind"], said["booked_on"], said["by_role"]) == (
            "acknowledged", booked.isoformat(), "holder",
        )  # fmt: skip
    async with browser(office, ISSUER.token(scope="notifications:read", licet_teams=["none"])) as client:
        assert (await client.get("/v1/acknowledgements")).json()["items"] == []


async def test_that_a_credential_has_expired_is_told_all_the_same(office, smtp):
    licence, paths = await mailed(office, smtp)
    async with browser(office) as client:
        day = (EXPIRES_ON + timedelta(days=20)).isoformat()
        assert (await client.post(paths["acknowledge"], data={"booked_on": day})).status_code == 200
    assert await remind(office, smtp, licence, 0) == []
    office.clock.at = at(-1)
    await office.read(event(expired(licence)))
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == ["ada@example.org", "max@example.org"]


async def test_who_snoozes_is_told_later_and_others_as_before(office, smtp):
    licence, paths = await mailed(office, smtp)
    office.clock.at = at(8)
    async with browser(office) as client:
        assert "Remind me again" in (await client.get(paths["snooze"])).text
        assert (await client.post(paths["snooze"], data={"days": "99"})).status_code == 422
        assert (await client.post(paths["snooze"], data={"days": "3"})).status_code == 200
        assert (await client.post(paths["snooze"], data={"days": "3"})).status_code == 410
    assert await remind(office, smtp, licence, 7) == ["max@example.org"]
    office.clock.at = at(5)
    await office.deliver()
    assert [mail.recipient for mail in smtp.messages] == ["ada@example.org"]


@pytest.mark.parametrize("path", ["acknowledge", "snooze"])
async def test_what_is_forged_expired_or_overtaken_does_nothing_and_names_nobody(office, smtp, path):
    licence, paths = await mailed(office, smtp)
    (row,) = await office.rows("told = 'holder'")
    form = {"booked_on": (EXPIRES_ON - timedelta(days=5)).isoformat(), "days": "3"}
    forged = paths[path][:-7] + ("AAAAAAA" if paths[path][-7:] != "AAAAAAA" else "BBBBBBB")
    stranger = Links(LINKS.url, b"x" * 32).token(row["id"], machine_now() + timedelta(days=1))
    late = LINKS.token(row["id"], machine_now() - timedelta(seconds=5))
    unknown = LINKS.token(row["event_id"], machine_now() + timedelta(days=1))
    async with browser(office) as client:
        for link, status in (
            (forged, 404), (f"/links/{path}/{stranger}", 404), (f"/links/{path}/{unknown}", 404),
            (f"/links/{path}/{late}", 410), (f"/links/{path}/x", 404),
        ):  # fmt: skip
            for answer in (await client.get(link), await client.post(link, data=form)):
                assert answer.status_code == status
                assert "Ada" not in answer.text
                assert "Forklift" not in answer.text
        after = renewed(licence)
        await office.read(
            CredentialRenewed(
                credential=after.model_copy(update={"runs": (after.runs[0],)}),
                term_id=after.terms[1].id, previous_term_id=after.terms[0].id, mode="explicit",
            )
        )  # fmt: skip
        assert (await client.post(paths[path], data=form)).status_code == 409
    async with office.database.reading() as conn:
        assert await conn.fetchval("select count(*) from acknowledgements") == 0


async def test_what_was_said_about_an_erased_holder_is_gone_and_who_said_it(office, smtp):
    licence, paths = await mailed(office, smtp)
    async with browser(office) as client:
        await client.post(paths["snooze"], data={"days": "3"})
    async with office.database.transaction(Cause.new("service:test")) as tx:
        await store.forget_holder(tx.conn, licence.holder_id)
        assert await tx.conn.fetchval("select count(*) from acknowledgements") == 0
