"""One ONNX graph on ONNX Runtime's CUDA provider, bound to memory of the device.

The session works on the pipeline's own stream, so that our kernels need not wait for it. Built, not
run on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import GraphStep, Size
from petsgan_sdk.runtime.device.arrays import Device, address_of
from petsgan_sdk.runtime.exit_gate import exit_gate
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.providers import import_onnxruntime
from petsgan_sdk.runtime.session import GraphSession

__all__ = ["OnnxCudaGraph", "memory_options", "provider_options"]


def provider_options(options: ProviderOptions, stream: int) -> dict[str, str]:
    """What the CUDA provider is told; `session.py` adds what makes its results repeatable."""
    own_stream = {"user_compute_stream": str(stream), "has_user_compute_stream": "1"}
    return {**own_stream, **memory_options(options)}


def memory_options(options: ProviderOptions) -> dict[str, str]:
    """The part that does not hang on a stream."""
    told = {
        "arena_extend_strategy": {
            "next_power_of_two": "kNextPowerOfTwo",
            "same_as_requested": "kSameAsRequested",
        }[options.arena_extend_strategy],
    }
    if options.gpu_mem_limit is not None:
        told["gpu_mem_limit"] = str(options.gpu_mem_limit)
    return told


class OnnxCudaGraph:
    """A step's graph. Its session records no CUDA graph: ONNX Runtime has its own for that."""

    capturable = False
    takes_windows = True

    def __init__(self, step: GraphStep, session: GraphSession, device: Device) -> None:
        """Check the names."""
        session.check_names(step)
        self._step = step
        self._session = session
        self._device = device
        self.reads, self.writes = step.reads, step.writes
        self._run_options = import_onnxruntime().RunOptions()
        # Everything is on one stream, whose end `download` waits for.
        self._run_options.add_run_config_entry("disable_synchronize_execution_providers", "1")

    def prepare(
        self,
        tensors: Mapping[str, Any],
        sizes: Mapping[str, Size],  # noqa: ARG002
    ) -> tuple[dict[str, Any], Callable[[], None]]:
        """Run once to learn the sizes, then bind arrays of these sizes."""
        self._session.check_shapes(
            {key: tuple(tensors[name].shape) for key, name in self._step.inputs.items()}
        )
        binding = self._session.native.io_binding()
        for key, name in self._step.inputs.items():
            array = tensors[name]
            binding.bind_input(key, "cuda", 0, np.float32, array.shape, address_of(array))
        for key in self._step.outputs:
            binding.bind_output(key, "cuda", 0)
        with exit_gate:
            self._session.native.run_with_iobinding(binding)
        results: dict[str, Any] = {}
        found = dict(zip(self._step.outputs, binding.get_outputs(), strict=True))
        for key, name in self._step.outputs.items():
            if found[key].data_type() != "tensor(float)":
                msg = f"{self._step.member!r} must make float32, got {found[key].data_type()}"
                raise BundleError(msg)
            results[name] = self._device.empty(tuple(found[key].shape()), "float32")
        binding.clear_binding_outputs()
        for key, name in self._step.outputs.items():
            array = results[name]
            address = address_of(array)
            binding.bind_output(key, "cuda", 0, np.float32, array.shape, address)

        def enqueue() -> None:
            with exit_gate:
                self._session.native.run_with_iobinding(binding, self._run_options)

        return results, enqueue
