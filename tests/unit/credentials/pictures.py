"""Images for tests, good and bad."""

import io
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from PIL import Image


def picture(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Return an image whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), (200, 0, 0))
    image.paste((0, 0, 200), (width // 2, 0, width, height))
    return image.convert(mode)


def photograph(width: int, height: int) -> Image.Image:
    """Return soft shapes with some noise: what a camera makes, not what compresses worst."""
    shapes = Image.effect_mandelbrot((width // 8, height // 8), (-2.0, -1.5, 1.0, 1.5), 60)
    noise = Image.effect_noise((width, height), 60)
    return Image.blend(shapes.resize((width, height)), noise, 0.1).convert("RGB")


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


def pdf(*, words: bytes = b"", version: bytes = b"1.7") -> bytes:
    """Return a PDF of one empty page."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
    ]
    content = b"%PDF-" + version + b"\n" + words
    table = b"0000000000 65535 f \n"
    for number, each in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(content)
        content += b"%d 0 obj%sendobj\n" % (number, each)
    end = b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(content)
    return content + b"xref\n0 4\n" + table + end


# PNG, chunk by chunk


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(
    width: int,
    height: int,
    lines: bytes,
    *,
    depth: int = 8,
    colour: int = 2,
    extra: Iterable[bytes] = (),
) -> bytes:
    """Return a PNG with those filtered lines, and chunks before them."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = png_chunk(b"IDAT", zlib.compress(lines, 1))
    chunks = [png_chunk(b"IHDR", header), *extra, data, png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_header(width: int, height: int) -> bytes:
    """Return a small PNG that says it has so many pixels."""
    return png_of(width, height, b"\0" * 1000)


def flat_png(
    size: int, pixel: bytes, *, depth: int = 8, colour: int = 2, extra: Iterable[bytes] = ()
) -> bytes:
    """Return a square PNG whose pixels are all those bytes."""
    return png_of(size, size, (b"\0" + pixel * size) * size, depth=depth, colour=colour, extra=extra)


# ICC profiles (ICC.1:2001-04), the least that is one


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    offset, table, data = 132 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        padded = value + bytes(-len(value) % 4)
        table += name + struct.pack(">II", offset + len(data), len(value))
        data += padded
    head = bytes(4) + b"\x02\x40\0\0" + kind + space + connection + bytes(12) + b"acsp" + bytes(28)
    head += _fixed(0.9642, 1.0, 0.8249)
    head = struct.pack(">I", offset + len(data)) + head
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*values)


RED_P3 = (0.51512, 0.24120, -0.00105)
GREEN_P3 = (0.29198, 0.69225, 0.04189)
BLUE_P3 = (0.15710, 0.06657, 0.78407)


def rgb_profile(
    red: Sequence[float] = RED_P3,
    green: Sequence[float] = GREEN_P3,
    blue: Sequence[float] = BLUE_P3,
    gamma: float = 2.2,
) -> bytes:
    """Return a profile of a screen with those primaries (XYZ under D50); those of Display P3 by default."""
    curve = _curve(gamma)
    tags = {
        b"wtpt": _xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": _xyz(*red),
        b"gXYZ": _xyz(*green),
        b"bXYZ": _xyz(*blue),
    }
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    """Return a profile of greys with that gamma."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(0.9642, 1.0, 0.8249), b"kTRC": _curve(gamma)})


def ink_profile() -> bytes:
    """Return a profile of a press whose ink called cyan prints red, and whose others print nothing."""
    paper, red = bytes((255, 128, 128)), bytes((136, 208, 195))  # L*, a*, b*
    straight = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += straight * 4 + paper * 8 + red * 8 + straight * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz(0.9642, 1.0, 0.8249), b"A2B0": table})


# Files that mean ill


def _exif(entries: bytes, count: int) -> bytes:
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, count) + entries


def jpeg_with(marker: int, data: bytes) -> bytes:
    """Return a JPEG with a segment, or as many as the data need, after its start."""
    plain = saved(picture(), "JPEG")
    pieces = [data[at : at + 65_000] for at in range(0, len(data), 65_000)]
    return plain[:2] + b"".join(_segment(marker, each) for each in pieces) + plain[2:]


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _icc_flood() -> bytes:
    parts = [b"ICC_PROFILE\0" + bytes((number, 255)) + b"Secret" * 10_000 for number in range(1, 256)]
    plain = saved(picture(), "JPEG")
    return plain[:2] + b"".join(_segment(0xE2, each) for each in parts) + plain[2:]


def _gif_of_frames(count: int) -> bytes:
    head = saved(picture(32, 32, "P"), "GIF")
    frame = b"\x21\xf9\x04\x00\x01\x00\x00\x00,\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"
    return head[:-1] + frame * count + b";"


def _apng_of_frames(count: int) -> bytes:
    control = png_chunk(b"acTL", struct.pack(">II", count, 0))
    frame = struct.pack(">IIIIHHBB", 64, 64, 0, 0, 1, 10, 0, 0)
    frames = [png_chunk(b"fcTL", struct.pack(">I", number) + frame) for number in range(count)]
    return flat_png(64, b"\xc8\0\0", extra=[control, *frames])


def hostile() -> dict[str, bytes]:
    """Return files by what they try; each has to be refused, or to give renditions without `Secret`."""
    script = b"<script>Secret()</script>"
    endless = struct.pack(">HHII", 0x8769, 4, 1, 8)  # an IFD that is its own child
    claims_much = struct.pack(">HHII", 0x010F, 2, 0xFFFFFFF0, 8)
    zeros = zlib.compress(bytes(64 << 20), 9)
    return {
        "nothing": b"",
        "text": b"no image at all",
        "magic alone": b"\xff\xd8\xff",
        "jpeg that is none": b"\xff\xd8\xffSecret nothing of a JPEG",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'>" + script + b"</svg>",
        "svg bomb": b"<?xml version='1.0'?><!DOCTYPE [<!ENTITY a 'Secret'><!ENTITY b '&a;'>]><svg>&b;</svg>",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(Secret) run",
        "eps in binary": b"\xc5\xd0\xd3\xc6" + bytes(26) + b"%!PS-Adobe-3.0 EPSF-3.0",
        "tiff": saved(picture(), "TIFF"),
        "bmp": saved(picture(), "BMP"),
        "icon": saved(picture(32, 32), "ICO"),
        "jpeg 2000": saved(picture(), "JPEG2000"),
        "truncated jpeg": saved(picture(400, 300), "JPEG")[:-2000],
        "truncated png": saved(picture(400, 300), "PNG")[:-100],
        "truncated gif": saved(picture(400, 300), "GIF")[:200],
        "truncated webp": saved(photograph(400, 304), "WEBP")[:-2000],
        "png of a wrong checksum": saved(picture(), "PNG")[:40] + b"\0\0" + saved(picture(), "PNG")[42:],
        "pixels without data": png_header(300, 300),
        "bomb": png_header(60_000, 60_000),
        "bomb, just over": png_header(7_072, 7_072),
        "bomb of zeros": png_of(7_000, 7_000, bytes(875 * 7_000 + 7_000), depth=1, colour=0),
        "gif bomb": b"GIF89a\xff\xff\xff\xff\x80\0\0" + saved(picture(32, 32, "P"), "GIF")[10:],
        "webp bomb": b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff",
        "strip": png_of(1, 70_000, b"\0\xc8\0\0" * 70_000),
        "strip, lying": png_of(70_000, 1, b"\0" + b"\xc8\0\0" * 70_000),
        "animated gif": _gif_of_frames(5_000),
        "animated png": _apng_of_frames(20_000),
        "animated png that says four billion": flat_png(
            8, b"\xc8\0\0", extra=[png_chunk(b"acTL", b"\xff\xff\xff\xff\0\0\0\0")]
        ),
        "profile of sixteen megabytes": _icc_flood(),
        "profile that inflates": flat_png(8, b"\xc8\0\0", extra=[png_chunk(b"iCCP", b"x\0\0" + zeros)]),
        "profile of noise": saved(picture(), "JPEG", icc_profile=b"Secret" * 500),
        "text that inflates": flat_png(8, b"\xc8\0\0", extra=[png_chunk(b"zTXt", b"Secret\0\0" + zeros)]),
        "texts, thousands": flat_png(8, b"\xc8\0\0", extra=[png_chunk(b"tEXt", b"a\0Secret")] * 50_000),
        "exif without end": jpeg_with(0xE1, _exif(endless + struct.pack(">I", 8), 1)),
        "exif that claims much": jpeg_with(0xE1, _exif(claims_much * 5_000, 5_000)),
        "exif that is cut": jpeg_with(0xE1, _exif(claims_much, 60_000)),
        "exif in png": flat_png(8, b"\xc8\0\0", extra=[png_chunk(b"eXIf", _exif(endless * 99, 99)[6:])]),
        "comments, megabytes": jpeg_with(0xFE, b"Secret" * 500_000),
        "script after a jpeg": saved(picture(), "JPEG") + script + b"PK\x03\x04",
        "script in a jpeg": saved(picture(), "JPEG", comment=script),
        "script in a gif": b"GIF89a/*" + saved(picture(32, 32, "P"), "GIF")[8:] + b"*/=1;" + script,
        "pdf in a jpeg": saved(picture(), "JPEG", comment=pdf(words=b"% Secret")),
        "pdf in a png": saved(picture(), "PNG") + pdf(words=b"% Secret"),
        "pdf behind something": b"<html>Secret</html>" + pdf(),
        "pdf that ends early": pdf()[:-40],
        "pdf that is a head": b"%PDF-1.7\n",
        "pdf of no version": pdf(version=b"9.z"),
        "pdf that points outside": pdf().replace(b"startxref\n", b"startxref\n99"),
        "zip in a pdf": pdf() + b"PK\x03\x04" + b"Secret" * 1000,
    }  # fmt: skip
