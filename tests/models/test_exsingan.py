"""The networks of ExSinGAN: shapes, kinds of stages, what noise and padding do."""

from __future__ import annotations

import pytest
import torch
from tiny_training import picture
from torch.nn import functional

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.models.deploy import deployed
from petsgan_sdk.models.exsingan import ExsinganGenerator, PixelCritic, RefinementStage, stage_name
from petsgan_sdk.models.norm import FreezableBatchNorm, freeze_statistics
from petsgan_sdk.settings.presets import load_preset


def generator(model="exsingan", preset="fast", *, size=(64, 48), **overrides):
    torch.manual_seed(0)
    config = load_preset(preset, model=model, overrides=overrides)
    return ExsinganGenerator(config, picture(*size)).eval()


def noises(net, sizes=None, count=1):
    draw = torch.Generator().manual_seed(1)
    sizes = sizes or net.sizes
    shapes = [net.noise_shape(number, count, *size) for number, size in enumerate(sizes)]
    return [torch.randn(shape, generator=draw) for shape in shapes]


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_the_papers_networks_have_the_published_sizes():
    net = generator(preset="paper")
    assert len(net.stages) == 7
    # 377,731 and 114,307 of the public code, and scale and shift of batch norm.
    assert parameters(net.stages[0]) == 377_731 + 3 * 2 * 128
    assert {parameters(stage) for stage in net.stages[1:]} == {114_307 + 4 * 2 * 64}
    assert parameters(PixelCritic(width=64, spectral=True)) == 113_153


def test_kinds_of_stages():
    net = generator(preset="paper")
    kinds = [stage.is_residual for stage in net.stages[1:]]
    assert kinds == [False] * 3 + [True] * 3
    names = [stage_name(net.settings, n) for n in range(7)]
    assert names == ["structural", *(f"semantic {i}" for i in (1, 2, 3))] + [
        f"texture {i}" for i in (1, 2, 3)
    ]


def test_singan_starts_from_noise_alone():
    net = generator(model="singan")
    assert not net.has_structure
    assert isinstance(net.stages[0], RefinementStage)
    assert not net.stages[0].is_residual
    image = net.run(0, None, noises(net)[0])
    assert image.shape == (1, 3, *net.sizes[0])
    assert image.std() > 0.01


@pytest.mark.parametrize("model", ["exsingan", "singan"])
def test_samples_of_any_size(model):
    net = generator(model=model)
    assert net.sample(noises(net, count=2)).shape == (2, 3, 48, 64)
    wider = [(h, 2 * w + 1) for h, w in net.sizes]
    assert net.sample(noises(net, wider)).shape == (1, 3, 48, 129)


def test_a_new_texture_stage_adds_nothing():
    # What is added starts at 0: the stage starts from what those below have learned.
    stage = RefinementStage(width=4, is_residual=True, norm=False, padding="zeros")
    below = torch.randn(1, 3, 9, 11)
    assert torch.equal(stage(below, torch.randn(1, 3, 9, 11)), below)


def test_amplitude_scales_the_noise():
    torch.manual_seed(0)
    stage = RefinementStage(width=4, is_residual=False, norm=False, padding="zeros")
    below, noise = torch.randn(1, 3, 9, 11), torch.randn(1, 3, 9, 11)
    assert not torch.allclose(stage(below, noise), stage(below, -noise))
    stage.amplitude.fill_(0)
    assert torch.equal(stage(below, noise), stage(below, -noise))


def test_replicated_borders_are_no_edge():
    torch.manual_seed(0)
    flat = torch.full((1, 3, 12, 12), 0.5)
    none = torch.zeros_like(flat)
    replicated = RefinementStage(width=4, is_residual=False, norm=False, padding="replicate")
    made = replicated(flat, none)
    assert torch.allclose(made, made[:, :, 5:6, 5:6].expand_as(made), atol=1e-6)
    zeros = RefinementStage(width=4, is_residual=False, norm=False, padding="zeros")
    edged = zeros(flat, none)
    assert not torch.allclose(edged[:, :, 0, 0], edged[:, :, 5, 5], atol=1e-4)


