"""A mail server's own trouble is not the recipient's: it pauses the sending and counts against no mail."""

import asyncio
import time
from datetime import timedelta

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from licet_chassis.cause import Cause
from licet_events.notifications import NotificationFailed, NotificationSent
from licet_notifier.mail.transport import MailTransport, Result, SmtpServer, TransportLimits
from licet_notifier.notifications.commands import forget_holder
from licet_notifier.resending.commands import Failures, resend_failures
from licet_notifier.resending.routes import router as resending_router
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app
from support.mailing.cases import expired, expiring
from support.mailing.office import Office, open_office
from support.mailing.scripted import scripted_server

MESSAGE = b"Subject: hello\r\n\r\nhello\r\n"


@pytest_asyncio.fixture
async def server():
    async with scripted_server() as scripted:
        yield scripted


@pytest_asyncio.fixture
async def office(database_url, server, monkeypatch):
    monkeypatch.setattr("licet_notifier.notifications.delivery.NO_SERVER_FOR", timedelta(0))
    async with open_office(database_url, server.url) as opened:
        yield opened


async def deliver_until(office: Office, done) -> None:
    async with asyncio.timeout(10):
        while not done():
            await office.delivery.step()


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("CONNECT", "554 5.7.1 no service for you"),
        ("EHLO", "550 5.7.1 access denied"),
        ("MAIL", "550 5.1.8 bad outbound sender"),
        ("RCPT", "504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname"),
    ],
)
async def test_trouble_of_the_server_pauses_the_sending_and_uses_no_attempt(office, server, command, answer):
    _, licence = await office.employ()
    await office.read(expiring(licence))
    server.answers[command] = answer
    if command == "EHLO":
        server.answers["HELO"] = answer
    trouble = office.post.transport.trouble

    with capture_logs() as logs:
        await deliver_until(office, lambda: trouble.refusals >= 3)
        await office.delivery.drain(5)
        said = trouble.describe()
        rows = await office.rows()
        assert {row["state"] for row in rows} == {"pending"}
        assert [row["attempts"] - row["uncharged_attempts"] for row in rows] == [0, 0]
        assert await office.published() == []
        server.answers.clear()
        await office.deliver()
    assert said is not None
    assert answer in said
    troubles = [log for log in logs if log["event"] == "mail.server_trouble"]
    assert [answer in log["answer"] for log in troubles] == [True], "said once, with the server's words"
    assert [log["event"] for log in logs if log["event"].endswith("_over")] == ["mail.server_trouble_over"]
    assert {row["state"] for row in await office.rows()} == {"sent"}
    assert len(server.accepted) == 2
    assert trouble.describe() is None


async def test_the_server_is_tried_again_although_no_mail_is_due_any_more(office, server):
    _, licence = await office.employ()
    await office.read(expiring(licence))
    server.answers["CONNECT"] = "554 no"
    await deliver_until(office, lambda: office.post.transport.trouble.answer is not None)
    async with office.database.reading() as conn:
        await conn.execute("delete from notifications")
    server.answers.clear()
    await deliver_until(office, lambda: office.post.transport.trouble.answer is None)
    assert server.accepted == []


async def test_what_may_have_arrived_ends_as_unknown_when_its_occasion_has_passed(office, server):
    _, licence = await office.employ()
    await office.read(expiring(licence, 30))
    async with office.database.reading() as conn:
        await conn.execute("update notifications set unknown_attempts = 1 where told = 'holder'")
    office.clock.at += timedelta(days=31)
    await office.read(expired(licence))
    await office.deliver()
    before = [row for row in await office.rows() if row["state"] != "sent"]
    assert [(row["told"], row["state"], row["reason"]) for row in before] == [
        ("holder", "unknown", "unknown"),
        ("manager", "skipped", "superseded"),
    ]


async def test_failed_mails_are_sent_again_once_on_request(office, server):
    began = office.clock.now()
    for number in range(3):
        _, licence = await office.employ(email=f"ada{number}@example.org")
        await office.read(expiring(licence))
    server.answers["RCPT"] = "550 5.1.1 User unknown"
    await office.deliver()
    failed = await office.rows("state = 'failed'")
    assert {row["smtp_answer"] for row in failed} == {"RCPT: 550 5.1.1 User unknown"}
    server.answers.clear()

    cause = Cause.new("service:test")

    async def ask(*, dry_run: bool, smtp_status: int | None = 550, until=None) -> int:
        failures = Failures(began, until, smtp_status, None, None, None)
        async with office.database.transaction(cause) as tx:
            resent = await resend_failures(tx, failures, dry_run=dry_run, now=office.clock.now())
        return resent.causes.total()

    assert await ask(dry_run=True, smtp_status=551) == 0
    assert await ask(dry_run=True, until=began) == 0
    assert await ask(dry_run=True) == len(failed)
    assert await office.rows("state = 'pending'") == [], "a dry run changes nothing"
    assert await ask(dry_run=False) == len(failed)
    assert await ask(dry_run=False) == 0, "asked twice, it is sent once"
    await office.deliver()
    assert len(server.accepted) == len(failed)
    assert {(row["state"], row["resent"]) for row in await office.rows("resent > 0")} == {("sent", 1)}
    kinds = [type(each.data) for each in await office.published()]
    assert kinds.count(NotificationFailed) == kinds.count(NotificationSent) == len(failed)


