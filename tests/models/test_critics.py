from __future__ import annotations

import pytest
import torch

from petsgan_sdk.models import LayoutCritic, MultiDilationCritic, StridedPatchCritic


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_parameters():
    # The sheet: 1,792 + 3 * 111,361. A live norm cancels the bias before it: 64 in the head and
    # 3 * 64 in each branch are left out.
    assert count(MultiDilationCritic()) == 1_792 + 3 * 111_361 - 64 - 3 * 3 * 64
    # Ours: 5 channels in (RGB and position), the mean of the map in place of the flatten.
    convs = [5 * 32, 32 * 64, 64 * 128, 128 * 256]
    assert count(LayoutCritic()) == 9 * sum(convs) + 32 + 64 + 128 + 256 + 256 + 1


@pytest.mark.parametrize("size", [(4, 4), (4, 11), (21, 32)])
def test_layout_critic_takes_any_size(size, draw):
    logits = LayoutCritic(width=8)(torch.randn((3, 3, *size), generator=draw))
    assert logits.shape == (3,)
    assert logits.isfinite().all()


def test_layout_critic_knows_where_things_are(draw):
    layout = torch.randn((1, 3, 8, 8), generator=draw)
    critic = LayoutCritic(width=8)
    rolled = layout.roll(4, dims=3)
    assert critic(layout).item() != pytest.approx(critic(rolled).item(), abs=1e-6)


@pytest.mark.parametrize("size", [(17, 23), (32, 32)])
def test_multi_dilation_critic_keeps_the_size(size, draw):
    critic = MultiDilationCritic(width=8)
    assert critic(torch.randn((2, 3, *size), generator=draw)).shape == (2, 1, *size)


def test_multi_dilation_critic_sums_its_branches(draw):
    critic = MultiDilationCritic(width=4)
    x = torch.randn((1, 3, 16, 16), generator=draw)
    head = critic.head(x)
    torch.testing.assert_close(critic(x), sum(branch(head) for branch in critic.branches))


@pytest.mark.parametrize(("size", "logits"), [((30, 30), (1, 1)), ((35, 64), (2, 9))])
def test_strided_critic_sizes(size, logits, draw):
    critic = StridedPatchCritic(width=8)
    assert critic(torch.randn((1, 3, *size), generator=draw)).shape[:2] == (1, 1)
    assert critic(torch.randn((1, 3, *size), generator=draw)).shape[2:] == logits


def test_strided_critic_sees_30_pixels(draw):
    critic = StridedPatchCritic(width=8).eval()
    image = torch.randn((1, 3, 64, 64), generator=draw, requires_grad=True)
    logits = critic(image)
    logits[0, 0, 3, 4].backward()
    rows, columns = image.grad.abs().sum((0, 1)).nonzero().unbind(1)
    seen = [int(i.max() - i.min()) + 1 for i in (rows, columns)]
    assert seen == [30, 30]


@pytest.mark.parametrize("critic", [LayoutCritic, MultiDilationCritic, StridedPatchCritic])
def test_gradients_reach_weights_and_input(critic, draw):
    net = critic(width=4)
    image = torch.randn((2, 3, 32, 32), generator=draw, requires_grad=True)
    net(image).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert image.grad.abs().max() > 0
