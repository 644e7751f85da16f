from __future__ import annotations

import functools
import io
import struct
import threading
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
from PIL import GifImagePlugin, Image, TiffImagePlugin, features
from support.image_files import exif_block, jpeg_with, png_chunk, png_with, smooth_photo

from petsgan_sdk.errors import InputError
from petsgan_sdk.imaging import load_image
from petsgan_sdk.imaging.decoding.exif import orientation

PHOTO = smooth_photo()
UPRIGHT = "the image was turned upright (EXIF orientation 6)"


def loaded_from(folder, content, name="a.png"):
    (folder / name).write_bytes(content)
    return load_image(folder / name)


def encoded(kind, **options):
    file = io.BytesIO()
    Image.fromarray(PHOTO).save(file, kind, **options)
    return file.getvalue()


# --- much metadata


@functools.cache
def texts(size):
    packed = zlib.compress(bytes(size), 9)
    return [
        (b"tEXt", b"Comment\0" + bytes(size)),
        (b"zTXt", b"Raw profile type 8bim\0\0" + packed),
        (b"zTXt", b"Raw profile type exif\0\0" + packed),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed),
        (b"iTXt", b"Something\0\0\0\0\0" + bytes(size)),
        (b"prVt", bytes(size)),
    ]


@pytest.mark.parametrize("index", range(6))
def test_large_texts_of_a_png_do_not_matter(tmp_path, index):
    content = png_with(Image.fromarray(PHOTO), texts(3_000_000)[index])
    np.testing.assert_array_equal(loaded_from(tmp_path, content).rgb, PHOTO)


def test_many_texts_of_a_png_do_not_matter(tmp_path):
    chunk = texts(900_000)[1]
    content = png_with(Image.fromarray(PHOTO), *[chunk] * 90)  # 81 MB of text, as Pillow adds it
    loaded = loaded_from(tmp_path, content[:-12] + png_chunk(*chunk) * 9 + content[-12:])
    np.testing.assert_array_equal(loaded.rgb, PHOTO)
    assert loaded.notes == ()


