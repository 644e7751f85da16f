from __future__ import annotations

import numpy as np
import pytest
import torch
from small_gan import Dcgan, RandomFeatures, load_dcgan
from tiny_training import picture
from torch import nn

from petsgan_sdk.errors import ConfigError, TrainingError
from petsgan_sdk.imaging import resize
from petsgan_sdk.models.arrays import image_tensor
from petsgan_sdk.priors.inversion import (
    Candidate,
    InversionSettings,
    Inverted,
    Stage,
    invert,
    jitter,
    psnr_db,
    search,
)

SIDE = 6


class Linear(nn.Module):
    """A generator whose every image is known: sigmoid-free, one bias image per class."""

    size_px = SIDE
    code_size = 4
    num_classes = 3

    def __init__(self):
        super().__init__()
        draw = torch.Generator().manual_seed(1)
        sizes = [(3, 8), (4, 8), (8, 8), (8, 3 * SIDE * SIDE)]
        weights = [nn.Parameter(0.3 * torch.randn(size, generator=draw)) for size in sizes]
        self.table, self.first, self.second, self.third = weights

    def embed(self, labels):
        return self.table[labels]

    def forward(self, code, embedding):
        hidden = torch.tanh(code @ self.first + embedding)
        return torch.tanh(torch.tanh(hidden @ self.second) @ self.third).view(-1, 3, SIDE, SIDE)

    def groups(self):
        return [[self.table, self.first], [self.second], [self.third]]


class Pyramid:
    """Features that are the image at three sizes, the finest first."""

    def features(self, images):
        return [nn.functional.adaptive_avg_pool2d(images, side) for side in (6, 3, 1)]


@pytest.fixture
def target(draw):
    return torch.rand((1, 3, SIDE, SIDE), generator=draw) * 2 - 1


def find(target, settings, *, seed=0):
    return search(Linear(), Pyramid(), target, settings, torch.Generator().manual_seed(seed))


def settings_of(*stages, **values):
    return InversionSettings(stages=stages, feature_maps=2, **values)


def start(code=None):
    return Candidate(torch.zeros(1, 4) if code is None else code, 1, 0.0)


def test_the_nearest_candidate_is_found_wherever_it_is(target):
    settings = settings_of(candidates=23, candidate_std=2.0, batch=5)
    found = find(target, settings)
    generator, network = Linear(), Pyramid()
    draw = torch.Generator().manual_seed(0)
    codes = 2.0 * torch.randn((23, 4), generator=draw)
    labels = torch.randint(3, (23,), generator=draw)
    wanted = network.features(target)[1:]
    distances = []
    for code, label in zip(codes, labels, strict=True):
        maps = network.features(generator(code[None], generator.embed(label[None])))[1:]
        pairs = zip(maps, wanted, strict=True)
        distances.append(sum((m - w).abs().mean().item() for m, w in pairs))
    best = int(np.argmin(distances))
    assert best != 22  # the public code goes on with the last
    assert torch.equal(found.code, codes[best : best + 1])
    assert found.label == labels[best]
    assert found.distance == pytest.approx(distances[best], rel=1e-5)
    assert len(set(labels.tolist())) == 3


def test_a_target_that_is_a_candidate_is_found():
    settings = settings_of(candidates=40, candidate_std=1.0)
    draw = torch.Generator().manual_seed(0)
    codes = torch.randn((40, 4), generator=draw)
    labels = torch.randint(3, (40,), generator=draw)
    generator = Linear()
    with torch.no_grad():
        target = generator(codes[17:18], generator.embed(labels[17:18]))
    found = find(target, settings)
    assert torch.equal(found.code, codes[17:18])
    assert found.distance == pytest.approx(0, abs=1e-6)


def test_the_seed_decides_the_search(target):
    settings = settings_of(candidates=20)
    torch.manual_seed(1)
    first = find(target, settings)
    torch.manual_seed(2)
    assert torch.equal(find(target, settings).code, first.code)
    assert not torch.equal(find(target, settings, seed=5).code, first.code)


def test_the_batch_decides_nothing_but_memory(target):
    found = [find(target, settings_of(candidates=20, batch=batch)) for batch in (1, 7, 20)]
    assert torch.equal(found[0].code, found[1].code)
    assert torch.equal(found[0].code, found[2].code)


def fit(target, *stages, generator=None, code=None, **values):
    generator = generator or Linear()
    settings = settings_of(*stages, **values)
    notes = []
    result = invert(
        generator, Pyramid(), target, start=start(code), settings=settings, note=notes.append
    )
    return generator, result, notes


def test_code_and_weights_together_come_closer_than_the_code_alone(target):
    _, alone, _ = fit(target, Stage(150, 0.1, 0.0))
    _, both, notes = fit(target, Stage(50, 0.1, 1e-3), Stage(100, 1e-2, 1e-2))
    assert both.psnr_db > alone.psnr_db + 10
    assert notes[1] == f"inversion: stage 2 of 2, {both.psnr_db:.1f} dB PSNR"


