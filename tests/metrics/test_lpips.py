from __future__ import annotations

import tracemalloc
import weakref
from itertools import combinations

import numpy as np
import pytest
import torch
from support.metric_cases import random_like, random_linear, save_safetensors
from support.pictures import noise_picture
from support.torch_states import STATES, ambient_state
from torch import nn

from petsgan_sdk.errors import ConfigError, InputError
from petsgan_sdk.metrics import lpips as lpips_module
from petsgan_sdk.metrics.lpips import Lpips, choose_pairs
from petsgan_sdk.metrics.lpips_networks import (
    NETWORKS,
    BlurPool,
    PerceptualNetwork,
    shift_tolerant_alexnet,
)
from petsgan_sdk.metrics.lpips_weights import load_lpips
from petsgan_sdk.metrics.weights import Backbone

# The distance of two pictures by the Python packages lpips 0.1.4 and stlpips-pytorch 0.0.2, given
# the weights of `random_like` and `random_linear`.
BY_PACKAGES = {
    "alex": 0.20131970942020416,
    "vgg": 0.18405984342098236,
    "squeeze": 0.17646148800849915,
    "st": 0.22988496720790863,
}
PICTURES = noise_picture(72, 80, seed=1), noise_picture(72, 80, seed=2)


def shapes(network):
    return {key: tensor.shape for key, tensor in network.state_dict().items()}


def plain_files(folder, kind):
    network = NETWORKS[kind]()
    weights = random_like(shapes(network))
    backbone = save_safetensors(folder / f"{kind}.safetensors", weights)
    linear = random_linear(network.channels)
    return save_safetensors(folder / f"{kind}_lin.safetensors", linear), backbone


def shift_tolerant_file(folder):
    network = shift_tolerant_alexnet()
    learned = {key: shape for key, shape in shapes(network).items() if not key.endswith("filt")}
    slices = {0: 1, 5: 2, 9: 3, 11: 4, 13: 5}
    arrays = {}
    for key, array in random_like(learned).items():
        _, number, part = key.split(".")
        arrays[f"net.slice{slices[int(number)]}.{number}.{part}"] = array
    for slot, number, channels in ((1, 1, 64), (2, 4, 64), (3, 8, 192)):
        line = np.array([1, 2, 1], np.float32) / 4
        filters = np.outer(line, line)[None, None].repeat(channels, axis=0)
        arrays[f"net.slice{slot}.{number}.filt"] = filters
    arrays |= random_linear(network.channels)
    return save_safetensors(folder / "st.safetensors", arrays)


@pytest.mark.parametrize("kind", NETWORKS)
def test_plain_form_agrees_with_its_package(kind, tmp_path):
    linear, backbone = plain_files(tmp_path, kind)
    lpips = load_lpips(linear, backbone=backbone)
    assert lpips(*PICTURES) == pytest.approx(BY_PACKAGES[kind], rel=1e-4)
    assert lpips(PICTURES[0], PICTURES[0]) == 0
    assert lpips.backbone.name == f"lpips-{kind}"


def test_shift_tolerant_form_agrees_with_its_package(tmp_path):
    lpips = load_lpips(shift_tolerant_file(tmp_path))
    assert lpips(*PICTURES) == pytest.approx(BY_PACKAGES["st"], rel=1e-4)
    assert lpips.backbone.name == "st-lpips-alex"


@pytest.mark.parametrize("name", ["float64", "inference", "default device", "autocast"])
def test_the_callers_state_changes_nothing(name, tmp_path):
    file = shift_tolerant_file(tmp_path)
    with STATES[name]():
        before = ambient_state()
        found = load_lpips(file)(*PICTURES)
        assert ambient_state() == before
    assert found == load_lpips(file)(*PICTURES)


def test_linear_weights_of_several_networks_in_one_file(tmp_path):
    _, backbone = plain_files(tmp_path, "alex")
    channels = NETWORKS["alex"]().channels
    both = random_linear(channels, prefix="alex.") | random_linear(channels, prefix="vgg.", seed=9)
    lpips = load_lpips(save_safetensors(tmp_path / "lin.safetensors", both), backbone=backbone)
    assert lpips(*PICTURES) == pytest.approx(BY_PACKAGES["alex"], rel=1e-4)


def identity_lpips(weights):
    """LPIPS that compares the normalised colours themselves."""
    network = PerceptualNetwork([nn.Identity()], (0,), (3,))
    return Lpips(network, [torch.tensor(weights)], Backbone("identity", "0" * 12))


def test_distance_by_hand():
    def features(rgb):
        signed = np.array(rgb) / 127.5 - 1
        scaled = (signed - [-0.030, -0.088, -0.188]) / [0.458, 0.448, 0.450]
        return scaled / np.sqrt((scaled**2).sum())

    left, right = np.zeros((2, 64, 64, 3), np.uint8)
    left[:], right[:] = (255, 0, 30), (10, 200, 90)
    right[:32] = left[:32]  # half of the positions differ
    expected = (np.array([1, 2, 0.5]) * (features(left[0, 0]) - features(right[-1, 0])) ** 2).sum()
    found = identity_lpips([1.0, 2.0, 0.5])(left, right)
    assert found == pytest.approx(expected / 2, rel=1e-5)


