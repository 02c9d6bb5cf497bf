"""Waivers and overrides: from asking to the end, in the register, on the topic and in timelines."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from licet_certifications.app import ACTOR, forget_holder
from licet_certifications.waivers import commands
from licet_certifications.waivers.commands import waiver_snapshots
from licet_chassis.cause import Cause
from licet_chassis.http.auth import Principal
from licet_events.holders import HolderErased
from licet_events.waivers import WaiverEnded, WaiverGranted

from .conftest import NOW, credential, holder, run

HOLDER = str(UUID(int=1))
SCOPES = frozenset(
    {"certifications:read", "certifications:write", "certifications:approve", "eligibility:read",
     "waivers:approve", "waivers:override"}
)  # fmt: skip
ADA, BEA = Principal("ada", SCOPES), Principal("bea", SCOPES)


def day(offset: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=offset)).isoformat()


def instant(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


class Waivers:
    """Asks for waivers of a forklift driver, as Ada or Bea."""

    def __init__(self, http: Any, service: Any, token: Any, requirement: Any) -> None:
        self.http, self.service, self.token, self.requirement = http, service, token, requirement

    async def ask(self, **body: Any) -> Any:
        asked = {
            "holder_id": HOLDER, "requirement_id": str(self.requirement.id), "reason": "renewal_in_progress",
            "note": "Booked for the 20th", "starts_on": day(0), "ends_on": day(30),
        }  # fmt: skip
        return await self.http.post(
            "/v1/waivers", json={k: v for k, v in (asked | body).items() if v is not None}
        )

    async def decide(self, waiver: Any, verb: str, by: Principal = BEA, reason: str | None = "why") -> Any:
        self.token.principal = by
        try:
            return await self.http.post(f"/v1/waivers/{waiver['id']}/{verb}", json={"reason": reason})
        finally:
            self.token.principal = ADA

    async def granted(self, **body: Any) -> Any:
        answer = await self.decide((await self.ask(**body)).json(), "approve")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def verdict(self, hours: float = 1, target: str = "role:forklift") -> tuple[str, str, str | None]:
        await self.service.work_off()
        check = {"holder_id": HOLDER, "target": target, "start": instant(hours), "end": instant(hours + 1)}
        answer = await self.http.post("/v1/eligibility/checks", json={"checks": [check]})
        (one,) = answer.json()["checks"]
        reason = one["reasons"][0]
        return one["verdict"], reason["code"], reason["waiver_id"]


@pytest.fixture
async def waivers(http, service, token):
    token.principal = ADA
    await service.tell(holder(1))
    requirement = await service.require("role:forklift", "licence", effective_from=date(2020, 1, 1))
    await service.work_off()
    await service.published()
    return Waivers(http, service, token, requirement)


async def test_a_waiver_is_asked_for_by_one_and_granted_by_another_and_releases_while_it_holds(
    waivers, service
):
    asked = await waivers.ask(type="licence")
    assert asked.status_code == 201, asked.text
    waiver = asked.json()
    assert asked.headers["Location"] == f"/v1/waivers/{waiver['id']}"
    assert (waiver["status"], waiver["requested_by"], waiver["target"]) == (
        "requested",
        "user:ada",
        "role:forklift",
    )
    assert waiver["note"] == "Booked for the 20th"
    assert (await waivers.verdict())[:2] == ("ineligible", "missing")

    own = await waivers.decide(waiver, "approve", by=ADA)
    assert (own.status_code, "somebody else" in own.json()["detail"]) == (409, True)
    granted = await waivers.decide(waiver, "approve")
    assert (granted.json()["status"], granted.json()["decided_by"]) == ("granted", "user:bea")
    assert await waivers.verdict() == ("eligible", "waived", waiver["id"])
    assert (await waivers.verdict(24 * 40))[:2] == ("ineligible", "missing")
    told, timeline = await service.published()
    assert isinstance(told.data, WaiverGranted)
    assert told.data.key == f"{HOLDER}/waiver/{waiver['id']}"
    assert (told.data.waiver.type, told.data.waiver.version) == ("licence", 2)
    assert "Booked" not in told.data.model_dump_json()
    assert timeline.causation_id == str(told.id)
    assert ("waiver", waiver["id"]) in {(one.kind, one.id) for one in timeline.data.eligibility.facts}

    await service.tell(credential(2, 1, run(date(2020, 1, 1), None)))
    assert (await waivers.verdict())[:2] == ("eligible", "valid")


async def test_a_revoked_waiver_releases_no_longer_and_stays_in_the_register(waivers, service):
    waiver = await waivers.granted()
    assert (await waivers.verdict())[1] == "waived"
    revoked = await waivers.decide(waiver, "revoke")
    assert (revoked.json()["status"], revoked.json()["revocation_note"]) == ("revoked", "why")
    assert (await waivers.verdict())[:2] == ("ineligible", "missing")
    assert [one.data.event_type.split(".")[1:3] for one in await service.published()] == [
        ["waiver", "granted"],
        ["eligibility", "changed"],
        ["waiver", "revoked"],
        ["eligibility", "changed"],
    ]
    again = await waivers.decide(waiver, "revoke")
    assert (again.status_code, "is revoked" in again.json()["detail"]) == (409, True)
    listed = (await waivers.http.get("/v1/waivers")).json()["items"]
    assert [one["id"] for one in listed] == [waiver["id"]]


async def test_a_refused_waiver_was_never_told_of(waivers, service):
    waiver = (await waivers.ask()).json()
    refused = await waivers.decide(waiver, "refuse")
    assert (refused.json()["status"], refused.json()["decision_note"]) == ("refused", "why")
    assert (await waivers.decide(waiver, "approve")).status_code == 409
    assert await service.published() == []


async def test_the_end_is_told_and_the_timeline_has_known_it_from_the_beginning(waivers, service):
    waiver = await waivers.granted(starts_on=None, ends_on=None, ends_at=instant(5))
    await service.work_off()
    await service.published()
    waiver_id, ends_at = UUID(waiver["id"]), datetime.fromisoformat(waiver["ends_at"])
    # An instant that the waiver no longer has, its end, and its end once more.
    for at in (ends_at - timedelta(hours=1), ends_at, ends_at):
        async with service.database.transaction(Cause.new(ACTOR)) as tx:
            await commands.end_reached(tx, waiver_id, at, now=datetime.now(UTC))
    await service.work_off()
    (told,) = await service.published()
    assert isinstance(told.data, WaiverEnded)
    shown = (await waivers.http.get(f"/v1/waivers/{waiver['id']}")).json()
    assert (shown["status"], shown["ends_at"]) == ("ended", waiver["ends_at"])


@pytest.mark.parametrize(
    ("body", "status", "pointer", "words"),
    [
        ({"ends_on": None}, 422, "/ends_on", "always has an end"),
        ({"ends_on": day(-2), "starts_on": day(-9)}, 422, "/ends_on", "past"),
        ({"ends_on": day(1), "starts_on": day(2)}, 422, "/ends_on", "end after it starts"),
        ({"ends_on": day(200)}, 422, "/ends_on", "at most 90 days"),
        ({"reason": "emergency"}, 422, "/ends_on", "at most 7 days"),
        ({"reason": "because"}, 422, "/reason", ""),
        ({"type": "course"}, 422, "/type", "does not ask for course; it names licence"),
        ({"target": "role:welder"}, 422, "/target", "is for role:forklift"),
        ({"ends_at": instant(5)}, 422, "/ends_at", "not both"),
        ({"holder_id": str(UUID(int=9))}, 404, None, "no holder"),
        ({"requirement_id": str(UUID(int=9))}, 404, None, "no requirement"),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused_and_nothing_is_kept(waivers, body, status, pointer, words):
    answer = await waivers.ask(**body)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
    if pointer is not None:
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await waivers.http.get("/v1/waivers")).json()["items"] == []


async def test_the_register_is_filtered_paged_and_told_as_csv(waivers, service):
    await service.tell(holder(2, team="north"))
    first = await waivers.granted(ends_on=day(5))
    second = await waivers.granted(ends_on=day(60), reason="supervised")
    third = (await waivers.ask(holder_id=str(UUID(int=2)))).json()

    async def ids(**query: Any) -> list[str]:
        answer = await waivers.http.get("/v1/waivers", params=query)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["items"]]

    assert set(await ids()) == {first["id"], second["id"], third["id"]}
    assert await ids(ending_within_days=14) == [first["id"]]
    assert await ids(status="requested") == [third["id"]]
    assert await ids(reason="supervised") == [second["id"]]
    assert await ids(holder_id=third["holder_id"]) == [third["id"]]
    assert await ids(override="true") == []
    assert set(await ids(target="role:forklift", requirement_id=str(waivers.requirement.id))) == set(
        await ids()
    )
    csv = await waivers.http.get("/v1/waivers", headers={"Accept": "text/csv"})
    assert len(csv.text.splitlines()) == 4
    waivers.token.principal = Principal("nora", SCOPES, teams=frozenset({"north"}))
    assert await ids() == [third["id"]]
    assert (await waivers.http.get(f"/v1/waivers/{first['id']}")).status_code == 404
    assert (await waivers.ask()).status_code == 404
    nora = waivers.token.principal
    assert (await waivers.decide(first, "revoke", by=nora)).status_code == 404
    assert (await waivers.decide(third, "approve", by=nora)).status_code == 200


async def test_an_override_is_a_waiver_of_one_shift_and_waits_for_a_review(waivers, service):
    start, end = instant(1), instant(9)
    body = {"holder_id": HOLDER, "target": "role:forklift", "start": start, "end": end, "reason": "emergency"}
    answer = await waivers.http.post("/v1/overrides", json=body | {"note": "Storm"})
    assert answer.status_code == 201, answer.text
    override = answer.json()
    assert (override["status"], override["override"], override["requirement_id"]) == ("granted", True, None)
    assert await waivers.verdict(2) == ("eligible", "waived", override["id"])
    assert (await waivers.verdict(20))[1] == "missing"
    (item,) = (await waivers.http.get("/v1/worklist")).json()["items"]
    assert (item["kind"], item["needs"], item["may_decide"]["not_by"]) == (
        "override_review",
        "review",
        ["user:ada"],
    )
    waivers.token.principal = BEA
    decision = {"item": item["id"], "decision": "deny", "reason": "No storm"}
    decided = await waivers.http.post("/v1/worklist/decisions", json={"decisions": [decision]})
    assert decided.status_code == 200, decided.text
    assert (await waivers.verdict(2))[1] == "missing"
    assert (await waivers.http.get("/v1/worklist")).json()["items"] == []
    long = await waivers.http.post("/v1/overrides", json=body | {"end": instant(100)})
    assert (long.status_code, long.json()["errors"][0]["pointer"]) == (422, "/end")
    today = instant(1)[:10]
    days = await waivers.http.post("/v1/overrides", json=body | {"start": today, "end": today})
    assert days.status_code == 201, days.text
    assert days.json()["starts_at"][:10] == today
    misspelt = await waivers.http.post("/v1/overrides", json=body | {"target": "role:forklft"})
    assert (misspelt.status_code, misspelt.json()["errors"][0]["pointer"]) == (422, "/target")


async def test_the_worklist_has_what_is_asked_for_and_decides_it(waivers):
    waiver = (await waivers.ask()).json()
    (item,) = (await waivers.http.get("/v1/worklist")).json()["items"]
    assert (item["kind"], item["details"]["reason"]) == ("waiver", "renewal_in_progress")
    decisions = {"decisions": [{"item": item["id"], "decision": "approve"}]}
    assert (await waivers.http.post("/v1/worklist/decisions", json=decisions)).status_code == 409
    waivers.token.principal = BEA
    assert (await waivers.http.post("/v1/worklist/decisions", json=decisions)).status_code == 200
    assert (await waivers.http.get(f"/v1/waivers/{waiver['id']}")).json()["status"] == "granted"
    assert (await waivers.http.get("/v1/worklist")).json()["items"] == []


async def test_of_the_erased_stays_that_there_was_a_waiver_and_nobody_is_in_it(waivers, service):
    waiver = await waivers.granted()
    await waivers.ask()
    await service.work_off()
    await service.published()
    async with service.database.transaction(Cause.new(ACTOR)) as tx:
        assert [one.waiver.id for one in (await waiver_snapshots(tx.conn, None, 10))[0]] == [
            UUID(waiver["id"])
        ]
        await forget_holder(tx, UUID(int=1), NOW)
    ended = [one.data for one in await service.published() if isinstance(one.data, HolderErased)]
    assert [one.key for one in ended] == [f"{HOLDER}/waiver/{waiver['id']}"]
    shown = (await waivers.http.get("/v1/waivers")).json()["items"]
    assert {(one["holder_id"], one["note"], one["requested_by"], one["decided_by"]) for one in shown} == {
        (None, None, "erased", None)
    }
    assert {one["status"] for one in shown} == {"granted", "requested"}
    async with service.database.transaction(Cause.new(ACTOR)) as tx:
        assert (await waiver_snapshots(tx.conn, None, 10))[0] == []
        await commands.end_reached(tx, UUID(waiver["id"]), NOW + timedelta(days=9000), now=NOW)
    assert await service.published() == []
