"""The same thing is recognised as the same, however it was typed."""

import asyncio
import random
import unicodedata

import pytest

from licet_chassis.http.csv import neutral, restored
from licet_events.sameness import loose_number, people_order, searchable

TYPED = [
    "AB 123",
    "AB\u00a0123",
    "AB  123",
    "AB\u200b123",
    "ab-123",
    " AB 123 ",
    "A\u0042\u2011123",
    "ab/123",
]


async def test_the_forms_of_sql_are_those_of_python(service):
    some = random.Random(7)
    texts = [chr(code) for code in range(1, 0x3100) if unicodedata.category(chr(code)) not in {"Cs", "Cn"}]
    texts += ["".join(some.choices(texts, k=9)) for _ in range(3000)] + [
        "'",
        "",
        "---",
        "O\u2019Brien",
        "Åsa  ß-Œ",
    ]
    async with service.database.reading() as conn:
        rows = await conn.fetch(
            "select searchable(t) as a, people_order(t) as b, loose_number(t) as c "
            "from unnest($1::text[]) with ordinality as given (t, place) order by place",
            texts,
        )
    for text, row in zip(texts, rows, strict=True):
        assert (row["a"], row["b"], row["c"]) == (searchable(text), people_order(text), loose_number(text)), (
            ascii(text)
        )


async def test_a_number_is_taken_however_it_is_typed(http, ana, licence):
    body = {"holder_id": ana["id"], "type": "licence", "expires_on": "2026-12-31"}
    first, *others = [await http.post("/v1/credentials", json=body | {"number": number}) for number in TYPED]
    assert (first.status_code, first.json()["number"]) == (201, "AB 123")
    for answer in others:
        assert answer.status_code == 409
        assert first.json()["id"] in answer.json()["detail"]
    other = (await http.post("/v1/credentials", json=body | {"number": "AB 124"})).json()
    taken = await http.patch(
        f"/v1/credentials/{other['id']}", json={"number": "aB.123"}, headers={"If-Match": '"1"'}
    )
    assert taken.status_code == 409


async def test_a_type_may_compare_numbers_exactly(http, ana):
    entry = {"code": "exact", "name": "Exact", "category": "license", "number_comparison": "exact"}
    assert (await http.post("/v1/credential-types", json=entry)).json()["number_comparison"] == "exact"
    body = {"holder_id": ana["id"], "type": "exact", "expires_on": "2026-12-31"}
    answers = [await http.post("/v1/credentials", json=body | {"number": number}) for number in TYPED]
    assert [answer.status_code for answer in answers] == [201, 409, 409, 201, 201, 409, 201, 201]


async def test_words_are_found_without_accents_and_with_any_apostrophe(http):
    for name in ("Zo\u00eb Mu\u0308ller", "Siobhán O\u2019Brien", "Łukasz Żak", "Ольга Ёлкина", "Abel Zorn"):
        assert (await http.post("/v1/holders", json={"kind": "employee", "name": name})).status_code == 201
    for text, name in {
        "zoe": "Zoë Müller", "Mu\u0308ll": "Zoë Müller", "MÜLLER": "Zoë Müller",
        "o'brien": "Siobhán O\u2019Brien",
        "O\u2019BRIEN siobhan": "Siobhán O\u2019Brien", "lukasz": "Łukasz Żak", "zak": "Łukasz Żak",
        "ёлкина": "Ольга Ёлкина", "елкина": "Ольга Ёлкина", "ОЛЬГА": "Ольга Ёлкина",
    }.items():  # fmt: skip
        found = (await http.get("/v1/holders", params={"q": text})).json()["items"]
        assert [holder["name"] for holder in found] == [name], text


async def test_lists_are_in_the_order_in_which_people_sort(http):
    names = [
        "ärger",
        "Ana",
        "Zorn",
        "Özil",
        "de Vries",
        "Étienne",
        "O\u2019Brien",
        "Obama",
        "öl",
        "Żak",
        "ana",
    ]
    for name in names:
        await http.post("/v1/holders", json={"kind": "contact", "name": name})
    sorted_by_people = [
        "Ana",
        "ana",
        "ärger",
        "de Vries",
        "Étienne",
        "Obama",
        "O\u2019Brien",
        "öl",
        "Özil",
        "Żak",
        "Zorn",
    ]
    for sort, wanted in (("name", sorted_by_people), ("-name", sorted_by_people[::-1])):
        found, cursor = [], None
        while True:
            page = {"sort": sort, "limit": 2} | ({"cursor": cursor} if cursor else {})
            answer = (await http.get("/v1/holders", params=page)).json()
            found += [holder["name"] for holder in answer["items"]]
            if (cursor := answer["next_cursor"]) is None:
                break
        assert found == wanted