def test_pairwise_is_the_distance_of_each_pair():
    lpips = identity_lpips([1.0, 1.0, 1.0])
    images = np.stack([noise_picture(64, 70, seed=seed) for seed in range(3)])
    expected = [lpips(images[a], images[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(lpips.pairwise(images), expected)
    assert len(lpips.pairwise(images, num_pairs=2)) == 2


def test_pairs():
    assert choose_pairs(4) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    drawn = choose_pairs(36, num_pairs=50, seed=3)
    assert len(set(drawn)) == 50
    assert drawn == sorted(drawn) == choose_pairs(36, num_pairs=50, seed=3)
    assert drawn != choose_pairs(36, num_pairs=50, seed=4)
    assert choose_pairs(3, num_pairs=99) == choose_pairs(3)
    with pytest.raises(ConfigError, match="number of pairs must be positive, got 0"):
        choose_pairs(3, num_pairs=0)


def test_blur_pool_of_an_impulse():
    image = torch.zeros(1, 2, 9, 10)
    image[0, 1, 4, 4] = 16
    found = BlurPool(2)(image)
    assert found.shape == (1, 2, 6, 6)
    assert not found[0, 0].any()
    # Padded by 2, the impulse lies at (6, 6): it is a corner of the windows from 4 and from 6.
    expected = torch.zeros(6, 6)
    expected[2:4, 2:4] = 1
    torch.testing.assert_close(found[0, 1], expected)


def test_blur_pool_reflects_borders():
    ramp = torch.arange(6.0).expand(1, 1, 6, 6)
    # Reflected by 2: 2 1 0 1 2 3 4 5 4 3; blurred at every second: 1 1 3 4.5.
    torch.testing.assert_close(BlurPool(1)(ramp)[0, 0, 0], torch.tensor([1, 1, 3, 4.5]))


def test_what_is_refused():
    lpips = identity_lpips([1.0, 1.0, 1.0])
    small, image = noise_picture(63, 64, seed=0), noise_picture(64, 64, seed=0)
    with pytest.raises(InputError, match="lpips: an image must be at least 64x64 px, got 64x63"):
        lpips(small, small)
    with pytest.raises(InputError, match="images must have one size, got 64x64 and 65x64"):
        lpips(image, noise_picture(64, 65, seed=0))
    with pytest.raises(InputError, match="at least 2 samples are needed, got 1"):
        lpips.pairwise(image[None])


def test_pairs_are_drawn_from_the_list_of_all_which_is_not_made():
    for count in (2, 3, 4, 9, 31):
        everything = list(combinations(range(count), 2))
        for number in range(1, len(everything)):
            drawn = np.random.default_rng(5).choice(len(everything), number, replace=False)
            expected = [everything[k] for k in sorted(drawn)]
            assert choose_pairs(count, num_pairs=number, seed=5) == expected
    tracemalloc.start()
    try:
        drawn = choose_pairs(1_000_000, num_pairs=20)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert len(set(drawn)) == 20
    assert all(0 <= a < b < 1_000_000 for a, b in drawn)


def counted(lpips, monkeypatch):
    """What features are made of, and how many samples have some at the same time at most."""
    made, alive, most = [], set(), []
    features = lpips._features

    def counting(image):
        found = features(image)
        key = object()
        made.append(int(image[0, 0, 0]))
        alive.add(id(key))
        weakref.finalize(found[0], alive.discard, id(key))
        most.append(len(alive))
        return found

    monkeypatch.setattr(lpips, "_features", counting)
    return made, most


@pytest.mark.parametrize("held", [1, 4, 7, 20, 100])
@pytest.mark.parametrize("num_pairs", [None, 12])
def test_features_are_held_for_some_samples_at_a_time(monkeypatch, held, num_pairs):
    images = np.stack([noise_picture(64, 64, seed=seed) for seed in range(20)])
    images[:, 0, 0, 0] = range(20)
    lpips = identity_lpips([1.0, 1.0, 1.0])
    expected = lpips.pairwise(images, num_pairs=num_pairs)
    size = lpips._features(images[0])[0].nbytes
    monkeypatch.setattr(lpips_module, "_HELD_BYTES", held * size)
    made, most = counted(lpips, monkeypatch)
    np.testing.assert_array_equal(lpips.pairwise(images, num_pairs=num_pairs), expected)
    assert max(most) <= max(2, held)
    if held >= 20:  # each once, besides the first that is looked at for its size
        wanted = {k for pair in choose_pairs(20, num_pairs=num_pairs) for k in pair}
        assert sorted(made[1:]) == sorted(wanted)
