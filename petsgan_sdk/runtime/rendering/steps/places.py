"""Places, by coordinate synthesis."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from petsgan_sdk._arrays import Array, FloatArray
from petsgan_sdk.manifest import PlacesStep
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.steps.maps import reading_maps
from petsgan_sdk.runtime.rendering.steps.runner import StepRunner, Surroundings, Tensors
from petsgan_sdk.synthesis import MAX_FILL, Frame, PhotoFit, PhotoLevels, PlaceField

__all__ = ["RunPlaces", "place_pairs"]

_KEPT_FIELDS = 4
"""Canvases whose coarse levels are kept, since windows of them may be asked for one by one."""


def place_pairs(packed: Array) -> npt.NDArray[np.int32]:
    """(y, x) as two numbers `[..., 2]`, of places that steps hand to each other as one."""
    pairs = np.ascontiguousarray(packed).view(np.int16).reshape(*packed.shape, 2)
    return pairs.astype(np.int32)


class RunPlaces(StepRunner[PlacesStep]):
    """Places of the photo, `[1, H, W]`; the levels of a canvas are kept from window to window."""

    def __init__(self, step: PlacesStep, around: Surroundings) -> None:
        """Make the photo's features."""
        super().__init__(step, around)
        arrays = around.bundle.arrays
        fit = PhotoFit(
            photo=arrays[step.photo],
            held=step.held,
            basis=arrays[step.basis],
            bias=arrays[step.bias],
            shift=arrays[step.shift],
            alike=tuple(arrays[name] for name in step.alike),
            prices=tuple(arrays[name] for name in step.prices),
            frame=Frame(*step.frame),
        )
        self._factor = around.bundle.manifest.factor
        self._threads = around.threads
        with reading_maps(step):
            self._levels = PhotoLevels(fit, threads=around.threads)
            self._levels.check(fill=MAX_FILL)
        self._fields: OrderedDict[Hashable, PlaceField] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Draw the places of a window."""
        factor = self._factor
        field = self._field(canvas)  # what it refuses is the caller's size
        with reading_maps(self.step):
            places = field.window(
                window.top * factor,
                window.left * factor,
                window.height * factor,
                window.width * factor,
            )
        # Two int16 are one int32 to whoever cuts and carries them.
        tensors[self.step.output] = np.ascontiguousarray(places).view(np.int32)[None, ..., 0]

    def _field(self, canvas: Canvas) -> PlaceField:
        key = (canvas.noise, canvas.height, canvas.width, canvas.seamless, canvas.knobs)
        with self._lock:
            found = self._fields.pop(key, None)
            if found is None:
                found = self._new_field(canvas)
            self._fields[key] = found
            while len(self._fields) > _KEPT_FIELDS:
                self._fields.popitem(last=False)
        return found

    def _new_field(self, canvas: Canvas) -> PlaceField:
        stage = self.step.stage

        def draw(order: int, size: tuple[int, int], area: tuple[int, int, int, int]) -> FloatArray:
            level = replace(canvas, height=size[0], width=size[1])
            drawn = level.draw(Window(*area), channels=2, stage=stage + order)
            return np.asarray(drawn[0])

        return PlaceField(
            self._levels,
            self.step.settings,
            height=canvas.height * self._factor,
            width=canvas.width * self._factor,
            draw=draw,
            seamless=canvas.seamless,
            knobs=canvas.knobs,
            threads=self._threads,
        )
