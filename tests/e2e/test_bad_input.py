"""Bad input at the running services: a precise 4xx problem each, nothing half done, and they stay up."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from licet_cli.embedded.issuer import SigningKey
from licet_cli.embedded.state import SERVICES
from licet_events import Topic
from unit.credentials.pictures import picture, png_header, saved

LISTS = {
    "credentials": "/holders", "certifications": "/requirements", "scheduler": "/timers",
    "notifier": "/notifications",
}  # fmt: skip
SCOPES = {
    "credentials": "credentials:read", "certifications": "certifications:read", "scheduler": "scheduler:read",
    "notifier": "notifications:read",
}  # fmt: skip
UNKNOWN = "0190a0a0-0000-7000-8000-000000000009"


def problem(answer: httpx.Response, status: int, words: str, pointer: str | None = None) -> None:
    """The answer is a problem document that says what is wrong."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(document)
    assert words in document["detail"], document
    if pointer is not None:
        assert pointer in [error["pointer"] for error in document["errors"]]


@pytest.fixture(autouse=True)
def stays_up(run):
    """Whatever a test sends, every service is ready after it."""
    yield
    for service in SERVICES:
        assert httpx.get(f"{run.url(service)}/readyz", timeout=10).status_code == 200, service


@pytest.fixture(scope="module")
def http(run):
    """A client of the credentials service with a good token."""
    with run.http("credentials", run.cli("token").good().out.strip()) as client:
        yield client


@pytest.fixture(scope="module")
def licence(world):
    """A credential that is there."""
    tag = uuid4().hex[:8]
    world.type(f"bad-{tag}")
    holder = world.holder("Bea Input")
    return world.credential(holder, f"bad-{tag}", number="B-1", expires_on=world.day(700))


@pytest.fixture
def untouched(run, world, licence):
    """Nothing is changed or published by what the test sends."""
    topics = (Topic.HOLDERS, Topic.CREDENTIALS, Topic.CATALOGUE)
    world.quiet()
    before = len(run.events(*topics)), world.shown(licence)["version"]
    yield
    world.quiet()
    assert (len(run.events(*topics)), world.shown(licence)["version"]) == before


@pytest.fixture(scope="module")
def signed(run):
    """Return a function that signs a token with the key of the run's issuer."""
    key = SigningKey.of_file(Path(run.state["signing_key"]))

    def token(**changes):
        return key.token(**{"issuer": run.state["issuer"]["url"], "now": datetime.now(UTC)} | changes)

    return token


@pytest.mark.parametrize("service", SERVICES)
def test_an_invalid_token_is_refused_by_every_service(run, signed, service):
    hour = timedelta(hours=1)
    stranger = SigningKey.of_file(run.directory / "stranger.pem")
    now = datetime.now(UTC)
    cases = [
        (None, "needs a token"),
        (signed(now=now - 2 * hour), "has expired"),
        (signed(audience="somebody-else"), "for another audience"),
        (signed(issuer="https://issuer.example"), "of another issuer"),
        (stranger.token(issuer=run.state["issuer"]["url"], now=now), "token"),
        (signed()[:-4] + "AAAA", "token"),
        ("nonsense", "token"),
    ]
    for token, words in cases:
        with run.http(service, token) as client:
            answer = client.get(LISTS[service])
            if answer.status_code == 503:  # the issuer was asked a moment ago; the key may be a new one
                time.sleep(int(answer.headers["retry-after"]))
                answer = client.get(LISTS[service])
        problem(answer, 401, words)
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("service", SERVICES)
def test_a_missing_scope_is_named(run, signed, service):
    others = [scope for scope in SCOPES.values() if scope != SCOPES[service]]
    with run.http(service, signed(scopes=others)) as client:
        problem(client.get(LISTS[service]), 403, SCOPES[service])
    with run.http(service, signed(scopes=[SCOPES[service]])) as client:
        assert client.get(LISTS[service]).status_code == 200


CREDENTIALS = [
    ({"nonsense": 1}, 422, "is no field", "/nonsense"),
    ({"number": 7}, 422, "must be text", "/number"),
    ({"time_zone": "Mars/Olympus"}, 422, "not an IANA time zone", "/time_zone"),
    ({"expires_on": "2027-02-30"}, 422, "must be a date that exists", "/expires_on"),
    (
        {"number": "B-2", "valid_from": "2031-01-01", "expires_on": "2030-12-31"},
        422,
        "is before valid_from",
        "/expires_on",
    ),
    ({"holder_id": UNKNOWN}, 422, "no holder", "/holder_id"),
    ({"type": "nothing-of-the-kind"}, 422, "no credential type", "/type"),
    ({}, 409, "", "/number"),
]


