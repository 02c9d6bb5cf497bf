"""What surrounds a request: its ids, its size, its log line, its numbers."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
import structlog
from fastapi import APIRouter, File, Request, UploadFile
from prometheus_client import REGISTRY
from starlette.responses import StreamingResponse

from licet_chassis.http.auth import requires
from licet_chassis.http.requests import request_cause
from licet_chassis.http.resources import Body
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app

LIMIT = 2_000
UPLOAD_LIMIT = 10_000
router = APIRouter(prefix="/v1", dependencies=[requires("credentials:read")])
uploads = APIRouter(prefix="/v1/things/{thing_id}", dependencies=[requires("credentials:read")])


class Note(Body):
    text: str


@router.post("/notes")
async def take_note(note: Note) -> int:
    return len(note.text)


@router.get("/cause/{number}")
async def tell_cause(request: Request, number: int) -> dict[str, str | None]:
    cause = request_cause(request)
    return {
        "actor": cause.actor, "correlation_id": cause.correlation_id, "causation_id": cause.causation_id,
        "traceparent": cause.traceparent,
    }  # fmt: skip


@router.get("/fail")
async def fail() -> None:
    raise RuntimeError("a bug")


@router.get("/half")
async def half() -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError("a bug after the head")

    return StreamingResponse(parts())


@router.get("/log")
async def log_something() -> None:
    structlog.get_logger("test").info("test.inside")


@uploads.post("/images", max_body_size=UPLOAD_LIMIT)
async def upload(thing_id: str, file: Annotated[UploadFile, File()]) -> int:
    return len(await file.read())


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def client(issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(edge_app(issuer, router, uploads, body_limit_bytes=LIMIT), issuer.token()) as client:
        yield client


def note_of(size: int) -> bytes:
    return b'{"text":"' + b"x" * (size - 11) + b'"}'


async def in_parts(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 300):
        yield content[start : start + 300]
        await asyncio.sleep(0)


JSON = {"content-type": "application/json"}


async def test_body_at_the_limit_is_taken_and_one_byte_more_is_413(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/notes", content=note_of(LIMIT), headers=JSON)).status_code == 200
    answer = await client.post("/v1/notes", content=note_of(LIMIT + 1), headers=JSON)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert "2,000 bytes" in answer.json()["detail"]


async def test_body_that_does_not_say_its_length_is_counted(client: httpx.AsyncClient) -> None:
    good = await client.post("/v1/notes", content=in_parts(note_of(LIMIT)), headers=JSON)
    assert good.status_code == 200
    answer = await client.post("/v1/notes", content=in_parts(note_of(LIMIT + 1)), headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


async def test_body_that_lies_about_its_length_is_counted(client: httpx.AsyncClient) -> None:
    headers = JSON | {"content-length": "10"}
    answer = await client.post("/v1/notes", content=in_parts(note_of(LIMIT + 1)), headers=headers)
    assert answer.status_code == 413


async def test_counting_stops_the_reading(issuer: Issuer) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 500
            yield b"x" * 500

    async with client_of(edge_app(issuer, router, body_limit_bytes=LIMIT), issuer.token()) as client:
        answer = await client.post("/v1/notes", content=endless(), headers=JSON)
    assert answer.status_code == 413
    assert sent <= LIMIT + 1_000


async def test_route_may_take_more(client: httpx.AsyncClient) -> None:
    path = "/v1/things/t-1/images"
    good = await client.post(path, files={"file": ("a.jpg", b"x" * (UPLOAD_LIMIT - 500))})
    assert (good.status_code, good.json()) == (200, UPLOAD_LIMIT - 500)
    answer = await client.post(path, files={"file": ("a.jpg", b"x" * UPLOAD_LIMIT)})
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    multipart = httpx.Request("POST", "http://x", files={"file": ("a.jpg", b"x" * UPLOAD_LIMIT)})
    answer = await client.post(
        path,
        content=in_parts(multipart.read()),
        headers={"content-type": multipart.headers["content-type"]},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


@pytest.mark.parametrize("given", ["abc-123", "A.b_c:d", "x" * 128])
async def test_correlation_id_that_is_well_formed_is_kept(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/v1/cause/1", headers={"X-Correlation-Id": given})
    assert answer.json()["correlation_id"] == given
    assert answer.headers["x-correlation-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "-x", "x" * 129, "a;b", "é"])
async def test_correlation_id_that_is_not_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/v1/cause/1", headers=[(b"X-Correlation-Id", given.encode("latin-1"))])
    assert answer.json()["correlation_id"] != given
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-correlation-id"])


async def test_cause_is_the_principal_in_the_trace_of_the_caller(client: httpx.AsyncClient) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    cause = (await client.get("/v1/cause/1", headers={"traceparent": parent})).json()
    assert (cause["actor"], cause["causation_id"]) == ("user:u-1", None)
    assert cause["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert cause["traceparent"] != parent


async def test_one_log_line_a_request_without_query_body_or_token(client: httpx.AsyncClient, logged) -> None:
    await client.get("/v1/cause/7?name=alice", headers={"X-Correlation-Id": "c-1"})
    lines = [line for line in logged if line["event"] == "http.request"]
    assert len(lines) == 1
    line = lines[0]
    assert (line["method"], line["route"], line["status"], line["correlation_id"]) == (
        "GET", "/v1/cause/{number}", 422, "c-1",
    )  # fmt: skip
    assert line["trace_id"]
    assert line["ms"] >= 0
    assert "alice" not in str(logged)
    assert "eyJ" not in str(logged)


async def test_log_lines_inside_a_request_carry_its_ids(client: httpx.AsyncClient, logged) -> None:
    await asyncio.gather(
        *(client.get("/v1/log", headers={"X-Correlation-Id": f"c-{number}"}) for number in range(5))
    )
    inside = {line["correlation_id"] for line in logged if line["event"] == "test.inside"}
    assert inside == {f"c-{number}" for number in range(5)}


async def test_health_checks_leave_no_log_line(client: httpx.AsyncClient, logged) -> None:
    await client.get("/livez")
    assert not [line for line in logged if line["event"] == "http.request"]


async def test_unexpected_error_is_logged_once_with_its_trace_and_counted(
    client: httpx.AsyncClient, logged
) -> None:
    before = counted("GET", "/v1/fail", "500")
    assert (await client.get("/v1/fail")).status_code == 500
    told = [line for line in logged if line["event"].startswith("http.")]
    assert [line["event"] for line in told] == ["http.unexpected_error", "http.request"]
    assert told[0]["exc_info"] is True
    assert counted("GET", "/v1/fail", "500") == before + 1


async def test_answer_that_breaks_half_way_breaks_the_connection(client: httpx.AsyncClient) -> None:
    with pytest.raises(RuntimeError):
        await client.get("/v1/half")


def counted(method: str, route: str, status: str) -> float:
    labels = {"method": method, "route": route, "status": status}
    return REGISTRY.get_sample_value("licet_http_requests_total", labels) or 0.0


async def test_made_up_paths_and_methods_make_no_new_series(client: httpx.AsyncClient) -> None:
    for number in range(20):
        await client.get(f"/v1/cause/{number}")
        await client.get(f"/v1/made-up-{number}")
        await client.request(f"X{number}", "/v1/notes")
    text = (await client.get("/metrics")).text
    assert 'route="/v1/cause/{number}"' in text
    assert "made-up" not in text
    assert 'method="X1"' not in text


async def test_ready_and_alive_say_what_is_missing_and_what_stands_still(issuer: Issuer) -> None:
    missing: list[str] = []
    stuck: list[str] = []

    async def ready() -> list[str]:
        return missing

    async with client_of(edge_app(issuer, ready=ready, alive=lambda: stuck)) as client:
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/livez")).status_code == 200
        missing.append("the database does not answer")
        stuck.append("consumers")
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["missing"]) == (503, ["the database does not answer"])
        answer = await client.get("/livez")
        assert (answer.status_code, answer.json()["stuck"]) == (503, ["consumers"])
