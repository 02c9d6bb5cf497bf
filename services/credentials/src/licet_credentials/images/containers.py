"""What kind of image a file is, and how it is opened without what would only disturb the decoder."""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import IO, NamedTuple

from PIL import ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from licet_credentials.images.errors import Refused

MAGIC_BYTES = 64
"""Bytes of the beginning of a file that `sniff` looks at."""
_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
_TAKEN = "JPEG, PNG, GIF, WebP or AVIF"
_INSTEAD_OF_HEIC = (
    "on an iPhone choose Settings, Camera, Formats, Most Compatible; on other phones turn off "
    "high-efficiency pictures in the camera's settings; or share it as JPEG"
)
_ELSEWHERE = (
    (b"II*\0", "TIFF or a camera's raw format", "turn off raw pictures in the camera's settings"),
    (b"MM\0*", "TIFF or a camera's raw format", "turn off raw pictures in the camera's settings"),
    (b"\xff\x0a", "JPEG XL", "turn off JPEG XL in the camera's settings, or share it as JPEG"),
    (b"\0\0\0\x0cJXL ", "JPEG XL", "turn off JPEG XL in the camera's settings, or share it as JPEG"),
    (b"BM", "BMP", "save it as PNG"),
)
"""Formats of cameras and scanners that are not taken, and how the same picture is had in one that is."""
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF = frozenset({b"avif", b"avis"})
_ANY_HEIF = frozenset({b"mif1", b"mif2", b"msf1"})
_BOXES = 64 * 1024
"""Bytes of an AVIF in which its metadata is looked for."""


class Picture(NamedTuple):
    """An opened image."""

    image: ImageFile.ImageFile
    code_points: tuple[int, int] | None
    """Colour primaries and transfer function (ITU-T H.273) where they say the space, not a profile."""


def sniff(head: bytes) -> str:
    """Return the format that the first bytes say; raises `Refused` for any that is not taken."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _sniff_brands(head)
    for magic, name, instead in _ELSEWHERE:
        if head.startswith(magic):
            raise Refused(f"The file is {name}, which is not taken: {instead}. Images are {_TAKEN}.")
    raise Refused(f"The file is not an image of a kind that is taken: {_TAKEN}; nor a PDF.")


def _sniff_brands(head: bytes) -> str:
    """Return AVIF if the brands of an ISO base media file (ISO/IEC 14496-12, 4.3) say so."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    major, all_of_them = brands[0], set(brands)
    if major in _AVIF or (major in _ANY_HEIF and all_of_them & _AVIF):
        return "AVIF"
    if all_of_them & (_HEIC | _ANY_HEIF):
        raise Refused(f"The file is HEIC, which is not taken: {_INSTEAD_OF_HEIC}. Images are {_TAKEN}.")
    raise Refused(f"The file is a video, or of another kind that is not taken. Images are {_TAKEN}.")


@contextmanager
def open_picture(file: IO[bytes], kind: str) -> Iterator[Picture]:
    """Open an image of a kind that `sniff` returned; nothing is decoded yet.

    Of a JPEG only the picture itself is looked at, not the further ones that a multi-picture index (CIPA
    DC-007) lists; of a PNG only what the picture needs. So neither can refuse a picture that is readable.
    """
    code_points = None
    if kind == "PNG":
        file, code_points = _plain_png(file)
    with _OPENERS[kind](file) as image:
        if kind == "AVIF" and "icc_profile" not in image.info:
            code_points = _avif_code_points(file)
        yield Picture(image, code_points)


_OPENERS: dict[str, Callable[[IO[bytes]], ImageFile.ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "GIF": GifImageFile,
    "WEBP": WebPImageFile,
    "AVIF": AvifImageFile,
}

_PNG_SIGNATURE = 8
_USEFUL_CHUNKS = frozenset({b"tRNS", b"iCCP", b"eXIf"})


def _plain_png(file: IO[bytes]) -> tuple[IO[bytes], tuple[int, int] | None]:
    """Return a PNG with its critical chunks and the useful among the others, and its code points (cICP).

    A chunk that is not critical and whose checksum is wrong is left out, as a decoder may (PNG, third
    edition, 13.2).
    """
    plain, code_points = BytesIO(), None
    plain.write(file.read(_PNG_SIGNATURE))
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        body = file.read(length + 4)
        critical = not kind[0] & 0x20
        if critical or (kind in _USEFUL_CHUNKS and _whole(kind, body, length)):
            plain.write(head + body)
        elif kind == b"cICP" and length == 4 and _whole(kind, body, length) and body[2:4] == b"\0\1":
            code_points = body[0], body[1]
        if kind == b"IEND":
            break
    plain.seek(0)
    return plain, code_points


def _whole(kind: bytes, body: bytes, length: int) -> bool:
    checksum = int.from_bytes(body[length:], "big")
    return len(body) == length + 4 and zlib.crc32(kind + body[:length]) == checksum


def _avif_code_points(file: IO[bytes]) -> tuple[int, int] | None:
    """Return the code points of a colour information box (ISO/IEC 14496-12, 12.1.5) of type nclx."""
    file.seek(0)
    head = file.read(_BOXES)
    at = head.find(b"colrnclx")
    if at < 0 or len(head) < at + 12:
        return None
    primaries, transfer = struct.unpack_from(">HH", head, at + 8)
    return primaries, transfer
