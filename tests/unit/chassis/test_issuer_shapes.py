"""Tokens as issuers shape them, after their documentation, and the settings that let them in.

The claims were made here after what each documents; keys and signatures are our own.
"""

import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from pydantic import ValidationError

from licet_chassis.http.auth import Authenticator, Principal
from licet_chassis.http.claims import ClaimRules, claim_at
from licet_chassis.http.keys import KeySet
from licet_chassis.http.problems import Unauthenticated, Unavailable
from licet_chassis.http.signing_keys import ALGORITHMS
from support.edge.service import edge_settings

NOW = int(time.time())
TIMES = {"iat": NOW, "exp": NOW + 86_400}
RSA = rsa.generate_private_key(65537, 2048)
CURVES: dict[str, Any] = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
}
EDWARDS = ed25519.Ed25519PrivateKey.generate()


def entry(alg: str, *, named: bool = True) -> dict[str, Any]:
    if alg in CURVES:
        jwk: Any = ECAlgorithm.to_jwk(CURVES[alg].public_key(), as_dict=True)
    elif alg in {"EdDSA", "Ed25519"}:
        jwk = OKPAlgorithm.to_jwk(EDWARDS.public_key())
        jwk = json.loads(jwk) if isinstance(jwk, str) else jwk
    else:
        jwk = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
    return jwk | {"kid": "k1", "use": "sig"} | ({"alg": alg} if named else {})


def signed(claims: dict[str, Any], alg: str = "RS256", **headers: Any) -> str:
    key = CURVES.get(alg, EDWARDS if alg in {"EdDSA", "Ed25519"} else RSA)
    return jwt.encode(claims, key, alg, headers={"kid": "k1", **headers})


@dataclass
class Web:
    """What the issuer answers by path; anything else is 404."""

    documents: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def client(self) -> httpx.AsyncClient:
        def answer(request: httpx.Request) -> httpx.Response:
            url = str(request.url)
            self.asked.append(url)
            return (
                httpx.Response(200, json=self.documents[url])
                if url in self.documents
                else httpx.Response(404)
            )

        return httpx.AsyncClient(transport=httpx.MockTransport(answer))


def described(issuer: str, jwks: str, place: str | None = None) -> Web:
    place = place or f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    return Web({place: {"issuer": issuer, "jwks_uri": jwks}, jwks: {"keys": [entry("RS256", named=False)]}})


async def principal(web: Web, token: str, issuer: str, **settings: Any) -> Principal:
    given = edge_settings(issuer_url=issuer, **settings)
    keys = KeySet(given.jwks_url, issuer=issuer, client=web.client())
    judge = Authenticator(keys, issuer=issuer, audience=given.audience, rules=ClaimRules.of(given))
    return await judge.authenticate([f"Bearer {token}"])


KEYCLOAK = "https://login.example.org/realms/corp"
HYDRA = "https://hydra.example.org/"
PROVIDER = "https://op.example.org"
ENTRA = "https://login.microsoftonline.com/8f1c0000-0000-4000-8000-000000000000/v2.0"
AUTH0 = "https://corp.eu.auth0.com/"
OKTA = "https://corp.okta.com/oauth2/default"
COGNITO = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC"
READ = frozenset({"credentials:read"})

