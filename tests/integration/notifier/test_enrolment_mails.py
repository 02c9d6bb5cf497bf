"""Mails about enrolments: the right person, once, by day, and only while they still apply."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from licet_chassis.cause import Cause
from licet_events.catalogue import LocationChanged, LocationState, TeamChanged, TeamState
from licet_events.enrolments import EnrolmentSnapshot, EnrolmentStage, EnrolmentStatus, EnrolmentUpdated
from licet_events.holders import HolderDeactivated, HolderErased, HolderReactivated, HolderRegistered
from licet_notifier.app import create_service
from licet_notifier.notifications import routes
from licet_notifier.settings import NotifierSettings
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app
from support.mailing.cases import CREATED, MORNING, event, holder_state
from support.mailing.enrolments import (
    DEADLINE,
    applied,
    approved,
    changed,
    completed,
    deadline_near,
    declined,
    enrolment_state,
    programme,
    renewal_due,
    returned,
)
from support.mailing.office import Office, open_office
from support.searching.tables import search_database

NIGHT = MORNING.replace(hour=21)
EXPIRES_ON, START_BY = date(2027, 7, 30), date(2027, 6, 20)


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url) as opened:
        await opened.read(programme())
        yield opened


async def employ(office: Office, **changes: Any) -> UUID:
    """Enter a holder, Ada, with a manager, Max."""
    holder_id, manager_id = uuid4(), uuid4()
    await office.read(
        HolderRegistered(holder=holder_state(manager_id, name="Max Leiter", email="max@example.org")),
        HolderRegistered(holder=holder_state(holder_id, manager_id=manager_id, **changes)),
    )
    return holder_id


def text_of(mail: Any) -> str:
    """Return the plain text of a mail, decoded."""
    part = mail.message.get_body(("plain",)) if hasattr(mail.message, "get_body") else None
    if part is None:
        part = next(each for each in mail.message.walk() if each.get_content_type() == "text/plain")
    return part.get_payload(decode=True).decode().replace("\r\n", "\n")


async def reasons(office: Office) -> list[tuple[str, str]]:
    return [(row["state"], row["reason"]) for row in await office.rows()]


@pytest.mark.parametrize(
    ("change", "subject", "words"),
    [
        (approved, "Approved: begin Food safety", "- Exam"),
        (declined, "Declined: your application to Food safety", "ask your supervisor for it"),
        (returned, "Do again: Exam of Food safety", "- Exam"),
        (completed, "Completed: Food safety", "What to do: nothing."),
    ],
)
async def test_the_holder_hears_what_was_decided_and_what_to_do(office, smtp, change, subject, words):
    holder_id = await employ(office)
    before = enrolment_state(holder_id, status=EnrolmentStatus.ADMIN_REVIEW)
    told = event(change(before))
    await office.read(told)
    await office.deliver()
    (mail,) = smtp.messages
    assert (mail.recipient, mail.message["Subject"]) == ("ada@example.org", subject)
    assert words in text_of(mail)
    (row,) = await office.rows()
    assert mail.message["Message-ID"] == f"<{row['id']}@example.org>"
    (outcome,) = await office.published()
    assert outcome.data.event_type == "licet.enrolment_notification.sent.v1"
    assert (outcome.data.enrolment_id, outcome.data.event_id) == (before.id, told.id)
    assert outcome.data.template_version == row["template_version"]


async def test_an_event_that_comes_again_is_told_once(office, smtp):
    told = event(completed(enrolment_state(await employ(office))))
    await office.read(told)
    await office.deliver()
    async with office.database.reading() as conn:
        await conn.execute("delete from inbox")  # as long after, or after a restore
    await office.read(told)
    await office.deliver()
    assert len(smtp.messages) == 1
    assert len(await office.published()) == 1


async def test_what_is_decided_at_night_is_told_by_day_if_it_is_still_so(office, smtp):
    office.clock.at = NIGHT
    first, second = [enrolment_state(await employ(office)) for _ in range(2)]
    await office.read(approved(first), approved(second))
    await office.deliver()
    assert smtp.messages == []
    await office.read(EnrolmentUpdated(enrolment=changed(
        approved(first).enrolment, EnrolmentStatus.CANCELLED, EnrolmentStage.CANCELLED, "cancelled"
    ).enrolment, changed=("stage",)))  # fmt: skip
    office.clock.at = NIGHT + timedelta(hours=12)
    await office.deliver()
    assert len(smtp.messages) == 1
    assert sorted(await reasons(office)) == [("sent", "due"), ("skipped", "superseded")]


async def test_nothing_is_told_of_history_to_a_holder_who_left_or_of_snapshots(office, smtp):
    old = completed(enrolment_state(await employ(office)))
    await office.read(event(old, time=MORNING - timedelta(days=8)))
    gone = await employ(office)
    await office.read(
        HolderDeactivated(holder=holder_state(gone, version=2, active=False), reason="left"),
        declined(enrolment_state(gone)),
        EnrolmentSnapshot(enrolment=completed(enrolment_state(await employ(office))).enrolment),
    )
    await office.deliver()
    assert smtp.messages == []
    assert sorted(await reasons(office)) == [("skipped", "holder_inactive"), ("skipped", "repeated")]
    assert {each.data.event_type for each in await office.published()} == {
        "licet.enrolment_notification.skipped.v1"
    }


async def test_an_enrolment_that_is_known_before_its_holder_is_told_when_the_holder_arrives(office, smtp):
    holder_id = uuid4()
    await office.read(completed(enrolment_state(holder_id)))
    assert await office.rows() == []
    await office.read(HolderRegistered(holder=holder_state(holder_id)))
    await office.try_waiting()
    await office.deliver()
    assert [mail.recipient for mail in smtp.messages] == ["ada@example.org"]


async def test_one_whose_holder_never_arrives_is_given_up_with_the_reason(office, smtp):
    await office.read(completed(enrolment_state(uuid4())))
    await office.try_waiting(patience=timedelta())
    assert await reasons(office) == [("skipped", "holder_unknown")]
    assert smtp.messages == []


async def supervise(office: Office, *, location: bool = True) -> tuple[UUID, UUID]:
    """Enter a team and a location with a supervisor each; returns the supervisors' ids."""
    north, berlin = uuid4(), uuid4()
    common: dict[str, Any] = {"version": 1, "created_at": CREATED, "updated_at": CREATED}
    team = TeamState(
        code="north", name="North", supervisor_ids=(north,), fallback_email="north@example.org", **common
    )
    place = LocationState(code="ber", name="Berlin", supervisor_ids=(berlin,) if location else (), **common)
    await office.read(
        HolderRegistered(holder=holder_state(north, name="Nia North", email="nia@example.org")),
        HolderRegistered(holder=holder_state(berlin, name="Bo Berlin", email="bo@example.org")),
        TeamChanged(team=team),
        LocationChanged(location=place),
    )
    return north, berlin


