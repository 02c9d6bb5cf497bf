"""Images for tests, good and bad."""

import io
import struct
import zlib
from typing import Any

from PIL import Image


def picture(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Return an image whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), (200, 0, 0))
    image.paste((0, 0, 200), (width // 2, 0, width, height))
    return image.convert(mode)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_gps(image: Image.Image, *, orientation: int = 1) -> bytes:
    """Return a JPEG that says where it was taken, by whom, and which way up it is."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return saved(image, "JPEG", exif=exif, comment=b"SecretComment", quality=90)


def png_header(width: int, height: int) -> bytes:
    """Return a small PNG that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
