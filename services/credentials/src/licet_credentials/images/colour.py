"""Converting images to sRGB by their colour profiles."""

import io
import struct
import sys
from collections.abc import Mapping
from functools import cache

from PIL import Image, ImageCms

LARGEST_PROFILE = 4 << 20
"""Bytes of the largest profile to apply; those of printing presses have two or three million."""
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""The image mode of each colour space of a profile."""


def eight_bits(image: Image.Image) -> Image.Image:
    """Return the image with eight bits a channel, in a mode that can be scaled: L, RGB, CMYK, LA or RGBA."""
    transparent = "transparency" in image.info
    if image.mode.startswith("I"):
        # `convert` clips: sixteen bits of grey would be white from 1/256 on.
        wide = image.convert("I")
        return wide.point(lambda grey: grey * (1 / 257)).convert("L")
    if image.mode in {"PA", "RGBa", "La"} or (transparent and image.mode in {"P", "L", "RGB"}):
        return image.convert("RGBA")
    if image.mode == "P":
        return image.convert("RGB")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in {"L", "RGB", "CMYK", "LA", "RGBA"} else image.convert("RGB")


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an image of mode L, RGB or CMYK in sRGB; an unusable profile is ignored."""
    if profile and len(profile) <= LARGEST_PROFILE:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if _SPACES.get(source.profile.xcolor_space) == image.mode:
                transform = ImageCms.buildTransform(
                    source,
                    _SRGB,
                    image.mode,
                    "RGB",
                    ImageCms.Intent.RELATIVE_COLORIMETRIC,
                    ImageCms.Flags.BLACKPOINTCOMPENSATION,
                )
                shown = ImageCms.applyTransform(image, transform)
                if shown is not None:
                    return shown
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            print(f"profile: {error}", file=sys.stderr)  # noqa: T201  # the log of a process
    return image.convert("RGB")


_Colorants = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

_COLORANTS: Mapping[int, _Colorants] = {
    1: ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)),
    9: ((0.67348, 0.27904, -0.00194), (0.16566, 0.67534, 0.02997), (0.12505, 0.04562, 0.79683)),
    12: ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
}
"""Red, green and blue as XYZ under D50, by colour primaries (ITU-T H.273, table 2).

Those of sRGB, BT.2020 and Display P3.
"""

_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_VIDEO_CURVE = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_CURVES: Mapping[int, tuple[float, ...]] = {
    1: _VIDEO_CURVE, 4: (2.2,), 5: (2.8,), 6: _VIDEO_CURVE, 8: (1.0,), 13: _SRGB_CURVE, 14: _VIDEO_CURVE,
    15: _VIDEO_CURVE,
}  # fmt: skip
"""Parameters of ICC's parametric curves, by transfer function (ITU-T H.273, table 3)."""


@cache
def profile_of_code_points(primaries: int, transfer: int) -> bytes | None:
    """Return an ICC profile (ICC.1:2022) of a space given by code points; `None` for one that has none here.

    High dynamic range (PQ, HLG) has none: its values mean luminances, not shares of the screen's white.
    """
    if primaries not in _COLORANTS or transfer not in _CURVES:
        return None
    red, green, blue = _COLORANTS[primaries]
    curve = _CURVES[transfer]
    shared = b"para" + struct.pack(">4xHxx", 3 if len(curve) > 1 else 0) + _fixed(*curve)
    name = "code points".encode("utf-16-be")
    tags = {
        b"desc": b"mluc" + struct.pack(">4xII4sII", 1, 12, b"enUS", len(name), 28) + name,
        b"wtpt": _xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": _xyz(*red),
        b"gXYZ": _xyz(*green),
        b"bXYZ": _xyz(*blue),
        b"rTRC": shared,
        b"gTRC": shared,
        b"bTRC": shared,
    }
    return _profile(tags)


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*values)


def _profile(tags: Mapping[bytes, bytes]) -> bytes:
    """Return a version 4 profile of a screen with these tags."""
    at, table, data = 132 + 12 * len(tags), b"", b""
    for signature, value in tags.items():
        table += struct.pack(">4sII", signature, at + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x", at + len(data), 0x04400000, b"mntr", b"RGB ", b"XYZ ", b"acsp"
    ) + _fixed(0.9642, 1.0, 0.8249)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data
