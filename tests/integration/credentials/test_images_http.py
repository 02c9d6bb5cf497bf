"""Images over HTTP, on a real object store."""

import asyncio
import io
import tempfile
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from PIL import Image
from structlog.testing import capture_logs

from licet_credentials.images.collecting import Collecting
from licet_credentials.images.receiving import UploadRoom
from licet_credentials.images.workers import ImageWorkers, WorkerLimits
from licet_credentials.settings import Settings
from unit.credentials.pictures import pdf, picture, png_header, saved, with_gps

from .conftest import ALL_SCOPES, objects


@pytest.fixture
def settings(stored_settings: Settings) -> Settings:
    return stored_settings


async def sent(http: Any, credential: Any, content: bytes, **fields: Any) -> Any:
    return await http.post(
        f"/v1/credentials/{credential['id']}/images", files={"file": ("scan.jpg", content)}, data=fields
    )


async def fetched(http: Any, path: str) -> httpx.Response:
    led = await http.get(path)
    assert led.status_code == 302, led.text
    async with httpx.AsyncClient() as browser:
        return await browser.get(led.headers["location"])


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
    assert (event.data.image.sha256, event.data.image.content_type) == (image["sha256"], "image/jpeg")
    assert event.data.image == event.data.credential.images[0]
    assert len(objects(s3, bucket)) == 3
    for rendition, path in image["renditions"].items():
        led = await http.get(path)
        assert led.status_code == 302
        url = led.headers["location"]
        assert "X-Amz-Expires=300" in url
        async with httpx.AsyncClient() as browser:
            shown = await browser.get(url)
            assert shown.status_code == 200, rendition
            shape = Image.open(io.BytesIO(shown.content))
            assert shown.headers["content-type"] == f"image/{(shape.format or '').lower()}"
            assert max(shape.size) == {"display": 1600, "thumbnail": 320}[rendition]
            assert b"Secret" not in shown.content
            unsigned = await browser.get(url.partition("?")[0])
            assert unsigned.status_code in {401, 403} or s3.kind == "moto"
    listed = (await http.get(f"/v1/credentials/{credential['id']}")).json()["images"]
    assert listed == [image]


async def test_a_pdf_is_stored_unchanged_and_served_as_a_download(http, service, credential, s3, bucket):
    content = pdf(words=b"% words")
    answer = await sent(http, credential, content)
    assert answer.status_code == 201, answer.text
    image = answer.json()
    assert (image["kind"], image["content_type"]) == ("document", "application/pdf")
    assert (image["width"], image["height"], image["renditions"]) == (None, None, {})
    assert len(objects(s3, bucket)) == 1
    path = f"/v1/credentials/{credential['id']}/images/{image['id']}"
    assert answer.headers["location"] == f"{path}/original"
    for rendition in ("display", "thumbnail"):
        assert (await http.get(f"{path}/{rendition}")).status_code == 404
    given = await fetched(http, f"{path}/original")
    assert given.content == content
    assert given.headers["content-type"] == "application/pdf"
    assert given.headers["content-disposition"] == f'attachment; filename="{image["id"]}.pdf"'
    [event] = await service.published()
    assert (event.data.image.kind, event.data.image.content_type) == ("document", "application/pdf")


async def test_the_kind_must_fit_the_file(http, service, credential):
    for content, kind in ((pdf(), "scan"), (saved(picture(), "PNG"), "document")):
        answer = await sent(http, credential, content, kind=kind)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/kind"
    assert await service.count("images") == 0


async def test_an_image_supports_the_named_term(http, service, credential):
    term = credential["term"]["id"]
    image = (await sent(http, credential, saved(picture(), "PNG"), term_id=term)).json()
    assert image["term_id"] == term
    [event] = await service.published()
    assert str(event.data.image.term_id) == term
    shown = (await http.get(f"/v1/credentials/{credential['id']}")).json()
    assert shown["term"]["image_ids"] == [image["id"]]
    terms = (await http.get(f"/v1/credentials/{credential['id']}/terms")).json()["items"]
    assert [each["image_ids"] for each in terms] == [[image["id"]]]
    unknown = await sent(http, credential, saved(picture(9, 9), "PNG"), term_id=image["id"])
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/term_id")
    odd = await sent(http, credential, saved(picture(9, 9), "PNG"), term_id="first")
    assert (odd.status_code, odd.json()["errors"][0]["pointer"]) == (422, "/term_id")


