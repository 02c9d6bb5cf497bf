"""Bearer tokens of the deployment's issuer (RFC 6750, RFC 7519), checked against its published keys."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import jwt

from licet_chassis.clock import machine_now
from licet_chassis.http.keys import KeySet, KeysUnavailable
from licet_chassis.http.principal import Principal
from licet_chassis.http.problems import Unauthenticated, Unavailable
from licet_chassis.settings import ServiceSettings

_LONGEST_TOKEN = 8192
_LEEWAY = timedelta(seconds=10)
_REQUIRED_CLAIMS = ["iss", "aud", "sub", "exp", "iat"]
_REMEMBERED_TOKENS = 1_000


@dataclass(frozen=True, slots=True)
class _ValidToken:
    """A token whose signature was verified; valid until it expires or its key is read again."""

    kid: str
    key: jwt.PyJWK
    expires_at: float
    principal: Principal


class Authenticator:
    """Verifies tokens with the issuer's keys, in machine time.

    Caches the most recently used tokens: verifying a signature costs as much as the rest of a request.
    """

    def __init__(self, keys: KeySet, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._valid: OrderedDict[str, _ValidToken] = OrderedDict()

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        """Return the authenticator for the issuer and audience of the settings."""
        return cls(KeySet(settings.keys_url), issuer=settings.issuer_url, audience=settings.audience)

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._keys.close()

    async def authenticate(self, authorization: Iterable[str]) -> Principal:
        """Return who the `Authorization` header speaks for.

        Raises `Unauthenticated` with a sentence that says what is wrong with the token, and
        `Unavailable` while the issuer's keys have never been read.
        """
        headers = list(authorization)
        if not headers:
            raise Unauthenticated(
                "This needs a token: send the header `Authorization: Bearer <token>`.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        scheme, _, token = headers[0].partition(" ")
        token = token.strip()
        if len(headers) > 1 or scheme.lower() != "bearer" or not token:
            raise _refused("The header Authorization must be sent once, as `Bearer <token>`.")
        if len(token) > _LONGEST_TOKEN:
            raise _refused(f"The token is longer than {_LONGEST_TOKEN} characters.")
        try:
            return await self._verify(token)
        except KeysUnavailable as error:
            raise Unavailable(
                "Tokens can't be checked at present: the issuer's keys are out of reach. Try again.",
                headers={"Retry-After": "5"},
            ) from error
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            # Whatever a token makes a parser do is the token's fault.
            raise _refused(self._fault(error)) from None

    def _fault(self, error: Exception) -> str:
        match error:
            case jwt.ExpiredSignatureError():
                return "The token has expired; ask the issuer for a new one."
            case jwt.ImmatureSignatureError():
                return "The token is not valid yet; compare the clocks of issuer and service."
            case jwt.InvalidIssuerError():
                return "The token is of another issuer."
            case jwt.InvalidAudienceError():
                return f"The token is for another audience, not for {self._audience}."
            case jwt.MissingRequiredClaimError():
                return f"The token lacks the claim {error.claim}."
            case _:
                return "The token is malformed or its signature does not match."

    async def _verify(self, token: str) -> Principal:
        known = self._valid.get(token)
        if (
            known is not None
            and machine_now().timestamp() < known.expires_at
            and await self._keys.find(known.kid) is known.key
        ):
            self._valid.move_to_end(token)
            return known.principal
        kid = jwt.get_unverified_header(token).get("kid")
        if not isinstance(kid, str) or not kid:
            raise _refused("The token does not name its key (`kid`).")
        key = await self._keys.find(kid)
        if key is None:
            raise _refused("The token is signed with a key that the issuer does not list.")
        # The algorithm is the key's, never the token's: a public key is no shared secret.
        claims = jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm_name],
            issuer=self._issuer,
            audience=self._audience,
            leeway=_LEEWAY,
            options={"require": _REQUIRED_CLAIMS},
        )
        _require_instants(claims)
        principal = _principal(claims)
        self._valid[token] = _ValidToken(kid, key, float(claims["exp"]), principal)
        if len(self._valid) > _REMEMBERED_TOKENS:
            self._valid.popitem(last=False)
        return principal


def _principal(claims: Mapping[str, Any]) -> Principal:
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject or len(subject) > 255 or not subject.isprintable():
        raise _refused("The claim sub must be text of 1 to 255 characters.")
    scopes = claims.get("scope", claims.get("scp", ""))
    if isinstance(scopes, str):
        scopes = scopes.split()
    return Principal(
        subject,
        frozenset(_codes("scope", scopes)),
        None if "licet_teams" not in claims else frozenset(_codes("licet_teams", claims["licet_teams"])),
        None
        if "licet_locations" not in claims
        else frozenset(_codes("licet_locations", claims["licet_locations"])),
    )


def _require_instants(claims: Mapping[str, Any]) -> None:
    # RFC 7519, section 2: a NumericDate is a JSON number. PyJWT would also take "1893456000" and true.
    for claim in ("exp", "iat", "nbf"):
        if claim in claims and type(claims[claim]) not in {int, float}:
            raise _refused(f"The claim {claim} must be a number.")


def _codes(claim: str, value: Any) -> list[str]:
    # A claim that narrows and can't be read must never be taken for one that does not narrow.
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _refused(f"The claim {claim} must be a list of texts.")
    return value


def _refused(detail: str) -> Unauthenticated:
    return Unauthenticated(detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
