"""`python -m licet_credentials.bucket`: creates the bucket before the first start.

Only needed where nobody else provides it, as on Compose. Repeating it changes nothing. It exits 0 when the
bucket exists and is private, 1 with a message when not, 2 when the settings are wrong.
"""

import sys
import time
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from licet_chassis.settings import describe_problems
from licet_credentials.images.storage import Bucket, StorageUnavailable, object_key, s3_client
from licet_credentials.settings import Settings

PATIENCE = 60.0
"""Seconds to wait for a store that is just starting."""
_TAKEN = {"BucketAlreadyOwnedByYou"}
_REFUSED = {401, 403}


class BucketRefused(Exception):
    """The store answers, but there is no private bucket; the message says why."""


def ensure_bucket(bucket: Bucket, *, patience: float = PATIENCE) -> bool:
    """Create the bucket if it is missing, and verify that reading it needs a signature.

    Returns whether it was created. Raises `StorageUnavailable` if the store has not answered within
    `patience` seconds, and `BucketRefused` if it refuses, or if the bucket is public.
    """
    client = s3_client(bucket, bucket.url)
    deadline = time.monotonic() + patience
    try:
        while True:
            try:
                made = _make(client, bucket)
            except (BotoCoreError, ClientError) as error:
                if not _passes(error):
                    raise BucketRefused(f"The bucket {bucket.name}: {error}") from error
                if time.monotonic() > deadline:
                    raise StorageUnavailable(
                        f"The image store has not answered for {patience:.0f} s: {error}"
                    ) from error
                time.sleep(0.5)
            else:
                break
    finally:
        client.close()
    _refuse_public(bucket)
    return made


def _make(client: Any, bucket: Bucket) -> bool:
    try:
        client.head_bucket(Bucket=bucket.name)
    except ClientError as error:
        if _status(error) != 404:
            raise
    else:
        return False
    # S3 refuses a LocationConstraint for us-east-1.
    elsewhere = (
        {}
        if bucket.region == "us-east-1"
        else {"CreateBucketConfiguration": {"LocationConstraint": bucket.region}}
    )
    try:
        client.create_bucket(Bucket=bucket.name, **elsewhere)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _TAKEN:  # another instance was first
            raise
        return False
    return True


def _refuse_public(bucket: Bucket) -> None:
    """Request an object without a signature: a private bucket refuses before it looks for the object."""
    anybody = boto3.session.Session().client(
        "s3",
        endpoint_url=bucket.url,
        region_name=bucket.region,
        config=Config(signature_version=UNSIGNED, s3={"addressing_style": "path"}),
    )
    try:
        anybody.get_object(Bucket=bucket.name, Key=object_key("0" * 64, 1, "thumbnail", "image/webp"))
    except ClientError as error:
        if _status(error) in _REFUSED:
            return
    except BotoCoreError as error:
        raise StorageUnavailable(f"The image store stopped answering: {error}") from error
    finally:
        anybody.close()
    raise BucketRefused(f"The bucket {bucket.name} can be read by anyone; images are personal data.")


def _passes(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return _status(error) >= 500
    return isinstance(error, (NoConnection, HTTPClientError))


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def main() -> int:
    """Create the bucket of the settings."""
    problems = describe_problems(Settings)
    if problems:
        print("\n".join(problems), file=sys.stderr)  # noqa: T201  # before there is a log
        return 2
    bucket = Settings().bucket
    try:
        made = ensure_bucket(bucket)
    except (StorageUnavailable, BucketRefused) as error:
        print(error, file=sys.stderr)  # noqa: T201  # the answer of a command
        return 1
    print(f"The bucket {bucket.name} {'has been created' if made else 'exists'}, and is private.")  # noqa: T201  # the answer of a command
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
