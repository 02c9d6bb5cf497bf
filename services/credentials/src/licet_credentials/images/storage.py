"""The bucket in which evidence is kept: private, by content."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
import boto3
from anyio import to_thread
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

T = TypeVar("T")

ORIGINAL, DISPLAY, THUMBNAIL = "original", "display", "thumbnail"
PRESIGNED_SECONDS = 300
_PIECE = 256 * 1024
_SUFFIXES = {"image/jpeg": ".jpg", "image/webp": ".webp"}


class StorageUnavailable(Exception):
    """The object store does not answer or does not take it; nothing was recorded."""


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


def object_key(sha256: str, generation: int, rendition: str, content_type: str) -> str:
    """Return the key of what was made of a file: by content, so that a repetition is the same object.

    The type of a rendition is in its key: one encoded otherwise by a later version is another object.
    """
    suffix = "" if rendition == ORIGINAL else _SUFFIXES[content_type]
    return f"{_folder(sha256, generation)}/{rendition}{suffix}"


def all_keys(sha256: str, generation: int) -> list[str]:
    """Return every key that objects of that content can have."""
    names = [ORIGINAL, *(rendition + end for rendition in (DISPLAY, THUMBNAIL) for end in _SUFFIXES.values())]
    return [f"{_folder(sha256, generation)}/{name}" for name in names]


def _folder(sha256: str, generation: int) -> str:
    return f"images/{sha256[:2]}/{sha256}/{generation}"


class ImageStorage:
    """Objects of one bucket. A few at a time: the client blocks, so it works in threads."""

    def __init__(self, bucket: Bucket, *, concurrency: int = 4, answer_seconds: float = 20) -> None:
        self._bucket = bucket.name
        # Clients may be shared among threads; making one may not, so they are made here, once.
        self._client = s3_client(bucket, bucket.url, answer_seconds)
        self._signer = (
            s3_client(bucket, bucket.public_url, answer_seconds) if bucket.public_url else self._client
        )
        self._limiter = anyio.CapacityLimiter(concurrency)
        # Signing asks nobody, so it never waits for a store that is slow.
        self._signing = anyio.CapacityLimiter(1)

    async def put(self, key: str, path: Path, content_type: str) -> None:
        """Store a file; the same again changes nothing. Raises `StorageUnavailable`."""

        def put() -> None:
            with path.open("rb") as body:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)

        await self._asked(put)

    async def remove(self, sha256: str, generation: int) -> None:
        """Remove whatever there is of a content, be it nothing. Raises `StorageUnavailable`."""

        def remove() -> None:
            # One by one: not every server takes the call that removes many.
            for key in all_keys(sha256, generation):
                self._client.delete_object(Bucket=self._bucket, Key=key)

        await self._asked(remove)

    async def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return await to_thread.run_sync(ask, limiter=self._limiter)
        except (BotoCoreError, ClientError) as error:
            raise StorageUnavailable(
                "The image store does not answer as it should; nothing was recorded, try again."
            ) from error

    async def require(self, key: str) -> None:
        """Raise `StorageUnavailable` unless the object is there."""
        await self._asked(lambda: self._client.head_object(Bucket=self._bucket, Key=key))

    async def pieces(self, key: str) -> AsyncIterator[bytes]:
        """Yield an object piece by piece; raises `StorageUnavailable`, also half-way."""
        answer = await self._asked(lambda: self._client.get_object(Bucket=self._bucket, Key=key))
        body = answer["Body"]
        try:
            while piece := await self._asked(lambda: body.read(_PIECE)):
                yield piece
        finally:
            body.close()

    async def presigned(self, key: str, content_type: str, *, file_name: str | None = None) -> str:
        """Return a URL under which the object can be fetched for five minutes.

        With a file name the browser keeps it instead of showing it.
        """
        answer = {"ResponseContentType": content_type}
        if file_name is not None:
            answer["ResponseContentDisposition"] = f'attachment; filename="{file_name}"'

        def sign() -> str:
            url: str = self._signer.generate_presigned_url(
                "get_object",
                Params={"Bucket": self._bucket, "Key": key, **answer},
                ExpiresIn=PRESIGNED_SECONDS,
            )
            return url

        return await to_thread.run_sync(sign, limiter=self._signing)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        if self._signer is not self._client:
            self._signer.close()


def s3_client(bucket: Bucket, url: str | None, answer_seconds: float = 20) -> Any:
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
            connect_timeout=min(5, answer_seconds),
            read_timeout=answer_seconds,
            retries={"total_max_attempts": 2, "mode": "standard"},
            s3={"addressing_style": "path"},
        ),
    )
