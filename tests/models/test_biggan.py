from __future__ import annotations

import pytest
import torch
from support import biggan_reference
from support.tiny_biggan import CHUNK, CLASSES, EMBEDDING, WIDTH, tiny_pair

from petsgan_sdk.models.biggan import (
    BigganDiscriminator,
    BigganGenerator,
    DiscriminatorArchitecture,
    GeneratorArchitecture,
    first_mismatch,
)
from petsgan_sdk.models.biggan.layers import SpectralLinear

# Names and shapes of the public checkpoint (128 px, width 96), block by block.
GENERATOR_BLOCKS = {
    128: [(1536, 1536), (1536, 768), (768, 384), (384, 192), (192, 96)],
    256: [(1536, 1536), (1536, 768), (768, 768), (768, 384), (384, 192), (192, 96)],
}
GENERATOR_ATTENTION = {128: ("blocks.3.1", 192), 256: ("blocks.3.1", 384)}
DISCRIMINATOR_BLOCKS = {
    128: [(3, 96), (96, 192), (192, 384), (384, 768), (768, 1536), (1536, 1536)],
    256: [(3, 96), (96, 192), (192, 384), (384, 768), (768, 768), (768, 1536), (1536, 1536)],
}
DISCRIMINATOR_ATTENTION = {128: ("blocks.0.1", 96), 256: ("blocks.1.1", 192)}
# Parameters of the public configurations; a code of 120 has 6 parts of 20, or 7 of 17.
PARAMETERS = {128: (20, 70_433_988, 87_982_370), 256: (17, 82_108_548, 99_225_890)}


def spectral(name, shape, *, bias=True):
    keys = {f"{name}.weight": shape, f"{name}.u0": (1, shape[0]), f"{name}.sv0": (1,)}
    return keys | ({f"{name}.bias": (shape[0],)} if bias else {})


