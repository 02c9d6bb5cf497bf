"""The issuer's keys: fetched when needed, not more often, and kept while the issuer is away."""

import asyncio
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jwt.algorithms import RSAAlgorithm
from structlog.testing import capture_logs

from licet_chassis.http.auth import Authenticator
from licet_chassis.http.keys import KeyNotRead, KeySet, KeysUnavailable
from licet_chassis.http.problems import Unavailable
from support.edge.issuer import AUDIENCE, URL, Issuer, bearer
from support.edge.service import client_of, edge_app


class Watch:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def keys(issuer: Issuer, watch: Watch) -> KeySet:
    return KeySet(URL, client=issuer.client(), max_age=600, retry_after=10, clock=watch)


def rsa_entry(bits: int, **changes: Any) -> dict[str, Any]:
    public = generate_private_key(65537, bits).public_key()
    return (
        RSAAlgorithm.to_jwk(public, as_dict=True) | {"kid": "other", "alg": "RS256", "use": "sig"} | changes
    )


async def test_keys_are_fetched_once_for_many_requests_at_once(keys: KeySet, issuer: Issuer) -> None:
    found = await asyncio.gather(*(keys.find("rsa") for _ in range(50)))
    assert all(found)
    assert issuer.fetches == 1


async def test_requests_wait_while_the_keys_are_being_read(issuer: Issuer, watch: Watch) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slowly(_request: httpx.Request) -> httpx.Response:
        asked.set()
        await answer.wait()
        return httpx.Response(200, json=issuer.document)

    client = httpx.AsyncClient(transport=httpx.MockTransport(slowly))
    keys = KeySet(URL, client=client, clock=watch)
    first = asyncio.create_task(keys.find("rsa"))
    await asked.wait()
    second = asyncio.create_task(keys.find("rsa"))
    await asyncio.sleep(0)  # so that it has begun to look
    answer.set()
    assert await second is await first is not None


async def test_an_issuer_that_never_answered_is_unavailable_rather_than_without_the_key(
    keys: KeySet, issuer: Issuer
) -> None:
    issuer.failure = httpx.ConnectError("away")
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            await keys.find("rsa")


async def test_unknown_kids_make_at_most_one_fetch_in_ten_seconds(
    keys: KeySet, issuer: Issuer, watch: Watch
) -> None:
    await keys.find("rsa")
    for number in range(100):
        with pytest.raises(KeyNotRead) as caught:
            await keys.find(f"made-up-{number}")
        assert caught.value.seconds == 10
    assert issuer.fetches == 1
    watch.now += 10
    assert await keys.find("made-up-0") is None
    assert await keys.find("made-up-0") is None
    with pytest.raises(KeyNotRead):
        await keys.find("made-up-1")
    assert issuer.fetches == 2


async def test_a_new_key_is_never_refused(issuer: Issuer) -> None:
    """Signed with at once after a rotation, while the issuer must not be asked again, and once it may be."""
    watch = [0.0]
    keys = KeySet(URL, client=issuer.client(), retry_after=10, clock=lambda: watch[0])
    authenticator = Authenticator(keys, issuer=URL, audience=AUDIENCE)
    await authenticator.authenticate([f"Bearer {issuer.token()}"])
    issuer.document["keys"].append(issuer.document["keys"][0] | {"kid": "next"})
    header = [f"Bearer {issuer.token(headers={'kid': 'next'})}"]
    with pytest.raises(Unavailable) as caught:
        await authenticator.authenticate(header)
    assert caught.value.headers == {"Retry-After": "10"}
    watch[0] = 10
    assert (await authenticator.authenticate(header)).subject == "u-1"
    issuer.failure = httpx.ConnectError("away")
    watch[0] = 30
    with pytest.raises(Unavailable):
        await authenticator.authenticate([f"Bearer {issuer.token(headers={'kid': 'third'})}"])


async def test_rotated_key_is_found_and_the_withdrawn_one_no_longer(
    keys: KeySet, issuer: Issuer, watch: Watch
) -> None:
    await keys.find("rsa")
    issuer.document = {"keys": [rsa_entry(2048)]}
    watch.now += 10
    assert await keys.find("other") is not None
    assert await keys.find("rsa") is None


async def test_keys_are_read_again_when_they_are_old(keys: KeySet, issuer: Issuer, watch: Watch) -> None:
    await keys.find("rsa")
    watch.now += 599
    await keys.find("rsa")
    assert issuer.fetches == 1
    watch.now += 1
    await keys.find("rsa")
    assert issuer.fetches == 2


async def test_keys_read_last_stay_good_while_the_issuer_is_away(
    keys: KeySet, issuer: Issuer, watch: Watch
) -> None:
    await keys.find("rsa")
    issuer.failure = httpx.ConnectError("away")
    watch.now += 100_000
    assert await keys.find("rsa") is not None


@pytest.mark.parametrize(
    "document",
    [{}, {"keys": "rsa"}, [], "text", {"keys": [{"kid": "x" * 300_000}]}],
    ids=["no keys", "keys no list", "a list", "a text", "without end"],
)
async def test_document_that_is_no_key_set_counts_as_not_read(
    keys: KeySet, issuer: Issuer, document: Any
) -> None:
    issuer.document = document
    with pytest.raises(KeysUnavailable):
        await keys.find("rsa")


@pytest.mark.parametrize(
    "entry",
    [
        rsa_entry(1024),
        rsa_entry(2048, use="enc"),
        rsa_entry(2048, alg="RSA-OAEP"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "other", "alg": "HS256"},
        {"kty": "XYZ", "kid": "other"},
        {"kid": "other"},
        "other",
    ],
    ids=["short", "for encryption", "other algorithm", "shared secret", "unknown kind", "nothing", "a text"],
)
async def test_key_that_must_not_be_used_is_passed_over_and_the_others_stay(
    keys: KeySet, issuer: Issuer, watch: Watch, entry: Any
) -> None:
    issuer.document["keys"].append(entry)
    with capture_logs() as logs:
        for _ in range(2):
            watch.now += 10
            assert await keys.find("other") is None
    assert await keys.find("rsa") is not None
    told = [log for log in logs if log["event"] == "keys.passed_over"]
    silent = not isinstance(entry, dict) or entry.get("use") == "enc"
    assert len(told) == (0 if silent else 1), "once, with the reason"


async def test_request_gets_503_while_no_key_was_ever_read_and_works_once_one_was(issuer: Issuer) -> None:
    issuer.failure = httpx.ConnectError("away")
    app = edge_app(issuer)
    async with client_of(app) as client:
        answer = await client.get("/v1/x", headers=bearer(issuer.token()))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "issuer" in answer.json()["detail"]


async def test_algorithm_belongs_to_the_key_where_the_issuer_names_none(keys: KeySet, issuer: Issuer) -> None:
    for entry in issuer.document["keys"]:
        del entry["alg"]
    names = {kid: sorted(found.algorithms) for kid in ("rsa", "ec", "ed") if (found := await keys.find(kid))}
    assert names == {
        "rsa": ["PS256", "PS384", "PS512", "RS256", "RS384", "RS512"],
        "ec": ["ES256"],
        "ed": ["Ed25519", "EdDSA"],
    }
