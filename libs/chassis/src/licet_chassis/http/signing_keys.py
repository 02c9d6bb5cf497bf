"""One key of an issuer's JWKS (RFC 7517): whether it can check signatures, and of which algorithms."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jwt
from jwt.algorithms import OKPAlgorithm

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_OF_CURVE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "P-256": frozenset({"ES256"}),
        "P-384": frozenset({"ES384"}),
        "P-521": frozenset({"ES512"}),
        "Ed25519": frozenset({"EdDSA", "Ed25519"}),
    }
)
_SAME = frozenset({"EdDSA", "Ed25519"})
"""Two names of one algorithm; RFC 9864 deprecates the first, and issuers use either in key and token."""

ALGORITHMS = _RSA.union(*_OF_CURVE.values())
"""What a token may be signed with. No shared secrets, no `none`."""

_SMALLEST_RSA_KEY = 2048

with suppress(ValueError):  # a PyJWT that knows it by itself
    jwt.register_algorithm("Ed25519", OKPAlgorithm())


class Unusable(Exception):
    """A key can't check the signature of any token; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class SigningKey:
    """A public key, and the algorithms that its signatures may be of: the key decides, never the token."""

    key: Any
    algorithms: frozenset[str]


def signing_key(item: Mapping[str, Any]) -> SigningKey:
    """Return the key of an entry; raises `Unusable`.

    An entry that names no algorithm is good for all of its kind: many issuers name none.
    """
    kind, curve, named = item.get("kty"), item.get("crv"), item.get("alg")
    possible = (
        _RSA if kind == "RSA" else _OF_CURVE.get(str(curve), frozenset()) if kind != "oct" else frozenset()
    )
    if not possible:
        raise Unusable(f"keys of the kind {kind}{f' on the curve {curve}' if curve else ''} are not used")
    allowed = possible if named is None else possible & (_SAME if named in _SAME else {named})
    if not allowed:
        raise Unusable(f"its algorithm {named} is not used")
    try:
        key = jwt.PyJWK({name: value for name, value in item.items() if name != "alg"}).key
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise Unusable(f"it can't be read: {type(error).__name__}") from None
    if kind == "RSA" and key.key_size < _SMALLEST_RSA_KEY:
        raise Unusable(f"it has {key.key_size} bits, fewer than {_SMALLEST_RSA_KEY}")
    return SigningKey(key, allowed)
