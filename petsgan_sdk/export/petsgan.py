"""Take a PetsGAN checkpoint apart: three graphs, patch transfer's constants, the list of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor, nn

from petsgan_sdk import kernels, synthesis
from petsgan_sdk._arrays import Array
from petsgan_sdk.checkpoint import Checkpoint
from petsgan_sdk.export.bundle import Deployment
from petsgan_sdk.export.torch_to_onnx import to_onnx
from petsgan_sdk.imaging import to_u8
from petsgan_sdk.manifest import (
    AnyStep,
    Entry,
    GraphStep,
    NoiseStep,
    PatchTransferStep,
    PositionStep,
    TextureTransferStep,
)
from petsgan_sdk.models.deploy import deployed
from petsgan_sdk.models.petsgan import PetsganGenerator, dipnet_from, generator_from
from petsgan_sdk.models.petsgan_dipnet import DipNet
from petsgan_sdk.settings.petsgan import PetsganSettings

__all__ = ["take_apart"]

_DEPNET, _FEATURES, _RESTORATION = (
    f"graphs/{name}.onnx" for name in ("depnet", "features", "restoration")
)
_REFERENCE, _VALUES = "arrays/reference_features.npy", "arrays/reference_values.npy"
_TEXTURE = "arrays/texture.npy"
_COMPOSITE = "composite"
"""The image that places make."""
_PLACES_STAGE = 1
"""First stage of noise behind DEPNet's."""
_MIN_LAYOUT_PX = 4
"""Side of the least layout that is sampled."""

_Example: TypeAlias = tuple[nn.Module, Mapping[str, Tensor], str]
"""A network, inputs to trace it with, and the name of its output."""

_EXAMPLE_SIZE = (13, 19)
"""Layout size of the examples that are traced; no constant of a network is equal to a side."""


def take_apart(checkpoint: Checkpoint) -> Deployment:
    """Export the networks and list the steps between noise, or an image, and the result.

    Raises:
        CheckpointError: An array is missing or of another shape.
        ExportError: A network could not be exported.
    """
    settings = checkpoint.settings
    if isinstance(settings, PetsganSettings) and settings.task == "manipulate":
        network = deployed(dipnet_from(checkpoint))
        return _deployment(network, (), {}, _plain_u8(_reconstructed(network)))
    generator = deployed(generator_from(checkpoint))
    height, width = _EXAMPLE_SIZE
    inputs = {
        "noise": torch.zeros(generator.noise_shape(2, height, width)),
        "position": generator.depnet.position(height, width),
    }
    example: _Example = (generator.depnet, inputs, "layout")
    made = _deployment(generator, _layout_steps(generator), {_DEPNET: example}, _preview(generator))
    return _with_synthesis(made, checkpoint, generator.factor)


def _deployment(
    network: DipNet, before: Sequence[AnyStep], examples: Mapping[str, _Example], preview: Array
) -> Deployment:
    """What DIPNet is deployed as, behind the steps and graphs that make a layout, if any do."""
    height, width = _EXAMPLE_SIZE
    factor, carries = network.factor, network.settings.transfer.carry_texture
    code = torch.zeros(2, 3, height, width)
    restoration = {"transferred": code}
    arrays = {
        _REFERENCE: _plain(network.features(network.low_res)),
        _VALUES: _plain(network.low_res),
    }
    if carries:
        restoration["texture"] = torch.zeros(2, 3, factor * height, factor * width)
        arrays[_TEXTURE] = _plain(network.image)
    every: dict[str, _Example] = {
        **examples,
        _FEATURES: (network.features, {"image": code}, "features"),
        _RESTORATION: (network.restoration, restoration, "image"),
    }
    return Deployment(
        steps=(*before, *_dipnet_steps(network)),
        output="image",
        graphs={member: to_onnx(*example) for member, example in every.items()},
        arrays=arrays,
        expected={
            member: _by_name(module, tuple(inputs)) for member, (module, inputs, _) in every.items()
        },
        min_canvas_px=_MIN_LAYOUT_PX * factor,
        preview=preview,
        entries=(Entry("patch transfer", "layout"),),
    )


def _with_synthesis(made: Deployment, checkpoint: Checkpoint, factor: int) -> Deployment:
    """A second way to an image: places of the photo, which IR would leave as they are."""
    fit = synthesis.fit_in(checkpoint.photo, checkpoint.arrays)
    if fit is None:
        return made
    settings = checkpoint.settings
    assert isinstance(settings, PetsganSettings)  # its family says so
    steps, arrays = synthesis.deployment(
        fit, settings.synthesis, factor=factor, stage=_PLACES_STAGE, output=_COMPOSITE
    )
    return replace(
        made,
        steps=(*made.steps, *steps),
        arrays={**made.arrays, **arrays},
        layouts={"synthesis": _COMPOSITE},
    )


def _layout_steps(generator: PetsganGenerator) -> tuple[AnyStep, ...]:
    depnet = generator.depnet
    return (
        NoiseStep("noise", depnet.noise_channels, margin=depnet.noise_margin),
        PositionStep(
            "position",
            depnet.radians_per_px,
            extent=depnet.extent,
            margin=depnet.position_margin,
        ),
        GraphStep(_DEPNET, {"noise": "noise", "position": "position"}, {"layout": "layout"}),
    )


def _dipnet_steps(network: DipNet) -> tuple[AnyStep, ...]:
    transfer = network.settings.transfer
    steps: list[AnyStep] = []
    code = "layout"
    for number in range(1, transfer.passes + 1):
        query, result = f"features_{number}", f"transferred_{number}"
        is_last = number == transfer.passes
        steps += [
            GraphStep(_FEATURES, {"image": code}, {"features": query}),
            PatchTransferStep(
                query=query,
                reference=_REFERENCE,
                values=_VALUES,
                window=transfer.window,
                temperature=transfer.temperature,
                output=result,
                index_output="matches" if is_last and transfer.carry_texture else None,
            ),
        ]
        code = result
    inputs = {"transferred": code}
    if transfer.carry_texture:
        steps.append(TextureTransferStep(index="matches", texture=_TEXTURE, output="texture"))
        inputs["texture"] = "texture"
    return (*steps, GraphStep(_RESTORATION, inputs, {"image": "image"}))


def _preview(generator: PetsganGenerator) -> Array:
    shape = generator.noise_shape(1, *generator.size)
    margin = generator.depnet.noise_margin
    noise = kernels.normal_noise(shape, seed=0, top=-margin, left=-margin)
    return _plain_u8(generator.sample(torch.from_numpy(noise)))


@torch.no_grad()
def _reconstructed(network: DipNet) -> Tensor:
    """The photo as the network gives it back, for want of a sample."""
    return network.restore(network.transfer(network.low_res)).clamp(-1, 1)


def _plain_u8(image: Tensor) -> Array:
    return to_u8(_plain(image).transpose(1, 2, 0))


def _plain(tensor: Tensor) -> Array:
    return tensor[0].detach().contiguous().numpy()


def _by_name(module: nn.Module, names: tuple[str, ...]) -> Callable[..., Tensor]:
    def call(**inputs: Tensor) -> Tensor:
        return module(*(inputs[name] for name in names))  # type: ignore[no-any-return]

    return call