SHAPES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any], str, frozenset[str]]] = {
    # name: issuer, where its keys are, claims, settings, the subject, the scopes
    "Keycloak, roles of the client": (
        KEYCLOAK, f"{KEYCLOAK}/protocol/openid-connect/certs",
        {
            "jti": "onrtcc:1", "aud": "account", "sub": "a2f1", "typ": "Bearer", "azp": "licet", "sid": "s1",
            "acr": "1", "realm_access": {"roles": ["offline_access"]}, "scope": "profile email",
            "resource_access": {"licet": {"roles": ["planner"]}, "account": {"roles": ["manage-account"]}},
        },
        {
            "audience": "licet", "token_audience_claim": "azp",
            "token_scopes_claim": "resource_access.licet.roles",
            "token_role_scopes": {"planner": "credentials:read credentials:write"},
        },
        "a2f1", frozenset({"credentials:read", "credentials:write", "planner"}),
    ),
    "Keycloak, client scopes and an audience mapper": (
        KEYCLOAK, f"{KEYCLOAK}/protocol/openid-connect/certs",
        {"jti": "1", "aud": ["licet", "account"], "sub": "a2f1", "azp": "app", "scope": "credentials:read"},
        {}, "a2f1", READ,
    ),
    "Keycloak, lightweight": (
        KEYCLOAK, f"{KEYCLOAK}/protocol/openid-connect/certs",
        {"jti": "onltcc:1", "typ": "Bearer", "azp": "licet", "sid": "s1", "scope": "credentials:read"},
        {"token_audience_claim": "azp", "token_subject_claim": "azp"}, "licet", READ,
    ),
    "Hydra": (
        HYDRA, f"{HYDRA}.well-known/jwks.json",
        {
            "aud": ["licet"], "client_id": "5d2f", "ext": {}, "jti": "1", "nbf": NOW,
            "scp": ["credentials:read"], "sub": "5d2f",
        },
        {}, "5d2f", READ,
    ),
    "oidc-provider": (
        PROVIDER, f"{PROVIDER}/jwks",
        {"jti": "1", "sub": "app", "scope": "credentials:read", "client_id": "app", "aud": "licet"},
        {}, "app", READ,
    ),
    "Entra ID, delegated": (
        ENTRA, "https://login.microsoftonline.com/8f1c0000-0000-4000-8000-000000000000/discovery/v2.0/keys",
        {
            "aud": "11111111-2222-4333-8444-555555555555", "nbf": NOW, "aio": "x", "azp": "app",
            "azpacr": "0", "name": "Mara", "oid": "o-1", "scp": "credentials:read", "sub": "pairwise",
            "tid": "8f1c", "ver": "2.0", "scope": "",
        },
        {"audience": "11111111-2222-4333-8444-555555555555", "token_subject_claim": "oid"}, "o-1", READ,
    ),
    "Entra ID, application": (
        ENTRA, "https://login.microsoftonline.com/8f1c0000-0000-4000-8000-000000000000/discovery/v2.0/keys",
        {
            "aud": "api://licet", "nbf": NOW, "azp": "app", "azpacr": "1", "idtyp": "app", "oid": "o-2",
            "roles": ["Licet.Read"], "sub": "o-2", "tid": "8f1c", "ver": "2.0",
        },
        {
            "audience": "api://licet", "token_scopes_claim": "scp roles",
            "token_role_scopes": {"Licet.Read": ["credentials:read"]},
        },
        "o-2", READ | {"Licet.Read"},
    ),
    "Auth0, machine to machine": (
        AUTH0, f"{AUTH0}.well-known/jwks.json",
        {
            "sub": "abc@clients", "aud": "https://licet.example.org", "azp": "abc",
            "scope": "credentials:read", "gty": "client-credentials",
        },
        {"audience": "https://licet.example.org"}, "abc@clients", READ,
    ),
    "Auth0, permissions by roles": (
        AUTH0, f"{AUTH0}.well-known/jwks.json",
        {
            "sub": "auth0|1", "aud": ["https://licet.example.org", f"{AUTH0}userinfo"], "azp": "abc",
            "scope": "openid profile", "permissions": ["credentials:read"],
        },
        {"audience": "https://licet.example.org", "token_scopes_claim": "permissions"}, "auth0|1", READ,
    ),
    "Okta": (
        OKTA, f"{OKTA}/v1/keys",
        {
            "ver": 1, "jti": "AT.1", "aud": "api://default", "cid": "0oa", "uid": "00u",
            "scp": ["openid", "licet.credentials:read"], "auth_time": NOW, "sub": "mara@corp.example",
        },
        {"audience": "api://default", "token_scope_prefix": "licet."}, "mara@corp.example", READ,
    ),
    "Cognito": (
        COGNITO, f"{COGNITO}/.well-known/jwks.json",
        {
            "sub": "6e3f", "token_use": "access", "scope": "licet/credentials:read other/credentials:write",
            "auth_time": NOW, "version": 2, "jti": "1", "client_id": "4l0",
        },
        {
            "audience": "other-client, 4l0", "token_audience_claim": "client_id",
            "token_scope_prefix": "licet/",
        },
        "6e3f", READ,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
async def test_tokens_of_each_issuer_are_understood(name: str) -> None:
    issuer, jwks, claims, settings, subject, scopes = SHAPES[name]
    web = described(issuer, jwks)
    found = await principal(web, signed({"iss": issuer, **TIMES, **claims}), issuer, **settings)
    assert (found.subject, found.scopes, found.narrowed) == (subject, scopes, False)


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape[3]])
async def test_without_its_settings_such_a_token_is_refused_or_may_do_nothing(name: str) -> None:
    issuer, jwks, claims, _, _, _ = SHAPES[name]
    try:
        found = await principal(described(issuer, jwks), signed({"iss": issuer, **TIMES, **claims}), issuer)
    except Unauthenticated:
        return
    assert "credentials:read" not in found.scopes