async def test_an_application_goes_to_the_supervisors_of_team_and_location_until_it_is_decided(office, smtp):
    north, berlin = await supervise(office)
    application = applied(await employ(office, team="north", location="ber"), people=2)
    await office.read(application)
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == ["bo@example.org", "nia@example.org"]
    assert {mail.message["Subject"] for mail in smtp.messages} == {
        "Decide: Ada Beispiel applied to Food safety"
    }
    assert "approval of 2 different people" in text_of(smtp.messages[0])
    assert {row["recipient_id"] for row in await office.rows()} == {north, berlin}

    office.clock.at = NIGHT
    other = applied(await employ(office, team="north"))
    await office.read(other)
    await office.read(declined(other.enrolment))
    office.clock.at = NIGHT + timedelta(hours=12)
    await office.deliver()
    assert [mail.message["Subject"] for mail in smtp.messages[2:]] == [
        "Declined: your application to Food safety"
    ]


async def test_nobody_is_asked_to_decide_about_their_own_application(office, smtp):
    north, _ = await supervise(office, location=False)
    await office.read(
        HolderRegistered(holder=holder_state(north, version=2, email="nia@example.org", team="north")),
        applied(north),
    )
    office.clock.at += timedelta(hours=2)  # in the fallback's zone the day has begun
    await office.deliver()
    (mail,) = smtp.messages
    assert mail.recipient == "north@example.org"
    assert "no supervisor who decides about the application can be reached" in text_of(mail)


async def test_the_teams_that_a_programme_names_decide_instead(office, smtp):
    await supervise(office)
    await office.read(applied(await employ(office, location="ber"), teams=("north",)))
    await office.deliver()
    assert [mail.recipient for mail in smtp.messages] == ["nia@example.org"]


async def test_when_the_window_opens_holder_and_manager_hear_what_to_do_and_by_when_to_begin(office, smtp):
    done = completed(enrolment_state(await employ(office))).enrolment
    await office.read(renewal_due(done, EXPIRES_ON, START_BY))
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == ["ada@example.org", "max@example.org"]
    for mail in smtp.messages:
        assert mail.message["Subject"].startswith("Begin by Sunday, 20 June 2027: renewal of Food safety")
        assert "- Exam: start by Sunday, 20 June 2027" in text_of(mail)
        assert "Friday, 30 July 2027" in text_of(mail)


async def test_who_has_begun_the_recertification_is_not_told_that_its_window_is_open(office, smtp):
    done = completed(enrolment_state(await employ(office))).enrolment
    again = enrolment_state(done.holder_id, previous_enrolment_id=done.id)
    await office.read(EnrolmentSnapshot(enrolment=again), renewal_due(done, EXPIRES_ON, START_BY))
    await office.deliver()
    assert smtp.messages == []
    assert await reasons(office) == [("skipped", "superseded")] * 2


async def test_a_deadline_that_comes_near_is_told_with_what_is_lacking(office, smtp):
    state = enrolment_state(await employ(office), deadline_at=DEADLINE)
    await office.read(EnrolmentSnapshot(enrolment=state), deadline_near(state))
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == ["ada@example.org", "max@example.org"]
    (own,) = [mail for mail in smtp.messages if mail.recipient == "ada@example.org"]
    assert own.message["Subject"] == "30 days left: complete Food safety"
    assert "- Exam" in text_of(own)
    assert "- Course" not in text_of(own)


