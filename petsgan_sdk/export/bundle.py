"""From a checkpoint to one `.petsgan` file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from petsgan_sdk._arrays import Array
from petsgan_sdk.checkpoint import Checkpoint, load_checkpoint
from petsgan_sdk.export.parity.steps import compare_with_torch
from petsgan_sdk.export.parity.windows import check_windows
from petsgan_sdk.export.tiling.halo import with_halos
from petsgan_sdk.files import atomic_write
from petsgan_sdk.manifest import AnyStep, BundleManifest, Entry
from petsgan_sdk.models.ambient import plain_torch
from petsgan_sdk.runtime.bundle import Bundle, open_bundle
from petsgan_sdk.runtime.flow import layout_path, network_path
from petsgan_sdk.runtime.rendering.pipeline import Pipeline, build_pipeline
from petsgan_sdk.stations.export import (
    ExportRequest,
    ExportResult,
    make_manifest,
    require_networks,
    take_apart,
    write_bundle,
)

__all__ = ["Deployment", "Draft", "draft_bundle", "export_networks", "other_sizes_px"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model taken apart into what a bundle holds: what a family hands to export."""

    steps: tuple[AnyStep, ...]
    """The manifest's list."""
    output: str
    """Name of the final tensor."""
    graphs: dict[str, bytes]
    """Serialised ONNX models by member name."""
    arrays: dict[str, Array]
    """Constants by member name."""
    expected: dict[str, Callable[..., Tensor]]
    """For each graph member: the torch module, called with the graph's inputs by name."""
    min_canvas_px: int
    """Least side of a canvas in pixels; smaller images are cropped from one."""
    preview: Array
    """`[H, W, 3]` uint8, one sample."""
    levels: tuple[tuple[int, int], ...] = ()
    """`(h, w)` at training of the manifest's levels."""
    entries: tuple[Entry, ...] = ()
    """The stages that can be started from an image, the coarsest first."""
    layouts: dict[str, str] = field(default_factory=dict)
    """Other final tensors, by where their layout comes from."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A checkpoint taken apart: all that a bundle holds, not yet written."""

    manifest: BundleManifest
    """The header."""
    deployment: Deployment
    """Graphs, constants, and the torch forms to compare with."""

    def network_alone(self) -> Draft:
        """The same model without other layouts than those of its network."""
        if not self.manifest.layouts:
            return self
        manifest = network_path(self.manifest)
        names = {n for s in manifest.steps for n in (*s.array_members, *s.typed_members)}
        arrays = {name: a for name, a in self.deployment.arrays.items() if name in names}
        deployment = replace(self.deployment, steps=manifest.steps, arrays=arrays, layouts={})
        return Draft(manifest, deployment)

    def write(self, path: Path, *, overwrite: bool = False) -> int:
        """Write the bundle atomically and return its size in bytes.

        Raises:
            OutputError: The file exists, or cannot be written.
        """
        return write_bundle(
            path,
            self.manifest,
            graphs=self.deployment.graphs,
            arrays=self.deployment.arrays,
            preview=self.deployment.preview,
            overwrite=overwrite,
        )

    def verify(self, bundle: Bundle, pipeline: Pipeline, note: Callable[[str], None]) -> float:
        """Compare a bundle that was written with torch, and its windows with the whole.

        A way to the image without graphs, places and their composite alone, is left out: torch has
        no form of it, and its kernels make the same bits everywhere.

        Args:
            bundle: What was written, opened.
            pipeline: Of it, on the CPU.
            note: Told what was found.

        Returns:
            The largest difference from torch.

        Raises:
            ParityError: They differ by more than the tolerance.
        """
        largest = 0.0
        for layout in ("network", *self.manifest.layouts):
            way = layout_path(self.manifest, layout)
            if not any(step.graph_members for step in way.steps):
                continue
            alone, by_it = replace(bundle, manifest=way), pipeline.making(way.output)
            for size in (way.image_size_px, *other_sizes_px(way)):
                found = compare_with_torch(alone, by_it, self.deployment.expected, size)
                where = f"{size[1]}x{size[0]}" + ("" if layout == "network" else f" by {layout}")
                text = f"verified at {where}: largest difference {found.largest:.2g}"
                note(f"{text} ({found.largest_in})")
                largest = max(largest, found.largest)
        network = network_path(self.manifest)
        in_windows = check_windows(network, pipeline.making(network.output))
        note(f"verified in windows: largest difference from the whole {in_windows:.2g}")
        return largest


def other_sizes_px(manifest: BundleManifest) -> list[tuple[int, int]]:
    """Two `(height, width)` unlike the training image: a smaller and a wider one."""
    factor = manifest.factor
    height, width = manifest.image_size_px
    least = -(-manifest.min_canvas_px // factor)
    smaller = max(least + 1, height // factor // 2 + 1), max(least, width // factor // 2)
    return [
        (smaller[0] * factor, smaller[1] * factor),
        (height, (width // factor + width // factor // 2 + 1) * factor),
    ]


def draft_bundle(checkpoint_path: Path, note: Callable[[str], None]) -> Draft:
    """Take a checkpoint apart.

    Raises:
        CheckpointError: The checkpoint is damaged or of another version.
        ExportError: A network could not be exported.
        BackendUnavailableError: A package for the export is missing.
        ConfigError: The model has no networks.
    """
    checkpoint = load_checkpoint(checkpoint_path)
    require_networks(checkpoint)
    if not checkpoint.is_finished:
        done, total = checkpoint.steps_done, checkpoint.settings.total_steps
        note(f"training stopped at step {done} of {total}; exporting the model as it is")
    deployment: Deployment = take_apart(checkpoint, checkpoint_path)
    factor = checkpoint.settings.image.factor
    steps = with_halos(deployment.steps, deployment.graphs, factor=factor, note=note)
    deployment = replace(deployment, steps=steps)
    return Draft(_manifest(checkpoint, deployment), deployment)


@plain_torch()
def export_networks(request: ExportRequest) -> ExportResult:
    """Write the bundle of a checkpoint with networks.

    Raises:
        PetsganError: As `stations.export.export_bundle`.
    """
    path, overwrite = request.bundle_path, request.overwrite
    draft = draft_bundle(request.checkpoint_path, request.note)
    if not request.verify:
        return ExportResult(path, draft.write(path, overwrite=overwrite), None)
    with tempfile.TemporaryDirectory(prefix="petsgan-export-") as folder:
        trial = Path(folder) / "draft.petsgan"
        size = draft.write(trial)
        bundle = open_bundle(trial)
        pipeline = build_pipeline(bundle, provider="cpu", threads=1)
        largest = draft.verify(bundle, pipeline, request.note)
        # The very bytes that were verified.
        atomic_write(path, trial.read_bytes(), overwrite=overwrite)
    return ExportResult(path, size, largest)


def _manifest(checkpoint: Checkpoint, deployment: Deployment) -> BundleManifest:
    import onnx  # noqa: PLC0415 - optional, and its absence was reported before
    import torch  # noqa: PLC0415 - for its version only

    return make_manifest(
        checkpoint,
        steps=deployment.steps,
        output=deployment.output,
        min_canvas_px=deployment.min_canvas_px,
        levels=deployment.levels,
        entries=deployment.entries,
        layouts=deployment.layouts,
        made_by={"torch": torch.__version__, "onnx": onnx.__version__},
    )
