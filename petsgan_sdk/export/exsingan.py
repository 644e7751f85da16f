"""Take an ExSinGAN checkpoint apart: a graph for each stage, and the pyramid between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from petsgan_sdk import kernels, synthesis
from petsgan_sdk._arrays import Array
from petsgan_sdk.checkpoint import Checkpoint
from petsgan_sdk.export.bundle import Deployment
from petsgan_sdk.export.torch_to_onnx import to_onnx
from petsgan_sdk.imaging import to_u8
from petsgan_sdk.manifest import AnyStep, Entry, GraphStep, NoiseStep, PositionStep, ResizeStep
from petsgan_sdk.models.deploy import deployed
from petsgan_sdk.models.depnet import DepNet
from petsgan_sdk.models.exsingan import ExsinganGenerator, RefinementStage, stage_name
from petsgan_sdk.models.exsingan.blocks import StageInBlocks
from petsgan_sdk.models.exsingan.generator import generator_from
from petsgan_sdk.models.exsingan.pyramid import MIN_LEVEL_PX

__all__ = ["take_apart"]

_COMPOSITE = "composite"
"""The image that places make."""
_PLACED = "placed_"
"""Begins the names of what comes from places."""

_EXAMPLE_SIZE = (13, 19)
"""Size of the level in the examples that are traced; no constant of a network equals a side."""


def take_apart(checkpoint: Checkpoint) -> Deployment:
    """Export the stages and list the steps between noise and image.

    Raises:
        CheckpointError: An array is missing or of another shape.
        ExportError: A network could not be exported.
    """
    generator = deployed(generator_from(checkpoint))
    return _with_synthesis(_deployment(generator), checkpoint, generator)


def _deployment(generator: ExsinganGenerator) -> Deployment:
    """The stages, from noise to the image."""
    count = len(generator.stages)
    graphs: dict[str, bytes] = {}
    expected: dict[str, Callable[..., Tensor]] = {}
    for number in range(count):
        module, inputs = _example(generator, number)
        graphs[_member(number)] = to_onnx(module, inputs, _image(number))
        expected[_member(number)] = _by_name(module, tuple(inputs))
    return Deployment(
        steps=_steps(generator),
        output=_image(count - 1),
        graphs=graphs,
        arrays={},
        expected=expected,
        min_canvas_px=_min_canvas_px(generator),
        preview=_preview(generator),
        levels=generator.sizes[:-1],
        entries=tuple(
            Entry(stage_name(generator.settings, number), _image(number - 1))
            for number in range(1, count)
        ),
    )


def _with_synthesis(
    made: Deployment, checkpoint: Checkpoint, generator: ExsinganGenerator
) -> Deployment:
    """A second way to an image: a composite of places for the last stage to go on from.

    Earlier stages lose more than they mend (docs/quality.md). One bilinear step down hardly
    aliases: the presets' last levels are at most twice apart.
    """
    fit, last = synthesis.fit_in(checkpoint.photo, checkpoint.arrays), len(generator.stages) - 1
    if fit is None or last == 0:
        return made
    steps, arrays = synthesis.deployment(
        fit, generator.settings.synthesis, stage=last + 1, output=_COMPOSITE
    )
    reduced = ResizeStep(_COMPOSITE, _image(last - 1, _PLACED), level=last - 1)
    return replace(
        made,
        steps=(*made.steps, *steps, reduced, *_refined(last, last, of=_PLACED)),
        arrays=arrays,
        layouts={"synthesis": _image(last, _PLACED)},
    )


class _FirstStage(nn.Module):
    """The first stage of a mix without structural stage: there is no image below."""

    def __init__(self, stage: nn.Module) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, noise: Tensor) -> Tensor:
        return self.stage(torch.zeros_like(noise), noise)  # type: ignore[no-any-return]


def _example(generator: ExsinganGenerator, number: int) -> tuple[nn.Module, Mapping[str, Tensor]]:
    """A stage as a module, and inputs to trace it with by name."""
    stage = generator.stages[number]
    noise = torch.zeros(generator.noise_shape(number, 2, *_EXAMPLE_SIZE))
    if isinstance(stage, DepNet):
        return stage, {"noise": noise, "position": stage.position(*_EXAMPLE_SIZE)}
    assert isinstance(stage, RefinementStage)
    blocks = StageInBlocks(stage)
    if number == 0:
        return _FirstStage(blocks), {"noise": noise}
    return blocks, {"previous": torch.zeros_like(noise), "noise": noise}


def _steps(generator: ExsinganGenerator) -> tuple[AnyStep, ...]:
    steps: list[AnyStep] = []
    last = len(generator.stages) - 1
    for number, stage in enumerate(generator.stages):
        # The last level is the image, which is what a canvas is counted in.
        level = None if number == last else number
        noise = f"noise_{number}"
        inputs = {"noise": noise}
        if isinstance(stage, DepNet):
            steps += [
                NoiseStep(
                    noise,
                    stage.noise_channels,
                    stage=number,
                    margin=stage.noise_margin,
                    level=level,
                ),
                PositionStep(
                    "position",
                    stage.radians_per_px,
                    extent=stage.extent,
                    margin=stage.position_margin,
                    level=level,
                ),
            ]
            inputs["position"] = "position"
        else:
            steps.append(NoiseStep(noise, 3, stage=number, level=level))
        if number > 0:
            steps += _refined(number, last)
        else:
            steps.append(GraphStep(_member(number), inputs, {_image(number): _image(number)}))
    return tuple(steps)


def _refined(number: int, last: int, of: str = "") -> tuple[AnyStep, ...]:
    """A stage behind another one; `of` says by which way its image came."""
    previous = f"{of}previous_{number}"
    inputs = {"previous": previous, "noise": f"noise_{number}"}
    return (
        ResizeStep(_image(number - 1, of), previous, level=None if number == last else number),
        GraphStep(_member(number), inputs, {_image(number): _image(number, of)}),
    )


def _member(number: int) -> str:
    return f"graphs/stage_{number}.onnx"


def _image(number: int, of: str = "") -> str:
    return f"{of}image_{number}"


def _min_canvas_px(generator: ExsinganGenerator) -> int:
    """The least canvas whose coarsest level has enough pixels for a stage."""
    coarsest, image = generator.sizes[0], generator.sizes[-1]
    return max(-(-MIN_LEVEL_PX * full // low) for low, full in zip(coarsest, image, strict=True))


def _preview(generator: ExsinganGenerator) -> Array:
    noises = []
    for number, size in enumerate(generator.sizes):
        shape = generator.noise_shape(number, 1, *size)
        margin = (shape[2] - size[0]) // 2
        noise = kernels.normal_noise(shape, seed=0, stage=number, top=-margin, left=-margin)
        noises.append(torch.from_numpy(noise))
    image = generator.sample(noises)
    return to_u8(image[0].numpy().transpose(1, 2, 0))


def _by_name(module: nn.Module, names: tuple[str, ...]) -> Callable[..., Tensor]:
    def call(**inputs: Tensor) -> Tensor:
        return module(*(inputs[name] for name in names))  # type: ignore[no-any-return]

    return call
