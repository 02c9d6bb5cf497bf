"""An address whose mails come back is not used again until it changes."""

from datetime import timedelta

import httpx
import pytest_asyncio

from licet_chassis.cause import Cause
from licet_notifier.bounces import routes, store
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app
from support.mailing.cases import expiring
from support.mailing.office import Office, open_office

ISSUER = Issuer()
GONE = """\
From: MAILER-DAEMON@mx.example.org
To: bounces+{id}@example.org
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; {address}
Action: failed
Status: {status}

--B--
"""


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url) as opened:
        yield opened


@pytest_asyncio.fixture
async def http(office):
    app = edge_app(ISSUER, routes.router, database=office.database)
    token = ISSUER.token(scope="notifications:read notifications:write")
    async with client_of(app, token) as client:
        yield client


async def report(http: httpx.AsyncClient, mail: str, kind: str = "message/rfc822") -> httpx.Response:
    return await http.post("/v1/bounces", content=mail.encode(), headers={"Content-Type": kind})


async def sent_to(office: Office, licence, smtp) -> list[str]:
    await office.read(expiring(licence))
    await office.deliver()
    office.clock.at += timedelta(hours=2)  # in the fallback's zone the day has begun
    await office.deliver()
    return sorted(mail.recipient for mail in smtp.messages)


async def test_mails_to_a_bounced_address_go_to_the_fallback_until_the_holder_has_another(office, http, smtp):
    _, licence = await office.employ()
    assert await sent_to(office, licence, smtp) == ["ada@example.org", "max@example.org"]
    row = next(row for row in await office.rows() if row["told"] == "holder")
    mail = GONE.format(id=row["id"].hex, address="rewritten@relay.example.org", status="5.1.1")
    answer = await report(http, mail)
    assert answer.status_code == 200, answer.text
    (bounce,) = answer.json()["bounces"]
    assert (bounce["address"], bounce["hard"]) == ("ada@example.org", True)
    assert bounce["notification_id"] == str(row["id"])
    assert (await report(http, mail)).status_code == 200
    assert len((await http.get("/v1/bounces", params={"hard": True})).json()["items"]) == 1

    smtp.messages.clear()
    _, again = await office.employ()
    assert await sent_to(office, again, smtp) == ["fallback@example.org", "max@example.org"]
    told = [row for row in await office.rows("detour is not null") if row["told"] == "holder"]
    assert [row["detour"] for row in told] == ["holder_bounced"]

    smtp.messages.clear()
    _, other = await office.employ(email="ada.new@example.org")
    assert "ada.new@example.org" in await sent_to(office, other, smtp)

    smtp.messages.clear()
    assert (await http.delete(f"/v1/bounces/{bounce['id']}")).status_code == 204
    assert (await http.delete(f"/v1/bounces/{bounce['id']}")).status_code == 404
    _, last = await office.employ()
    assert "ada@example.org" in await sent_to(office, last, smtp)


async def test_what_is_no_report_or_about_nobody_changes_nothing(office, http):
    await office.employ()
    nobody = GONE.format(id="0" * 32, address="stranger@example.org", status="5.1.1")
    answer = await report(http, nobody)
    assert (answer.status_code, "stranger@example.org" in answer.json()["detail"]) == (422, True)
    assert (await report(http, "Subject: Hello\n\nHello")).status_code == 422
    assert (await report(http, nobody, kind="application/json")).status_code == 415
    soft = GONE.format(id="0" * 32, address="ada@example.org", status="4.2.2")
    assert (await report(http, soft)).json()["bounces"][0]["hard"] is False
    assert (await http.get("/v1/bounces")).json()["items"][0]["status"] == "4.2.2"


async def test_what_bounced_of_an_erased_holder_is_gone(office, http):
    holder_id, _ = await office.employ()
    await report(http, GONE.format(id="0" * 32, address="ada@example.org", status="5.1.1"))
    async with office.database.transaction(Cause.new("user:dpo")) as tx:
        await store.forget_holder(tx.conn, holder_id)
    assert (await http.get("/v1/bounces")).json()["items"] == []
