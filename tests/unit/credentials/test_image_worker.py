"""Images are rendered in a process of their own, from pixels alone, or refused."""

import asyncio
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from licet_chassis.errors import Busy
from licet_credentials.errors import ImageRefused
from licet_credentials.images.workers import FileProperties, ImageWorkers, WorkerLimits
from unit.credentials.pictures import (
    hostile,
    jpeg_with,
    pdf,
    photograph,
    picture,
    png_chunk,
    png_header,
    saved,
    with_gps,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers():
    made = ImageWorkers(WorkerLimits(seconds=60))
    yield made
    await made.close()


async def rendered(
    workers: ImageWorkers, directory: Path, content: bytes
) -> tuple[FileProperties, bytes, bytes]:
    source, display, thumbnail = (directory / name for name in ("source", "display", "thumbnail"))
    source.write_bytes(content)
    result = await workers.examine(source, display, thumbnail)
    return result, display.read_bytes(), thumbnail.read_bytes()


def opened(content: bytes) -> Image.Image:
    import io  # noqa: PLC0415

    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def brands(major: bytes, *compatible: bytes) -> bytes:
    """Return the beginning of an ISO base media file with those brands."""
    body = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return (len(body) + 4).to_bytes(4, "big") + body + bytes(100)


def is_red(pixel: Any) -> bool:
    red, _, blue = pixel
    return bool(red > 150 and blue < 80)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
async def test_each_accepted_image_type_gets_two_renditions(workers, tmp_path, kind):
    result, display, thumbnail = await rendered(workers, tmp_path, saved(picture(2000, 1000), kind))
    assert (result.content_type, result.width, result.height) == (f"image/{kind.lower()}", 2000, 1000)
    assert opened(display).size == (1600, 800)
    assert opened(thumbnail).size == (320, 160)
    assert is_red(opened(thumbnail).getpixel((10, 80)))


async def test_a_photo_of_twelve_megapixels_keeps_its_pixels_and_no_metadata(workers, tmp_path):
    photo = with_gps(picture(4000, 3000))
    assert b"SecretCamera" in photo
    result, display, thumbnail = await rendered(workers, tmp_path, photo)
    assert (result.width, result.height) == (4000, 3000)
    assert opened(display).size == (1600, 1200)
    for rendition in (display, thumbnail):
        image = opened(rendition)
        assert not image.getexif()
        assert not {"exif", "icc_profile", "xmp", "comment"} & set(image.info)
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


async def test_a_small_image_is_not_enlarged(workers, tmp_path):
    _, display, thumbnail = await rendered(workers, tmp_path, saved(picture(64, 48), "PNG"))
    assert opened(display).size == opened(thumbnail).size == (64, 48)


async def test_an_image_one_pixel_wide_is_refused_or_rendered_clean(workers, tmp_path):
    _, display, thumbnail = await rendered(workers, tmp_path, saved(picture(1, 30000), "PNG"))
    assert opened(display).size == (1, 1600)
    assert opened(thumbnail).size == (1, 320)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"\xff\xd8\xff" + b"nothing of a JPEG", "damaged|not a readable"),
        (saved(picture(400, 300), "JPEG")[:-2000], "damaged"),
        (png_header(60_000, 60_000), "60000 by 60000 pixels"),
        (png_header(7_212, 7_212), "pixels"),
        (png_header(300, 300), "damaged"),
        (brands(b"heic", b"mif1", b"heic"), "HEIC.*Most Compatible"),
        (brands(b"mif1", b"heic", b"hevc"), "HEIC.*Most Compatible"),
        (brands(b"qt  "), "video"),
        (brands(b"avif", b"mif1"), "AVIF file is damaged"),
        (b"\xff\x0a" + bytes(60), "JPEG XL"),
        (b"II*\0" + bytes(60), "raw"),
        (pdf()[:-40], "incomplete"),
        (pdf().replace(b"startxref\n", b"startxref\n99"), "damaged"),
    ],
    ids=[
        "empty",
        "svg",
        "magic",
        "short-jpeg",
        "bomb",
        "just-over",
        "no-data",
        "heic",
        "mif1",
        "video",
        "avif",
        "jxl",
        "raw",
        "short-pdf",
        "odd-pdf",
    ],
)
async def test_a_bad_file_is_refused_with_the_reason(workers, tmp_path, content, words):
    with pytest.raises(ImageRefused, match=words):
        await rendered(workers, tmp_path, content)


