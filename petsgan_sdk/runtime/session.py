"""One ONNX graph of a bundle, ready to run: an ONNX Runtime session made from bytes.

Everything that ONNX Runtime does silently is made loud here: a session that fell back to another
provider, a graph that is not one of ours, a graph whose tensors are not the ones that the manifest
names. Imports onnxruntime at use only.
"""

from __future__ import annotations

import importlib
import inspect
import io
import logging
from collections.abc import Mapping
from contextlib import redirect_stdout
from functools import cache
from typing import Any

from petsgan_sdk._arrays import FloatArray
from petsgan_sdk._text import printable
from petsgan_sdk.errors import BackendUnavailableError, BundleError
from petsgan_sdk.manifest import GraphStep
from petsgan_sdk.runtime.exit_gate import exit_gate
from petsgan_sdk.runtime.graphs.bundle import check_names
from petsgan_sdk.runtime.graphs.check import CheckedGraph, Shape, check_graph, check_run
from petsgan_sdk.runtime.providers import INSTALL_GPU, ORT_NAMES, import_onnxruntime
from petsgan_sdk.runtime.startable import check_startable

__all__ = ["GraphSession"]

_QUIET, _WARNINGS = 4, 2
"""Log levels of ONNX Runtime: `fatal`, since errors arrive as exceptions, and its default."""

_MAX_SHAPES = 256
"""Kept of those that were checked, so that a session that sees many sizes stays small."""

_log = logging.getLogger(__name__)