def test_the_result_is_what_the_generator_draws(target):
    generator, result, _ = fit(target, Stage(20, 0.1, 1e-3))
    with torch.no_grad():
        image = generator(result.code, generator.embed(torch.tensor([result.label])))
    assert psnr_db(image, target) == result.psnr_db
    assert not result.code.requires_grad
    assert not any(p.requires_grad for p in generator.parameters())


def test_it_is_deterministic_and_leaves_the_first_guess_alone(target):
    code = torch.full((1, 4), 0.5)
    torch.manual_seed(1)
    first, result, _ = fit(target, Stage(15, 0.1, 1e-3), code=code)
    torch.manual_seed(2)
    again, same, _ = fit(target, Stage(15, 0.1, 1e-3), code=code)
    assert torch.equal(result.code, same.code)
    assert all(map(torch.equal, first.parameters(), again.parameters()))
    assert torch.equal(code, torch.full((1, 4), 0.5))


@pytest.mark.parametrize(("share", "learning"), [(0.0, 0), (0.3, 1), (0.5, 2), (0.67, 3), (1, 3)])
def test_blocks_learn_from_the_code_on(target, share, learning):
    before = [[p.detach().clone() for p in group] for group in Linear().groups()]
    generator, _, _ = fit(target, Stage(3, 0.1, 1e-3, share=share))
    changed = [
        not torch.equal(p, q)
        for group, old in zip(generator.groups(), before, strict=True)
        for p, q in zip(group[-1:], old[-1:], strict=True)
    ]
    assert changed == [index < learning for index in range(3)]


def test_later_stages_add_blocks(target):
    frozen = Linear().third.detach().clone()
    generator, _, _ = fit(target, Stage(3, 0.1, 1e-3, share=0.5))
    assert torch.equal(generator.third, frozen)
    generator, _, _ = fit(target, Stage(3, 0.1, 1e-3, share=0.5), Stage(3, 0.1, 1e-3))
    assert not torch.equal(generator.third, frozen)


def test_rates_are_those_of_the_stage(target):
    # Adam's first step has the length of its rate, whatever the gradient.
    _, result, _ = fit(target, Stage(1, 0.25, 0.0))
    torch.testing.assert_close(result.code.abs(), torch.full((1, 4), 0.25), atol=1e-3, rtol=0)
    before = Linear().third.detach()
    generator, _, _ = fit(target, Stage(1, 0.0, 0.125))
    moved = (generator.third - before).abs()
    assert moved.median() == pytest.approx(0.125, abs=1e-3)


def test_code_weight_keeps_the_code_likely(target):
    code = torch.full((1, 4), 2.0)
    stage = Stage(60, 0.05, 0.0)
    _, free, _ = fit(target, stage, code=code, code_weight=0.0)
    _, held, _ = fit(target, stage, code=code, code_weight=100.0)
    assert held.code.abs().max() < 0.1 < free.code.abs().max()


def test_features_alone_draw_the_image_nearer(target):
    def distance(generator, code):
        with torch.no_grad():
            image = generator(code, generator.embed(torch.tensor([1])))
        pairs = zip(Pyramid().features(image)[1:], Pyramid().features(target)[1:], strict=True)
        return sum((found - wanted).abs().mean().item() for found, wanted in pairs)

    generator, result, _ = fit(target, Stage(60, 0.03, 3e-3), pixel_weight=0.0)
    assert distance(generator, result.code) < 0.5 * distance(Linear(), torch.zeros(1, 4))
    _, still, _ = fit(target, Stage(5, 0.1, 1e-3), pixel_weight=0.0, feature_weight=0.0)
    assert torch.equal(still.code, torch.zeros(1, 4))


def test_only_the_last_maps_are_compared(target):
    class Counting(Pyramid):
        def features(self, images):
            fine, *others = super().features(images)
            return [fine * torch.nan, *others]

    settings = settings_of(Stage(3, 0.1, 1e-3))
    invert(Linear(), Counting(), target, start=start(), settings=settings)
    everything = InversionSettings(stages=settings.stages, feature_maps=3)
    with pytest.raises(TrainingError, match="inversion: the image must stay finite, got NaN"):
        invert(Linear(), Counting(), target, start=start(), settings=everything)


def test_jitter_levels():
    generator = Linear()
    seen = []

    def spy(code, embedding):
        seen.append((code.clone(), embedding))
        return torch.zeros(len(code), 3, SIDE, SIDE)

    spy.embed, spy.code_size = generator.embed, 4
    settings = settings_of(jitter_levels=(0.1, 0.5), jitter_per_level=2000, batch=300)
    inverted = Inverted(torch.full((1, 4), 3.0), 2, 0.0)
    images = jitter(spy, inverted, settings, torch.Generator().manual_seed(0))
    codes = torch.cat([code for code, _ in seen])
    assert images.shape == (4000, 3, SIDE, SIDE)
    for level, part in zip((0.1, 0.5), codes.split(2000), strict=True):
        assert part.std().item() == pytest.approx(level, rel=0.03)
        assert part.mean().item() == pytest.approx(3, abs=0.02)
    for _, embedding in seen:
        assert torch.equal(embedding, generator.table[[2]].expand(len(embedding), -1))


