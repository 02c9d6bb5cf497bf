"""While something pauses a reminder nobody is written to; afterwards what still applies is told, once."""

from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from licet_events import EventData
from licet_events.civil import starts_at
from licet_events.credentials import (
    CredentialSubmitted,
    CredentialUpdated,
    FlagKind,
    FlagState,
)
from licet_events.holders import HolderUpdated
from support.mailing.cases import (
    CREATED,
    EXPIRES_ON,
    MORNING,
    ZONE,
    event,
    expired,
    expiring,
    holder_state,
    overdue,
    renewed,
)
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


def suspended(licence, until=None):
    flag = FlagState(
        id=uuid4(), kind=FlagKind.SUSPENDED, effective_from=CREATED, until=until, reason="investigation"
    )
    return CredentialUpdated(
        credential=licence.model_copy(update={"version": 2, "flags": (flag,)}), changed=("flags",)
    )


@pytest.mark.parametrize("pause", ["suspended", "inactive"])
async def test_a_reminder_that_a_pause_kept_back_is_sent_once_when_the_pause_has_ended(office, smtp, pause):
    holder_id, licence = await office.employ()
    notice = event(expiring(licence))
    begins: EventData
    ends: EventData
    if pause == "suspended":
        begins, ends = (
            suspended(licence),
            CredentialUpdated(credential=licence.model_copy(update={"version": 3}), changed=("flags",)),
        )
    else:
        async with office.database.reading() as conn:
            manager = await conn.fetchval("select manager_id from holders where id = $1", holder_id)
        states = [
            holder_state(holder_id, version=version, active=active, manager_id=manager)
            for version, active in ((2, False), (3, True))
        ]
        begins, ends = (HolderUpdated(holder=state, changed=("active",)) for state in states)
    await office.read(notice)  # its mail would leave now
    await office.read(begins)
    await office.deliver()
    await office.deliver()
    reason = "suspended" if pause == "suspended" else "holder_inactive"
    assert reasons(await office.rows()) == {("skipped", reason)}
    assert smtp.messages == []
    await office.read(ends)
    await office.deliver()
    await office.read(notice)  # as a backfill repeats it
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == ["ada@example.org", "max@example.org"]
    published = await office.published()
    assert [each.data.reason for each in published] == [reason] * 2 + ["due"] * 2
    assert len({each.id for each in published}) == 4


async def test_when_a_suspension_ends_by_itself_only_the_step_reached_by_then_is_told(office, smtp):
    _, licence = await office.employ()
    ends = MORNING + timedelta(days=3)
    begins = suspended(licence, ends)
    await office.read(begins)
    later = expiring(begins.credential, next_at=MORNING + timedelta(days=2))
    await office.read(event(later))
    office.clock.at = ends
    await office.deliver()
    assert smtp.messages == []
    assert reasons(await office.rows()) == {("skipped", "superseded")}
    await office.read(event(expiring(begins.credential, step=7)))
    await office.deliver()
    assert len(smtp.messages) == 2


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
