"""Digests gather what crossed a step; what is urgent leaves alone; a cap turns the rest into a digest."""

from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest_asyncio

from licet_chassis.cause import Cause
from licet_events.civil import starts_at
from licet_events.credentials import CredentialCreated, CredentialRenewed, Origin
from licet_events.notifications import NotificationSent
from licet_notifier.notifications import store
from licet_notifier.restraint.commands import resume_mails, set_rules, stop_mails
from licet_notifier.restraint.model import DigestRule, Every, Held, Rules, Scope, Stop, Weekday
from support.mailing.cases import (
    EXPIRES_ON,
    MORNING,
    ZONE,
    credential_state,
    event,
    expired,
    expiring,
    renewed,
)
from support.mailing.office import open_office

MONDAY_EIGHT = MORNING + timedelta(days=7) - timedelta(hours=1)
"""08:00 in Berlin, a week after the morning on which tests begin."""


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url) as opened:
        yield opened


async def rule(office, rules):
    async with office.database.transaction(Cause.new("user:boss")) as tx:
        await set_rules(tx, rules, note=None, by="user:boss", expected_version=None, now=office.clock.at)


async def licences(office, holder_id, count):
    made = [credential_state(uuid4(), holder_id, name=f"Licence {number}") for number in range(count)]
    await office.read(*(CredentialCreated(credential=each, origin=Origin.API) for each in made))
    return made


def by_recipient(smtp):
    return Counter(mail.recipient for mail in smtp.messages)


def text_of(mail):
    return mail.message.get_body(("plain",)).get_content()


async def test_a_manager_gets_one_weekly_mail_of_what_is_left_and_the_holder_each_at_once(office, smtp):
    weekly = DigestRule(Every.WEEK, weekday=Weekday.MONDAY, readers=frozenset({"manager"}))
    await rule(office, Rules(digests=(weekly,)))
    holder_id, first = await office.employ()
    second, third = await licences(office, holder_id, 2)
    await office.read(*(event(expiring(each)) for each in (first, second, third)))
    await office.deliver()
    assert by_recipient(smtp) == {"ada@example.org": 3}
    waiting = await office.rows("told = 'manager'")
    assert {row["not_before"] for row in waiting} == {MONDAY_EIGHT}
    assert len({row["digest_id"] for row in waiting}) == 1
    async with office.database.reading() as conn:
        assert await store.next_leaving(conn, office.clock.at) == MONDAY_EIGHT

    after = renewed(second)
    await office.read(
        CredentialRenewed(
            credential=after, term_id=after.terms[1].id, previous_term_id=after.terms[0].id, mode="explicit"
        )
    )
    smtp.messages.clear()
    office.clock.at = MONDAY_EIGHT
    await office.deliver()
    (digest,) = smtp.messages
    assert digest.recipient == "max@example.org"
    assert digest.message["Subject"] == "2 credentials need attention"
    text = text_of(digest)
    assert "Forklift licence FL-4711 of Ada Beispiel: ends on" in text
    assert "Licence 1" in text
    assert "Licence 0" not in text
    states = Counter((row["state"], row["reason"]) for row in await office.rows("told = 'manager'"))
    assert states == {("sent", "due"): 2, ("skipped", "renewed"): 1}
    assert len({row["message_id"] for row in await office.rows("told = 'manager' and state = 'sent'")}) == 1
    sent = [each for each in await office.published() if isinstance(each.data, NotificationSent)]
    assert len(sent) == 5


async def test_a_stop_of_digests_holds_them_and_nothing_else(office, smtp):
    await rule(office, Rules(digests=(DigestRule(readers=frozenset({"manager"})),)))
    _, licence = await office.employ()
    await office.read(event(expiring(licence)))
    async with office.database.transaction(Cause.new("user:boss")) as tx:
        stop = Stop.begin(Scope(event="digest"), "a new layout", "user:boss", office.clock.at)
        assert (await stop_mails(tx, stop)).waiting == 1
    office.clock.at += timedelta(days=1)
    await office.deliver()
    assert by_recipient(smtp) == {"ada@example.org": 1}
    async with office.database.transaction(Cause.new("user:boss")) as tx:
        await resume_mails(tx, Held.RELEASE, scope=None, stop_id=stop.id, by="user:boss", now=office.clock.at)
    await office.deliver()
    assert by_recipient(smtp) == {"ada@example.org": 1, "max@example.org": 1}


