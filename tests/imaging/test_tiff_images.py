from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image
from support.image_files import smooth_photo, tiff_file, tiff_tags

from petsgan_sdk.errors import InputError
from petsgan_sdk.imaging import load_image

WIDTH, HEIGHT = 40, 30
ORDERS = pytest.mark.parametrize("order", ["<", ">"])


def loaded_from(folder, pages, **options):
    (folder / "a.tif").write_bytes(tiff_file(pages, **options))
    return load_image(folder / "a.tif")


def ramp(full):
    """`[H, W, 1]` float64 from 0 to full, row by row."""
    return np.linspace(0, full, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH, 1)


def levels(values, low, high):
    low, high = float(low), float(high)
    scaled = np.floor((values.astype(float) - low) * (255 / (high - low)) + 0.5)
    return np.broadcast_to(scaled, (*values.shape[:2], 3))


def packed(values, bits):
    """Samples `[H, W, count]` one after the other, the highest bit first, rows from a byte on."""
    lines = values.reshape(len(values), -1, 1).astype(np.int64)
    digits = (lines >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(digits.reshape(len(values), -1).astype(np.uint8), axis=1).tobytes()


@ORDERS
@pytest.mark.parametrize("bits", [9, 10, 11, 12, 13, 14, 15, 16])
@pytest.mark.parametrize("photometric", [0, 1])
def test_grey_of_any_bits_is_scaled_by_its_full_range(tmp_path, order, bits, photometric):
    full = 2**bits - 1
    values = ramp(full * 0.75).round().astype(np.uint16)  # never white: no range of its own
    tags = tiff_tags(values, photometric, t258=(3, [bits]))
    data = values.astype(order + "u2").tobytes() if bits == 16 else packed(values, bits)
    loaded = loaded_from(tmp_path, [(tags, [data])], order=order)
    expected = levels(full - values if photometric == 0 else values, 0, full)
    np.testing.assert_array_equal(loaded.rgb, expected)
    note = f"{bits}-bit greyscale was scaled to 8 bits and converted to RGB"
    assert loaded.notes == (note,)


@ORDERS
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("packing", [1, 8])
def test_white_may_be_zero_in_few_bits(tmp_path, order, bits, packing):
    full = 2**bits - 1
    values = ramp(full).round().astype(np.uint8)
    data = packed(values, bits)
    tags = tiff_tags(values, 0, t258=(3, [bits]), t259=(3, [packing]))
    data = zlib.compress(data) if packing == 8 else data
    loaded = loaded_from(tmp_path, [(tags, [data])], order=order)
    np.testing.assert_array_equal(loaded.rgb, levels(full - values, 0, full))


@ORDERS
@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "u4", "u8", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize(("photometric", "count"), [(0, 1), (1, 1), (2, 3)])
def test_numbers_without_a_range_of_their_kind_are_scaled_by_their_own(
    tmp_path, order, dtype, photometric, count
):
    low, high = (0, 200) if dtype[0] == "u" else (-100, 100)
    ramps = low + ramp(high - low) * np.array([1, 0.5, 0.25])[:count]
    values = ramps.astype(dtype)
    data = values.astype(order + dtype).tobytes()
    loaded = loaded_from(tmp_path, [(tiff_tags(values, photometric), [data])], order=order)
    expected = levels(values, values.min(), values.max())
    expected = 255 - expected if photometric == 0 else expected
    assert np.abs(loaded.rgb - expected).max() <= (photometric == 0)  # halves round the other way
    what = "grey values" if count == 1 else "values"
    assert loaded.notes[0].startswith(f"{what} from {values.min():g} to {values.max():g} were")


def test_unsigned_numbers_above_half_are_not_negative(tmp_path):
    values = (2**31 - 500 + ramp(1000)).astype(np.uint32)
    loaded = loaded_from(tmp_path, [(tiff_tags(values, 1), [values.tobytes()])])
    np.testing.assert_array_equal(loaded.rgb, levels(values, values.min(), values.max()))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("photometric", "count"), [(1, 1), (2, 3)])
def test_refuses_what_is_no_number(tmp_path, value, photometric, count):
    values = np.zeros((HEIGHT, WIDTH, count), np.float32)
    values[-1, -1, -1] = value
    with pytest.raises(InputError, match="must be an image of finite values, got infinity or NaN"):
        loaded_from(tmp_path, [(tiff_tags(values, photometric), [values.tobytes()])])


def differences(values, count):
    """The predictor of integers."""
    lines = values.reshape(len(values), -1, count)
    first = np.zeros_like(lines[:, :1])
    return np.diff(lines, axis=1, prepend=first).reshape(len(values), -1)


