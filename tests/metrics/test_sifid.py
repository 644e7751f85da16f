from __future__ import annotations

import numpy as np
import pytest
import torch
from support.metric_cases import (
    INCEPTION_LAYERS,
    keras_inception,
    save_safetensors,
    torch_inception,
)
from support.pictures import noise_picture
from support.torch_states import STATES, ambient_state
from torch import nn

from petsgan_sdk.errors import InputError
from petsgan_sdk.metrics.inception import load_inception
from petsgan_sdk.metrics.sifid import FeatureStatistics, Sifid, frechet_distance


def normal(mean, covariance):
    return FeatureStatistics(np.array(mean, float), np.array(covariance, float))


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        # Equal spread: the squared distance of the means.
        (normal([0, 0], np.eye(2)), normal([3, 4], np.eye(2)), 25),
        # Along axes: (1 - 2)^2 + (2 - 3)^2 of the standard deviations.
        (normal([0, 0], np.diag([1, 4])), normal([0, 0], np.diag([4, 9])), 2),
        # The product is 3 times the identity: 8 - 2 * 2 sqrt(3).
        (normal([0, 0], [[2, 1], [1, 2]]), normal([0, 0], [[2, -1], [-1, 2]]), 8 - 4 * 3**0.5),
        # Singular ones that do not commute: the product has the eigenvalues 1/2 and 0.
        (normal([0, 0], np.diag([1, 0])), normal([0, 0], [[0.5] * 2] * 2), 2 - 2**0.5),
        (normal([1, 2], np.zeros((2, 2))), normal([1, 2], np.zeros((2, 2))), 0),
    ],
)
def test_frechet_distance(left, right, expected):
    assert frechet_distance(left, right) == pytest.approx(expected, abs=1e-12)
    assert frechet_distance(right, left) == pytest.approx(expected, abs=1e-12)


def test_statistics_are_unbiased_and_in_double_precision():
    features = np.random.default_rng(0).normal(1000, 0.01, (50, 4)).astype(np.float32)
    found = FeatureStatistics.of(features)
    exact = features.astype(np.float64)
    np.testing.assert_allclose(found.mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(exact, rowvar=False), rtol=1e-9)


def layer_by_layer(arrays, image):
    """What pytorch-fid computes, with modules that are not folded."""
    strides, paddings = (2, 1, 1, 1, 1), (0, 0, 1, 0, 0)
    x, taps = image, []
    for number, (name, shape) in enumerate(INCEPTION_LAYERS):
        if number == 3:
            x = nn.MaxPool2d(3, 2)(x)
            taps.append(x)
        weight = torch.from_numpy(arrays[f"{name}.conv.weight"])
        norm = nn.BatchNorm2d(shape[0], eps=1e-3).eval()
        norm.load_state_dict(
            {
                key: torch.from_numpy(arrays[f"{name}.bn.{key}"])
                for key in ("weight", "bias", "running_mean", "running_var")
            },
            strict=False,
        )
        x = torch.relu(
            norm(nn.functional.conv2d(x, weight, None, strides[number], paddings[number]))
        )
    return dict(zip(("pool1", "conv4a"), [*taps, x], strict=True))


@pytest.mark.parametrize(("layer", "channels"), [("pool1", 64), ("conv4a", 192)])
def test_stem_is_the_network_with_its_norms_folded(layer, channels, tmp_path):
    arrays = torch_inception()
    file = save_safetensors(tmp_path / "inception.safetensors", arrays)
    image = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (2, 3, 45, 52)).astype("f4"))
    found = load_inception(file, layer=layer)(image)
    with torch.no_grad():
        expected = layer_by_layer(arrays, image)[layer]
    assert found.shape[1] == channels
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_the_two_namings_are_told_apart(tmp_path):
    arrays = torch_inception()
    for name, shape in INCEPTION_LAYERS:
        arrays[f"{name}.bn.weight"] = np.ones(shape[0], np.float32)  # Keras has none
    torch.save({key: torch.from_numpy(array) for key, array in arrays.items()}, tmp_path / "t.pth")
    from_torch = load_inception(tmp_path / "t.pth")
    keras = load_inception(save_safetensors(tmp_path / "k.safetensors", keras_inception()))
    image = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (1, 3, 44, 44)).astype("f4"))
    torch.testing.assert_close(from_torch(image), keras(image))
    assert from_torch.backbone.name == "inception-v3-torch/pool1"
    assert keras.backbone.name == "inception-v3-keras/pool1"
    assert from_torch.backbone.digest != keras.backbone.digest


@pytest.fixture(scope="module")
def inception(tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "inception.safetensors"
    return load_inception(save_safetensors(file, torch_inception()))


def test_sifid_is_zero_for_the_photo_and_grows_with_noise(inception):
    photo = noise_picture(48, 64, seed=0)
    rng = np.random.default_rng(1)
    grainy = [
        np.clip(photo + rng.normal(0, deviation, photo.shape), 0, 255).astype(np.uint8)
        for deviation in (0, 10, 40)
    ]
    same, some, much = Sifid(inception, photo)(np.stack(grainy))
    assert same == pytest.approx(0, abs=1e-9)
    assert 0 < 3 * some < much


@pytest.mark.parametrize("name", ["float64", "inference", "default device", "autocast"])
def test_the_callers_state_changes_nothing(name, inception, tmp_path):
    file = save_safetensors(tmp_path / "inception.safetensors", torch_inception())
    photo, sample = (noise_picture(64, 64, seed=seed) for seed in (0, 1))
    with STATES[name]():
        before = ambient_state()
        found = Sifid(load_inception(file), photo)(sample[None])
        assert ambient_state() == before
    np.testing.assert_array_equal(found, Sifid(inception, photo)(sample[None]))


def test_sifid_of_features_made_by_hand(inception):
    photo, sample = (noise_picture(44, 44, seed=seed) for seed in (1, 2))
    clouds = []
    for image in (photo, sample):
        signed = torch.from_numpy(image / np.float32(127.5) - np.float32(1)).permute(2, 0, 1)
        clouds.append(inception(signed[None])[0].flatten(1).T.double().numpy())
    assert clouds[0].shape == (81, 64)
    means = [cloud.mean(axis=0) for cloud in clouds]
    first, second = (np.cov(cloud, rowvar=False) for cloud in clouds)
    root = np.sqrt(np.linalg.eigvals(first @ second).real.clip(0)).sum()
    expected = ((means[0] - means[1]) ** 2).sum() + np.trace(first + second) - 2 * root
    found = Sifid(inception, photo)(sample[None])[0]
    assert found == pytest.approx(expected, rel=1e-6)


def test_too_small(inception):
    photo = noise_picture(44, 43, seed=0)
    with pytest.raises(InputError, match="sifid: an image must be at least 44x44 px, got 43x44"):
        Sifid(inception, photo)


def test_the_deeper_layer_needs_larger_images(tmp_path):
    file = save_safetensors(tmp_path / "inception.safetensors", torch_inception())
    deep = load_inception(file, layer="conv4a")
    with pytest.raises(InputError, match="sifid192: an image must be at least 72x72 px"):
        Sifid(deep, noise_picture(71, 80, seed=0))
