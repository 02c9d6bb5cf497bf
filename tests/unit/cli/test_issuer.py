"""The embedded issuer: its tokens are what a service accepts, and only those who know the secret get one."""

import base64
import json
import stat
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from licet_cli.embedded.issuer import SCOPES, Issuer, SigningKey

NOW = datetime.now(UTC)


@pytest.fixture
def key(tmp_path) -> SigningKey:
    return SigningKey.of_file(tmp_path / "keys" / "issuer.pem")


@pytest.fixture
def issuer(key):
    server = Issuer(key, host="127.0.0.1", port=0, secret="open sesame")
    server.start()
    yield server
    server.stop()


def _claims(token: str, key: SigningKey, *, issuer: str, audience: str = "licet") -> dict[str, Any]:
    listed = {entry["kid"]: entry for entry in key.jwks()["keys"]}
    public = jwt.PyJWK(listed[jwt.get_unverified_header(token)["kid"]])
    return jwt.decode(token, public.key, algorithms=["EdDSA"], issuer=issuer, audience=audience)


def _post(url: str, form: dict[str, str], **headers: str) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def test_a_key_is_created_once_and_readable_only_by_its_user(tmp_path):
    file = tmp_path / "issuer.pem"
    first, again = SigningKey.of_file(file), SigningKey.of_file(file)
    assert first.kid == again.kid
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_keys_have_two_ids(tmp_path):
    assert SigningKey.of_file(tmp_path / "a").kid != SigningKey.of_file(tmp_path / "b").kid


def test_a_token_verifies_against_the_published_key_and_names_scopes_and_limits(key):
    token = key.token(issuer="http://i", now=NOW, scopes=["credentials:read"], teams=["north"], locations=[])
    claims = _claims(token, key, issuer="http://i")
    assert (claims["scope"], claims["licet_teams"], claims["licet_locations"]) == (
        "credentials:read",
        ["north"],
        [],
    )


def test_a_token_without_limits_has_no_claims_for_teams_and_locations(key):
    claims = _claims(key.token(issuer="http://i", now=NOW), key, issuer="http://i")
    assert not {"licet_teams", "licet_locations"} & claims.keys()
    assert claims["scope"].split() == list(SCOPES)


def test_a_token_ends_after_its_lifetime(key):
    token = key.token(issuer="http://i", now=NOW - timedelta(hours=2), lifetime=timedelta(hours=1))
    with pytest.raises(jwt.ExpiredSignatureError):
        _claims(token, key, issuer="http://i")


def test_discovery_leads_to_the_keys(issuer, key):
    with urllib.request.urlopen(f"{issuer.url}/.well-known/openid-configuration") as answer:
        document = json.load(answer)
    assert document["issuer"] == issuer.url
    with urllib.request.urlopen(document["jwks_uri"]) as answer:
        assert json.load(answer) == key.jwks()


@pytest.mark.parametrize("by_header", [True, False])
def test_a_client_with_the_secret_gets_a_token(issuer, key, by_header):
    form = {"grant_type": "client_credentials", "scope": "eligibility:read"}
    headers = {}
    if by_header:
        headers["Authorization"] = "Basic " + base64.b64encode(b"demo:open sesame").decode()
    else:
        form |= {"client_id": "demo", "client_secret": "open sesame"}
    status, answer = _post(f"{issuer.url}/token", form, **headers)
    assert status == 200
    claims = _claims(answer["access_token"], key, issuer=issuer.url)
    assert (claims["sub"], claims["scope"]) == ("demo", "eligibility:read")


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_secret": "wröng"}, 401, "invalid_client"),
        ({"grant_type": "password", "client_secret": "open sesame"}, 400, "unsupported_grant_type"),
        ({"scope": "x" * 20_000}, 400, "invalid_request"),
    ],
)
def test_a_client_without_the_secret_gets_no_token(issuer, form, status, error):
    assert _post(f"{issuer.url}/token", form) == (status, {"error": error})
