"""The same completions in any order, repeated, through any mix of doors: the same facts in the end."""

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from licet_certifications.completions.model import completion_id
from licet_certifications.completions.store import completions_of
from licet_events.completions import CompletionRecorded

from .conftest import NOW, Certifications, holder
from .test_completions import read

ADA, BOB = UUID(int=1), UUID(int=2)
VERBS = {
    "passed": "http://adlnet.gov/expapi/verbs/passed",
    "failed": "http://adlnet.gov/expapi/verbs/failed",
    "completed": "http://adlnet.gov/expapi/verbs/completed",
    "waived": "https://w3id.org/xapi/adl/verbs/waived",
}
PEOPLE = {"E1": "ada@example.org", "E2": "bob@example.org"}


def reports(rng: random.Random) -> list[CompletionRecorded]:
    return [
        CompletionRecorded.model_validate(
            {
                "source": "xapi",
                "source_id": str(UUID(int=rng.getrandbits(128), version=4)),
                "learner": {"external_id": rng.choice(sorted(PEOPLE))},
                "course": f"https://lms.example.org/{rng.randrange(2)}",
                "completed_at": NOW - timedelta(hours=rng.randrange(5)),
                "result": rng.choice(sorted(VERBS)),
            }
        )
        for _ in range(6)
    ]


async def by_request(http: httpx.AsyncClient, _: Certifications, one: CompletionRecorded) -> None:
    body = {"completions": [one.model_dump(mode="json", exclude_none=True)]}
    assert (await http.post("/v1/completions", json=body)).status_code == 200


async def by_file(http: httpx.AsyncClient, _: Certifications, one: CompletionRecorded) -> None:
    text = (
        "course,source,source_id,email,completed_at,result\n"
        f"{one.course},{one.source},{one.source_id},{PEOPLE[one.learner.external_id or '']},"
        f"{one.completed_at.isoformat()},{one.result.value}\n"
    )
    answer = await http.post("/v1/completions", content=text, headers={"content-type": "text/csv"})
    assert answer.status_code == 200


async def by_topic(_: httpx.AsyncClient, service: Certifications, one: CompletionRecorded) -> None:
    await read(service, one, one)


async def by_statement(http: httpx.AsyncClient, _: Certifications, one: CompletionRecorded) -> None:
    statement = {
        "id": one.source_id,
        "actor": {"mbox": f"mailto:{PEOPLE[one.learner.external_id or ''].upper()}"},
        "verb": {"id": VERBS[one.result.value]},
        "object": {"id": one.course},
        "timestamp": one.completed_at.isoformat(),
    }
    answer = await http.post(
        "/xapi/statements", json=statement, headers={"X-Experience-API-Version": "2.0.0"}
    )
    assert answer.status_code == 200, answer.text


DOORS = (by_request, by_file, by_topic, by_statement)


@pytest.mark.parametrize("seed", range(8))
async def test_any_order_and_mix_of_doors_ends_in_the_same_facts(http, service, seed):
    rng = random.Random(seed)
    told = reports(rng)
    people: list[Any] = [
        holder(number, external_id=f"E{number}", email=PEOPLE[f"E{number}"]) for number in (1, 2)
    ]
    # Each completion at least once and some more often, holders somewhere among them.
    history = [*told, *rng.choices(told, k=4), *people]
    rng.shuffle(history)
    for one in history:
        if isinstance(one, CompletionRecorded):
            await rng.choice(DOORS)(http, service, one)
        else:
            await service.tell(one)
    async with service.database.reading() as conn:
        found = await completions_of(conn, [ADA, BOB])
        open_items = await conn.fetchval("select count(*) from worklist_items where closed_at is null")
    facts = {
        holder_id: [(one.source_id, one.course, one.completed_at, one.result.value) for one in them]
        for holder_id, them in found.items()
    }
    assert facts == _expected(told)
    assert open_items == 0


def _expected(told: list[CompletionRecorded]) -> dict[UUID, list[tuple[str, str, datetime, str]]]:
    ordered = sorted(
        told,
        key=lambda one: (
            one.completed_at,
            one.result.value == "failed",
            completion_id(one.source, one.source_id),
        ),
    )
    people = {"E1": ADA, "E2": BOB}
    expected: dict[UUID, list[tuple[str, str, datetime, str]]] = {}
    for one in ordered:
        facts = expected.setdefault(people[one.learner.external_id or ""], [])
        facts.append((one.source_id, one.course, one.completed_at, one.result.value))
    return expected
