"""Enrolments over HTTP and by events: from application to certification, and what people decide between."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from licet_certifications.app import ACTOR
from licet_certifications.completions.model import completion_id
from licet_certifications.consumers import SCHEDULE
from licet_certifications.enrolments import commands, deciding
from licet_certifications.programmes import commands as programmes
from licet_certifications.programmes.model import (
    Approvals,
    Approver,
    Component,
    ComponentKind,
    Deadline,
    Definition,
    EntryRules,
    Recertification,
    Source,
)
from licet_chassis.cause import Cause
from licet_chassis.consuming import Effect
from licet_events import Event
from licet_events.catalogue import Category, CredentialTypeChanged, CredentialTypeState, Period
from licet_events.credentials import ChangeCause, CredentialStatusChanged, Expiry, TermState, Validity
from licet_events.enrolments import (
    AwardRefusal,
    AwardRefused,
    AwardState,
    CertificationAwarded,
    ComponentCompleted,
    ComponentWithdrawn,
    EnrolmentMoved,
    EnrolmentOpened,
    EnrolmentStatusChanged,
    EnrolmentUpdated,
    RenewalDue,
)
from licet_events.holders import HolderErased, HolderMerged
from licet_events.schedule import InstantReached
from support.searching.tables import search_database

from .conftest import NOW, Certifications, credential, holder, run

HOLDER = UUID(int=1)
BLOCKED = (
    "select exists (select from pg_stat_activity where datname = current_database() "
    "and wait_event_type = 'Lock')"
)
DAY = timedelta(days=1)


def component(code: str, **facts: Any) -> Component:
    return Component(
        code=code, name=code.title(), kind=ComponentKind.COURSE,
        sources=(Source(source="lms", id=code.upper()),), **facts,
    )  # fmt: skip


COURSE, EXAM = component("course", credits=8), component("exam", prerequisites=("course",))
BOTH = Approvals(enrolment=Approver(), completion=Approver())


@dataclass
class Office:
    """The people who run programmes, one holder, and its learning system."""

    service: Certifications
    http: httpx.AsyncClient
    token: Any

    @property
    def now(self) -> datetime:
        return self.service.runtime.clock.now()

    async def publish(self, **definition: Any) -> None:
        definition = {"components": (COURSE, EXAM), "credential_type": "food-safety", **definition}
        async with self.service.database.transaction(Cause.new("user:boss")) as tx:
            await programmes.define_programme(tx, "food-safety", "Food", "food-safety", now=self.now)
            version = await programmes.draft_version(
                tx, "food-safety", Definition(**definition), now=self.now
            )
            await programmes.publish_version(tx, "food-safety", version.number, now=self.now)
        await self.service.published()

    async def report(self, course: str, source_id: str, result: str = "passed", **facts: Any) -> None:
        facts = {"completed_at": self.now, "credits": None, "evidence": [], **facts}
        async with self.service.database.transaction(Cause.new(ACTOR)) as tx:
            await tx.conn.execute(
                "insert into completions (id, source, source_id, holder_id, course, completed_at, result,"
                " credits, evidence, recorded_at) values ($1, 'lms', $2, $3, $4, $5, $6, $7, $8, $9)",
                completion_id("lms", source_id), source_id, HOLDER, course, facts["completed_at"], result,
                facts["credits"], facts["evidence"], self.now,
            )  # fmt: skip
            await commands.reconsider(tx, [HOLDER], now=self.now)

    async def enrol(self, status: int = 201, **body: Any) -> dict[str, Any]:
        body = {"holder_id": str(HOLDER), "programme": "food-safety", **body}
        answer = await self.http.post("/v1/enrolments", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def act(
        self, eid: str, what: str, body: Any = None, status: int = 200, **headers
    ) -> dict[str, Any]:
        answer = await self.http.post(f"/v1/enrolments/{eid}/{what}", json=body or {}, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def show(self, eid: str) -> dict[str, Any]:
        answer = await self.http.get(f"/v1/enrolments/{eid}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def become(self, subject: str, **claims: Any) -> None:
        self.token.principal = replace(self.token.principal, subject=subject, **claims)

    async def worklist(self) -> list[dict[str, Any]]:
        return (await self.http.get("/v1/worklist")).json()["items"]


@pytest.fixture
async def office(service, http, token) -> Office:
    kind = CredentialTypeState(
        code="food-safety", version=1, name="Food safety", category=Category.CERTIFICATION, created_at=NOW,
        updated_at=NOW, validity=Period(months=12),
    )  # fmt: skip
    await service.tell(
        holder(1, team="north", location="berlin"), CredentialTypeChanged(credential_type=kind)
    )
    return Office(service, http, token)


def statuses(events) -> list[tuple[str, str, str]]:
    return [
        (data.from_.value, data.to.value, data.reason)
        for data in (event.data for event in events)
        if isinstance(data, EnrolmentStatusChanged)
    ]


async def test_from_application_to_certification_two_people_decide_and_each_change_is_told_once(office):
    await office.publish(approvals=BOTH)
    applied = await office.enrol()
    eid = applied["id"]
    assert (applied["status"], applied["version"]) == ("applied", 1)
    assert [each["code"] for each in applied["to_do"]] == ["course", "exam"]
    assert [each["kind"] for each in await office.worklist()] == ["application"]
    await office.report("COURSE", "c-1", completed_at=office.now + DAY)
    assert (await office.act(eid, "approve", status=409))["detail"].startswith("Whoever applied")
    office.become("grace")
    approved = await office.act(eid, "approve", {"note": "welcome"})
    assert approved["status"] == "in_progress"
    assert [each["code"] for each in approved["to_do"]] == ["exam"]
    again = await office.act(eid, "approve", status=409)
    assert "user:grace" in again["detail"]
    assert "inactivate, not-complete, cancel" in again["detail"].replace(
        "not-complete, inactivate", "inactivate, not-complete"
    )
    await office.report("EXAM", "c-2", completed_at=office.now + DAY)
    assert (await office.show(eid))["status"] == "admin_review"
    assert [each["kind"] for each in await office.worklist()] == ["completion"]
    done = await office.act(eid, "approve")
    assert (done["status"], done["reason"]) == ("active", "awaiting_credential")
    assert await office.worklist() == []
    events = await office.service.published()
    assert statuses(events) == [
        ("applied", "in_progress", "approved"),
        ("in_progress", "admin_review", "work_complete"),
        ("admin_review", "active", "approved"),
    ]
    assert [type(event.data) for event in events].count(ComponentCompleted) == 2
    (award,) = [event.data.award for event in events if isinstance(event.data, CertificationAwarded)]
    assert str(award.id) == done["award_id"]
    assert [event.data.sequence for event in events] == list(range(1, len(events) + 1))
    history = (await office.http.get(f"/v1/enrolments/{eid}/history")).json()["items"]
    assert [each["version"] for each in history] == list(range(1, len(events) + 1))
    assert [each["note"] for each in history if each["note"]] == ["welcome"]


async def test_without_approvals_the_completed_work_certifies_by_itself(office):
    await office.publish()
    opened = await office.enrol()
    assert opened["status"] == "in_progress"
    await office.report("EXAM", "c-2")
    shown = await office.show(opened["id"])
    assert [(each["code"], each["lacking"]) for each in shown["components"]] == [
        ("course", ["completion"]),
        ("exam", ["prerequisites"]),
    ]
    await office.report("COURSE", "c-1")
    assert (await office.show(opened["id"]))["status"] == "active"
    assert statuses(await office.service.published()) == [("in_progress", "active", "completed")]


async def test_only_one_open_enrolment_and_a_new_one_after_a_terminal_one_is_linked(office):
    await office.publish()
    first = (await office.enrol())["id"]
    assert first in (await office.enrol(409))["detail"]
    await office.act(first, "not-complete", {"reason": "left"})
    second = await office.enrol()
    assert second["previous_enrolment_id"] == first
    refused = await office.act(first, "resume", {"reason": "back"}, status=409)
    assert "a new enrolment leads on" in refused["detail"]


async def test_a_denial_needs_a_reason_that_stays_in_the_database(office):
    await office.publish(approvals=BOTH, cool_off_days=30)
    eid = (await office.enrol())["id"]
    await office.act(eid, "deny", {}, status=422)
    denied = await office.act(eid, "deny", {"reason": "no seats for Ada"})
    assert (denied["status"], denied["reason"], denied["decided_by"]) == ("declined", "denied", "user:ada")
    assert all("no seats" not in event.data.model_dump_json() for event in await office.service.published())
    history = (await office.http.get(f"/v1/enrolments/{eid}/history")).json()["items"]
    assert history[-1]["note"] == "no seats for Ada"
    assert "declined" in (await office.enrol(409))["detail"]


async def test_staff_enrols_directly_with_the_scope_to_approve(office):
    await office.publish(approvals=BOTH)
    office.become("ada", scopes=frozenset({"certifications:write"}))
    await office.enrol(403, entry="staff")
    office.become("ada", scopes=frozenset({"certifications:write", "certifications:approve"}))
    assert (await office.enrol(entry="staff"))["status"] == "in_progress"
    (opened,) = [event.data for event in await office.service.published()]
    assert isinstance(opened, EnrolmentOpened)
    assert opened.cause is ChangeCause.MANUAL


async def test_two_different_people_approve_where_the_version_asks_for_it(office):
    await office.publish(approvals=Approvals(enrolment=Approver(two_people=True)))
    eid = (await office.enrol())["id"]
    office.become("grace")
    assert (await office.act(eid, "approve"))["status"] == "applied"
    await office.act(eid, "approve", status=409)
    (item,) = await office.worklist()
    assert item["may_decide"]["not_by"] == ["user:ada", "user:grace"]
    office.become("hedy")
    assert (await office.act(eid, "approve"))["status"] == "in_progress"


async def test_deciders_of_a_team_decide_and_a_stale_if_match_is_412(office):
    await office.publish(approvals=Approvals(enrolment=Approver(teams=("south",))))
    eid = (await office.enrol())["id"]
    office.become("grace", teams=frozenset({"north"}))
    await office.act(eid, "approve", status=403)
    office.become("grace", teams=frozenset({"north", "south"}))
    await office.act(eid, "approve", status=412, **{"If-Match": '"7"'})
    await office.act(eid, "approve", **{"If-Match": '"1"'})


async def test_a_narrowed_token_finds_its_people_only(office):
    await office.publish()
    eid = (await office.enrol())["id"]
    office.become("ada", teams=frozenset({"south"}))
    await office.enrol(404)
    assert (await office.http.get(f"/v1/enrolments/{eid}")).status_code == 404
    assert (await office.http.get(f"/v1/enrolments/{eid}/history")).status_code == 404
    for what in ("approve", "deny", "return", "inactivate", "resume", "not-complete", "cancel"):
        await office.act(eid, what, {"reason": "x"} if what != "approve" else None, status=404)
    await office.act(eid, "components/exam/approve", status=404)
    await office.act(eid, "components/exam/return", {"reason": "x"}, status=404)


async def test_a_component_that_asks_for_it_waits_for_approval_and_for_evidence(office):
    await office.publish(components=(component("task", approval=True, evidence=True),))
    eid = (await office.enrol(entry="staff"))["id"]
    await office.report("TASK", "t-1")
    (item,) = await office.worklist()
    assert (item["kind"], item["needs"], item["details"]["component"]) == ("evidence", "evidence", "task")
    returned = await office.act(eid, "components/task/return", {"reason": "unreadable"})
    assert returned["components"][0]["lacking"] == ["returned"]
    assert await office.worklist() == []
    await office.report("TASK", "t-2", evidence=["sha256:1"])
    (item,) = await office.worklist()
    assert item["kind"] == "component"
    decided = await office.http.post(
        "/v1/worklist/decisions", json={"decisions": [{"item": item["id"], "decision": "approve"}]}
    )
    assert decided.status_code == 200, decided.text
    assert (await office.show(eid))["status"] == "active"


async def test_returned_work_is_done_again_and_what_was_reported_before_does_not_count(office):
    await office.publish(approvals=Approvals(completion=Approver()))
    eid = (await office.enrol(entry="staff"))["id"]
    await office.report("COURSE", "c-1")
    await office.report("EXAM", "c-2")
    body = {"reason": "again please", "components": ["exam"]}
    await office.act(eid, "return", {**body, "components": ["swim"]}, status=422)
    returned = await office.act(eid, "return", body)
    assert (returned["status"], returned["reason"]) == ("in_progress", "returned")
    assert [each["code"] for each in returned["to_do"]] == ["exam"]
    await office.report("EXAM", "c-3")
    assert (await office.show(eid))["status"] == "admin_review"


async def test_held_work_resumes_to_what_the_facts_say(office):
    await office.publish()
    eid = (await office.enrol())["id"]
    assert (await office.act(eid, "inactivate", {"reason": "leave"}))["status"] == "inactive"
    await office.report("COURSE", "c-1")
    await office.report("EXAM", "c-2")
    assert (await office.show(eid))["status"] == "inactive"
    assert (await office.act(eid, "resume", {"reason": "back"}))["status"] == "active"


async def test_a_failed_result_after_certification_opens_admin_review(office):
    await office.publish()
    eid = (await office.enrol(entry="staff"))["id"]
    await office.report("COURSE", "c-1")
    await office.report("EXAM", "c-2")
    await office.report("EXAM", "c-2b", "failed")
    shown = await office.show(eid)
    assert (shown["status"], shown["reason"]) == ("admin_review", "component_withdrawn")
    (item,) = await office.worklist()
    assert item["kind"] == "review"
    assert (await office.act(eid, "approve"))["status"] == "active"
    events = await office.service.published()
    assert [type(event.data) for event in events].count(CertificationAwarded) == 1
    assert [event.data.reason for event in events if isinstance(event.data, ComponentWithdrawn)] == ["failed"]


async def test_the_same_facts_again_change_nothing(office):
    await office.publish()
    await office.enrol()
    await office.report("COURSE", "c-1")
    await office.service.published()
    async with office.service.database.transaction(Cause.new(ACTOR)) as tx:
        await commands.reconsider(tx, [HOLDER, UUID(int=99)], now=office.now)
    assert await office.service.published() == []


async def test_the_deadline_ends_the_work_where_the_version_says_so(office):
    await office.publish(deadline=Deadline(days=30, then="not_completed"))
    opened = await office.enrol()
    at = datetime.fromisoformat(opened["deadline_at"])
    for now, status in ((at - DAY, "in_progress"), (at, "not_completed"), (at + DAY, "not_completed")):
        async with office.service.database.transaction(Cause.new(ACTOR)) as tx:
            await commands.deadline_reached(tx, UUID(opened["id"]), now, now=now)
        assert (await office.show(opened["id"]))["status"] == status
    assert statuses(await office.service.published()) == [("in_progress", "not_completed", "deadline")]


def term(award: UUID | None, number: int, first: date, last: date) -> TermState:
    return TermState(
        id=UUID(int=number), revision=1, valid_from=first, expires_on=last, expiry=Expiry.DATED,
        time_zone="UTC", starts_at=NOW, recorded_at=NOW, award_id=award,
    )  # fmt: skip


class Issued:
    """The credential that an award led to, as its service tells it."""

    def __init__(self, award: str, today: date) -> None:
        self.first, self.last = today - DAY, today + 300 * DAY
        self.terms = [term(UUID(award), 70, self.first, self.last)]
        self.version = 0

    def state(self, **facts: Any):
        self.version += 1
        one = run(self.first, self.last)
        expiring = datetime.combine(self.last - 90 * DAY, datetime.min.time(), UTC)
        one = one.model_copy(update={"expiring_at": expiring, "term_id": self.terms[-1].id})
        state = credential(500, 1, one, version=self.version, type="food-safety", **facts)
        return state.model_copy(update={"terms": tuple(self.terms)})

    def renew(self, award: str) -> None:
        self.last += 365 * DAY
        self.terms.append(term(UUID(award), 71, self.first, self.last))

    def changed(self, to: Validity, at: datetime) -> CredentialStatusChanged:
        return CredentialStatusChanged(
            credential=self.state(), from_=Validity.ACTIVE, to=to, effective_at=at,
            cause=ChangeCause.AUTOMATIC, reason="x", actor="service:credentials",
        )  # fmt: skip


async def certified(office) -> tuple[str, Issued]:
    eid = (await office.enrol())["id"]
    await office.report("COURSE", "c-1")
    await office.report("EXAM", "c-2")
    shown = await office.show(eid)
    return eid, Issued(shown["award_id"], office.now.date())


async def test_the_status_follows_the_credential_and_each_change_is_told_once(office):
    await office.publish()
    eid, issued = await certified(office)
    await office.service.tell(credential(499, 1, run(date(2020, 1, 1), None)))
    state = issued.state()
    await office.service.tell(state)
    await office.service.tell(state)
    shown = await office.show(eid)
    assert (shown["status"], shown["reason"], shown["credential_id"]) == ("active", None, str(UUID(int=500)))
    (updated,) = [e.data for e in await office.service.published() if isinstance(e.data, EnrolmentUpdated)]
    assert set(updated.changed) == {"validity", "credential_id", "reason"}
    expiring = datetime.combine(issued.last - 90 * DAY, datetime.min.time(), UTC)
    expires = datetime.combine(issued.last + DAY, datetime.min.time(), UTC)
    for _ in range(2):
        await office.service.tell(issued.changed(Validity.EXPIRING, expiring))
    await office.service.tell(issued.changed(Validity.EXPIRED, expires))
    events = [e.data for e in await office.service.published() if isinstance(e.data, EnrolmentStatusChanged)]
    assert [(each.to.value, each.effective_at) for each in events] == [
        ("expiring", expiring), ("expired", expires),
    ]  # fmt: skip


async def test_a_recertification_goes_on_beside_the_active_one_and_then_supersedes_it(office):
    await office.publish(recertification=Recertification(window_days=301, full_path_after_days=30))
    eid, issued = await certified(office)
    assert "may be opened" in (await office.enrol(409))["detail"]
    await office.service.tell(issued.state())
    second = await office.enrol()
    assert (second["kind"], second["status"]) == ("recertification", "in_progress")
    assert (second["previous_enrolment_id"], second["credential_id"]) == (eid, str(UUID(int=500)))
    assert (await office.show(eid))["status"] == "active"
    await office.report("EXAM", "c-3", "failed")
    assert (await office.show(eid))["status"] == "active"
    await office.report("COURSE", "c-4")
    await office.report("EXAM", "c-5")
    renewed = await office.show(second["id"])
    assert renewed["status"] == "active"
    assert (await office.show(eid))["superseded_by"] == second["id"]
    events = await office.service.published()
    award = next(e.data.award for e in reversed(events) if isinstance(e.data, CertificationAwarded))
    assert award.credential_id == UUID(int=500)
    issued.renew(renewed["award_id"])
    await office.service.tell(issued.state())
    renewed = await office.show(second["id"])
    assert (renewed["validity"], renewed["reason"]) == ("active", None)
    assert (await office.show(eid))["status"] == "active"


def refusal(award: AwardState) -> AwardRefused:
    return AwardRefused(
        refusal=AwardRefusal(
            award_id=award.id, enrolment_id=award.enrolment_id, holder_id=award.holder_id,
            credential_type=award.credential_type, credential_id=award.credential_id, reason="type_retired",
            awarded_at=award.awarded_at, refused_at=award.awarded_at,
        )
    )  # fmt: skip


async def awards_of(office) -> list[AwardState]:
    events = await office.service.published()
    return [event.data.award for event in events if isinstance(event.data, CertificationAwarded)]


async def test_a_refused_award_waits_for_a_person_whose_approval_publishes_it_again(office):
    await office.publish()
    eid, issued = await certified(office)
    (award,) = await awards_of(office)
    for _ in range(2):
        await office.service.tell(refusal(award))
    shown = await office.show(eid)
    assert (shown["status"], shown["reason"]) == ("admin_review", "award_refused")
    (item,) = await office.worklist()
    assert (item["kind"], item["details"]["reason"]) == ("award", "type_retired")
    assert statuses(await office.service.published()) == [("active", "admin_review", "award_refused")]
    office.become("boss")
    assert (await office.act(eid, "approve"))["status"] == "active"
    (again,) = await awards_of(office)
    assert (again.id, again.credential_type) == (award.id, award.credential_type)
    assert again.awarded_at > award.awarded_at
    await office.service.tell(refusal(award))
    await office.service.tell(issued.state())
    shown = await office.show(eid)
    assert (shown["status"], shown["validity"], await office.worklist()) == ("active", "active", [])


async def test_the_certification_before_a_refused_renewal_has_its_validity_back(office):
    await office.publish(recertification=Recertification(window_days=301, full_path_after_days=30))
    eid, issued = await certified(office)
    await office.service.tell(issued.state())
    second = await office.enrol()
    await office.report("COURSE", "c-4")
    await office.report("EXAM", "c-5")
    assert (await office.show(eid))["superseded_by"] == second["id"]
    await office.service.tell(refusal((await awards_of(office))[-1]))
    assert (await office.show(second["id"]))["status"] == "admin_review"
    first = await office.show(eid)
    assert (first["superseded_by"], first["status"]) == (None, "active")
    expiring = datetime.combine(issued.last - 90 * DAY, datetime.min.time(), UTC)
    await office.service.tell(issued.changed(Validity.EXPIRING, expiring))
    assert (await office.show(eid))["status"] == "expiring"


async def test_when_the_window_opens_it_is_told_once_a_term_what_is_to_do_and_until_when_to_start(office):
    course = COURSE.model_copy(update={"usual_days": 20})
    exam = EXAM.model_copy(update={"usual_days": 10})
    renewal = Recertification(window_days=100)
    await office.publish(components=(course, exam), recertification=renewal)
    eid, issued = await certified(office)
    await office.service.tell(issued.state())
    opens = datetime.fromisoformat((await office.show(eid))["window_opens_at"])
    assert opens.date() == issued.last - 100 * DAY
    await office.service.published()
    for at in (opens - DAY, opens, opens + DAY):
        async with office.service.database.transaction(Cause.new(ACTOR)) as tx:
            await commands.window_opened(tx, UUID(eid), at, now=at)
    (due,) = [each.data for each in await office.service.published() if isinstance(each.data, RenewalDue)]
    assert [(each.code, each.start_by) for each in due.components] == [
        ("course", issued.last - 30 * DAY), ("exam", issued.last - 10 * DAY),
    ]  # fmt: skip
    assert due.start_by == issued.last - 30 * DAY
    assert due.components[0].sources[0].id == "COURSE"
    plan = (await office.http.get(f"/v1/enrolments/{eid}/plan")).json()
    assert (plan["kind"], plan["until"]) == ("recertification", issued.last.isoformat())
    assert [(each["code"], each["start_by"]) for each in plan["components"]] == [
        (each.code, each.start_by.isoformat()) for each in due.components
    ]


async def test_the_plan_of_open_work_leads_to_its_deadline_and_leaves_out_what_is_done(office):
    course = COURSE.model_copy(update={"usual_days": 20})
    await office.publish(components=(course, EXAM), deadline=Deadline(days=60))
    eid = (await office.enrol())["id"]
    deadline = datetime.fromisoformat((await office.show(eid))["deadline_at"]).date()
    answer = await office.http.get(f"/v1/enrolments/{eid}/plan")
    assert answer.status_code == 200, answer.text
    plan = answer.json()
    assert (plan["until"], plan["start_by"]) == (
        deadline.isoformat(), (deadline - 20 * DAY).isoformat(),
    )  # fmt: skip
    await office.report("COURSE", "c-1")
    plan = (await office.http.get(f"/v1/enrolments/{eid}/plan")).json()
    assert [(each["code"], each["start_by"]) for each in plan["components"]] == [
        ("exam", deadline.isoformat())
    ]
    assert (await office.http.get(f"/v1/enrolments/{UUID(int=1)}/plan")).status_code == 404


async def test_the_schedulers_instants_end_the_work_and_tell_of_renewals(office):
    await office.publish(deadline=Deadline(days=60, then="not_completed"))
    eid = (await office.enrol())["id"]
    deadline = datetime.fromisoformat((await office.show(eid))["deadline_at"])
    (handler,) = SCHEDULE.handlers
    assert isinstance(handler, Effect)
    for about, instant in (("waiver", "deadline"), ("enrolment", "deadline_near"), ("enrolment", "deadline")):
        data = InstantReached(
            about=about, about_id=UUID(eid), about_version=1, holder_id=HOLDER, instant=instant, at=deadline,
            notify=True,
        )  # fmt: skip
        event = Event.of(
            data, source="/licet/scheduler", time=deadline, recorded_time=deadline, correlation_id="c"
        )
        assert (await office.show(eid))["status"] == "in_progress"
        async with office.service.database.transaction(Cause.new(ACTOR)) as tx:
            await handler.handle(tx, event, deadline)
    assert (await office.show(eid))["status"] == "not_completed"


async def test_the_window_opens_a_recertification_where_a_rule_enrols(office):
    await office.publish(
        recertification=Recertification(window_days=301), entry=EntryRules(roles=("forklift",))
    )
    eid, issued = await certified(office)
    await office.service.tell(issued.state())
    for _ in range(2):
        async with office.service.database.transaction(Cause.new(ACTOR)) as tx:
            await commands.window_opened(tx, UUID(eid), office.now, now=office.now)
    events = await office.service.published()
    (opened,) = [each.data.enrolment for each in events[1:] if isinstance(each.data, EnrolmentOpened)]
    assert (opened.kind.value, opened.entry, opened.credential_id) == (
        "recertification", "rule", UUID(int=500),
    )  # fmt: skip


async def test_nothing_is_kept_of_an_erased_holder_and_its_keys_end(office):
    await office.publish(approvals=BOTH)
    eid = (await office.enrol())["id"]
    await office.service.published()
    async with office.service.database.transaction(Cause.new(ACTOR)) as tx:
        await commands.forget_holder(tx, HOLDER, office.now)
        await tx.conn.execute("delete from worklist_items; delete from completions; delete from holders")
    (erased,) = await office.service.published()
    assert isinstance(erased.data, HolderErased)
    assert erased.data.key == f"{HOLDER}/enrolment/{eid}"
    async with office.service.database.reading() as conn:
        found = await search_database(conn, [str(HOLDER)], without=["outbox", "changes", "idempotency_keys"])
    assert [each.where for each in found if "enrol" in each.where] == []


SURVIVOR = UUID(int=9)


async def merge(office: Office) -> None:
    merged = holder(1, 2, active=False, merged_into=SURVIVOR)
    await office.service.tell(HolderMerged(holder=merged, into=SURVIVOR))


async def test_the_enrolments_of_a_merged_holder_become_those_of_the_other(office):
    await office.publish(approvals=Approvals(completion=Approver()))
    await office.service.tell(holder(9))
    eid = (await office.enrol())["id"]
    await office.report("COURSE", "c-1")
    await office.report("EXAM", "c-2")
    await office.service.published()
    await merge(office)
    told = [event.data for event in await office.service.published()]
    shown = await office.show(eid)
    assert (shown["holder_id"], shown["status"]) == (str(SURVIVOR), "admin_review")
    assert [item["holder_id"] for item in await office.worklist()] == [str(SURVIVOR)]
    state, moved = (each for each in told if "enrolment" in each.key)
    assert (state.key, state.changed) == (f"{SURVIVOR}/enrolment/{eid}", ("holder_id",))
    assert moved == EnrolmentMoved(holder_id=HOLDER, enrolment_id=UUID(eid), version=shown["version"])
    await merge(office)
    assert [event for event in await office.service.published() if "enrolment" in event.data.key] == []
    again = await office.enrol(status=409)
    assert eid in again["detail"], "the id of a merged holder leads to the other, who is enrolled"
    office.become("mara")
    assert (await office.act(eid, "approve"))["status"] == "active"


async def test_of_two_open_enrolments_of_one_person_the_survivors_goes_on_with_all_completions(office):
    await office.publish()
    await office.service.tell(holder(9))
    theirs = (await office.enrol())["id"]
    await office.report("COURSE", "c-1")
    kept = (await office.enrol(holder_id=str(SURVIVOR)))["id"]
    await merge(office)
    left = await office.show(theirs)
    assert (left["status"], left["reason"], left["holder_id"]) == ("cancelled", "merged", str(SURVIVOR))
    components = (await office.show(kept))["components"]
    assert [each["status"] for each in components] == ["completed", "open"]


async def test_a_decision_by_the_worklist_waits_for_a_direct_one_and_names_who_made_it(office):
    await office.publish(approvals=BOTH)
    eid = UUID((await office.enrol())["id"])
    (item,) = await office.worklist()
    office.become("mara")
    decision = {"item": item["id"], "decision": "deny", "reason": "full"}
    async with office.service.database.transaction(Cause.new("user:hedy")) as tx:
        await tx.conn.execute("select 1 from enrolments where id = $1 for update", eid)
        other = asyncio.create_task(
            office.http.post("/v1/worklist/decisions", json={"decisions": [decision]})
        )
        async with office.service.database.reading() as conn, asyncio.timeout(60):
            while not await conn.fetchval(BLOCKED):
                pass
        # It holds no item while it waits, so that this does not wait for it in turn.
        await tx.conn.execute(
            "select 1 from worklist_items where id = $1 for update nowait", UUID(item["id"])
        )
        await commands.decide(
            tx, eid, lambda change, course: deciding.approve(change, course, actor="user:hedy", now=NOW),
            now=NOW, label="approve",
        )  # fmt: skip
    answer = await other
    assert answer.status_code == 409
    assert "user:hedy closed it with approve" in answer.json()["detail"]
