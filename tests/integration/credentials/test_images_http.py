"""Images over HTTP, on a real object store."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from licet_credentials.images.workers import ImageWorkers, WorkerLimits
from licet_credentials.settings import Settings
from unit.credentials.pictures import picture, png_header, saved, with_gps

from .conftest import ALL_SCOPES


@pytest.fixture
def bucket(s3):
    return s3.create_bucket()


@pytest.fixture
def settings(migrated_url, s3, bucket) -> Settings:
    return Settings(
        database_url=SecretStr(migrated_url), kafka_url="nowhere:1", issuer_url="https://issuer.test",
        s3_url=s3.endpoint, s3_bucket=bucket, s3_access_key=SecretStr(s3.access_key),
        s3_secret_key=SecretStr(s3.secret_key), s3_region=s3.region,
    )  # fmt: skip


def objects(s3: Any, bucket: str) -> list[str]:
    return [item["Key"] for item in s3.client().list_objects_v2(Bucket=bucket).get("Contents", [])]


async def sent(http: Any, credential: Any, content: bytes, **fields: Any) -> Any:
    return await http.post(
        f"/v1/credentials/{credential['id']}/images", files={"file": ("scan.jpg", content)}, data=fields
    )


async def test_a_photo_is_kept_privately_and_shown_clean(http, service, credential, s3, bucket):
    photo = with_gps(picture(4000, 3000))
    answer = await sent(http, credential, photo, kind="photo")
    assert answer.status_code == 201, answer.text
    image = answer.json()
    assert (image["kind"], image["width"], image["height"], image["size"]) == (
        "photo",
        4000,
        3000,
        len(photo),
    )
    [event] = await service.published()
    assert event.data.event_type == "licet.credential.image_added.v1"
    assert event.data.image.sha256 == image["sha256"]
    assert len(objects(s3, bucket)) == 3
    for rendition, path in image["renditions"].items():
        led = await http.get(path)
        assert led.status_code == 302
        url = led.headers["location"]
        assert "X-Amz-Expires=300" in url
        async with httpx.AsyncClient() as browser:
            shown = await browser.get(url)
            assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg"), rendition
            assert b"Secret" not in shown.content
            unsigned = await browser.get(url.partition("?")[0])
            assert unsigned.status_code in {401, 403} or s3.kind == "moto"
    listed = (await http.get(f"/v1/credentials/{credential['id']}")).json()["images"]
    assert listed == [image]


async def test_the_original_needs_an_administrator(http, service, credential, issuer):
    image = (await sent(http, credential, saved(picture(), "PNG"))).json()
    path = f"/v1/credentials/{credential['id']}/images/{image['id']}/original"
    assert (await http.get(path)).status_code == 302
    http.headers["Authorization"] = (
        f"Bearer {issuer.token(scope=ALL_SCOPES.removesuffix(' credentials:admin'))}"
    )
    answer = await http.get(path)
    assert answer.status_code == 403
    assert "credentials:admin" in answer.json()["detail"]


async def test_the_same_file_again_is_the_same_image(http, service, credential, s3, bucket):
    first = await sent(http, credential, saved(picture(), "PNG"))
    again = await sent(http, credential, saved(picture(), "PNG"))
    assert (again.status_code, again.json()) == (200, first.json())
    assert await service.told() == ["credential.image_added"]
    assert len(objects(s3, bucket)) == 3


async def test_the_same_key_repeats_the_answer_and_refuses_another_file(http, service, credential):
    http.headers["Idempotency-Key"] = "k"
    first = await sent(http, credential, saved(picture(), "PNG"))
    again = await sent(http, credential, saved(picture(), "PNG"))
    assert (again.status_code, again.content) == (201, first.content)
    other = await sent(http, credential, saved(picture(32, 32), "PNG"))
    assert other.status_code == 422
    assert "used for another request" in other.json()["detail"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no image at all", "not an image"),
        (saved(picture(400, 300), "JPEG")[:-3000], "damaged"),
        (png_header(60_000, 60_000), "60000 by 60000"),
    ],
    ids=["text", "truncated", "bomb"],
)
async def test_what_is_no_good_image_is_refused_and_nothing_is_kept(
    http, service, credential, s3, bucket, content, words
):
    answer = await sent(http, credential, content)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert objects(s3, bucket) == []
    assert (await service.count("images"), await service.told()) == (0, [])


async def test_a_file_that_is_too_large_or_missing_or_of_no_credential_is_refused(http, service, credential):
    large = await sent(http, credential, b"\xff\xd8\xff" + bytes(26 << 20))
    assert large.status_code == 413
    missing = await http.post(f"/v1/credentials/{credential['id']}/images", data={"kind": "scan"})
    assert missing.status_code == 422
    odd = await sent(http, credential, saved(picture(), "PNG"), kind="selfie")
    assert odd.status_code == 422
    nobody = await sent(http, {"id": "00000000-0000-4000-8000-000000000009"}, saved(picture(), "PNG"))
    assert nobody.status_code == 404
    assert await service.count("images") == 0


async def test_when_no_worker_is_free_the_answer_says_when_to_come_again(http, app, service, credential):
    await app.state.image_workers.close()
    app.state.image_workers = ImageWorkers(WorkerLimits(processes=0, wait_seconds=0.05))
    answer = await sent(http, credential, saved(picture(), "PNG"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_when_the_store_is_away_nothing_is_recorded(http, app, service, credential):
    app.state.image_storage.close()
    from licet_credentials.images.storage import Bucket, ImageStorage  # noqa: PLC0415

    nowhere = Bucket("http://127.0.0.1:9", "licet", SecretStr("a"), SecretStr("b"), "us-east-1")
    app.state.image_storage = ImageStorage(nowhere)
    answer = await sent(http, credential, saved(picture(), "PNG"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (await service.count("images"), await service.told()) == (0, [])
