"""An issuer for tests: keys of its own, tokens of every kind, its JWKS without a network."""

import json
import time
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from licet_chassis.http.auth import Authenticator
from licet_chassis.http.keys import KeySet

URL = "https://issuer.test"
AUDIENCE = "licet"


class Issuer:
    """Signs tokens with RSA, elliptic curve and Edwards keys, and answers for its JWKS."""

    def __init__(self) -> None:
        self.rsa: RSAPrivateKey = generate_rsa_key(65537, 2048)
        self.ec: EllipticCurvePrivateKey = generate_private_key(SECP256R1())
        self.ed = Ed25519PrivateKey.generate()
        self.fetches = 0
        self.document: dict[str, Any] = {
            "keys": [
                _public(RSAAlgorithm.to_jwk(self.rsa.public_key()), "rsa", "RS256"),
                _public(ECAlgorithm.to_jwk(self.ec.public_key()), "ec", "ES256"),
                _public(OKPAlgorithm.to_jwk(self.ed.public_key()), "ed", "EdDSA"),
            ]
        }
        self.failure: Exception | None = None

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return good claims with `changes`; one that is `None` is left out."""
        now = int(time.time())
        claims = {
            "iss": URL, "aud": AUDIENCE, "sub": "u-1", "iat": now, "nbf": now, "exp": now + 300,
            "scope": "credentials:read",
        } | changes  # fmt: skip
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, alg: str = "RS256", headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return a signed token: a good one but for the changes."""
        keys: dict[str, tuple[RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey, str]] = {
            "RS256": (self.rsa, "rsa"),
            "ES256": (self.ec, "ec"),
            "EdDSA": (self.ed, "ed"),
        }
        key, kid = keys[alg]
        return jwt.encode(self.claims(**changes), key, alg, headers={"kid": kid} | (headers or {}))

    def client(self) -> httpx.AsyncClient:
        """Return a client that reaches the JWKS and nothing else."""

        def answer(request: httpx.Request) -> httpx.Response:
            self.fetches += 1
            if self.failure is not None:
                raise self.failure
            return httpx.Response(200, json=self.document)

        return httpx.AsyncClient(transport=httpx.MockTransport(answer))

    def authenticator(self) -> Authenticator:
        """Return what services judge tokens with, trusting this issuer."""
        keys = KeySet(f"{URL}/.well-known/jwks.json", client=self.client())
        return Authenticator(keys, issuer=URL, audience=AUDIENCE)


def _public(jwk: str | dict[str, Any], kid: str, alg: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(jwk) if isinstance(jwk, str) else jwk
    return fields | {"kid": kid, "alg": alg, "use": "sig"}


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries `token`."""
    return {"Authorization": f"Bearer {token}"}