async def test_the_images_of_a_renewal_support_the_new_term(http, service, credential):
    scan, photo = [
        (await sent(http, credential, saved(picture(size, size), "PNG"))).json() for size in (8, 9)
    ]
    path = f"/v1/credentials/{credential['id']}/renewals"
    renewed = await http.post(path, json={"expires_on": "2027-06-30", "image_ids": [scan["id"]]})
    assert renewed.status_code == 201, renewed.text
    new = (await http.get(f"/v1/credentials/{credential['id']}/terms")).json()["items"][1]
    assert new["image_ids"] == [scan["id"]]
    by_id = {each["id"]: each["term_id"] for each in renewed.json()["images"]}
    assert by_id == {scan["id"]: new["id"], photo["id"]: None}
    told = (await service.published())[-1].data.credential.images
    assert {str(each.id): each.term_id and str(each.term_id) for each in told} == by_id
    again = await http.post(path, json={"expires_on": "2028-06-30", "image_ids": [scan["id"]]})
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (422, "/image_ids")
    assert new["id"] in again.json()["detail"]


async def test_the_same_file_sent_with_a_term_supports_only_that_term_from_then_on(http, service, credential):
    term = credential["term"]["id"]
    first = (await sent(http, credential, saved(picture(), "PNG"))).json()
    named = await sent(http, credential, saved(picture(), "PNG"), term_id=term)
    assert (named.status_code, named.json()) == (200, {**first, "term_id": term})
    unsaid = await sent(http, credential, saved(picture(), "PNG"))
    assert unsaid.json() == named.json()
    assert await service.told() == ["credential.image_added", "credential.updated"]
    renewed = await http.post(
        f"/v1/credentials/{credential['id']}/renewals", json={"expires_on": "2027-06-30"}
    )
    assert renewed.status_code == 201, renewed.text
    new = (await http.get(f"/v1/credentials/{credential['id']}/terms")).json()["items"][1]["id"]
    other = await sent(http, credential, saved(picture(), "PNG"), term_id=new)
    assert other.status_code == 409
    assert term in other.json()["detail"]


