"""Open a bundle on the provider that was asked for, or the best that starts. Torch-free."""

from __future__ import annotations

import logging
from pathlib import Path

from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.runtime.bundle import Bundle, open_bundle
from petsgan_sdk.runtime.checks import default_threads
from petsgan_sdk.runtime.device.pipeline import open_pipeline
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.providers import candidate_providers, check_provider_name
from petsgan_sdk.runtime.sampler import Sampler
from petsgan_sdk.runtime.startable import affordable_threads

__all__ = ["load"]

_log = logging.getLogger(__name__)


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
            `petsgan-sdk build` makes.
        threads: Threads for one image, 1 to 256. Default: `PETSGAN_NUM_THREADS`, else the usable
            cores but at most 4. Fewer, with a warning in the log, where the system does not let
            this process start so many: every graph has its own, and so have our kernels.
        options: Precision, building and memory of the GPU providers.

    Raises:
        BundleError: The file is missing, damaged, unsafe, of another kind or version.
        BackendUnavailableError: The named provider, or onnxruntime, is not there.
        ConfigError: An unknown provider or an impossible number of threads.
    """
    check_provider_name(provider)
    threads = default_threads(threads)
    bundle = path if isinstance(path, Bundle) else open_bundle(Path(path))
    threads = affordable_threads(threads, pools=len(bundle.graphs) + 1)
    note: str | None = None
    for candidate in candidate_providers(provider):
        try:
            pipeline = open_pipeline(
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
