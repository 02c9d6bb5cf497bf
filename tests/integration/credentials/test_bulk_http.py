"""One action on many credentials: each by its ordinary command, with what came of it."""

import asyncio
import random
from typing import Any
from uuid import UUID, uuid4

import pytest

from licet_chassis.cause import Cause
from licet_credentials.bulk import commands, store
from licet_credentials.bulk.job import bulk_jobs

from .conftest import ALL_SCOPES, made

DATES = {"valid_from": "2026-01-01", "expires_on": "2026-06-30", "time_zone": "Europe/Berlin"}
RENEW: dict[str, Any] = {"renew": {"expires_on": "2027-06-30"}}
VOID: dict[str, Any] = {"void": {"reason": "entered_twice"}}


@pytest.fixture
async def cards(http: Any, service: Any, ana: Any, licence: Any) -> list[str]:
    """Three credentials of one holder, in the order of their ids."""
    cards = [
        await made(http, "credentials", holder_id=ana["id"], type="licence", number=f"A-{number}", **DATES)
        for number in range(3)
    ]
    await service.published()
    return [card["id"] for card in cards]


async def asked(http: Any, status: int = 201, headers: Any = None, **body: Any) -> Any:
    answer = await http.post("/v1/credentials/bulk", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def report(http: Any, job: Any, headers: Any = None, **query: str) -> Any:
    path = f"/v1/credentials/bulk/{job['id']}/rows"
    return (await http.get(path, params=query, headers=headers)).json()["items"]


async def state(http: Any, job: Any) -> Any:
    return (await http.get(f"/v1/credentials/bulk/{job['id']}")).json()


async def test_every_credential_of_a_filter_is_renewed_with_its_events_and_a_line_in_the_report(
    http, service, cards
):
    job = await asked(http, **RENEW, filter={"type": "licence"})
    assert (job["state"], job["total"], job["progress"], job["dry_run"]) == ("running", 3, 0.0, False)
    assert await service.published() == []
    await service.work_off_bulk()
    after = await state(http, job)
    assert (after["state"], after["progress"]) == ("finished", 1.0)
    assert after["counts"] == {"done": 3, "refused": 0, "failed": 0}
    lines = await report(http, job)
    assert [line["credential_id"] for line in lines] == cards
    assert {line["changes"]["expires_on"] for line in lines} == {"2027-06-30"}
    assert {line["changes"]["expires_on_rule"] for line in lines} == {"explicit"}
    events = await service.published()
    assert [str(event.data.credential.id) for event in events] == cards
    assert {event.data.event_type for event in events} == {"licet.credential.renewed.v1"}
    assert {event.correlation_id for event in events} == {job["id"]}
    [newest, *_] = (await http.get(f"/v1/credentials/{cards[0]}/history")).json()["items"][::-1]
    assert newest["actor"] == "user:u-1"


async def test_a_dry_run_reports_the_outcome_for_each_credential_and_changes_nothing(http, service, cards):
    await http.post(f"/v1/credentials/{cards[1]}/revoke", json={"reason": "fraud"})
    await service.published()
    tried = await asked(http, **RENEW, ids=cards, dry_run=True)
    await service.work_off_bulk()
    assert await service.published() == []
    assert (await http.get(f"/v1/credentials/{cards[0]}")).json()["version"] == 1
    done = await asked(http, **RENEW, ids=cards)
    await service.work_off_bulk()
    told = await report(http, tried)
    assert [line["outcome"] for line in told] == ["done", "refused", "done"]
    assert told == await report(http, done)
    assert await service.told() == ["credential.renewed"] * 2


async def test_a_dry_run_reports_numbers_that_earlier_credentials_would_take(http, service, licence):
    assert licence["number_unique"] == "holder"
    people = [await made(http, "holders", kind="employee", name=f"Bo {number}") for number in range(5)]
    numbers = random.Random(4711)
    for person in people:
        for number in numbers.sample(range(6), 3):
            await made(
                http, "credentials", holder_id=person["id"], type="licence", number=f"A-{number}", **DATES
            )
    moved: dict[str, Any] = {"reassign": {"holder_id": people[0]["id"], "reason": "one_person"}}
    tried = await asked(http, **moved, filter={"type": "licence"}, dry_run=True)
    await service.work_off_bulk()
    done = await asked(http, **moved, filter={"type": "licence"})
    await service.work_off_bulk()
    told = await report(http, tried)
    assert told == await report(http, done)
    refused = [line["detail"] for line in told if line["outcome"] == "refused"]
    taken_by = {line["credential_id"] for line in told if line["outcome"] == "done"}
    assert any(any(one in detail for one in taken_by) for detail in refused)


async def test_a_refused_credential_says_why_and_stops_no_other(http, service, cards):
    nobody = str(uuid4())
    await http.post(f"/v1/credentials/{cards[0]}/void", json={"reason": "entered_twice"})
    job = await asked(http, **RENEW, ids=[*cards, nobody])
    await service.work_off_bulk()
    refused = await report(http, job, outcome="refused")
    assert {line["credential_id"]: line["detail"] for line in refused} == {
        cards[0]: "The credential is voided: it was entered in error and can't be changed any more.",
        nobody: f"There is no credential {nobody}.",
    }
    assert (await state(http, job))["counts"] == {"done": 2, "refused": 2, "failed": 0}


async def test_an_unexpected_error_is_reported_as_failed_and_stops_no_other(
    http, service, cards, monkeypatch
):
    carried_out = commands._apply

    async def broken(tx: Any, action: Any, credential_id: UUID, *rest: Any) -> Any:
        result = await carried_out(tx, action, credential_id, *rest)
        if str(credential_id) == cards[1]:
            raise RuntimeError("nobody foresaw this")
        return result

    monkeypatch.setattr(commands, "_apply", broken)
    job = await asked(http, **VOID, ids=cards)
    await service.work_off_bulk()
    assert [line["outcome"] for line in await report(http, job)] == ["done", "failed", "done"]
    assert not (await http.get(f"/v1/credentials/{cards[1]}")).json()["voided"]
    assert await service.told() == ["credential.voided"] * 2


async def test_credentials_are_suspended_until_a_day_and_reassigned_to_another_holder(http, service, cards):
    suspended = await asked(http, suspend={"reason": "audit", "until": "2026-03-31"}, ids=cards[:1])
    bea = await made(http, "holders", kind="employee", name="Bea Example")
    await service.published()
    moved = await asked(http, reassign={"holder_id": bea["id"], "reason": "wrong_holder"}, ids=cards[1:])
    await service.work_off_bulk()
    [line] = await report(http, suspended)
    assert line["changes"]["validity"] == "suspended"
    assert {line["changes"]["holder_id"] for line in await report(http, moved)} == {bea["id"]}
    assert await service.told() == [
        "credential.status_changed", *["credential.corrected", "credential.moved"] * 2,
    ]  # fmt: skip
    of_bea = await http.get("/v1/credentials", params={"holder_id": bea["id"]})
    assert [item["id"] for item in of_bea.json()["items"]] == cards[1:]


async def test_a_cancelled_job_keeps_finished_credentials_and_changes_no_more(
    http, service, cards, monkeypatch
):
    monkeypatch.setattr("licet_chassis.jobs._ROWS_A_STEP", 1)
    job = await asked(http, **VOID, ids=cards)
    await bulk_jobs(service.database, service.clock).step()
    path = f"/v1/credentials/bulk/{job['id']}/cancel"
    assert (await http.post(path)).json()["state"] == "cancelled"
    await service.work_off_bulk()
    assert [line["outcome"] for line in await report(http, job)] == ["done", None, None]
    assert await service.told() == ["credential.voided"]
    again = await http.post(path)
    assert again.status_code == 409
    assert "cancelled" in again.json()["detail"]


async def test_a_crash_in_the_middle_repeats_nothing_and_loses_nothing(http, service, cards, monkeypatch):
    """The connection goes after a credential was changed and before its line is written."""
    finish_row = store.finish_row
    lost: list[int] = []

    async def lost_once(conn: Any, bulk_id: UUID, ordinal: int, result: Any) -> None:
        if ordinal == 2 and not lost:
            lost.append(ordinal)
            raise ConnectionResetError
        await finish_row(conn, bulk_id, ordinal, result)

    monkeypatch.setattr(store, "finish_row", lost_once)
    job = await asked(http, **VOID, ids=cards)
    with pytest.raises(ConnectionResetError):
        await service.work_off_bulk()
    await service.work_off_bulk()
    assert lost == [2]
    assert (await state(http, job))["counts"]["done"] == 3
    assert [str(event.data.credential.id) for event in await service.published()] == cards


async def test_concurrent_instances_process_each_credential_once(http, service, cards):
    job = await asked(http, **VOID, ids=cards)
    await asyncio.gather(*(service.work_off_bulk() for _ in range(4)))
    await service.work_off_bulk()
    assert (await state(http, job))["state"] == "finished"
    assert sorted(str(event.data.credential.id) for event in await service.published()) == cards


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"ids": ["{id}"]}, "exactly one of renew"),
        ({**VOID, **RENEW, "ids": ["{id}"]}, "exactly one of renew"),
        ({**VOID}, "either ids or filter"),
        ({**VOID, "ids": ["{id}"], "filter": {"type": "x"}}, "either ids or filter"),
        ({**VOID, "filter": {}}, "at least one condition"),
        ({**VOID, "filter": {"tpye": "x"}}, "/filter/tpye"),
        ({**VOID, "ids": []}, "/ids"),
        ({"void": {}, "ids": ["{id}"]}, "/void/reason"),
    ],
)
async def test_an_ambiguous_request_is_refused_before_anything_changes(http, service, body, words):
    if "ids" in body:
        body = body | {"ids": [str(uuid4()) for _ in body["ids"]]}
    answer = await http.post("/v1/credentials/bulk", json=body)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert await service.count("bulks") == 0


