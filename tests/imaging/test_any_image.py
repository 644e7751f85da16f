from __future__ import annotations

import io
import itertools
import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from support.image_files import (
    DISPLAY_P3,
    exif_block,
    icc_profile,
    jpeg_with,
    png_with,
    smooth_photo,
    srgb_curve,
    tiff_file,
    tiff_tags,
)

from petsgan_sdk.errors import InputError
from petsgan_sdk.imaging import (
    contact_sheet,
    fit_size,
    load_image,
    resize,
    to_signed,
    to_u8,
)
from petsgan_sdk.settings.base import MAX_ASPECT

SIDES = st.integers(1, 24)
UNIT = st.floats(-1, 1, width=32)
METHODS = st.sampled_from(["lanczos", "bicubic", "bilinear", "area", "nearest"])


@given(
    width=st.integers(1, 10**6),
    aspect=st.floats(1, MAX_ASPECT),
    multiple=st.integers(1, 32),
    room=st.integers(0, 2000),
)
def test_fit_size(width, aspect, multiple, room):
    limit, height = 4 * multiple + room, int(width * aspect)
    out = fit_size(width, height, max_size_px=limit, multiple=multiple)
    assert out[::-1] == fit_size(height, width, max_size_px=limit, multiple=multiple)
    least = min(max(4, -(-16 // multiple)), limit // multiple) * multiple
    assert min(out) >= least
    scale = min(1, limit / max(width, height))
    if min(width, height) * scale < least:
        scale = least / min(width, height)
    else:
        assert max(out) <= limit
    for side, given_side in zip(out, (width, height), strict=True):
        assert side % multiple == 0
        if least < side and max(out) != limit // multiple * multiple:
            assert abs(side - given_side * scale) <= multiple / 2 + 1e-6
    assert fit_size(*out, max_size_px=limit, multiple=multiple) == out


@given(values=hnp.arrays(np.float32, st.integers(1, 50), elements=UNIT))
def test_u8_is_the_nearest_level(values):
    back = to_signed(to_u8(values))
    assert np.abs(back - values).max() <= 1 / 255 + 1e-6
    np.testing.assert_array_equal(to_u8(back), to_u8(values))


@given(height=SIDES, width=SIDES, size=st.tuples(SIDES, SIDES), method=METHODS, seed=st.integers(0))
def test_resize_shape_range_and_channels(height, width, size, method, seed):
    rng = np.random.default_rng(seed)
    image = rng.uniform(-1, 1, (height, width, 2)).astype(np.float32)
    out = resize(image, size, method=method, clamp=(-1, 1))
    assert out.shape == (size[1], size[0], 2)
    assert np.abs(out).max() <= 1
    np.testing.assert_array_equal(
        out[:, :, 1:], resize(image[:, :, 1:], size, method=method, clamp=(-1, 1))
    )
    pixels = to_u8(image)
    assert resize(pixels, size, method=method).dtype == np.uint8
    np.testing.assert_array_equal(resize(pixels, (width, height), method=method), pixels)


@given(
    sizes=st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=9),
    columns=st.none() | st.integers(1, 5),
    gap_px=st.integers(0, 5),
)
def test_contact_sheet_holds_every_pixel(sizes, columns, gap_px):
    images = [np.full((*size, 3), k + 1, np.uint8) for k, size in enumerate(sizes)]
    sheet = contact_sheet(images, columns=columns, gap_px=gap_px, background=(0, 0, 0))
    counts = np.bincount(sheet[:, :, 0].ravel(), minlength=len(sizes) + 1)
    assert counts[1:].tolist() == [height * width for height, width in sizes]


@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"]),
    position=st.floats(0, 1, exclude_max=True),
    value=st.integers(1, 255),
)
def test_a_damaged_file_is_an_error_or_an_image(tmp_path_factory, kind, position, value):
    file = io.BytesIO()
    Image.fromarray(np.arange(20 * 20 * 3, dtype=np.uint8).reshape(20, 20, 3)).save(file, kind)
    content = bytearray(file.getvalue())
    content[int(position * len(content))] ^= value
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    try:
        loaded = load_image(path, max_pixels=100_000)
    except InputError as exc:
        assert "\n" not in str(exc)  # noqa: PT017
    else:
        assert loaded.rgb.ndim == 3


def _tiff(dtype, order, packing):
    values = smooth_photo(20, 20).astype(dtype)
    rows = values.astype(order + dtype).reshape(20, -1)
    strips = [rows[top : top + 8].tobytes() for top in range(0, 20, 8)]
    strips = [zlib.compress(strip) for strip in strips] if packing == 8 else strips
    tags = tiff_tags(values, 2, t259=(3, [packing]), t278=(4, [8]), t274=(3, [6]))
    return tiff_file([(tags, strips)], order=order)


def _with_metadata(kind):
    profile = icc_profile("P3", srgb_curve(), DISPLAY_P3)
    exif = exif_block((0x0112, 3, 1, b"\6\0\0\0"), (0x8769, 4, 1, b"\x08\0\0\0"))
    image = Image.fromarray(smooth_photo(20, 20))
    if kind == "JPEG":
        return jpeg_with(image, (0xE1, exif), (0xE2, b"ICC_PROFILE\0\1\1" + profile))
    text = (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(exif.hex().encode()))
    return png_with(image, (b"eXIf", exif[6:]), text, (b"iCCP", b"x\0\0" + zlib.compress(profile)))


@given(
    content=st.sampled_from(
        [_with_metadata("JPEG"), _with_metadata("PNG")]
        + [_tiff(*way) for way in itertools.product(["u2", "i2", "f4"], "<>", [1, 8])]
    ),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)),
        min_size=1,
        max_size=4,
    ),
)
def test_damaged_tags_and_metadata_are_an_error_or_an_image(tmp_path_factory, content, changes):
    damaged = bytearray(content)
    for position, change in changes:
        at = int(position * len(damaged))
        damaged[at : at + len(change)] = change
    path = tmp_path_factory.getbasetemp() / "damaged tags"
    path.write_bytes(damaged)
    try:
        loaded = load_image(path, max_pixels=100_000)
    except InputError as exc:
        assert "\n" not in str(exc)  # noqa: PT017
    else:
        assert loaded.rgb.ndim == 3
        assert loaded.rgb.flags.c_contiguous
