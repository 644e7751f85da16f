"""The forms of one model that `bench_providers` compares, each in a process of its own."""

from __future__ import annotations

import resource
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

import petsgan_sdk
from petsgan_sdk import kernels
from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.diagnosis.host import peak_rss_mb
from petsgan_sdk.errors import BackendUnavailableError, ConfigError, ExportError, PetsganError
from petsgan_sdk.manifest import BundleManifest, NoiseStep, PatchTransferStep, level_size
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.providers import ORT_NAMES, import_onnxruntime

__all__ = ["CUSTOM", "PIPELINE", "ROWS", "STANDARD", "Absent", "Started", "export_forms", "start"]

PIPELINE, STANDARD, CUSTOM = "pipeline", "onnx", "onnx-custom"
"""Our steps; one graph of standard operators; the same with our kernel as a node."""

ROWS = (
    (PIPELINE, "cpu"),
    (STANDARD, "cpu"),
    (CUSTOM, "cpu"),
    (PIPELINE, "cuda"),
    (STANDARD, "cuda"),
    (CUSTOM, "cuda"),
    (PIPELINE, "tensorrt"),
)
"""`(form, provider)` of every row."""


class Absent:
    """A form that cannot run here."""

    def __init__(self, reason: str, *, status: str = "absent") -> None:
        """Keep why."""
        self._facts = {"status": status, "reason": reason}

    def facts(self) -> dict[str, Any]:
        """Status and reason."""
        return self._facts

    def sample(self, **request: int) -> ImageArray:
        """Nothing to sample."""
        raise AssertionError(request)


class Started(ABC):
    """A form that runs; its `sample` makes a batch `[N, height, width, 3]`."""

    def __init__(self, batch: int) -> None:
        """Keep the batch; memory from here on is the form's."""
        self._batch = batch
        self._idle_rss_mb = peak_rss_mb()

    def facts(self) -> dict[str, Any]:
        """Status, and the memory of the process before the model was loaded."""
        return {"status": "ok", "reason": None, "idle_rss_mb": self._idle_rss_mb}

    @abstractmethod
    def sample(self, *, width: int, height: int, seed: int, index: int) -> ImageArray:
        """Make images from `index` on."""


class _Pipeline(Started):
    """What is deployed."""

    def __init__(self, bundle: Path, *, provider: str, threads: int, batch: int) -> None:
        super().__init__(batch)
        self._sampler = petsgan_sdk.load(bundle, provider=provider, threads=threads)

    def sample(self, *, width: int, height: int, seed: int, index: int) -> ImageArray:
        images: ImageArray = self._sampler.sample(
            self._batch, height=height, width=width, seed=seed, start=index, layout="network"
        )
        return images


class _OneGraph(Started):
    """One graph in plain ONNX Runtime. It is given our noise and our conversion to bytes."""

    def __init__(self, bundle: Path, model: Path, *, provider: str, threads: int, batch: int):
        ort = import_onnxruntime()
        wanted = ORT_NAMES[provider]
        if wanted not in ort.get_available_providers():
            msg = f"this onnxruntime has no {wanted}"
            raise BackendUnavailableError(msg)
        super().__init__(batch)
        self._manifest: BundleManifest = open_bundle(bundle).manifest
        self._threads = threads
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        if model.stem == CUSTOM:
            options.register_custom_ops_library(str(kernels.custom_ops_library()))
        self._session = ort.InferenceSession(model, options, providers=[wanted])
        if self._session.get_providers()[0] != wanted:
            msg = f"{wanted} did not start"
            raise BackendUnavailableError(msg)

    def sample(self, *, width: int, height: int, seed: int, index: int) -> ImageArray:
        manifest = self._manifest
        sides = (max(side, manifest.min_canvas_px) for side in (height, width))
        rows, columns = (-(-side // manifest.factor) for side in sides)
        feeds = {}
        for step in manifest.steps:
            if isinstance(step, NoiseStep):
                grid = level_size(manifest, step.level, rows, columns)
                high, wide = (side + 2 * step.margin for side in grid)
                feeds[step.output] = kernels.normal_noise(
                    (self._batch, step.channels, high, wide),
                    seed=seed,
                    stage=step.stage,
                    first_image=index,
                    top=-step.margin,
                    left=-step.margin,
                )
        (signed,) = self._session.run([manifest.output], feeds)
        images: ImageArray = np.stack(
            [
                kernels.signed_to_u8(one, height=height, width=width, threads=self._threads)
                for one in signed
            ]
        )
        return images


def start(
    form: str,
    provider: str,
    *,
    bundle: Path,
    threads: int,
    batch: int,
    size_px: tuple[int, int],
    memory_mb: int,
) -> Started | Absent:
    """Load a form and run it once, or say why that cannot be.

    Args:
        form: One of `PIPELINE`, `STANDARD`, `CUSTOM`.
        provider: Where it should run.
        bundle: The model; single graphs lie beside it.
        threads: Of the form.
        batch: Images of a sample.
        size_px: `(width, height)`.
        memory_mb: What the process may take; a form that needs more has failed.
    """
    model = bundle.with_name(f"{form}.onnx")
    if form != PIPELINE and not model.is_file():
        return Absent(bundle.with_name(f"{form}.txt").read_text(encoding="utf-8"))
    try:
        import_onnxruntime()
        if provider == "cpu":  # drivers reserve more addresses than they use
            resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 1_000_000,) * 2)
        if form == PIPELINE:
            made: Started = _Pipeline(bundle, provider=provider, threads=threads, batch=batch)
        else:
            made = _OneGraph(bundle, model, provider=provider, threads=threads, batch=batch)
        made.sample(width=size_px[0], height=size_px[1], seed=0, index=0)
    except (BackendUnavailableError, ConfigError) as exc:
        return Absent(str(exc))
    except (PetsganError, MemoryError, RuntimeError) as exc:
        return Absent(f"{type(exc).__name__}: {exc}"[:300], status="failed")
    except Exception as exc:
        # ONNX Runtime's own exceptions have no base class of their own.
        if not type(exc).__module__.startswith("onnxruntime"):
            raise
        return Absent(f"{type(exc).__name__}: {exc}"[:300], status="failed")
    return made


def export_forms(bundle: Path) -> None:
    """Write the single graphs beside a bundle, or why they cannot be: `onnx.onnx` or `onnx.txt`."""
    names = [STANDARD, CUSTOM]
    if not any(isinstance(s, PatchTransferStep) for s in open_bundle(bundle).manifest.steps):
        names.remove(CUSTOM)
        reason = f"the model has no patch transfer: it would be the graph of {STANDARD}"
        bundle.with_name(f"{CUSTOM}.txt").write_text(reason)
    for name in names:
        try:
            from petsgan_sdk.export.onnx_file import Form  # noqa: PLC0415 - needs onnx
            from petsgan_sdk.export.onnx_file.compose import compose  # noqa: PLC0415

            model = compose(open_bundle(bundle), Form(name)).model
        except (ImportError, ExportError) as exc:
            bundle.with_name(f"{name}.txt").write_text(f"cannot be exported: {exc}")
        else:
            bundle.with_name(f"{name}.onnx").write_bytes(model.SerializeToString())
