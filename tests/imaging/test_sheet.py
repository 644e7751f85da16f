from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk.errors import ConfigError, DTypeError, ShapeError
from petsgan_sdk.imaging import contact_sheet
from petsgan_sdk.imaging.sheet import ContactSheet


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


def test_larger_images_under_a_sheet_are_shrunk_as_its_own():
    sheet = ContactSheet(4, (2000, 100), least_columns=3)
    for index in range(4):
        sheet.add(index, np.full((100, 2000, 3), 50 * index + 50, np.uint8))
    assert sheet.scale == pytest.approx((4092 / 3 - 4) / 2000)
    whole = sheet.image_above(np.full((100, 6000, 3), 9, np.uint8))
    height, width = int(100 * sheet.scale), int(6000 * sheet.scale)
    assert whole.shape == (3 * height + 4 * 4, 3 * int(2000 * sheet.scale) + 4 * 4, 3)
    assert (whole[4 + 2 * (height + 4) : -4, 4 : 4 + width] == 9).all()
    assert (whole[4 : 4 + height, -4 - 9] == 150).all()


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