async def test_one_without_a_number_is_recorded_once_for_its_term(http, ana, licence):
    async def record(**said):
        return await http.post("/v1/credentials", json={"holder_id": ana["id"], "type": "licence"} | said)

    year = {"valid_from": "2026-01-01", "expires_on": "2026-12-31"}
    first = await record(**year)
    assert first.status_code == 201
    again = await record(valid_from="2026-12-31", expires_on="2027-12-31")
    assert again.status_code == 409
    assert first.json()["id"] in again.json()["detail"]
    assert (await record(valid_from="2027-01-01", expires_on="2027-12-31")).status_code == 201
    assert (await record(**year, number="A-1")).status_code == 201
    assert (await record(**year, another=True)).status_code == 201
    answers = await asyncio.gather(
        *(record(valid_from="2028-01-01", expires_on="2028-12-31") for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def feed(http, **said):
    body = {"kind": "employee", "name": "Jonas Reuter", "email": "jonas@example.org"}
    return await http.put("/v1/holders/by-external-id/P-1", json=body | said)


async def test_nobody_inherits_credentials_by_an_external_id(http, service, licence):
    jonas = (await feed(http)).json()
    body = {"holder_id": jonas["id"], "type": "licence", "number": "A-1", "expires_on": "2026-12-31"}
    await http.post("/v1/credentials", json=body)
    assert (await feed(http, name="Jonas Vogel", email="jonas.vogel@example.org")).status_code == 200
    assert (await feed(http, name="J. Vogel", email="JONAS.VOGEL@example.org")).status_code == 200
    service.clock.advance(days=1)
    leaving = {"kind": "employee", "absent_since": service.clock.at.isoformat(), "reason": "left"}
    await http.put("/v1/holders/by-external-id/P-2", json={"kind": "employee", "name": "Someone Else"})
    left = await http.post("/v1/holders/leavers", json=leaving | {"dry_run": False})
    assert len(left.json()["items"]) == 1
    other = {"name": "Petra Kern", "email": "petra@example.org"}
    doubt = await feed(http, **other)
    assert (doubt.status_code, doubt.json()["reason"]) == (409, "identity_in_doubt")
    assert doubt.json()["errors"][0]["pointer"] == "/identity"
    settled = await feed(http, **other, identity="new")
    assert settled.status_code == 201
    assert settled.json()["id"] != jonas["id"]
    held = await http.get("/v1/credentials", params={"holder_id": settled.json()["id"]})
    assert held.json()["items"] == []
    assert (await http.get(f"/v1/holders/{jonas['id']}")).json()["external_id"] is None
    assert (await feed(http, **other)).status_code == 200
    same = await feed(http, name="Ada Lovelace", email="ada@example.org", identity="same")
    assert (same.status_code, same.json()["id"]) == (200, settled.json()["id"])


async def test_who_is_named_has_not_left_whatever_became_of_the_row(http, service):
    await feed(http)
    service.clock.advance(days=1)
    began = service.clock.at.isoformat()
    await http.put("/v1/holders/by-external-id/P-2", json={"kind": "employee", "name": "Someone Else"})
    assert (await feed(http, email="no address")).status_code == 422
    assert (await feed(http, manager_external_id="P-1")).status_code == 422
    leaving = {"kind": "employee", "absent_since": began, "reason": "left"}
    assert (await http.post("/v1/holders/leavers", json=leaving)).json()["items"] == []


async def test_codes_are_the_same_in_whatever_case(http, ana, licence):
    entry = {"code": "Licence", "name": "Another", "category": "license"}
    taken = await http.post("/v1/credential-types", json=entry)
    assert (taken.status_code, taken.json()["errors"][0]["pointer"]) == (409, "/code")
    assert (await http.get("/v1/credential-types/LICENCE")).json()["code"] == "licence"
    body = {"holder_id": ana["id"], "type": "Licence", "number": "A-1", "expires_on": "2026-12-31"}
    made = await http.post("/v1/credentials", json=body)
    assert (made.status_code, made.json()["type"]) == (201, "licence")
    assert len((await http.get("/v1/credentials", params={"type": "LICENCE"})).json()["items"]) == 1
    assert (await http.put("/v1/teams/North", json={"name": "North"})).status_code == 201
    again = await http.put("/v1/teams/NORTH", json={"name": "The North"}, headers={"If-Match": '"1"'})
    assert (again.status_code, again.json()["code"]) == (200, "North")
    assert len((await http.get("/v1/teams")).json()["items"]) == 1
    person = {"kind": "employee", "name": "Ben", "roles": ["Weld", "weld", "Lead"]}
    assert (await http.post("/v1/holders", json=person)).json()["roles"] == ["Weld", "Lead"]
    found = (await http.get("/v1/holders", params={"role": "WELD"})).json()["items"]
    assert [holder["name"] for holder in found] == ["Ben"]


MAPPING = """
delimiter = ";"
holder = { kind = "employee", external_id = "Nr", name = "Name", phone = "Phone" }
credential = { number = "Schein" }
term = { expires_on = "Bis" }
type = { code = { constant = "licence" }, name = { constant = "L" }, category = "license", define = false }
"""


async def test_a_file_means_the_same_number_and_person_however_it_is_typed(http, service, licence):
    async def outcomes(*rows: str) -> list[tuple[str, list[str]]]:
        file = "\n".join(("Nr;Name;Phone;Schein;Bis", *rows)).encode()
        answer = await http.post(
            "/v1/imports", files={"file": ("l.csv", file)}, data={"mapping": MAPPING, "dry_run": "false"}
        )
        assert answer.status_code == 201, answer.text
        await service.work_off_imports()
        lines = (await http.get(answer.headers["location"] + "/rows")).json()["items"]
        return [(line["outcome"], [error["detail"][:17] for error in line["errors"]]) for line in lines]

    assert await outcomes("P-1;Ana Kern;'+49 30 1;AB 123;2027-06-30") == [("created", [])]
    [ana] = (await http.get("/v1/holders")).json()["items"]
    assert (ana["external_id"], ana["phone"]) == ("P-1", "+49 30 1")
    for number in TYPED[1:]:
        assert await outcomes(f"P-1;Ana Kern;'+49 30 1;{number};2027-06-30") == [("unchanged", [])], number
    await http.patch(f"/v1/holders/{ana['id']}", json={"email": "a@example.org"}, headers={"If-Match": '"1"'})
    service.clock.advance(days=1)
    began = service.clock.at.isoformat()
    await http.put("/v1/holders/by-external-id/P-2", json={"kind": "employee", "name": "Someone Else"})
    assert await outcomes("P-1;Ana Kern;;AB 123;soon") == [("rejected", ["must be a date th"])]
    leaving = {"kind": "employee", "absent_since": began, "reason": "left", "dry_run": False}
    assert (await http.post("/v1/holders/leavers", json=leaving)).json()["items"] == []
    service.clock.advance(days=1)
    leaving["absent_since"] = service.clock.at.isoformat()
    await http.put("/v1/holders/by-external-id/P-2", json={"kind": "employee", "name": "Someone Else"})
    assert len((await http.post("/v1/holders/leavers", json=leaving)).json()["items"]) == 1
    assert await outcomes("P-1;Petra Vogt;;ZZ 9;2027-06-30") == [("rejected", ["identity_in_doubt"])]
    assert len((await http.get("/v1/credentials")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        (" ana@example.org\u00a0", "ana@example.org"),
        ("ana@m\u00fcller.example", "ana@m\u00fcller.example"),
        ("ana@xn--mller-kva.example", "ana@xn--mller-kva.example"),
        ("ana@stra\u00dfe.example", "ana@stra\u00dfe.example"),
        ("ana@exa mple.org", None),
        ("ana@-\u00fc-.example", None),
    ],
)
async def test_addresses_are_trimmed_and_may_have_internationalised_domains(http, typed, taken):
    answer = await http.post("/v1/holders", json={"kind": "employee", "name": "Ana", "email": typed})
    assert answer.status_code == (422 if taken is None else 201)
    assert answer.json().get("email") == taken


@pytest.mark.parametrize("cell", ["-5", "+49 30", "=1", "a;=b", "x, @y", "\tz", "'", "it's"])
def test_what_was_neutralised_for_spreadsheets_is_recognised(cell):
    assert restored(neutral(cell)) == cell
