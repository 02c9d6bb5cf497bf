"""While a submitted renewal waits nobody is written to; afterwards by what is left to say."""

from datetime import timedelta

import pytest
import pytest_asyncio

from licet_events.civil import starts_at
from licet_events.credentials import CredentialSubmitted
from support.mailing.cases import EXPIRES_ON, ZONE, event, expired, expiring, overdue, renewed
from support.mailing.office import open_office

EXPIRY = starts_at(EXPIRES_ON + timedelta(days=1), ZONE)
MORNING_AFTER = EXPIRY + timedelta(hours=9)
QUIET_UNTIL = EXPIRY + timedelta(days=5)


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url) as opened:
        yield opened


async def submitted(office):
    _, licence = await office.employ()
    state = licence.model_copy(update={"version": 2, "quiet_until": QUIET_UNTIL})
    await office.read(CredentialSubmitted(credential=state))
    return state


def reasons(rows):
    return {(row["state"], row["reason"]) for row in rows}


async def test_reminders_are_skipped_and_the_expiry_mail_is_held_until_the_quiet_period_ends(office, smtp):
    state = await submitted(office)
    await office.read(event(expiring(state)))
    assert reasons(await office.rows()) == {("skipped", "submitted")}
    office.clock.at = MORNING_AFTER
    await office.read(event(expired(state)))
    await office.deliver()
    assert smtp.messages == []
    office.clock.at = QUIET_UNTIL + timedelta(hours=9)
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == ["ada@example.org", "max@example.org"]


@pytest.mark.parametrize("meanwhile", ["renewed", "overdue"])
async def test_a_held_mail_is_checked_again(office, smtp, meanwhile):
    state = await submitted(office)
    office.clock.at = MORNING_AFTER
    await office.read(event(expired(state)))
    office.clock.at = QUIET_UNTIL + timedelta(days=3, hours=9)
    if meanwhile == "renewed":
        await office.read(CredentialSubmitted(credential=renewed(state)))
    else:
        await office.read(event(overdue(state)))
    await office.deliver()
    subjects = {row["reason"]: row["state"] for row in await office.rows()}
    if meanwhile == "renewed":
        assert smtp.messages == []
        assert subjects == {"renewed": "skipped"}
    else:
        assert len(smtp.messages) == 2  # holder and manager, once: the later notice tells it
        assert subjects == {"superseded": "skipped", "due": "sent"}
