from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from licet_events.credentials import FlagKind
from licet_events.notifications import (
    NotificationFailed,
    NotificationReason,
    NotificationSent,
    NotificationSkipped,
    RecipientRole,
)
from licet_events.schedule import CredentialExpired
from licet_notifier.facts.model import Facts, Flag, Notice, Place
from licet_notifier.notifications.deciding import decide
from licet_notifier.notifications.model import (
    Decision,
    Deployment,
    Detour,
    Outcome,
    State,
    notification_id,
    outcome_event,
)
from support.mailing.cases import (
    DEPLOYMENT,
    HOLDER_ID,
    MANAGER_ID,
    MORNING,
    TERM_ID,
    credential,
    facts,
    holder,
    manager,
    notice,
    run,
)

NOWHERE = Deployment("UTC", None)


def reasons(
    asked: Notice, known: Facts, *, now: datetime = MORNING, deployment: Deployment = DEPLOYMENT
) -> list[str]:
    return [decision.reason.value for decision in decide(asked, known, deployment, now)]


def test_holder_and_manager_are_told_at_their_own_addresses():
    to_holder, to_manager = decide(notice(), facts(), DEPLOYMENT, MORNING)

    assert (to_holder.role, to_holder.recipient_id, to_holder.address) == (
        RecipientRole.HOLDER,
        HOLDER_ID,
        "ada@example.org",
    )
    assert (to_manager.role, to_manager.recipient_id, to_manager.address) == (
        RecipientRole.MANAGER,
        MANAGER_ID,
        "max@example.org",
    )
    assert to_holder.due
    assert to_manager.due
    assert to_holder.not_before == to_manager.not_before == MORNING


def test_what_came_at_once_with_something_later_is_superseded():
    assert reasons(notice(notify=False), facts()) == ["superseded"] * 2


def test_what_was_overtaken_while_it_waited_is_superseded():
    later = notice().at + timedelta(days=23)
    assert reasons(notice(), facts(later_notice_at=later)) == ["superseded"] * 2
    assert reasons(notice(), facts(later_notice_at=notice().at)) == ["due"] * 2


def test_a_reminder_that_waited_beyond_expiry_is_not_sent_as_if_days_were_left():
    after = datetime(2027, 7, 1, 9, tzinfo=UTC)
    assert reasons(notice(), facts(), now=after) == ["superseded"] * 2
    expired = notice(event_name=CredentialExpired.event_type, step=None)
    assert reasons(expired, facts(), now=after) == ["due"] * 2


@pytest.mark.parametrize("kind", list(FlagKind))
def test_a_flag_in_force_stops_mails_with_its_name(kind):
    begins = MORNING - timedelta(days=1)
    flagged = facts(credential=credential(flags=(Flag(kind, begins, None),)))
    assert reasons(notice(), flagged) == [kind.value] * 2


def test_a_suspension_that_ended_or_has_not_begun_stops_nothing():
    ended = Flag(FlagKind.SUSPENDED, MORNING - timedelta(days=2), MORNING)
    coming = Flag(FlagKind.SUSPENDED, MORNING + timedelta(seconds=1), None)
    assert reasons(notice(), facts(credential=credential(flags=(ended, coming)))) == ["due"] * 2


def test_a_final_flag_is_the_reason_rather_than_a_suspension():
    flags = tuple(Flag(kind, MORNING, None) for kind in (FlagKind.SUSPENDED, FlagKind.REVOKED))
    assert reasons(notice(), facts(credential=credential(flags=flags))) == ["revoked"] * 2


def test_a_voided_credential_is_not_reminded_of():
    assert reasons(notice(), facts(credential=credential(voided=True))) == ["voided"] * 2


def test_a_renewal_stops_the_reminders_of_the_old_term():
    new = UUID(int=77)
    longer = run(term_id=new, expires_on=date(2028, 6, 30))
    after = credential(terms={TERM_ID: 1, new: 1}, runs=(longer,))
    assert reasons(notice(), facts(credential=after)) == ["renewed"] * 2


def test_a_later_run_after_a_gap_takes_over_at_its_start():
    new = UUID(int=77)
    later = run(term_id=new, starts_at=datetime(2027, 9, 1, tzinfo=UTC), expires_on=date(2028, 6, 30))
    both = facts(credential=credential(terms={TERM_ID: 1, new: 1}, runs=(run(), later)))
    overdue = notice(step=-7)
    assert reasons(overdue, both, now=datetime(2027, 7, 7, 9, tzinfo=UTC)) == ["due"] * 2
    assert reasons(overdue, both, now=datetime(2027, 9, 1, 9, tzinfo=UTC)) == ["renewed"] * 2


@pytest.mark.parametrize(
    "changed",
    [
        credential(terms={TERM_ID: 2}, runs=(run(term_revision=2),)),
        credential(terms={UUID(int=5): 1}),
        credential(runs=(run(expires_on=date(2027, 6, 29)),)),
    ],
    ids=["revision", "term gone", "other date"],
)
def test_a_correction_stops_the_reminders_of_what_was_wrong(changed):
    assert reasons(notice(), facts(credential=changed)) == ["corrected"] * 2


