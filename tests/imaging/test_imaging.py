from __future__ import annotations

import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from petsgan_sdk import imaging
from petsgan_sdk.errors import ConfigError, DTypeError, InputError, OutputError, ShapeError
from petsgan_sdk.imaging import (
    contact_sheet,
    encode_image,
    fit_size,
    load_image,
    resize,
    save_image,
    sharpness,
    to_signed,
    to_u8,
)


@pytest.fixture
def photo():
    """48 x 64, smooth, so that a lossy file stays close to it."""
    y, x = np.mgrid[0:48, 0:64]
    return np.stack([x * 3, y * 4, (x + y) * 2], axis=2).astype(np.uint8)


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


# --- resize


@pytest.mark.parametrize("method", ["lanczos", "bicubic", "bilinear", "area", "nearest"])
def test_resize_keeps_a_constant(method):
    flat = np.full((20, 30, 3), 77, np.uint8)
    for size in ((7, 5), (30, 20), (61, 43)):
        out = resize(flat, size, method=method)
        assert out.shape == (size[1], size[0], 3)
        assert set(out.ravel()) == {77}
        signed = resize(flat.astype(np.float32) / 100, size, method=method)
        assert signed.dtype == np.float32
        np.testing.assert_allclose(signed, 0.77, atol=1e-6)


def test_resize_area_is_the_block_mean():
    image = np.random.default_rng(0).normal(size=(8, 12, 2)).astype(np.float32)
    expected = image.reshape(2, 4, 3, 4, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(image, (3, 2), method="area"), expected, atol=1e-6)


def test_resize_does_not_alias():
    stripes = np.zeros((32, 64, 1), np.float32)
    stripes[:, ::2] = 1
    for method in ("lanczos", "bicubic", "bilinear", "area"):
        inner = resize(stripes, (16, 8), method=method)[:, 2:-2]
        np.testing.assert_allclose(inner, 0.5, atol=0.02)


def test_resize_rounds_and_cuts_uint8_and_clamps_floats():
    edge = np.zeros((8, 8, 1), np.uint8)
    edge[:, 4:] = 255
    assert set(resize(edge, (31, 8))[0, :, 0][:4]) <= {0, 1}
    signed = edge.astype(np.float32)
    overshoot = resize(signed, (31, 8))
    assert overshoot.min() < -1
    assert overshoot.max() > 256
    clamped = resize(signed, (31, 8), clamp=(0, 255))
    assert (clamped.min(), clamped.max()) == (0, 255)
    np.testing.assert_array_equal(clamped, np.clip(overshoot, 0, 255))


def test_resize_does_not_share_memory():
    image = np.zeros((4, 4, 1), np.float32)
    assert not np.shares_memory(image, resize(image, (4, 4)))


def test_resize_refuses():
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ConfigError, match=r"method must be one of lanczos, .* got 'best'"):
        resize(image, (2, 2), method="best")
    for bad, size in ((image[0], (2, 2)), (image, (0, 2)), (image[:0], (2, 2))):
        with pytest.raises(ShapeError, match=r"must be \[H, W, C\] and size positive"):
            resize(bad, size)
    with pytest.raises(DTypeError, match="uint8 or float32, got float64"):
        resize(image.astype(np.float64), (2, 2))


# --- conversions


def test_signed_and_back_is_exact():
    levels = np.arange(256, dtype=np.uint8)
    signed = to_signed(levels)
    assert signed.dtype == np.float32
    assert (signed[0], signed[255]) == (-1, 1)
    np.testing.assert_array_equal(to_u8(signed), levels)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 128), (-1, 0), (1, 255), (-1.5, 0), (9e9, 255), (np.inf, 255), (-np.inf, 0)],
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_to_u8(value, expected, dtype):
    with np.errstate(over="ignore"):
        array = np.array([value]).astype(dtype)
    assert to_u8(array).tolist() == [expected]