def test_jitter_keeps_contrast_and_colour():
    grey = torch.linspace(-0.2, 0.2, 3 * SIDE * SIDE).view(1, 3, SIDE, SIDE)

    def dull(code, _):
        return grey.expand(len(code), -1, -1, -1)

    dull.embed, dull.code_size = lambda labels: torch.zeros(len(labels), 1), 4
    inverted = Inverted(torch.zeros(1, 4), 0, 0.0)
    settings = settings_of(jitter_levels=(0.1,), jitter_per_level=1)
    images = jitter(dull, inverted, settings, torch.Generator())
    assert images.dtype == torch.uint8
    torch.testing.assert_close(images.float() / 127.5 - 1, grey, atol=1 / 255, rtol=0)


def test_psnr():
    zeros = torch.zeros(1, 3, 2, 2)
    assert psnr_db(zeros, zeros) == float("inf")
    assert psnr_db(zeros + 0.2, zeros) == pytest.approx(20)  # a tenth of the range


@pytest.mark.parametrize(
    "make",
    [
        lambda: Stage(-1, 0, 0),
        lambda: Stage(1, -1e-3, 0),
        lambda: Stage(1, 0, 0, share=1.1),
        lambda: InversionSettings(candidates=0),
        lambda: InversionSettings(batch=0),
        lambda: InversionSettings(jitter_levels=()),
        lambda: InversionSettings(jitter_levels=(-0.1,)),
        lambda: InversionSettings(feature_weight=-1),
    ],
)
def test_settings_out_of_range(make):
    with pytest.raises(ConfigError, match="inversion: "):
        make()


def face_like():
    """`[1, 3, 64, 64]`: an oval with eyes and a mouth in front of a picture."""
    rgb = resize(picture(256, 256, seed=3), (64, 64)).astype(np.float64)
    y, x = np.mgrid[:64, :64]
    skin = (np.hypot((x - 32) / 18, (y - 32) / 24) < 1)[:, :, None]
    shade = (1 - 0.3 * (x - 20) / 40)[:, :, None]
    rgb = np.where(skin, np.array([225, 170, 140]) * shade, 0.6 * rgb)
    for cx, cy, width, height in ((25, 27, 4, 2), (39, 27, 4, 2), (32, 45, 8, 2)):
        inside = (np.hypot((x - cx) / width, (y - cy) / height) < 1)[:, :, None]
        rgb = np.where(inside, np.array([70, 35, 35]), rgb)
    return image_tensor(np.clip(rgb, 0, 255).astype(np.uint8))


def invert_faces(*stages, candidates=100):
    generator, network, target = load_dcgan(), RandomFeatures(), face_like()
    settings = InversionSettings(
        candidates=candidates, candidate_std=1.0, stages=stages, pixel_weight=10.0
    )
    draw = torch.Generator().manual_seed(0)
    found = search(generator, network, target, settings, draw)
    return generator, invert(generator, network, target, start=found, settings=settings), target


def test_a_trained_generator_draws_a_face_it_never_saw():
    _, result, _ = invert_faces(
        Stage(12, 0.1, 3e-4, share=0.5), Stage(18, 1e-2, 2e-3), candidates=30
    )
    assert result.psnr_db > 19


@pytest.mark.slow
def test_a_trained_generator_reconstructs_and_draws_around_it():
    _, alone, _ = invert_faces(Stage(100, 0.1, 0.0))
    generator, result, target = invert_faces(
        Stage(50, 0.1, 3e-4, share=0.5), Stage(150, 1e-2, 3e-3), Stage(80, 2e-4, 3e-4)
    )
    assert result.psnr_db > 30
    assert result.psnr_db > alone.psnr_db + 8
    settings = InversionSettings(jitter_levels=(0.1, 0.5), jitter_per_level=20)
    images = jitter(generator, result, settings, torch.Generator().manual_seed(0))
    near, far = (images.float() / 127.5 - 1 - target).abs().mean((1, 2, 3)).split(20)
    # Layouts vary, more so at higher levels, and stay nearer to the photo than random faces.
    assert 0.01 < near.mean() < far.mean()
    codes = torch.randn((20, 100), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        random = load_dcgan()(codes, torch.zeros(20, 0))
    assert far.mean() < 0.7 * (random - target).abs().mean()


def test_dcgan_adapter_has_all_parameters_in_groups():
    generator = Dcgan()
    assert sum(p.numel() for group in generator.groups() for p in group) == sum(
        p.numel() for p in generator.parameters()
    )
