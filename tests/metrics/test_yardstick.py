"""The numbers that real weights give on real photos, so that the unit cannot drift unnoticed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter
from support.metric_cases import INCEPTION, ST_LPIPS, shared
from support.paths import DATA

from petsgan_sdk.imaging import load_image
from petsgan_sdk.metrics import Judge
from petsgan_sdk.metrics.inception import load_inception
from petsgan_sdk.metrics.lpips_weights import load_lpips
from petsgan_sdk.metrics.sifid import Sifid


def photo(name):
    return load_image(shared(DATA / "images" / name)).rgb


def blurred(image, radius):
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


@pytest.fixture(scope="module")
def sifid():
    return Sifid(load_inception(shared(INCEPTION)), photo("places50_08.jpg"))


def test_sifid_of_changes_to_a_photo(sifid):
    image = photo("places50_08.jpg")
    half = image.shape[1] // 2
    grain = np.random.default_rng(0).normal(0, 5, image.shape)
    changes = {
        "same": (image, 0.0),
        "halves swapped": (np.concatenate([image[:, half:], image[:, :half]], axis=1), 0.50),
        "mirrored": (image[:, ::-1], 0.97),
        "grain of 5 levels": (np.clip(np.rint(image + grain), 0, 255).astype(np.uint8), 5.1),
        "blurred by 1 px": (blurred(image, 1), 11.7),
        "blurred by 3 px": (blurred(image, 3), 43.9),
    }
    for change, (changed, expected) in changes.items():
        assert sifid(changed[None])[0] == pytest.approx(expected, rel=0.02, abs=1e-6), change


def test_sifid_of_other_photos(sifid):
    expected = {"lsun50_33.jpg": 27.61, "singan_balloons.png": 51.25, "places50_15.jpg": 65.51}
    for name, value in expected.items():
        assert sifid(photo(name)[None])[0] == pytest.approx(value, rel=1e-3), name


def test_sifid_backbone_is_named(sifid):
    assert str(sifid.backbone) == "inception-v3-keras/pool1 5d9c484a211a"


def test_shift_tolerant_lpips_agrees_with_its_package():
    lpips = load_lpips(shared(ST_LPIPS))
    cat = photo("skimage_chelsea.png")
    # By the Python package stlpips-pytorch 0.0.2 with its own weights.
    cases = {
        "same": (cat, cat, 0.0),
        "mirrored": (cat, cat[:, ::-1], 0.55216765),
        "shifted by 2 px": (cat, np.roll(cat, 2, axis=1), 0.00999592),
        "inverted": (cat, 255 - cat, 0.63503152),
        "another patch": (cat[:64, :64], cat[100:164, 100:164], 0.79596710),
    }
    for case, (left, right, expected) in cases.items():
        assert lpips(left, right) == pytest.approx(expected, rel=1e-4, abs=1e-7), case
    assert str(lpips.backbone) == "st-lpips-alex cbafa5d3039a"


def test_the_judge_puts_backbones_beside_their_numbers():
    image = photo("places50_08.jpg")
    judge = Judge(["sifid", "sifid192", "lpips"], inception=INCEPTION, lpips=shared(ST_LPIPS))
    found = judge(np.stack([image, image[:, ::-1]]), image)
    assert {name: result.backbone for name, result in found.items()} == {
        "sifid": "inception-v3-keras/pool1 5d9c484a211a",
        "sifid192": "inception-v3-keras/conv4a 5d9c484a211a",
        "lpips": "st-lpips-alex cbafa5d3039a",
    }
    assert found["sifid"].values == pytest.approx((0, 0.974), abs=0.001)
    assert found["sifid192"].values == pytest.approx((0, 2.164), abs=0.001)
    assert judge.describe()["sifid"] == found["sifid"].backbone
    assert judge.least_side_px == 72
