"""Patch transfer (PetsGAN eq. 7) as an operator of torch, with its gradient.

`torch.ops.petsgan.patch_transfer` is there once `petsgan_sdk.models` is imported; `patch_transfer`
below is the same operator with named arguments. It is a thin layer over `petsgan_sdk.kernels`,
which store neither unfolded patches nor similarities, forwards or backwards. torch.compile and
torch.export take it as one opaque node of known shape.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from petsgan_sdk import kernels
from petsgan_sdk.errors import (
    BackendUnavailableError,
    DTypeError,
    GradientError,
    ShapeError,
)

__all__ = ["patch_transfer"]

_OP = "patch_transfer"

_RANKS = {
    "query": {4: "[N, C, h, w]"},
    "features": {3: "[C, H, W]", 4: "[R, C, H, W]"},
    "values": {3: "[V, H, W]", 4: "[R, V, H, W]"},
}


def patch_transfer(
    query: Tensor,
    features: Tensor,
    values: Tensor,
    *,
    window: int,
    temperature: float,
    normalize: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    """Rebuild maps from the reference patches that are most similar to their own.

    See `petsgan_sdk.kernels.patch_transfer` for what is computed, and `patch_transfer_gradient`
    there for the gradient: it reaches `query` through the weights of the matches and `values`
    through the pixels that they brought, is bounded by 1 / (2 temperature x norm of the patch)
    for each weight, is 0 for a patch of zeros, and holds the choice of the best match constant.

    The features of the reference are the target that queries are matched to and get no gradient:
    detach them. An extractor that is being trained learns through `query`.

    Args:
        query: `[N, C, h, w]` float32, contiguous, finite.
        features: `[C, H, W]` or `[R, C, H, W]`, features of one reference image or several.
        values: `[V, H, W]` or `[R, V, H, W]`, what patches of the result are made of.
        window: Side of a patch in pixels, odd.
        temperature: Of the softmax, >= 0; 0 means weight 1.
        normalize: Divide by the weights that voted, not by the number of patches.

    Returns:
        Values `[N, V, h, w]`, with a gradient; index `[N, h, w]` int32, (r * H + y) * W + x of the
        best match of each patch's centre; weight `[N, h, w]` in (0, 1], the softmax of that match,
        with a gradient.

    Raises:
        ShapeError: A rank or size is wrong.
        DTypeError: A tensor is not contiguous float32, or they are on different devices.
        ConfigError: `window` or `temperature` is out of range.
        InputError: A feature or value is NaN or infinite.
        BackendUnavailableError: There is no kernel for the device of the tensors. On CUDA devices
            there is one, but no gradient.
        GradientError: `features` requires a gradient, or a gradient's gradient is asked for.

    Note:
        Deterministic; uses `torch.get_num_threads()` threads, which change no bit, or the current
        CUDA stream. The part for CUDA has not run on a GPU yet.
    """
    values, index, weight = _forward(query, features, values, window, temperature, normalize)
    return values, index, weight


@torch.library.custom_op("petsgan::patch_transfer", mutates_args=())
def _forward(
    query: Tensor,
    features: Tensor,
    values: Tensor,
    window: int,
    temperature: float,
    normalize: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    _check(query, features, values)
    if query.device.type == "cuda":
        return _forward_on_cuda(query, features, values, window, temperature, normalize)
    _check_on_cpu(query.device, "kernel")
    result = kernels.patch_transfer(
        query.numpy(),
        _reference(features, values, window),
        temperature=temperature,
        normalize=normalize,
        threads=torch.get_num_threads(),
    )
    values, index, weight = map(torch.from_numpy, (result.values, result.index, result.weight))
    return values, index, weight


def _forward_on_cuda(
    query: Tensor,
    features: Tensor,
    values: Tensor,
    window: int,
    temperature: float,
    normalize: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    stream = torch.cuda.current_stream(query.device).cuda_stream
    out = _outputs(query, values)
    kernels.patch_transfer(
        query,
        kernels.CudaPatchReference(features, values, window=window, stream=stream),
        temperature=temperature,
        normalize=normalize,
        backend="cuda",
        stream=stream,
        out=out,
    )
    return out


def _outputs(query: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    batch, _, height, width = query.shape
    return (
        query.new_empty((batch, values.shape[-3], height, width)),
        query.new_empty((batch, height, width), dtype=torch.int32),
        query.new_empty((batch, height, width)),
    )


@_forward.register_fake
def _(
    query: Tensor, features: Tensor, values: Tensor, *_options: object
) -> tuple[Tensor, Tensor, Tensor]:
    _check(query, features, values)
    return _outputs(query, values)


@torch.library.custom_op("petsgan::patch_transfer_backward", mutates_args=())
def _backward(
    grad_values: Tensor,
    grad_weight: Tensor,
    query: Tensor,
    features: Tensor,
    values: Tensor,
    index: Tensor,
    weight: Tensor,
    window: int,
    temperature: float,
    normalize: bool,
) -> tuple[Tensor, Tensor]:
    _check_on_cpu(query.device, "gradient")
    gradient = kernels.patch_transfer_gradient(
        query.numpy(),
        _reference(features, values, window),
        index.numpy(),
        weight.numpy(),
        grad_values=grad_values.contiguous().numpy(),
        grad_weight=grad_weight.contiguous().numpy(),
        temperature=temperature,
        normalize=normalize,
        threads=torch.get_num_threads(),
    )
    return torch.from_numpy(gradient.query), torch.from_numpy(gradient.values)


@_backward.register_fake
def _(
    _grad_values: Tensor,
    _grad_weight: Tensor,
    query: Tensor,
    _features: Tensor,
    values: Tensor,
    *_rest: object,
) -> tuple[Tensor, Tensor]:
    return torch.empty_like(query), torch.empty_like(values)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    query, features, values, *ctx.options = inputs
    if ctx.needs_input_grad[1]:
        message = (
            f"{_OP}: features must not require a gradient, the reference is a constant target; "
            "hint: features.detach()"
        )
        raise GradientError(message)
    _, index, weight = output
    ctx.mark_non_differentiable(index)
    ctx.save_for_backward(query, features, values, index, weight)


def _differentiate(
    ctx: Any, grad_values: Tensor, _grad_index: Tensor | None, grad_weight: Tensor
) -> tuple[Tensor | None, ...]:
    to_query, to_values = _backward(grad_values, grad_weight, *ctx.saved_tensors, *ctx.options)
    return to_query, None, to_values, None, None, None


def _refuse_second_gradient(_ctx: Any, *_gradients: Tensor | None) -> tuple[None, ...]:
    message = (
        f"{_OP}: has a first gradient only, and its gradient was asked for; "
        "hint: detach the result, or no create_graph=True"
    )
    raise GradientError(message)


_forward.register_autograd(_differentiate, setup_context=_save)
_backward.register_autograd(_refuse_second_gradient)


def _reference(features: Tensor, values: Tensor, window: int) -> kernels.PatchReference:
    return kernels.PatchReference(features.numpy(), values.numpy(), window=window, copy=False)


def _check(query: Tensor, features: Tensor, values: Tensor) -> None:
    """Refuse what tensors alone can be, and what hides their shapes; the kernels check the rest."""
    tensors = {"query": query, "features": features, "values": values}
    for name, tensor in tensors.items():
        if tensor.ndim not in _RANKS[name]:
            expected = " or ".join(_RANKS[name].values())
            message = f"{_OP}: {name} must have shape {expected}, got {tuple(tensor.shape)}"
            raise ShapeError(message)
        if tensor.device != query.device:
            message = (
                f"{_OP}: {name} must be on the device of query, {query.device}, got "
                f"{tensor.device}; hint: tensor.to({str(query.device)!r})"
            )
            raise DTypeError(message)
        if tensor.dtype != torch.float32:
            message = f"{_OP}: {name} must be float32, got {tensor.dtype}; hint: tensor.float()"
            raise DTypeError(message)
        if not tensor.is_contiguous():
            message = (
                f"{_OP}: {name} must be contiguous, got strides {tuple(tensor.stride())} of shape "
                f"{tuple(tensor.shape)}; hint: tensor.contiguous()"
            )
            raise DTypeError(message)


def _check_on_cpu(device: torch.device, what: str) -> None:
    if device.type != "cpu":
        message = f"{_OP}: there is no {what} for tensors on {device}"
        raise BackendUnavailableError(message, hint="tensor.cpu(), and the results back")