def test_conversions_refuse():
    with pytest.raises(InputError, match="got NaN 1 times in 2"):
        to_u8(np.array([0, np.nan]))
    with pytest.raises(DTypeError, match="floating point, got uint8"):
        to_u8(np.zeros(2, np.uint8))
    with pytest.raises(DTypeError, match="must be uint8, got float64"):
        to_signed(np.zeros(2))


@pytest.mark.parametrize(
    ("size", "limit", "multiple", "expected"),
    [
        ((1160, 784), 256, 8, (256, 176)),  # 784 * 256 / 1160 = 173.02
        ((784, 1160), 256, 8, (176, 256)),
        ((1160, 784), 256, 1, (256, 173)),
        ((451, 300), 256, 8, (256, 168)),  # 170.3
        ((256, 256), 256, 8, (256, 256)),
        ((100, 60), 256, 8, (104, 64)),  # nearest multiple, halves up
        ((99, 61), 256, 8, (96, 64)),
        ((256, 250), 250, 8, (248, 248)),  # 244.1 is nearer to 248
        ((16, 16), 256, 8, (32, 32)),
        ((1600, 120), 256, 8, (424, 32)),  # 13.3 : 1, where 256 would leave 19 px
        ((120, 1600), 256, 8, (32, 424)),
        ((1600, 170), 256, 8, (304, 32)),
        ((1600, 200), 256, 8, (256, 32)),
        ((16, 48), 256, 8, (32, 96)),
        ((20, 60), 32, 8, (32, 96)),
        ((1600, 50), 256, 8, (1024, 32)),
        ((1600, 50), 256, 1, (512, 16)),
        ((1600, 50), 256, 64, (8192, 256)),
        ((8, 8), 8, 1, (8, 8)),
        ((10**9, 10**9), 256, 8, (256, 256)),
    ],
)
def test_fit_size(size, limit, multiple, expected):
    assert fit_size(*size, max_size_px=limit, multiple=multiple) == expected


@pytest.mark.parametrize(("width", "limit", "multiple"), [(0, 256, 8), (99, 31, 8), (99, 256, 0)])
def test_fit_size_refuses(width, limit, multiple):
    with pytest.raises(ConfigError, match="fit_size: sizes must be positive"):
        fit_size(width, 50, max_size_px=limit, multiple=multiple)


@pytest.mark.parametrize("size", [(1601, 50), (16, 513), (10**9, 1)])
def test_fit_size_refuses_what_no_size_would_show(size):
    with pytest.raises(InputError, match=r"at most 32 times the other, got .*; hint: crop it"):
        fit_size(*size, max_size_px=256, multiple=8)


def test_sharpness():
    ramp = np.zeros((5, 6, 3), np.uint8)
    assert sharpness(ramp) == 0
    ramp += (3 * np.arange(6)[None, :, None] + 4 * np.arange(5)[:, None, None]).astype(np.uint8)
    assert sharpness(ramp) == pytest.approx(5)
    red = np.zeros((2, 2, 3), np.uint8)
    red[:, 1, 0] = 100
    assert sharpness(red) == pytest.approx(29.9)
    with pytest.raises(ShapeError, match="sides from 2, got shape"):
        sharpness(red[:1])
    with pytest.raises(DTypeError, match="must be uint8"):
        sharpness(red.astype(float))


# --- writing


@pytest.mark.parametrize("kind", ["png", "jpg", "jpeg", "webp", "PNG"])
def test_encode(photo, kind):
    content = encode_image(photo, format=kind)
    assert content == encode_image(photo, format=kind)
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == {"png": "PNG", "webp": "WEBP"}.get(kind.lower(), "JPEG")
        assert np.abs(np.asarray(image).astype(int) - photo).max() <= (0 if "n" in kind else 24)


def test_quality_matters(photo):
    assert len(encode_image(photo, format="jpg", quality=20)) < len(
        encode_image(photo, format="jpg", quality=95)
    )


def test_encode_takes_a_view(photo):
    with Image.open(io.BytesIO(encode_image(photo[::2, ::-1]))) as image:
        np.testing.assert_array_equal(np.asarray(image), photo[::2, ::-1])


