"""Converting images to sRGB by their colour profiles."""

import io
import sys

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
