"""A credential that went to another holder: whoever has it when a mail leaves is told, and each step once."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from licet_chassis.consuming.dispatcher import Dispatcher
from licet_events.credentials import (
    CorrectedField,
    CredentialCorrected,
    CredentialMoved,
    CredentialState,
    CredentialVerified,
    CredentialVoided,
    VerificationState,
)
from licet_events.holders import HolderErased, HolderMerged, HolderRegistered
from licet_notifier.notifications.commands import PATIENCE, forget_holder
from support.mailing.cases import CREATED, event, expiring, holder_state
from support.mailing.office import open_office


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url) as opened:
        yield opened


def moved(licence: CredentialState, to: UUID) -> CredentialCorrected:
    state = licence.model_copy(update={"version": licence.version + 1, "holder_id": to})
    wrong = CorrectedField(field="holder_id", was=str(licence.holder_id), now=str(to))
    return CredentialCorrected(credential=state, corrected=(wrong,), reason="wrong_holder")


async def entered(office) -> tuple[CredentialState, CredentialCorrected, CredentialMoved]:
    """Enter Ada with a licence that is Bo's; returns it, and what is told when that is put right."""
    ada, licence = await office.employ()
    bo = uuid4()
    await office.read(HolderRegistered(holder=holder_state(bo, name="Bo", email="bo@example.org")))
    return licence, moved(licence, bo), CredentialMoved(holder_id=ada, credential_id=licence.id)


def merged(licence: CredentialState, into: UUID) -> HolderMerged:
    """Ada turns out to be Bo."""
    duplicate = holder_state(licence.holder_id, version=2, active=False, merged_into=into)
    return HolderMerged(holder=duplicate, into=into)


def told(smtp) -> list[str]:
    return sorted(mail.recipient for mail in smtp.messages)


ORDERS = pytest.mark.parametrize("state_first", [True, False], ids=["state first", "end first"])
BO = ["bo@example.org", "fallback@example.org"]
"""Bo has no manager."""


async def deliver_all_day(office) -> None:
    await office.deliver()
    office.clock.at += timedelta(hours=2)  # in the fallback's zone the day has begun
    await office.deliver()


@ORDERS
async def test_later_reminders_go_to_the_new_holder(office, smtp, state_first):
    _, arrived, left = await entered(office)
    await office.read(*((arrived, left) if state_first else (left, arrived)))
    await office.read(event(expiring(arrived.credential)))
    await deliver_all_day(office)
    assert told(smtp) == BO


@ORDERS
async def test_a_mail_that_waits_follows_its_credential(office, smtp, state_first):
    licence, arrived, left = await entered(office)
    await office.read(event(expiring(licence)))
    await office.read(*((arrived, left) if state_first else (left, arrived)))
    await deliver_all_day(office)
    assert told(smtp) == BO
    new = arrived.credential.holder_id
    assert {(row["state"], row["holder_id"]) for row in await office.rows()} == {("sent", new)}
    assert {one.data.holder_id for one in await office.published()} == {new}


@pytest.mark.parametrize("order", ["move first", "merge first", "merge between"])
async def test_the_remaining_holder_of_a_merge_gets_one_mail(office, smtp, order):
    """Topics have no order among each other: the merge may be known before the move."""
    licence, arrived, left = await entered(office)
    merge = merged(licence, arrived.credential.holder_id)
    notice = event(expiring(licence))
    await office.read(notice)
    steps = {
        "move first": (arrived, left, merge), "merge first": (merge, arrived, left),
        "merge between": (left, merge, arrived),
    }[order]  # fmt: skip
    for step in steps:
        await office.read(step)
        await office.delivery.step()
    await deliver_all_day(office)
    await office.read(notice)  # as a backfill repeats it
    await deliver_all_day(office)
    assert told(smtp) == BO


