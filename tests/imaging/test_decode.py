from __future__ import annotations

import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from petsgan_sdk import imaging
from petsgan_sdk.errors import InputError
from petsgan_sdk.imaging import (
    load_image,
)


def _saved(folder, name, image, **options):
    Image.fromarray(image).save(folder / name, **options) if isinstance(
        image, np.ndarray
    ) else image.save(folder / name, **options)
    return folder / name


def _png_16(path, array, *, colour_type):
    """Write a 16-bit PNG, which Pillow cannot for colour."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    height, width = array.shape[:2]
    rows = array.astype(">u2").reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif", "a.bmp", "a.ppm", "a.tga"])
def test_plain_rgb_is_exact_and_has_no_notes(tmp_path, photo, name):
    options = {"lossless": True} if name == "a.webp" else {}
    loaded = load_image(_saved(tmp_path, name, photo, **options))
    np.testing.assert_array_equal(loaded.rgb, photo)
    assert loaded.rgb.dtype == np.uint8
    assert loaded.rgb.flags.c_contiguous
    assert loaded.rgb.flags.writeable
    assert loaded.notes == ()


def test_jpeg_is_close(tmp_path, photo):
    loaded = load_image(_saved(tmp_path, "a.jpg", photo, quality=95, subsampling=0))
    assert np.abs(loaded.rgb.astype(int) - photo).max() <= 8
    assert loaded.notes == ()


@pytest.mark.parametrize(
    ("mode", "note"),
    [
        ("L", "greyscale was converted to RGB"),
        ("1", "black and white was converted to RGB"),
        ("P", "the palette was converted to RGB"),
        ("LA", "the opaque alpha channel was dropped, LA became RGB"),
        ("RGBA", "the opaque alpha channel was dropped"),
    ],
)
def test_modes(tmp_path, photo, mode, note):
    image = Image.fromarray(photo).convert(mode)
    loaded = load_image(_saved(tmp_path, "a.png", image))
    np.testing.assert_array_equal(loaded.rgb, np.asarray(image.convert("RGB")))
    assert loaded.notes == (note,)
    assert loaded.alpha is None


@pytest.mark.parametrize(
    ("mode", "colour", "expected", "note"),
    [
        ("RGBA", (200, 100, 0, 0), (255, 255, 255), "transparency became white"),
        ("RGBA", (200, 100, 0, 51), (244, 224, 204), "transparency became white"),
        ("LA", (100, 0), (255, 255, 255), "transparency became white, LA became RGB"),
    ],
)
def test_transparency_becomes_white(tmp_path, mode, colour, expected, note):
    loaded = load_image(_saved(tmp_path, "a.png", Image.new(mode, (20, 20), colour)))
    assert tuple(loaded.rgb[3, 3]) == expected
    assert loaded.notes == (note,)
    assert loaded.alpha is not None
    assert (loaded.alpha == colour[-1]).all()


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour_becomes_white(tmp_path, mode):
    image = Image.new(mode, (20, 20), 0 if mode != "RGB" else (0, 0, 0))
    image.paste(image.getpixel((0, 0)) if mode == "RGB" else 1, (0, 0, 10, 20))
    key = (0, 0, 0) if mode == "RGB" else 0
    loaded = load_image(_saved(tmp_path, "a.png", image, transparency=key))
    assert tuple(loaded.rgb[5, 15]) == (255, 255, 255)
    assert (loaded.alpha[:, 10:] == 0).all()
    assert (loaded.alpha[:, :10] == (0 if mode == "RGB" else 255)).all()  # black all over
    assert len(loaded.notes) == 1
    assert loaded.notes[0].startswith("transparency became white")


def test_16_bit_grey_is_scaled_not_cut(tmp_path):
    grey = np.linspace(0, 65535, 20 * 30).astype(np.uint16).reshape(20, 30)
    for name in ("a.png", "a.tif"):
        loaded = load_image(_saved(tmp_path, name, grey))
        expected = np.floor(grey / 257 + 0.5)
        np.testing.assert_array_equal(loaded.rgb, np.repeat(expected[:, :, None], 3, axis=2))
        assert loaded.notes == ("16-bit greyscale was scaled to 8 bits and converted to RGB",)


def test_16_bit_pgm(tmp_path):
    grey = np.linspace(0, 65535, 20 * 30).astype(np.uint16).reshape(20, 30)
    (tmp_path / "a.pgm").write_bytes(b"P5 30 20 65535\n" + grey.astype(">u2").tobytes())
    loaded = load_image(tmp_path / "a.pgm")
    np.testing.assert_array_equal(loaded.rgb[:, :, 1], np.floor(grey / 257 + 0.5))


def test_dark_16_bit_grey_stays_dark(tmp_path):
    loaded = load_image(_saved(tmp_path, "a.png", np.full((20, 20), 257 * 9, np.uint16)))
    assert set(loaded.rgb.ravel()) == {9}


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (6, 4)])
def test_16_bit_colour(tmp_path, colour_type, channels):
    rng = np.random.default_rng(0)
    array = rng.integers(0, 65536, (20, 30, channels))
    array[:, :, 3:] = 65535
    loaded = load_image(_png_16(tmp_path / "a.png", array, colour_type=colour_type))
    assert np.abs(loaded.rgb - array[:, :, :3] / 257).max() <= 1
    assert loaded.notes[0] == "16 bits were scaled to 8"
    assert len(loaded.notes) == channels - 2


def test_float_and_32_bit_grey_use_their_own_range(tmp_path):
    grey = np.linspace(-3, 5, 400).reshape(20, 20)
    for array in (grey.astype(np.float32), (grey * 1e6).astype(np.int32)):
        loaded = load_image(_saved(tmp_path, "a.tif", array))
        assert (loaded.rgb.min(), loaded.rgb.max()) == (0, 255)
        assert loaded.notes[0].startswith("grey values from -3")
    assert not load_image(_saved(tmp_path, "b.tif", np.ones((20, 20), np.float32))).rgb.any()
    grey[3, 3] = np.nan
    with pytest.raises(InputError, match="finite values, got infinity or NaN"):
        load_image(_saved(tmp_path, "c.tif", grey.astype(np.float32)))


def test_cmyk(tmp_path, photo):
    image = Image.fromarray(photo).convert("CMYK")
    loaded = load_image(_saved(tmp_path, "a.tif", image))
    np.testing.assert_array_equal(loaded.rgb, np.asarray(image.convert("RGB")))
    assert loaded.notes == ("CMYK was converted to RGB",)


@pytest.mark.parametrize("orientation", range(1, 10))
def test_exif_orientation(tmp_path, photo, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    loaded = load_image(_saved(tmp_path, "a.png", photo, exif=exif))
    # Where the stored rows and columns go, from the EXIF standard.
    expected = {
        2: photo[:, ::-1],
        3: photo[::-1, ::-1],
        4: photo[::-1],
        5: photo.transpose(1, 0, 2),
        6: np.rot90(photo, -1),
        7: np.rot90(photo, 2).transpose(1, 0, 2),
        8: np.rot90(photo),
    }.get(orientation, photo)
    np.testing.assert_array_equal(loaded.rgb, expected)
    note = f"the image was turned upright (EXIF orientation {orientation})"
    assert loaded.notes == ((note,) if 2 <= orientation <= 8 else ())


def test_first_frame_of_an_animation(tmp_path, photo):
    frames = [Image.fromarray(np.roll(photo, k, axis=0)) for k in range(3)]
    for name in ("a.webp", "a.png"):
        options = {"lossless": True} if name == "a.webp" else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
        loaded = load_image(tmp_path / name)
        np.testing.assert_array_equal(loaded.rgb, photo)
        assert loaded.notes == ("the first of 3 frames was used",)
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert load_image(tmp_path / "a.gif").notes[0] == "the first of 3 frames was used"


def test_colour_profiles(tmp_path, photo):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    loaded = load_image(_saved(tmp_path, "a.png", photo, icc_profile=srgb))
    np.testing.assert_array_equal(loaded.rgb, photo)
    assert loaded.notes == ()
    renamed = srgb.replace(b"sRGB", b"wRGB").replace("sRGB".encode("utf-16-be"), b"\0w\0R\0G\0B")
    loaded = load_image(_saved(tmp_path, "b.png", photo, icc_profile=renamed))
    np.testing.assert_array_equal(loaded.rgb, photo)  # what it does decides, not its name
    assert loaded.notes == ()
    loaded = load_image(_saved(tmp_path, "c.png", photo, icc_profile=b"nonsense"))
    np.testing.assert_array_equal(loaded.rgb, photo)
    assert loaded.notes == ("the embedded colour profile cannot be used and was ignored",)


def _refused(path, message, **options):
    with pytest.raises(InputError, match=message) as caught:
        load_image(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"image: {str(path)!r} must be ")


def test_refuses_what_is_no_image(tmp_path):
    _refused(tmp_path / "a.png", "must be an image file, got no file")
    _refused(tmp_path / "a" / "b.png", "must be an image file, got no file")
    _refused(tmp_path, "must be an image file, got a folder")
    _refused(tmp_path / "nul\0", "got a name that cannot be read")
    (tmp_path / "empty.jpg").write_bytes(b"")
    _refused(tmp_path / "empty.jpg", "got an empty file")
    (tmp_path / "text.jpg").write_text("hello, I am a text file\n" * 100)
    _refused(tmp_path / "text.jpg", "must be an image, got a file that is not one; hint: PNG")
    (tmp_path / "magic.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    _refused(tmp_path / "magic.png", "got")
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n")
    _refused(tmp_path / "a.eps", "got an EPS or PostScript drawing; hint: export it as PNG")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_refuses_a_pipe_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    _refused(tmp_path / "pipe.png", "got a device, pipe or socket")


def test_refuses_an_unreadable_file(tmp_path, photo, monkeypatch):
    path = _saved(tmp_path, "a.png", photo)
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # root may read everything

        def refuse(*_args, **_kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(type(path), "open", refuse)
    else:
        path.chmod(0)
    _refused(path, "must be readable, got permission denied")


@pytest.mark.parametrize("name", ["a.jpg", "progressive.jpg", "a.png", "a.webp", "a.bmp", "a.gif"])
def test_refuses_every_cut_that_loses_pixels(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    options = {"progressive": True} if name.startswith("prog") else {}
    path = _saved(tmp_path, name, noise, **options)
    content = path.read_bytes()
    whole = load_image(path).rgb
    refused = 0
    cuts = range(1, len(content), max(1, len(content) // 60))
    for length in cuts:
        path.write_bytes(content[:length])
        try:
            np.testing.assert_array_equal(load_image(path).rgb, whole)
        except InputError as exc:
            assert "\n" not in str(exc)  # noqa: PT017
            refused += 1
    assert refused >= len(cuts) - 1


def test_says_that_a_jpeg_is_truncated(tmp_path, photo):
    path = _saved(tmp_path, "a.jpg", photo)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    _refused(path, "must be a whole image, got a damaged or truncated one")


@pytest.mark.parametrize(("width", "height"), [(1, 1), (15, 16), (16, 15), (2000, 3)])
def test_refuses_small_images(tmp_path, width, height):
    path = _saved(tmp_path, "a.png", np.zeros((height, width, 3), np.uint8))
    _refused(path, f"at least 16x16 px, got {width}x{height}$")


def test_takes_the_smallest_image(tmp_path):
    assert load_image(_saved(tmp_path, "a.png", np.zeros((16, 16), np.uint8))).rgb.shape[0] == 16


def test_refuses_large_images_from_the_header(tmp_path):
    _refused(
        _saved(tmp_path, "a.png", np.zeros((100, 200), np.uint8)),
        r"at most 0\.019999 megapixels, got 200x100, 0\.02 megapixels; hint: make it smaller",
        max_pixels=19_999,
    )
    # Headers only: were anything decoded, these would fail as truncated instead.
    for side, found in ((11_000, "11000x11000, 121"), (20_000, "more than 178")):
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        body = b"\0\0\0\x0dIHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
        (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body + b"\0\0\0\1IDAT")
        _refused(tmp_path / "b.png", f"at most 100 megapixels, got {found} megapixels")


def test_no_warning_leaks_and_none_is_lost(tmp_path, monkeypatch):
    path = _saved(tmp_path, "a.png", np.zeros((20, 25), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(path).close()
    filters = list(warnings.filters)
    assert load_image(path).rgb.shape == (20, 25, 3)
    assert warnings.filters == filters


def test_everything_public_is_there():
    for name in imaging.__all__:
        assert hasattr(imaging, name)
