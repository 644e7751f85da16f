"""Load convolutions of VGG-19 from a weight file that the user has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from petsgan_sdk.errors import BackendUnavailableError, ConfigError, InputError
from petsgan_sdk.files import cached_file, shown_cache
from petsgan_sdk.files.regular import describe_failure, open_regular
from petsgan_sdk.models.features import VggFeatures

__all__ = [
    "VggConvolutions",
    "cached_vgg",
    "choose_features",
    "load_vgg",
    "read_convolutions",
    "vgg_cache",
]

_CACHE_NAME = "vgg19.safetensors"
_LAYERS = {"conv1_1": "features.0", "conv1_2": "features.2"}
_SHAPES = {"conv1_1": (64, 3, 3, 3), "conv1_2": (64, 64, 3, 3)}
_CAFFE_MEAN_RGB = (123.68, 116.779, 103.939)


def choose_features(choice: str) -> tuple[str, Path | None]:
    """Read what patches are compared by.

    Args:
        choice: `auto`, `filters`, or `vgg19:FILE`.

    Returns:
        The setting `transfer.features`, and the named file.

    Raises:
        ConfigError: Another text.
        InputError: The named file is not there.
    """
    kind, _, name = choice.partition(":")
    if choice in ("auto", "filters"):
        return choice, None
    if kind == "vgg19" and name:
        return "vgg19", _checked(Path(name))
    msg = f"features: must be auto, filters or vgg19:FILE, got {choice!r}"
    raise ConfigError(msg)


def cached_vgg(*, is_needed: bool) -> Path | None:
    """Return the user's cached weights of VGG-19, or None where there are none.

    Raises:
        InputError: There are none, and they are needed.
    """
    cached = cached_file(_CACHE_NAME)
    if cached is None and is_needed:
        msg = (
            f"features: weights of VGG-19 must be at {vgg_cache()!r} (PETSGAN_CACHE moves the "
            "folder) or be named, got no file; hint: --features vgg19:FILE (torchvision's vgg19 "
            "state dict as .pth or .safetensors), or --features filters (--set "
            "transfer.features=filters) to train without them"
        )
        raise InputError(msg)
    return cached


def vgg_cache() -> str:
    """Where cached weights of VGG-19 are looked for, as a message shows it."""
    return shown_cache(_CACHE_NAME)


def load_vgg(features: VggFeatures, path: Path) -> None:
    """Fill the two layers of patch features, see `read_convolutions`.

    Raises:
        InputError: As `read_convolutions`.
        BackendUnavailableError: As `read_convolutions`.
    """
    found = read_convolutions(path, {key: _SHAPES[layer] for layer, key in _LAYERS.items()})
    with torch.no_grad():
        for layer, key in _LAYERS.items():
            module = getattr(features, layer)
            module.weight.copy_(found.weights[key])
            module.bias.copy_(found.biases[key])
        found.fill_input(features.input_mean, features.input_std)


@dataclass(frozen=True, slots=True)
class VggConvolutions:
    """Convolutions of a weight file, for RGB input."""

    weights: dict[str, Tensor]
    """By key, `[out, in, 3, 3]` float32."""
    biases: dict[str, Tensor]
    """By key, `[out]` float32."""
    is_caffe: bool
    """Whether they want values in 0..255 less Caffe's mean, and not ImageNet's normalisation."""

    def fill_input(self, mean: Tensor, std: Tensor) -> None:
        """Set what an image in [0, 1] is normalised by, where it is Caffe's."""
        if self.is_caffe:
            mean.copy_(torch.tensor(_CAFFE_MEAN_RGB).view(1, 3, 1, 1) / 255)
            std.fill_(1 / 255)


