"""Build one engine in a process of its own: `python -m petsgan_sdk.runtime.tensorrt.worker`.

TensorRT's parser may end the process that calls it. The request is one JSON object on stdin:
`graph`, `plan` (paths), `profile` (three shapes for each input), `targets` (compute capabilities to
build for; empty for the GPU that is there), `workspace_bytes` (or null). The answer is the last
line of stdout: `{"ok": true, "outputs", "layers", "seconds"}` or `{"ok": false, "error"}`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from petsgan_sdk.errors import EngineError, PetsganError
from petsgan_sdk.runtime.tensorrt.installed import InstalledTensorrt, find_tensorrt, network_flags

__all__ = ["ANSWER", "build"]

ANSWER = "petsgan-engine:"
"""Starts the line with the answer: TensorRT prints lines of its own."""


def build(request: dict[str, Any]) -> dict[str, Any]:
    """Parse, build and write one engine.

    Returns:
        `outputs` (three shapes for each output), `layers` and `seconds`.

    Raises:
        EngineError: TensorRT refused the graph or could not build it; says why.
        BackendUnavailableError: TensorRT is missing or too old.
    """
    installed = find_tensorrt()
    trt: Any = installed.module
    logger = _logger(trt)
    builder = trt.Builder(logger)
    if builder is None:
        raise EngineError(_with_log("TensorRT could not start a builder", logger))
    graph = Path(request["graph"])
    profile_shapes: dict[str, list[list[int]]] = request["profile"]
    outputs = _output_shapes(installed, builder, graph, profile_shapes, logger)
    network = _parse(installed, builder, graph, logger)
    config = builder.create_builder_config()
    _aim(trt, config, request["targets"])
    if request["workspace_bytes"] is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, request["workspace_bytes"])
    profile = builder.create_optimization_profile()
    for name, (least, best, most) in profile_shapes.items():
        profile.set_shape(name, least, best, most)
    config.add_optimization_profile(profile)
    started = time.perf_counter()
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(_with_log(f"{graph.name} could not be built", logger))
    seconds = time.perf_counter() - started
    Path(request["plan"]).write_bytes(memoryview(plan))
    return {"outputs": outputs, "layers": network.num_layers, "seconds": round(seconds, 3)}


def _logger(trt: Any) -> Any:
    class Logger(trt.ILogger):  # type: ignore[misc]
        """Keeps what TensorRT complains about, for messages."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.append(" ".join(message.split()))

    return Logger()


def _parse(installed: InstalledTensorrt, builder: Any, graph: Path, logger: Any) -> Any:
    trt: Any = installed.module
    network = builder.create_network(network_flags(installed))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph.read_bytes()):
        problems = [_describe(parser.get_error(i)) for i in range(parser.num_errors)]
        text = "; ".join(problems) or "it gave no reason"
        msg = f"TensorRT's parser refuses {graph.name}: {text}"
        raise EngineError(msg)
    return network


def _describe(error: Any) -> str:
    node = f"{error.node_operator()} {error.node_name()!r}: " if error.node_operator() else ""
    return f"{node}{' '.join(error.desc().split())}"


def _output_shapes(
    installed: InstalledTensorrt,
    builder: Any,
    graph: Path,
    profile: dict[str, list[list[int]]],
    logger: Any,
) -> dict[str, list[list[int]]]:
    """Shapes of the outputs at the three points, found by fixing the inputs of a fresh network."""
    shapes: dict[str, list[list[int]]] = {}
    for point in range(3):
        network = _parse(installed, builder, graph, logger)
        found = {network.get_input(i).name: network.get_input(i) for i in range(network.num_inputs)}
        if set(found) != set(profile):
            msg = f"{graph.name} must have the inputs {sorted(profile)}, got {sorted(found)}"
            raise EngineError(msg)
        for name, tensor in found.items():
            tensor.shape = profile[name][point]
        for i in range(network.num_outputs):
            output = network.get_output(i)
            shapes.setdefault(output.name, []).append([int(side) for side in output.shape])
    return shapes


def _aim(trt: Any, config: Any, targets: list[str]) -> None:
    """Build for compute capabilities instead of the GPU that is there (TensorRT for RTX only)."""
    if not targets:
        return
    config.num_compute_capabilities = len(targets)
    for place, target in enumerate(targets):
        known = getattr(trt.ComputeCapability, "SM" + target.replace(".", ""), None)
        if known is None:
            listed = ", ".join(name for name in trt.ComputeCapability.__members__)
            msg = f"target must be a compute capability of this TensorRT ({listed}), got {target}"
            raise EngineError(msg)
        config.set_compute_capability(known, place)


def _with_log(problem: str, logger: Any) -> str:
    return f"{problem}: {'; '.join(logger.errors[-3:]) or 'TensorRT gave no reason'}"


def _main() -> None:
    request = json.load(sys.stdin)
    try:
        answer: dict[str, Any] = {"ok": True, **build(request)}
    except PetsganError as exc:
        answer = {"ok": False, "error": str(exc)}
    sys.stdout.write(f"\n{ANSWER}{json.dumps(answer)}\n")


if __name__ == "__main__":
    _main()
