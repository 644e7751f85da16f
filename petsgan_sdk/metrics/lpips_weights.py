"""From weight files to an `Lpips`: the shift-tolerant form in one file, the plain one in two."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from petsgan_sdk.errors import BackendUnavailableError, InputError
from petsgan_sdk.files import shown_cache
from petsgan_sdk.metrics.lpips import Lpips
from petsgan_sdk.metrics.lpips_networks import (
    NETWORKS,
    PerceptualNetwork,
    shift_tolerant_alexnet,
)
from petsgan_sdk.metrics.weights import (
    Backbone,
    WeightFile,
    find_file,
    from_torch_hub,
    read_weights,
    take,
)
from petsgan_sdk.models.ambient import plain_torch

__all__ = ["BACKBONE_VARIABLE", "VARIABLE", "load_lpips"]

VARIABLE = "PETSGAN_LPIPS"
"""Environment variable that may name the weight file."""
BACKBONE_VARIABLE = "PETSGAN_LPIPS_BACKBONE"
"""Environment variable that may name the network's file of the plain form."""

_CACHED = (
    "stlpips_alex.safetensors",
    "alex_shift_tolerant.pth",
    "lpips_lin_v0.1.safetensors",
    "lpips_alex.pth",
)
_ALEXNET = "alexnet-owt-7be5be79.pth"
_CACHED_BACKBONES = (_ALEXNET, "vgg16-397923af.pth", "squeezenet1_1-b8a52dc0.pth")
_HUB = "https://download.pytorch.org/models/"


@plain_torch()
def load_lpips(
    file: Path | None = None, *, backbone: Path | None = None, download: bool = True
) -> Lpips:
    """Load LPIPS.

    Args:
        file: Network and linear weights of the shift-tolerant form in one file; or the linear
            weights of the plain form, for one network (`lin0.model.1.weight`) or several
            (`alex.lin0.model.1.weight`). By default the file of `PETSGAN_LPIPS`, or one in the
            user's cache.
        backbone: Network of the plain form: torchvision's AlexNet, VGG-16 or SqueezeNet 1.1. By
            default the file of `PETSGAN_LPIPS_BACKBONE`, one in the user's cache, or AlexNet from
            torch hub.
        download: Whether torch hub may fetch a file that is not there.

    Raises:
        InputError: Not such a file; the message names the first key that does not fit.
        BackendUnavailableError: No file; the message says what to get.
    """
    path = find_file(file, variable=VARIABLE, names=_CACHED)
    if path is None:
        raise _missing()
    weights = read_weights(path, metric="lpips")
    if any(key.startswith("net.slice") for key in weights.tensors):
        if backbone is not None:
            msg = f"lpips: {str(path)!r} has its network in it, got {str(backbone)!r} as well"
            raise InputError(msg)
        return _shift_tolerant(weights)
    found = find_file(backbone, variable=BACKBONE_VARIABLE, names=_CACHED_BACKBONES)
    found = found or from_torch_hub(_HUB + _ALEXNET, metric="lpips", download=download)
    if found is None:
        raise _missing_backbone(download=download)
    return _plain(weights, read_weights(found, metric="lpips"))


def _shift_tolerant(file: WeightFile) -> Lpips:
    network = shift_tolerant_alexnet()
    state = network.state_dict()
    names = {_sliced(key, network.taps): key for key in state}
    shapes = {name: tuple(state[key].shape) for name, key in names.items()}
    taken = take(file, shapes, metric="lpips", network="ST-LPIPS's AlexNet")
    network.load_state_dict({names[name]: tensor for name, tensor in taken.items()})
    backbone = Backbone("st-lpips-alex", file.digest)
    return Lpips(network, _linear(file, network, prefix=""), backbone)


def _sliced(key: str, taps: tuple[int, ...]) -> str:
    """`features.5.weight` as the file has it, `net.slice2.5.weight`: a slice ends in a tap."""
    _, number, part = key.split(".")
    return f"net.slice{1 + sum(tap < int(number) for tap in taps)}.{number}.{part}"


def _plain(linear: WeightFile, file: WeightFile) -> Lpips:
    name = _architecture(file)
    network = NETWORKS[name]()
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    network.load_state_dict(take(file, shapes, metric="lpips", network=f"torchvision's {name}"))
    prefix = f"{name}." if any(key.startswith(f"{name}.lin") for key in linear.tensors) else ""
    backbone = Backbone(f"lpips-{name}", f"{file.digest}+{linear.digest}")
    return Lpips(network, _linear(linear, network, prefix=prefix), backbone)


def _linear(file: WeightFile, network: PerceptualNetwork, *, prefix: str) -> list[Tensor]:
    shapes = {
        f"{prefix}lin{number}.model.1.weight": (1, channels, 1, 1)
        for number, channels in enumerate(network.channels)
    }
    return list(take(file, shapes, metric="lpips", network="LPIPS's linear layers").values())


def _architecture(file: WeightFile) -> str:
    """Tell a plain network by its keys; the shapes are checked later."""
    if "features.3.squeeze.weight" in file.tensors:
        return "squeeze"
    return "vgg" if "features.2.weight" in file.tensors else "alex"


def _missing() -> BackendUnavailableError:
    msg = (
        "lpips: needs weights, and none are here: take weights/vST0.0/alex_shift_tolerant.pth "
        "from the Python package stlpips-pytorch 0.0.2 (sha256 b356b382f960...)"
    )
    folder = shown_cache("weights")
    hint = f"put it into the folder {folder!r}, or name it: --lpips FILE, {VARIABLE}=FILE"
    return BackendUnavailableError(msg, hint=hint)


def _missing_backbone(*, download: bool) -> BackendUnavailableError:
    if not download:
        msg = "lpips: the linear weights need a network, and none is here"
        hint = (
            "--metrics lpips downloads AlexNet (over 200 MB); or name a file, --lpips-backbone FILE"
        )
        return BackendUnavailableError(msg, hint=hint)
    msg = (
        "lpips: the linear weights need a network; none is here, nor could it be downloaded: get "
        f"{_HUB + _ALEXNET} (its sha256 begins with 7be5be79)"
    )
    folder = shown_cache("weights")
    hint = (
        f"put it into the folder {folder!r}, or name it: --lpips-backbone FILE, "
        f"{BACKBONE_VARIABLE}=FILE"
    )
    return BackendUnavailableError(msg, hint=hint)