def read_convolutions(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> VggConvolutions:
    """Read some convolutions.

    Takes torchvision's key names (`features.0.weight`, ...) in a safetensors file or in a torch
    file that loads without running code; 8-bit weights (`weight_q`, `weight_scale`, `weight_min`)
    are expanded. A safetensors file whose metadata says that its input is BGR is of Caffe origin
    and is converted to RGB.

    Args:
        path: The file.
        shapes: Of the weights wanted, by key without `.weight`.

    Raises:
        InputError: No file, not such a file, or a layer is missing or of another shape.
        BackendUnavailableError: A safetensors file, and the package to read it is missing.
    """
    tensors, is_bgr = _read(_checked(path), tuple(shapes))
    weights, biases = {}, {}
    for key, shape in shapes.items():
        weight = _expanded(tensors, f"{key}.weight", path)
        bias = _expanded(tensors, f"{key}.bias", path)
        if tuple(weight.shape) != shape or tuple(bias.shape) != shape[:1]:
            found = f"{tuple(weight.shape)} and {tuple(bias.shape)}"
            msg = (
                f"features: {key} in {str(path)!r} must have shapes {shape} and {shape[:1]}, "
                f"got {found}"
            )
            raise InputError(msg)
        weights[key] = weight.flip(1) if is_bgr and shape[1] == 3 else weight
        biases[key] = bias
    return VggConvolutions(weights, biases, is_bgr)


def _checked(path: Path) -> Path:
    try:
        open_regular(path).close()
    except (OSError, ValueError) as exc:  # ValueError: a NUL byte in the name
        found = describe_failure(exc)
        msg = f"features: {str(path)!r} must be a file of VGG-19 weights, got {found}"
        raise InputError(msg) from exc
    return path


def _read(path: Path, layers: tuple[str, ...]) -> tuple[Mapping[str, Tensor], bool]:
    if path.suffix != ".safetensors":
        try:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as exc:  # a damaged pickle can fail in any way
            msg = (
                f"features: {str(path)!r} must be a safetensors or torch file of plain tensors, "
                f"got one that does not load ({type(exc).__name__})"
            )
            raise InputError(msg) from exc
        if not isinstance(tensors, dict):
            found = type(tensors).__name__
            msg = f"features: {str(path)!r} must hold a dict of tensors, got a {found}"
            raise InputError(msg)
        return tensors, False
    try:
        from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - optional
    except ImportError as exc:
        msg = "features: reading a safetensors file needs the package safetensors"
        raise BackendUnavailableError(msg, hint="pip install safetensors") from exc
    try:
        with safe_open(path, framework="pt") as file:
            is_bgr = "BGR" in (file.metadata() or {}).get("input", "")
            prefixes = tuple(f"{layer}." for layer in layers)
            wanted = [k for k in file.keys() if k.startswith(prefixes)]  # noqa: SIM118
            return {key: file.get_tensor(key) for key in wanted}, is_bgr
    except SafetensorError as exc:
        msg = f"features: {str(path)!r} must be a safetensors file, got {exc}"
        raise InputError(msg) from exc


def _expanded(tensors: Mapping[str, Tensor], key: str, path: Path) -> Tensor:
    parts = [tensors.get(f"{key}_{part}") for part in ("q", "scale", "min")]
    parts = [tensors[key]] if key in tensors else parts
    if not all(isinstance(part, Tensor) for part in parts):
        msg = f"features: {str(path)!r} must hold {key!r} as a tensor, got no such tensor"
        raise InputError(msg)
    if len(parts) == 1:
        expanded = tensors[key].float()
    else:
        quantised, scale, minimum = (part.float() for part in parts if part is not None)
        if scale.numel() != 1 or minimum.numel() != 1:
            found = f"{tuple(scale.shape)} and {tuple(minimum.shape)}"
            msg = f"features: {key}_scale and _min in {str(path)!r} must be one number, got {found}"
            raise InputError(msg)
        expanded = quantised * scale + minimum
    if not bool(expanded.isfinite().all()):
        msg = f"features: {key!r} in {str(path)!r} must be finite numbers, got NaN or infinity"
        raise InputError(msg)
    return expanded
