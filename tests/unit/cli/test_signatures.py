"""The private bucket: what botocore signs is let through; anything changed, late or unsigned is not."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from licet_cli.embedded.signatures import refusal

KEYS = Credentials("licet", "s3cret")
PATHS = [
    "/bucket/a",
    "/bucket/a%20b/%C3%BC.jpg",
    "/bucket?list-type=2&prefix=a%2Fb&delimiter=",
    "/bucket/x?uploads",
]


def _signed(path: str, method: str = "GET") -> tuple[str, dict[str, str]]:
    request = AWSRequest(
        method, f"http://127.0.0.1:9000{path}", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    )
    S3SigV4Auth(KEYS, "s3", "us-east-1").add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return path, headers | {"host": "127.0.0.1:9000"}


def _presigned(path: str, seconds: int = 60) -> str:
    request = AWSRequest("GET", f"http://127.0.0.1:9000{path}")
    S3SigV4QueryAuth(KEYS, "s3", "us-east-1", expires=seconds).add_auth(request)
    parts = urlsplit(str(request.url))
    return f"{parts.path}?{parts.query}"


def _refusal(
    uri: str,
    headers: dict[str, str] | None = None,
    method: str = "GET",
    now: datetime | None = None,
    secret: str = "s3cret",
) -> str | None:
    answer = refusal(
        method,
        uri,
        headers or {"host": "127.0.0.1:9000"},
        access_key="licet",
        secret_key=secret,
        now=now or datetime.now(UTC),
    )
    return None if answer is None else answer.code


@pytest.mark.parametrize("path", PATHS)
def test_a_signed_request_is_accepted(path):
    uri, headers = _signed(path)
    assert _refusal(uri, headers) is None


@pytest.mark.parametrize("path", PATHS)
def test_a_presigned_url_is_accepted(path):
    assert _refusal(_presigned(path)) is None


def test_an_unsigned_request_is_refused():
    assert _refusal("/bucket/a") == "AccessDenied"


def test_a_presigned_url_of_one_object_does_not_open_another():
    assert _refusal(_presigned("/bucket/a").replace("/bucket/a", "/bucket/b")) == "SignatureDoesNotMatch"


def test_a_presigned_get_does_not_allow_a_put():
    assert _refusal(_presigned("/bucket/a"), method="PUT") == "SignatureDoesNotMatch"


def test_a_presigned_url_expires():
    assert (
        _refusal(_presigned("/bucket/a", 60), now=datetime.now(UTC) + timedelta(seconds=62)) == "AccessDenied"
    )


def test_the_lifetime_of_a_presigned_url_can_not_be_extended():
    stretched = _presigned("/bucket/a", 60).replace("X-Amz-Expires=60", "X-Amz-Expires=6000")
    assert _refusal(stretched) == "SignatureDoesNotMatch"


def test_another_secret_is_refused():
    assert _refusal(_presigned("/bucket/a"), secret="other") == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "uri",
    [
        "/b/a?X-Amz-Signature=0",
        "/b/a?X-Amz-Signature=0&X-Amz-Date=20260101T000000Z&X-Amz-Expires=x",
        "/b/a?X-Amz-Signature=0&X-Amz-Credential=licet",
    ],
)
def test_an_incomplete_signature_is_refused_without_an_error(uri):
    assert _refusal(uri) == "AccessDenied"