async def test_a_deleted_image_leaves_with_its_reason_and_its_objects(
    http, app, service, credential, s3, bucket
):
    image = (await sent(http, credential, saved(picture(), "PNG"))).json()
    await service.published()
    path = f"/v1/credentials/{credential['id']}/images/{image['id']}"
    unsaid = await http.delete(path)
    assert (unsaid.status_code, unsaid.json()["errors"][0]["parameter"]) == (422, "reason")
    stale = await http.delete(path, params={"reason": "wrong_person"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    gone = await http.delete(path, params={"reason": "wrong_person"})
    assert gone.status_code == 204, gone.text
    [event] = await service.published()
    assert event.data.event_type == "licet.credential.image_removed.v1"
    assert (str(event.data.image.id), event.data.reason) == (image["id"], "wrong_person")
    assert event.data.credential.images == ()
    history = (await http.get(f"/v1/credentials/{credential['id']}/history")).json()["items"]
    assert (history[-1]["event_type"], history[-1]["reason"]) == (event.data.event_type, "wrong_person")
    for then in (await http.get(f"{path}/display"), await http.delete(path, params={"reason": "again"})):
        assert then.status_code == 404
    await Collecting(service.database, app.state.image_storage).step()
    assert objects(s3, bucket) == []


async def test_an_image_of_a_voided_credential_can_be_deleted_and_none_added(http, service, credential):
    image = (await sent(http, credential, saved(picture(), "PNG"))).json()
    await http.post(f"/v1/credentials/{credential['id']}/void", json={"reason": "entered_twice"})
    assert (await sent(http, credential, saved(picture(9, 9), "PNG"))).status_code == 409
    path = f"/v1/credentials/{credential['id']}/images/{image['id']}"
    assert (await http.delete(path, params={"reason": "wrong_person"})).status_code == 204


async def test_views_of_an_original_are_recorded_and_shown_to_administrators(
    http, service, credential, issuer
):
    image = (await sent(http, credential, saved(picture(), "PNG"))).json()
    path = f"/v1/credentials/{credential['id']}/images/{image['id']}"
    with capture_logs() as logs:
        for _ in range(3):
            assert (await fetched(http, f"{path}/original")).status_code == 200
        await http.get(f"{path}/display")
    assert "X-Amz" not in repr(logs)
    first = (await http.get(f"{path}/views", params={"limit": 2})).json()
    rest = (await http.get(f"{path}/views", params={"cursor": first["next_cursor"]})).json()
    views = [*first["items"], *rest["items"]]
    assert [set(view) for view in views] == [{"actor", "at"}] * 3
    assert {view["actor"] for view in views} == {"user:u-1"}
    await http.delete(path, params={"reason": "wrong_person"})
    assert len((await http.get(f"{path}/views")).json()["items"]) == 3
    http.headers["Authorization"] = f"Bearer {issuer.token(scope='credentials:read credentials:write')}"
    assert (await http.get(f"{path}/views")).status_code == 403


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


async def test_a_repeated_idempotency_key_replays_the_answer_and_refuses_another_file(
    http, service, credential
):
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
async def test_an_invalid_image_is_refused_and_nothing_is_kept(
    http, service, credential, s3, bucket, content, words
):
    answer = await sent(http, credential, content)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert objects(s3, bucket) == []
    assert (await service.count("images"), await service.told()) == (0, [])


async def test_a_file_that_is_too_large_or_missing_or_for_an_unknown_credential_is_refused(
    http, service, credential
):
    large = await sent(http, credential, b"\xff\xd8\xff" + bytes(26 << 20))
    assert large.status_code == 413
    missing = await http.post(f"/v1/credentials/{credential['id']}/images", data={"kind": "scan"})
    assert missing.status_code == 422
    for odd in ({"kind": "selfie"}, {"name": "scan"}):
        answer = await sent(http, credential, saved(picture(), "PNG"), **odd)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/" + next(iter(odd))
    two = [("file", ("a.png", saved(picture(), "PNG"))), ("file", ("b.png", saved(picture(), "PNG")))]
    assert (await http.post(f"/v1/credentials/{credential['id']}/images", files=two)).status_code == 400
    text = await http.post(f"/v1/credentials/{credential['id']}/images", data={"file": "a text"})
    assert text.status_code == 422
    nobody = await sent(http, {"id": "00000000-0000-4000-8000-000000000009"}, saved(picture(), "PNG"))
    assert nobody.status_code == 404
    assert await service.count("images") == 0


async def test_while_no_worker_is_free_the_answer_has_retry_after(http, app, service, credential):
    await app.state.image_workers.close()
    app.state.image_workers = ImageWorkers(WorkerLimits(processes=0))
    app.state.upload_room = UploadRoom(64 << 20, wait_seconds=0.05, receive_seconds=60)
    answer = await sent(http, credential, saved(picture(), "PNG"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_the_time_to_receive_a_file_counts_towards_its_deadline(http, app, service, credential):
    await app.state.image_workers.close()
    app.state.image_workers = ImageWorkers(WorkerLimits(processes=0))
    app.state.upload_room = UploadRoom(64 << 20, wait_seconds=300, receive_seconds=1000)
    loop, began = asyncio.get_running_loop(), time.monotonic()
    clock = loop.time
    content = saved(picture(), "PNG")

    async def slowly() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        # From here on it is minutes later; nothing is left of the patience, and no worker is free.
        loop.time = lambda: clock() + 400  # type: ignore[method-assign]  # a later time
        yield content + b"\r\n--b--\r\n"

    try:
        answer = await http.post(
            f"/v1/credentials/{credential['id']}/images",
            content=slowly(),
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
    finally:
        loop.time = clock  # type: ignore[method-assign]  # the own time again
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert time.monotonic() - began < 200


async def test_while_upload_space_is_full_the_answer_has_retry_after(http, app, service, credential):
    app.state.upload_room = UploadRoom(1 << 20, wait_seconds=0.05, receive_seconds=60)
    async with app.state.upload_room.reserved(1):
        answer = await sent(http, credential, saved(picture(), "PNG"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (await sent(http, credential, saved(picture(), "PNG"))).status_code == 201


async def test_an_upload_that_never_ends_does_not_hold_space_for_ever(http, app, service, credential):
    async def drip() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        await asyncio.Event().wait()

    app.state.upload_room = UploadRoom(1 << 20, wait_seconds=5, receive_seconds=0.05)
    answer = await http.post(
        f"/v1/credentials/{credential['id']}/images",
        content=drip(),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code == 408
    assert answer.headers["content-type"] == "application/problem+json"
    async with app.state.upload_room.reserved(1):
        pass


async def test_nothing_of_an_upload_is_left_on_disk(http, service, credential, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for content in (saved(picture(), "PNG"), b"no image"):
        await sent(http, credential, content)
    assert list(tmp_path.iterdir()) == []
