from __future__ import annotations

import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from support.image_files import (
    ADOBE_RGB,
    DISPLAY_P3,
    PROPHOTO,
    SRGB,
    black_only_cmyk_profile,
    gamma_curve,
    icc_profile,
    linear_curve,
    png_of_16_bits,
    png_with,
    smooth_photo,
    srgb_curve,
    table_curve,
)

from petsgan_sdk.imaging import load_image

IGNORED = "the embedded colour profile cannot be used and was ignored"


def srgb_light(level):
    return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4


def srgb_level(light):
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def lightness(value):
    """CIE luminance of L* / 100."""
    root = (100 * value + 16) / 116
    return root**3 if value > 0.08 else 100 * value / 903.3


def loaded_from(folder, image, profile, name="a.png", **options):
    image.save(folder / name, icc_profile=profile, **options)
    return load_image(folder / name)


def matrix(primaries):
    return np.array(primaries).T


def converted(rgb, primaries, light):
    """What colour science says, in numpy: to light, to XYZ, to the light of sRGB, to levels."""
    linear = np.vectorize(light)(rgb / 255) @ matrix(primaries).T @ np.linalg.inv(matrix(SRGB)).T
    return 255 * np.vectorize(srgb_level)(np.clip(linear, 0, 1))


@pytest.mark.parametrize("name", ["sRGB", "sRGB IEC61966-2.1", "Nobody's profile"])
@pytest.mark.parametrize(
    ("primaries", "curve", "light"),
    [
        (DISPLAY_P3, srgb_curve(), srgb_light),
        (ADOBE_RGB, gamma_curve(2.2), lambda level: level**2.2),
        (PROPHOTO, gamma_curve(1.8), lambda level: level**1.8),
        (SRGB, linear_curve(), lambda level: level),
        (SRGB, gamma_curve(1.5), lambda level: level**1.5),
    ],
)
def test_what_a_profile_does_decides_and_not_its_name(tmp_path, name, primaries, curve, light):
    photo = smooth_photo()
    profile = icc_profile(name, curve, primaries)
    loaded = loaded_from(tmp_path, Image.fromarray(photo), profile)
    difference = np.abs(loaded.rgb - converted(photo, primaries, light))
    assert difference.max() <= 3
    assert loaded.notes == (f"the colour profile {name!r} was converted to sRGB",)


@pytest.mark.parametrize("curve", [srgb_curve(), table_curve(srgb_light)])
@pytest.mark.parametrize("name", ["sRGB", "Adobe RGB (1998)", "x"])
def test_srgb_by_any_name_changes_nothing(tmp_path, curve, name):
    photo = smooth_photo()
    for file in ("a.png", "a.tif"):
        loaded = loaded_from(tmp_path, Image.fromarray(photo), icc_profile(name, curve, SRGB), file)
        np.testing.assert_array_equal(loaded.rgb, photo)
        assert loaded.notes == ()


def test_a_profile_is_applied_to_a_jpeg_in_parts(tmp_path):
    photo = smooth_photo()
    profile = icc_profile("wide", linear_curve(), DISPLAY_P3) + bytes(150_000)
    loaded = loaded_from(tmp_path, Image.fromarray(photo), profile, "a.jpg", quality=95)
    plain = loaded_from(tmp_path, Image.fromarray(photo), None, "b.jpg", quality=95)
    expected = converted(plain.rgb, DISPLAY_P3, lambda level: level)
    assert np.abs(loaded.rgb - expected).max() <= 3


@pytest.mark.parametrize("file", ["a.png", "a.tif", "a.jpg"])
@pytest.mark.parametrize(
    ("pcs", "curve", "light"),
    [
        (b"XYZ ", gamma_curve(1.0), lambda level: level),
        (b"XYZ ", table_curve(lambda level: level**3), lambda level: level**3),
        (b"Lab ", linear_curve(), lightness),
        (b"Lab ", gamma_curve(1.5), lambda level: lightness(level**1.5)),
    ],
)
def test_grey_profiles(tmp_path, file, pcs, curve, light):
    grey = np.tile(np.arange(256, dtype=np.uint8), (20, 1))
    profile = icc_profile("sRGB grey", curve, pcs=pcs)
    options = {"quality": 100} if file == "a.jpg" else {}
    loaded = loaded_from(tmp_path, Image.fromarray(grey), profile, file, **options)
    expected = np.array([255 * srgb_level(light(level / 255)) for level in range(256)])
    if file != "a.jpg":
        assert np.abs(loaded.rgb - expected[None, :, None]).max() <= 0.6
    assert np.abs(loaded.rgb - expected[None, :, None])[:, 20:].max() <= 4
    assert loaded.notes[-1] == "the colour profile 'sRGB grey' was converted to sRGB"