@pytest.mark.parametrize("index", [1, 2, 3])
def test_texts_are_not_inflated_without_end(tmp_path, index):
    content = png_with(Image.fromarray(PHOTO), texts(60_000_000)[index])
    tracemalloc.start()
    loaded = loaded_from(tmp_path, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(loaded.rgb, PHOTO)
    assert peak < 40_000_000


def test_odd_chunks_of_a_png_do_not_matter(tmp_path):
    for kind in (b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"pHYs", b"cHRM", b"gAMA", b"sRGB", b"acTL"):
        for body in (b"", b"\0", b"\xff" * 9, b"key\0\7\7\7"):
            content = png_with(Image.fromarray(PHOTO), (kind, body))
            np.testing.assert_array_equal(loaded_from(tmp_path, content).rgb, PHOTO)


def test_refuses_a_png_of_endless_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr("petsgan_sdk.imaging.decoding.png_parts._MAX_CHUNKS", 50)
    with pytest.raises(InputError, match="over 50 chunks"):
        loaded_from(tmp_path, png_with(Image.fromarray(PHOTO), *[(b"tEXt", b"a\0b")] * 60))


def test_odd_segments_of_a_jpeg_do_not_matter(tmp_path):
    plain = loaded_from(tmp_path, encoded("JPEG"), "a.jpg")
    bodies = (
        b"",
        b"\0",
        b"Photoshop 3.0\0" + b"8BIM\4",
        b"MPF\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0M",
    )
    bodies += (b"ICC_PROFILE\0", b"ICC_PROFILE\0\2\3x", b"http://ns.adobe.com/xap/1.0/\0\xff")
    for marker in (0xE1, 0xE2, 0xE3, 0xED, 0xEF, 0xFE):
        for body in bodies:
            content = jpeg_with(Image.fromarray(PHOTO), (marker, body))
            loaded = loaded_from(tmp_path, content, "a.jpg")
            np.testing.assert_array_equal(loaded.rgb, plain.rgb)


def test_a_picture_in_a_picture_is_the_main_one(tmp_path):
    Image.fromarray(PHOTO).save(
        tmp_path / "a.jpg",
        "MPO",
        save_all=True,
        append_images=[Image.fromarray(PHOTO[::-1].copy())],
    )
    plain = loaded_from(tmp_path, encoded("JPEG"), "b.jpg")
    loaded = load_image(tmp_path / "a.jpg")
    np.testing.assert_array_equal(loaded.rgb, plain.rgb)
    assert loaded.notes == ()


def test_refuses_a_jpeg_of_endless_scans_and_not_what_follows_one(tmp_path, monkeypatch):
    content = encoded("JPEG", progressive=True)
    after = content + b"\xff\xda" * 3000  # such as the video of a live photo
    assert loaded_from(tmp_path, after, "a.jpg").notes == ()
    monkeypatch.setattr("petsgan_sdk.imaging.decoding.jpeg_parts._MAX_SCANS", 3)
    with pytest.raises(InputError, match="over 3 scans"):
        loaded_from(tmp_path, content, "a.jpg")


# --- which way up

TURNED = (0x0112, 3, 1, b"\6\0\0\0")


def with_exif(block):
    """The same photo in each format that has Exif; by name."""
    image = Image.fromarray(PHOTO)
    webp = encoded("WEBP", lossless=True, exif=b"II*\0")
    bare = block.removeprefix(b"Exif\0\0")
    at = webp.index(b"EXIF")
    body = bare + bytes(len(bare) % 2)
    webp = webp[:at] + b"EXIF" + struct.pack("<I", len(bare)) + body
    return {
        "a.png": png_with(image, (b"eXIf", bare)),
        "b.png": png_with(
            image,
            (
                b"zTXt",
                b"Raw profile type exif\0\0"
                + zlib.compress(f"\nexif\n{9:8}\n{block.hex()}".encode()),
            ),
        ),
        "a.jpg": jpeg_with(image, (0xE1, block), quality=100, subsampling=0),
        "a.webp": webp[:4] + struct.pack("<I", len(webp) - 8) + webp[8:],
    }


@pytest.mark.parametrize("name", ["a.png", "b.png", "a.jpg", "a.webp"])
@pytest.mark.parametrize(
    ("block", "is_turned"),
    [
        (exif_block(TURNED), True),
        (exif_block((0x0112, 3, 1, b"\0\6\0\0"), order=">"), True),
        (exif_block((0x0112, 4, 1, b"\6\0\0\0")), True),
        (exif_block((0x0112, 1, 1, b"\6\0\0\0")), True),
        (exif_block((0x0112, 2, 2, b"6\0\0\0")), False),  # text
        (exif_block((0x0112, 5, 1, b"\6\0\0\0")), False),  # a fraction, elsewhere
        (exif_block((0x0112, 3, 3, b"\6\0\0\0")), False),
        (exif_block((0x0112, 99, 1, b"\6\0\0\0")), False),
        (exif_block((0x0112, 3, 1, b"\0\0\0\0")), False),
        (exif_block((0x0112, 3, 1, b"\x63\0\0\0")), False),
        # Circles, places beyond the block, counts beyond everything, and a directory cut short.
        (exif_block((0x8769, 4, 1, b"\x08\0\0\0"), (0xA005, 4, 1, b"\x08\0\0\0"), TURNED), True),
        (exif_block((0x010F, 2, 2**32 - 1, b"\xff" * 4), TURNED), True),
        (exif_block((0x011A, 5, 2**31, b"\0" * 4), TURNED), True),
        (exif_block(TURNED, count=60_000), True),
        (exif_block(TURNED)[:-12], False),
        (b"Exif\0\0" + b"II*\0\xff\xff\xff\xff", False),
        (b"Exif\0\0", False),
        (b"Exif\0\0nonsense", False),
    ],
)
def test_only_the_orientation_of_exif_matters(tmp_path, name, block, is_turned):
    loaded = loaded_from(tmp_path, with_exif(block)[name], name)
    expected = np.rot90(PHOTO, -1) if is_turned else PHOTO
    assert loaded.rgb.shape == expected.shape
    assert np.abs(loaded.rgb.astype(int) - expected).max() <= (30 if name == "a.jpg" else 0)
    assert loaded.notes == ((UPRIGHT,) if is_turned else ())


def test_broken_exif_of_an_avif(tmp_path):
    if not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "maker", 6
    content = encoded("AVIF", exif=exif, quality=95)
    at = max(content.find(b"MM\0*"), content.find(b"II*\0"))
    expected = loaded_from(tmp_path, content, "a.avif")
    assert expected.notes == (UPRIGHT,)
    for broken in (b"XX*\0", b"II*\0"):
        damaged = content[:at] + broken + content[at + 4 :]
        loaded = loaded_from(tmp_path, damaged, "a.avif")
        np.testing.assert_array_equal(loaded.rgb, expected.rgb)
        assert loaded.notes == (UPRIGHT,)


def test_orientation_from_xmp_where_exif_has_none(tmp_path):
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    image = Image.fromarray(PHOTO)
    packed = (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp))
    files = {
        "a.png": png_with(image, packed),
        "a.jpg": jpeg_with(image, (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)),
    }
    for name, content in files.items():
        assert loaded_from(tmp_path, content, name).notes == (UPRIGHT,)
    upright = exif_block((0x0112, 3, 1, b"\1\0\0\0"))[6:]
    assert loaded_from(tmp_path, png_with(image, (b"eXIf", upright), packed)).notes == ()


