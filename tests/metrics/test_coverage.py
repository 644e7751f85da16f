from __future__ import annotations

import numpy as np
import pytest
from support.metric_cases import save_safetensors, torch_inception
from support.pictures import noise_picture

from petsgan_sdk.errors import InputError
from petsgan_sdk.metrics.coverage import Coverage
from petsgan_sdk.metrics.inception import load_inception


@pytest.fixture(scope="module")
def stem(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "inception.safetensors"
    return load_inception(save_safetensors(path, torch_inception()))


@pytest.fixture(scope="module")
def photo():
    """Two halves of another colour and grain."""
    left, right = noise_picture(80, 60, seed=1), noise_picture(80, 60, seed=2)
    return np.concatenate([left // 3, 255 - right // 4], axis=1)


def by_hand(stem, image, photo):
    import torch  # noqa: PLC0415 - with the stem only

    def features(rgb):
        signed = torch.from_numpy(rgb.astype(np.float32) / 127.5 - 1)
        found = stem(signed.permute(2, 0, 1)[None])[0].flatten(1).T
        return found.double().numpy()

    own, other = features(photo), features(image)
    within = np.linalg.norm(own[:, None] - own[None], axis=2)
    reach = np.sort(within, axis=1)[:, 5]
    reach = np.maximum(reach, np.sort(reach)[(len(reach) - 1) // 2])
    hits = np.linalg.norm(other[:, None] - own[None], axis=2) <= reach
    return hits.any(axis=1).mean(), hits.any(axis=0).mean()


def test_the_photo_has_all_of_itself(stem, photo):
    found = Coverage(stem, photo)(photo)
    assert (found.precision, found.coverage) == (1, 1)


def test_it_is_the_definition_for_any_size(stem, photo):
    mixed = np.concatenate([photo[:, :50], noise_picture(80, 70, seed=9)], axis=1)
    for image in (mixed, mixed[:60], noise_picture(50, 130, seed=4)):
        found = Coverage(stem, photo)(image)
        expected = by_hand(stem, image, photo)
        assert (found.precision, found.coverage) == pytest.approx(expected, abs=2e-3)


def test_half_a_photo_is_precise_and_covers_half(stem, photo):
    half = Coverage(stem, photo)(np.tile(photo[:, :56], (1, 2, 1)))
    assert half.precision > 0.9
    assert 0.3 < half.coverage < 0.7
    foreign = Coverage(stem, photo)(np.full((80, 120, 3), (0, 255, 0), np.uint8))
    assert foreign.precision < 0.1
    assert foreign.coverage < 0.1


def test_too_small(stem, photo):
    with pytest.raises(InputError, match="must be at least 44x44 px, got 120x40"):
        Coverage(stem, photo[:40])(photo)
    with pytest.raises(InputError, match="must be at least 44x44 px, got 43x80"):
        Coverage(stem, photo)(photo[:, :43])
