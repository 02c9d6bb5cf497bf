"""Mails on a real database and a real SMTP server that misbehaves."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from licet_chassis.cause import Cause
from licet_events.credentials import CredentialRenewed
from licet_events.holders import HolderDeactivated, HolderMerged, HolderUpdated
from licet_events.ids import uuid7
from licet_events.notifications import (
    NotificationFailed,
    NotificationReason,
    NotificationSent,
    NotificationSkipped,
)
from licet_notifier.mail.transport import TransportLimits
from licet_notifier.notifications import store
from licet_notifier.notifications.commands import record_attempts
from licet_notifier.notifications.model import Outcome, State
from licet_notifier.notifications.store import Attempted
from support.mailing.cases import event, expired, expiring, holder_state, renewed
from support.mailing.office import RETRY, Office, open_office


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url) as opened:
        yield opened


def outcomes(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(row["told"], row["state"], row["reason"]) for row in rows]


async def test_holder_and_manager_get_one_mail_each_and_events_report_them(office, smtp):
    holder_id, licence = await office.employ()
    step = event(expiring(licence))
    await office.read(step)
    await office.deliver()

    assert sorted(mail.recipient for mail in smtp.messages) == ["ada@example.org", "max@example.org"]
    assert outcomes(await office.rows()) == [("holder", "sent", "due"), ("manager", "sent", "due")]
    published = await office.published()
    assert [type(each.data) for each in published] == [NotificationSent, NotificationSent]
    for told in published:
        assert told.data.holder_id == holder_id
        assert told.data.event_id == step.id
        assert told.data.smtp_status == 250
        assert told.correlation_id == step.correlation_id
        assert told.causation_id == str(step.id)
        assert told.traceparent is not None
        assert step.traceparent is not None
        assert told.traceparent.split("-")[1] == step.traceparent.split("-")[1]
    mail = smtp.messages[0].message
    assert mail["X-Licet-Correlation-Id"] == step.correlation_id
    assert {part.get_content_type() for part in mail.iter_parts()} == {"text/plain", "text/html"}


async def test_the_same_event_again_sends_nothing(office, smtp):
    _, licence = await office.employ()
    step = event(expiring(licence))
    await office.read(step)
    await office.deliver()
    await office.read(step)
    # As after a loss of the inbox: the decision itself stands.
    async with office.database.reading() as conn:
        await conn.execute("delete from inbox")
    await office.read(step)
    await office.deliver()
    assert len(smtp.messages) == 2
    assert len(await office.published()) == 2


async def test_a_mail_waits_for_the_morning_of_its_recipient(office, smtp):
    office.clock.at -= timedelta(hours=9)
    _, licence = await office.employ()
    await office.read(expiring(licence))
    await office.deliver()
    assert smtp.messages == []
    async with office.database.reading() as conn:
        due = await store.next_leaving(conn, office.clock.at)
        assert await store.count_leaving(conn, office.clock.at) == 0
        assert due is not None
        assert await store.count_leaving(conn, due) == 2
    office.clock.at = due
    await office.deliver()
    assert len(smtp.messages) == 2
    assert smtp.messages[0].message["Date"].datetime == due


async def test_a_mail_whose_recipient_moved_to_another_zone_waits_for_the_morning_there(office, smtp):
    night = office.clock.at - timedelta(hours=9)
    office.clock.at = night
    holder_id, licence = await office.employ()
    await office.read(expiring(licence))
    manager_id = (await office.rows("told = 'manager'"))[0]["recipient_id"]
    moved = holder_state(holder_id, version=2, manager_id=manager_id, time_zone="America/New_York")
    await office.read(HolderUpdated(holder=moved))
    office.clock.at = night + timedelta(hours=9)
    await office.deliver()
    assert [mail.recipient for mail in smtp.messages] == ["max@example.org"]
    (waiting,) = await office.rows("state = 'pending'")
    assert waiting["not_before"] > office.clock.at


async def test_a_renewal_that_was_applied_stops_the_mail_and_says_so(office, smtp):
    _, licence = await office.employ()
    await office.read(expiring(licence))
    after = renewed(licence)
    await office.read(
        CredentialRenewed(
            credential=after,
            term_id=after.terms[1].id,
            previous_term_id=after.terms[0].id,
            mode="explicit",
        )
    )
    await office.deliver()
    assert smtp.messages == []
    assert outcomes(await office.rows()) == [
        ("holder", "skipped", "renewed"),
        ("manager", "skipped", "renewed"),
    ]
    assert [type(each.data) for each in await office.published()] == [NotificationSkipped] * 2


@pytest.mark.parametrize(
    "gone",
    [
        lambda holder: HolderDeactivated(holder=holder, reason="left"),
        lambda holder: HolderMerged(holder=holder, into=uuid7()),
    ],
    ids=["deactivated", "merged"],
)
async def test_no_mail_is_sent_about_a_holder_who_has_left_meanwhile(office, smtp, gone):
    holder_id, licence = await office.employ()
    await office.read(expiring(licence))
    await office.read(gone(holder_state(holder_id, version=2, active=False)))
    await office.deliver()
    assert smtp.messages == []
    assert {row["reason"] for row in await office.rows()} == {"holder_inactive"}


async def test_a_mail_waits_for_a_renewal_that_is_being_applied(office, smtp):
    _, licence = await office.employ()
    await office.read(expiring(licence))
    after = renewed(licence)
    async with office.database.transaction(Cause.new("service:test")) as tx:
        await office.dispatcher.dispatch(
            tx,
            event(
                CredentialRenewed(
                    credential=after,
                    term_id=after.terms[1].id,
                    previous_term_id=after.terms[0].id,
                    mode="explicit",
                )
            ),
        )
        step = asyncio.create_task(office.delivery.step())
        await _someone_waits_for_a_lock(office)
    await step
    assert smtp.messages == []
    assert {row["reason"] for row in await office.rows()} == {"renewed"}


async def test_no_mail_is_started_after_a_renewal_was_applied(office, smtp):
    """The race: each renewal is applied while its mails are begun; a mail is older than it, or absent."""
    licences = []
    for number in range(60):
        _, licence = await office.employ(email=f"ada{number}@example.org")
        await office.read(expiring(licence))
        licences.append(licence)

    async def renew() -> None:
        for licence in reversed(licences):
            after = renewed(licence)
            await office.read(
                CredentialRenewed(
                    credential=after,
                    term_id=after.terms[1].id,
                    previous_term_id=after.terms[0].id,
                    mode="explicit",
                )
            )
            rows = await office.rows("credential_id = $1", licence.id)
            begun.update({row["id"]: row["attempts"] for row in rows if row["state"] != "skipped"})

    begun: dict[object, int] = {}
    await asyncio.gather(renew(), office.deliver())
    await office.deliver()
    rows = {row["id"]: row for row in await office.rows()}
    # What had not been begun when its renewal was committed never was afterwards.
    assert all(rows[key]["attempts"] == attempts for key, attempts in begun.items())
    skipped = [row for row in rows.values() if row["state"] == "skipped"]
    sent = [row for row in rows.values() if row["state"] == "sent"]
    assert len(skipped) + len(sent) == 120
    assert len(smtp.messages) == len(sent)
    assert skipped
    assert sent


async def test_a_later_notice_overtakes_one_that_could_not_leave(office, smtp):
    _, licence = await office.employ()
    await office.read(expiring(licence, 30))
    office.clock.at += timedelta(days=23)
    await office.read(expiring(licence, 7))
    await office.deliver()
    assert len(smtp.messages) == 2
    assert all("7 days" in mail.message["Subject"] for mail in smtp.messages)
    assert sorted(row["reason"] for row in await office.rows()) == ["due", "due", "superseded", "superseded"]


async def test_a_notice_that_arrives_together_with_a_later_one_is_recorded_as_superseded(office, smtp):
    _, licence = await office.employ()
    office.clock.at += timedelta(days=31)
    await office.read(expiring(licence, 0, notify=False), expired(licence))
    await office.deliver()
    assert [mail.message["Subject"].split(":")[0] for mail in smtp.messages] == ["Expired", "Expired"]
    superseded = await office.rows("reason = 'superseded'")
    assert {row["state"] for row in superseded} == {"skipped"}
    assert len(superseded) == 2


async def test_an_event_waits_for_the_version_it_was_decided_on(office, smtp):
    _, licence = await office.employ()
    after = renewed(licence)
    late = event(expiring(after, 30))
    office.clock.at += timedelta(days=366)
    await office.read(late)
    assert await office.rows() == []
    await office.read(
        CredentialRenewed(
            credential=after,
            term_id=after.terms[1].id,
            previous_term_id=after.terms[0].id,
            mode="explicit",
        )
    )
    await office.try_waiting()
    await office.deliver()
    assert len(smtp.messages) == 2


async def test_a_notice_about_an_unknown_credential_is_given_up_with_its_reason(office, smtp):
    _, licence = await office.employ()
    unknown = licence.model_copy(update={"version": 9})
    await office.read(expiring(unknown))
    await office.try_waiting(patience=timedelta(0))
    assert outcomes(await office.rows()) == [("holder", "skipped", "credential_unknown")]
    await office.deliver()
    assert smtp.messages == []
    assert [type(each.data) for each in await office.published()] == [NotificationSkipped]


async def test_a_manager_who_never_becomes_known_is_replaced_by_the_fallback(office, smtp):
    holder_id, licence = await office.employ()
    async with office.database.reading() as conn:
        await conn.execute("delete from holders where id <> $1", holder_id)
    await office.read(expiring(licence))
    assert await office.rows() == []
    await office.try_waiting(patience=timedelta(0))
    office.clock.at += timedelta(hours=1)  # the fallback is in the deployment's zone, UTC
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == ["ada@example.org", "fallback@example.org"]


@pytest.mark.parametrize(
    ("faults", "state", "reason", "accepted", "attempts"),
    [
        (["refuse"], "sent", "due", 1, 1),
        (["mail-4xx"], "sent", "due", 1, 1),
        (["drop-after-dot-refused", "rcpt-5xx"], "unknown", "unknown", 0, 2),
        (["rcpt-4xx", "data-4xx"], "sent", "due", 1, 3),
        (["rcpt-5xx"], "failed", "refused", 0, 1),
        (["data-5xx"], "failed", "refused", 0, 1),
        (["drop-before-data"], "sent", "due", 1, 2),
        (["drop-after-dot-accepted"], "sent", "due", 2, 2),
        (["drop-after-dot-refused"], "sent", "due", 1, 2),
        (["drop-after-dot-accepted"] * 2, "unknown", "unknown", 2, 2),
        (["drop-after-dot-refused"] * 2, "unknown", "unknown", 0, 2),
        (["data-4xx"] * 6, "failed", "gave_up", 0, 6),
    ],
)
async def test_a_mail_is_sent_twice_only_if_smtp_left_the_outcome_unknown(
    office, smtp, monkeypatch, faults, state, reason, accepted, attempts
):
    monkeypatch.setattr("licet_notifier.notifications.delivery.NO_SERVER_FOR", timedelta(0))
    _, licence = await office.employ()
    smtp.misbehave(*faults)
    await office.read(expiring(licence))
    async with office.database.reading() as conn:
        await conn.execute("delete from notifications where told = 'manager'")
    await office.deliver()

    (row,) = await office.rows()
    counted = row["attempts"] - row["uncharged_attempts"]
    assert (row["state"], row["reason"], counted) == (state, reason, attempts)
    assert len(smtp.messages) == accepted
    unknown = sum(fault.startswith("drop-after-dot") for fault in faults)
    assert row["unknown_attempts"] == unknown
    assert accepted <= 1 + unknown
    assert {mail.message["Message-ID"] for mail in smtp.messages} <= {row["message_id"]}
    told = [each.data for each in await office.published()]
    assert [type(data) for data in told] == [NotificationSent if state == "sent" else NotificationFailed]
    assert told[0].reason == reason


async def test_a_crash_after_sending_counts_as_unknown_and_repeats_the_same_message_id(office, smtp):
    _, licence = await office.employ()
    await office.read(expiring(licence))
    async with office.database.reading() as conn:
        await conn.execute("delete from notifications where told = 'manager'")
    smtp.delay = 30
    dying = asyncio.create_task(office.delivery.step())
    await _until(office, "state = 'sending'")
    await _kill(office, dying)
    (row,) = await office.rows()
    assert (row["state"], row["attempts"]) == ("sending", 1)

    smtp.delay = 0
    assert not await office.delivery.recover()
    assert (await office.rows())[0]["state"] == "sending", "a lease that has not run out is respected"
    await office.lose_leases()
    await office.delivery.recover()
    (row,) = await office.rows()
    assert (row["state"], row["unknown_attempts"]) == ("pending", 1)
    await office.deliver()
    (row,) = await office.rows()
    assert (row["state"], row["attempts"]) == ("sent", 2)
    assert {mail.message["Message-ID"] for mail in smtp.messages} == {row["message_id"]}
    assert len(smtp.messages) <= 2


async def test_repeated_crashes_end_as_unknown_and_are_reported(office, smtp):
    _, licence = await office.employ()
    await office.read(expiring(licence))
    smtp.delay = 30
    for _ in range(RETRY.unknown):
        dying = asyncio.create_task(office.delivery.step())
        await _until(office, "state = 'sending'", 2)
        await _kill(office, dying)
        await office.lose_leases()
        await office.delivery.recover()
    assert outcomes(await office.rows()) == [
        ("holder", "unknown", "unknown"),
        ("manager", "unknown", "unknown"),
    ]
    assert [each.data.reason for each in await office.published()] == ["unknown", "unknown"]


async def test_a_shutdown_finishes_the_mails_in_progress(office, smtp):
    _, licence = await office.employ()
    await office.read(expiring(licence))
    smtp.delay = 0.3
    step = asyncio.create_task(office.delivery.step())
    await _until(office, "state = 'sending'", 2)
    await step
    await office.delivery.drain(5)
    assert outcomes(await office.rows()) == [("holder", "sent", "due"), ("manager", "sent", "due")]
    assert len(smtp.messages) == 2


async def test_several_deliveries_send_each_mail_once(database_url, smtp):
    async with (
        open_office(database_url, smtp.url) as one,
        open_office(database_url, smtp.url) as two,
    ):
        for number in range(25):
            _, licence = await one.employ(email=f"ada{number}@example.org")
            await one.read(expiring(licence))
        await asyncio.gather(one.deliver(), two.deliver())
        assert {row["state"] for row in await one.rows()} == {"sent"}
        ids = [mail.message["Message-ID"] for mail in smtp.messages]
        assert len(ids) == len(set(ids)) == 50


async def test_connections_are_reused_for_some_mails_and_bounded(database_url, smtp):
    limits = TransportLimits(connections=2, mails_per_connection=5)
    async with open_office(database_url, smtp.url, limits=limits) as office:
        for number in range(10):
            _, licence = await office.employ(email=f"ada{number}@example.org")
            await office.read(expiring(licence))
        await office.deliver()
    assert len(smtp.messages) == 20
    assert 4 <= smtp.conversations <= 5


async def test_an_unavailable_server_delays_mail_and_loses_none(
    database_url, smtp, unused_tcp_port, monkeypatch
):
    monkeypatch.setattr("licet_notifier.notifications.delivery.NO_SERVER_FOR", timedelta(0))
    async with open_office(database_url, f"smtp://127.0.0.1:{unused_tcp_port}") as away:
        _, licence = await away.employ()
        await away.read(expiring(licence))
        await away.delivery.step()
    async with open_office(database_url, smtp.url) as back:
        rows = await back.rows()
        assert {row["state"] for row in rows} == {"pending"}
        assert [row["attempts"] - row["uncharged_attempts"] for row in rows] == [0, 0]
        assert all(row["smtp_answer"].startswith("CONNECT: ") for row in rows)
        await back.deliver()
    assert len(smtp.messages) == 2


async def test_a_failing_template_fails_only_its_own_mail(office, smtp):
    _, licence = await office.employ()
    await office.read(expiring(licence))
    async with office.database.reading() as conn:
        await conn.execute("update holders set name = E'A\\x01da' where name like 'Max%'")
    await office.deliver()
    assert outcomes(await office.rows()) == [
        ("holder", "sent", "due"),
        ("manager", "failed", "template_failed"),
    ]
    assert len(smtp.messages) == 1


async def test_two_attempts_at_one_mail_that_end_together_are_published_once(office):
    _, licence = await office.employ()
    await office.read(expiring(licence))
    async with office.database.transaction(Cause.new("service:notifier")) as tx:
        await tx.conn.execute(
            "update notifications set state = 'sending', attempts = 1, lease_until = now() - interval '1 s'"
        )
        mail = (await store.claim_lost(tx.conn, machine_now=datetime.now(UTC), limit=1))[0]
        sent = Outcome(
            mail.notification_id, mail.notice, mail.role, mail.recipient_id, State.SENT,
            NotificationReason.DUE, smtp_status=250,
        )  # fmt: skip
        attempts = [Attempted(sent, 1, unknown=False), Attempted(sent, 2, unknown=False)]
        await record_attempts(tx, attempts, now=office.clock.now())
    assert len(await office.published()) == 1


async def test_an_answer_that_comes_after_the_lease_ran_out_is_not_counted_twice(office, smtp):
    _, licence = await office.employ()
    await office.read(expiring(licence))
    smtp.delay = 0.5
    step = asyncio.create_task(office.delivery.step())
    await _until(office, "state = 'sending'", 2)
    await office.lose_leases()
    await office.delivery.recover()
    smtp.delay = 0
    await step
    await office.deliver()
    for row in await office.rows():
        assert row["state"] == "sent"
        assert row["unknown_attempts"] == 1
    published = await office.published()
    assert len({each.id for each in published}) == len(published) == 2
    assert len(smtp.messages) <= 4


async def _until(office: Office, condition: str, count: int = 1) -> None:
    async with asyncio.timeout(60):
        while len(await office.rows(condition)) < count:  # noqa: ASYNC110  # the signal is a row
            await asyncio.sleep(0.01)


async def _someone_waits_for_a_lock(office: Office) -> None:
    async with asyncio.timeout(60), office.database.reading() as conn:
        while not await conn.fetchval(  # noqa: ASYNC110  # the signal is a row
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
            " and datname = current_database()"
        ):
            await asyncio.sleep(0.01)


async def _kill(office: Office, step: asyncio.Task[bool]) -> None:
    """End the delivery as a crash does: nothing is noted any more."""
    for task in [step, *office.delivery._under_way]:
        task.cancel()
    await asyncio.gather(step, *office.delivery._under_way, return_exceptions=True)
    office.delivery._under_way.clear()
    office.delivery._to_record.clear()
