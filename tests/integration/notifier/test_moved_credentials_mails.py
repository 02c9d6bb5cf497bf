"""A credential that was moved to another holder: nobody is told of what was not theirs."""

from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from licet_events.credentials import (
    CorrectedField,
    CredentialCorrected,
    CredentialMoved,
    CredentialState,
    CredentialVerified,
    VerificationState,
)
from licet_events.holders import HolderRegistered
from mailing.cases import CREATED, event, expiring, holder_state
from mailing.office import open_office


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


ORDERS = pytest.mark.parametrize("state_first", [True, False], ids=["state first", "end first"])


@ORDERS
async def test_later_reminders_go_to_the_new_holder(office, smtp, state_first):
    _, arrived, left = await entered(office)
    await office.read(*((arrived, left) if state_first else (left, arrived)))
    await office.read(event(expiring(arrived.credential)))
    await office.deliver()
    recipients = [mail.recipient for mail in smtp.messages]
    assert "bo@example.org" in recipients
    assert "ada@example.org" not in recipients


@ORDERS
async def test_a_mail_that_waits_for_the_wrong_holder_is_not_sent(office, smtp, state_first):
    licence, arrived, left = await entered(office)
    await office.read(event(expiring(licence)))
    await office.read(*((arrived, left) if state_first else (left, arrived)))
    await office.deliver()
    assert smtp.messages == []
    assert {(row["state"], row["reason"]) for row in await office.rows()} == {("skipped", "corrected")}


async def test_nor_is_it_while_the_new_holder_has_yet_to_be_told_of(office, smtp):
    licence, _, left = await entered(office)
    await office.read(event(expiring(licence)))
    await office.read(left)
    await office.deliver()
    assert smtp.messages == []
    assert {(row["state"], row["reason"]) for row in await office.rows()} == {("skipped", "corrected")}


async def test_a_notice_for_the_wrong_holder_that_comes_in_between_waits_and_is_skipped(office, smtp):
    licence, arrived, left = await entered(office)
    await office.read(left, event(expiring(licence)))
    assert await office.rows() == []
    await office.read(arrived)
    await office.try_waiting()
    await office.deliver()
    assert smtp.messages == []
    assert {(row["state"], row["reason"]) for row in await office.rows()} == {("skipped", "corrected")}


async def test_a_check_of_a_credential_is_taken_over_as_every_other_state(office):
    licence, _, _ = await entered(office)
    check = VerificationState(
        id=uuid4(), term_id=licence.terms[0].id, checked_at=CREATED, source="register", result="confirmed",
        actor="user:ada",
    )  # fmt: skip
    later = licence.model_copy(update={"version": 7})
    await office.read(CredentialVerified(credential=later, verification=check))
    async with office.database.reading() as conn:
        assert await conn.fetchval("select version from credentials") == 7