@pytest.mark.parametrize(("changes", "status", "words", "pointer"), CREDENTIALS)
def test_a_credential_that_makes_no_sense_is_refused(
    http, licence, untouched, changes, status, words, pointer
):
    body = {"holder_id": licence["holder_id"], "type": licence["type"], "number": "B-1"} | changes
    answer = http.post("/credentials", json=body)
    problem(answer, status, words, pointer)
    if status == 409:
        assert licence["id"] in answer.json()["detail"]


def test_a_body_that_is_not_json_or_too_large_is_refused(http, untouched):
    json = {"Content-Type": "application/json"}
    problem(http.post("/holders", content=b'{"kind": ', headers=json), 400, "JSON")
    large = b'{"name": "' + b"x" * (2 << 20) + b'"}'
    problem(http.post("/holders", content=large, headers=json), 413, "larger than")
    streamed = (b"x" * (1 << 20) for _ in range(3))
    problem(http.post("/holders", content=streamed, headers=json), 413, "larger than")


def test_a_stale_or_missing_version_is_refused(http, licence, untouched):
    path = f"/credentials/{licence['id']}"
    problem(http.patch(path, json={"issuer": "X"}), 428, "If-Match")
    problem(http.patch(path, json={"issuer": "X"}, headers={"If-Match": '"99"'}), 412, "1")


def test_an_idempotency_key_replays_its_answer_and_refuses_another_request(http, world):
    headers = {"Idempotency-Key": str(uuid4())}
    body = {"kind": "employee", "name": "Iris Twice"}
    first = http.post("/holders", json=body, headers=headers)
    again = http.post("/holders", json=body, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    problem(http.post("/holders", json=body | {"name": "Else"}, headers=headers), 422, "Idempotency-Key")
    world.quiet()
    assert len(world.told(first.json(), Topic.HOLDERS)) == 1


JPEG = saved(picture(800, 600), "JPEG")
FILES = [
    (b"hello, I am a licence", "image"),
    (b"", "not an image"),
    (JPEG[: len(JPEG) // 2], "damaged or incomplete"),
    (png_header(60_000, 60_000), "pixels"),
    (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image"),
    (b"%!PS-Adobe-3.0 EPSF-3.0", "image"),
]


@pytest.mark.parametrize(("content", "words"), FILES, ids=["text", "empty", "cut", "bomb", "svg", "eps"])
def test_an_invalid_image_is_refused(http, licence, untouched, content, words):
    files = {"file": ("scan.jpg", content, "image/jpeg")}
    answer = http.post(f"/credentials/{licence['id']}/images", files=files, data={"kind": "scan"})
    assert answer.status_code in {413, 415, 422}, answer.text
    problem(answer, answer.status_code, words)


def test_a_file_over_the_limit_is_refused(http, licence, untouched):
    files = {"file": ("scan.jpg", JPEG + b"\0" * (25 << 20), "image/jpeg")}
    answer = http.post(f"/credentials/{licence['id']}/images", files=files, data={"kind": "scan"})
    problem(answer, 413, "larger than")


@pytest.mark.parametrize("path", ["/nothing", f"/holders/{UNKNOWN}", f"/credentials/{UNKNOWN}", "/holders/7"])
def test_an_unknown_id_is_not_found(http, path):
    answer = http.get(path)
    problem(answer, 422 if path.endswith("/7") else 404, "")


def test_a_requirement_that_makes_no_sense_is_refused(run):
    with run.http("certifications", run.cli("token").out.strip()) as client:
        good = {"target": "role:x", "expression": {"all_of": ["y"]}}
        problem(client.post("/requirements", json=good | {"target": "x"}), 422, "", "/target")
        problem(client.post("/requirements", json=good | {"expression": {}}), 422, "exactly one")
        problem(client.post("/requirements", json=good | {"time_zone": "Nowhere"}), 422, "", "/time_zone")
        window = {"target": "role:x", "from": "2030-01-02T00:00:00Z", "to": "2030-01-01T00:00:00Z"}
        problem(client.get(f"/eligibility/{UNKNOWN}", params=window), 422, "after")
