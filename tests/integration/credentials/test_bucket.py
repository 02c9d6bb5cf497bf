"""The bucket of images: made once, private, whatever the store is doing when it is asked for."""

import json
import secrets
import threading
from dataclasses import replace

import pytest
from pydantic import SecretStr

from licet_cli.embedded.ports import free_port
from licet_credentials.bucket import BucketRefused, ensure_bucket
from licet_credentials.images.storage import Bucket, StorageUnavailable
from support.servers.s3 import S3Server


def _bucket(s3: S3Server) -> Bucket:
    return Bucket(
        s3.endpoint,
        f"licet-test-{secrets.token_hex(6)}",
        SecretStr(s3.access_key),
        SecretStr(s3.secret_key),
        s3.region,
    )


def test_the_bucket_is_created_once(s3):
    bucket = _bucket(s3)
    assert ensure_bucket(bucket) is True
    assert ensure_bucket(bucket) is False


def test_two_instances_that_create_the_bucket_concurrently_both_succeed(s3):
    bucket = _bucket(s3)
    made: list[bool] = []
    both = [threading.Thread(target=lambda: made.append(ensure_bucket(bucket))) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(made) == 2
    assert True in made


@pytest.mark.only_on("versitygw")  # the embedded one gives nothing to anyone without a signature
def test_a_public_bucket_is_refused(s3):
    bucket = _bucket(s3)
    ensure_bucket(bucket)
    everybody = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{bucket.name}/*",
            }
        ],
    }
    s3.client().put_bucket_policy(Bucket=bucket.name, Policy=json.dumps(everybody))
    with pytest.raises(BucketRefused, match="can be read by anyone"):
        ensure_bucket(bucket)


def test_a_wrong_secret_fails_at_once(s3):
    with pytest.raises(BucketRefused, match="403"):
        ensure_bucket(replace(_bucket(s3), secret_key=SecretStr("wrong")), patience=3600)


def test_a_store_that_does_not_answer_fails_after_the_timeout(s3):
    with pytest.raises(StorageUnavailable, match="has not answered for 0 s"):
        ensure_bucket(replace(_bucket(s3), url=f"http://127.0.0.1:{free_port()}"), patience=0)