async def test_a_hostile_file_is_refused_or_rendered_clean_and_the_next_one_works(workers, tmp_path):
    clean, refused = [], []
    for name, content in hostile().items():
        source, display, thumbnail = (tmp_path / each for each in ("source", "display", "thumbnail"))
        source.write_bytes(content)
        display.unlink(missing_ok=True)
        thumbnail.unlink(missing_ok=True)
        try:
            result = await workers.examine(source, display, thumbnail)
        except ImageRefused:
            refused.append(name)
            assert not thumbnail.exists(), name
            continue
        clean.append(name)
        if result.content_type == "application/pdf":
            assert not display.exists()
            continue
        for rendition in (display, thumbnail):
            written = rendition.read_bytes()
            assert b"Secret" not in written, name
            assert len(written) < 400_000, name
            assert max(opened(written).size) <= 1600, name
    assert set(clean) == {
        "strip", "strip, lying", "bomb of zeros", "animated gif", "animated png",
        "animated png that says four billion", "text that inflates", "script in a gif",
        "profile of sixteen megabytes", "profile of noise",
        "texts, thousands", "exif without end", "exif that claims much", "exif that is cut", "exif in png",
        "comments, megabytes", "script after a jpeg", "script in a jpeg", "pdf in a jpeg", "pdf in a png",
    }  # fmt: skip
    await rendered(workers, tmp_path, saved(picture(), "PNG"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
async def test_a_photo_of_fifty_megapixels_fits_into_the_memory_of_a_worker(workers, tmp_path, kind):
    # A phone's sensor of 50 megapixels; of all kinds sixteen bits of grey take the most memory.
    photo = picture(8192, 6144) if kind == "JPEG" else Image.new("I;16", (8192, 6144), 30_000)
    result, display, _ = await rendered(workers, tmp_path, saved(photo, kind))
    assert (result.width, result.height) == (8192, 6144)
    assert opened(display).size == (1600, 1200)


async def test_a_damaged_index_of_further_pictures_does_not_refuse_a_jpeg(workers, tmp_path):
    first, second = picture(), picture(32, 24)
    whole = saved(first, "MPO", save_all=True, append_images=[second])
    at = whole.index(b"MPF\0")
    chance = random.Random(3)
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 30)):
            damaged[at + 4 + chance.randrange(70)] = chance.randrange(256)
        result, display, _ = await rendered(workers, tmp_path, bytes(damaged))
        assert result.content_type == "image/jpeg"
        assert is_red(opened(display).getpixel((5, 24)))


async def test_a_damaged_animation_does_not_refuse_a_png(workers, tmp_path):
    whole = saved(picture(), "PNG", save_all=True, append_images=[picture(64, 48).rotate(180)])
    for name in (b"acTL", b"fcTL", b"fdAT"):
        at = whole.index(name)
        for damaged in (
            whole[: at + 4] + b"\xff" * 4 + whole[at + 8 :],  # its checksum is wrong
            whole[: at - 4] + png_chunk(name, b"\0") + whole[at - 4 :],  # too short, and twice
        ):
            result, display, _ = await rendered(workers, tmp_path, damaged)
            assert result.content_type == "image/png"
            assert is_red(opened(display).getpixel((5, 24)))


async def test_a_photo_with_broken_metadata_is_still_rendered(workers, tmp_path):
    broken = jpeg_with(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\1\x0f\0\2\xff\xff\xff\xff\0\0\0\x08")
    result, display, _ = await rendered(workers, tmp_path, broken)
    assert result.content_type == "image/jpeg"
    assert is_red(opened(display).getpixel((5, 24)))


@pytest.mark.parametrize("version", [b"1.0", b"1.4", b"1.7", b"2.0"])
async def test_a_pdf_is_recognised_and_not_rendered(workers, tmp_path, version):
    source, display, thumbnail = (tmp_path / each for each in ("source", "display", "thumbnail"))
    for content in (pdf(version=version), pdf(version=version) + b"\r\n" * 20):
        source.write_bytes(content)
        assert await workers.examine(source, display, thumbnail) == FileProperties("application/pdf")
    assert not display.exists()
    assert not thumbnail.exists()


async def test_after_the_deadline_only_a_free_worker_is_lent(workers, tmp_path):
    ended = asyncio.get_running_loop().time() - 1
    source = tmp_path / "source"
    source.write_bytes(pdf())
    paths = (source, tmp_path / "d", tmp_path / "t")
    assert await workers.examine(*paths, until=ended) == FileProperties("application/pdf")
    none = ImageWorkers(WorkerLimits(processes=0))
    with pytest.raises(Busy):
        await none.examine(*paths, until=ended)


async def test_an_encrypted_pdf_is_accepted(workers, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(pdf().replace(b"/Root 1 0 R", b"/Root 1 0 R/Encrypt 9 0 R"))
    assert await workers.examine(source, tmp_path / "d", tmp_path / "t") == FileProperties("application/pdf")


async def test_the_smaller_of_both_encodings_is_kept_and_reported(workers, tmp_path):
    soft, soft_shown, _ = await rendered(workers, tmp_path, saved(photograph(2000, 1504), "JPEG"))
    assert (soft.display_type, opened(soft_shown).format) == ("image/webp", "WEBP")
    noise = Image.frombytes("RGB", (600, 600), random.Random(1).randbytes(600 * 600 * 3))
    noisy, noise_shown, _ = await rendered(workers, tmp_path, saved(noise, "PNG"))
    assert (noisy.display_type, opened(noise_shown).format) == ("image/jpeg", "JPEG")


async def test_a_worker_that_takes_too_long_is_replaced(tmp_path):
    workers = ImageWorkers(WorkerLimits(seconds=60))
    await rendered(workers, tmp_path, saved(picture(), "PNG"))
    [worker] = workers.processes
    os.kill(worker, signal.SIGSTOP)  # a stopped worker takes longer than any limit
    workers.limits = WorkerLimits(seconds=0)
    with pytest.raises(ImageRefused, match="more than 0 seconds"):
        await rendered(workers, tmp_path, saved(picture(), "PNG"))
    workers.limits = WorkerLimits(seconds=60)
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


async def test_waiting_too_long_for_a_worker_raises_busy(tmp_path):
    workers = ImageWorkers(WorkerLimits(seconds=60))
    await rendered(workers, tmp_path, saved(picture(), "PNG"))
    os.kill(workers.processes[0], signal.SIGSTOP)
    first = asyncio.create_task(rendered(workers, tmp_path, saved(picture(), "PNG")))
    await asyncio.sleep(0)
    soon = asyncio.get_running_loop().time() + 0.05
    with pytest.raises(Busy):
        await workers.examine(tmp_path / "source", tmp_path / "d", tmp_path / "t", until=soon)
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
