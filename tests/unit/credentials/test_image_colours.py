"""Renditions show the colours that the file means, whatever space it gives them in."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from licet_credentials.images.rendering import render
from unit.credentials.pictures import (
    flat_png,
    grey_profile,
    ink_profile,
    picture,
    png_chunk,
    rgb_profile,
    saved,
)


def shown(tmp_path: Path, content: bytes) -> Image.Image:
    source = tmp_path / "source"
    source.write_bytes(content)
    render(source, tmp_path / "display", tmp_path / "thumbnail", pixels=1_000_000)
    image = Image.open(tmp_path / "display")
    image.load()
    assert image.mode == "RGB"
    return image


def near(seen: Any, meant: tuple[int, int, int], within: int = 4) -> bool:
    return all(abs(one - other) <= within for one, other in zip(seen, meant, strict=True))


def flat(mode: str, pixel: Any, kind: str, **options: Any) -> bytes:
    return saved(Image.new(mode, (64, 64), pixel), kind, **options)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_wide_gamut_image_is_converted_to_srgb(tmp_path, kind):
    options = {"quality": 95} if kind != "PNG" else {}
    plain = shown(tmp_path, flat("RGB", (200, 100, 50), kind, **options)).getpixel((32, 32))
    wide = shown(tmp_path, flat("RGB", (200, 100, 50), kind, icc_profile=rgb_profile(), **options))
    assert near(plain, (200, 100, 50))
    # By the matrices of both spaces: P3 (200, 100, 50) is a stronger orange than sRGB's.
    assert near(wide.getpixel((32, 32)), (216, 93, 24))


def test_display_p3_told_by_code_points_alone_is_converted(tmp_path):
    display_p3 = png_chunk(b"cICP", bytes([12, 13, 0, 1]))
    wide = shown(tmp_path, flat_png(64, bytes([200, 100, 50]), extra=[display_p3]))
    # By the matrices of both spaces and sRGB's curve.
    assert near(wide.getpixel((32, 32)), (215, 93, 31))


def test_code_points_win_over_a_profile_and_high_dynamic_range_is_left_to_it(tmp_path):
    profile = png_chunk(b"iCCP", b"p\0\0" + zlib.compress(rgb_profile()))
    for points, meant in (((1, 13), (200, 100, 50)), ((9, 16), (216, 93, 24))):
        told = png_chunk(b"cICP", bytes([*points, 0, 1]))
        image = shown(tmp_path, flat_png(64, bytes([200, 100, 50]), extra=[told, profile]))
        assert near(image.getpixel((32, 32)), meant)


def test_the_code_points_of_an_avif_are_applied(tmp_path):
    plain = flat("RGB", (200, 100, 50), "AVIF", quality=95)
    assert near(shown(tmp_path, plain).getpixel((32, 32)), (200, 100, 50))
    at = plain.index(b"colrnclx") + 8
    display_p3 = plain[:at] + b"\0\x0c\0\x0d" + plain[at + 4 :]
    assert near(shown(tmp_path, display_p3).getpixel((32, 32)), (215, 93, 31))


def test_the_colour_profile_wins_over_the_channel_names(tmp_path):
    red, green, blue = (0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)
    swapped = rgb_profile(green, red, blue)
    image = shown(tmp_path, flat("RGB", (200, 0, 0), "PNG", icc_profile=swapped))
    assert near(image.getpixel((5, 5)), (0, 200, 0))


def test_grey_values_are_converted_by_their_profile(tmp_path):
    linear = flat("L", 128, "PNG", icc_profile=grey_profile(1.0))
    assert near(shown(tmp_path, linear).getpixel((5, 5)), (188, 188, 188))
    assert near(shown(tmp_path, flat("L", 128, "JPEG")).getpixel((5, 5)), (128, 128, 128))


def test_cmyk_values_are_converted_by_their_profile(tmp_path):
    cyan = (255, 0, 0, 0)
    profiled = shown(tmp_path, flat("CMYK", cyan, "JPEG", icc_profile=ink_profile(), quality=95))
    assert near(profiled.getpixel((32, 32)), (255, 0, 0), 12)


def test_cmyk_values_without_a_profile_are_converted_by_the_default(tmp_path):
    for inks, colour in (((255, 0, 0, 0), (0, 255, 255)), ((0, 0, 0, 255), (0, 0, 0))):
        assert near(shown(tmp_path, flat("CMYK", inks, "JPEG", quality=95)).getpixel((5, 5)), colour)


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    for level in (0, 0x4000, 0x8000, 0xFFFF):
        grey = flat_png(64, struct.pack(">H", level), depth=16, colour=0)
        seen = shown(tmp_path, grey).getpixel((5, 5))
        assert near(seen, (level >> 8,) * 3, 3), level


def test_sixteen_bit_colour_and_alpha_are_rendered(tmp_path):
    colour = flat_png(64, struct.pack(">HHH", 0xC800, 0x6400, 0x3200), depth=16, colour=2)
    assert near(shown(tmp_path, colour).getpixel((5, 5)), (200, 100, 50))
    half = flat_png(64, struct.pack(">HHHH", 0, 0, 0, 0x8000), depth=16, colour=6)
    assert near(shown(tmp_path, half).getpixel((5, 5)), (127, 127, 127))
    half_grey = flat_png(64, struct.pack(">HH", 0, 0x8000), depth=16, colour=4)
    assert near(shown(tmp_path, half_grey).getpixel((5, 5)), (127, 127, 127))


def test_transparent_pixels_are_rendered_on_white(tmp_path):
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    half = Image.new("LA", (40, 40), (0, 128))
    assert shown(tmp_path, saved(clear, "PNG")).getpixel((20, 20)) == (255, 255, 255)
    assert shown(tmp_path, saved(clear, "WEBP", lossless=True)).getpixel((20, 20)) == (255, 255, 255)
    assert near(shown(tmp_path, saved(half, "PNG")).getpixel((20, 20)), (127, 127, 127))


def test_palette_images_keep_their_colours_and_transparency(tmp_path):
    palette = picture(64, 48, "P")
    for kind in ("PNG", "GIF"):
        assert near(shown(tmp_path, saved(palette, kind)).getpixel((5, 24)), (200, 0, 0), 16)
    red = palette.getpixel((5, 24))
    cut = shown(tmp_path, saved(palette, "PNG", transparency=red))
    assert near(cut.getpixel((5, 24)), (255, 255, 255))
    assert near(cut.getpixel((60, 24)), (0, 0, 200), 16)


def test_a_colour_key_makes_its_colour_transparent(tmp_path):
    key = flat_png(64, b"\xc8\0\0", extra=[png_chunk(b"tRNS", struct.pack(">HHH", 200, 0, 0))])
    assert near(shown(tmp_path, key).getpixel((5, 5)), (255, 255, 255))


def test_a_bilevel_image_stays_black_and_white(tmp_path):
    assert near(shown(tmp_path, saved(Image.new("1", (64, 64), 1), "PNG")).getpixel((5, 5)), (255, 255, 255))


def test_the_profile_also_applies_to_a_transparent_image(tmp_path):
    image = Image.new("RGBA", (64, 64), (200, 100, 50, 255))
    wide = shown(tmp_path, saved(image, "PNG", icc_profile=rgb_profile()))
    assert near(wide.getpixel((5, 5)), (216, 93, 24))


@pytest.mark.parametrize("profile", [b"nothing", grey_profile(1.0), rgb_profile()[:200]])
def test_an_unusable_profile_is_ignored(tmp_path, profile):
    content = flat_png(64, b"\xc8\x64\x32", extra=[png_chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))])
    assert near(shown(tmp_path, content).getpixel((5, 5)), (200, 100, 50))


def test_renditions_carry_no_profile_so_browsers_assume_srgb(tmp_path):
    image = shown(tmp_path, flat("RGB", (1, 2, 3), "JPEG", icc_profile=rgb_profile()))
    assert "icc_profile" not in image.info
    thumbnail = Image.open(io.BytesIO((tmp_path / "thumbnail").read_bytes()))
    assert "icc_profile" not in thumbnail.info