def test_the_fixed_noise_of_a_displaced_structure_is_no_displacement():
    net = generator()
    assert not net.reconstruction_noise.any()
    assert net.reconstruct(0) is None
    assert net.reconstruct(2).shape == (1, 3, *net.sizes[1])


def test_the_fixed_noise_of_the_paper_is_drawn():
    net = generator(preset="paper")
    assert net.reconstruction_noise.std() > 0.5
    again = net.reconstruct(3)
    assert torch.equal(again, net.reconstruct(3))


def test_batch_norm_is_folded_for_deployment():
    net = generator(preset="paper")
    draw = torch.Generator().manual_seed(2)
    net.train()
    with torch.no_grad():
        for stage in net.stages[1:]:
            stage.layers(torch.randn((1, 3, 24, 24), generator=draw))
    for norm in (m for m in net.modules() if isinstance(m, FreezableBatchNorm)):
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.uniform_(norm.bias, -0.5, 0.5)
    freeze_statistics(net)
    folded = deployed(net)
    assert not any(isinstance(m, FreezableBatchNorm) for m in folded.modules())
    given = noises(net)
    assert torch.allclose(folded.sample(given), net.eval().sample(given), atol=1e-4)


def test_frozen_statistics_do_not_look_at_the_map():
    norm = FreezableBatchNorm(2).train()
    x = torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(0)) * 3 + 1
    live = norm(x)
    assert torch.allclose(live.mean(dim=(0, 2, 3)), torch.zeros(2), atol=1e-5)
    before = norm.running_mean.clone()
    freeze_statistics(norm)
    frozen = norm(x)
    assert torch.equal(norm.running_mean, before)
    assert torch.allclose(norm(x[:, :, :3]), frozen[:, :, :3])
    expected = functional.batch_norm(x, norm.running_mean, norm.running_var, eps=norm.eps)
    assert torch.allclose(frozen, expected, atol=1e-6)


@pytest.mark.parametrize("spectral", [True, False])
def test_critic_sees_eleven_pixels(spectral):
    torch.manual_seed(0)
    critic = PixelCritic(width=4, spectral=spectral).eval()
    side = PixelCritic.RECEPTIVE_FIELD_PX
    assert critic(torch.zeros(2, 3, side, side + 3)).shape == (2, 1, 1, 4)
    image = torch.randn(1, 3, 21, 21, requires_grad=True)
    critic(image)[0, 0, 5, 5].backward()
    seen = image.grad[0].abs().sum(0) > 0
    assert seen[5:16, 5:16].all()
    assert seen.sum() == 11 * 11


def test_critic_sees_detail_stronger():
    torch.manual_seed(0)
    plain = PixelCritic(width=4, spectral=True)
    strong = PixelCritic(width=4, spectral=True, detail=3.0)
    flat = torch.full((1, 3, 15, 15), 0.4)
    assert torch.equal(plain.emphasised(flat), flat)
    assert torch.allclose(strong.emphasised(flat), flat, atol=1e-6)
    dot = flat.clone()
    dot[:, :, 7, 7] += 0.9
    assert strong.emphasised(dot)[0, 0, 7, 7].item() == pytest.approx(1.3 + 3 * 0.8, rel=1e-5)


@pytest.mark.parametrize(
    ("stages", "reason"),
    [
        ((2, 3, 3), "one stage learns"),
        ((1, 0, 0), "a structural stage alone makes layouts only"),
        ((0, 0, 0), "1 or more where semantic is 0"),
        ((1, 3, 17), "from 0 to 16"),
    ],
)
def test_mixes_that_make_no_sense(stages, reason):
    names = ("structural", "semantic", "texture")
    overrides = {f"stages.{n}": c for n, c in zip(names, stages, strict=True)}
    with pytest.raises(ConfigError, match=reason):
        load_preset("fast", model="exsingan", overrides=overrides)


def test_a_level_under_eight_pixels_is_refused():
    with pytest.raises(ConfigError, match=r"stage sees"):
        load_preset("fast", model="exsingan", overrides={"pyramid.coarsest_px": 7})
    with pytest.raises(ConfigError, match=r"at least 8 px, got level 0 of 20x7"):
        generator(size=(40, 14))