def test_grey_profiles_keep_the_darks_of_16_bits(tmp_path):
    grey = np.arange(512, dtype=np.uint16).reshape(16, 32)  # light of 0 to 0.8 %
    loaded = loaded_from(tmp_path, Image.fromarray(grey), icc_profile("light", linear_curve()))
    expected = np.array([[srgb_level(value / 65535) for value in row] for row in grey.tolist()])
    assert np.abs(loaded.rgb[:, :, 1] - 255 * expected).max() <= 0.51
    assert len(np.unique(loaded.rgb)) > 15
    loaded = loaded_from(tmp_path, Image.fromarray(grey), icc_profile("x", srgb_curve()))
    assert loaded.notes == ("16-bit greyscale was scaled to 8 bits and converted to RGB",)


def test_grey_profile_with_alpha_of_8_and_16_bits(tmp_path):
    grey = np.tile(np.arange(64, dtype=np.uint8), (20, 1)) * 4
    profile = icc_profile("light", linear_curve())
    alone = loaded_from(tmp_path, Image.fromarray(grey), profile).rgb
    layers = np.stack([grey, np.full_like(grey, 255)], axis=2)
    loaded = loaded_from(tmp_path, Image.fromarray(layers), profile)
    np.testing.assert_array_equal(loaded.rgb, alone)
    deep = png_of_16_bits(
        layers.astype(np.uint16) * 257, 4, (b"iCCP", b"x\0\0" + zlib.compress(profile))
    )
    (tmp_path / "deep.png").write_bytes(deep)
    np.testing.assert_array_equal(load_image(tmp_path / "deep.png").rgb, alone)
    layers[:, :, 1] = 0
    assert (loaded_from(tmp_path, Image.fromarray(layers), profile).rgb == 255).all()


def test_a_profile_for_rgb_says_what_the_greys_of_a_grey_image_are(tmp_path):
    grey = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (20, 1))
    profile = icc_profile("light", linear_curve(), ADOBE_RGB)
    loaded = loaded_from(tmp_path, Image.fromarray(grey), profile)
    expected = [round(255 * srgb_level(level / 255)) for level in range(0, 256, 4)]
    assert np.abs(loaded.rgb.astype(int) - np.array(expected)[None, :, None]).max() <= 2
    plain = loaded_from(tmp_path, Image.fromarray(grey), icc_profile("x", srgb_curve(), SRGB))
    assert plain.notes == ("greyscale was converted to RGB",)


def test_profiles_of_palettes_with_and_without_transparency(tmp_path):
    palette = Image.fromarray(smooth_photo()).quantize(60)
    profile = icc_profile("P3", srgb_curve(), DISPLAY_P3)
    expected = converted(np.asarray(palette.convert("RGB")), DISPLAY_P3, srgb_light)
    loaded = loaded_from(tmp_path, palette, profile)
    assert np.abs(loaded.rgb - expected).max() <= 3
    assert len(loaded.notes) == 2
    loaded = loaded_from(tmp_path, palette, profile, transparency=bytes([0] * 30 + [255] * 30))
    is_clear = np.asarray(palette) < 30
    assert (loaded.rgb[is_clear] == 255).all()
    assert np.abs(loaded.rgb - expected)[~is_clear].max() <= 3
    np.testing.assert_array_equal(loaded.alpha, np.where(is_clear, 0, 255))


def test_transparent_colours_are_converted_before_white_is_laid_behind(tmp_path):
    rgba = np.dstack([smooth_photo(), np.full((48, 64), 128, np.uint8)])
    profile = icc_profile("P3", srgb_curve(), DISPLAY_P3)
    loaded = loaded_from(tmp_path, Image.fromarray(rgba), profile)
    colours = converted(rgba[:, :, :3], DISPLAY_P3, srgb_light)
    assert np.abs(loaded.rgb - (colours * 128 + 255 * 127) / 255).max() <= 2


def test_profile_of_16_bits_in_colour(tmp_path):
    photo = smooth_photo()
    profile = icc_profile("P3", srgb_curve(), DISPLAY_P3)
    (tmp_path / "a.png").write_bytes(
        png_of_16_bits(photo * np.uint16(257), 2, (b"iCCP", b"x\0\0" + zlib.compress(profile)))
    )
    loaded = load_image(tmp_path / "a.png")
    assert np.abs(loaded.rgb - converted(photo, DISPLAY_P3, srgb_light)).max() <= 3
    assert len(loaded.notes) == 2


