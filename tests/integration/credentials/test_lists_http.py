"""Lists over HTTP: filters together, words, orders, pages under writes, what a token sees, and CSV."""

import asyncio
import csv
import io
from typing import Any
from uuid import UUID

import pytest

from support.edge.issuer import Issuer

from .conftest import made


@pytest.fixture
async def office(http: Any, service: Any) -> dict[str, Any]:
    """Three holders and four types of what they have."""
    await made(
        http, "credential-types", code="forklift", name="Forklift licence", category="license", ladder=[30],
        aliases=["flt"], attributes=[
            {"name": "class", "kind": "choices", "options": ["B", "CE"]}, {"name": "tons", "kind": "integer"},
            {"name": "indoor", "kind": "boolean"},
        ],
    )  # fmt: skip
    await made(http, "credential-types", code="aid", name="First aid", category="training", ladder=[30])
    held = {}
    for name, external_id, team, location in (
        ("Ana Müller", "E-1", "red", "north"),
        ("Ben Ångström", "E-2", "red", "south"),
        ("Zoë Ode", "E-3", "blue", "north"),
    ):
        held[name] = await made(
            http, "holders", kind="employee", name=name, external_id=external_id, team=team,
            location=location, email=f"{external_id.lower()}@example.test",
        )  # fmt: skip
    ana, ben, zoe = (each["id"] for each in held.values())
    common = {"type": "forklift", "valid_from": "2025-01-01", "time_zone": "Europe/Berlin"}
    credentials = {
        "active": await made(
            http, "credentials", holder_id=ana, number="FL-100_A", country="DE", expires_on="2026-12-31",
            attributes={"class": ["B", "CE"], "tons": 5}, **common,
        ),
        "expiring": await made(
            http, "credentials", holder_id=ben, number="FL-200", country="US", subdivision="US-IL",
            expires_on="2026-03-20", attributes={"class": ["B"], "indoor": True}, **common,
        ),
        "expired": await made(
            http, "credentials", holder_id=zoe, number="FL-300", country="DE", subdivision="DE-HB",
            expires_on="2026-02-01", attributes={"tons": 7}, **common,
        ),
        "never": await made(
            http, "credentials", holder_id=ana, type="aid", name="=Aid; at sea", expiry="never", notes="-1",
        ),
        "incomplete": await made(http, "credentials", holder_id=zoe, type="aid", expiry="unknown"),
        "suspended": await made(
            http, "credentials", holder_id=ben, type="aid", expires_on="2027-01-01", number="AID-9",
        ),
    }  # fmt: skip
    await made(http, f"credentials/{credentials['suspended']['id']}/suspend", reason="not_paid")
    return {each["id"]: name for name, each in credentials.items()}


async def names(http: Any, office: dict[str, Any], query: str) -> list[str]:
    answer = await http.get(f"/v1/credentials?{query}")
    assert answer.status_code == 200, answer.text
    return [office[item["id"]] for item in answer.json()["items"]]


ENTRY = ["active", "expiring", "expired", "never", "incomplete", "suspended"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ENTRY),
        ("validity=active", ["active", "never"]),
        ("validity=expired&validity=expiring", ["expiring", "expired"]),
        ("validity=suspended", ["suspended"]),
        ("validity=incomplete", ["incomplete"]),
        ("validity=revoked", []),
        ("type=forklift", ["active", "expiring", "expired"]),
        ("type=flt", ["active", "expiring", "expired"]),
        ("type=nothing", []),
        ("category=training", ["never", "incomplete", "suspended"]),
        ("type=forklift&category=training", []),
        ("team=red", ["active", "expiring", "never", "suspended"]),
        ("location=north", ["active", "expired", "never", "incomplete"]),
        ("team=red&location=north", ["active", "never"]),
        ("country=DE", ["active", "expired"]),
        ("subdivision=US-IL", ["expiring"]),
        ("expires_from=2026-03-20", ["active", "expiring", "suspended"]),
        ("expires_to=2026-03-20", ["expiring", "expired"]),
        ("expires_from=2026-03-20&expires_to=2026-12-31", ["active", "expiring"]),
        ("verification=never", ENTRY),
        ("verification=verified", []),
        ("attributes.class=CE", ["active"]),
        ("attributes.class=B", ["active", "expiring"]),
        ("attributes.tons=7", ["expired"]),
        ("attributes.indoor=true", ["expiring"]),
        ("attributes.class=B&attributes.tons=5", ["active"]),
        ("attributes.nothing=1", []),
        ("q=forklift", ["active", "expiring", "expired"]),
        ("q=M%C3%9CLLER", ["active", "never"]),
        ("q=%C3%A5ng", ["expiring", "suspended"]),
        ("q=ana%20forklift", ["active"]),
        ("q=forklift%20ana%20100", ["active"]),
        ("q=ana%20ben", []),
        ("q=fl-200", ["expiring"]),
        ("q=200", ["expiring"]),
        ("q=e-3", ["expired", "incomplete"]),
        ("q=Zo", ["expired", "incomplete"]),
        ("q=Od", ["expired", "incomplete"]),
        ("q=de", []),
        ("q=100_A", ["active"]),
        ("q=100%25A", []),
        ("q=%20%20", ENTRY),
        ("q=aid%20sea%20=aid", ["never"]),
        ("validity=expiring&type=forklift&team=red&country=US&q=ben&attributes.class=B", ["expiring"]),
    ],
)  # fmt: skip
async def test_filters_of_credentials_combine(http, office, query, found):
    assert await names(http, office, query) == found


