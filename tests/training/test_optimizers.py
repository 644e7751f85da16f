from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from petsgan_sdk.errors import CheckpointError
from petsgan_sdk.settings.petsgan import OptimizerSettings
from petsgan_sdk.training.optimizers import ScheduledAdam, Span


def settings(**changes):
    rates = dict.fromkeys(
        ("depnet", "layout_critic", "restoration", "features", "patch_critic"), 1.0
    )
    return OptimizerSettings(**{**rates, **changes})


def build(config):
    torch.manual_seed(0)
    net = nn.Linear(3, 2)
    adam = ScheduledAdam(net.parameters(), learning_rate=0.1, schedule=config, span=Span(0, 10))
    return net, adam


def test_span():
    span = Span(4, 8)
    assert [step in span for step in (3, 4, 7, 8)] == [False, True, True, False]
    assert [span.share(step) for step in (4, 6)] == [0, 0.5]
    assert Span(5, 5).share(5) == 0
    assert 5 not in Span(5, 5)


def test_rate_warms_up_and_falls():
    _, adam = build(settings(warmup=0.2, final=0.1))
    rates = [adam._factor(share) for share in (0, 0.1, 0.2, 0.6, 1)]
    assert rates[0] < 0.01
    assert rates[1] == pytest.approx(0.5, abs=0.01)
    assert rates[2] == pytest.approx(1)
    assert rates[3] == pytest.approx((1 + 0.1) / 2)
    assert rates[4] == pytest.approx(0.1)


def train(net, adam, steps):
    for step in steps:
        adam.zero_grad()
        net(torch.full((1, 3), 0.1 * (step + 1))).square().sum().backward()
        adam.step(step)


def test_state_continues_to_the_same_weights():
    config = settings(warmup=0.3, final=0.1)
    net, adam = build(config)
    train(net, adam, range(10))
    half, half_adam = build(config)
    train(half, half_adam, range(5))
    rest, rest_adam = build(config)
    rest.load_state_dict(half.state_dict())
    rest_adam.load({name: array.copy() for name, array in half_adam.state().items()})
    train(rest, rest_adam, range(5, 10))
    assert torch.equal(net.weight, rest.weight)
    assert torch.equal(net.bias, rest.bias)


def test_state_is_empty_before_the_first_step_and_plain_after():
    net, adam = build(settings())
    assert adam.state() == {}
    adam.load({})
    train(net, adam, range(1))
    state = adam.state()
    assert sorted(state) == sorted(
        f"{n}.{k}" for n in (0, 1) for k in ("step", "exp_avg", "exp_avg_sq")
    )
    assert all(isinstance(array, np.ndarray) for array in state.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"1.exp_avg": None}, r"tensor 1\.exp_avg must have shape \(2,\), got None"),
        ({"0.step": None, "0.exp_avg": None, "0.exp_avg_sq": None}, r"0\.step must .* got None"),
        ({"0.exp_avg_sq": np.zeros((2, 2), np.float32)}, r"shape \(2, 3\), got \(2, 2\)"),
        ({"7.step": np.zeros((), np.float32)}, r"tensor 7\.step must belong to a parameter"),
    ],
)
def test_state_is_checked(change, message):
    net, adam = build(settings())
    train(net, adam, range(1))
    state = {k: v for k, v in {**adam.state(), **change}.items() if v is not None}
    with pytest.raises(CheckpointError, match=message):
        build(settings())[1].load(state)
