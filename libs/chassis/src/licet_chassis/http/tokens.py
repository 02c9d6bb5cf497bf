"""Bearer tokens of the deployment's issuer (RFC 6750, RFC 7519), checked against its published keys."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Self

import jwt

from licet_chassis.clock import machine_now
from licet_chassis.http.claims import (
    BadClaim,
    ClaimRules,
    audiences,
    claim_at,
    principal_of_claims,
    require_instants,
)
from licet_chassis.http.keys import KeyNotRead, KeySet, KeysUnavailable
from licet_chassis.http.principal import Principal
from licet_chassis.http.problems import Unauthenticated, Unavailable
from licet_chassis.http.signing_keys import SigningKey
from licet_chassis.settings import ServiceSettings

_LONGEST_TOKEN = 8192
_LEEWAY = timedelta(seconds=10)
_REQUIRED_CLAIMS = ["iss", "exp", "iat"]
_REMEMBERED_TOKENS = 1_000


@dataclass(frozen=True, slots=True)
class _ValidToken:
    """A token whose signature was verified; valid until it expires or its key is read again."""

    kid: str
    key: SigningKey
    expires_at: float
    principal: Principal


class Authenticator:
    """Verifies tokens with the issuer's keys, in machine time.

    Caches the most recently used tokens: verifying a signature costs as much as the rest of a request.
    """

    def __init__(self, keys: KeySet, *, issuer: str, audience: str, rules: ClaimRules | None = None) -> None:
        """`audience` may be several, separated by commas."""
        self.keys = keys
        self._issuer = issuer
        self._audiences = frozenset(each.strip() for each in audience.split(","))
        self._rules = rules or ClaimRules()
        self._valid: OrderedDict[str, _ValidToken] = OrderedDict()

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        """Return the authenticator for the issuer and audience of the settings."""
        return cls(
            KeySet(settings.jwks_url, issuer=settings.issuer_url),
            issuer=settings.issuer_url,
            audience=settings.audience,
            rules=ClaimRules.of(settings),
        )

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self.keys.close()

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
        except KeyNotRead as error:
            raise Unavailable(
                "The token is signed with a key that is not known here yet; try again.",
                headers={"Retry-After": str(ceil(error.seconds))},
            ) from error
        except BadClaim as error:
            raise _refused(str(error)) from None
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
                wanted = " or ".join(sorted(self._audiences))
                return f"The token is for another audience, not for {wanted} in {self._rules.audience}."
            case jwt.MissingRequiredClaimError():
                return f"The token lacks the claim {error.claim}."
            case _:
                return "The token is malformed or its signature does not match."

    async def _verify(self, token: str) -> Principal:
        known = self._valid.get(token)
        if (
            known is not None
            and machine_now().timestamp() < known.expires_at
            and await self.keys.find(known.kid) is known.key
        ):
            self._valid.move_to_end(token)
            return known.principal
        kid = jwt.get_unverified_header(token).get("kid")
        if not isinstance(kid, str) or not kid:
            raise _refused("The token does not name its key (`kid`).")
        key = await self.keys.find(kid)
        if key is None:
            raise _refused("The token is signed with a key that the issuer does not list.")
        # The algorithm is the key's, never the token's: a public key is no shared secret.
        claims = jwt.decode(
            token,
            key.key,
            algorithms=sorted(key.algorithms),
            issuer=self._issuer,
            leeway=_LEEWAY,
            options={"require": _REQUIRED_CLAIMS, "verify_aud": False, "verify_sub": False},
        )
        require_instants(claims)
        if not audiences(claims, self._rules) & self._audiences:
            if claim_at(claims, self._rules.audience) is None:
                raise jwt.MissingRequiredClaimError(self._rules.audience)
            raise jwt.InvalidAudienceError
        principal = principal_of_claims(claims, self._rules)
        self._valid[token] = _ValidToken(kid, key, float(claims["exp"]), principal)
        if len(self._valid) > _REMEMBERED_TOKENS:
            self._valid.popitem(last=False)
        return principal


def _refused(detail: str) -> Unauthenticated:
    return Unauthenticated(detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