_PROVIDER_OPTIONS: dict[str, dict[str, str]] = {
    "cpu": {},
    # TF32 would change results in the third digit; the heuristic search is repeatable.
    "cuda": {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"},
}


@cache
def _ort_errors() -> tuple[type[Exception], ...]:
    """Every exception that ONNX Runtime raises; its own have no base class of their own."""
    state = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    own = inspect.getmembers(state, lambda x: inspect.isclass(x) and issubclass(x, Exception))
    return (*(kind for _, kind in own), RuntimeError, ValueError, MemoryError)


def _first_line(exc: BaseException) -> str:
    first = next((line.strip() for line in str(exc).splitlines() if line.strip()), repr(exc))
    return printable(first)  # it may name what a graph calls its nodes


def _session_options(threads: int) -> Any:
    ort = import_onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    # Planned memory saves no time here and costs two thirds more of it at the peak (measured at
    # 1024x1024 and 2048x2048, same speed).
    options.enable_mem_pattern = False
    options.log_severity_level = _QUIET
    # Our kernels run between two graphs: threads that spin would take their cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Else bytes that are a graph to our reader could be another in ONNX Runtime's own format.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _preload_cuda(ort: Any) -> str:
    """Load the CUDA libraries that pip installed; returns what could not be found, for a message.

    ONNX Runtime prints this, and logs it again when the session is made: both are held back, since
    the error that follows says it in one line. The caller restores the log level.
    """
    printed = io.StringIO()
    ort.set_default_logger_severity(_QUIET)
    if hasattr(ort, "preload_dlls"):
        with redirect_stdout(printed):
            ort.preload_dlls()
    text = printed.getvalue().strip()
    _log.debug("%s", text)
    return f" ({text.splitlines()[0]})" if text else ""


def _compare_options(asked: Mapping[str, str], used: Mapping[str, str], provider: str) -> None:
    """Say which options the provider did not take as they were given."""
    for name, value in asked.items():
        if used.get(name) != value:
            _log.warning(
                "provider %r was given %s=%s and uses %s", provider, name, value, used.get(name)
            )


class GraphSession:
    """A graph that maps named float32 arrays to named float32 arrays; safe to share by threads.

    `run` copies: on the CUDA provider inputs go to the GPU and outputs come back for every graph;
    `device/` binds memory instead. The CUDA provider has not been run on a GPU yet.

    Args:
        graph: A serialised ONNX model. One of an open bundle was checked with it; any other is
            checked here, by itself.
        name: What to call it in messages: its member name in the bundle.
        provider: `cpu` or `cuda`; the session runs there or is refused.
        threads: Threads of ONNX Runtime's own pool, at least 1.
        provider_options: For the provider, beside those that make its results repeatable.

    Raises:
        BundleError: The graph is damaged, or is not one that a bundle may hold.
        BackendUnavailableError: The provider did not start, or its threads could not.
    """

    def __init__(
        self,
        graph: bytes,
        name: str,
        *,
        provider: str,
        threads: int,
        provider_options: Mapping[str, str] | None = None,
    ) -> None:
        """Create the session and check where it really runs."""
        if not isinstance(graph, CheckedGraph):
            graph = check_graph(graph, name)
        self._model, self._factor = graph.model, graph.factor
        self._seen: set[tuple[tuple[str, Shape], ...]] = set()
        ort = import_onnxruntime()
        check_startable(threads - 1, what=f"the session of {name!r}")
        wanted = ORT_NAMES[provider]
        asked = {**_PROVIDER_OPTIONS[provider], **(provider_options or {})}
        lost = _preload_cuda(ort) if provider == "cuda" else ""
        try:
            with exit_gate:
                self._session = ort.InferenceSession(
                    graph,
                    sess_options=_session_options(threads),
                    providers=[(wanted, asked)],
                    # Else it would print and carry on with the CPU, here and in later runs.
                    enable_fallback=0,
                )
        except _ort_errors() as exc:
            if provider != "cpu":
                msg = f"provider {provider!r} did not start: {_first_line(exc)}"
                raise BackendUnavailableError(msg, hint=INSTALL_GPU) from exc
            msg = f"{name!r} must be a graph that ONNX Runtime {ort.__version__} can load: "
            raise BundleError(msg + _first_line(exc)) from exc
        finally:
            if provider == "cuda":
                ort.set_default_logger_severity(_WARNINGS)
        started = self._session.get_providers()
        if started[0] != wanted:
            msg = f"provider {provider!r} did not start: asked for {wanted}, got {started[0]}{lost}"
            raise BackendUnavailableError(msg, hint=INSTALL_GPU)
        _compare_options(asked, self._session.get_provider_options()[wanted], provider)
        self.name = name
        self._arena = "cpu:0" if provider == "cpu" else "cpu:0;gpu:0"
        self.inputs: tuple[str, ...] = tuple(i.name for i in self._session.get_inputs())
        # Half tensors that an export shows, to have them rounded, are no results.
        self.outputs: tuple[str, ...] = tuple(
            o.name for o in self._session.get_outputs() if o.type == "tensor(float)"
        )

    @property
    def native(self) -> Any:
        """ONNX Runtime's own session, for binding device memory."""
        return self._session

    def check_names(self, step: GraphStep) -> None:
        """Check that the graph has the inputs and outputs that the manifest names.

        Raises:
            BundleError: It has others.
        """
        check_names(step, set(self.inputs), set(self.outputs))

    def check_shapes(self, shapes: Mapping[str, Shape]) -> None:
        """Check that a run on maps of these shapes fits together, see `check_run`.

        Args:
            shapes: By input.

        Raises:
            BundleError: It does not fit, or would make or compute too much.
        """
        key = tuple(shapes.items())
        if key in self._seen:
            return
        check_run(self._model, shapes, self.name, factor=self._factor)
        if len(self._seen) >= _MAX_SHAPES:
            self._seen.clear()
        self._seen.add(key)

    def run(self, feeds: Mapping[str, FloatArray], *, release: bool = False) -> dict[str, Any]:
        """Run the graph once.

        Args:
            feeds: An array `[1, C, H, W]` for every input.
            release: Give scratch memory back to the system afterwards, instead of keeping it for
                the next run.

        Returns:
            A float32 array `[1, C, H, W]` for every float32 output.

        Raises:
            BundleError: The graph refuses what the step before it made, or makes no map of it.
        """
        self.check_shapes({key: value.shape for key, value in feeds.items()})
        try:
            options = self._releasing() if release else None
            with exit_gate:
                results = self._session.run(self.outputs, dict(feeds), options)
        except _ort_errors() as exc:
            shapes = {key: value.shape for key, value in feeds.items()}
            msg = f"{self.name!r} failed on {shapes}: {_first_line(exc)}"
            raise BundleError(msg) from exc
        for name, array in zip(self.outputs, results, strict=True):
            if array.ndim != 4 or array.size == 0:
                msg = (
                    f"{self.name!r} must make a map [N, C, H, W] as {name!r}, got {array.shape}; "
                    "export the model again"
                )
                raise BundleError(msg)
        return dict(zip(self.outputs, results, strict=True))

    def _releasing(self) -> Any:
        options = import_onnxruntime().RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", self._arena)
        return options
