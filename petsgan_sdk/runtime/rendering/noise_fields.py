"""Where the noise of a run comes from: functions of the coordinates, whatever the canvas."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk._arrays import FloatArray
from petsgan_sdk.runtime.rendering.canvas import NoiseField

__all__ = ["between", "scaled", "stream_noise"]


@dataclass(frozen=True, slots=True)
class _StreamNoise:
    """Equal for the same image, so that what was made of it before is found again."""

    seed: int
    index: int

    def __call__(
        self, shape: tuple[int, int, int, int], stage: int, top: int, left: int
    ) -> FloatArray:
        return kernels.normal_noise(
            shape, seed=self.seed, stage=stage, first_image=self.index, top=top, left=left
        )


def stream_noise(seed: int, index: int) -> NoiseField:
    """Noise of image `index` of a seed."""
    return _StreamNoise(seed, index)


def between(seed_a: int, seed_b: int, position: float) -> NoiseField:
    """Noise at `position` (0..1) on the great circle between the first images of two seeds.

    Two independent fields of noise are at right angles but for chance. The angle that a canvas
    happens to have would differ from that of its tiles.
    """
    draw_a, draw_b = stream_noise(seed_a, 0), stream_noise(seed_b, 0)
    if seed_a == seed_b or position == 0:
        return draw_a
    if position == 1:
        return draw_b
    weight_a, weight_b = math.cos(position * math.pi / 2), math.sin(position * math.pi / 2)

    def draw(shape: tuple[int, int, int, int], stage: int, top: int, left: int) -> FloatArray:
        a, b = draw_a(shape, stage, top, left), draw_b(shape, stage, top, left)
        mixed: FloatArray = a * a.dtype.type(weight_a) + b * b.dtype.type(weight_b)
        return mixed

    return draw


def scaled(noise: NoiseField, factor: float) -> NoiseField:
    """Noise of another strength; 1 leaves it as it is, 0 draws none."""
    if factor == 1:
        return noise

    def draw(shape: tuple[int, int, int, int], stage: int, top: int, left: int) -> FloatArray:
        if factor == 0:
            return np.zeros(shape, dtype=np.float32)
        normals = noise(shape, stage, top, left)
        stronger: FloatArray = normals * normals.dtype.type(factor)
        return stronger

    return draw