async def test_a_mail_sent_to_the_merged_holder_is_not_repeated(office, smtp):
    licence, arrived, left = await entered(office)
    notice = event(expiring(licence))
    await office.read(notice)
    await office.deliver()
    assert told(smtp) == ["ada@example.org", "max@example.org"]
    await office.read(arrived, left, merged(licence, arrived.credential.holder_id))
    await office.read(notice)  # as a backfill repeats it
    await deliver_all_day(office)
    assert told(smtp) == ["ada@example.org", "max@example.org"]


@pytest.mark.parametrize("order", ["move first", "merge first"])
async def test_a_late_notice_for_the_merged_holder_goes_to_the_remaining_one(office, smtp, order):
    licence, arrived, left = await entered(office)
    merge = merged(licence, arrived.credential.holder_id)
    if order == "move first":
        await office.read(arrived, left, merge, event(expiring(licence)))
    else:
        await office.read(merge, event(expiring(licence)))
        assert await office.rows() == []
        await office.read(arrived, left)
        await office.try_waiting()
    await deliver_all_day(office)
    assert told(smtp) == BO


async def test_a_mail_waits_while_the_new_holder_is_unknown(office, smtp):
    licence, arrived, left = await entered(office)
    await office.read(event(expiring(licence)))
    await office.read(left)
    await office.delivery.step()
    assert smtp.messages == []
    assert {row["state"] for row in await office.rows()} == {"pending"}
    await office.read(arrived)
    await deliver_all_day(office)
    assert told(smtp) == BO


async def test_a_mail_for_an_unknown_holder_is_given_up_until_the_holder_is_known(office, smtp):
    licence, arrived, left = await entered(office)
    await office.read(event(expiring(licence)))
    await office.read(left)
    office.clock.at += PATIENCE
    await office.deliver()
    assert smtp.messages == []
    assert {(row["state"], row["reason"]) for row in await office.rows()} == {
        ("skipped", "credential_unknown")
    }
    office.clock.at += timedelta(days=1)
    await office.read(arrived)
    await deliver_all_day(office)
    assert told(smtp) == BO


async def test_a_notice_for_the_old_holder_during_a_move_goes_to_the_new_one(office, smtp):
    licence, arrived, left = await entered(office)
    await office.read(left, event(expiring(licence)))
    assert await office.rows() == []
    await office.read(arrived)
    await office.try_waiting()
    await deliver_all_day(office)
    assert told(smtp) == BO


async def test_a_voided_credential_stays_with_the_merged_holder_and_delays_nothing(office, smtp):
    licence, arrived, _ = await entered(office)
    await office.read(event(expiring(licence)))
    voided = licence.model_copy(update={"version": 2, "voided": True})
    await office.read(CredentialVoided(credential=voided, reason="entered_twice"))
    await office.read(merged(licence, arrived.credential.holder_id))
    await office.deliver()
    assert {(row["state"], row["reason"]) for row in await office.rows()} == {("skipped", "voided")}
    assert smtp.messages == []


async def test_a_waiting_mail_is_erased_with_the_holder_who_has_the_credential_by_then(office, smtp):
    office.dispatcher = Dispatcher(
        office.dispatcher.consumer, office.database, office.clock, "notifier", forget_holder
    )
    licence, arrived, left = await entered(office)
    await office.read(event(expiring(licence)))
    await office.read(arrived, left)
    await office.read(HolderErased(holder_id=arrived.credential.holder_id))
    assert await office.rows() == []
    await office.deliver()
    assert smtp.messages == []


async def test_a_check_of_a_credential_is_projected_like_any_other_state(office):
    licence, _, _ = await entered(office)
    check = VerificationState(
        id=uuid4(), term_id=licence.terms[0].id, checked_at=CREATED, source="register", result="confirmed",
        actor="user:ada",
    )  # fmt: skip
    later = licence.model_copy(update={"version": 7})
    await office.read(CredentialVerified(credential=later, verification=check))
    async with office.database.reading() as conn:
        assert await conn.fetchval("select version from credentials") == 7
