"""Training demand: seats, sessions in time, shortage, the last session that helps, and the cost."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from integration.certifications.conftest import Certifications, credential, holder, run
from licet_chassis.http.auth import Principal
from licet_events.catalogue import Category, CredentialTypeChanged, CredentialTypeState


@pytest.fixture
def today(service: Certifications) -> date:
    return service.runtime.clock.now().date()


async def a_programme(service: Certifications, http: httpx.AsyncClient) -> None:
    now = service.runtime.clock.now()
    licence = CredentialTypeState(
        code="licence", version=1, name="Licence", category=Category.LICENSE, created_at=now, updated_at=now
    )
    await service.tell(CredentialTypeChanged(credential_type=licence))
    assert (await http.post("/v1/programmes", json={"code": "lift", "name": "Forklift"})).status_code == 201
    definition = {
        "credential_type": "licence",
        "components": [
            {"code": "course", "name": "Course", "kind": "course", "usual_days": 2},
            {"code": "exam", "name": "Exam", "kind": "exam"},
            {"code": "extra", "name": "Extra", "kind": "task", "required": False},
        ],
    }  # fmt: skip
    draft = await http.post("/v1/programmes/lift/versions", json=definition)
    assert draft.status_code == 201, draft.text
    published = await http.post("/v1/programmes/lift/versions/1/publish")
    assert published.status_code == 200, published.text


async def an_organisation(service: Certifications, http: httpx.AsyncClient, today: date) -> None:
    """Four at BER: two lose in 20 days, one in 40, one has none; one at HAM has a licence for good."""
    long_ago = today - timedelta(days=300)
    await a_programme(service, http)
    await service.require(effective_from=long_ago)
    ends = {2: today + timedelta(days=20), 3: today + timedelta(days=20), 4: today + timedelta(days=40)}
    await service.tell(
        holder(1, team="north", location="BER"), holder(2, team="north", location="BER"),
        holder(3, team="south", location="BER"), holder(4, team="south", location="BER"),
        holder(5, team="south", location="HAM"),
        credential(15, 5, run(long_ago, None)),
        *(credential(10 + number, number, run(long_ago, end)) for number, end in ends.items()),
    )  # fmt: skip
    await service.work_off()


async def teach(http: httpx.AsyncClient, name: str, day: date, seats: int, **facts: Any) -> httpx.Response:
    body = {
        "programme": "lift", "component": "course", "location": "BER", "start": f"{day}T08:00:00Z",
        "seats": seats, **facts,
    }  # fmt: skip
    return await http.put(f"/v1/training-sessions/{name}", json=body)


async def found(http: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    window = {"within": 60} if path.startswith("/v1/training-demand") else {}
    answer = await http.get(path, params={**window, **query})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_the_earliest_due_get_the_seats_and_the_rest_is_the_shortage(
    service: Certifications, http: httpx.AsyncClient, today: date
):
    await an_organisation(service, http, today)
    assert (await teach(http, "early", today + timedelta(days=5), 3, booked=2)).status_code == 201
    await teach(http, "late", today + timedelta(days=30), 5)
    await teach(http, "elsewhere", today + timedelta(days=5), 9, location="HAM")
    lines = await found(http, "/v1/training-demand")
    course = [line for line in lines if line["component"] == "course"]
    weeks = {(date.fromisoformat(line["week"]) - today).days // 7: line for line in course}
    # Who has none is helped by the late session as well, so that the early seat is for who loses first.
    assert {week: (line["needed"], line["served"], line["shortage"]) for week, line in weeks.items()} == {
        0: (1, 1, 0), 3: (2, 1, 1), 5: (1, 1, 0),
    }  # fmt: skip
    exam = [line for line in lines if line["component"] == "exam"]
    assert sum(line["shortage"] for line in exam) == sum(line["needed"] for line in exam) == 4
    assert {line["component"] for line in lines} == {"course", "exam"}
    assert {line["location"] for line in lines} == {"BER"}


async def test_each_person_hears_of_the_last_session_that_helps(
    service: Certifications, http: httpx.AsyncClient, today: date
):
    await an_organisation(service, http, today)
    await teach(http, "in-time", today + timedelta(days=18), 5)
    await teach(http, "too-late-for-two", today + timedelta(days=19), 5)
    await teach(http, "full", today + timedelta(days=30), 5, booked=5)
    needs = await found(http, "/v1/training-demand/holders", component="course")
    latest = {UUID(need["holder_id"]).int: need["latest_session"] for need in needs}
    # The course takes two days, and the licences of two end at midnight after the 20th day.
    assert latest == {1: "too-late-for-two", 2: "in-time", 3: "in-time", 4: "too-late-for-two"}
    assert needs[0]["by"] is None
    assert datetime.fromisoformat(needs[1]["by"]).date() == today + timedelta(days=21)
    page = (await http.get("/v1/training-demand/holders", params={"within": 60, "limit": 3})).json()
    rest = await found(http, "/v1/training-demand/holders", limit=500, cursor=page["next_cursor"])
    assert page["items"] + rest == await found(http, "/v1/training-demand/holders")
    assert len(page["items"] + rest) == 8


async def test_work_that_is_done_needs_no_seat(service: Certifications, http: httpx.AsyncClient, today: date):
    await an_organisation(service, http, today)
    opened = await http.post(
        "/v1/enrolments", json={"programme": "lift", "holder_id": str(UUID(int=1)), "entry": "staff"}
    )
    assert opened.status_code == 201, opened.text
    async with service.database.reading() as conn:
        await conn.execute(
            "update enrolments set state = jsonb_set(state, '{components,0,status}', '\"completed\"')"
        )
    needs = await found(http, "/v1/training-demand/holders")
    assert [need["component"] for need in needs if UUID(need["holder_id"]).int == 1] == ["exam"]


async def test_the_cost_is_by_location_and_month(
    service: Certifications, http: httpx.AsyncClient, today: date
):
    await an_organisation(service, http, today)
    put = await http.put("/v1/training-prices/lift/course", json={"price": "100.00", "currency": "EUR"})
    assert put.status_code == 201, put.text
    assert (await http.get("/v1/training-prices")).json()["items"][0]["price"] == "100.00"
    await teach(http, "dear", today + timedelta(days=5), 1, price=250.5, currency="EUR")
    costs = await found(http, "/v1/training-demand/costs")
    euros = [cost for cost in costs if cost["currency"] == "EUR"]
    assert sum(float(cost["amount"]) for cost in euros) == 250.5 + 3 * 100
    # Nobody has said what an exam costs.
    assert sum(cost["seats"] for cost in costs if cost["currency"] is None) == 4
    assert {cost["location"] for cost in costs} == {"BER"}
    csv = await http.get("/v1/training-demand/costs", headers={"Accept": "text/csv"})
    assert csv.text.splitlines()[0] == "location,month,currency,seats,amount"


async def test_a_narrowed_token_counts_only_its_people(
    service: Certifications, http: httpx.AsyncClient, today: date, token: Any
):
    await an_organisation(service, http, today)
    token.principal = Principal("mara", frozenset({"eligibility:read"}), teams=frozenset({"north"}))
    lines = await found(http, "/v1/training-demand")
    assert sum(line["needed"] for line in lines) == 4
    assert {need["team"] for need in await found(http, "/v1/training-demand/holders")} == {"north"}
    assert sum(cost["seats"] for cost in await found(http, "/v1/training-demand/costs")) == 4


async def test_sessions_are_entered_replaced_listed_and_forgotten(
    service: Certifications, http: httpx.AsyncClient, today: date
):
    await a_programme(service, http)
    first = await teach(http, "a", today + timedelta(days=5), 3)
    assert (first.status_code, first.headers["ETag"]) == (201, '"1"')
    again = await teach(http, "a", today + timedelta(days=5), 3)
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await teach(http, "a", today + timedelta(days=5), 4)).json()["version"] == 2
    await teach(http, "b", today + timedelta(days=4), 1, location="HAM")
    assert [one["external_id"] for one in await found(http, "/v1/training-sessions")] == ["b", "a"]
    assert len(await found(http, "/v1/training-sessions", location="HAM")) == 1
    stale = await http.delete("/v1/training-sessions/a", headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert (await http.delete("/v1/training-sessions/a")).status_code == 204
    assert (await http.get("/v1/training-sessions/a")).status_code == 404
    assert datetime.fromisoformat((await http.get("/v1/training-sessions/b")).json()["start"]).tzinfo == UTC


@pytest.mark.parametrize(
    ("facts", "pointer"),
    [
        ({"programme": "unheard"}, "/programme"),
        ({"component": "unheard"}, "/component"),
        ({"price": 3}, ""),
        ({"seats": -1}, "/seats"),
        ({"price": 1.005, "currency": "EUR"}, "/price"),
        ({"price": 1, "currency": "euro"}, "/currency"),
    ],
)
async def test_a_session_that_makes_no_sense_is_refused(
    service: Certifications, http: httpx.AsyncClient, today: date, facts: dict[str, Any], pointer: str
):
    await a_programme(service, http)
    answer = await teach(http, "a", today, **{"seats": 1, **facts})
    assert answer.status_code == 422, answer.text
    assert [problem["pointer"] for problem in answer.json()["errors"]] == [pointer]
    assert await found(http, "/v1/training-sessions") == []