async def test_what_is_urgent_leaves_alone_and_an_empty_digest_not_at_all(office, smtp):
    await rule(office, Rules(digests=(DigestRule(Every.WEEK),), urgent_within=7))
    holder_id, first = await office.employ()
    (second,) = await licences(office, holder_id, 1)
    await office.read(event(expiring(first)))
    office.clock.at = starts_at(EXPIRES_ON - timedelta(days=27), ZONE) + timedelta(hours=9)
    after = renewed(first)
    await office.read(
        CredentialRenewed(
            credential=after, term_id=after.terms[1].id, previous_term_id=after.terms[0].id, mode="explicit"
        )
    )
    office.clock.at = MONDAY_EIGHT
    await office.deliver()
    assert smtp.messages == []
    office.clock.at = starts_at(EXPIRES_ON - timedelta(days=7), ZONE) + timedelta(hours=9)
    await office.read(event(expiring(second, 7)))
    await office.deliver()
    assert by_recipient(smtp) == {"ada@example.org": 1, "max@example.org": 1}
    office.clock.at = starts_at(EXPIRES_ON + timedelta(days=1), ZONE) + timedelta(hours=9)
    await office.read(event(expired(second)))
    await office.deliver()
    assert by_recipient(smtp) == {"ada@example.org": 2, "max@example.org": 2}


async def test_a_digest_that_the_server_does_not_take_is_tried_again_as_the_same_mail(office, smtp):
    await rule(office, Rules(digests=(DigestRule(),)))
    holder_id, first = await office.employ()
    (second,) = await licences(office, holder_id, 1)
    office.clock.at -= timedelta(hours=3)
    await office.read(event(expiring(first)), event(expiring(second)))
    office.clock.at += timedelta(hours=3)
    smtp.misbehave("data-4xx")
    await office.deliver()
    assert by_recipient(smtp) == {"ada@example.org": 1, "max@example.org": 1}
    rows = await office.rows()
    assert {row["state"] for row in rows} == {"sent"}
    assert sorted(row["attempts"] for row in rows) in ([1, 1, 2, 2], [2, 2, 2, 2])
    assert {mail.message["Message-ID"] for mail in smtp.messages} == {row["message_id"] for row in rows}


async def test_beyond_the_cap_of_a_day_one_digest_tells_the_rest_the_same_day(office, smtp):
    await rule(office, Rules(daily_cap=2, urgent_within=-1))
    holder_id, first = await office.employ()
    others = await licences(office, holder_id, 4)
    await office.read(*(event(expiring(each)) for each in (first, *others)))
    await office.deliver()
    assert by_recipient(smtp) == {"ada@example.org": 2, "max@example.org": 2}
    gathered = await office.rows("state = 'pending'")
    at = starts_at(EXPIRES_ON - timedelta(days=30), ZONE) + timedelta(hours=17)
    assert {row["not_before"] for row in gathered} == {at}
    smtp.messages.clear()
    office.clock.at = at
    await office.deliver()
    assert by_recipient(smtp) == {"ada@example.org": 1, "max@example.org": 1}
    assert {mail.message["Subject"] for mail in smtp.messages} == {"3 credentials need attention"}
    # The next day the count begins anew.
    office.clock.at += timedelta(days=1)
    (late,) = await licences(office, holder_id, 1)
    await office.read(event(expiring(late, 29)))
    smtp.messages.clear()
    office.clock.at += timedelta(hours=16)
    await office.deliver()
    assert by_recipient(smtp) == {"ada@example.org": 1, "max@example.org": 1}
