from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import ResizeStep
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.noise_fields import stream_noise
from petsgan_sdk.runtime.rendering.steps.resize import RunResize

STEP = ResizeStep("coarse", "fine")


def run_resize(step: ResizeStep) -> RunResize:
    """From level 0 to the base grid."""
    around: Any = SimpleNamespace(levels={step.input: 0, step.output: None}, threads=1)
    return RunResize(step, around)


def canvas(target: tuple[int, int], source: tuple[int, int], *, seamless: bool = False) -> Canvas:
    return Canvas(*target, stream_noise(0, 0), seamless=seamless, levels=(source,))


@pytest.mark.parametrize("seamless", [False, True])
@pytest.mark.parametrize("scale", [1, 2, 3, 8])
def test_a_window_is_a_part_of_the_whole(scale: int, seamless: bool) -> None:
    """Any sizes, with one or several source pixels for one of the grid, larger and smaller."""
    rng = np.random.default_rng(scale)
    resize = run_resize(STEP)
    for _ in range(60):
        source, target = (tuple(int(n) for n in rng.integers(1, 40, 2)) for _ in range(2))
        plain = canvas(target, source)
        size = (1, 2, source[0] * scale, source[1] * scale)
        values = rng.standard_normal(size).astype(np.float32)
        # On a torus: what lies in the middle of nine copies.
        copies = (1, 1, 3, 3) if seamless else (1, 1, 1, 1)
        wall = canvas(
            (target[0] * copies[2], target[1] * copies[3]),
            (source[0] * copies[2], source[1] * copies[3]),
        )
        whole = {"coarse": np.tile(values, copies)}
        resize.run(whole, wall, wall.whole)
        top, left = (int(rng.integers(n)) for n in target)
        h, w = int(rng.integers(1, target[0] - top + 1)), int(rng.integers(1, target[1] - left + 1))
        if seamless:
            plain = canvas(target, source, seamless=True)
            top, left = top - target[0], left + target[1]
        window = Window(top, left, h, w)
        seen = resize.window_read(plain, window)
        rows, columns = (
            np.arange(start * scale, (start + length) * scale) % (side * scale)
            for start, length, side in (
                (seen.top, seen.height, source[0]),
                (seen.left, seen.width, source[1]),
            )
        )
        part = {"coarse": np.ascontiguousarray(values[:, :, rows[:, None], columns])}
        resize.run(part, plain, window)
        top, left = top % target[0], left % target[1]
        if seamless:
            top, left = top + target[0], left + target[1]
        np.testing.assert_array_equal(
            part["fine"], whole["fine"][..., top : top + h, left : left + w]
        )


def test_equal_sizes_are_copied_and_half_sizes_are_averaged() -> None:
    resize = run_resize(STEP)
    values = np.random.default_rng(0).standard_normal((1, 3, 6, 8)).astype(np.float32)
    same = canvas((6, 8), (6, 8))
    tensors = {"coarse": values}
    resize.run(tensors, same, same.whole)
    np.testing.assert_array_equal(tensors["fine"], values)
    assert resize.window_read(same, Window(2, 3, 1, 4)) == Window(2, 3, 1, 4)
    half = canvas((3, 4), (6, 8))
    resize.run(tensors, half, half.whole)
    expected = values.reshape(1, 3, 3, 2, 4, 2).mean((3, 5))
    np.testing.assert_allclose(tensors["fine"], expected, atol=1e-6)


def test_a_source_that_does_not_lie_on_its_grid_is_an_error_of_the_bundle() -> None:
    resize = run_resize(STEP)
    on = canvas((12, 12), (6, 8))
    with pytest.raises(BundleError, match="'coarse' must be a multiple of 6x8, got 7x8"):
        resize.run({"coarse": np.zeros((1, 3, 7, 8), np.float32)}, on, on.whole)
    with pytest.raises(BundleError, match="must be a multiple of 6x8, got 5x7; export the model"):
        resize.run({"coarse": np.zeros((1, 3, 5, 7), np.float32)}, on, on.whole)
