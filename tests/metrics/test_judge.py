from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from support.pictures import noise_picture

from petsgan_sdk.errors import ConfigError, InputError
from petsgan_sdk.metrics import (
    Judge,
    check_metrics,
    copy_rates,
    near_repeats,
    pixel_diversity,
    sharpness,
    ssim,
)

PIXELS = ("ssim", "diversity", "sharpness", "copy")
PHOTO = noise_picture(40, 48, seed=0)
SAMPLES = np.stack([PHOTO, PHOTO[:, ::-1], noise_picture(40, 48, seed=3)])


def test_names():
    assert check_metrics(["copy", "sifid", "copy"]) == ("sifid", "copy")
    with pytest.raises(ConfigError, match=r"must be some of sifid, .*, got 'blur', 'fid'"):
        check_metrics(["fid", "blur", "ssim"])
    with pytest.raises(ConfigError, match="got none"):
        check_metrics([])


def test_each_result_is_that_of_its_function():
    found = Judge(PIXELS)(SAMPLES, PHOTO)
    assert list(found) == [
        *("ssim", "ssim_mirror", "diversity", "sharpness"),
        *("copy", "copy_shifted", "copy_mirrored"),
    ]
    rates = [copy_rates(sample, PHOTO) for sample in SAMPLES]
    mirrored = PHOTO[:, ::-1]
    expected = {
        "ssim": [ssim(sample, PHOTO) for sample in SAMPLES],
        "ssim_mirror": [ssim(sample, mirrored) for sample in SAMPLES],
        "diversity": [pixel_diversity(SAMPLES, PHOTO)],
        "sharpness": sharpness(SAMPLES, PHOTO),
        "copy": [rate.unmoved for rate in rates],
        "copy_shifted": [rate.shifted for rate in rates],
        "copy_mirrored": [rate.mirrored for rate in rates],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[name].values, values)
        assert found[name].backbone is None
    assert found["diversity"].per == "set"
    assert found["ssim"].values[0] == pytest.approx(1) == found["ssim_mirror"].values[1]


@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_flat_photo_is_judged_by_what_it_has(level):
    flat = np.full((40, 48, 3), (level, 200, 7), np.uint8)
    judge = Judge(PIXELS)
    assert list(judge(SAMPLES, flat)) == [
        *("ssim", "ssim_mirror", "copy", "copy_shifted", "copy_mirrored")
    ]
    assert judge.undefined(flat).keys() == {"diversity", "sharpness"}
    assert judge.undefined(PHOTO) == {}
    with pytest.raises(InputError, match=r"^sharpness: the photo must not be of one colour"):
        Judge(["sharpness"])(SAMPLES, flat)


def test_samples_of_another_size_are_judged_as_they_are():
    judge = Judge((*PIXELS, "repeats"))
    found = judge(SAMPLES, PHOTO[:, :40])
    assert list(found) == ["repeats", "repeats_photo", "sharpness"]
    assert found["repeats"].values == tuple(near_repeats(sample) for sample in SAMPLES)
    assert found["repeats_photo"].per == "photo"
    assert found["repeats_photo"].values == (near_repeats(PHOTO[:, :40]),)
    left_out = judge.undefined(PHOTO[:, :40], sample_size=(48, 40))
    assert set(left_out) == {"ssim", "diversity", "copy"}


def test_json_types():
    for result in Judge(PIXELS)(SAMPLES, PHOTO).values():
        printed = json.loads(json.dumps(result.to_json(), allow_nan=False))
        assert printed["values"] == list(result.values)
        assert printed["median"] == result.summary.median


def test_all_metrics_check_before_any_is_measured():
    with pytest.raises(InputError, match=r"ssim: samples must have .*, 47x40, got 48x40"):
        Judge(["ssim", "copy"])(SAMPLES, PHOTO[:, 1:])
    with pytest.raises(InputError, match="diversity: at least 2 samples are needed, got 1"):
        Judge(PIXELS)(SAMPLES[:1], PHOTO)
    with pytest.raises(InputError, match="copy: an image must be at least 16x16 px"):
        Judge(["sharpness", "copy"])(SAMPLES[:, :15], PHOTO[:15])


def test_least_size_is_that_of_the_most_demanding():
    assert Judge(["sharpness", "copy"]).least_side_px == 16
    assert Judge(["sharpness"]).least_side_px == 2
    assert Judge(["sharpness", "diversity"]).least_count == 2
    assert Judge(["sharpness"]).least_count == 1


def test_no_pairs():
    with pytest.raises(ConfigError, match="number of pairs must be positive, got 0"):
        Judge(["ssim"], num_pairs=0)


WITHOUT_TORCH = """
import sys; sys.modules["torch"] = None
import numpy as np
from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.metrics import Judge
images = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3), dtype=np.uint8)
print(len(Judge(("ssim", "diversity", "sharpness", "copy"))(images[:2], images[2])))
for name in ("sifid", "lpips"):
    try:
        Judge([name])
    except BackendUnavailableError as exc:
        print(exc)
"""


def test_metrics_of_pixels_run_where_torch_is_not(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    hint = (
        'needs the package torch, which is not installed; hint: pip install "petsgan-sdk[metrics]"'
    )
    assert done.stdout.splitlines() == ["7", f"sifid: {hint}", f"lpips: {hint}"], done.stderr
