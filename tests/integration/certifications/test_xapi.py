"""Statements by xAPI: kept as they were sent, completions taken in, repetitions and conflicts told apart."""

import base64
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from licet_certifications.app import ACTOR, forget_holder
from licet_certifications.completions.store import completions_of
from licet_chassis.cause import Cause
from licet_chassis.erasure import erase_from_service
from licet_chassis.http.auth import _token_of_basic

from .conftest import Certifications, holder

ADA = UUID(int=1)
VERSION = {"X-Experience-API-Version": "1.0.3"}
VERBS = "http://adlnet.gov/expapi/verbs/"
ATTACHMENT = {
    "usageType": "http://example.org/usage",
    "display": {"en": "a certificate"},
    "contentType": "application/pdf",
    "length": 1,
    "sha2": "0" * 64,
}
COURSE = "https://lms.example.org/courses/FS-101"


def statement(verb: str = "passed", **parts: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "actor": {"mbox": "mailto:ada@example.org"},
        "verb": {"id": verb if ":" in verb else VERBS + verb},
        "object": {"id": COURSE},
        "timestamp": "2026-01-29T10:00:00Z",
        **parts,
    }


async def post(http: httpx.AsyncClient, *statements: Any, **headers: str) -> httpx.Response:
    body = statements[0] if len(statements) == 1 else list(statements)
    return await http.post("/xapi/statements", json=body, headers=VERSION | headers)


async def put(http: httpx.AsyncClient, one: dict[str, Any]) -> httpx.Response:
    return await http.put("/xapi/statements", params={"statementId": one["id"]}, json=one, headers=VERSION)


async def got(http: httpx.AsyncClient, **query: Any) -> httpx.Response:
    return await http.get("/xapi/statements", params=query, headers=VERSION)


async def results(service: Certifications) -> list[tuple[str, str]]:
    async with service.database.reading() as conn:
        return [(one.course, one.result.value) for one in (await completions_of(conn, [ADA])).get(ADA, ())]


@pytest.mark.parametrize(
    ("verb", "said", "result"),
    [
        ("passed", {}, "passed"),
        ("completed", {}, "completed"),
        ("failed", {}, "failed"),
        ("https://w3id.org/xapi/adl/verbs/satisfied", {}, "completed"),
        ("https://w3id.org/xapi/adl/verbs/waived", {"success": True}, "waived"),
        ("completed", {"success": False}, "failed"),
        ("completed", {"completion": False}, None),
        ("experienced", {}, None),
        ("http://example.org/verbs/befremdet", {}, None),
    ],
)
async def test_the_verbs_that_end_something_complete_it_and_all_are_kept(http, service, verb, said, result):
    await service.tell(holder(1, email="Ada@example.org"))
    sent = statement(verb, **({"result": said} if said else {}))
    answer = await post(http, sent)
    assert (answer.status_code, answer.json()) == (200, [sent["id"]])
    assert answer.headers["x-experience-api-version"] == "1.0.3"
    assert await results(service) == ([(COURSE, result)] if result else [])
    kept = (await got(http, statementId=sent["id"])).json()
    assert kept | sent == kept
    assert kept["authority"]["account"]["name"] == "ada"
    assert (kept["version"], kept["stored"][-1]) == ("1.0.0", "Z")


async def test_a_repetition_is_one_and_another_statement_of_the_id_is_409_and_seen_by_a_person(http, service):
    await service.tell(holder(1, email="ada@example.org"))
    one = statement()
    assert (await put(http, one)).status_code == 204
    again = one | {
        "timestamp": "2026-01-29T11:00:00+01:00",
        "verb": {"id": VERBS + "passed", "display": {"en": "x"}},
    }
    assert (await put(http, again)).status_code == 204
    assert (await post(http, again)).status_code == 200
    other = one | {"verb": {"id": VERBS + "failed"}}
    assert (await put(http, other)).status_code == 409
    refused = await post(http, statement(object={"id": COURSE + "2"}), other)
    assert (refused.status_code, refused.headers["x-experience-api-version"]) == (409, "1.0.3")
    assert await results(service) == [(COURSE, "passed")]
    items = (await http.get("/v1/worklist", params={"kind": "completion_conflict"})).json()["items"]
    assert len(items) == 1
    assert len((await got(http)).json()["statements"]) == 1


