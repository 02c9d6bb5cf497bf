"""Supervisors hear of shifts at risk once a day, of those that are near at once, of cleared ones never."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from licet_chassis.cause import Cause
from licet_events.catalogue import TeamChanged, TeamState
from licet_events.eligibility import Reason, ReasonCode, Verdict
from licet_events.holders import HolderDeactivated, HolderErased, HolderRegistered
from licet_events.ids import derived_id
from licet_events.shifts import ClearedBy, ShiftAtRisk, ShiftCleared, ShiftState
from licet_notifier.app import create_service
from licet_notifier.settings import NotifierSettings
from licet_notifier.shift_digests.delivery import DigestDelivery
from support.mailing.cases import CREATED, MORNING, holder_state
from support.mailing.office import Office, open_office
from support.searching.tables import search_database

FAR, SOON = MORNING + timedelta(days=20), MORNING + timedelta(hours=30)
TOMORROW_AT_EIGHT = datetime(2027, 6, 1, 8, 0, tzinfo=MORNING.tzinfo)


def at_risk(holder: UUID, name: str = "S1", *, start: datetime = FAR, version: int = 1) -> ShiftAtRisk:
    state = ShiftState(
        id=derived_id("shift", "roster", name), version=version, platform="roster", external_id=name,
        holder_id=holder, target="role:nurse", location="BER", start=start, end=start + timedelta(hours=8),
        at_risk=True, since=MORNING, booked_verdict=Verdict.ELIGIBLE, verdict=Verdict.INELIGIBLE,
        reasons=(Reason(code=ReasonCode.NOT_YET_VALID, type="rn"),),
    )  # fmt: skip
    return ShiftAtRisk(shift=state)


def cleared(before: ShiftAtRisk) -> ShiftCleared:
    state = before.shift.model_copy(update={"version": before.shift.version + 1, "at_risk": False})
    return ShiftCleared(shift=state, cleared_by=ClearedBy.VERDICT)


@dataclass
class Ward:
    """A team with a supervisor and a nurse, and the notifier that tells of their shifts."""

    office: Office
    delivery: DigestDelivery
    nurse: UUID
    supervisor: UUID

    async def deliver(self) -> None:
        while await self.delivery.step():
            pass

    async def outcomes(self) -> list[tuple[str, str]]:
        async with self.office.database.reading() as conn:
            rows = await conn.fetch("select state, reason from shift_digests order by created_at, id")
        return [(row["state"], row["reason"]) for row in rows]


@pytest_asyncio.fixture
async def ward(database_url, smtp):
    async with open_office(database_url, smtp.url) as office:
        delivery = DigestDelivery(office.database, office.clock, office.post, actor="service:notifier")
        ward = Ward(office, delivery, uuid4(), uuid4())
        boss = holder_state(ward.supervisor, name="Max Leiter", email="max@example.org", time_zone="UTC")
        team = TeamState(
            code="north", version=1, name="North", supervisor_ids=(ward.supervisor,),
            fallback_email="north@example.org", created_at=CREATED, updated_at=CREATED,
        )  # fmt: skip
        await office.read(
            HolderRegistered(holder=boss),
            HolderRegistered(holder=holder_state(ward.nurse, team="north")),
            TeamChanged(team=team),
        )
        yield ward


async def test_one_mail_a_day_lists_all_shifts_of_the_team(ward, smtp):
    await ward.office.read(at_risk(ward.nurse), at_risk(ward.nurse, "S2", start=FAR + timedelta(days=1)))
    await ward.deliver()
    assert smtp.messages == []
    ward.office.clock.at = TOMORROW_AT_EIGHT
    await ward.office.read(at_risk(ward.nurse, "S3"))
    await ward.deliver()
    (mail,) = smtp.messages
    assert mail.recipient == "max@example.org"
    text = mail.message.as_string()
    assert "2 booked shifts are at risk (North)" in text
    await ward.deliver()
    assert len(smtp.messages) == 1
    # What came after it is in tomorrow's.
    ward.office.clock.at = TOMORROW_AT_EIGHT + timedelta(days=1)
    await ward.deliver()
    assert len(smtp.messages) == 2


async def test_a_near_shift_is_mailed_at_once_at_any_hour(ward, smtp):
    ward.office.clock.at = MORNING.replace(hour=23)
    await ward.office.read(at_risk(ward.nurse, start=SOON), at_risk(ward.nurse, "S2"))
    await ward.deliver()
    (mail,) = smtp.messages
    assert "Within 48 hours: a booked shift is at risk" in mail.message.as_string()


async def test_a_shift_that_becomes_near_before_the_next_digest_is_mailed_then(ward, smtp):
    start = MORNING + timedelta(hours=50)
    await ward.office.read(at_risk(ward.nurse, start=start))
    await ward.deliver()
    assert smtp.messages == []
    ward.office.clock.at = start - timedelta(hours=48)
    await ward.deliver()
    assert len(smtp.messages) == 1


async def test_no_mail_is_sent_about_a_shift_cleared_meanwhile(ward, smtp):
    risk = at_risk(ward.nurse)
    await ward.office.read(risk, at_risk(ward.nurse, "S2"), cleared(risk))
    ward.office.clock.at = TOMORROW_AT_EIGHT
    await ward.deliver()
    (mail,) = smtp.messages
    assert "a booked shift is at risk" in mail.message.as_string()
    assert "S1" not in mail.message.as_string()


async def test_a_waiting_mail_is_checked_again_before_it_is_sent(ward, smtp):
    risk = at_risk(ward.nurse, start=SOON)
    await ward.office.read(risk)
    smtp.always = "refuse_recipient_for_now"
    smtp.misbehave("rcpt-4xx")
    await ward.delivery.step()
    assert await ward.outcomes() == [("pending", "due")]
    await ward.office.read(cleared(risk))
    async with ward.office.database.reading() as conn:
        await conn.execute("update shift_digests set next_try = now() - interval '1 second'")
    await ward.deliver()
    assert await ward.outcomes() == [("skipped", "cleared")]


async def test_a_recurring_risk_is_mailed_again_and_a_repeated_event_is_not(ward, smtp):
    risk = at_risk(ward.nurse, start=SOON)
    await ward.office.read(risk)
    await ward.deliver()
    await ward.office.read(risk)
    await ward.deliver()
    assert len(smtp.messages) == 1
    await ward.office.read(cleared(risk), at_risk(ward.nurse, start=SOON, version=3))
    await ward.deliver()
    assert len(smtp.messages) == 2


async def test_without_a_supervisor_the_fallback_gets_the_mail(ward, smtp):
    gone = holder_state(ward.supervisor, version=2, email="max@example.org", active=False)
    await ward.office.read(HolderDeactivated(holder=gone, reason="left"), at_risk(ward.nurse, start=SOON))
    await ward.deliver()
    assert await ward.outcomes() == [("sent", "due")]
    (mail,) = smtp.messages
    assert mail.recipient == "north@example.org"
    assert "no supervisor of the team can be reached" in mail.message.as_string().replace("=\n", "")


async def test_nothing_about_an_erased_holder_is_kept_or_sent(ward, smtp, database_url):
    await ward.office.read(at_risk(ward.nurse), HolderErased(holder_id=ward.nurse))
    settings = NotifierSettings(
        database_url="postgresql://nobody@nowhere/nothing", kafka_url="nowhere:1",
        issuer_url="http://nowhere", smtp_url="smtp://nowhere:25", mail_from="licet@example.org",
    )  # fmt: skip
    erase: Any = create_service(settings).erase
    async with ward.office.database.transaction(Cause.new("service:test")) as tx:
        await erase(tx, ward.nurse, MORNING)
    ward.office.clock.at = TOMORROW_AT_EIGHT
    await ward.deliver()
    assert smtp.messages == []
    async with ward.office.database.reading() as conn:
        found = await search_database(conn, [str(ward.nurse)], without=["erased_holders", "outbox"])
    assert [each.where for each in found] == []