async def test_a_deadline_that_was_moved_or_no_longer_matters_is_not_told(office, smtp):
    moved = enrolment_state(await employ(office), deadline_at=DEADLINE + timedelta(days=5))
    done = completed(enrolment_state(await employ(office), deadline_at=DEADLINE)).enrolment
    await office.read(EnrolmentSnapshot(enrolment=moved), EnrolmentSnapshot(enrolment=done))
    await office.read(deadline_near(moved), deadline_near(done))
    await office.deliver()
    assert smtp.messages == []
    assert sorted(await reasons(office)) == [("skipped", "corrected")] * 2 + [("skipped", "superseded")] * 2


async def test_a_mail_whose_answer_is_lost_is_tried_once_more_under_the_same_id(office, smtp):
    await office.read(completed(enrolment_state(await employ(office))))
    smtp.misbehave("drop-after-dot-accepted")
    await office.deliver()
    assert [row["unknown_attempts"] for row in await office.rows()] == [1]
    assert len({mail.message["Message-ID"] for mail in smtp.messages}) == 1
    assert await reasons(office) == [("sent", "due")]


async def test_of_an_erased_holder_nothing_is_kept_or_sent(office, smtp):
    office.clock.at = NIGHT
    holder_id = await employ(office)
    state = enrolment_state(holder_id)
    await office.read(approved(state))
    assert await office.rows()
    settings = NotifierSettings(
        database_url="postgresql://nobody@nowhere/nothing", kafka_url="nowhere:1",
        issuer_url="http://nowhere", smtp_url="smtp://nowhere:25", mail_from="licet@example.org",
    )  # fmt: skip
    erase: Any = create_service(settings).erase
    await office.read(HolderErased(holder_id=holder_id))
    async with office.database.transaction(Cause.new("service:test")) as tx:
        await erase(tx, holder_id, NIGHT)
    await office.read(completed(approved(state).enrolment))
    office.clock.at = NIGHT + timedelta(hours=12)
    await office.deliver()
    assert smtp.messages == []
    async with office.database.reading() as conn:
        found = await search_database(
            conn, [str(holder_id), str(state.id)], without=["erased_holders", "outbox"]
        )
    assert [each.where for each in found] == []


async def test_decisions_are_listed_by_enrolment_to_who_may_see_the_holder(office):
    first = completed(enrolment_state(await employ(office, team="east")))
    await office.read(first, completed(enrolment_state(await employ(office, team="west"))))
    issuer = Issuer()
    app = edge_app(issuer, routes.router, database=office.database)
    query = {"enrolment_id": str(first.enrolment.id)}
    async with client_of(app, issuer.token(scope="notifications:read")) as client:
        assert len((await client.get("/v1/notifications")).json()["items"]) == 2
        (item,) = (await client.get("/v1/notifications", params=query)).json()["items"]
        assert (item["enrolment_id"], item["credential_id"]) == (query["enrolment_id"], None)
        assert item["template"] == "enrolment.completed.v1"
        assert (await client.get(f"/v1/notifications/{item['id']}")).json() == item
    narrow = issuer.token(scope="notifications:read", licet_teams=["west"])
    async with client_of(app, narrow) as client:
        assert (await client.get("/v1/notifications", params=query)).json()["items"] == []
        assert (await client.get(f"/v1/notifications/{item['id']}")).status_code == 404


@pytest.mark.parametrize("pause", ["holder", "enrolment"])
async def test_a_reminder_of_a_deadline_that_a_pause_kept_back_is_sent_when_the_pause_has_ended(
    office, smtp, pause
):
    holder_id = await employ(office)
    state = enrolment_state(holder_id, deadline_at=DEADLINE)
    async with office.database.reading() as conn:
        manager_id = await conn.fetchval("select manager_id from holders where id = $1", holder_id)
    await office.read(EnrolmentSnapshot(enrolment=state), deadline_near(state))
    if pause == "holder":
        away = holder_state(holder_id, version=2, active=False, manager_id=manager_id)
        back = holder_state(holder_id, version=3, manager_id=manager_id)
        await office.read(HolderDeactivated(holder=away, reason="leave"))
    else:
        paused = changed(state, EnrolmentStatus.INACTIVE, EnrolmentStage.INACTIVE, "staff")
        resumed = changed(paused.enrolment, EnrolmentStatus.IN_PROGRESS, EnrolmentStage.IN_PROGRESS, "staff")
        await office.read(paused)
    await office.deliver()
    assert smtp.messages == []
    assert {state for state, _ in await reasons(office)} == {"skipped"}
    office.clock.at = MORNING + timedelta(days=10)
    await office.read(HolderReactivated(holder=back, reason="back") if pause == "holder" else resumed)
    await office.deliver()
    assert sorted(mail.recipient for mail in smtp.messages) == ["ada@example.org", "max@example.org"]
    await office.deliver()
    assert len(smtp.messages) == 2
