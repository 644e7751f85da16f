"""From a checkpoint to a folder of what TensorRT needs: a graph for each step, and their list.

Engines are not in it: they are compiled for one GPU and one version, and are built where they run,
by `petsgan-sdk build` or, from the graphs of this folder, by any other program.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from petsgan_sdk.container import pack_array
from petsgan_sdk.errors import BackendUnavailableError, OutputError
from petsgan_sdk.export.bundle import Draft, draft_bundle, other_sizes_px
from petsgan_sdk.export.half_precision import half_networks
from petsgan_sdk.export.parity.limits import Differences, psnr_db
from petsgan_sdk.export.parity.steps import sample_canvas
from petsgan_sdk.files import atomic_write, check_distinct, check_writable, temporary_folder
from petsgan_sdk.files.regular import is_taken
from petsgan_sdk.manifest import to_header
from petsgan_sdk.models.ambient import plain_torch
from petsgan_sdk.runtime.bundle import Bundle, open_bundle
from petsgan_sdk.runtime.entries import check_makes_images
from petsgan_sdk.runtime.rendering.pipeline import Pipeline, build_pipeline
from petsgan_sdk.runtime.tensorrt.build import build_engines, find_target
from petsgan_sdk.runtime.tensorrt.cache import EngineCache
from petsgan_sdk.runtime.tensorrt.sizes import SizeRange

__all__ = ["BUNDLE", "DESCRIPTION", "TensorrtExport", "export_tensorrt"]

BUNDLE, DESCRIPTION = "model.petsgan", "manifest.json"
_FORMAT, _FORMAT_VERSION = "petsgan-tensorrt", 1


@dataclass(frozen=True, slots=True)
class TensorrtExport:
    """What an export left."""

    folder: Path
    """Bundle, graphs, constants and `manifest.json`."""
    graphs: tuple[str, ...]
    """The graphs, relative to the folder."""
    precision: str
    """Of the networks behind patch transfer; without one, of all."""
    psnr_db: float | None
    """Of half networks to float32 ones; None for fp32 or if it was not verified."""
    parser: str | None
    """The TensorRT that built every graph as a check; None if there was none."""


@plain_torch()
def export_tensorrt(
    checkpoint_path: Path,
    folder: Path,
    *,
    half: bool = False,
    verify: bool = True,
    overwrite: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> TensorrtExport:
    """Write the folder.

    Args:
        checkpoint_path: A model from `petsgan_sdk.training.train`, finished or not.
        folder: Made; its parent must be there.
        half: Write the networks behind patch transfer, or all where there is none, in half
            precision.
        verify: Compare the bundle with torch and halves with float32, and give every graph to
            TensorRT's builder where it is installed.
        overwrite: Replace the folder of an earlier export.
        note: Told what a person should know.

    Raises:
        CheckpointError: The checkpoint is damaged or of another version.
        OutputError: The folder exists, or cannot be written.
        ExportError: A network could not be exported.
        ParityError: The forms differ; nothing was written.
        EngineError: TensorRT refuses a graph; nothing was written.
        BackendUnavailableError: A package for the export is missing.
        BundleError: The model only starts from images.
    """
    check_distinct(folder, checkpoint_path)
    _check_folder(folder, overwrite=overwrite)
    draft = draft_bundle(checkpoint_path, note).network_alone()
    check_makes_images(draft.manifest)
    with temporary_folder(folder) as temporary:
        made = temporary / "made"
        made.mkdir()
        draft.write(made / BUNDLE)
        bundle = open_bundle(made / BUNDLE)
        in_half = half_networks(bundle) if half else {}
        decibels = parser = None
        if verify:
            pipeline = build_pipeline(bundle, provider="cpu", threads=1)
            draft.verify(bundle, pipeline, note)
            decibels = _compare_halves(bundle, pipeline, draft, note) if half else None
            parser = _try_builder(bundle, in_half, draft, note)
        graphs = _write(made, bundle, in_half)
        if folder.exists():
            # Removed with the temporary folder: an interruption leaves no half of it.
            folder.rename(temporary / "replaced")
        made.rename(folder)
    precision = "fp16" if half else "fp32"
    return TensorrtExport(folder, graphs, precision, decibels, parser)


def _check_folder(folder: Path, *, overwrite: bool) -> None:
    if is_taken(folder):
        ours = (folder / DESCRIPTION).is_file() and (folder / BUNDLE).is_file()
        if not (overwrite and ours):
            what = "exists" if ours else "exists and is no earlier export"
            msg = f"output: folder {str(folder)!r} {what}; hint: "
            raise OutputError(msg + ("--force replaces it" if ours else "choose another name"))
    check_writable(folder.with_name(f"{folder.name}.petsgan-probe"), overwrite=False)


def _compare_halves(
    bundle: Bundle, pipeline: Pipeline, draft: Draft, note: Callable[[str], None]
) -> float:
    """The least PSNR of images by half networks, in ONNX Runtime, at sizes of their own."""
    graphs = {**bundle.graphs, **half_networks(bundle, shown=True)}
    form = dataclasses.replace(bundle, graphs=graphs)
    half_pipeline = build_pipeline(form, provider="cpu", threads=1)
    found = []
    for size in other_sizes_px(draft.manifest):
        differences = Differences(size, "float32")
        canvas = sample_canvas(bundle.manifest, size)
        decibels = psnr_db(half_pipeline.run(canvas), pipeline.run(canvas))
        note(f"half precision at {size[1]}x{size[0]}: {decibels:.1f} dB from float32")
        differences.add_half("half precision", decibels)
        found.append(decibels)
    return min(found)


def _try_builder(
    bundle: Bundle, in_half: Mapping[str, bytes], draft: Draft, note: Callable[[str], None]
) -> str | None:
    """Build every graph for a range of sizes and throw the engines away."""
    try:
        target = find_target()
    except BackendUnavailableError as exc:
        note(f"the graphs were not given to TensorRT: {exc}")
        return None
    factor = bundle.manifest.factor
    sizes = [(h // factor, w // factor) for h, w in other_sizes_px(draft.manifest)]
    least, most = ((pick(h for h, _ in sizes), pick(w for _, w in sizes)) for pick in (min, max))
    with tempfile.TemporaryDirectory(prefix="petsgan-engines-") as scratch:
        cache = EngineCache(Path(scratch) / "engines")
        ranges = [SizeRange(least, most, most)]
        build_engines(bundle, ranges, halves=in_half, cache=cache, target=target, note=note)
    return f"{target.distribution} {target.version}"


def _write(folder: Path, bundle: Bundle, in_half: Mapping[str, bytes]) -> tuple[str, ...]:
    files = {**bundle.graphs, **in_half}
    for name, data in files.items():
        _put(folder / name, data)
    for name, array in bundle.arrays.items():
        _put(folder / name, pack_array(array))
    description = {
        "format": _FORMAT,
        "format_version": _FORMAT_VERSION,
        "bundle": BUNDLE,
        "bundle_digest": bundle.digest,
        "precision": {name: "fp16" if name in in_half else "fp32" for name in bundle.graphs},
        **to_header(bundle.manifest),
    }
    _put(folder / DESCRIPTION, (json.dumps(description, indent=2) + "\n").encode())
    return tuple(files)


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, data, overwrite=False)