def test_encode_refuses(photo):
    with pytest.raises(ConfigError, match="must be one of png, jpg, jpeg, webp, got 'bmp'"):
        encode_image(photo, format="bmp")
    for quality in (0, 101):
        with pytest.raises(ConfigError, match="quality: must be from 1 to 100"):
            encode_image(photo, quality=quality)
    wide = np.zeros((1, 16384, 3), np.uint8)
    with pytest.raises(OutputError, match="webp holds sides up to 16383 px, got 16384x1; hint"):
        encode_image(wide, format="webp")
    encode_image(wide, format="png")
    with pytest.raises(ShapeError):
        encode_image(photo[:, :, 0])


def test_save_image(tmp_path, photo):
    save_image(tmp_path / "a.png", photo)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png").rgb, photo)
    with pytest.raises(OutputError, match="must not exist yet"):
        save_image(tmp_path / "a.png", photo)
    save_image(tmp_path / "a.png", photo[:20], overwrite=True)
    assert load_image(tmp_path / "a.png").rgb.shape == (20, 64, 3)
    save_image(tmp_path / "no extension", photo, format="webp")
    for name in ("a.txt", "plain"):
        with pytest.raises(ConfigError, match="must be one of"):
            save_image(tmp_path / name, photo)
    assert len(list(tmp_path.iterdir())) == 2


# --- contact sheet


def test_contact_sheet_keeps_every_image_as_it_is():
    sizes = [(20, 30), (10, 50), (40, 10), (5, 5)]
    images = [np.full((*size, 3), 10 * k + 10, np.uint8) for k, size in enumerate(sizes)]
    sheet = contact_sheet(images, columns=2, gap_px=3, background=(1, 2, 3))
    assert sheet.shape == (3 + 20 + 3 + 40 + 3, 3 + 30 + 3 + 50 + 3, 3)
    for k, (top, left) in enumerate([(3, 3), (3, 36), (26, 3), (26, 16)]):
        height, width = sizes[k]
        np.testing.assert_array_equal(sheet[top : top + height, left : left + width], images[k])
        assert (sheet == 10 * k + 10).all(axis=2).sum() == height * width
    assert tuple(sheet[0, 0]) == (1, 2, 3)


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (3, 2), (4, 2), (9, 3), (10, 4)])
def test_contact_sheet_is_about_square(count, columns):
    sheet = contact_sheet([np.zeros((8, 8, 3), np.uint8)] * count, gap_px=0)
    assert sheet.shape[1] == 8 * columns


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0)])
def test_contact_sheet_labels(background):
    images = [np.full((20, 60, 3), 128, np.uint8)] * 2
    plain = contact_sheet(images, columns=2, background=background)
    sheet = contact_sheet(
        images, columns=2, background=background, labels=["seed 0", "é 漢\n" * 999]
    )
    assert sheet.shape == (plain.shape[0] + 14, *plain.shape[1:])
    for left in (8, 76):
        strip = sheet[28:42, left : left + 60]
        assert (strip != background).any()
    np.testing.assert_array_equal(sheet[:28], plain[:28])


def test_contact_sheet_refuses():
    image = np.zeros((8, 8, 3), np.uint8)
    for images in ([], [image[0]], [image, image[:, :, :2]], [image[:0]]):
        with pytest.raises(ShapeError, match="contact_sheet: images"):
            contact_sheet(images)
    with pytest.raises(DTypeError, match=r"images\[1\] must be uint8, got float64"):
        contact_sheet([image, image.astype(float)])
    for options in (
        {"columns": 0},
        {"gap_px": -1},
        {"background": (0, 0, 256)},
        {"labels": ["a", "b"]},
    ):
        with pytest.raises(ConfigError, match=f"contact_sheet: {next(iter(options))} must be"):
            contact_sheet([image], **options)


def test_everything_public_is_there():
    for name in imaging.__all__:
        assert hasattr(imaging, name)