async def test_holder_id_lists_the_credentials_of_one_holder(http, office):
    ana = (await http.get("/v1/holders?q=ana")).json()["items"][0]["id"]
    assert await names(http, office, f"holder_id={ana}") == ["active", "never"]
    assert await names(http, office, f"holder_id={UUID(int=1)}") == []


async def test_voided_credentials_leave_the_list(http, office):
    gone = next(each for each, name in office.items() if name == "active")
    await made(http, f"credentials/{gone}/void", reason="wrong_entry")
    assert "active" not in await names(http, office, "")


BY_NAME = ["never", "incomplete", "suspended", "active", "expiring", "expired"]
BY_END = ["expired", "expiring", "active", "suspended", "never", "incomplete"]
BY_HOLDER = ["active", "never", "expiring", "suspended", "expired", "incomplete"]


@pytest.mark.parametrize(
    ("sort", "order"),
    [("id", ENTRY), ("name", BY_NAME), ("expires_on", BY_END), ("holder", BY_HOLDER)],
)
async def test_pages_of_every_size_and_order_show_each_credential_once(http, office, sort, order):
    for direction, expected in (("", order), ("-", order[::-1])):
        for limit in (1, 2, 5, 6, 7):
            seen, cursor = [], ""
            while cursor is not None:
                answer = await http.get(
                    f"/v1/credentials?sort={direction}{sort}&limit={limit}{cursor and '&cursor='}{cursor}"
                )
                page = answer.json()
                seen += [office[item["id"]] for item in page["items"]]
                cursor = page["next_cursor"]
            assert seen == expected, (direction, limit)


async def test_a_cursor_of_another_order_is_refused(http, office):
    cursor = (await http.get("/v1/credentials?sort=name&limit=1")).json()["next_cursor"]
    answer = await http.get(f"/v1/credentials?sort=expires_on&cursor={cursor}")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "query",
    ["sort=number", "validity=good", "q=%00", "expires_from=soon", "attributes.Class=B", "attributes.=B",
     "attributes.a=1&attributes.a=2", "attributes.a=1&attributes.b=1&attributes.c=1&attributes.d=1",
     "attributes.a=" + "x" * 201, "attributes.a=%00", "verification=maybe", "country=germany"],
)  # fmt: skip
async def test_a_filter_that_makes_no_sense_is_refused_by_name(http, query):
    answer = await http.get(f"/v1/credentials?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"].startswith(query.partition("=")[0].partition(".")[0])


async def test_an_unsettled_credential_is_listed_by_its_current_validity(http, office, service):
    service.clock.advance(days=25)  # behind the end of `expiring`; the scheduler said nothing
    assert await names(http, office, "validity=expired") == ["expiring", "expired"]
    assert await names(http, office, "validity=expiring") == []
    line = next(line for line in await lines(http, "q=fl-200") if line["number"] == "FL-200")
    assert (line["validity"], line["days_left"]) == ("expired", "-6")


async def test_any_number_of_unsettled_credentials_is_listed_by_current_validity(
    http, office, service, monkeypatch
):
    monkeypatch.setattr("licet_credentials.register.store._FEW", 0)
    service.clock.advance(days=25)
    assert await names(http, office, "validity=expired") == ["expiring", "expired"]
    assert await names(http, office, "validity=active") == ["active", "never"]


async def test_words_that_many_holders_share_are_found_too(http, office, monkeypatch):
    expected = await names(http, office, "q=ana")
    monkeypatch.setattr("licet_credentials.register.store._FEW", 0)
    assert await names(http, office, "q=ana") == expected == ["active", "never"]
    assert await names(http, office, "q=ana%20forklift") == ["active"]


async def test_pages_stay_complete_during_concurrent_writes(http, office, licence):
    ana = (await http.get("/v1/holders?q=ana")).json()["items"][0]
    before = [
        (await made(http, "credentials", holder_id=ana["id"], type="licence", number=f"N-{n:03}"))["id"]
        for n in range(40)
    ]
    stop = asyncio.Event()

    async def write() -> int:
        count = 0
        while not stop.is_set() and count < 200:
            await made(http, "credentials", holder_id=ana["id"], type="licence", number=f"W-{count:03}")
            count += 1
        return count

    writing = asyncio.create_task(write())
    try:
        for sort in ("id", "-id", "name", "-name", "expires_on", "-holder"):
            seen, cursor = [], ""
            while cursor is not None:
                page = (
                    await http.get(
                        f"/v1/credentials?type=licence&sort={sort}&limit=7{cursor and '&cursor='}{cursor}"
                    )
                ).json()
                seen += [item["id"] for item in page["items"]]
                cursor = page["next_cursor"]
            assert len(set(seen)) == len(seen), sort
            assert set(before) <= set(seen), sort
    finally:
        stop.set()
    assert await writing > 0


