"""Photos that have nothing to learn are learned, and exported like any other."""

from __future__ import annotations

import pytest
from support.pictures import flat_pictures
from support.training_runs import tiny_exsingan, tiny_train

from petsgan_sdk.export import export_bundle
from petsgan_sdk.imaging import save_image
from petsgan_sdk.runtime import load

PICTURES = flat_pictures()


def exported(tmp_path, name, train, **settings):
    save_image(tmp_path / "photo.png", PICTURES[name])
    train(tmp_path / "photo.png", tmp_path / "model.pt", **settings)
    result = export_bundle(tmp_path / "model.pt", tmp_path / "model.petsgan")
    assert result.max_abs_diff < 1e-3
    return load(result.bundle).sample(2, seed=0)


def test_fast(tmp_path):
    assert exported(tmp_path, "dots", tiny_train, steps=4).shape == (2, 48, 48, 3)


def test_paper_whose_norms_see_no_variance(tmp_path):
    exported(tmp_path, "wall", tiny_train, preset="paper", steps=6)


@pytest.mark.parametrize(
    "mix",
    [
        {"stages.semantic": 0, "stages.texture": 1},
        pytest.param({}, marks=pytest.mark.slow),
    ],
    ids=["two stages", "all"],
)
def test_a_pyramid(mix, tmp_path):
    exported(tmp_path, "white", tiny_exsingan, preset="paper", steps=8, overrides=mix)