def float_differences(values, count):
    """The predictor of floats: bytes by their weight, then differences."""
    size = values.dtype.itemsize
    big = values.reshape(len(values), -1).astype(f">f{size}")
    by_weight = big.view(np.uint8).reshape(len(values), -1, size).transpose(0, 2, 1)
    return differences(np.ascontiguousarray(by_weight).reshape(len(values), -1), count)


@ORDERS
@pytest.mark.parametrize("layout", ["strips", "tiles"])
@pytest.mark.parametrize("is_planar", [False, True])
@pytest.mark.parametrize("packing", ["none", "deflate", "packbits"])
@pytest.mark.parametrize(
    ("dtype", "predictor"), [("u2", 1), ("u2", 2), ("f4", 1), ("f4", 3), ("u4", 2), ("f2", 3)]
)
def test_colours_in_strips_tiles_planes_and_packings(
    tmp_path, order, layout, is_planar, packing, dtype, predictor
):
    photo = smooth_photo(WIDTH, HEIGHT).astype(float)
    alpha = np.full((HEIGHT, WIDTH, 1), 1 if dtype[0] == "f" else 2 ** (8 * int(dtype[1])) - 1)
    values = np.concatenate([photo * (257 if dtype == "u2" else 1), alpha], axis=2).astype(dtype)
    tags = tiff_tags(values, 2, t338=(3, [2]), t317=(3, [predictor]))
    tags[284] = (3, [2 if is_planar else 1])
    planes = [values[:, :, k : k + 1] for k in range(4)] if is_planar else [values]
    if layout == "strips":
        tags[278] = (4, [7])
        blocks = [plane[top : top + 7] for plane in planes for top in range(0, HEIGHT, 7)]
    else:
        del tags[278]
        tags |= {322: (4, [16]), 323: (4, [32])}
        wide = [np.pad(plane, ((0, 2), (0, 8), (0, 0)), mode="edge") for plane in planes]
        blocks = [plane[:, left : left + 16] for plane in wide for left in range(0, 48, 16)]
    packed_blocks = []
    for block in blocks:
        lines = np.ascontiguousarray(block)
        if packing != "deflate":  # others have no predictor, whatever the tag says
            data = lines.astype(order + dtype).tobytes()
        elif predictor == 2:
            data = differences(lines, lines.shape[2]).astype(order + dtype).tobytes()
        elif predictor == 3:
            data = float_differences(lines, lines.shape[2]).tobytes()
        else:
            data = lines.astype(order + dtype).tobytes()
        if packing == "deflate":
            data = zlib.compress(data)
        elif packing == "packbits":  # runs of literal bytes
            parts = [data[k : k + 128] for k in range(0, len(data), 128)]
            data = b"".join(bytes([len(part) - 1]) + part for part in parts)
        packed_blocks.append(data)
    tags[259] = (3, [{"none": 1, "deflate": 8, "packbits": 32773}[packing]])
    loaded = loaded_from(tmp_path, [(tags, packed_blocks)], order=order)
    colours = values[:, :, :3]
    high = 65535 if dtype == "u2" else colours.max()
    low = 0 if dtype == "u2" else colours.min()
    # 16 bits together are Pillow's, which cuts the lower ones off.
    tolerance = 1 if dtype == "u2" else 0
    assert np.abs(loaded.rgb - levels(colours, low, high)).max() <= tolerance
    assert loaded.alpha is None


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "zstd", "lzma"])
def test_packings_of_pillow(tmp_path, compression):
    grey = ramp(65535).round().astype(np.uint16)[:, :, 0]
    try:
        Image.fromarray(grey).save(tmp_path / "a.tif", compression=compression)
    except OSError:
        pytest.skip(f"this Pillow was built without {compression}")
    np.testing.assert_array_equal(
        load_image(tmp_path / "a.tif").rgb, levels(grey[:, :, None], 0, 65535)
    )


@ORDERS
def test_big_tiff(tmp_path, order):
    for values, photometric in ((smooth_photo(), 2), (ramp(65535).astype(np.uint16), 1)):
        data = values.astype(values.dtype.newbyteorder(order)).tobytes()
        loaded = loaded_from(
            tmp_path, [(tiff_tags(values, photometric), [data])], order=order, is_big=True
        )
        full = np.iinfo(values.dtype).max
        np.testing.assert_array_equal(loaded.rgb, levels(values, 0, full))


@pytest.mark.parametrize("packing", [1, 8])
def test_the_lowest_bit_may_come_first(tmp_path, packing):
    values = ramp(4095).round().astype(np.uint16)
    data = packed(values, 12)
    data = zlib.compress(data) if packing == 8 else data
    turned = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)
    tags = tiff_tags(values, 1, t258=(3, [12]), t266=(3, [2]), t259=(3, [packing]))
    loaded = loaded_from(tmp_path, [(tags, [turned])])
    np.testing.assert_array_equal(loaded.rgb, levels(values, 0, 4095))