def attention(name, channels):
    keys = {f"{name}.gamma": ()}
    for part, outputs, inputs in (
        ("theta", channels // 8, channels),
        ("phi", channels // 8, channels),
        ("g", channels // 2, channels),
        ("o", channels, channels // 2),
    ):
        keys |= spectral(f"{name}.{part}", (outputs, inputs, 1, 1), bias=False)
    return keys


def generator_keys(size_px, chunk):
    condition = 128 + chunk
    keys = {"shared.weight": (1000, 128)} | spectral("linear", (1536 * 16, chunk))
    for i, (inputs, outputs) in enumerate(GENERATOR_BLOCKS[size_px]):
        name = f"blocks.{i}.0"
        keys |= spectral(f"{name}.conv1", (outputs, inputs, 3, 3))
        keys |= spectral(f"{name}.conv2", (outputs, outputs, 3, 3))
        keys |= spectral(f"{name}.conv_sc", (outputs, inputs, 1, 1))
        for norm, channels in (("bn1", inputs), ("bn2", outputs)):
            keys |= spectral(f"{name}.{norm}.gain", (channels, condition), bias=False)
            keys |= spectral(f"{name}.{norm}.bias", (channels, condition), bias=False)
            keys[f"{name}.{norm}.stored_mean"] = (channels,)
            keys[f"{name}.{norm}.stored_var"] = (channels,)
    keys |= attention(*GENERATOR_ATTENTION[size_px])
    for part in ("gain", "bias", "stored_mean", "stored_var"):
        keys[f"output_layer.0.{part}"] = (96,)
    return keys | spectral("output_layer.2", (3, 96, 3, 3))


def discriminator_keys(size_px):
    keys = spectral("linear", (1, 1536)) | spectral("embed", (1000, 1536), bias=False)
    for i, (inputs, outputs) in enumerate(DISCRIMINATOR_BLOCKS[size_px]):
        name = f"blocks.{i}.0"
        keys |= spectral(f"{name}.conv1", (outputs, inputs, 3, 3))
        keys |= spectral(f"{name}.conv2", (outputs, outputs, 3, 3))
        if i < len(DISCRIMINATOR_BLOCKS[size_px]) - 1:
            keys |= spectral(f"{name}.conv_sc", (outputs, inputs, 1, 1))
    return keys | attention(*DISCRIMINATOR_ATTENTION[size_px])


def shapes(network):
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("size_px", [128, 256])
def test_keys_and_shapes_are_those_of_the_public_checkpoints(size_px):
    chunk, generator_count, discriminator_count = PARAMETERS[size_px]
    with torch.device("meta"):
        generator = BigganGenerator(GeneratorArchitecture(size_px=size_px, chunk=chunk))
        discriminator = BigganDiscriminator(DiscriminatorArchitecture(size_px=size_px))
    assert shapes(generator) == generator_keys(size_px, chunk)
    assert shapes(discriminator) == discriminator_keys(size_px)
    assert sum(p.numel() for p in generator.parameters()) == generator_count
    assert sum(p.numel() for p in discriminator.parameters()) == discriminator_count


@pytest.mark.parametrize("size_px", [128, 256])
def test_generator_against_plain_functions(size_px, draw):
    generator, _ = tiny_pair(size_px)
    labels = torch.tensor([3, 1])
    code = torch.randn((2, generator.code_size), generator=draw)
    with torch.no_grad():
        images = generator(code, generator.embed(labels))
        expected = biggan_reference.generate(generator.state_dict(), code, labels, chunk=CHUNK)
    assert images.shape == (2, 3, size_px, size_px)
    assert expected.std() > 0.1  # not a constant that anything would match
    torch.testing.assert_close(images, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size_px", [128, 256])
def test_discriminator_against_plain_functions(size_px, draw):
    _, discriminator = tiny_pair(size_px)
    images = torch.rand((2, 3, size_px, size_px), generator=draw) * 2 - 1
    labels = torch.tensor([0, 2])
    with torch.no_grad():
        features = discriminator.features(images)
        logits = discriminator(images, labels)
        expected, expected_logits = biggan_reference.discriminate(
            discriminator.state_dict(), images, labels
        )
    assert [f.shape for f in features] == [e.shape for e in expected]
    for found, wanted in zip(features, expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(logits, expected_logits, atol=1e-4, rtol=1e-4)


def test_last_features_are_those_the_papers_compare():
    _, discriminator = tiny_pair()
    features = discriminator.features(torch.zeros(1, 3, 128, 128))[-5:]
    wide = [(4, 16), (8, 8), (16, 4), (16, 4)]  # multiples of the width, side
    maps = [(1, multiple * WIDTH, side, side) for multiple, side in wide]
    assert [tuple(f.shape) for f in features] == [*maps, (1, 16 * WIDTH)]


def test_one_image_does_not_depend_on_the_batch(draw):
    generator, _ = tiny_pair()
    code = torch.randn((3, generator.code_size), generator=draw)
    embedding = generator.embed(torch.tensor([0, 1, 2]))
    with torch.no_grad():
        together = generator(code, embedding)
        alone = generator(code[1:2], embedding[1:2])
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-5)


def test_groups_are_all_parameters_once():
    generator, _ = tiny_pair()
    grouped = [id(p) for group in generator.groups() for p in group]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(p) for p in generator.parameters()}
    assert len(generator.groups()) == 6
    assert generator.groups()[0][0] is generator.shared.weight


def test_spectral_norm_divides_by_the_largest_singular_value(draw):
    layer = SpectralLinear(6, 9, bias=False)
    left, values, _ = torch.linalg.svd(layer.weight.detach())
    layer.u0.copy_(left[:, :1].T)
    before = layer.u0.clone()
    x = torch.randn((4, 6), generator=draw)
    torch.testing.assert_close(layer(x), x @ layer.weight.T / values[0])
    assert torch.equal(layer.u0, before)  # a stored vector stays, whatever the mode
    # Scaling the weights changes nothing, and so there is no gradient along them.
    layer(x).square().sum().backward()
    along = (layer.weight.grad * layer.weight).sum()
    assert abs(along) < 1e-4 < layer.weight.grad.abs().max()


@pytest.mark.parametrize("size_px", [128, 256])
def test_architecture_is_told_from_shapes(size_px):
    generator, discriminator = tiny_pair(size_px)
    assert GeneratorArchitecture.of(shapes(generator)) == GeneratorArchitecture(
        size_px=size_px, width=WIDTH, chunk=CHUNK, embedding=EMBEDDING, num_classes=CLASSES
    )
    assert DiscriminatorArchitecture.of(shapes(discriminator)) == DiscriminatorArchitecture(
        size_px=size_px, width=WIDTH, num_classes=CLASSES
    )


def test_what_cannot_be_told_is_the_public_size():
    assert GeneratorArchitecture.of({"linear.weight": (4,)}) == GeneratorArchitecture()
    assert GeneratorArchitecture().code_size == 120
    assert DiscriminatorArchitecture.of({}) == DiscriminatorArchitecture()


def test_first_mismatch():
    expected = {"a": (1,), "b": (2, 3), "c": ()}
    assert first_mismatch(expected, dict(reversed(expected.items()))) is None
    assert first_mismatch(expected, expected | {"b": (3, 2), "c": (1,)}) == ("b", (2, 3), (3, 2))
    assert first_mismatch(expected, {"a": (1,), "c": ()}) == ("b", (2, 3), None)
    assert first_mismatch(expected, expected | {"d": (4,)}) == ("d", None, (4,))