def test_a_submitted_renewal_quiets_reminders_until_its_time():
    quiet = facts(credential=credential(quiet_until=MORNING))
    assert reasons(notice(), quiet, now=MORNING - timedelta(seconds=1)) == ["submitted"] * 2
    assert reasons(notice(), quiet) == ["due"] * 2


def test_nobody_is_told_about_a_leaver():
    assert reasons(notice(), facts(holder=holder(active=False))) == ["holder_inactive"] * 2


@pytest.mark.parametrize(
    ("changes", "detour"),
    [
        ({"manager": None, "holder": holder(manager_id=None)}, Detour.MANAGER_NONE),
        ({"manager": None}, Detour.MANAGER_UNKNOWN),
        ({"manager": manager(active=False)}, Detour.MANAGER_INACTIVE),
        ({"manager": manager(email=None)}, Detour.MANAGER_NO_ADDRESS),
        ({"manager": manager(email="not an address")}, Detour.MANAGER_NO_ADDRESS),
    ],
)
def test_the_fallback_gets_the_mail_of_a_manager_who_cannot_and_is_told_why(changes, detour):
    _, decision = decide(notice(), facts(**changes), DEPLOYMENT, MORNING)
    assert decision.due
    assert (decision.told, decision.role) == (RecipientRole.MANAGER, RecipientRole.FALLBACK)
    assert (decision.address, decision.detour) == ("fallback@example.org", detour)


def test_the_fallback_gets_the_mail_of_a_holder_without_an_address():
    decision, _ = decide(notice(), facts(holder=holder(email=None)), DEPLOYMENT, MORNING)
    assert (decision.role, decision.address) == (RecipientRole.FALLBACK, "fallback@example.org")
    assert (decision.recipient_id, decision.detour) == (HOLDER_ID, Detour.HOLDER_NO_ADDRESS)


@pytest.mark.parametrize(
    ("team", "location", "deployment", "address"),
    [
        ("team@x.org", "place@x.org", "all@x.org", "team@x.org"),
        (None, "place@x.org", "all@x.org", "place@x.org"),
        ("broken", None, "all@x.org", "all@x.org"),
    ],
)
def test_the_fallback_is_the_teams_then_the_locations_then_the_deployments(
    team, location, deployment, address
):
    known = facts(
        holder=holder(email=None),
        team=Place("east", "East", None, team),
        location=Place("ber", "Berlin", None, location),
    )
    decision, _ = decide(notice(), known, Deployment("UTC", deployment), MORNING)
    assert decision.address == address


def test_without_any_fallback_the_reason_says_what_was_lacking():
    nobody = facts(holder=holder(email=None, manager_id=None), manager=None)
    assert reasons(notice(), nobody, deployment=NOWHERE) == ["no_address", "no_manager"]


def test_one_address_gets_one_mail():
    same = facts(manager=manager(email="ADA@example.org"))
    assert reasons(notice(), same) == ["due", "same_address"]
    both_to_fallback = facts(holder=holder(email=None), manager=manager(email=None))
    assert reasons(notice(), both_to_fallback) == ["due", "same_address"]


def test_a_mail_waits_for_the_morning_where_its_recipient_is():
    night = datetime(2027, 5, 30, 22, tzinfo=UTC)
    abroad = facts(holder=holder(time_zone="America/New_York"), manager=manager(time_zone=None))
    to_holder, to_manager = decide(notice(), abroad, DEPLOYMENT, night)
    assert to_holder.not_before == datetime(2027, 5, 31, 12, tzinfo=UTC)
    assert to_manager.not_before == datetime(2027, 5, 31, 6, tzinfo=UTC)


def test_a_zone_that_this_machine_does_not_know_stops_no_mail():
    odd = facts(holder=holder(time_zone="Mars/Olympus_Mons"))
    assert decide(notice(), odd, DEPLOYMENT, MORNING)[0].time_zone == "Europe/Berlin"


def test_the_id_names_event_and_role():
    ids = {
        notification_id(event, Decision(told, told))
        for event in (UUID(int=1), UUID(int=2))
        for told in (RecipientRole.HOLDER, RecipientRole.MANAGER)
    }
    assert len(ids) == 4
    # Fixed for ever: another id would send every mail again that a backfill repeats.
    to_holder = Decision(RecipientRole.HOLDER, RecipientRole.HOLDER, circle="holder")
    assert str(notification_id(UUID(int=1), to_holder)) == "56897c29-6577-55a6-91db-899c5ddb2f8e"


def test_the_event_says_what_became_of_it_in_codes_and_ids():
    sent = Outcome(
        UUID(int=5), notice(), RecipientRole.HOLDER, HOLDER_ID, State.SENT, NotificationReason.DUE, 250, "v1"
    )
    data = outcome_event(sent)
    assert isinstance(data, NotificationSent)
    assert data.key == str(HOLDER_ID)
    assert (data.template, data.template_version, data.smtp_status) == ("credential.expiring.v1", "v1", 250)
    assert "example.org" not in data.model_dump_json()
    assert isinstance(outcome_event(replace(sent, state=State.SKIPPED)), NotificationSkipped)
    for state in (State.FAILED, State.UNKNOWN):
        assert isinstance(outcome_event(replace(sent, state=state)), NotificationFailed)