async def send_many(url: str, connections: int, mails: int) -> tuple[list[Result], float]:
    limits = TransportLimits(connections=connections, mails_per_connection=1_000)
    began = time.monotonic()
    async with MailTransport.open(SmtpServer.of_url(url), limits) as transport:
        attempts = await asyncio.gather(
            *(transport.send("licet@example.org", f"a{n}@example.org", MESSAGE) for n in range(mails))
        )
    return [attempt.result for attempt in attempts], time.monotonic() - began


async def test_a_server_that_allows_fewer_connections_is_used_with_those(server):
    server.seconds = 0.02
    _, best = await send_many(server.url, 4, 60)
    server.most = 4
    results, seconds = await send_many(server.url, 16, 60)
    assert set(results) == {Result.SENT}
    assert seconds < 1.5 * best + 0.2
    assert server.refused_connections < 20, "it does not go on asking for more"


async def test_a_conversation_that_the_server_has_ended_costs_the_next_mail_nothing(server):
    limits = TransportLimits(connections=1, mails_per_connection=100)
    async with MailTransport.open(SmtpServer.of_url(server.url), limits) as transport:
        assert (await transport.send("licet@example.org", "a@example.org", MESSAGE)).result is Result.SENT
        server.once["MAIL"] = "421 4.4.2 idle for too long"
        assert (await transport.send("licet@example.org", "b@example.org", MESSAGE)).result is Result.SENT
        assert transport.trouble.refusals == 0
    assert len(server.greeted) == 2


async def test_the_client_greets_with_the_name_that_is_set(server):
    limits = TransportLimits(connections=1)
    async with MailTransport.open(
        SmtpServer.of_url(server.url), limits, ehlo_name="licet.corp.example"
    ) as transport:
        await transport.send("licet@example.org", "a@example.org", MESSAGE)
    assert server.greeted == ["licet.corp.example"]


async def test_words_about_an_erased_recipient_are_forgotten(office, server):
    _, licence = await office.employ()
    await office.read(expiring(licence))
    server.recipients["max@example.org"] = "550 5.1.1 <max@example.org>: User unknown"
    await office.deliver()
    (row,) = await office.rows("told = 'manager'")
    assert "max@example.org" in row["smtp_answer"]
    async with office.database.transaction(Cause.new("service:test")) as tx:
        await forget_holder(tx, row["recipient_id"], office.clock.now())
    (row,) = await office.rows("told = 'manager'")
    assert row["smtp_answer"] is None


async def test_one_mail_or_all_failed_ones_are_sent_again_over_http(office, server):
    server.answers["RCPT"] = "550 5.1.1 User unknown"
    _, licence = await office.employ(team="north")
    await office.read(expiring(licence))
    since = office.clock.now().isoformat()
    await office.deliver()
    issuer = Issuer()
    app = edge_app(issuer, resending_router, database=office.database)
    path = f"/v1/notifications/{(await office.rows())[0]['id']}/resend"
    everything = "/v1/notifications/resend"

    async def post(path, body=None, **claims):
        token = issuer.token(**({"scope": "notifications:write"} | claims))
        async with client_of(app, token) as client:
            return await client.post(path, json=body)

    assert (await post(path, licet_teams=["south"])).status_code == 404
    assert (await post(everything, {"failed_since": since}, licet_teams=["south"])).json()["count"] == 0
    answer = await post(everything, {"failed_since": since, "dry_run": True})
    assert answer.json() == {
        "dry_run": True, "count": 2, "more": False,
        "causes": [{"reason": "refused", "smtp_status": 550, "count": 2}],
    }  # fmt: skip
    answer = await post(path)
    assert (answer.status_code, answer.json()["outcome"], answer.json()["attempts"]) == (200, "pending", 0)
    again = await post(path)
    assert (again.status_code, again.json()["detail"]) == (409, "The mail is on its way already.")
    assert (await post(everything, {"failed_since": since})).json()["count"] == 1
