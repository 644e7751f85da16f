"""Open a bundle on the provider that was asked for, or the best that starts. Torch-free."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from petsgan_sdk import kernels
from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.manifest import BundleManifest, GraphStep
from petsgan_sdk.runtime.bundle import Bundle, open_bundle
from petsgan_sdk.runtime.checks import MIN_SIDE_PX, default_threads
from petsgan_sdk.runtime.device.arrays import CudaDevice
from petsgan_sdk.runtime.device.onnx_cuda import OnnxCudaGraph, memory_options, provider_options
from petsgan_sdk.runtime.device.pipeline import device_pipeline, step_maker
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.providers import Candidate, candidate_providers, check_provider_name
from petsgan_sdk.runtime.rendering.canvas import Canvas
from petsgan_sdk.runtime.rendering.pipeline import Pipeline, build_pipeline
from petsgan_sdk.runtime.sampler import Sampler
from petsgan_sdk.runtime.session import GraphSession
from petsgan_sdk.runtime.startable import affordable_threads
from petsgan_sdk.runtime.tensorrt.source import graph_maker

__all__ = ["load"]

_log = logging.getLogger(__name__)

_WINDOW_PX = 2048
"""No window of a canvas that is made in blocks is larger, halo included."""


def load(
    path: str | Path | Bundle,
    *,
    provider: str = "auto",
    threads: int | None = None,
    options: ProviderOptions | None = None,
) -> Sampler:
    """Open a bundle and make it ready to sample.

    Args:
        path: A `.petsgan` file, or what `open_bundle` made of one.
        provider: `auto` (CUDA if this onnxruntime has it and it starts, else CPU, and
            `Sampler.provider_note` says why), `cpu`, `cuda`, or `tensorrt`, whose engines
            `petsgan-sdk build` makes. A bundle without graphs runs on the CPU, whatever is
            installed.
        threads: Threads for one image, 1 to 256. Default: `PETSGAN_NUM_THREADS`, else the usable
            cores but at most 4. Fewer, with a warning in the log, where the system does not let
            this process start so many: every graph has its own, and so have our kernels.
        options: Precision, building and memory of the GPU providers.

    Raises:
        BundleError: The file is missing, damaged, unsafe, of another kind or version.
        BackendUnavailableError: The named provider, or onnxruntime, is not there, or there are no
            graphs for it.
        ConfigError: An unknown provider or an impossible number of threads.
    """
    check_provider_name(provider)
    threads = default_threads(threads)
    bundle = path if isinstance(path, Bundle) else open_bundle(Path(path))
    threads = affordable_threads(threads, pools=len(bundle.graphs) + 1)
    note: str | None = None
    for candidate in _candidates(provider, bundle):
        try:
            pipeline = _open_pipeline(
                bundle,
                provider=candidate.name,
                threads=threads,
                options=options or ProviderOptions(),
            )
        except BackendUnavailableError as exc:
            if candidate.required:
                raise
            note = f"fell back from {candidate.name}: {exc}"
            _log.warning("%s", note)
            continue
        return Sampler(bundle, pipeline, provider=candidate.name, threads=threads, note=note)
    msg = "onnxruntime offers none of the providers that petsgan-sdk knows"
    raise BackendUnavailableError(msg, hint="petsgan-sdk doctor")


def _candidates(provider: str, bundle: Bundle) -> tuple[Candidate, ...]:
    """The providers to try; onnxruntime is asked only where there is a graph for it."""
    if bundle.graphs:
        return candidate_providers(provider)
    if provider not in ("auto", "cpu"):
        msg = f"provider {provider!r} runs graphs, and this bundle has none: it runs on the CPU"
        raise BackendUnavailableError(msg, hint="--provider cpu")
    return (Candidate("cpu", required=True),)


def _open_pipeline(
    bundle: Bundle, *, provider: str, threads: int, options: ProviderOptions
) -> Pipeline:
    """Make a bundle ready to run on a provider."""
    if provider == "cpu":
        return build_pipeline(bundle, provider=provider, threads=threads)
    if provider == "tensorrt":
        make_graph = graph_maker(bundle, options)  # before the device: says what is missing first
        device = CudaDevice()
        return device_pipeline(
            bundle,
            device,
            step_maker(bundle, device, lambda step: make_graph(step, device)),
            threads=threads,
            command=partial(_build_command, bundle.path, bundle.manifest, options),
        )
    reason = kernels.build_info()["cuda"].get("reason")
    if reason is not None:
        pipeline = build_pipeline(
            bundle, provider=provider, threads=threads, provider_options=memory_options(options)
        )
        _log.warning("our kernels run on the CPU and their tensors are copied: %s", reason)
        return pipeline
    device = CudaDevice()
    told = provider_options(options, device.stream)
    sessions: dict[str, GraphSession] = {}

    def make_session(step: GraphStep) -> OnnxCudaGraph:
        name = step.member
        if name not in sessions:
            graph = bundle.graphs[name]
            sessions[name] = GraphSession(
                graph, name, provider=provider, threads=threads, provider_options=told
            )
        return OnnxCudaGraph(step, sessions[name], device)

    return device_pipeline(
        bundle, device, step_maker(bundle, device, make_session), threads=threads
    )


def _build_command(
    path: Path,
    manifest: BundleManifest,
    options: ProviderOptions,
    canvas: Canvas,
    is_whole: bool,
) -> str:
    """One size for a whole canvas; for windows of it, whose sizes vary, a range."""
    factor = manifest.factor
    if is_whole:
        sizes = f"--sizes {canvas.width * factor}x{canvas.height * factor}"
    else:
        sizes = f"--min {max(MIN_SIDE_PX, manifest.min_canvas_px)} --opt 1024 --max {_WINDOW_PX}"
    precision = "" if options.precision == "fp32" else f" --precision {options.precision}"
    return f"petsgan-sdk build {path} --provider tensorrt {sizes}{precision}"