@pytest.mark.parametrize("is_planar", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_cmyk(tmp_path, is_planar, dtype):
    inks = np.asarray(Image.fromarray(smooth_photo()).convert("CMYK"))
    values = inks.astype(np.uint16) * 257 if dtype == "u2" else inks
    planes = [values[:, :, k].tobytes() for k in range(4)] if is_planar else [values.tobytes()]
    tags = tiff_tags(values, 5, t284=(3, [2 if is_planar else 1]))
    loaded = loaded_from(tmp_path, [(tags, planes)])
    np.testing.assert_array_equal(loaded.rgb, smooth_photo())
    assert loaded.notes[-1] == "CMYK was converted to RGB"


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f4"])
@pytest.mark.parametrize("photometric", [1, 2])
@pytest.mark.parametrize("kind", [0, 1, 2])
def test_what_further_samples_are_is_said_by_their_tag(tmp_path, dtype, photometric, kind):
    count = 1 if photometric == 1 else 3
    full = {"u1": 255, "u2": 65535, "u4": 2**32 - 1, "f4": 1.0}[dtype]
    colours = smooth_photo()[:, :, :count] / 255
    colours[0, 0], colours[0, 1] = 0, 1  # so that their own range is all of it
    share = np.full((48, 64, 1), 0.5)
    share[0] = 1
    stored = np.concatenate([colours * share if kind == 1 else colours, share], axis=2)
    values = (stored * full).round().astype(dtype) if dtype[0] == "u" else stored.astype(dtype)
    tags = tiff_tags(values, photometric, t338=(3, [kind]))
    loaded = loaded_from(tmp_path, [(tags, [values.tobytes()])])
    seen = colours if kind == 0 else colours * share + 1 - share
    assert np.abs(loaded.rgb - np.broadcast_to(255 * seen, (48, 64, 3))).max() <= 3
    assert (loaded.alpha is None) == (kind == 0)


def test_a_fourth_channel_of_zeros_that_no_tag_explains_is_none(tmp_path):
    values = np.dstack([smooth_photo(), np.zeros((48, 64), np.uint8)])
    loaded = loaded_from(tmp_path, [(tiff_tags(values, 2), [values.tobytes()])])
    np.testing.assert_array_equal(loaded.rgb, smooth_photo())
    assert loaded.alpha is None
    assert loaded.notes == ("the fourth channel, 0 everywhere, was not taken for transparency",)
    explained = tiff_tags(values, 2, t338=(3, [2]))
    loaded = loaded_from(tmp_path, [(explained, [values.tobytes()])])
    assert (loaded.rgb == 255).all()
    assert not loaded.alpha.any()


@ORDERS
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("orientation", range(10))
def test_orientation(tmp_path, order, dtype, orientation):
    photo = smooth_photo()
    values = photo.astype(dtype)
    tags = tiff_tags(values, 2, t274=(3, [orientation]))
    data = values.astype(order + dtype).tobytes()
    loaded = loaded_from(tmp_path, [(tags, [data])], order=order)
    plain = loaded_from(tmp_path, [(tiff_tags(values, 2), [data])], order=order).rgb
    steps = {2: (0, 1), 3: (2, 0), 4: (2, 1), 5: (3, 1), 6: (3, 0), 7: (1, 1), 8: (1, 0)}
    turns, is_mirrored = steps.get(orientation, (0, 0))
    turned = np.rot90(plain, turns)
    np.testing.assert_array_equal(loaded.rgb, turned[:, ::-1] if is_mirrored else turned)
    note = f"the image was turned upright (EXIF orientation {orientation})"
    assert (note in loaded.notes) == (2 <= orientation <= 8)


def page_of(photo, **further):
    return tiff_tags(photo, 2, **further), [photo.tobytes()]


def test_a_thumbnail_before_the_picture_is_passed_over(tmp_path):
    photo, small = smooth_photo(), smooth_photo(20, 16)
    thumbnail, mask = page_of(small, t254=(4, [1])), page_of(small, t254=(4, [4]))
    loaded = loaded_from(tmp_path, [thumbnail, mask, page_of(photo)])
    np.testing.assert_array_equal(loaded.rgb, photo)
    assert loaded.notes == ()
    inner = ({**thumbnail[0], 330: [page_of(photo)]}, thumbnail[1])
    np.testing.assert_array_equal(loaded_from(tmp_path, [inner]).rgb, photo)
    loaded = loaded_from(tmp_path, [thumbnail])
    assert loaded.notes == ("the file says that this is the thumbnail of another image",)
    pyramid = ({**page_of(photo)[0], 330: [thumbnail]}, [photo.tobytes()])
    np.testing.assert_array_equal(loaded_from(tmp_path, [pyramid]).rgb, photo)
    pages = [page_of(photo), page_of(photo[::-1].copy()), thumbnail]
    assert loaded_from(tmp_path, pages).notes == ("the first of 2 frames was used",)


@ORDERS
@pytest.mark.parametrize("photometric", [32803, 34892])
@pytest.mark.parametrize("where", ["below", "after", "version"])
def test_the_thumbnail_of_a_raw_photo_is_not_the_photo(tmp_path, order, photometric, where):
    small, sensor = smooth_photo(20, 16), np.zeros((48, 64, 1), np.uint16)
    raw = (tiff_tags(sensor, photometric), [sensor.tobytes()])
    tags, blocks = page_of(small, t254=(4, [1]))
    pages = {
        "below": [({**tags, 330: [page_of(small), raw]}, blocks)],
        "after": [(tags, blocks), raw],
        "version": [({**tags, 254: (4, [0]), 50706: (1, [1, 4, 0, 0])}, blocks)],
    }[where]
    with pytest.raises(InputError, match=r"got a raw photo of a camera, .*; hint: develop it"):
        loaded_from(tmp_path, pages, order=order)


def test_odd_metadata_does_not_matter(tmp_path):
    photo = smooth_photo()
    tags, blocks = page_of(photo)
    far = (4, [2**32 - 1])
    for odd in (
        {34665: far},  # Exif beyond the file
        {34665: (4, [8]), 34853: (4, [8]), 330: (4, [8] * 5000)},  # circles
        {700: (1, [0] * 5), 270: (2, [255] * 99), 34377: (1, [1, 2, 3])},
        {274: (2, [54])},  # an orientation that is text
        {274: (3, [6, 6])},
    ):
        loaded = loaded_from(tmp_path, [({**tags, **odd}, blocks)])
        assert loaded.rgb.size == photo.size
        if 274 not in odd:
            np.testing.assert_array_equal(loaded.rgb, photo)
    content = bytearray(tiff_file([({**tags, 305: (2, [65] * 20)}, blocks)]))
    at = content.index(struct.pack("<HHI", 305, 2, 20))
    content[at + 4 : at + 8] = b"\xff\xff\xff\xff"  # a text of four gigabytes
    (tmp_path / "a.tif").write_bytes(content)
    np.testing.assert_array_equal(load_image(tmp_path / "a.tif").rgb, photo)


def test_pages_that_lead_in_circles_or_are_many(tmp_path):
    photo = smooth_photo(16, 16)
    content = bytearray(tiff_file([page_of(photo), page_of(photo)]))
    second = content.rindex(struct.pack("<HHI", 256, 4, 1)) - 2
    (count,) = struct.unpack_from("<H", content, second)
    content[second + 2 + 12 * count :][:4] = content[4:8]
    content[second + 2 + 12 * count : second + 6 + 12 * count] = content[4:8]
    (tmp_path / "a.tif").write_bytes(content)
    assert load_image(tmp_path / "a.tif").notes == ("the first of 2 frames was used",)
    loaded = loaded_from(tmp_path, [page_of(photo)] * 1500)
    assert loaded.notes == ("the first of over 999 frames was used",)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("packing", [1, 8])
def test_refuses_what_is_cut_short(tmp_path, dtype, packing):
    values = smooth_photo().astype(dtype)
    data = values.tobytes()
    cut = zlib.compress(data)[:-200] if packing == 8 else b""
    tags = tiff_tags(values, 2, t259=(3, [packing]))
    if packing == 1:
        tags[273] = (4, [10_000_000])
    with pytest.raises(InputError, match="must be a whole image, got a damaged or truncated one"):
        loaded_from(tmp_path, [(tags, [cut])])
    tags[278] = (4, [10])  # five strips, of which one is there
    with pytest.raises(InputError, match="must be a whole image"):
        loaded_from(tmp_path, [(tags, [data[: len(data) // 5]])])


def test_refuses_large_ones_from_the_tags(tmp_path):
    for dtype in ("u1", "f4"):
        tags = tiff_tags(np.zeros((16, 16, 1), dtype), 1) | {256: (4, [10**6]), 257: (4, [10**6])}
        with pytest.raises(InputError, match="megapixels"):
            loaded_from(tmp_path, [(tags, [b""])])


def test_little_more_than_the_result_is_held(tmp_path):
    side = 2000
    values = np.tile(np.linspace(0, 1, side, dtype=np.float32), (side, 1))[:, :, None]
    (tmp_path / "a.tif").write_bytes(
        tiff_file([(tiff_tags(values, 1, t259=(3, [8])), [zlib.compress(values, 1)])])
    )
    tracemalloc.start()
    load_image(tmp_path / "a.tif")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 44_000_000  # 12 MB of result and some rows; as float64 the image has 32
