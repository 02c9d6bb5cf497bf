"""What lies in the bucket and what the database says of it agree in the end, wherever anything is cut off."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from licet_chassis.cause import Cause
from licet_chassis.clock import machine_now
from licet_chassis.errors import Busy
from licet_chassis.failpoints import Failpoint
from licet_credentials.images import store
from licet_credentials.images.collecting import Collecting
from licet_credentials.images.commands import add_image
from licet_credentials.images.rendering import examine
from licet_credentials.images.storage import Bucket, ImageStorage, all_keys
from licet_credentials.images.uploads import store_evidence
from licet_credentials.images.workers import FileProperties
from licet_credentials.settings import Settings
from unit.credentials.pictures import pdf, picture, saved

from .conftest import NOW, made

pytestmark = pytest.mark.faults

PNG = saved(picture(), "PNG")


class Killed(Exception):
    """What a crash is here: nothing after this place happens."""


@pytest.fixture
def settings(stored_settings: Settings) -> Settings:
    return stored_settings


@pytest.fixture(autouse=True)
def quiet():
    """Do without the tracebacks of the killed: they take seconds to print and say nothing new."""
    with capture_logs():
        yield


@pytest.fixture
def kill(monkeypatch):
    """Arm a failpoint: from then on whoever passes it gets no further."""

    def arm(name: str | None) -> None:
        def passing(failpoint: Failpoint) -> None:
            if failpoint.name == name:
                raise Killed(name)

        monkeypatch.setattr(Failpoint, "__call__", passing)

    return arm


class InProcess:
    """What the workers do, done here: starting a process for each test would be most of its time."""

    async def examine(self, *paths: Path, until: float) -> FileProperties:
        return FileProperties(**await asyncio.to_thread(examine, *paths, pixels=1_000_000))

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
async def collecting(service, app) -> Collecting:
    await app.state.image_workers.close()
    app.state.image_workers = InProcess()
    return Collecting(service.database, app.state.image_storage)


def keys(s3: Any, bucket: str) -> set[str]:
    return {item["Key"] for item in s3.client().list_objects_v2(Bucket=bucket).get("Contents", [])}


async def sent(http: Any, credential: Any, content: bytes = PNG) -> Any:
    return await http.post(f"/v1/credentials/{credential['id']}/images", files={"file": ("a", content)})


async def an_hour_passes(service: Any) -> None:
    """Let everything that is to be looked at some time be looked at now."""
    async with service.database.reading() as conn:
        await conn.execute(
            "update image_objects set look_at = now() - interval '1 second' where look_at > now()"
        )


async def collected(service: Any, collecting: Collecting) -> None:
    """Collect until there is nothing left to wait for."""
    for _ in range(4):
        await an_hour_passes(service)
        await collecting.step()
    async with service.database.reading() as conn:
        assert await store.count_leaving(conn) == 0


async def agree(service: Any, s3: Any, bucket: str) -> bool:
    """Whether every object belongs to an image, and every image has its objects."""
    async with service.database.reading() as conn:
        images = await conn.fetch("select distinct sha256, generation, display_type from images")
    wanted = {key for image in images for key in all_keys(image["sha256"], image["generation"])}
    found = keys(s3, bucket)
    originals = {key for key in wanted if key.endswith("/original")}
    return found <= wanted and originals <= found and len(found) == 3 * len(originals)


UPLOAD = [
    "images.upload.wanted",
    "images.upload.original_stored",
    "images.upload.display_stored",
    "images.upload.thumbnail_stored",
    "write.begun",
    "write.done",
]


@pytest.mark.parametrize("place", UPLOAD)
async def test_an_upload_interrupted_anywhere_leaves_nothing_and_can_be_repeated(
    http, service, credential, collecting, kill, s3, bucket, place
):
    kill(place)
    assert (await sent(http, credential)).status_code == 500
    assert (await service.count("images"), await service.told()) == (0, [])
    assert await service.count("image_objects") == 1
    kill(None)
    await collecting.step()
    assert await service.count("image_objects") == 1, "it might still be on its way"
    await collected(service, collecting)
    assert (keys(s3, bucket), await service.count("image_objects")) == (set(), 0)
    assert (await sent(http, credential)).status_code == 201
    await collected(service, collecting)
    assert len(keys(s3, bucket)) == 3
    assert await agree(service, s3, bucket)


@pytest.mark.parametrize("place", UPLOAD)
async def test_an_upload_interrupted_and_repeated_at_once_is_one_image(
    http, service, credential, collecting, kill, s3, bucket, place
):
    kill(place)
    await sent(http, credential)
    kill(None)
    assert (await sent(http, credential)).status_code == 201
    await collected(service, collecting)
    assert await service.count("images") == 1
    assert len(keys(s3, bucket)) == 3
    assert await agree(service, s3, bucket)


async def test_an_upload_whose_answer_is_lost_is_kept_and_a_repeat_is_the_same_image(
    http, service, credential, collecting, kill, s3, bucket
):
    kill("write.committed")
    assert (await sent(http, credential)).status_code == 500
    kill(None)
    await collected(service, collecting)
    assert await agree(service, s3, bucket)
    assert (await sent(http, credential)).status_code == 200
    await collected(service, collecting)
    assert len(keys(s3, bucket)) == 3


async def delete(http: Any, credential: Any, image: Any) -> Any:
    path = f"/v1/credentials/{credential['id']}/images/{image['id']}"
    return await http.delete(path, params={"reason": "wrong_person"})


@pytest.mark.parametrize(
    "place", ["write.committed", "images.collecting.marked", "images.collecting.removed"]
)
async def test_a_deletion_interrupted_anywhere_is_completed(
    http, service, credential, collecting, kill, s3, bucket, place
):
    image = (await sent(http, credential)).json()
    kill(place)
    await delete(http, credential, image)
    with contextlib.suppress(Killed):
        await collecting.step()
    kill(None)
    assert await service.count("images") == 0
    await collected(service, collecting)
    assert (keys(s3, bucket), await service.count("image_objects")) == (set(), 0)


async def test_objects_stored_late_are_removed_too(http, app, service, credential, collecting, s3, bucket):
    image = (await sent(http, credential)).json()
    late = keys(s3, bucket)
    await delete(http, credential, image)
    await collecting.step()
    assert keys(s3, bucket) == set()
    for key in late:  # as a request does that the store was slow to carry out
        s3.client().put_object(Bucket=bucket, Key=key, Body=b"late")
    await collected(service, collecting)
    assert (keys(s3, bucket), await service.count("image_objects")) == (set(), 0)


async def test_a_late_removal_spares_objects_uploaded_since(
    http, app, service, credential, collecting, s3, bucket
):
    image = (await sent(http, credential)).json()
    async with service.database.reading() as conn:
        first = await conn.fetchval("select generation from image_objects")
    await delete(http, credential, image)
    await collecting.step()
    assert (await sent(http, credential)).status_code == 201
    await app.state.image_storage.remove(image["sha256"], first)  # once more, by whoever was slow
    assert len(keys(s3, bucket)) == 3
    await collected(service, collecting)
    assert len(keys(s3, bucket)) == 3
    assert await agree(service, s3, bucket)


async def test_the_same_file_of_another_credential_keeps_the_objects(
    http, service, credential, ana, collecting, s3, bucket
):
    other = await made(http, "credentials", holder_id=ana["id"], type="licence", number="A-2", country="DE")
    mine, theirs = [(await sent(http, each)).json() for each in (credential, other)]
    assert len(keys(s3, bucket)) == 3
    await delete(http, credential, mine)
    await collected(service, collecting)
    assert len(keys(s3, bucket)) == 3
    assert (await http.get(theirs["renditions"]["display"])).status_code == 302
    await delete(http, other, theirs)
    await collected(service, collecting)
    assert keys(s3, bucket) == set()


async def test_an_upload_collected_while_in_progress_is_refused_and_can_be_retried(
    service, credential, app, collecting, s3, bucket, tmp_path
):
    (tmp_path / "original").write_bytes(pdf())
    image = await store_evidence(
        tmp_path / "original", "ab" * 32, 9, FileProperties("application/pdf"), kind="document", term_id=None,
        database=service.database, storage=app.state.image_storage, now=NOW,
    )  # fmt: skip
    await an_hour_passes(service)
    await collecting.step()
    with pytest.raises(Busy, match="send it again"):
        async with service.database.transaction(Cause.new("user:test")) as tx:
            await add_image(tx, UUID(credential["id"]), image, now=NOW)
    assert await service.count("images") == 0
    await collected(service, collecting)
    assert keys(s3, bucket) == set()


async def test_concurrent_uploads_deletions_and_collection_end_consistent(
    http, service, ana, licence, collecting, s3, bucket
):
    credentials = [
        await made(http, "credentials", holder_id=ana["id"], type="licence", number=f"N-{number}")
        for number in range(4)
    ]
    contents = [saved(picture(size, size), "PNG") for size in (8, 9)]
    answers: list[int] = []
    over = asyncio.Event()

    async def come_and_go(number: int) -> None:
        for turn in range(6):
            answer = await sent(http, credentials[number], contents[(number + turn) % 2])
            answers.append(answer.status_code)
            if answer.status_code in {200, 201} and turn % 3 == 1:
                assert (await delete(http, credentials[number], answer.json())).status_code == 204

    async def collect() -> None:
        while not over.is_set():
            await an_hour_passes(service)
            await collecting.step()
            await asyncio.sleep(0)

    collector = asyncio.create_task(collect())
    await asyncio.gather(*(come_and_go(number) for number in range(4)))
    over.set()
    await collector
    assert set(answers) <= {200, 201, 503}
    assert 201 in answers
    await collected(service, collecting)
    assert await agree(service, s3, bucket)
    assert await service.count("images") > 0


async def test_a_removal_that_fails_half_way_is_retried(
    http, app, service, credential, collecting, s3, bucket, monkeypatch
):
    image = (await sent(http, credential)).json()
    await delete(http, credential, image)
    nowhere = ImageStorage(Bucket("http://127.0.0.1:9", bucket, SecretStr("a"), SecretStr("b"), "us-east-1"))
    assert await Collecting(service.database, nowhere).step() is False
    nowhere.close()
    assert len(keys(s3, bucket)) == 3
    await collected(service, collecting)
    assert (keys(s3, bucket), await service.count("image_objects")) == (set(), 0)


async def _silent(_reader: Any, writer: Any) -> None:
    await writer.wait_closed()


@pytest.fixture(params=["gone", "slow", "refusing"])
async def bad_store(request, s3, bucket):
    """An object store that is not there, never answers, or refuses."""
    access, secret = SecretStr(s3.access_key), SecretStr(s3.secret_key)
    server = None
    if request.param == "slow":
        server = await asyncio.start_server(_silent, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    elif request.param == "refusing":
        url, secret = s3.endpoint, SecretStr("wrong")
    else:
        url = "http://127.0.0.1:9"
    storage = ImageStorage(Bucket(url, bucket, access, secret, s3.region), answer_seconds=0.2)
    yield storage
    storage.close()
    if server is not None:
        server.close()


async def test_while_the_store_fails_no_image_is_recorded_and_the_rest_goes_on(
    http, app, service, credential, collecting, bad_store, s3, bucket
):
    image = (await sent(http, credential, saved(picture(9, 9), "PNG"))).json()
    await service.published()
    good, app.state.image_storage = app.state.image_storage, bad_store
    answers = [sent(http, credential, saved(picture(size, size), "PNG")) for size in (10, 11, 12)]
    others = [http.get(image["renditions"]["display"]), http.get(f"/v1/credentials/{credential['id']}")]
    *uploads, shown, read = await asyncio.gather(*answers, *others)
    for answer in uploads:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "nothing was recorded" in answer.json()["detail"]
    assert (shown.status_code, read.status_code) == (302, 200)
    assert (await service.count("images"), await service.told()) == (1, [])
    app.state.image_storage = good
    await collected(service, collecting)
    assert await agree(service, s3, bucket)
    assert (await sent(http, credential, saved(picture(10, 10), "PNG"))).status_code == 201


async def test_concurrent_uploads_of_the_same_content_store_the_same_objects(service):
    async def want() -> int:
        async with service.database.reading() as conn:
            return await store.want_objects(conn, "ab" * 32, machine_now())

    assert len(set(await asyncio.gather(*(want() for _ in range(8))))) == 1


async def test_a_generation_number_is_never_reused_even_after_its_objects_are_gone(
    http, service, credential, collecting
):
    seen = []
    for _ in range(3):
        image = (await sent(http, credential)).json()
        async with service.database.reading() as conn:
            seen.append(await conn.fetchval("select generation from image_objects"))
        await delete(http, credential, image)
        await collected(service, collecting)
        assert await service.count("image_objects") == 0
    assert len(set(seen)) == 3
