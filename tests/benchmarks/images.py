"""Images: a 12-megapixel JPEG to both renditions, refusal by the header, and the event loop meanwhile."""

import asyncio
import tempfile
import time
from pathlib import Path

from PIL import Image

from benchmarks.report import Result, ratio_of
from licet_credentials.images.colour import in_srgb
from licet_credentials.images.errors import Refused
from licet_credentials.images.rendering import (
    DISPLAY,
    DISPLAY_BOX,
    THUMBNAIL,
    THUMBNAIL_BOX,
    encode,
    render,
)
from licet_credentials.images.workers import ImageWorkers, WorkerLimits
from unit.credentials.pictures import photograph, rgb_profile, saved

_RUNS = 7
_PIXELS = 52_000_000


def _full_decode(source: Path, display: Path, thumbnail: Path) -> None:
    """What one writes without thinking, with the same output: decode everything, make both from the whole."""
    with Image.open(source) as image:
        profile = image.info.get("icc_profile")
        whole = image.convert("RGB")
    for target, box, encoding in (
        (display, DISPLAY_BOX, DISPLAY),
        (thumbnail, THUMBNAIL_BOX, THUMBNAIL),
    ):
        scale = box / max(whole.size)
        size = (round(whole.width * scale), round(whole.height * scale))
        encode(in_srgb(whole.resize(size, Image.Resampling.LANCZOS), profile), target, encoding)


def _seconds(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _refusal(source: Path, display: Path, thumbnail: Path) -> None:
    try:
        render(source, display, thumbnail, pixels=1_000_000)
    except Refused:
        return
    raise AssertionError("an image over the limit was rendered")


async def _lag_99(seconds: float) -> float:
    """Return the 99th percentile of how late the event loop wakes, in seconds."""
    late = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        due = time.perf_counter() + 0.002
        await asyncio.sleep(0.002)  # the sleep is what is measured
        late.append(max(0.0, time.perf_counter() - due))
    return sorted(late)[int(len(late) * 0.99)]


async def run() -> list[Result]:
    """Measure the targets of images."""
    with tempfile.TemporaryDirectory() as folder:
        source, display, thumbnail = (Path(folder) / name for name in ("source.jpg", "display", "thumbnail"))
        photo = photograph(4000, 3000)
        results = []
        for name, profile in (("12 MP JPEG", None), ("12 MP JPEG in Display P3", rgb_profile())):
            source.write_bytes(saved(photo, "JPEG", quality=90, icc_profile=profile))
            full, ours, refused = [], [], []
            for _ in range(_RUNS):
                full.append(_seconds(lambda: _full_decode(source, display, thumbnail)))
                ours.append(_seconds(lambda: render(source, display, thumbnail, pixels=_PIXELS)))
                refused.append(_seconds(lambda: _refusal(source, display, thumbnail)))
            what = f"{name} to display and thumbnail / full decode"
            results.append(Result(what, ">= 1.8 x", ratio_of(full, ours), _RUNS))
        lag, decodes = await _lag_while_two_decode(Path(folder), source)
    return [
        *results,
        Result("refusal by header / full decode", "<= 0.002 x", ratio_of(refused, full), _RUNS),
        Result("event loop, p99 lag with two decoding / idle", "<= 3 x", lag, decodes, "2 workers"),
    ]


async def _lag_while_two_decode(folder: Path, source: Path) -> tuple[float, int]:
    workers = ImageWorkers(WorkerLimits(processes=2))
    done = 0

    async def keep_decoding(number: int, end: float) -> None:
        nonlocal done
        while time.perf_counter() < end:
            await workers.examine(source, folder / f"d{number}", folder / f"t{number}")
            done += 1

    try:
        ratios = []
        for _ in range(3):
            idle = await _lag_99(2.0)
            end = time.perf_counter() + 2.0
            decoding = [asyncio.create_task(keep_decoding(number, end)) for number in range(2)]
            busy = await _lag_99(2.0)
            await asyncio.gather(*decoding)
            ratios.append(busy / idle)
    finally:
        await workers.close()
    return sorted(ratios)[1], done
