"""The bucket in which images are kept: private, by content."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import boto3
from anyio import to_thread
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

PRESIGNED_SECONDS = 300


class StorageUnavailable(Exception):
    """The object store does not answer; nothing was recorded."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the objects are."""

    url: str | None
    name: str
    access_key: SecretStr
    secret_key: SecretStr
    region: str
    public_url: str | None = None
    """How browsers reach the store, where that differs from how the service does."""


def object_key(sha256: str, rendition: str) -> str:
    """Return the key of what was made of a file: by content, so that a repetition is the same object."""
    return f"images/{sha256[:2]}/{sha256}/{rendition}"


class ImageStorage:
    """Objects of one bucket. A few at a time: the client blocks, so it works in threads."""

    def __init__(self, bucket: Bucket, *, concurrency: int = 4) -> None:
        self._bucket = bucket.name
        # Clients may be shared among threads; making one may not, so they are made here, once.
        self._client = s3_client(bucket, bucket.url)
        self._signer = s3_client(bucket, bucket.public_url) if bucket.public_url else self._client
        self._limiter = anyio.CapacityLimiter(concurrency)

    async def put(self, key: str, path: Path, content_type: str) -> None:
        """Store a file; the same again changes nothing. Raises `StorageUnavailable`."""

        def put() -> None:
            with path.open("rb") as body:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)

        try:
            await to_thread.run_sync(put, limiter=self._limiter)
        except (BotoCoreError, ClientError) as error:
            raise StorageUnavailable(
                "The image store does not answer; nothing was recorded, try again."
            ) from error

    async def presigned(self, key: str, content_type: str) -> str:
        """Return a URL under which the object can be fetched for five minutes."""

        def sign() -> str:
            url: str = self._signer.generate_presigned_url(
                "get_object",
                Params={"Bucket": self._bucket, "Key": key, "ResponseContentType": content_type},
                ExpiresIn=PRESIGNED_SECONDS,
            )
            return url

        return await to_thread.run_sync(sign, limiter=self._limiter)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        if self._signer is not self._client:
            self._signer.close()


def s3_client(bucket: Bucket, url: str | None) -> Any:
    """Return a client that signs for the bucket, at that endpoint; `None` is AWS for the region."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name=bucket.region,
        aws_access_key_id=bucket.access_key.get_secret_value(),
        aws_secret_access_key=bucket.secret_key.get_secret_value(),
        config=Config(
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=5,
            read_timeout=20,
            retries={"total_max_attempts": 2, "mode": "standard"},
            s3={"addressing_style": "path"},
        ),
    )
