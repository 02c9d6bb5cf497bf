"""A request that offers an upgrade, as Java's own HTTP client does, is answered as if it offered none."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from licet_chassis.http.health import health_app
from licet_chassis.http.protocol import ConnectionLimits, HttpProtocol
from support.edge.server import served

# What java.net.http.HttpClient (Java 17) sends for a POST with HTTP/2 preferred, which is its default.
OFFER = (
    b"Connection: Upgrade, HTTP2-Settings\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\n"
    b"Upgrade: h2c\r\n"
)
BODY = b'{"name": "Ana"}'


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what came in."""
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    said = {
        "method": scope["method"], "path": scope["path"], "query": scope["query_string"].decode(),
        "headers": sorted(name.decode() for name, _ in scope["headers"]), "body": body.decode(),
    }  # fmt: skip
    answer = json.dumps(said).encode()
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def post(*, offer: bytes = OFFER, framing: bytes = b"Content-Length: 15\r\n", body: bytes = BODY) -> bytes:
    return b"POST /v1/holders?dry=1 HTTP/1.1\r\n" + offer + framing + b"Host: licet\r\n\r\n" + body


CHUNKED = post(
    framing=b"Transfer-Encoding: chunked\r\n",
    body=b"5\r\n" + BODY[:5] + b"\r\na\r\n" + BODY[5:] + b"\r\n0\r\n\r\n",
)
GET = b"GET /v1/holders HTTP/1.1\r\n" + OFFER + b"Host: licet\r\n\r\n"


@pytest.fixture
async def connection() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with served(echo) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        yield reader, writer
        writer.close()
        await writer.wait_closed()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    async with asyncio.timeout(60):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        body = await reader.readexactly(length)
    status = int(head.split()[1])
    return status, json.loads(body) if status == 200 else {"detail": body.decode()}


@pytest.mark.parametrize("request_bytes", [post(), CHUNKED], ids=["with a length", "chunked"])
@pytest.mark.parametrize("pieces", ["at once", "byte by byte", "head and body apart"])
async def test_the_body_arrives_however_it_is_sent(connection, request_bytes, pieces):
    reader, writer = connection
    cut = request_bytes.index(b"\r\n\r\n") + 4
    parts = {
        "at once": [request_bytes],
        "byte by byte": [request_bytes[at : at + 1] for at in range(len(request_bytes))],
        "head and body apart": [request_bytes[:cut], request_bytes[cut:]],
    }[pieces]
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0)  # the server reads it as a piece of its own
    status, said = await answer_of(reader)
    assert (status, said["method"], said["path"], said["query"]) == (200, "POST", "/v1/holders", "dry=1")
    assert said["body"].encode() == BODY
    assert not {"upgrade", "http2-settings"} & set(said["headers"])


async def test_the_connection_goes_on_with_and_without_an_offer(connection):
    reader, writer = connection
    for sent, body in [(GET, b""), (post(), BODY), (post(offer=b""), BODY), (CHUNKED, BODY), (GET, b"")]:
        writer.write(sent)
        assert (await answer_of(reader))[1]["body"].encode() == body


async def test_requests_sent_ahead_are_answered_in_order(connection):
    reader, writer = connection
    writer.write(post() + GET + post(offer=b"") + CHUNKED)
    assert [(await answer_of(reader))[1]["method"] for _ in range(4)] == ["POST", "GET", "POST", "POST"]


async def test_a_tunnel_is_refused(connection):
    reader, writer = connection
    writer.write(b"CONNECT licet:443 HTTP/1.1\r\nHost: licet\r\n\r\n")
    assert (await answer_of(reader))[0] == 400


async def test_garbage_is_refused(connection):
    reader, writer = connection
    writer.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
    assert (await answer_of(reader))[0] == 400


async def test_the_protocol_that_uvicorn_has_still_needs_this():
    """When this fails, uvicorn or httptools has mended it, and our own protocol class can go."""
    async with served(echo, HttpToolsProtocol) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(post())
        assert (await answer_of(reader))[1]["body"] == ""
        writer.close()


class Few(HttpProtocol):
    limits = ConnectionLimits(most=8, per_peer=5, head_seconds=0.2)


async def open_idle(url: str, count: int) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    port = int(url.rpartition(":")[2])
    return [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]


async def test_those_who_only_hold_connections_keep_nobody_out():
    class Patient(Few):
        limits = ConnectionLimits(most=8, per_peer=5, head_seconds=60)

    async with served(echo, Patient) as url:
        held = await open_idle(url, 20)
        async with asyncio.timeout(10):
            for reader, _ in held[:14]:
                assert await reader.read() == b"", "the oldest idle ones make room"
        (reader, writer), *_ = await open_idle(url, 1)
        writer.write(GET)
        assert (await answer_of(reader))[0] == 200
        for _, each in [*held, (reader, writer)]:
            each.close()


@pytest.mark.parametrize("sent", [b"", b"GET /slow HTTP/1.1\r\nHost: "])
async def test_the_head_of_a_request_has_its_time(sent):
    async with served(echo, Few) as url:
        ((reader, writer),) = await open_idle(url, 1)
        writer.write(sent)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_a_second_head_has_its_time_too():
    async with served(echo, Few) as url:
        ((reader, writer),) = await open_idle(url, 1)
        writer.write(GET)
        assert (await answer_of(reader))[0] == 200
        writer.write(b"GET /slow")
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_health_is_answered_on_a_port_of_its_own():
    missing: list[str] = []

    async def ready() -> list[str]:
        return missing

    async with served(health_app(ready, list)) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/livez")).json() == {"status": "ok", "stuck": []}
        assert (await client.head("/readyz")).status_code == 200
        missing.append("the database does not answer")
        assert (await client.head("/readyz")).status_code == 503
        assert (await client.get("/readyz")).json()["missing"] == missing
        assert "licet" in (await client.get("/metrics")).text
        assert (await client.get("/v1/holders")).status_code == 404
