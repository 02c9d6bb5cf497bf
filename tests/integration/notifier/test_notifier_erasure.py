"""What the notifier keeps of a holder who is erased: nothing, and it begins no mail."""

from datetime import timedelta
from uuid import uuid4

import pytest_asyncio

from licet_chassis.cause import Cause
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_events.credentials import CredentialCreated, Origin
from licet_events.holders import HolderErased, HolderRegistered, HolderUpdated
from licet_notifier.notifications.commands import forget_holder
from licet_notifier.policy.commands import save_policy
from licet_notifier.policy.documents import policy_of
from support.mailing.cases import event, expired, expiring, holder_state
from support.mailing.office import open_office
from support.searching.tables import search_database


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url) as opened:
        dispatcher = opened.dispatcher
        opened.dispatcher = Dispatcher(
            dispatcher.consumer, opened.database, opened.clock, dispatcher.service, forget_holder
        )
        yield opened


async def kept(office, *texts: str) -> list[str]:
    async with office.database.reading() as conn:
        return [found.where for found in await search_database(conn, texts, without=["erased_holders"])]


async def test_nothing_of_an_erased_holder_is_kept_and_no_mail_of_hers_leaves(office, smtp):
    holder_id, licence = await office.employ()
    await office.read(event(expiring(licence)))
    named = (str(holder_id), str(licence.id), "Ada Beispiel", "ada@example.org", "FL-4711")
    assert await kept(office, *named)
    await office.read(HolderErased(holder_id=holder_id))
    # Late, and once more: what was read already comes again under other ids.
    await office.read(CredentialCreated(credential=licence, origin=Origin.API))
    await office.read(HolderUpdated(holder=holder_state(holder_id, version=9)), event(expired(licence)))
    await office.deliver()
    assert await kept(office, *named) == []
    assert smtp.messages == []


async def test_the_mail_to_an_erased_manager_goes_to_the_fallback(office, smtp):
    _, licence = await office.employ()
    async with office.database.reading() as conn:
        manager_id = await conn.fetchval("select manager_id from holders where manager_id is not null")
    await office.read(event(expiring(licence)))
    await office.read(HolderErased(holder_id=manager_id))
    await office.deliver()
    office.clock.at += timedelta(hours=2)  # in the fallback's zone the day has begun
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == ["ada@example.org", "fallback@example.org"]
    assert await kept(office, "Max Leiter", "max@example.org") == []


async def test_the_address_of_an_erased_holder_is_taken_out_of_the_policy(office, smtp):
    boss = uuid4()
    await office.read(HolderRegistered(holder=holder_state(boss, name="Ida Chefin", email="Ida@example.org")))
    tell = ["holder", {"address": "ida@example.org"}, {"address": "desk@example.org"}]
    rules = policy_of({"rules": [{"tell": tell}], "circles": {"a": tell}}, 0)
    async with office.database.transaction(Cause.new("user:planner")) as tx:
        await save_policy(
            tx, rules, author="user:planner", note=None, expected_version=None, now=office.clock.at
        )
    _, licence = await office.employ()
    await office.read(expiring(licence))
    await office.read(HolderErased(holder_id=boss))
    await office.deliver()
    office.clock.at += timedelta(hours=2)  # at the desk the day has begun
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == ["ada@example.org", "desk@example.org"]
    assert await kept(office, "ida@example.org", "Ida@example.org", "Ida Chefin") == []
