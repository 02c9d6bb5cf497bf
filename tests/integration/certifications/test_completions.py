"""Completions by request, file and topic: recorded once, matched to one holder or kept until it is clear."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from licet_certifications.app import ACTOR, forget_holder
from licet_certifications.completions.store import completions_of
from licet_certifications.intake.consumers import COMPLETIONS
from licet_chassis.cause import Cause
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.consuming.records import Raw
from licet_chassis.erasure import erase_from_service
from licet_events import Event, encode
from licet_events.completions import CompletionRecorded, CompletionResult, Learner
from licet_events.holders import HolderMerged

from .conftest import Certifications, holder

ADA, BOB = UUID(int=1), UUID(int=2)
BODY = {
    "source": "lms",
    "source_id": "c-1",
    "learner": {"external_id": "E1"},
    "course": "FS-101",
    "completed_at": "2026-01-29T10:00:00Z",
    "result": "passed",
}
HEADER = "source,source_id,external_id,email,course,completed_at,result,credits"


def report(**said: Any) -> CompletionRecorded:
    return CompletionRecorded.model_validate(BODY | said)


async def told(http: httpx.AsyncClient, *completions: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await http.post("/v1/completions", json={"completions": [BODY | one for one in completions]})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def outcomes(http: httpx.AsyncClient, *completions: dict[str, Any]) -> list[str]:
    return [result["outcome"] for result in await told(http, *completions)]


async def waiting(http: httpx.AsyncClient, kind: str = "unmatched_completion") -> list[dict[str, Any]]:
    answer = await http.get("/v1/worklist", params={"kind": kind})
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def decide(http: httpx.AsyncClient, item: str, decision: str, **more: Any) -> httpx.Response:
    body = {"decisions": [{"item": item, "decision": decision, **more}]}
    return await http.post("/v1/worklist/decisions", json=body)


async def of(service: Certifications, *holder_ids: UUID) -> dict[UUID, list[tuple[str, str]]]:
    async with service.database.reading() as conn:
        found = await completions_of(conn, holder_ids)
    return {who: [(one.source_id, one.result.value) for one in them] for who, them in found.items()}


async def read(service: Certifications, *reports: CompletionRecorded) -> None:
    """Let the consumer read a batch from the topic."""
    dispatcher = Dispatcher(COMPLETIONS, service.database, service.runtime.clock, "certifications")
    raws = []
    for offset, one in enumerate(reports):
        now = datetime.now(UTC)
        record = encode(
            Event.of(one, source="/lms", time=now, recorded_time=now, correlation_id=f"of {offset}")
        )
        raws.append(Raw(record.topic, 0, offset, record.key, record.headers, record.value))
    await dispatcher.handle(raws, "cluster")


async def parked(service: Certifications) -> list[str]:
    async with service.database.reading() as conn:
        return [row["reason"] for row in await conn.fetch("select reason from parked order by id")]


async def test_the_body_of_the_issue_is_recorded_and_a_repetition_is_one(http, service):
    await service.tell(holder(1, external_id="E1"))
    first, again = await told(http, {}, {})
    assert (first["outcome"], first["holder_id"], first["code"]) == ("recorded", str(ADA), "course_unknown")
    assert (again["outcome"], again["completion_id"]) == ("duplicate", first["completion_id"])
    assert await outcomes(http, {}) == ["duplicate"]
    assert await of(service, ADA) == {ADA: [("c-1", "passed")]}
    shown = (await http.get(f"/v1/completions/{first['completion_id']}")).json()
    assert (shown["holder_id"], shown["learner"], shown["conflicts"]) == (str(ADA), None, [])


async def test_what_is_impossible_is_answered_in_its_place_and_the_others_are_taken(http, service):
    await service.tell(holder(1, external_id="E1"))
    later = (service.runtime.clock.now() + timedelta(days=2)).isoformat()
    results = await told(
        http,
        {"completed_at": later},
        {"learner": {}},
        {"completed_at": "yesterday"},
        {"source_id": "c-2", "result": "excellent"},
        {"source_id": "c-3", "credits": -1},
        {"completed_at": "1755-01-01T00:00:00Z"},
        {"source_id": "a\u202eb"},
        {"surprise": 1},
        {},
    )
    assert [(one["outcome"], one["code"]) for one in results] == [
        ("rejected", "completed_in_the_future"),
        ("rejected", "learner_missing"),
        *[("rejected", "malformed")] * 3,
        ("rejected", "completed_too_early"),
        ("rejected", "text_malformed"),
        ("rejected", "malformed"),
        ("recorded", "course_unknown"),
    ]
    assert "completed_at" in results[2]["detail"]
    assert "surprise" in results[7]["detail"]


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_request_has_1_to_1000_completions(http, count):
    answer = await http.post("/v1/completions", json={"completions": [BODY] * count})
    assert answer.status_code == 422


async def test_other_content_under_the_same_id_is_seen_by_a_person_and_the_first_stays(http, service):
    await service.tell(holder(1, external_id="E1"))
    assert await outcomes(http, {}, {"result": "failed"}) == ["recorded", "conflict"]
    assert await outcomes(http, {"result": "failed"}) == ["conflict"]
    [item] = await waiting(http, "completion_conflict")
    assert await of(service, ADA) == {ADA: [("c-1", "passed")]}
    shown = (await http.get(f"/v1/completions/{item['details']['completion']}")).json()
    assert [one["result"] for one in shown["conflicts"]] == ["failed"]
    assert (await decide(http, item["id"], "approve")).status_code == 200
    assert await of(service, ADA) == {ADA: [("c-1", "failed")]}
    assert (await decide(http, item["id"], "approve")).status_code == 409


async def test_a_conflict_that_is_denied_leaves_the_first(http, service):
    await service.tell(holder(1, external_id="E1"))
    await told(http, {}, {"course": "FS-102"})
    [item] = await waiting(http, "completion_conflict")
    assert (await decide(http, item["id"], "return", reason="?")).status_code == 409
    assert (await decide(http, item["id"], "deny", reason="a typing error")).status_code == 200
    assert await of(service, ADA) == {ADA: [("c-1", "passed")]}
    assert await waiting(http, "completion_conflict") == []


async def test_the_same_completion_of_somebody_else_is_a_conflict(http, service):
    await service.tell(holder(1, external_id="E1"), holder(2, external_id="E2"))
    assert await outcomes(http, {}, {"learner": {"external_id": "E2"}}) == ["recorded", "conflict"]


async def test_a_learner_is_found_by_mail_without_regard_to_case_and_by_id(http, service):
    await service.tell(holder(1, email="Ada@Example.org"))
    first, second = await told(
        http,
        {"learner": {"email": "ada@EXAMPLE.org"}},
        {"source_id": "c-2", "learner": {"holder_id": str(ADA)}},
    )
    assert (first["holder_id"], second["holder_id"]) == (str(ADA), str(ADA))


async def test_two_holders_with_one_address_are_never_guessed_between(http, service):
    await service.tell(holder(1, email="desk@example.org"), holder(2, email="desk@example.org"))
    [result] = await told(http, {"learner": {"email": "desk@example.org"}})
    assert (result["outcome"], result["code"]) == ("unmatched", "learner_ambiguous")
    [item] = await waiting(http)
    assert item["needs"] == "learner_ambiguous"
    # One of them gets an address of her own: now it is clear.
    await service.tell(holder(2, version=2, email="bob@example.org"))
    assert await of(service, ADA, BOB) == {ADA: [("c-1", "passed")]}
    assert await waiting(http) == []


async def test_an_unknown_learner_waits_and_is_taken_up_when_the_holder_appears(http, service):
    [result] = await told(http, {})
    assert (result["outcome"], result["code"], result["holder_id"]) == ("unmatched", "learner_unknown", None)
    [item] = await waiting(http)
    assert item["details"] == {
        "completion": result["completion_id"],
        "source": "lms",
        "course": "FS-101",
    }
    shown = (await http.get(f"/v1/completions/{result['completion_id']}")).json()
    assert shown["learner"]["external_id"] == "E1"
    assert await outcomes(http, {}) == ["unmatched"]
    assert len(await waiting(http)) == 1
    await service.tell(holder(1, external_id="E1"))
    assert await of(service, ADA) == {ADA: [("c-1", "passed")]}
    assert await waiting(http) == []
    assert await outcomes(http, {}) == ["duplicate"]


async def test_somebody_says_who_it_is_and_their_account_is_remembered(http, service):
    await service.tell(holder(1))
    account = {"account": {"home_page": "https://lms.example.org", "name": "a.lovelace"}}
    await told(http, {"learner": account}, {"source_id": "c-2", "learner": account})
    one, other = await waiting(http)
    refused = await decide(http, one["id"], "approve")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/decisions/0/holder_id")
    assert (await decide(http, one["id"], "approve", holder_id=str(uuid4()))).status_code == 404
    assert (await decide(http, one["id"], "approve", holder_id=str(ADA))).status_code == 200
    assert await waiting(http) == []
    assert (await decide(http, other["id"], "deny", reason="late")).status_code == 409
    assert await outcomes(http, {"source_id": "c-3", "learner": account}) == ["recorded"]
    assert sorted((await of(service, ADA))[ADA]) == [(f"c-{n}", "passed") for n in (1, 2, 3)]


async def test_what_is_nobodys_is_dismissed_and_who_it_was_is_forgotten(http, service):
    [result] = await told(http, {"learner": {"email": "stranger@example.org"}})
    [item] = await waiting(http)
    assert (await decide(http, item["id"], "deny", reason="not ours")).status_code == 200
    assert await outcomes(http, {"learner": {"email": "stranger@example.org"}}) == ["duplicate"]
    shown = (await http.get(f"/v1/completions/{result['completion_id']}")).json()
    assert (shown["unmatched"], shown["learner"]) == ("dismissed", None)


async def test_a_merged_holder_leads_on(http, service):
    duplicate = holder(2, external_id="E2")
    await service.tell(holder(1, external_id="E1"), duplicate)
    await told(http, {"learner": {"external_id": "E2"}})
    merged = duplicate.model_copy(update={"version": 2, "active": False, "merged_into": ADA})
    await service.tell(HolderMerged(holder=merged, into=ADA))
    assert await of(service, ADA, BOB) == {ADA: [("c-1", "passed")]}
    [result] = await told(http, {"source_id": "c-2", "learner": {"external_id": "E2"}})
    assert result["holder_id"] == str(ADA)


async def test_of_an_erased_holder_nothing_is_left_and_nothing_arrives(http, service):
    await service.tell(holder(1, external_id="E-planted", email="planted@example.org"))
    account = {"home_page": "https://lms.example.org", "name": "planted-name"}
    learner = {"external_id": "E-planted", "account": account}
    await told(
        http,
        {"learner": learner, "source_id": "planted-1", "evidence": ["https://lms.example.org/planted"]},
        {"learner": learner, "source_id": "planted-1", "course": "planted-course"},
    )
    future = datetime.now(UTC) + timedelta(days=400)
    await read(
        service,
        report(learner={"external_id": "E-planted"}, completed_at=future),
        report(learner={"email": "Planted@example.org"}, source_id="p", completed_at=future),
    )
    await service.tell(holder(3, email="planted@example.org"))
    await told(http, {"learner": {"account": {"home_page": "x", "name": "y"}, "holder_id": str(uuid4())}})
    await told(http, {"learner": {"external_id": "other", "email": "planted@example.org"}, "source_id": "w"})
    await service.tell(holder(3, version=2, email="not-hers@example.org"))
    assert len(await parked(service)) == 2
    async with service.database.transaction(Cause.new(ACTOR)) as tx:
        await erase_from_service(tx, ADA, forget_holder, now=service.runtime.clock.now())
    async with service.database.reading() as conn:
        tables = [
            row["tablename"]
            for row in await conn.fetch("select tablename from pg_tables where schemaname = 'public'")
        ]
        for table in tables:
            left = await conn.fetch(f"select t::text as row from {table} t where t::text ~* 'planted'")
            assert not left, (table, left)
    [result] = await told(http, {"learner": {"holder_id": str(ADA)}})
    assert (result["outcome"], result["code"]) == ("rejected", "holder_erased")
    await read(service, report(learner={"holder_id": ADA}))
    assert await parked(service) == []
    assert await of(service, ADA) == {}


async def test_a_file_gives_the_same_as_a_request_and_a_report_for_each_row(http, service):
    await service.tell(holder(1, external_id="E1", email="ada@example.org"))
    await told(http, {})
    rows = [
        HEADER,
        "lms,c-1,E1,,FS-101,2026-01-29T10:00:00Z,passed,",
        "lms,c-2,,Ada@example.org,FS-102,2026-01-29T11:00:00+01:00,passed,2.5",
        "lms,c-3,E1,,FS-101,tomorrow,passed,",
        "lms,c-4,E1,,FS-101",
        "lms,c-5,E1,,FS-101,2026-01-29T10:00:00Z,passed,many",
        "lms,c-6,E9,,FS-101,2026-01-29T10:00:00Z,passed,",
    ]
    body = "\ufeff" + "\r\n".join(rows) + "\r\n\r\n"
    answer = await http.post("/v1/completions", content=body.encode(), headers={"content-type": "text/csv"})
    assert answer.status_code == 200, answer.text
    assert [one["outcome"] for one in answer.json()["results"]] == [
        "duplicate", "recorded", "rejected", "rejected", "rejected", "unmatched",
    ]  # fmt: skip
    assert "completed_at" in answer.json()["results"][3]["detail"]
    assert sorted((await of(service, ADA))[ADA]) == [("c-1", "passed"), ("c-2", "passed")]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"source;source_id\n", "lacks a column: course"),
        (b"source,source,course\n", "twice"),
        (b"source,source_id,course,completed_at,result\nx,y,z,a,b\n", "external_id"),
        (b"source,source_id,external_id\n", "course"),
        ((HEADER + "\n").encode(), "no row"),
        ((HEADER + '\nlms,"c-1\n').encode(), "no CSV"),
        (b"source\xff;source_id\n", "not UTF-8"),
        (b"", "is required"),
    ],
)
async def test_a_file_that_is_none_is_refused_as_a_whole(http, body, word):
    answer = await http.post("/v1/completions", content=body, headers={"content-type": "text/csv"})
    assert answer.status_code == 422, answer.text
    assert word in answer.json()["detail"]


async def test_another_kind_of_body_is_415(http):
    answer = await http.post("/v1/completions", content=b"<x/>", headers={"content-type": "application/xml"})
    assert answer.status_code == 415


async def test_a_rejected_completion_holds_up_no_later_one_of_its_learner(service):
    await service.tell(holder(1, external_id="E1"))
    future = datetime.now(UTC) + timedelta(days=400)
    await read(service, report(source_id="c-1", completed_at=future))
    await read(service, report(source_id="c-2"))
    assert sorted((await of(service, ADA))[ADA]) == [("c-2", "passed")]
    assert len(await parked(service)) == 1


async def test_a_batch_of_the_topic_parks_only_what_is_impossible(service):
    await service.tell(holder(1, external_id="E1"))
    future = datetime.now(UTC) + timedelta(days=400)
    await read(
        service,
        report(),
        report(source_id="c-2", learner=Learner(external_id="E2"), completed_at=future),
        report(source_id="c-3", result=CompletionResult.FAILED),
    )
    assert sorted((await of(service, ADA))[ADA]) == [("c-1", "passed"), ("c-3", "failed")]
    [error] = await parked(service)
    assert "completed_in_the_future" in error


async def test_completions_count_in_their_own_order_not_in_that_of_arrival(http, service):
    await service.tell(holder(1, external_id="E1"))
    await told(
        http,
        {"source_id": "late", "completed_at": "2026-02-01T00:00:00Z"},
        {"source_id": "early", "completed_at": "2025-02-01T00:00:00Z", "result": "failed"},
        {"source_id": "late-too", "completed_at": "2026-02-01T00:00:00Z", "result": "withdrawn"},
    )
    assert (await of(service, ADA))[ADA] == [
        ("early", "failed"),
        ("late", "passed"),
        ("late-too", "withdrawn"),
    ]


async def test_a_narrowed_token_sees_its_own_people_and_reports_for_nobody(http, service, token):
    await service.tell(holder(1, external_id="E1", team="north"), holder(2, external_id="E2", team="south"))
    results = await told(
        http,
        {},
        {"source_id": "c-2", "learner": {"external_id": "E2"}},
        {"source_id": "c-3", "learner": {"external_id": "E3"}},
    )
    token.principal = replace(token.principal, teams=frozenset({"north"}))
    listed = (await http.get("/v1/completions")).json()["items"]
    assert [one["source_id"] for one in listed] == ["c-1"]
    assert (await http.get(f"/v1/completions/{results[0]['completion_id']}")).status_code == 200
    for hidden in results[1:]:
        assert (await http.get(f"/v1/completions/{hidden['completion_id']}")).status_code == 404
    assert (await http.post("/v1/completions", json={"completions": [BODY]})).status_code == 403


async def test_the_list_has_filters_and_is_csv_too(http, service):
    await service.tell(holder(1, external_id="E1"))
    await told(http, {}, {"source_id": "c-2", "learner": {"external_id": "E3"}, "course": "=1+1"})
    for query, expected in {"holder_id": str(ADA), "course": "FS-101"}.items():
        items = (await http.get("/v1/completions", params={query: expected})).json()["items"]
        assert [one["source_id"] for one in items] == ["c-1"]
    items = (await http.get("/v1/completions", params={"unmatched": True})).json()["items"]
    assert [one["source_id"] for one in items] == ["c-2"]
    answer = await http.get("/v1/completions", headers={"accept": "text/csv"})
    assert "'=1+1" in answer.text
