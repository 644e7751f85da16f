"""A third model family: files and one entry, as `families` promises, and nothing else.

A blur that learns to make the photo of noise. It has no prior; it may begin at another toy.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import ConfigError, InputError
from petsgan_sdk.export.bundle import Deployment
from petsgan_sdk.export.torch_to_onnx import to_onnx
from petsgan_sdk.manifest import GraphStep, NoiseStep
from petsgan_sdk.models.arrays import AVERAGED, image_tensor, load_state, named_arrays
from petsgan_sdk.settings import TrainedSettings
from petsgan_sdk.settings.families import Family, FamilyOption
from petsgan_sdk.training.averaging import AveragedGenerator

PRESET = """
family = "toy"
preset = "tiny"
width = 4
image.factor = 1
image.max_size_px = 48
prior.displacement = 1.0
training.steps = 6
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToySettings(TrainedSettings):
    family: Literal["toy"]
    width: int
    activation: Literal["auto", "tanh", "relu"] = "auto"


class ToyNet(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.first = nn.Conv2d(1, settings.width, 3, padding=1)
        self.norm = nn.BatchNorm2d(settings.width)
        self.last = nn.Conv2d(settings.width, 3, 1)
        self.activation = {"tanh": torch.tanh, "relu": torch.relu}[settings.activation]

    def forward(self, noise):
        return self.last(self.activation(self.norm(self.first(noise))))


class ToyRun:
    def __init__(self, given, base):
        self._settings, self._base = given.settings, base
        self._image = image_tensor(given.photo.rgb).to(given.device)
        self.net = ToyNet(given.settings).to(given.device)
        if base is not None:
            load_state(self.net, load_checkpoint(base).arrays, AVERAGED)
        self._average = AveragedGenerator(self.net, decay=0.5)

    def phase(self, step):
        return "first half" if 2 * step < self._settings.training.steps else "second half"

    def step(self, step):
        generator = torch.Generator().manual_seed(self._settings.training.seed + step)
        noise = torch.randn((2, 1, *self._image.shape[2:]), generator=generator)
        loss = functional.l1_loss(self.net(noise), self._image.expand(2, -1, -1, -1))
        self.net.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in self.net.parameters():
                parameter.sub_(parameter.grad, alpha=0.1)
        self._average.update(step)
        return {"reconstruction": float(loss.detach())}

    @property
    def record(self):
        if self._base is None:
            return {}
        return {"base": {"digest": hashlib.sha256(self._base.read_bytes()).hexdigest()}}

    def state(self):
        return named_arrays(self.net, "net") | named_arrays(self._average.generator, AVERAGED)

    def load(self, arrays):
        load_state(self.net, arrays, "net")
        load_state(self._average.generator, arrays, AVERAGED)


class ToyRecipe:
    def __init__(self, options):
        self.overrides = {}
        if "width" in options:
            if not options["width"].isdecimal():
                msg = f"width: must be a number, got {options['width']!r}"
                raise ConfigError(msg)
            self.overrides["width"] = int(options["width"])
        self._base = Path(options["base"]) if "base" in options else None
        if self._base is not None and not self._base.is_file():
            msg = f"base: {str(self._base)!r} must be a toy, got no file"
            raise InputError(msg)

    @property
    def files(self):
        return [self._base] if self._base else []

    def settle(self, settings):
        is_auto = settings.activation == "auto"
        return replace(settings, activation="tanh" if is_auto else settings.activation)

    def start(self, given):
        given.note("a toy of noise")
        return ToyRun(given, self._base)


def take_apart(checkpoint):
    net = ToyNet(checkpoint.settings)
    load_state(net, checkpoint.arrays, AVERAGED)
    net.eval().requires_grad_(False)
    example = {"noise": torch.zeros(2, 1, 13, 19)}
    return Deployment(
        steps=(
            NoiseStep("noise", 1),
            GraphStep("graphs/toy.onnx", {"noise": "noise"}, {"image": "image"}),
        ),
        output="image",
        graphs={"graphs/toy.onnx": to_onnx(net, example, "image")},
        arrays={},
        expected={"graphs/toy.onnx": net},
        min_canvas_px=5,
        preview=checkpoint.photo,
    )


TOY = Family(
    name="toy",
    models=("toy",),
    options=(
        FamilyOption("width", "NUMBER", "channels between the two convolutions."),
        FamilyOption("base", "MODEL.pt", "begin at this toy."),
    ),
    settings=ToySettings,
    recipe="support.toy_family:ToyRecipe",
    export="support.toy_family:take_apart",
)