def test_orientation_of_any_bytes():
    rng = np.random.default_rng(0)
    for _ in range(300):
        block = bytearray(exif_block(TURNED, TURNED))
        for _ in range(3):
            block[rng.integers(6, len(block))] = rng.integers(256)
        assert 1 <= orientation(bytes(block), bytes(block)) <= 8
    assert orientation(None) == 1


# --- frames


def test_frames_are_not_gone_through(tmp_path, monkeypatch):
    """What counted them was the slowest part of reading an animation."""

    def refuse(_self):
        raise AssertionError

    monkeypatch.setattr(GifImagePlugin.GifImageFile, "n_frames", property(refuse))
    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "n_frames", property(refuse))
    frames = [Image.fromarray(np.roll(PHOTO, k, axis=0)) for k in range(4)]
    for name in ("a.gif", "a.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert load_image(tmp_path / name).notes[0] == "the first of 4 frames was used"


def gif_of(count):
    still = io.BytesIO()
    Image.new("L", (16, 16), 9).save(still, "GIF")
    content = still.getvalue()
    at = content.index(b"\x2c")
    frame = b"\x21\xf9\4\0\0\0\0\0" + content[at:-1]
    return content[:at] + frame * count + b"\x3b"


@pytest.mark.parametrize(
    ("count", "found"),
    [(1, None), (2, "2"), (999, "999"), (1000, "over 999"), (50_000, "over 999")],
)
def test_many_frames_of_a_gif(tmp_path, count, found):
    notes = loaded_from(tmp_path, gif_of(count), "a.gif").notes
    frames = [note for note in notes if "frames" in note]
    assert frames == ([] if found is None else [f"the first of {found} frames was used"])


def test_a_png_has_as_many_frames_as_it_has(tmp_path):
    image = Image.fromarray(PHOTO)
    control = (b"acTL", struct.pack(">II", 2**31 - 1, 0))
    frame = (b"fcTL", struct.pack(">IIIIIHHBB", 0, 64, 48, 0, 0, 1, 1, 0, 0))
    assert loaded_from(tmp_path, png_with(image, control, frame)).notes == ()
    assert loaded_from(tmp_path, png_with(image, control)).notes == ()
    frames = [Image.fromarray(np.roll(PHOTO, k, axis=0)) for k in range(3)]
    frames[0].save(tmp_path / "b.png", save_all=True, append_images=frames[1:], default_image=True)
    loaded = load_image(tmp_path / "b.png")
    np.testing.assert_array_equal(loaded.rgb, PHOTO)
    assert loaded.notes == ("the first of 3 frames was used",)


# --- transparency


@pytest.mark.parametrize("name", ["a.tga", "a.bmp"])
def test_a_fourth_byte_of_zeros_is_no_transparency(tmp_path, name):
    rgba = np.dstack([PHOTO, np.zeros(PHOTO.shape[:2], np.uint8)])
    Image.fromarray(rgba).save(tmp_path / name)
    if name == "a.bmp":  # with a header that has a mask for a fourth channel
        pixels = rgba[::-1, :, [2, 1, 0, 3]].tobytes()
        head = struct.pack("<IiiHHIIiiII", 108, 64, 48, 1, 32, 3, len(pixels), 0, 0, 0, 0)
        head += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        start = b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122)
        (tmp_path / name).write_bytes(start + head.ljust(108, b"\0") + pixels)
    loaded = load_image(tmp_path / name)
    np.testing.assert_array_equal(loaded.rgb, PHOTO)
    assert loaded.alpha is None
    assert loaded.notes == ("the fourth channel, 0 everywhere, was not taken for transparency",)


