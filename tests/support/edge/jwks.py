"""An issuer's keys on a real port, for services that are processes or whole applications."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.edge.issuer import Issuer


@contextmanager
def served_keys(issuer: Issuer | None = None) -> Iterator[str]:
    """Serve the JWKS of an issuer, or one without keys, and give its URL."""
    document = json.dumps({"keys": []} if issuer is None else issuer.document).encode()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name is http.server's
            self.send_response(200)
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/jwks"
    finally:
        server.shutdown()
        server.server_close()