async def test_what_is_voided_counts_no_more_whichever_comes_first(http, service):
    await service.tell(holder(1, email="ada@example.org"))
    first, second = statement(), statement("completed")
    for one in (first, second):
        void = statement("voided", object={"objectType": "StatementRef", "id": one["id"]})
        for each in (one, void) if one is first else (void, one):
            assert (await post(http, each)).status_code == 200
        assert (await got(http, statementId=one["id"])).status_code == 404
        assert (await got(http, voidedStatementId=one["id"])).json()["id"] == one["id"]
        assert (
            await post(http, statement("voided", object={"objectType": "StatementRef", "id": void["id"]}))
        ).status_code == 400
    assert await results(service) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"actor": {"name": "Ada"}}, "/actor"),
        ({"actor": {"mbox": "ada@example.org"}}, "/actor/mbox"),
        ({"actor": {"mbox": "mailto:a@b.c", "openid": "https://a.b"}}, "/actor"),
        ({"verb": {"id": "passed"}}, "/verb/id"),
        ({"object": {"id": None}}, "/object/id"),
        ({"object": {"objectType": "Unicorn", "id": COURSE}}, "/object/objectType"),
        ({"timestamp": "yesterday"}, "/timestamp"),
        ({"timestamp": "2026-01-29T10:00:00-00:00"}, "/timestamp"),
        ({"result": {"score": {"scaled": 2}}}, "/result/score/scaled"),
        ({"result": {"duration": "an hour"}}, "/result/duration"),
        ({"surprise": 1}, "/surprise"),
        ({"context": {"registration": "1"}}, "/context/registration"),
        ({"id": "1"}, "/id"),
        ({"attachments": [ATTACHMENT]}, "fileUrl"),
        ({"timestamp": "2999-01-01T00:00:00Z"}, "future"),
    ],
)  # fmt: skip
async def test_what_is_no_statement_is_refused_by_its_place_and_nothing_is_kept(http, change, place):
    answer = await post(http, statement(), statement() | change)
    assert answer.status_code == 400
    assert place in answer.json()["detail"]
    assert (await got(http)).json()["statements"] == []


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"a": 1, "a": 2}', "application/json", 400),
        (b'{"actor": NaN}', "application/json", 400),
        (b'"\\u0000"', "application/json", 400),
        (b'["\\ud800"]', "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"{}", "text/plain", 400),
        (b"--x--", "multipart/mixed; boundary=x", 400),
    ],
)
async def test_a_body_that_is_none_is_refused_in_words(http, content, kind, status):
    answer = await http.post("/xapi/statements", content=content, headers=VERSION | {"content-type": kind})
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


async def test_ten_thousand_statements_at_once_are_refused_precisely(http):
    answer = await post(http, *[statement() for _ in range(10_000)])
    assert answer.status_code == 413
    assert "1,000" in answer.json()["detail"]


@pytest.mark.parametrize("version", [None, "0.95", "1", "1.1.0", "3.0"])
async def test_a_version_that_is_not_spoken_is_400(http, version):
    headers = {} if version is None else {"X-Experience-API-Version": version}
    answer = await http.get("/xapi/statements", headers=headers)
    assert answer.status_code == 400
    assert (await http.get("/xapi/about")).json()["version"][-1] == "2.0.0"


async def test_statements_are_found_by_what_is_in_them_and_page_by_page(http, service):
    registration = str(uuid4())
    sent = [statement(context={"registration": registration}) for _ in range(3)]
    sent.append(
        statement("experienced", actor={"account": {"homePage": "https://LMS.example.org", "name": "b"}})
    )
    assert (await post(http, *sent)).status_code == 200
    for query, found in (
        ({"agent": '{"mbox": "mailto:ADA@example.org"}'}, 3),
        ({"agent": '{"account": {"homePage": "https://lms.example.org/", "name": "b"}}'}, 1),
        ({"verb": VERBS + "passed"}, 3),
        ({"activity": COURSE}, 4),
        ({"registration": registration}, 3),
        ({"since": "2999-01-01T00:00:00Z"}, 0),
        ({"until": "2999-01-01T00:00:00Z", "verb": VERBS + "experienced"}, 1),
        ({"agent": '{"mbox": "mailto:ada@example.org"}', "related_agents": "true"}, 3),
    ):  # fmt: skip
        assert len((await got(http, **query)).json()["statements"]) == found, query
    pages, more = [], "/xapi/statements?limit=3&ascending=true"
    while more:
        page = (await http.get(more, headers=VERSION)).json()
        pages.append([one["id"] for one in page["statements"]])
        more = page["more"]
    assert pages == [[one["id"] for one in sent[:3]], [sent[3]["id"]]]
    for wrong in (
        {"surprise": 1},
        {"statementId": "1"},
        {"statementId": registration, "limit": 1},
        {"limit": -1},
    ):
        assert (await got(http, **wrong)).status_code == 400


async def test_of_an_erased_holder_no_statement_is_left(http, service):
    await service.tell(holder(1, email="planted@example.org"))
    about = {"objectType": "Agent", "mbox": "mailto:Planted@example.org", "name": "Planted Name"}
    await post(
        http,
        statement("experienced", actor=about, result={"response": "planted words"}),
        statement(actor=about),
        statement("commented", actor={"mbox": "mailto:else@example.org"}, context={"instructor": about}),
        statement("commented", actor={"mbox": "mailto:else@example.org"}),
    )
    async with service.database.transaction(Cause.new(ACTOR)) as tx:
        await erase_from_service(tx, ADA, forget_holder, now=service.runtime.clock.now())
    async with service.database.reading() as conn:
        left = await conn.fetch("select document::text as text from xapi_statements")
    assert len(left) == 1
    assert "lanted" not in left[0]["text"]


async def test_a_narrowed_token_neither_writes_nor_reads_statements(http, token):
    token.principal = replace(token.principal, teams=frozenset({"north"}))
    assert (await post(http, statement())).status_code == 403
    assert (await got(http)).status_code == 403
    token.principal = replace(token.principal, teams=None, scopes=frozenset({"completions:write"}))
    assert (await post(http, statement())).status_code == 200
    assert (await got(http)).status_code == 403


def test_a_token_may_be_the_password_of_basic_authentication():
    basic = "Basic " + base64.b64encode(b"lms:a.b.c").decode()
    assert _token_of_basic(basic) == "Bearer a.b.c"
    assert _token_of_basic("Bearer a.b.c") == "Bearer a.b.c"
    for wrong in ("Basic !", "Basic " + base64.b64encode(b"\xff").decode()):
        assert _token_of_basic(wrong) == wrong
