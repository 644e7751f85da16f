"""The whole generator, and what it costs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import assert_close
from tiny_training import narrow_config, picture
from torch.utils.flop_counter import FlopCounterMode

from petsgan_sdk.errors import CheckpointError
from petsgan_sdk.models import PetsganGenerator, freeze_statistics
from petsgan_sdk.models.arrays import image_tensor, load_state, named_arrays
from petsgan_sdk.models.deploy import deployed
from petsgan_sdk.noise import positional_encoding
from petsgan_sdk.settings.presets import load_preset


def build(preset, *, width=72, height=56, config=None):
    torch.manual_seed(0)
    config = narrow_config(preset) if config is None else config
    generator = PetsganGenerator(config, image_tensor(picture(width, height)))
    generator.features.fit(generator.low_res)
    return generator


@pytest.fixture(params=["fast", "paper"])
def preset(request):
    return request.param


@pytest.mark.parametrize("size", [(4, 4), (5, 9), (7, 3)])
def test_sample_sizes_and_range(preset, size, draw):
    generator = build(preset)
    images = generator.sample(torch.randn(generator.noise_shape(2, *size), generator=draw))
    assert images.shape == (2, 3, 8 * size[0], 8 * size[1])
    assert images.isfinite().all()
    assert images.abs().max() <= 1
    assert (images[0] != images[1]).any()


def test_low_res_is_the_mean_of_blocks(preset):
    generator = build(preset)
    blocks = generator.image.unflatten(3, (9, 8)).unflatten(2, (7, 8)).mean((3, 5))
    torch.testing.assert_close(generator.low_res, blocks)


def test_position_is_the_runtimes(preset):
    generator = build(preset)
    position = generator.depnet.position(7, 9)
    # At training size both presets see the coordinates of the photo's own pixels.
    plain = positional_encoding(7, 9, frequencies=generator.depnet.radians_per_px, margin=5)
    assert_close(position, plain, tolerance="float32")
    larger = generator.depnet.position(14, 18)
    if preset == "paper":
        np.testing.assert_array_equal(larger[:, :, :17, :19], plain)
    else:
        # Stretched over the trained coordinates: pixel 0 of twice the canvas lies at -1/4.
        angle = -0.25 * generator.depnet.radians_per_px[0]
        first = [np.sin(angle), np.cos(angle)]
        assert_close(larger[0, :2, 5, 5], first, tolerance="float32")


def test_transfer_of_the_photo_is_the_photo(preset):
    generator = build(preset)
    transferred = generator.transfer(generator.low_res)
    torch.testing.assert_close(transferred.code, generator.low_res, atol=1e-5, rtol=0)
    if preset == "fast":
        torch.testing.assert_close(transferred.texture, generator.image, atol=1e-5, rtol=0)
    else:
        assert transferred.texture is None


def test_a_gradient_reaches_depnet_through_patch_transfer(draw):
    generator = build(
        "paper", config=load_preset("paper", overrides={"transfer.features": "filters"})
    )
    noise = torch.randn(generator.noise_shape(1, *generator.size), generator=draw)
    layout = generator.depnet(noise, generator.depnet.position(*generator.size))
    image = generator.restore(generator.transfer(layout))
    (image * torch.randn(image.shape, generator=draw)).mean().backward()
    for name, parameter in generator.depnet.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() < 1e3, name
    weights = [conv.weight.grad for conv in generator.depnet.layers if hasattr(conv, "weight")]
    assert len(weights) == 5
    assert all(gradient.abs().max() > 1e-9 for gradient in weights)
    assert generator.features.weight.grad.abs().max() > 0, "through the layout"


def test_joint_training_at_256_px_stores_no_similarities(draw):
    generator = build("paper", width=256, height=256)
    noise = torch.randn(generator.noise_shape(1, 32, 32), generator=draw)
    largest = 0

    def note(tensor):
        nonlocal largest
        largest = max(largest, tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        layout = generator.depnet(noise, generator.depnet.position(32, 32))
        transferred = generator.transfer(layout)
    assert transferred.code.requires_grad
    # Features of one 32 x 32 map in 27 channels are the largest; similarities would be 1024 x 1024.
    assert 32 * 32 * 27 <= largest < 1024 * 1024 / 16


def test_deployed_is_the_frozen_generator(preset, draw):
    generator = build(preset)
    noise = torch.randn(generator.noise_shape(1, *generator.size), generator=draw)
    for _ in range(30):
        generator.depnet(noise, generator.depnet.position(*generator.size))
        generator.restore(generator.transfer(generator.low_res))
    folded = deployed(generator)
    freeze_statistics(generator)
    generator.eval()
    assert_close(folded.sample(noise), generator.sample(noise), tolerance="runtimes")
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    generator.restoration.zero_grad()
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.zero_()
    assert folded.sample(noise).abs().max() > 0, "the copy has weights of its own"


def test_state_survives_and_is_checked(preset):
    generator, other = build(preset), build(preset)
    arrays = named_arrays(generator, "generator")
    assert all(name.startswith("generator/") for name in arrays)
    assert not any("image" in name or "low_res" in name for name in arrays)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    load_state(other, arrays, "generator")
    for name, array in named_arrays(other, "generator").items():
        np.testing.assert_array_equal(array, arrays[name])
    name = next(iter(arrays))
    for broken in (
        {k: v for k, v in arrays.items() if k != name},
        {**arrays, name: arrays[name][:-1]},
        {**arrays, "generator/extra": np.zeros(1, np.float32)},
    ):
        with pytest.raises(CheckpointError, match=r"^checkpoint: generator/\S+ must have shape"):
            load_state(other, broken, "generator")


@pytest.mark.parametrize("features", ["filters", "vgg19"])
def test_a_fast_sample_of_256_px_costs_at_most_2_gmac(features, draw):
    config = load_preset("fast", overrides={"transfer.features": features})
    generator = build("fast", width=256, height=256, config=config)
    noise = torch.randn(generator.noise_shape(1, 32, 32), generator=draw)
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        layout = generator.depnet(noise, generator.depnet.position(32, 32))
        for _ in range(config.transfer.passes):
            generator.features(layout)
        texture = torch.zeros(1, 3, 256, 256)
        generator.restoration(torch.zeros(1, 3, 32, 32), texture)
    networks = counted.get_total_flops() / 2
    # Patch transfer: C products and 4 shifted sums in either direction, at twice `window` adds at
    # most, for each pair of pixels; then the votes of a patch in 3 + 1 channels, texture in 3.
    pairs, window = 1024 * 1024, config.transfer.window
    match = pairs * (generator.features.num_channels + 2 * window)
    transfer = config.transfer.passes * (match + 1024 * window**2 * 4)
    texture_votes = 1024 * 64 * window**2 * 4
    assert networks > 5e8, "the counter saw the convolutions"
    assert networks + transfer + texture_votes <= 2e9
