"""A token issuer as the embedded run needs one: a key, its JWKS, discovery, and tokens.

`python -m licet_cli.embedded.issuer` runs it alone, for a demonstration on Compose:
`--url` (the `iss` of its tokens), `--host`, `--port`, `--key FILE`; whoever asks for a token needs
the secret in `LICET_ISSUER_SECRET`.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import signal
import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SCOPES = (
    "credentials:read",
    "credentials:write",
    "credentials:admin",
    "credentials:audit",
    "certifications:read",
    "certifications:write",
    "certifications:approve",
    "completions:read",
    "completions:write",
    "eligibility:read",
    "waivers:approve",
    "waivers:override",
    "scheduler:read",
    "scheduler:write",
    "notifications:read",
    "notifications:write",
    "operations:read",
    "operations:write",
)
"""Every scope that a route of Licet asks for."""

AUDIENCE = "licet"
LIFETIME = timedelta(hours=1)
_LARGEST_FORM = 16_384


class SigningKey:
    """An Ed25519 key and the id that its tokens name."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        public = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self._x = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
        # RFC 7638, with the members that RFC 8037 names.
        thumbprint = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": self._x}, separators=(",", ":"))
        digest = hashlib.sha256(thumbprint.encode()).digest()
        self.kid = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    @classmethod
    def of_file(cls, file: Path) -> Self:
        """Return the key kept in a PEM file; one is made, readable by its user only, if there is none."""
        if not file.exists():
            pem = Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(pem)
        loaded = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if not isinstance(loaded, Ed25519PrivateKey):
            raise ValueError(f"{file} holds no Ed25519 key")  # noqa: TRY004  # the file is at fault
        return cls(loaded)

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key Set (RFC 7517)."""
        key = {"kty": "OKP", "crv": "Ed25519", "x": self._x, "kid": self.kid, "use": "sig", "alg": "EdDSA"}
        return {"keys": [key]}

    def token(
        self,
        *,
        issuer: str,
        now: datetime,
        subject: str = "licet-cli",
        scopes: Iterable[str] = SCOPES,
        teams: Sequence[str] | None = None,
        locations: Sequence[str] | None = None,
        lifetime: timedelta = LIFETIME,
        audience: str = AUDIENCE,
    ) -> str:
        """Return a signed token. `teams` and `locations` narrow what it sees; `None` does not.

        `now` is machine time: a moved business clock does not age a token.
        """
        claims: dict[str, Any] = {
            "iss": issuer,
            "aud": audience,
            "sub": subject,
            "scope": " ".join(scopes),
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "jti": str(uuid4()),
        }
        if teams is not None:
            claims["licet_teams"] = list(teams)
        if locations is not None:
            claims["licet_locations"] = list(locations)
        return jwt.encode(claims, self._private, algorithm="EdDSA", headers={"kid": self.kid})


class Issuer:
    """An HTTP server with the issuer's documents, and tokens for those who know the secret."""

    def __init__(self, key: SigningKey, *, host: str, port: int, secret: str, url: str | None = None) -> None:
        self._server = ThreadingHTTPServer((host, port), _Answers)
        self._server.daemon_threads = True
        self.url = url or f"http://{host}:{self._server.server_port}"
        self._server.issuer = self  # type: ignore[attr-defined]  # how a handler finds what it serves
        self._key = key
        self._secret = secret
        self._thread = threading.Thread(target=self._server.serve_forever, name="issuer", daemon=True)

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def documents(self) -> dict[str, dict[str, Any]]:
        """Return what anyone may read, by path."""
        return {
            "/.well-known/jwks.json": self._key.jwks(),
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/.well-known/jwks.json",
                "token_endpoint": f"{self.url}/token",
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "scopes_supported": list(SCOPES),
            },
            "/readyz": {"status": "ready"},
        }

    def grant(self, form: dict[str, list[str]], authorization: str) -> tuple[HTTPStatus, dict[str, Any]]:
        """Answer a token request by client credentials (RFC 6749, section 4.4)."""
        client, secret = _client(form, authorization)
        if not hmac.compare_digest(secret.encode(), self._secret.encode()):
            return HTTPStatus.UNAUTHORIZED, {"error": "invalid_client"}
        if form.get("grant_type") != ["client_credentials"]:
            return HTTPStatus.BAD_REQUEST, {"error": "unsupported_grant_type"}
        scopes = form.get("scope", [" ".join(SCOPES)])[0].split()
        token = self._key.token(
            issuer=self.url,
            now=datetime.now(UTC),
            subject=client or "licet-cli",
            scopes=scopes,
            teams=form.get("team"),
            locations=form.get("location"),
        )
        seconds = int(LIFETIME.total_seconds())
        return HTTPStatus.OK, {"access_token": token, "token_type": "Bearer", "expires_in": seconds}


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        document = self._issuer.documents().get(self.path)
        if document is None:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "not_found"})
        else:
            self._answer(HTTPStatus.OK, document)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.path != "/token" or not length.isdecimal() or int(length) > _LARGEST_FORM:
            self.close_connection = True
            self._answer(HTTPStatus.BAD_REQUEST, {"error": "invalid_request"})
            return
        form = parse_qs(self.rfile.read(int(length)).decode("utf-8", "replace"))
        self._answer(*self._issuer.grant(form, self.headers.get("Authorization", "")))

    def log_message(self, format: str, *args: Any) -> None:
        pass

    @property
    def _issuer(self) -> Issuer:
        issuer: Issuer = self.server.issuer  # type: ignore[attr-defined]  # put there by Issuer
        return issuer

    def _answer(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store" if self.command == "POST" else "max-age=60")
        self.end_headers()
        self.wfile.write(body)


def _client(form: dict[str, list[str]], authorization: str) -> tuple[str, str]:
    if authorization.lower().startswith("basic "):
        try:
            name, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
        except ValueError:
            return "", ""
        return name, secret
    return form.get("client_id", [""])[0], form.get("client_secret", [""])[0]


def main() -> None:
    """Run the issuer alone until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m licet_cli.embedded.issuer")
    parser.add_argument("--url", help="what tokens name as their issuer; where absent, host and port")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--key", type=Path, required=True, help="file of the private key; made if missing")
    options = parser.parse_args()
    secret = os.environ.get("LICET_ISSUER_SECRET")
    if not secret:
        parser.error("LICET_ISSUER_SECRET is missing: what a client shows to get a token")
    issuer = Issuer(
        SigningKey.of_file(options.key), host=options.host, port=options.port, secret=secret, url=options.url
    )
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    issuer.start()
    ended.wait()
    issuer.stop()


if __name__ == "__main__":
    main()
