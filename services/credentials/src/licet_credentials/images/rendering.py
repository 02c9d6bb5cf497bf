"""From a file that somebody sent to renditions that are made of nothing but what one sees."""

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from licet_credentials.images import documents
from licet_credentials.images.colour import eight_bits, in_srgb, profile_of_code_points
from licet_credentials.images.containers import MAGIC_BYTES, Picture, open_picture, sniff
from licet_credentials.images.errors import Refused

DISPLAY_BOX = 1600
THUMBNAIL_BOX = 320
_WHITE = (255, 255, 255)
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


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a rendition is encoded: in both formats, of which the smaller is kept."""

    jpeg_quality: int
    webp_quality: int
    webp_method: int
    """Effort, 0 to 6."""


# On a photograph the pairs are within 1 dB (PSNR) of each other. WebP's method 4 would take a fifth off
# a display, but 90 ms instead of 23, which is as long as all the rest; a thumbnail costs 4 ms so, not 1.
DISPLAY = Encoding(jpeg_quality=85, webp_quality=85, webp_method=0)
THUMBNAIL = Encoding(jpeg_quality=80, webp_quality=75, webp_method=4)


def examine(source: Path, display: Path, thumbnail: Path, *, pixels: int) -> dict[str, Any]:
    """Return what a file is, and write both renditions if it is an image; raises `Refused`."""
    with source.open("rb") as file:
        head = file.read(16)
    if not documents.looks_like_pdf(head):
        return render(source, display, thumbnail, pixels=pixels)
    flaw = documents.flaw_of(source)
    if flaw is not None:
        raise Refused(flaw)
    return {"content_type": documents.CONTENT_TYPE}


def render(source: Path, display: Path, thumbnail: Path, *, pixels: int) -> dict[str, Any]:
    """Write both renditions of an image and return what it is; raises `Refused`.

    The size is judged by the header, before anything is decoded.
    """
    with source.open("rb") as file:
        kind = sniff(file.read(MAGIC_BYTES))
        file.seek(0)
        try:
            with open_picture(file, kind) as picture:
                width, height = picture.image.size
                if width * height > pixels:
                    raise Refused(f"The image has {width} by {height} pixels; at most {pixels:,} are taken.")
                types = _write(picture, display, thumbnail)
        except MemoryError:
            raise Refused("The image needs too much memory to decode.") from None
        except Refused:
            raise
        except Exception as error:  # noqa: BLE001
            # Whatever a broken file does to a decoder ends here; its own words are for the log only.
            print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201  # the log of a process
            raise Refused(f"The {kind} file is damaged or incomplete and can't be decoded.") from None
    return {"content_type": f"image/{kind.lower()}", "width": width, "height": height, **types}


def _write(picture: Picture, display: Path, thumbnail: Path) -> dict[str, str]:
    # A JPEG decodes at 1/2, 1/4 or 1/8 for a fraction of the cost, but only if both sides of the box
    # that is asked for fit; so ask for the exact box.
    picture.image.draft(None, _fitting(picture.image.size, DISPLAY_BOX))
    shown = _shown(picture)
    return {
        "display_type": encode(shown, display, DISPLAY),
        "thumbnail_type": encode(_scaled(shown, THUMBNAIL_BOX), thumbnail, THUMBNAIL),
    }


def _fitting(size: tuple[int, int], box: int) -> tuple[int, int]:
    scale = min(1.0, box / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _scaled(image: Image.Image, box: int) -> Image.Image:
    return image.resize(_fitting(image.size, box), Image.Resampling.LANCZOS, reducing_gap=2.0)


def _shown(picture: Picture) -> Image.Image:
    """Return the image upright, in sRGB, on white, within its box: a new one that carries pixels alone."""
    image = picture.image
    turn = _orientation(image)
    # Code points come before a profile (PNG, third edition, 4.3), but those of PQ and HLG have no profile.
    profile = profile_of_code_points(*picture.code_points) if picture.code_points else None
    profile = profile or image.info.get("icc_profile")
    # Scaled first: colours are then converted for what is shown, not for all that was sent.
    small = _scaled(eight_bits(image), DISPLAY_BOX)
    if turn in _UPRIGHT:
        small = small.transpose(_UPRIGHT[turn])
    clean = Image.new("RGB", small.size, _WHITE)
    if small.mode in {"LA", "RGBA"}:
        opaque = small.convert(small.mode.removesuffix("A"))
        clean.paste(in_srgb(opaque, profile), mask=small.getchannel("A"))
    else:
        clean.paste(in_srgb(small, profile))
    return clean


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # noqa: BLE001  # metadata that can't be read says nothing; the picture may still be good
        return 1


def encode(image: Image.Image, path: Path, encoding: Encoding) -> str:
    """Write the smaller of both encodings and return its content type."""
    jpeg, webp = io.BytesIO(), io.BytesIO()
    image.save(jpeg, "JPEG", quality=encoding.jpeg_quality, optimize=True)
    image.save(webp, "WEBP", quality=encoding.webp_quality, method=encoding.webp_method)
    if webp.tell() < jpeg.tell():
        path.write_bytes(webp.getvalue())
        return "image/webp"
    path.write_bytes(jpeg.getvalue())
    return "image/jpeg"
