"""HTTP/1.1 on a socket: uvicorn's protocol on httptools, made to ignore offers to upgrade."""

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_OFFER = frozenset({b"upgrade", b"http2-settings"})
"""Headers, and tokens of `Connection`, by which a client offers another protocol (RFC 9110, section 7.8)."""


class HttpProtocol(HttpToolsProtocol):
    """Answers a request that offers an upgrade, such as Java's `Upgrade: h2c`, as if it offered none.

    RFC 9110 (section 7.8) lets a server ignore the offer. httptools stops at the end of the headers
    instead and never gives the body (httptools issue 124, uvicorn issue 2722; httptools 0.9, uvicorn 0.54).
    So the head of the request is parsed again without its offer, by a new parser, which then reads the
    body and all that follows on the connection. Requests without an offer go the usual way.
    """

    def data_received(self, data: bytes) -> None:
        """Parse what arrived; raises nothing, whatever the bytes are."""
        self._unset_keepalive_if_required()
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
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of the body; none belongs to a head that is to be parsed again."""
        if not self.parser.should_upgrade():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request's body, unless its head is to be parsed again."""
        if not self.parser.should_upgrade():
            super().on_message_complete()
