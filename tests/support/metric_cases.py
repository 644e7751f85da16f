"""Weights with the layout of real ones and random values, and pictures to measure with them."""

from __future__ import annotations

import numpy as np
import pytest

from support.paths import WEIGHTS

INCEPTION = WEIGHTS / "inception_v3_stem_fp32.safetensors"
ST_LPIPS = WEIGHTS / "stlpips_alex.safetensors"

INCEPTION_LAYERS = (
    ("Conv2d_1a_3x3", (32, 3, 3, 3)),
    ("Conv2d_2a_3x3", (32, 32, 3, 3)),
    ("Conv2d_2b_3x3", (64, 32, 3, 3)),
    ("Conv2d_3b_1x1", (80, 64, 1, 1)),
    ("Conv2d_4a_3x3", (192, 80, 3, 3)),
)


def shared(path):
    """The file of the shared research data, or a skip that says which is missing."""
    if not path.is_file():
        pytest.skip(f"no {path.name} in shared/data/{path.parent.name}")
    return path


def torch_inception(*, seed=0):
    """Arrays by torchvision's keys."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, shape in INCEPTION_LAYERS:
        fan_in = np.prod(shape[1:])
        arrays[f"{name}.conv.weight"] = rng.normal(0, np.sqrt(2 / fan_in), shape)
        for part in ("weight", "running_var"):
            arrays[f"{name}.bn.{part}"] = rng.uniform(0.5, 1.5, shape[0])
        for part in ("bias", "running_mean"):
            arrays[f"{name}.bn.{part}"] = rng.normal(0, 0.2, shape[0])
    return {key: array.astype(np.float32) for key, array in arrays.items()}


def keras_inception(*, seed=0):
    """The same arrays by Keras's keys, which have no gamma."""
    arrays = {}
    parts = {"bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    for number, (name, _) in enumerate(INCEPTION_LAYERS, 1):
        found = torch_inception(seed=seed)
        arrays[f"conv2d_{number}.kernel"] = found[f"{name}.conv.weight"]
        for part, keras in parts.items():
            arrays[f"batch_normalization_{number}.{keras}"] = found[f"{name}.bn.{part}"]
    return arrays


def random_like(shapes, *, seed=0):
    """Arrays for `{key: shape}` in the order of keys: normal weights, biases near zero."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for key in sorted(shapes):
        shape = tuple(shapes[key])
        scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
        arrays[key] = rng.normal(0, scale, shape).astype(np.float32)
    return arrays


def random_linear(channels, *, prefix="", seed=0):
    """Linear weights of LPIPS, which are never negative."""
    rng = np.random.default_rng(seed)
    return {
        f"{prefix}lin{number}.model.1.weight": rng.uniform(0, 0.2, (1, count, 1, 1)).astype("f4")
        for number, count in enumerate(channels)
    }


def save_safetensors(path, arrays):
    from safetensors.numpy import save_file  # noqa: PLC0415 - an optional package

    save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, path)
    return path
