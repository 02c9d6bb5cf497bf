"""HTTP/1.1 on a socket: uvicorn's protocol on httptools, made to ignore offers to upgrade."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_OFFER = frozenset({b"upgrade", b"http2-settings"})
"""Headers, and tokens of `Connection`, by which a client offers another protocol (RFC 9110, section 7.8)."""


@dataclass(frozen=True)
class ConnectionLimits:
    """Bounds on connections, so that those who only hold them keep nobody out; times in seconds."""

    most: int = 500
    per_peer: int = 200
    head_seconds: float = 15.0
    """How long the head of a request may take from its first byte, or from the connection's beginning."""


_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class HttpProtocol(HttpToolsProtocol):
    """Bounds connections, and ignores offers to upgrade, such as the `Upgrade: h2c` of Java's own client.

    RFC 9110 (section 7.8) lets a server ignore the offer. httptools stops at the end of the headers
    instead and never gives the body (httptools issue 124, uvicorn issue 2722; httptools 0.9, uvicorn 0.54).
    So the head of the request is parsed again without its offer, by a new parser, which then reads the
    body and all that follows on the connection. Requests without an offer go the usual way.
    """

    limits = ConnectionLimits()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_timer: asyncio.TimerHandle | None = None
        self.idle_since = 0.0

    @property
    def peer(self) -> str | None:
        """The address at the other end."""
        return None if self.client is None else self.client[0]

    @property
    def idle(self) -> bool:
        """Whether no request is being answered and the connection is open."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Take a connection; where there are too many, end the one that has been idle longest."""
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        self._expect_head()
        everyone = [each for each in self.connections if isinstance(each, HttpProtocol)]
        theirs = [each for each in everyone if each.peer == self.peer]
        if len(theirs) > self.limits.per_peer:
            self._make_room(theirs)
        elif len(everyone) > self.limits.most:
            self._make_room(everyone)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_expecting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Note since when the connection is idle."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def _make_room(self, crowd: Sequence["HttpProtocol"]) -> None:
        idle = [each for each in crowd if each is not self and each.idle]
        if idle:
            min(idle, key=lambda each: each.idle_since).transport.close()
        else:
            self.transport.write(_TOO_MANY)
            self.transport.close()

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.limits.head_seconds, self._end_if_idle)

    def _stop_expecting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end_if_idle(self) -> None:
        self._head_timer = None
        if self.idle:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Parse what arrived; raises nothing, whatever the bytes are."""
        self._unset_keepalive_if_required()
        if self.idle:
            self._expect_head()
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as stopped:
                method = self.parser.get_method()
                if method == b"CONNECT":  # asks for a tunnel, and would stop the next parser in the same way
                    self.send_400_response("CONNECT is not supported.")
                    return
                data = self._head_without_offer(method) + data[stopped.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            except httptools.HttpParserError:
                self.send_400_response("Invalid HTTP request received.")
                return
            else:
                return

    def _head_without_offer(self, method: bytes) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (method, self.url, version)]
        for name, value in self.headers:
            if name in _OFFER:
                continue
            if name == b"connection":
                kept = [token for token in value.split(b",") if token.strip().lower() not in _OFFER]
                lines += [b"connection: " + b",".join(kept)] if kept else []
            else:
                lines.append(name + b": " + value)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def on_headers_complete(self) -> None:
        """Begin the request, unless its head is to be parsed again."""
        if not self.parser.should_upgrade():
            self._stop_expecting()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of the body; none belongs to a head that is to be parsed again."""
        if not self.parser.should_upgrade():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request's body, unless its head is to be parsed again."""
        if not self.parser.should_upgrade():
            super().on_message_complete()
