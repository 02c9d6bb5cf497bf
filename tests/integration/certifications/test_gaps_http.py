"""Gaps over HTTP: who will lose eligibility, when, and for want of what."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from integration.certifications.conftest import Certifications, credential, holder, run
from licet_chassis.http.auth import Principal


@pytest.fixture
def today(service: Certifications) -> date:
    return service.runtime.clock.now().date()


async def gaps(http: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await http.get("/v1/gaps", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def holders_of(http: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await http.get("/v1/gaps/holders", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def an_organisation(service: Certifications, today: date) -> None:
    """Two teams: one holder valid for long, one who loses in 20 days, one in 40, two without."""
    long_ago = today - timedelta(days=300)
    await service.require(effective_from=long_ago)
    await service.tell(
        holder(1, team="north"), holder(2, team="north"), holder(3, team="south"), holder(4, team="south"),
        holder(5, team="south"), holder(6, team="south", active=False),
        credential(11, 1, run(long_ago, None)),
        credential(12, 2, run(long_ago, today + timedelta(days=20))),
        credential(13, 3, run(long_ago, today + timedelta(days=40))),
        credential(14, 4, run(long_ago, today - timedelta(days=1))),
    )  # fmt: skip
    await service.work_off()


async def test_each_team_counts_who_loses_and_who_has_none(
    service: Certifications, http: httpx.AsyncClient, today: date
):
    await an_organisation(service, today)
    north, south = await gaps(http, within=30, by="team")
    assert (north["team"], north["holders"], north["losing"], north["without"]) == ("north", 2, 1, 0)
    assert (south["team"], south["holders"], south["losing"], south["without"]) == ("south", 3, 0, 2)
    north, south = await gaps(http, within=60, by="team")
    assert (south["losing"], south["without"]) == (1, 2)


async def test_the_burn_down_falls_in_the_week_of_the_loss(
    service: Certifications, http: httpx.AsyncClient, today: date
):
    await an_organisation(service, today)
    [everyone] = await gaps(http, within=60, by="role")
    weeks = everyone["weeks"]
    assert len(weeks) == 9
    losses = {number: week["losing"] for number, week in enumerate(weeks) if week["losing"]}
    # The last valid day is the 20th from today, so eligibility ends with the 21st: the fourth week's first.
    assert losses == {3: 1, 5: 1}
    assert [week["eligible"] for week in weeks] == [3, 3, 3, 2, 2, 1, 1, 1, 1]
    assert weeks[1]["starts_on"] == (today + timedelta(days=7)).isoformat()


async def test_a_gap_says_when_and_for_want_of_which_type(
    service: Certifications, http: httpx.AsyncClient, today: date
):
    await an_organisation(service, today)
    [losing] = await holders_of(http, within=30, state="losing")
    assert (losing["holder_id"], losing["target"], losing["types"]) == (
        str(UUID(int=2)), "role:forklift", ["licence"],
    )  # fmt: skip
    assert datetime.fromisoformat(losing["at"]).date() == today + timedelta(days=21)
    without = await holders_of(http, within=30, state="without", team="south")
    assert [gap["holder_id"] for gap in without] == [str(UUID(int=4)), str(UUID(int=5))]
    assert all(gap["at"] is None for gap in without)


async def test_a_role_that_is_asked_for_is_the_only_one_that_is_counted(
    service: Certifications, http: httpx.AsyncClient, today: date
):
    await an_organisation(service, today)
    await service.tell(holder(7, team="north", roles=("welder",)), holder(8, roles=("forklift", "welder")))
    await service.work_off()
    [forklift] = await gaps(http, within=30, by="role", role="role:forklift")
    assert (forklift["role"], forklift["holders"]) == ("role:forklift", 6)
    north = next(row for row in await gaps(http, within=30, by="team", role="role:forklift") if row["team"])
    assert (north["team"], north["holders"]) == ("north", 2)


async def test_dimensions_combine(service: Certifications, http: httpx.AsyncClient, today: date):
    await an_organisation(service, today)
    rows = await gaps(http, within=60, by="team,type")
    assert [(row["team"], row["type"], row["losing"]) for row in rows] == [
        ("north", "licence", 1), ("south", "licence", 1),
    ]  # fmt: skip
    assert [row["holders"] for row in rows] == [2, 3]


async def test_a_narrowed_token_counts_only_its_people(
    service: Certifications, http: httpx.AsyncClient, today: date, token: Any
):
    await an_organisation(service, today)
    token.principal = Principal("mara", frozenset({"eligibility:read"}), teams=frozenset({"north"}))
    [north] = await gaps(http, within=60, by="team")
    assert (north["team"], north["holders"]) == ("north", 2)
    assert {gap["team"] for gap in await holders_of(http, within=60)} == {"north"}


@pytest.mark.parametrize("limit", [1, 2])
async def test_pages_lose_nobody(service: Certifications, http: httpx.AsyncClient, today: date, limit: int):
    await an_organisation(service, today)
    whole = await holders_of(http, within=60)
    assert len(whole) == 4
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query = {"within": 60, "limit": limit} | ({} if cursor is None else {"cursor": cursor})
        page = (await http.get("/v1/gaps/holders", params=query)).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == whole


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"by": "team,team"}, "twice"),
        ({"by": "colour"}, "something else"),
        ({"within": "0"}, "within"),
        ({"within": "400"}, "within"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    http: httpx.AsyncClient, query: dict[str, str], sentence: str
):
    answer = await http.get("/v1/gaps", params=query)
    assert answer.status_code == 422
    assert sentence in answer.text


async def test_gaps_are_one_csv_file(service: Certifications, http: httpx.AsyncClient, today: date):
    await an_organisation(service, today)
    answer = await http.get("/v1/gaps/holders", params={"within": 60}, headers={"Accept": "text/csv"})
    assert len(answer.text.strip().splitlines()) == 5