@pytest.mark.parametrize("file", ["a.tif", "a.jpg"])
def test_profile_of_cmyk(tmp_path, file):
    inks = np.zeros((32, 32, 4), np.uint8)
    inks[:, :16, 0] = 255  # cyan, which is white in this profile
    inks[:16, :, 3] = 255
    loaded = loaded_from(
        tmp_path, Image.frombytes("CMYK", (32, 32), inks.tobytes()), black_only_cmyk_profile(), file
    )
    assert loaded.rgb[17:].min() >= 250
    assert loaded.rgb[:15].max() <= 5
    assert loaded.notes == (
        "CMYK was converted to RGB",
        "the colour profile 'Black ink only' was converted to sRGB",
    )


def test_lab(tmp_path):
    photo = np.full((20, 20, 3), (200, 90, 40), np.uint8)
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    ImageCms.applyTransform(Image.fromarray(photo), to_lab).save(tmp_path / "a.tif")
    loaded = load_image(tmp_path / "a.tif")
    assert np.abs(loaded.rgb.astype(int) - photo).max() <= 4
    assert loaded.notes == ("LAB was converted to RGB",)


@pytest.mark.parametrize(
    ("mode", "profile", "found"),
    [
        ("RGB", icc_profile("g", gamma_curve(2)), "for grey images"),
        ("RGB", black_only_cmyk_profile(), "for CMYK images"),
        ("L", black_only_cmyk_profile(), "for CMYK images"),
        ("CMYK", icc_profile("r", gamma_curve(2), SRGB), "for RGB images"),
    ],
)
def test_a_profile_for_another_kind_of_image(tmp_path, mode, profile, found):
    image = Image.fromarray(smooth_photo()).convert(mode)
    loaded = loaded_from(tmp_path, image, profile, "a.tif")
    np.testing.assert_array_equal(loaded.rgb, np.asarray(image.convert("RGB")))
    assert loaded.notes[-1] == f"the embedded colour profile is {found} and was ignored"


@pytest.mark.parametrize("primaries", [None, SRGB])
@pytest.mark.parametrize("length", [10, 127, 140, 200])
def test_damaged_profiles(tmp_path, primaries, length):
    image = Image.fromarray(smooth_photo()).convert("RGB" if primaries else "L")
    profile = icc_profile("linear", linear_curve(), primaries)[:length]
    for file in ("a.png", "a.tif", "a.jpg"):
        loaded = loaded_from(tmp_path, image, profile, file)
        assert loaded.notes[-1] in (
            IGNORED,
            IGNORED.replace("cannot be used", "is of another kind"),
        )
        if file != "a.jpg":
            np.testing.assert_array_equal(loaded.rgb, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    "curve",
    [
        b"para\0\0\0\0\0\1\0\0" + bytes(12),  # divides by zero
        b"para\0\0\0\0\0\x63\0\0",
        b"curv\0\0\0\0\xff\xff\xff\xff",
        b"what\0\0\0\0",
        b"",
    ],
)
def test_damaged_grey_curves(tmp_path, curve):
    grey = np.tile(np.arange(64, dtype=np.uint8), (20, 1))
    loaded = loaded_from(tmp_path, Image.fromarray(grey), icc_profile("g", curve))
    assert loaded.notes[-1] == IGNORED
    np.testing.assert_array_equal(loaded.rgb[:, :, 0], grey)


def test_a_profile_that_inflates_without_end(tmp_path):
    bomb = b"x\0\0" + zlib.compress(bytes(100 << 20), 9)
    (tmp_path / "a.png").write_bytes(png_with(Image.fromarray(smooth_photo()), (b"iCCP", bomb)))
    loaded = load_image(tmp_path / "a.png")
    np.testing.assert_array_equal(loaded.rgb, smooth_photo())
    assert loaded.notes == (IGNORED,)


@pytest.mark.parametrize(
    ("gamma", "is_noted"), [(45455, False), (100_000, True), (55_000, True), (0, True)]
)
def test_the_gamma_of_a_png_is_not_applied_and_that_is_said(tmp_path, gamma, is_noted):
    chunk = (b"gAMA", gamma.to_bytes(4, "big"))
    image = Image.fromarray(smooth_photo())
    for further, is_told in (((), False), (((b"sRGB", b"\0"),), True)):
        (tmp_path / "a.png").write_bytes(png_with(image, chunk, *further))
        loaded = load_image(tmp_path / "a.png")
        np.testing.assert_array_equal(loaded.rgb, smooth_photo())
        note = f"the gamma of {gamma / 100_000:g} that the file states was not applied"
        assert loaded.notes == ((note,) if is_noted and not is_told else ())
