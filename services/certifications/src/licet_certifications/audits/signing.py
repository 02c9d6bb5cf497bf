"""The signed result of an audit: a JWS (RFC 7515) with the deployment's Ed25519 key (RFC 8037)."""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.api_jws import PyJWS
from pydantic_core import to_json

from licet_chassis.errors import Conflict

ALGORITHM = "EdDSA"
MEDIA_TYPE = "application/jose"
PAYLOAD_TYPE = "licet-audit-result+json"


@dataclass(frozen=True)
class SignedResult:
    """A result as it is kept and given out."""

    jws: str
    """In compact serialisation."""
    sha256: str
    """Digest of `jws`, in hexadecimal."""


class ResultSigner:
    """Signs results with the deployment's key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.jwk: dict[str, str] = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}
        self.kid = _base64url(hashlib.sha256(to_json(self.jwk)).digest())  # RFC 7638
        self.jwk |= {"kid": self.kid, "alg": ALGORITHM, "use": "sig"}

    @classmethod
    def of_pem(cls, pem: str) -> Self:
        """Return the signer for a PKCS#8 key in PEM; raises `Conflict` if it can't sign."""
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise Conflict(
                "This deployment's LICET_AUDIT_SIGNING_KEY is no Ed25519 private key in PEM (PKCS#8), so no "
                "audit can be closed. `openssl genpkey -algorithm ed25519` makes one."
            )
        return cls(key)

    @classmethod
    def generate(cls) -> Self:
        """Return a signer with a new key."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def private_pem(self) -> str:
        """The private key in PEM (PKCS#8), without encryption."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def sign(self, result: dict[str, Any]) -> SignedResult:
        """Return the result with its signature."""
        jws = PyJWS().encode(
            to_json(result), self._key, algorithm=ALGORITHM, headers={"kid": self.kid, "typ": PAYLOAD_TYPE}
        )
        return SignedResult(jws, hashlib.sha256(jws.encode()).hexdigest())


def _base64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
