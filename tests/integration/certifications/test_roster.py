"""Rosters: who may work a shift, who may do what on a day, and what was known when a shift began."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from licet_certifications.roster.store import QUERIES
from licet_chassis.http.auth import Principal
from licet_events.credentials import FlagKind, FlagState

from .conftest import NOW, credential, holder, location, run

TODAY = datetime.now(UTC).date()
START = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
END = START + timedelta(hours=8)


def ahead(days: int) -> Any:
    return run(date(2026, 1, 1), TODAY + timedelta(days=days))


async def ask(http, **changes):
    told = {"target": "role:forklift", "start": START.isoformat(), "end": END.isoformat(), **changes}
    answer = await http.post("/v1/eligibility/candidates", json=told)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page) -> list[int]:
    return [UUID(one["holder_id"]).int for one in page["items"]]


@pytest.fixture
async def people(service):
    """Six holders: 1 to 3 valid for ever longer, 4 expired, 5 in grace, 6 for ever."""
    await service.require()
    for number, days in ((1, 30), (2, 60), (3, 90), (4, -60), (5, 1)):
        grace: dict[str, Any] = {"grace_days": 20} if number == 5 else {}
        await service.tell(
            holder(number, team="north" if number % 2 else "south"),
            credential(100 + number, number, ahead(days), **grace),
        )
    await service.tell(holder(6, team="north"), credential(106, 6, run(date(2026, 1, 1), None)))
    await service.work_off()


async def test_candidates_are_all_who_may_longest_first(people, http):
    page = await ask(http)
    assert ids(page) == [6, 3, 2, 1, 5]
    assert page["items"][0]["eligible_until"] is None
    assert [one["verdict"] for one in page["items"]] == ["eligible"] * 4 + ["warning"]
    assert [one["code"] for one in page["items"][4]["reasons"]] == ["grace"]
    assert page["next_cursor"] is None


async def test_candidates_come_in_pages_also_after_one_who_is_eligible_for_ever(people, http):
    found, cursor = [], None
    for _ in range(3):
        page = await ask(http, limit=2, cursor=cursor)
        found += ids(page)
        cursor = page["next_cursor"]
    assert (found, cursor) == ([6, 3, 2, 1, 5], None)
    found, cursor = [], None
    for _ in range(2):
        page = await ask(http, limit=2, team="north", cursor=cursor)
        found += ids(page)
        cursor = page["next_cursor"]
    assert (found, cursor) == ([6, 3, 1, 5], None)


async def test_a_location_is_answered_by_its_own_timelines_and_else_by_those_for_anywhere(
    service, people, http
):
    await service.require("role:forklift", "berlin-permit", locations=("BER",))
    await service.tell(credential(203, 3, ahead(40), type="berlin-permit"))
    await service.work_off()
    assert ids(await ask(http, location="BER")) == [3]
    assert ids(await ask(http, location="HAM")) == [6, 3, 2, 1, 5]
    # Of one who works in Hamburg the timeline of its own counts there, whatever it says.
    await service.require("role:forklift", "berlin-permit", locations=("HAM",))
    await service.tell(holder(2, 2, team="south", location="MUC"))
    await service.work_off()
    assert ids(await ask(http, location="HAM")) == [3]
    assert ids(await ask(http, location="MUC")) == [6, 3, 2, 1, 5]


async def test_candidates_agree_with_checks_after_every_change(service, people, http):
    flag = FlagState(id=UUID(int=7), kind=FlagKind.SUSPENDED, effective_from=NOW, reason="under_review")
    for change in (
        holder(1, 2, active=False), holder(6, 2, roles=()),
        credential(102, 2, ahead(60), version=2, flags=(flag,)),
        credential(104, 4, ahead(5), version=2), holder(3, 2, location="BER", team="north"),
        holder(6, 3, team="north"),
    ):  # fmt: skip
        await service.tell(change)
        await service.work_off()
        for place in ("*", "BER"):
            shifts = [
                {"holder_id": str(UUID(int=number)), "target": "role:forklift", "location": place,
                 "start": START.isoformat(), "end": END.isoformat()}
                for number in range(1, 7)
            ]  # fmt: skip
            checks = (await http.post("/v1/eligibility/checks", json={"checks": shifts})).json()["checks"]
            may = {UUID(one["holder_id"]).int for one in checks if one["verdict"] != "ineligible"}
            assert set(ids(await ask(http, location=place))) == may
            assert set(ids(await ask(http, location=place, team="north"))) <= may


async def test_an_erased_holder_is_no_candidate_and_a_narrowed_token_sees_its_own(people, http, token):
    token.principal = Principal("ada", token.principal.scopes, teams=frozenset({"south"}))
    assert ids(await ask(http)) == [2]
    token.principal = Principal("ada", token.principal.scopes, locations=frozenset({"BER"}))
    assert ids(await ask(http)) == []


async def test_dates_are_days_of_the_locations_zone_last_day_included(service, people, http):
    await service.tell(location("HNL", time_zone="Pacific/Honolulu"))
    last = (TODAY + timedelta(days=30)).isoformat()
    assert 1 in ids(await ask(http, start=last, end=last))
    # In Honolulu that day ends ten hours after the licence, whose last day is one in UTC.
    assert 1 not in ids(await ask(http, start=last, end=last, location="HNL"))
    refused = await http.post(
        "/v1/eligibility/candidates", json={"target": "role:forklift", "start": last, "end": "2026-01-01"}
    )
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/end")


async def test_a_timeline_and_checks_take_days_as_well(service, people, http):
    asked = {"target": "role:forklift", "from": "2026-03-01", "to": "2026-03-02"}
    (one,) = (await http.get(f"/v1/eligibility/{UUID(int=1)}", params=asked)).json()["intervals"]
    assert (one["start"], one["end"]) == ("2026-03-01T00:00:00Z", "2026-03-03T00:00:00Z")
    last = (TODAY + timedelta(days=30)).isoformat()
    after = (TODAY + timedelta(days=31)).isoformat()
    checks = [
        {"holder_id": str(UUID(int=1)), "target": "role:forklift", "start": last, "end": end}
        for end in (last, after)
    ]
    answer = (await http.post("/v1/eligibility/checks", json={"checks": checks})).json()["checks"]
    assert [one["verdict"] for one in answer] == ["eligible", "ineligible"]


async def test_the_matrix_shows_holders_by_targets_on_a_day(service, people, http, token):
    await service.require("queue:claims", "claims-course")
    await service.tell(holder(7, roles=(), queues=("claims",), team="south"))
    await service.work_off()
    asked = {"target": ["role:forklift", "queue:claims"], "on": (TODAY + timedelta(days=45)).isoformat()}
    rows = (await http.get("/v1/eligibility/matrix", params={**asked, "limit": 4})).json()
    rest = (await http.get("/v1/eligibility/matrix", params={**asked, "cursor": rows["next_cursor"]})).json()[
        "items"
    ]
    shown = {
        UUID(row["holder_id"]).int: [one["verdict"] for one in row["verdicts"]]
        for row in (*rows["items"], *rest)
    }
    assert shown[1] == ["ineligible", "ineligible"]
    assert shown[2] == ["eligible", "ineligible"]
    assert list(shown) == [1, 2, 3, 4, 5, 6, 7]
    text = (
        await http.get("/v1/eligibility/matrix", params=asked, headers={"Accept": "text/csv"})
    ).text.splitlines()
    assert text[0] == "holder_id,team,location,role:forklift,queue:claims"
    assert text[2] == f"{UUID(int=2)},south,,eligible,ineligible: not_assigned"
    assert len(text) == 8
    token.principal = Principal("ada", token.principal.scopes, teams=frozenset({"south"}))
    narrowed = (await http.get("/v1/eligibility/matrix")).json()["items"]
    assert [UUID(row["holder_id"]).int for row in narrowed] == [2, 4, 7]
    assert [one["target"] for one in narrowed[0]["verdicts"]] == ["queue:claims", "role:forklift"]


@pytest.mark.parametrize("place", ["*", "BER"])
async def test_no_candidates_are_found_by_reading_a_whole_table(service, people, place):
    name = "candidates_anywhere" if place == "*" else "candidates_at"
    async with service.database.reading() as conn:
        await conn.execute("analyze")
        given = ["role:forklift", START, END, None, None, 50, *([place] if place != "*" else [])]
        # Reading all is cheapest where few rows fill one page; what counts is that it is not needed.
        await conn.execute("set enable_seqscan = off; set enable_sort = on")
        rows = await conn.fetch(f"explain {QUERIES[name]}", *given)
    plan = "\n".join(row[0] for row in rows)
    assert "Seq Scan on eligible_spans" not in plan
    assert "eligible_spans_longest" in plan
    assert "Seq Scan on holders" not in plan


async def test_the_past_is_answered_by_what_was_known_then(service, people, http):
    now = datetime.now(UTC)
    began = now + timedelta(milliseconds=1)
    over = began + timedelta(hours=8)
    asked = {"target": "role:forklift", "start": began.isoformat(), "end": over.isoformat()}
    before = (await http.get(f"/v1/eligibility/{UUID(int=1)}/on", params=asked)).json()
    assert (before["then"]["verdict"], before["differs"], before["today"]) == ("eligible", False, None)
    assert before["then"]["version"] == 1
    # It turns out that the licence had been revoked long ago.
    flag = FlagState(id=UUID(int=7), kind=FlagKind.REVOKED, effective_from=NOW, reason="fraud")
    await service.tell(credential(101, 1, ahead(30), version=2, flags=(flag,)))
    await service.work_off()
    answer = (await http.get(f"/v1/eligibility/{UUID(int=1)}/on", params=asked)).json()
    assert answer["then"]["verdict"] == "eligible"
    assert answer["differs"]
    assert (answer["today"]["verdict"], answer["today"]["version"]) == ("ineligible", 2)
    versions = {
        when: {fact["id"]: fact["version"] for fact in answer[when]["facts"]} for when in ("then", "today")
    }
    assert versions["then"][str(UUID(int=101))] == 1
    assert versions["today"][str(UUID(int=101))] == 2
    page = await http.get(
        f"/v1/eligibility/{UUID(int=1)}/on", params=asked, headers={"Accept": "application/pdf"}
    )
    assert (page.headers["content-type"], page.content[:5]) == ("application/pdf", b"%PDF-")
    assert page.content.count(b"/Type /Page\n") == 1


async def test_before_any_decision_the_holder_is_ineligible_for_want_of_one(people, http, token):
    asked = {"target": "role:forklift", "start": "2020-01-01", "end": "2020-01-01"}
    answer = (await http.get(f"/v1/eligibility/{UUID(int=1)}/on", params=asked)).json()
    assert (answer["then"]["verdict"], answer["then"]["version"]) == ("ineligible", None)
    assert answer["differs"]
    token.principal = Principal("ada", token.principal.scopes, teams=frozenset({"south"}))
    hidden = await http.get(f"/v1/eligibility/{UUID(int=1)}/on", params=asked)
    assert hidden.status_code == 404
