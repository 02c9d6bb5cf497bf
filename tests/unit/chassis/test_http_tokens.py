"""No token that is wrong in any way gets past the edge."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter, Request
from starlette.types import Message

from licet_chassis.http.auth import Authenticator, Principal, requires
from licet_chassis.http.keys import KeySet
from licet_chassis.http.problems import Unauthenticated
from support.edge.issuer import AUDIENCE, URL, Issuer, bearer
from support.edge.service import client_of, edge_app

router = APIRouter(prefix="/v1")


@router.get("/who")
async def who(principal: Annotated[Principal, requires("credentials:read")]) -> dict[str, object]:
    return {
        "subject": principal.subject,
        "scopes": sorted(principal.scopes),
        "teams": None if principal.teams is None else sorted(principal.teams),
        "locations": None if principal.locations is None else sorted(principal.locations),
    }


@router.post("/upload", dependencies=[requires("credentials:write")])
async def upload(request: Request) -> None:
    await request.body()


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


def segment(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(issuer: Issuer, alg: str) -> str:
    return f"{segment({'alg': alg, 'typ': 'JWT', 'kid': 'rsa'})}.{segment(issuer.claims())}."


def confused(issuer: Issuer) -> str:
    """The public key as an HMAC secret: what a verifier accepts that lets the token choose."""
    pem = issuer.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa'})}.{segment(issuer.claims())}"
    return f"{signed}.{segment(hmac.new(pem, signed.encode(), hashlib.sha256).digest())}"


def of_another_key(issuer: Issuer, kid: str = "rsa") -> str:
    return jwt.encode(issuer.claims(), generate_rsa_key(65537, 2048), "RS256", headers={"kid": kid})


def embedded_key(issuer: Issuer) -> str:
    """The token brings its own key, and a place to fetch it from."""
    own = generate_private_key(SECP256R1())
    headers = {
        "kid": "rsa",
        "jwk": jwt.algorithms.ECAlgorithm.to_jwk(own.public_key(), as_dict=True),
        "jku": "https://evil.test/jwks.json",
    }
    return jwt.encode(issuer.claims(), own, "ES256", headers=headers)


def with_payload(issuer: Issuer, payload: bytes) -> str:
    return jwt.api_jws.PyJWS().encode(payload, issuer.rsa, "RS256", headers={"kid": "rsa"})


def with_claims(issuer: Issuer, **claims: object) -> str:
    """What PyJWT would not sign itself."""
    return with_payload(issuer, json.dumps(issuer.claims() | claims).encode())


def changed_after_signing(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{segment(issuer.claims(scope='credentials:admin'))}.{signature}"


NOW = int(time.time())
BAD_TOKENS: dict[str, Callable[[Issuer], str]] = {
    "empty": lambda i: "",
    "garbage": lambda i: "not-a-token",
    "two parts": lambda i: ".".join(i.token().split(".")[:2]),
    "four parts": lambda i: i.token() + ".more",
    "dots only": lambda i: "..",
    "not base64": lambda i: "!!!." + i.token().split(".", 1)[1],
    "header no JSON": lambda i: segment(b"{") + "." + i.token().split(".", 1)[1],
    "header a list": lambda i: segment([1]) + "." + i.token().split(".", 1)[1],
    "header deeply nested": lambda i: segment(b"[" * 5_000) + "." + i.token().split(".", 1)[1],
    "alg none": lambda i: unsigned(i, "none"),
    "alg NONE": lambda i: unsigned(i, "NONE"),
    "no alg": lambda i: f"{segment({'kid': 'rsa'})}.{segment(i.claims())}.{segment(b'x')}",
    "HS256 with the public key": confused,
    "alg of another key": lambda i: jwt.encode(i.claims(), i.ec, "ES256", headers={"kid": "rsa"}),
    "alg not on the list": lambda i: jwt.encode(i.claims(), i.rsa, "RS512", headers={"kid": "rsa"}),
    "PSS instead": lambda i: jwt.encode(i.claims(), i.rsa, "PS256", headers={"kid": "rsa"}),
    "another key, known kid": of_another_key,
    "another key, unknown kid": lambda i: of_another_key(i, "mine"),
    "its own key in the header": embedded_key,
    "kid of another kind": lambda i: i.token(headers={"kid": "ec"}),
    "kid missing": lambda i: jwt.encode(i.claims(), i.rsa, "RS256"),
    "kid a path": lambda i: of_another_key(i, "../../dev/null"),
    "unknown critical header": lambda i: i.token(headers={"crit": ["exp2"], "exp2": 1}),
    "signature stripped": lambda i: i.token().rsplit(".", 1)[0] + ".",
    "signature truncated": lambda i: i.token()[:-8],
    "claims changed after signing": changed_after_signing,
    "expired": lambda i: i.token(exp=NOW - 60),
    "not valid yet": lambda i: i.token(nbf=NOW + 600),
    "issued in the future": lambda i: i.token(iat=NOW + 600),
    "another issuer": lambda i: i.token(iss="https://evil.test"),
    "issuer with a slash more": lambda i: i.token(iss="https://issuer.test/"),
    "issuer a list": lambda i: with_claims(i, iss=["https://issuer.test"]),
    "another audience": lambda i: i.token(aud="payroll"),
    "audience a part": lambda i: i.token(aud="licet-other"),
    "audience an object": lambda i: i.token(aud={"licet": True}),
    "no audience": lambda i: i.token(aud=None),
    "no issuer": lambda i: i.token(iss=None),
    "no expiry": lambda i: i.token(exp=None),
    "no time of issue": lambda i: i.token(iat=None),
    "no subject": lambda i: i.token(sub=None),
    "subject empty": lambda i: i.token(sub=""),
    "subject a number": lambda i: with_claims(i, sub=7),
    "subject with a line feed": lambda i: i.token(sub="u-1\nadmin"),
    "subject without end": lambda i: i.token(sub="u" * 300),
    "expiry no number": lambda i: i.token(exp="soon"),
    "expiry beyond numbers": lambda i: with_claims(i, exp=float("inf")),
    "payload no object": lambda i: with_payload(i, b"[]"),
    "payload no JSON": lambda i: with_payload(i, b"\xff\xfe"),
    "scopes of the wrong kind": lambda i: i.token(scope={"credentials:read": True}),
    "teams not a list": lambda i: i.token(licet_teams="t1"),
    "teams null": lambda i: with_claims(i, licet_teams=None),
    "locations of numbers": lambda i: i.token(licet_locations=[1]),
    "oversized": lambda i: i.token(padding="x" * 10_000),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_TOKENS)
async def test_bad_token_gets_401_and_is_told_why(issuer: Issuer, kind: str) -> None:
    async with client_of(edge_app(issuer, router)) as client:
        answer = await client.get("/v1/who", headers=bearer(BAD_TOKENS[kind](issuer)))
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
async def test_good_token_of_each_algorithm_is_taken(issuer: Issuer, alg: str) -> None:
    async with client_of(edge_app(issuer, router), issuer.token(alg=alg)) as client:
        answer = await client.get("/v1/who")
    assert answer.status_code == 200, answer.text
    assert answer.json()["subject"] == "u-1"


async def test_without_a_token_the_401_names_no_error(issuer: Issuer) -> None:
    async with client_of(edge_app(issuer, router)) as client:
        answer = await client.get("/v1/who")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "Authorization: Bearer" in answer.json()["detail"]


async def test_basic_credentials_and_two_tokens_are_refused(issuer: Issuer) -> None:
    async with client_of(edge_app(issuer, router)) as client:
        basic = await client.get("/v1/who", headers={"Authorization": "Basic dTpw"})
        token = ("Authorization", f"Bearer {issuer.token()}")
        twice = await client.get("/v1/who", headers=[token, token])
    assert (basic.status_code, twice.status_code) == (401, 401)


async def test_what_does_not_exist_says_so_only_to_who_has_a_token(issuer: Issuer) -> None:
    async with client_of(edge_app(issuer, router)) as client:
        assert (await client.get("/v1/nothing")).status_code == 401
        assert (await client.get("/v1/nothing", headers=bearer(issuer.token()))).status_code == 404


async def test_body_is_not_read_before_the_token(issuer: Issuer) -> None:
    async def receive() -> Message:
        pytest.fail("somebody read the body")

    async def send(message: Message) -> None:
        sent.append(message)

    app = edge_app(issuer, router)
    sent: list[Message] = []
    async with client_of(app):
        scope = {"type": "http", "method": "POST", "path": "/v1/upload", "query_string": b"", "headers": []}
        await app(scope, receive, send)
    assert sent[0]["status"] == 401


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "credentials:read eligibility:read"}, ["credentials:read", "eligibility:read"]),
        ({"scope": None, "scp": ["credentials:read"]}, ["credentials:read"]),
        ({"scope": None, "scp": "credentials:read"}, ["credentials:read"]),
        ({"scope": "credentials:read", "scp": ["credentials:admin"]}, ["credentials:read"]),
    ],
)
async def test_scopes_come_as_scope_or_scp(issuer: Issuer, claims: dict[str, Any], scopes: list[str]) -> None:
    async with client_of(edge_app(issuer, router), issuer.token(**claims)) as client:
        assert (await client.get("/v1/who")).json()["scopes"] == scopes


async def test_claims_narrow_to_teams_and_locations_and_an_empty_list_to_nobody(issuer: Issuer) -> None:
    async with client_of(edge_app(issuer, router)) as client:
        plain = await client.get("/v1/who", headers=bearer(issuer.token()))
        narrow = issuer.token(licet_teams=["t1", "t2"], licet_locations=[])
        narrowed = await client.get("/v1/who", headers=bearer(narrow))
    assert (plain.json()["teams"], plain.json()["locations"]) == (None, None)
    assert (narrowed.json()["teams"], narrowed.json()["locations"]) == (["t1", "t2"], [])


def test_principal_sees_only_who_is_within_both_claims() -> None:
    principal = Principal("u", teams=frozenset({"t1"}), locations=frozenset({"l1"}))
    assert principal.may_see(team="t1", location="l1")
    assert not principal.may_see(team="t1", location="l2")
    assert not principal.may_see(team=None, location="l1")
    assert Principal("u").may_see(team=None, location=None)
    assert not Principal("u", teams=frozenset()).may_see(team=None, location=None)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves machine time on, for whatever judges tokens."""

    def move(seconds: float) -> None:
        class Later(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> "Later":
                return cls.fromtimestamp(time.time() + seconds, tz)

        monkeypatch.setattr("jwt.api_jwt.datetime", Later)
        monkeypatch.setattr("licet_chassis.http.tokens.machine_now", lambda: Later.now(UTC))

    return move


async def test_token_that_was_good_is_refused_once_it_has_expired(
    issuer: Issuer, later: Callable[[float], None]
) -> None:
    async with client_of(edge_app(issuer, router), issuer.token()) as client:
        assert (await client.get("/v1/who")).status_code == 200
        assert (await client.get("/v1/who")).status_code == 200
        later(400)
        assert (await client.get("/v1/who")).status_code == 401


async def test_token_that_was_good_is_refused_once_its_key_is_withdrawn() -> None:
    issuer = Issuer()
    watch = [0.0]
    keys = KeySet(URL, client=issuer.client(), max_age=600, clock=lambda: watch[0])
    authenticator = Authenticator(keys, issuer=URL, audience=AUDIENCE)
    header = [f"Bearer {issuer.token()}"]
    for _ in range(2):
        assert (await authenticator.authenticate(header)).subject == "u-1"
    issuer.document = {"keys": issuer.document["keys"][1:]}
    watch[0] = 601
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(header)


async def test_remembered_token_is_nobody_elses() -> None:
    issuer = Issuer()
    authenticator = issuer.authenticator()
    tokens = {f"u-{number}": issuer.token(sub=f"u-{number}", alg="EdDSA") for number in range(1_100)}
    for _ in range(2):
        for subject, token in tokens.items():
            assert (await authenticator.authenticate([f"Bearer {token}"])).subject == subject
    assert len(authenticator._valid) == 1_000
