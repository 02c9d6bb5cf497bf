"""The process in which images are decoded: with limits, and nothing of the service in reach.

Run as `python -m licet_credentials.images.worker PIXELS MEMORY_BYTES CPU_SECONDS`. It reads a request a
line from standard input and answers a line each on standard output, until its input ends:

    {"source": "/tmp/a", "display": "/tmp/b", "thumbnail": "/tmp/c"}
    {"content_type": "image/jpeg", "width": 4000, "height": 3000}   or   {"refused": "…"}

Renditions are JPEG, rebuilt from pixels: they keep nothing of the file but what one sees.
"""

import contextlib
import json
import os
import sys
import warnings
from pathlib import Path
from typing import IO

from PIL import Image, ImageFile, UnidentifiedImageError

with contextlib.suppress(ImportError):  # there are no such limits on Windows
    import resource

DISPLAY_BOX = 1600
THUMBNAIL_BOX = 320
_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
_WHITE = (255, 255, 255)


class Refused(Exception):
    """The file is not rendered, for the reason given."""


def render(source: Path, display: Path, thumbnail: Path, *, pixels: int) -> dict[str, object]:
    """Write both renditions of an image and return what it is; raises `Refused`.

    The size is judged by the header, before anything is decoded.
    """
    with source.open("rb") as file:
        kind = sniff(file.read(16))
        file.seek(0)
        try:
            with Image.open(file, formats=[kind]) as image:
                width, height = image.size
                if width * height > pixels:
                    raise Refused(f"The image has {width} by {height} pixels; at most {pixels:,} are taken.")
                _write(image, display, thumbnail)
        except UnidentifiedImageError:
            raise Refused(f"The file begins like {kind}, but is not a readable image.") from None
        except MemoryError:
            raise Refused("The image needs too much memory to decode.") from None
        except Refused:
            raise
        except Exception as error:  # noqa: BLE001
            # Whatever a broken file does to a decoder ends here; its own words are for the log only.
            print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201  # the log of a process
            raise Refused(f"The {kind} file is damaged or incomplete and can't be decoded.") from None
    return {"content_type": f"image/{kind.lower()}", "width": width, "height": height}


def sniff(head: bytes) -> str:
    """Return the format that the first 16 bytes say; raises `Refused` for any that is not taken."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    raise Refused("The file is not an image of a kind that is taken: JPEG, PNG, GIF or WebP.")


def _write(image: ImageFile.ImageFile, display: Path, thumbnail: Path) -> None:
    # A JPEG decodes at 1/2, 1/4 or 1/8 for a fraction of the cost, but only if both sides of the box
    # that is asked for fit; so ask for the exact box.
    image.draft("RGB", _fitting(image.size, DISPLAY_BOX))
    shown = _rebuilt(image, DISPLAY_BOX)
    shown.save(display, "JPEG", quality=85)
    _rebuilt(shown, THUMBNAIL_BOX).save(thumbnail, "JPEG", quality=80)


def _fitting(size: tuple[int, int], box: int) -> tuple[int, int]:
    scale = min(1.0, box / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by its EXIF orientation."""


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # noqa: BLE001  # metadata that can't be read says nothing; the picture may still be good
        return 1


def _rebuilt(image: Image.Image, box: int) -> Image.Image:
    """Return the upright image within the box on white, as a new image that carries pixels alone."""
    layered = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    turn = _orientation(image)
    if layered or image.mode not in {"RGB", "L"}:
        image = image.convert("RGBA" if layered else "RGB")
    small = image.resize(_fitting(image.size, box), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if turn in _UPRIGHT:
        small = small.transpose(_UPRIGHT[turn])
    clean = Image.new("RGB", small.size, _WHITE)
    if layered:
        clean.paste(small, mask=small.getchannel("A"))
    else:
        clean.paste(small.convert("RGB"))
    return clean


def limit(memory_bytes: int) -> None:
    """Limit the address space of this process; what needs more fails with `MemoryError`."""
    if "resource" in globals():
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow_seconds(seconds: int) -> None:
    """Give this process that much more processor time; one that needs more is ended by the system."""
    if "resource" in globals():
        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


def serve(requests: IO[str], answers: IO[str], *, pixels: int, cpu_seconds: int) -> None:
    """Answer requests until there are no more."""
    for line in requests:
        request = json.loads(line)
        allow_seconds(cpu_seconds)
        try:
            answer = render(
                Path(request["source"]), Path(request["display"]), Path(request["thumbnail"]), pixels=pixels
            )
        except Refused as refused:
            answer = {"refused": str(refused)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Be the worker."""
    pixels, memory_bytes, cpu_seconds = (int(argument) for argument in sys.argv[1:4])
    warnings.simplefilter("error")
    Image.MAX_IMAGE_PIXELS = None  # the limit is ours, and stricter: see `render`
    Image.init()  # every decoder is there before the limits are
    if hasattr(os, "nice"):
        os.nice(10)  # whoever waits for an answer goes before whoever waits for a picture
    limit(memory_bytes)
    serve(sys.stdin, sys.stdout, pixels=pixels, cpu_seconds=cpu_seconds)


if __name__ == "__main__":
    main()
