from __future__ import annotations

import pytest
import torch
from tiny_training import differing_arrays, narrow_config, tiny_train
from torch import nn

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import CheckpointError, ConfigError
from petsgan_sdk.models import (
    DepNet,
    FreezableInstanceNorm,
    MultiDilationCritic,
    RestorationNet,
    StridedPatchCritic,
)
from petsgan_sdk.models.norm import FOLLOWED
from petsgan_sdk.training import precision
from petsgan_sdk.training.precision import choose_precision, compute

CPU = torch.device("cpu")


@pytest.fixture
def _has_amx(monkeypatch, request):
    monkeypatch.setattr(precision, "_has_amx", lambda: request.param)


@pytest.mark.usefixtures("_has_amx")
@pytest.mark.parametrize(
    ("_has_amx", "name", "chosen"),
    [
        (True, "auto", "bfloat16"),
        (False, "auto", "float32"),
        (True, "float32", "float32"),
        (True, "bfloat16", "bfloat16"),
    ],
    indirect=["_has_amx"],
)
def test_auto_is_bfloat16_where_it_is_fast(name, chosen):
    assert choose_precision(name, CPU) == chosen


@pytest.mark.usefixtures("_has_amx")
@pytest.mark.parametrize("_has_amx", [False], indirect=True)
def test_emulated_bfloat16_is_refused(photo, tmp_path):
    overrides = {"training.precision": "bfloat16"}
    with pytest.raises(ConfigError, match="must be auto or float32 on 'cpu', which has no AMX"):
        tiny_train(photo, tmp_path / "m.pt", steps=1, overrides=overrides)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_has_amx")
@pytest.mark.parametrize("_has_amx", [False], indirect=True)
def test_what_was_chosen_is_kept_and_not_mixed(photo, tmp_path, monkeypatch):
    out = tmp_path / "m.pt"
    tiny_train(photo, out, steps=1)
    assert load_checkpoint(out).settings.training.precision == "float32"
    monkeypatch.setattr(precision, "_has_amx", lambda: True)
    message = r"training\.precision 'float32' where now 'bfloat16' is asked for"
    with pytest.raises(CheckpointError, match=message):
        tiny_train(photo, out, steps=1, resume=True)
    overrides = {"training.precision": "float32"}
    with pytest.raises(CheckpointError, match=r"training\.steps 1 where now 2"):
        tiny_train(photo, out, steps=2, resume=True, overrides=overrides)


NETWORKS = {
    "depnet": (
        lambda: (
            DepNet(
                (8, 8), width=8, frequencies=(1.0,), displacement=0, norm=FreezableInstanceNorm
            ).layers
        ),
        (5, 18, 18),
    ),
    "restoration": (lambda: RestorationNet(width=8, num_stages=1), (3, 12, 12)),
    "paper critic": (lambda: MultiDilationCritic(width=8), (3, 32, 32)),
    "fast critic": (lambda: StridedPatchCritic(width=8), (3, 40, 40)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch", [1, 3])
def test_bfloat16_is_near_float32(name, batch):
    torch.manual_seed(0)
    create, shape = NETWORKS[name]
    network, x = create(), torch.randn(batch, *shape)
    results, gradients = [], []
    for kind in ("float32", "bfloat16"):
        network.zero_grad()
        given = x.clone().requires_grad_()
        result = compute(network, given, precision=kind)
        result.square().mean().backward()
        results.append(result.detach())
        gradients.append([given.grad, *(p.grad for p in network.parameters())])
    assert all(r.dtype == torch.float32 for r in results)
    assert all(g.dtype == torch.float32 for pair in gradients for g in pair)
    scale = results[0].std()
    assert (results[0] - results[1]).abs().mean() < 0.05 * scale
    for exact, rough in zip(*gradients, strict=True):
        if exact.abs().max() > 1e-6:  # what a norm cancels is noise in both
            assert torch.cosine_similarity(exact.flatten(), rough.flatten(), dim=0) > 0.95


def test_weights_and_statistics_stay_float32():
    network = RestorationNet(width=8, num_stages=1)
    compute(network, torch.randn(1, 3, 12, 12), precision="bfloat16")
    weights = {name: t for name, t in network.state_dict().items() if not name.endswith(FOLLOWED)}
    assert {t.dtype for t in weights.values()} == {torch.float32, torch.bool}
    assert all(b.isfinite().all() for b in network.buffers())


def test_the_default_layout_computes_the_same():
    network = nn.Conv2d(3, 4, 3)
    x = torch.randn(2, 3, 9, 7)
    torch.testing.assert_close(compute(network, x, precision="float32"), network(x))


@pytest.mark.skipif(not torch.cpu._is_amx_tile_supported(), reason="no AMX on this machine")
@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_bfloat16_trains_the_same_weights_again(preset, small_photo, tmp_path):
    assert narrow_config(preset).training.precision == "auto"
    for name in ("a.pt", "b.pt"):
        overrides = {"training.precision": "bfloat16"}
        tiny_train(small_photo, tmp_path / name, preset=preset, steps=6, overrides=overrides)
    assert differing_arrays(tmp_path / "a.pt", tmp_path / "b.pt") == []


@pytest.mark.gpu
@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_a_gpu_trains(preset, small_photo, tmp_path):
    result = tiny_train(small_photo, tmp_path / "m.pt", preset=preset, steps=6, device="cuda")
    assert result.steps == 6
    arrays = load_checkpoint(tmp_path / "m.pt").arrays
    assert all(torch.from_numpy(a).isfinite().all() for a in arrays.values())
