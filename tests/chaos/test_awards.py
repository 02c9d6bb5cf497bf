"""Certifications killed between a completion and the status that it leads to: everything happens once.

Two services run: what certifications awards, credentials carries out and announces. Certifications kills
itself on the way out (completion recorded, award published) or on the way back (state of the credential,
change of status), is started again, and goes on. Then there is one award, one term, and one
`enrolment.status_changed` for each change.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import asyncpg
import httpx
import pytest

from chaos.scenarios import IN_CERTIFICATIONS
from chaos.service_process import CertificationsService, CredentialsService, ServiceProcess
from licet_cli.event_stream import follow
from licet_events import Topic
from licet_events.enrolments import CertificationAwarded, EnrolmentStatusChanged

OUT = ("completions.saved", "enrolments.saved", "write.committed", "relay.sent")
BACK = ("enrolments.saved", "relay.sent")
PATIENCE = 60.0
_numbers = count(1)


@dataclass
class Services:
    credentials: CredentialsService
    certifications: CertificationsService


@pytest.fixture(scope="module")
def services(
    postgres: Any, kafka_server: Any, s3: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    asyncio.run(kafka_server.reset_topics())

    def process(kind: type[Any]) -> Any:
        url = asyncio.run(postgres.create_database())
        made = kind(tmp_path_factory.mktemp("service"), database_url=url, kafka=kafka_server.bootstrap, s3=s3)
        made.start()
        return made

    both = Services(process(CredentialsService), process(CertificationsService))
    # Five days after the completion the step of 15 days is reached, so that the credential brings a status.
    licence = {
        "code": "licence", "name": "Licence", "category": "license", "validity": {"days": 20}, "ladder": [15],
    }  # fmt: skip
    post(both.credentials, "/credential-types", licence)
    programme = {"code": "lifting", "name": "Lifting", "credential_type": "licence"}
    component = {"code": "exam", "name": "Exam", "kind": "exam", "sources": [{"source": "lms", "id": "EX"}]}
    post(both.certifications, "/programmes", programme)
    until(lambda: post(both.certifications, "/programmes/lifting/versions", {"components": [component]}))
    until(lambda: post(both.certifications, "/programmes/lifting/versions/1/publish", {}))
    yield both
    both.certifications.close()
    both.credentials.close()


def post(service: ServiceProcess, path: str, body: Any, **headers: str) -> Any:
    with service.client(**headers) as http:
        return http.post(path, json=body).raise_for_status().json()


def get(service: ServiceProcess, path: str, **query: Any) -> Any:
    with service.client() as http:
        return http.get(path, params=query).raise_for_status().json()


def until(ask: Callable[[], Any]) -> Any:
    """Ask until the answer is there and true; what is asked for is known a moment later."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(httpx.HTTPStatusError):
            answer = ask()
            if answer:
                return answer
        assert time.monotonic() < deadline, "it did not come about within a minute"
        time.sleep(0.05)


def all_sent(service: ServiceProcess) -> bool:
    async def unsent() -> int:
        conn = await asyncpg.connect(service.database_url)
        try:
            return int(await conn.fetchval("select count(*) from outbox"))
        finally:
            await conn.close()

    return asyncio.run(unsent()) == 0


def restart_killed(service: ServiceProcess, place: str) -> None:
    try:
        assert service.was_killed(), f"it never passed {place}"
    finally:
        service.disarm()
        service.close_process()
        service.start()


def five_days_ago() -> str:
    return (datetime.now(UTC) - timedelta(days=5, hours=1)).isoformat()


@pytest.fixture
def enrolment(services: Services) -> Any:
    number = next(_numbers)
    holder = {"kind": "employee", "name": f"Holder {number}", "external_id": f"E-{number}"}
    holder_id = post(services.credentials, "/holders", holder)["id"]
    body = {"holder_id": holder_id, "programme": "lifting", "entry": "staff"}
    opened = until(lambda: post(services.certifications, "/enrolments", body))
    until(lambda: all_sent(services.certifications))
    return {**opened, "number": number}


def complete(services: Services, enrolment: Any, completed_at: str) -> None:
    report = {
        "source": "lms", "source_id": f"c-{enrolment['number']}", "course": "EX", "result": "passed",
        "learner": {"external_id": f"E-{enrolment['number']}"}, "completed_at": completed_at,
    }  # fmt: skip
    key = {"Idempotency-Key": f"complete-{enrolment['number']}"}
    post(services.certifications, "/completions", {"completions": [report]}, **key)


def check(services: Services, enrolment: Any) -> None:
    """Fail unless everything happened once."""
    shown = until(lambda: arrived(services, enrolment))
    until(lambda: all_sent(services.certifications))
    [award] = get(services.credentials, "/awards", enrolment_id=enrolment["id"])["items"]
    assert (award["outcome"], award["id"]) == ("issued", shown["award_id"])
    [credential] = get(services.credentials, "/credentials", holder_id=enrolment["holder_id"])["items"]
    assert credential["id"] == shown["credential_id"]
    [term] = get(services.credentials, f"/credentials/{credential['id']}/terms")["items"]
    assert term["id"] == award["term_id"]
    # A record may be there twice, as the relay delivers at least once; then it has the same id.
    told = asyncio.run(published(services.certifications.kafka, enrolment["id"]))
    assert len([each for each in told.values() if isinstance(each, CertificationAwarded)]) == 1
    changes = [(each.from_, each.to) for each in told.values() if isinstance(each, EnrolmentStatusChanged)]
    assert changes == [("in_progress", "active"), ("active", "expiring")]


def arrived(services: Services, enrolment: Any) -> Any:
    shown = get(services.certifications, f"/enrolments/{enrolment['id']}")
    return shown if shown["status"] == "expiring" else None


async def published(kafka: str, enrolment_id: str) -> dict[Any, Any]:
    """Return what was published of an enrolment: by event id, the data, in order."""
    records = follow(kafka, (Topic.CERTIFICATIONS,), from_start=True, until_end=True)
    return {
        seen.event.id: seen.event.data
        async for seen in records
        if seen.event is not None and enrolment_id in (seen.key or "")
    }


@pytest.mark.timeout(240)
@pytest.mark.parametrize("place", OUT)
def test_killed_between_completion_and_award_everything_happens_once(
    services: Services, enrolment: Any, place: str
) -> None:
    completed_at = five_days_ago()
    services.certifications.arm(place)
    with contextlib.suppress(httpx.HTTPError):
        complete(services, enrolment, completed_at)
    restart_killed(services.certifications, place)
    complete(services, enrolment, completed_at)
    check(services, enrolment)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("place", BACK)
def test_killed_between_credential_and_status_everything_happens_once(
    services: Services, enrolment: Any, place: str
) -> None:
    services.credentials.close_process()
    complete(services, enrolment, five_days_ago())
    until(lambda: all_sent(services.certifications))
    services.certifications.arm(place)
    services.credentials.start()
    restart_killed(services.certifications, place)
    check(services, enrolment)


def test_each_place_of_certifications_is_on_one_of_these_ways() -> None:
    assert {*OUT, *BACK} >= IN_CERTIFICATIONS
