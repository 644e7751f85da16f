"""One engine, ready to enqueue on the pipeline's stream and memory. Built, not run on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from petsgan_sdk.errors import BundleError, EngineError, KernelError
from petsgan_sdk.manifest import GraphStep, Size
from petsgan_sdk.runtime.device.arrays import Device, address_of
from petsgan_sdk.runtime.exit_gate import exit_gate
from petsgan_sdk.runtime.tensorrt.cache import Entry
from petsgan_sdk.runtime.tensorrt.installed import InstalledTensorrt

__all__ = ["EngineSource", "TensorrtGraph"]

EngineSource = Callable[[GraphStep, Mapping[str, tuple[int, ...]]], Entry]
"""`(step, shapes by graph input) -> engine that takes them`."""


class TensorrtGraph:
    """A step's engines, one for each profile that was needed.

    Args:
        step: The step.
        device: Where it runs.
        source: Where engines come from.
        installed: The TensorRT that runs them.
    """

    capturable = True
    takes_windows = True

    def __init__(
        self, step: GraphStep, device: Device, source: EngineSource, installed: InstalledTensorrt
    ) -> None:
        """Load nothing yet: which engine is needed depends on the size."""
        self._step = step
        self._device = device
        self._source = source
        self._trt: Any = installed.module
        self._logger = self._trt.Logger(self._trt.Logger.ERROR)
        self._runtime = self._trt.Runtime(self._logger)
        self._engines: dict[str, Any] = {}
        self.reads, self.writes = step.reads, step.writes

    def prepare(
        self,
        tensors: Mapping[str, Any],
        sizes: Mapping[str, Size],  # noqa: ARG002
    ) -> tuple[dict[str, Any], Callable[[], None]]:
        """Make a context for these sizes; contexts are not shared, since a recording keeps one."""
        inputs = {key: tensors[name] for key, name in self._step.inputs.items()}
        engine = self._engine({key: array.shape for key, array in inputs.items()})
        context = engine.create_execution_context()
        if context is None:
            msg = f"{self._step.member!r}: TensorRT could not make a context; is memory short?"
            raise KernelError(msg)
        for key, array in inputs.items():
            if not context.set_input_shape(key, array.shape):
                msg = f"{self._step.member!r}: TensorRT refuses input {key!r} of {array.shape}"
                raise EngineError(msg)
            context.set_tensor_address(key, address_of(array))
        results: dict[str, Any] = {}
        for key, name in self._step.outputs.items():
            shape = tuple(context.get_tensor_shape(key))
            if min(shape, default=-1) < 1:
                msg = f"{self._step.member!r} must make an output {key!r} of known size"
                raise BundleError(msg)
            results[name] = self._device.empty(shape, "float32")
            context.set_tensor_address(key, address_of(results[name]))

        def enqueue() -> None:
            with exit_gate:
                is_enqueued = context.execute_async_v3(self._device.stream)
            if not is_enqueued:
                msg = f"{self._step.member!r}: TensorRT could not enqueue the engine"
                raise KernelError(msg)

        return results, enqueue

    def _engine(self, shapes: Mapping[str, tuple[int, ...]]) -> Any:
        entry = self._source(self._step, shapes)
        digest = entry.key.digest
        if digest not in self._engines:
            engine = self._runtime.deserialize_cuda_engine(entry.read())
            if engine is None:
                msg = (
                    f"engine {str(entry.plan)!r} cannot be loaded by {entry.key.flavour} "
                    f"{entry.key.version} on {entry.key.gpu}; hint: petsgan-sdk build --force"
                )
                raise EngineError(msg)
            self._engines[digest] = engine
        return self._engines[digest]
