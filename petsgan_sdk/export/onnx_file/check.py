"""Compare a graph with our runtime: step by step, and the whole image.

The whole image is compared strictly where no match differs: a flipped tie moves real pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper

from petsgan_sdk import kernels
from petsgan_sdk._arrays import Array
from petsgan_sdk.export.onnx_file.compose import Composed
from petsgan_sdk.export.onnx_file.composition import Form
from petsgan_sdk.export.onnx_file.grids import canvas_of_noise, noise_steps
from petsgan_sdk.export.parity.limits import (
    WHOLE_TOLERANCE,
    Differences,
    psnr_db,
    relative_difference,
)
from petsgan_sdk.export.parity.matches import Matches
from petsgan_sdk.export.parity.reference import MadeTensors
from petsgan_sdk.export.parity.steps import (
    RuntimeReference,
    compare_steps,
    sample_canvas,
    traced,
)
from petsgan_sdk.export.steps.step_export import file_inputs
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.providers import import_onnxruntime
from petsgan_sdk.runtime.rendering.pipeline import Pipeline

__all__ = ["FileChecker", "FileParity", "open_session"]

_QUIET = 4
"""`fatal`: errors arrive as exceptions."""


@dataclass(frozen=True, slots=True)
class FileParity:
    """How far a graph is from our runtime at one size."""

    size_px: tuple[int, int]
    """`(height, width)` of the canvas."""
    batch: int
    """Images in one run."""
    max_step_diff: float
    """Largest difference of a float32 step, relative to the larger of 1 and its largest value."""
    flipped_ties: int
    """Matches that differ on the same inputs, all of them between ties."""
    max_abs_diff: float
    """Of the whole image in [-1, 1]; what flipped ties moved is included."""
    psnr_db: float
    """Of the whole image; 200 is equality."""
    half_psnr_db: float | None
    """Least PSNR of a half-precision network on the same inputs; None in float32."""


class FileChecker:
    """Our runtime, ready to be compared with any number of graphs of one bundle.

    Args:
        bundle: The model.
        pipeline: Of it, on the CPU.
        batch: Images in one run of a graph, at least 1.
    """

    def __init__(self, bundle: Bundle, pipeline: Pipeline, *, batch: int) -> None:
        """Keep them; what the runtime makes at a size is made once for all graphs."""
        self._bundle = bundle
        self._pipeline = pipeline
        self._batch = batch
        self._made: dict[tuple[int, int], MadeTensors] = {}

    def check(
        self, composed: Composed, sizes_px: Sequence[tuple[int, int]]
    ) -> tuple[FileParity, ...]:
        """Compare at several sizes.

        Args:
            composed: The graph.
            sizes_px: `(height, width)`, multiples of the factor; the canvas is the nearest to it
                that noise can ask for.

        Raises:
            ParityError: A step differs by more than its tolerance, or is not finite.
            BackendUnavailableError: onnxruntime, or the library of the custom op, is missing.
        """
        # Halves that are shown are really rounded, which the CPU provider else leaves out.
        plain, shown = (
            open_session(model.SerializeToString(), composed.form)
            for model in (composed.model, _showing(composed))
        )
        return tuple(self._check(composed, plain, shown, size) for size in sizes_px)

    def _check(
        self, composed: Composed, plain: Any, shown: Any, size_px: tuple[int, int]
    ) -> FileParity:
        manifest = self._bundle.manifest
        height, width = size_px
        if noise_steps(manifest):
            sides = canvas_of_noise(manifest, *(side // manifest.factor for side in size_px))
            height, width = (side * manifest.factor for side in sides)
        expected = self._runtime((height, width))
        inputs = file_inputs(manifest.steps)
        own = {given.name: expected.tensors[given.name] for given in inputs}
        feeds = {given.name: given.fed(own[given.name]) for given in inputs}
        unshown = _run_session(plain, feeds)[manifest.output]
        found = _run_session(shown, feeds) | own
        reference = RuntimeReference(self._pipeline, sample_canvas(manifest, (height, width)))
        differences = Differences((height, width), reference.name)
        for name in (*composed.half_tensors, *found):  # where it broke, not where it shows
            differences.require_finite(f"tensor {name!r}", found[name])
        made = _by_manifest(composed, found)
        half_steps = composed.half_steps
        compare_steps(self._bundle, made, reference, differences, half_steps=half_steps)
        image = found[manifest.output]
        whole = np.clip(expected.tensors[manifest.output], -1, 1)
        others = {"image without its steps shown": unshown}
        if not any(made.matches[name].flipped(own) for name, own in expected.matches.items()):
            others["whole image"] = whole
        for label, other in others.items():
            if half_steps:
                differences.add_half(label, psnr_db(image, other))
            else:
                difference = relative_difference(image, other)
                differences.require_within(label, difference, limit=WHOLE_TOLERANCE)
        return FileParity(
            (height, width),
            self._batch,
            max_step_diff=differences.largest,
            flipped_ties=differences.flipped_ties,
            max_abs_diff=float(np.abs(image - whole).max()),
            psnr_db=psnr_db(image, whole),
            half_psnr_db=differences.half_psnr_db,
        )

    def _runtime(self, size_px: tuple[int, int]) -> MadeTensors:
        """What our runtime makes of as many images as a graph makes in one run."""
        if size_px not in self._made:
            images = [
                traced(
                    self._bundle,
                    self._pipeline,
                    sample_canvas(self._bundle.manifest, size_px, image=image),
                )
                for image in range(self._batch)
            ]
            self._made[size_px] = MadeTensors(
                {
                    name: np.concatenate([made.tensors[name] for made in images])
                    for name in images[0].tensors
                },
                {
                    name: Matches(
                        np.concatenate([made.matches[name].index for made in images]),
                        np.concatenate([made.matches[name].weight for made in images]),
                    )
                    for name in images[0].matches
                },
            )
        return self._made[size_px]


def _by_manifest(composed: Composed, found: dict[str, Any]) -> MadeTensors:
    """What a graph made, by the names and of the types that the steps of a bundle have."""
    tensors = {name: found[own] for name, own in composed.tensors.items() if own in found}
    return MadeTensors(
        {
            name: array.astype(np.int32) if array.dtype == np.int64 else array
            for name, array in tensors.items()
        },
        {
            name: Matches(found[match.index], found[match.weight])
            for name, match in composed.matches.items()
        },
    )


def open_session(model: bytes, form: Form) -> Any:
    """Make a session of ONNX Runtime on one thread of the CPU.

    Raises:
        BackendUnavailableError: onnxruntime, or the library of the custom op, is missing.
    """
    ort = import_onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = _QUIET
    if form is Form.custom:
        options.register_custom_ops_library(str(kernels.custom_ops_library()))
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _run_session(session: Any, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Every output by name."""
    names: Sequence[str] = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def _showing(composed: Composed) -> ModelProto:
    """Copy a graph with every tensor of the manifest, match and half as an output."""
    index = TensorProto.INT32 if composed.form is Form.custom else TensorProto.INT64
    kinds: dict[str, int] = dict.fromkeys(composed.tensors.values(), TensorProto.FLOAT)
    for match in composed.matches.values():
        kinds |= {match.index: index, match.weight: TensorProto.FLOAT}
    kinds |= dict.fromkeys(composed.half_tensors, TensorProto.FLOAT16)
    made = {name for node in composed.model.graph.node for name in node.output}
    model = ModelProto()
    model.CopyFrom(composed.model)
    model.graph.output.extend(
        helper.make_tensor_value_info(name, kind, None)
        for name, kind in kinds.items()
        if name in made  # noise is an input
    )
    return model