async def lines(http: Any, query: str = "", path: str = "credentials") -> list[dict[str, str]]:
    answer = await http.get(f"/v1/{path}?{query}", headers={"Accept": "text/csv"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def test_csv_has_every_credential_with_its_holder_and_neutral_cells(http, office):
    found = await lines(http, "limit=1&sort=expires_on")
    assert [office[line["id"]] for line in found] == BY_END
    by_name = {office[line["id"]]: line for line in found}
    active = by_name["active"]
    assert active["holder_name"] == "Ana Müller"
    assert active["holder_external_id"] == "E-1"
    assert active["team"] == "red"
    assert active["expires_on"] == "2026-12-31"
    assert active["days_left"] == "305"
    assert active["validity"] == "active"
    assert active["attributes"] == '{"tons":5,"class":["B","CE"]}'
    assert by_name["never"]["name"] == "'=Aid; at sea"
    assert by_name["never"]["notes"] == "'-1"
    assert by_name["never"]["expires_on"] == ""
    assert by_name["incomplete"]["validity"] == "incomplete"
    assert by_name["incomplete"]["expiry"] == "unknown"


async def test_csv_and_json_lists_agree(http, office):
    page = (await http.get("/v1/credentials")).json()["items"]
    for item, line in zip(page, await lines(http), strict=True):
        for name in set(item) & set(line) - {"attributes", "notes", "name", "verification"}:
            assert line[name] == ("" if item[name] is None else str(item[name])), name


async def test_csv_is_complete_over_many_pages(http, office, monkeypatch):
    monkeypatch.setattr("licet_credentials.register.routes._LINES_AT_ONCE", 2)
    for sort in ("id", "-name", "expires_on", "holder"):
        page = (await http.get(f"/v1/credentials?sort={sort}")).json()["items"]
        assert [line["id"] for line in await lines(http, f"sort={sort}")] == [item["id"] for item in page]


@pytest.mark.parametrize(
    ("path", "column", "value"),
    [
        ("holders", "name", "Ana Müller"),
        ("credential-types", "code", "aid"),
        ("locations", "code", "north"),
        ("teams", "code", "red"),
    ],
)
async def test_every_list_is_available_as_csv(http, office, path, column, value):
    for place in ("locations/north", "teams/red"):
        await http.put(f"/v1/{place}", json={"name": "A place"})
    assert value in [line[column] for line in await lines(http, path=path)]


async def test_lists_of_one_credential_or_holder_are_available_as_csv(http, office):
    each = next(each for each, name in office.items() if name == "suspended")
    holder = (await http.get(f"/v1/credentials/{each}")).json()["holder_id"]
    assert [line["event_type"] for line in await lines(http, path=f"credentials/{each}/history")]
    assert (await lines(http, path=f"credentials/{each}/terms"))[0]["expires_on"] == "2027-01-01"
    assert len(await lines(http, path=f"holders/{holder}/credentials")) == 2


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Ana Müller", "Ben Ångström", "Zoë Ode"]),
        ("sort=-id", ["Zoë Ode", "Ben Ångström", "Ana Müller"]),
        ("sort=-name", ["Zoë Ode", "Ben Ångström", "Ana Müller"]),
        ("sort=name&team=red", ["Ana Müller", "Ben Ångström"]),
        ("q=e-2", ["Ben Ångström"]),
        ("q=e-2@example", ["Ben Ångström"]),
        ("q=ana%20m%C3%BCl", ["Ana Müller"]),
        ("q=ana%20ode", []),
        ("kind=vendor", []),
        ("active=false", []),
        ("active=true&location=north", ["Ana Müller", "Zoë Ode"]),
    ],
)
async def test_holders_are_found_and_ordered(http, office, query, found):
    answer = await http.get(f"/v1/holders?{query}")
    assert [item["name"] for item in answer.json()["items"]] == found


async def test_pages_of_holders_in_every_order_show_each_once(http, office):
    for sort in ("id", "-id", "name", "-name"):
        whole = [item["id"] for item in (await http.get(f"/v1/holders?sort={sort}")).json()["items"]]
        seen, cursor = [], ""
        while cursor is not None:
            page = (await http.get(f"/v1/holders?sort={sort}&limit=1{cursor and '&cursor='}{cursor}")).json()
            seen += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert seen == whole


async def test_a_narrowed_token_lists_and_exports_only_whom_it_sees(http, office, issuer: Issuer):
    token = issuer.token(scope="credentials:read", licet_teams=["red"], licet_locations=["north", "west"])
    http.headers["Authorization"] = f"Bearer {token}"
    assert await names(http, office, "") == ["active", "never"]
    assert await names(http, office, "q=forklift") == ["active"]
    assert await names(http, office, "team=blue") == []
    assert [office[line["id"]] for line in await lines(http, "sort=holder")] == ["active", "never"]
    assert [line["name"] for line in await lines(http, path="holders")] == ["Ana Müller"]
