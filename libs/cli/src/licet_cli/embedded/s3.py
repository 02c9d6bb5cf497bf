"""An S3 server: moto's, with what it lacks: signatures are checked, and objects outlive the process.

Started as `python -m licet_cli.embedded.s3` by `EmbeddedS3`. With a directory each object is
written through to it before its request is answered, and read back at the next start; without one
everything is gone at the end.
"""

import contextlib
import hashlib
import json
import logging
import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from werkzeug.serving import make_server
from werkzeug.test import Client

from licet_cli.embedded.lifeline import announce, end_with_parent, orders
from licet_cli.embedded.processes import Child
from licet_cli.embedded.signatures import refusal

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REGION = "us-east-1"
# What our own calls to moto carry, which looks for the region there and verifies nothing.
_SIGNED = {"Authorization": f"AWS4-HMAC-SHA256 Credential=inside/20260101/{REGION}/s3/aws4_request"}
_KEPT_HEADERS = ("content-type", "cache-control", "content-disposition", "content-encoding")


class EmbeddedS3:
    """The S3 server as a process of its own, with one private bucket."""

    def __init__(
        self,
        *,
        log: Path,
        bucket: str,
        data: Path | None = None,
        port: int | None = None,
        access_key: str = "licet",
        secret_key: str | None = None,
    ) -> None:
        self.bucket = bucket
        self.region = REGION
        self.access_key = access_key
        self.secret_key = secret_key or secrets.token_urlsafe(24)
        self._data = data
        self.port = port or 0
        self._log = log
        self._child = self._new_child()
        self.endpoint = ""

    @property
    def child(self) -> Child:
        """The process."""
        return self._child

    def start(self) -> None:
        """Start the server and return at once; `wait` says when it listens."""
        self._child = self._new_child()
        self._child.start()
        self._child.tell(
            {
                "port": self.port,
                "bucket": self.bucket,
                "data": str(self._data) if self._data else None,
                "access_key": self.access_key,
                "secret_key": self.secret_key,
            }
        )

    def wait(self, timeout: float = 30.0) -> None:
        """Wait until the server listens; `endpoint` is known then."""
        self.port = int(self._child.announcement(timeout)["port"])
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def stop(self, grace: float = 3.0) -> None:
        """End the server."""
        self._child.stop(grace)

    def _new_child(self) -> Child:
        return Child("s3", [sys.executable, "-m", "licet_cli.embedded.s3"], self._log, announces=True)


class SignatureGate:
    """WSGI middleware that refuses what is not signed with the one key there is."""

    def __init__(self, app: "WSGIApplication", *, access_key: str, secret_key: str) -> None:
        self._app = app
        self._access_key = access_key
        self._secret_key = secret_key

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer 403 to an unsigned, wrongly signed or late request; hand on any other."""
        headers = {
            name[5:].replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        headers["content-type"] = environ.get("CONTENT_TYPE", "")
        headers["content-length"] = environ.get("CONTENT_LENGTH", "")
        refused = refusal(
            environ["REQUEST_METHOD"],
            environ["RAW_URI"],
            headers,
            access_key=self._access_key,
            secret_key=self._secret_key,
            now=datetime.now(UTC),
        )
        if refused is None:
            return self._app(environ, start_response)
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{refused.code}</Code><Message>{refused.message}</Message></Error>"
        ).encode()
        start_response("403 Forbidden", [("Content-Type", "application/xml")])
        return [body]


class WriteThrough:
    """WSGI middleware that keeps a copy of every object in a directory, and can put them all back."""

    def __init__(self, app: "WSGIApplication", directory: Path) -> None:
        self._app = app
        self._inside = Client(app)
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Hand the request on, and keep what it changed before it is answered."""
        if environ["REQUEST_METHOD"] not in {"PUT", "POST", "DELETE"}:
            return self._app(environ, start_response)
        answered: list[str] = []

        def note(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
            answered.append(status)
            return start_response(status, headers, exc_info)

        body = list(self._app(environ, note))
        # Kept before the client hears of it, so that what was acknowledged is there after a crash.
        if answered and answered[-1].startswith("2"):
            self._keep(unquote(urlsplit(environ["RAW_URI"]).path))
        return body

    def restore(self) -> int:
        """Put every object back as it was; returns how many."""
        count = 0
        for description in self._directory.glob("*.json"):
            kept = json.loads(description.read_text())
            bucket = kept["path"].split("/")[1]
            self._inside.put(f"/{bucket}", headers=_SIGNED)
            self._inside.put(
                quote(kept["path"]),
                data=description.with_suffix(".bin").read_bytes(),
                headers={**_SIGNED, **kept["headers"]},
            )
            count += 1
        return count

    def _keep(self, path: str) -> None:
        _, _, key = path.lstrip("/").partition("/")
        if key:
            self._keep_object(path)
        else:  # a call on the bucket, such as the deletion of many
            for description in self._directory.glob("*.json"):
                self._keep_object(json.loads(description.read_text())["path"])

    def _keep_object(self, path: str) -> None:
        place = self._directory / hashlib.sha256(path.encode()).hexdigest()
        answer = self._inside.get(quote(path), headers=_SIGNED)
        if answer.status_code != 200:
            with contextlib.suppress(FileNotFoundError):
                place.with_suffix(".json").unlink()
            with contextlib.suppress(FileNotFoundError):
                place.with_suffix(".bin").unlink()
            return
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() in _KEPT_HEADERS or name.lower().startswith("x-amz-meta-")
        }
        _replace(place.with_suffix(".bin"), answer.data)
        # The description comes last: an object without one was never acknowledged.
        _replace(place.with_suffix(".json"), json.dumps({"path": path, "headers": headers}).encode())


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    fresh.write_bytes(content)
    fresh.replace(path)


def main() -> None:
    """Run the server until the parent goes or asks for the end."""
    wanted = orders()
    # Objects above this size lie in files and not in memory; each then holds a file descriptor.
    os.environ["MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"] = str(128 * 1024)
    if resource is not None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))
    # moto reads the setting above when it is imported.
    from moto.moto_server.werkzeug_app import create_backend_app  # noqa: PLC0415

    app: WSGIApplication = create_backend_app("s3")
    Client(app).put(f"/{wanted['bucket']}", headers=_SIGNED)
    if wanted["data"]:
        keeping = WriteThrough(app, Path(wanted["data"]))
        keeping.restore()
        app = keeping
    gate = SignatureGate(app, access_key=wanted["access_key"], secret_key=wanted["secret_key"])
    server = make_server("127.0.0.1", wanted["port"], gate, threaded=True)

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # request lines would hold presigned URLs
    signal.signal(signal.SIGTERM, end)
    end_with_parent()
    announce(port=server.server_port)
    server.serve_forever()


if __name__ == "__main__":
    main()
