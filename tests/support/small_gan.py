"""A small trained GAN to invert with: DCGAN at 64 px, and random features to compare by."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from support.paths import WEIGHTS

FACES = WEIGHTS / "dcgan64_face_fp16.safetensors"


class Dcgan(nn.Module):
    """The generator of PyTorch's DCGAN tutorial: one class, which has no embedding."""

    size_px = 64
    code_size = 100
    num_classes = 1

    def __init__(self):
        super().__init__()
        layers = [nn.ConvTranspose2d(100, 512, 4, bias=False)]
        for inputs, outputs in pairwise((512, 256, 128, 64, 3)):
            layers += [nn.BatchNorm2d(inputs), nn.ReLU()]
            layers.append(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False))
        self.main = nn.Sequential(*layers, nn.Tanh())
        self.eval()

    def embed(self, labels):
        return torch.zeros((len(labels), 0))

    def forward(self, code, embedding):
        assert embedding.shape == (len(code), 0)
        return self.main(code[:, :, None, None])

    def groups(self):
        firsts = range(0, 15, 3)
        return [list(self.main[i : i + 3].parameters()) for i in firsts]


class RandomFeatures(nn.Module):
    """Convolutions that were never trained: enough to tell images apart."""

    def __init__(self):
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.weights = [
            torch.randn((o, i, 3, 3), generator=draw) / (9 * i) ** 0.5
            for i, o in pairwise((3, 16, 32, 64, 64))
        ]

    def features(self, images):
        found = []
        hidden = images
        for weight in self.weights:
            hidden = nn.functional.conv2d(hidden, weight, stride=2, padding=1)
            found.append(hidden)
            hidden = hidden.relu() * 2**0.5
        return [*found, hidden.sum(dim=(2, 3))]


def load_dcgan():
    if not FACES.is_file():
        pytest.skip(f"no DCGAN weights at shared/data/weights/{FACES.name}")
    load_file = pytest.importorskip("safetensors.torch").load_file
    generator = Dcgan()
    state = {name: tensor.float() for name, tensor in load_file(FACES).items()}
    generator.load_state_dict(state)
    return generator
