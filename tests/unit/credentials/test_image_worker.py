"""Images are rendered in a process of their own, from pixels alone, or refused."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from licet_credentials.errors import Busy, ImageRefused
from licet_credentials.images.workers import ImageWorkers, Rendered, WorkerLimits
from unit.credentials.pictures import picture, png_header, saved, with_gps

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers():
    made = ImageWorkers(WorkerLimits())
    yield made
    await made.close()


async def rendered(workers: ImageWorkers, directory: Path, content: bytes) -> tuple[Rendered, bytes, bytes]:
    source, display, thumbnail = (directory / name for name in ("source", "display", "thumbnail"))
    source.write_bytes(content)
    result = await workers.render(source, display, thumbnail)
    return result, display.read_bytes(), thumbnail.read_bytes()


def opened(content: bytes) -> Image.Image:
    import io  # noqa: PLC0415

    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def is_red(pixel: Any) -> bool:
    red, _, blue = pixel
    return bool(red > 150 and blue < 80)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
async def test_each_kind_that_is_taken_is_rendered_twice(workers, tmp_path, kind):
    result, display, thumbnail = await rendered(workers, tmp_path, saved(picture(2000, 1000), kind))
    assert (result.content_type, result.width, result.height) == (f"image/{kind.lower()}", 2000, 1000)
    assert opened(display).size == (1600, 800)
    assert opened(thumbnail).size == (320, 160)
    assert is_red(opened(thumbnail).getpixel((10, 80)))


async def test_a_photo_of_twelve_megapixels_keeps_nothing_but_what_one_sees(workers, tmp_path):
    photo = with_gps(picture(4000, 3000))
    assert b"SecretCamera" in photo
    result, display, thumbnail = await rendered(workers, tmp_path, photo)
    assert (result.width, result.height) == (4000, 3000)
    assert opened(display).size == (1600, 1200)
    for rendition in (display, thumbnail):
        image = opened(rendition)
        assert not image.getexif()
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert b"Secret" not in rendition


@pytest.mark.parametrize(
    ("orientation", "size", "red_at"),
    [(1, (64, 48), (5, 24)), (3, (64, 48), (59, 24)), (6, (48, 64), (24, 5)), (8, (48, 64), (24, 59))],
)
async def test_the_orientation_is_applied(workers, tmp_path, orientation, size, red_at):
    _, display, _ = await rendered(workers, tmp_path, with_gps(picture(64, 48), orientation=orientation))
    image = opened(display)
    assert image.size == size
    assert is_red(image.getpixel(red_at))


async def test_what_is_transparent_is_shown_on_white(workers, tmp_path):
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    _, display, _ = await rendered(workers, tmp_path, saved(image, "PNG"))
    assert opened(display).getpixel((20, 20)) == (255, 255, 255)


async def test_a_small_image_is_not_blown_up(workers, tmp_path):
    _, display, thumbnail = await rendered(workers, tmp_path, saved(picture(64, 48), "PNG"))
    assert opened(display).size == opened(thumbnail).size == (64, 48)


async def test_a_strip_of_one_pixel_is_refused_or_clean(workers, tmp_path):
    _, display, thumbnail = await rendered(workers, tmp_path, saved(picture(1, 30000), "PNG"))
    assert opened(display).size == (1, 1600)
    assert opened(thumbnail).size == (1, 320)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an image"),
        (b"%PDF-1.7 and so on", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "not an image"),
        (b"\xff\xd8\xff" + b"nothing of a JPEG", "damaged|not a readable"),
        (saved(picture(400, 300), "JPEG")[:-2000], "damaged"),
        (saved(picture(400, 300), "PNG")[:-100], "damaged"),
        (png_header(60_000, 60_000), "60000 by 60000 pixels"),
        (png_header(7_072, 7_072), "pixels"),
        (png_header(300, 300), "damaged"),
    ],
    ids="empty pdf svg eps magic short-jpeg short-png bomb just-over no-data".split(),  # noqa: SIM905
)
async def test_a_bad_file_is_refused_and_the_next_is_rendered(workers, tmp_path, content, words):
    with pytest.raises(ImageRefused, match=words):
        await rendered(workers, tmp_path, content)
    await rendered(workers, tmp_path, saved(picture(), "PNG"))


async def test_a_file_that_is_an_image_and_something_else_gives_clean_renditions(workers, tmp_path):
    polyglot = saved(picture(), "JPEG") + b"<script>alert('Secret')</script>PK\x03\x04"
    _, display, thumbnail = await rendered(workers, tmp_path, polyglot)
    assert b"script" not in display + thumbnail


async def test_a_worker_that_takes_too_long_is_replaced(tmp_path):
    workers = ImageWorkers(WorkerLimits(seconds=1))
    await rendered(workers, tmp_path, saved(picture(), "PNG"))
    [worker] = workers.processes
    os.kill(worker, signal.SIGSTOP)
    with pytest.raises(ImageRefused, match="more than 1 seconds"):
        await rendered(workers, tmp_path, saved(picture(), "PNG"))
    await rendered(workers, tmp_path, saved(picture(), "PNG"))
    [replacement] = workers.processes
    assert replacement != worker
    await workers.close()


async def test_a_worker_that_dies_is_replaced(workers, tmp_path):
    await rendered(workers, tmp_path, saved(picture(), "PNG"))
    os.kill(workers.processes[0], signal.SIGKILL)
    with pytest.raises(ImageRefused, match="too much memory or time"):
        await rendered(workers, tmp_path, saved(picture(), "PNG"))
    await rendered(workers, tmp_path, saved(picture(), "PNG"))


async def test_an_image_that_needs_too_much_memory_is_refused(tmp_path):
    workers = ImageWorkers(WorkerLimits(pixels=400_000_000, memory_bytes=400 << 20))
    bomb = png_header(12_000, 12_000)
    with pytest.raises(ImageRefused, match="memory"):
        await rendered(workers, tmp_path, bomb)
    await workers.close()


async def test_whoever_waits_too_long_for_a_worker_is_told_so(tmp_path):
    workers = ImageWorkers(WorkerLimits(seconds=5, wait_seconds=0.05))
    await rendered(workers, tmp_path, saved(picture(), "PNG"))
    os.kill(workers.processes[0], signal.SIGSTOP)
    first = asyncio.create_task(rendered(workers, tmp_path, saved(picture(), "PNG")))
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await rendered(workers, tmp_path, saved(picture(), "PNG"))
    os.kill(workers.processes[0], signal.SIGCONT)
    await first
    await workers.close()


async def test_closing_leaves_no_process(tmp_path):
    workers = ImageWorkers(WorkerLimits())
    await rendered(workers, tmp_path, saved(picture(), "PNG"))
    [worker] = workers.processes
    await workers.close()
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