@pytest.mark.parametrize("alg", sorted(ALGORITHMS))
@pytest.mark.parametrize("named", [True, False])
async def test_every_family_of_signatures_is_checked(alg: str, named: bool) -> None:
    claims = {"iss": PROVIDER, "aud": "licet", "sub": "u-1", "scope": "credentials:read", **TIMES}
    web = Web({f"{PROVIDER}/keys": {"keys": [entry(alg, named=named)]}})
    found = await principal(web, signed(claims, alg), PROVIDER, jwks_url=f"{PROVIDER}/keys")
    assert found.subject == "u-1"
    assert web.asked == [f"{PROVIDER}/keys"], "a fixed address needs no discovery"


@pytest.mark.parametrize(("listed", "used"), [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")])
async def test_both_names_of_ed25519_are_one_algorithm(listed: str, used: str) -> None:
    claims = {"iss": PROVIDER, "aud": "licet", "sub": "u-1", **TIMES}
    web = Web({f"{PROVIDER}/keys": {"keys": [entry(listed)]}})
    assert await principal(web, signed(claims, used), PROVIDER, jwks_url=f"{PROVIDER}/keys")


async def test_a_key_with_an_algorithm_checks_no_other() -> None:
    claims = {"iss": PROVIDER, "aud": "licet", "sub": "u-1", **TIMES}
    web = Web({f"{PROVIDER}/keys": {"keys": [entry("RS256")]}})
    with pytest.raises(Unauthenticated):
        await principal(web, signed(claims, "PS256"), PROVIDER, jwks_url=f"{PROVIDER}/keys")


@pytest.mark.parametrize(
    "place",
    [
        "https://as.example.org/t1/.well-known/openid-configuration",
        "https://as.example.org/.well-known/oauth-authorization-server/t1",
    ],
)
async def test_keys_are_where_the_issuer_says(place: str) -> None:
    issuer = "https://as.example.org/t1"
    claims = {"iss": issuer, "aud": "licet", "sub": "u-1", **TIMES}
    assert await principal(described(issuer, f"{issuer}/k", place), signed(claims), issuer)


async def test_an_issuer_without_a_description_has_its_keys_at_the_usual_place() -> None:
    claims = {"iss": PROVIDER, "aud": "licet", "sub": "u-1", **TIMES}
    web = Web({f"{PROVIDER}/.well-known/jwks.json": {"keys": [entry("RS256")]}})
    assert await principal(web, signed(claims), PROVIDER)


async def test_a_description_of_another_issuer_is_not_followed() -> None:
    web = described(
        "https://evil.test", "https://evil.test/keys", f"{PROVIDER}/.well-known/openid-configuration"
    )
    keys = KeySet(None, issuer=PROVIDER, client=web.client())
    judge = Authenticator(keys, issuer=PROVIDER, audience="licet")
    with pytest.raises(Unavailable):
        await judge.authenticate([f"Bearer {signed({'iss': PROVIDER, 'aud': 'licet', 'sub': 'u', **TIMES})}"])
    assert "https://evil.test/keys" not in web.asked
    assert keys.problem is not None
    assert "LICET_ISSUER_URL" in keys.problem


@pytest.mark.parametrize(
    ("claims", "settings", "teams", "locations"),
    [
        ({}, {}, None, None),
        ({"licet_teams": ["t1"]}, {}, {"t1"}, None),
        (
            {"https://corp.example/teams": ["t1"], "attributes": {"places": ["hq"]}},
            {"token_teams_claim": "https://corp.example/teams", "token_locations_claim": "attributes.places"},
            {"t1"},
            {"hq"},
        ),
        ({}, {"tokens_without_teams": "refuse"}, set(), None),
        ({"licet_locations": ["hq"]}, {"tokens_without_teams": "refuse"}, None, {"hq"}),
        ({"licet_teams": ["*"]}, {"tokens_without_teams": "refuse"}, None, None),
        ({"licet_teams": ["*"]}, {}, {"*"}, None),
    ],
)
async def test_what_a_token_sees(claims, settings, teams, locations) -> None:
    token = signed({"iss": PROVIDER, "aud": "licet", "sub": "u-1", **TIMES, **claims})
    found = await principal(described(PROVIDER, f"{PROVIDER}/jwks"), token, PROVIDER, **settings)
    assert (found.teams, found.locations) == (teams, locations)


def test_a_claim_is_found_by_its_name_before_a_path() -> None:
    claims = {"a.b": 1, "a": {"b": 2, "c.d": {"e": 3}}}
    assert [claim_at(claims, place) for place in ("a.b", "a.c.d.e", "a.x", "x")] == [1, 3, None, None]


def test_settings_take_roles_as_json() -> None:
    with pytest.raises(ValidationError):
        edge_settings(token_role_scopes={"planner": 7})
    assert edge_settings().tokens_without_teams == "everyone"