def test_one_visible_pixel_makes_it_transparency(tmp_path):
    rgba = np.dstack([PHOTO, np.zeros(PHOTO.shape[:2], np.uint8)])
    rgba[5, 7, 3] = 255
    Image.fromarray(rgba).save(tmp_path / "a.tga")
    loaded = load_image(tmp_path / "a.tga")
    assert loaded.notes == ("transparency became white",)
    assert (loaded.alpha == rgba[:, :, 3]).all()
    assert (loaded.rgb.min(axis=2) < 255).sum() == 1


def test_transparency_that_begins_below(tmp_path):
    """The first bands of rows are opaque: their transparency is filled in afterwards."""
    rgba = np.full((1200, 1200, 4), 255, np.uint8)
    rgba[:, :, :3] = 77
    rgba[1100:, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "a.png", compress_level=1)
    loaded = load_image(tmp_path / "a.png")
    np.testing.assert_array_equal(loaded.alpha, rgba[:, :, 3])
    assert set(loaded.rgb[:1100].ravel()) == {77}
    assert set(loaded.rgb[1100:].ravel()) == {255}


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_grey_of_any_bits(tmp_path, bits):
    values = np.tile(np.arange(32) % 2 ** min(bits, 5), (16, 1)) * (1 if bits < 16 else 2000)
    rows = np.packbits(
        ((values[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1).reshape(16, -1).astype(np.uint8),
        axis=1,
    )
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    key = int(values[0, 1])
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 32, 16, bits, 0, 0, 0, 0)),
        (b"tRNS", struct.pack(">H", key)),
        (b"IDAT", zlib.compress(raw)),
        (b"IEND", b""),
    ]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)
    loaded = loaded_from(tmp_path, content)
    np.testing.assert_array_equal(loaded.alpha, np.where(values == key, 0, 255))
    assert (loaded.rgb[values == key] == 255).all()


# --- memory and threads


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16", "P"])
def test_nothing_is_held_twice(tmp_path, mode):
    """What numpy and Python hold beside the decoder's own image."""
    array = np.zeros((1500, 2000, {"RGB": 3, "RGBA": 4}.get(mode, 1)), np.uint8)
    image = Image.fromarray(array.squeeze().astype(np.uint16 if mode == "I;16" else np.uint8))
    (image.convert("P") if mode == "P" else image).save(tmp_path / "a.png", compress_level=1)
    tracemalloc.start()
    loaded = load_image(tmp_path / "a.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    result = loaded.rgb.nbytes + (0 if loaded.alpha is None else loaded.alpha.nbytes)
    assert peak < result + 25_000_000


def test_threads_leave_the_filters_of_warnings_alone(tmp_path):
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    filters = list(warnings.filters)
    threads = [
        threading.Thread(target=lambda: [load_image(tmp_path / "a.png") for _ in range(20)])
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == filters
