"""AWS Signature Version 4 as a server checks it, for a bucket that is private.

Source: AWS, "Authenticating Requests (AWS Signature Version 4)". A payload's own hash is taken as
signed and not computed again.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_SKEW = timedelta(minutes=15)


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: an S3 error code and a sentence."""

    code: str
    message: str


def refusal(
    method: str,
    raw_uri: str,
    headers: Mapping[str, str],
    *,
    access_key: str,
    secret_key: str,
    now: datetime,
) -> Refusal | None:
    """Return why a request is refused, or `None` if its signature is right and in time.

    `raw_uri` is path and query as they were sent, `headers` have lower-case names.
    """
    parts = urlsplit(raw_uri)
    query = parse_qsl(parts.query, keep_blank_values=True)
    given = dict(query)
    if "X-Amz-Signature" in given:
        signature = given["X-Amz-Signature"]
        credential = given.get("X-Amz-Credential", "")
        signed_headers = given.get("X-Amz-SignedHeaders", "")
        stamp = given.get("X-Amz-Date", "")
        seconds = given.get("X-Amz-Expires", "0")
        payload = "UNSIGNED-PAYLOAD"
        query = [(name, value) for name, value in query if name != "X-Amz-Signature"]
    elif headers.get("authorization", "").startswith(_ALGORITHM):
        fields = dict(re.findall(r"(\w+)=([^,\s]+)", headers["authorization"]))
        signature = fields.get("Signature", "")
        credential = fields.get("Credential", "")
        signed_headers = fields.get("SignedHeaders", "")
        stamp = headers.get("x-amz-date", "")
        seconds = str(_SKEW.seconds)
        payload = headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    else:
        return Refusal("AccessDenied", "The bucket is private: sign the request (Signature Version 4).")
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lifetime = timedelta(seconds=int(seconds))
    except (ValueError, OverflowError):
        return Refusal("AccessDenied", "The request has no valid date, or no valid lifetime.")
    if not signed_at - _SKEW <= now <= signed_at + lifetime:
        return Refusal("AccessDenied", "Request has expired.")
    key_id, _, scope = credential.partition("/")
    if key_id != access_key:
        return Refusal("InvalidAccessKeyId", "The access key is not known here.")
    names = signed_headers.split(";")
    request = "\n".join(
        [
            method,
            parts.path or "/",
            "&".join(sorted(f"{_quoted(name)}={_quoted(value)}" for name, value in query)),
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in names),
            "",
            signed_headers,
            payload,
        ]
    )
    to_sign = "\n".join([_ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    secret = f"AWS4{secret_key}".encode()
    for step in scope.split("/"):
        secret = hmac.digest(secret, step.encode(), "sha256")
    expected = hmac.digest(secret, to_sign.encode(), "sha256").hex()
    if not hmac.compare_digest(expected, signature):
        return Refusal("SignatureDoesNotMatch", "The signature does not match the request.")
    return None


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
