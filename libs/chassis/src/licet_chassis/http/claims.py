"""What the claims of a token say about its bearer; issuers put the same things in different places."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from licet_chassis.http.principal import Principal
from licet_chassis.settings import ServiceSettings

EVERYONE = "*"
"""In a claim for teams or locations: all of them, where a token without the claim sees nobody."""


class BadClaim(Exception):
    """A claim says nothing that makes sense; the message is for whoever sent the token."""


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """Where a token's claims have what Licet needs.

    A place is the name of a claim, also one that is a URL, or a path with dots through objects.
    """

    scopes: Sequence[str] = ("scope", "scp")
    """The first of these that is there and not empty has the scopes: a list, or text with spaces."""
    scope_prefix: str = ""
    """What stands before each scope; what does not begin with it is not for Licet."""
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Scopes of roles that are found among the scopes."""
    subject: str = "sub"
    audience: str = "aud"
    teams: str = "licet_teams"
    locations: str = "licet_locations"
    refuse_without_teams: bool = False
    """Whether a token with neither claim sees nobody, instead of everyone."""

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        """Return what the settings say."""
        return cls(
            scopes=tuple(settings.token_scopes_claim.replace(",", " ").split()),
            scope_prefix=settings.token_scope_prefix,
            roles={role: frozenset(_words(scopes)) for role, scopes in settings.token_role_scopes.items()},
            subject=settings.token_subject_claim,
            audience=settings.token_audience_claim,
            teams=settings.token_teams_claim,
            locations=settings.token_locations_claim,
            refuse_without_teams=settings.tokens_without_teams == "refuse",
        )


def principal_of_claims(claims: Mapping[str, Any], rules: ClaimRules) -> Principal:
    """Return whom a verified token stands for; raises `BadClaim`."""
    subject = claim_at(claims, rules.subject)
    if not isinstance(subject, str) or not subject or len(subject) > 255 or not subject.isprintable():
        raise BadClaim(f"The claim {rules.subject} must be text of 1 to 255 characters.")
    teams, locations = (_narrowing(claims, place, rules) for place in (rules.teams, rules.locations))
    narrowed = any(
        claim_at(claims, place, _ABSENT) is not _ABSENT for place in (rules.teams, rules.locations)
    )
    if rules.refuse_without_teams and not narrowed:
        teams = frozenset()
    email = claims.get("email")
    return Principal(
        subject, _scopes(claims, rules), teams, locations, email if isinstance(email, str) else None
    )


def require_instants(claims: Mapping[str, Any]) -> None:
    """Raise `BadClaim` where an instant is no number.

    RFC 7519, section 2: a NumericDate is a JSON number. PyJWT would also take "1893456000" and true.
    """
    for claim in ("exp", "iat", "nbf"):
        if claim in claims and type(claims[claim]) not in {int, float}:
            raise BadClaim(f"The claim {claim} must be a number.")


def audiences(claims: Mapping[str, Any], rules: ClaimRules) -> frozenset[str]:
    """Return whom a token is for; empty where it does not say."""
    value = claim_at(claims, rules.audience)
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list):
        return frozenset()
    return frozenset(each for each in values if isinstance(each, str))


_ABSENT: Any = object()


def claim_at(claims: Mapping[str, Any], place: str, default: Any = None) -> Any:
    """Return the claim at a place, `default` where there is none.

    A name with dots, such as a URL, is tried before a path, so that a claim is found however it is called.
    """
    if place in claims:
        return claims[place]
    at = place.find(".")
    while at >= 0:
        inner = claims.get(place[:at])
        if isinstance(inner, Mapping):
            found = claim_at(inner, place[at + 1 :], _ABSENT)
            if found is not _ABSENT:
                return found
        at = place.find(".", at + 1)
    return default


def _scopes(claims: Mapping[str, Any], rules: ClaimRules) -> frozenset[str]:
    words: list[str] = []
    for place in rules.scopes:
        value = claim_at(claims, place, "")
        words = value.split() if isinstance(value, str) else _codes(place, value)
        if words:
            break
    scopes: set[str] = set()
    for word in words:
        scopes |= rules.roles.get(word, frozenset())
        if word.startswith(rules.scope_prefix):
            bare = word.removeprefix(rules.scope_prefix)
            scopes |= {bare} | rules.roles.get(bare, frozenset())
    return frozenset(scopes)


def _narrowing(claims: Mapping[str, Any], place: str, rules: ClaimRules) -> frozenset[str] | None:
    value = claim_at(claims, place, _ABSENT)
    if value is _ABSENT:
        return None
    codes = frozenset(_codes(place, value))
    return None if rules.refuse_without_teams and EVERYONE in codes else codes


def _codes(place: str, value: Any) -> list[str]:
    # A claim that narrows and can't be read must never be taken for one that does not narrow.
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadClaim(f"The claim {place} must be a list of texts.")
    return value


def _words(scopes: str | Sequence[str]) -> list[str]:
    return scopes.split() if isinstance(scopes, str) else list(scopes)