async def test_more_credentials_than_the_limit_are_refused(http, service, cards, monkeypatch):
    monkeypatch.setattr(commands, "MOST", 2)
    answer = await asked(http, 422, **VOID, filter={"type": "licence"})
    assert "more than 2 credentials" in answer["detail"]
    nothing = await asked(http, **VOID, filter={"q": "nobody has this"})
    assert (nothing["state"], nothing["total"]) == ("finished", 0)


async def test_the_submitters_visibility_is_checked_for_every_credential(http, service, cards, issuer):
    bo = await made(http, "holders", kind="employee", name="Bo Blue", team="blue")
    other = await made(http, "credentials", holder_id=bo["id"], type="licence", number="B-1", **DATES)
    await service.published()
    red = {"Authorization": f"Bearer {issuer.token(scope=ALL_SCOPES, licet_teams=['red'])}"}
    blue = {"Authorization": f"Bearer {issuer.token(scope=ALL_SCOPES, licet_teams=['blue'])}"}
    found = await asked(http, headers=red, **VOID, filter={"type": "licence"}, dry_run=True)
    assert found["total"] == 3
    job = await asked(http, headers=red, **VOID, ids=[cards[0], other["id"]])
    leaving = await asked(http, headers=red, **VOID, ids=[cards[1]])
    shown = await http.get(f"/v1/credentials/bulk/{job['id']}", headers=blue)
    assert shown.status_code == 404
    jobs = bulk_jobs(service.database, service.clock)
    for _ in range(2):
        async with service.database.transaction(Cause.new("user:test")) as tx:
            assert await jobs.process_next(tx, UUID(job["id"]), service.clock.now())
    async with service.database.reading() as conn:
        await conn.execute("update holders set team = 'blue'")
    await service.work_off_bulk()
    lines = await report(http, job, headers=red)
    assert [(line["outcome"], line["detail"]) for line in lines] == [
        ("done", None),
        ("refused", f"There is no credential {other['id']}."),
    ]
    [line] = await report(http, leaving, headers=red)
    assert line["detail"] == f"There is no credential {cards[1]}."
    assert await service.told() == ["credential.voided"]


async def test_the_same_request_twice_is_one_job(http, service, cards):
    headers = {"Idempotency-Key": "b-1"}
    first = await asked(http, headers=headers, **VOID, ids=cards)
    again = await asked(http, headers=headers, **VOID, ids=cards)
    assert first == again
    assert await service.count("bulks") == 1


async def test_the_report_is_a_csv_file_on_request(http, service, cards):
    job = await asked(http, **VOID, ids=cards)
    await service.work_off_bulk()
    answer = await http.get(f"/v1/credentials/bulk/{job['id']}/rows", headers={"Accept": "text/csv"})
    header, *lines = answer.text.splitlines()
    assert header.startswith("credential_id,outcome,detail")
    assert [line.partition(",")[0] for line in lines] == cards
