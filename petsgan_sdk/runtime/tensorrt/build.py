"""Engines for every graph of a bundle, each built in a process of its own, kept in the cache."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from petsgan_sdk.errors import BackendUnavailableError, BundleError, EngineError
from petsgan_sdk.manifest import BundleManifest, GraphStep, Shape
from petsgan_sdk.runtime.bundle import Bundle, require_graphs
from petsgan_sdk.runtime.device.driver import Gpu, find_gpu
from petsgan_sdk.runtime.flow import last_decision, required_image
from petsgan_sdk.runtime.graphs.check import CheckedGraph, check_run
from petsgan_sdk.runtime.tensorrt.cache import EngineCache, Entry
from petsgan_sdk.runtime.tensorrt.installed import INSTALL_RTX, InstalledTensorrt, find_tensorrt
from petsgan_sdk.runtime.tensorrt.key import EngineKey
from petsgan_sdk.runtime.tensorrt.sizes import SizeRange
from petsgan_sdk.runtime.tensorrt.worker import ANSWER

__all__ = [
    "BuildResult",
    "Target",
    "build_engine",
    "build_engines",
    "engine_key",
    "find_target",
    "half_members",
]

_TIMEOUT_S = 3600
_ANY_GPU = "any"
_LAST_LINES = 3


@dataclass(frozen=True, slots=True)
class Target:
    """What engines are built with and for."""

    distribution: str
    """`tensorrt` or `tensorrt_rtx`."""
    version: str
    """Its version."""
    gpu: str
    """Name of the GPU; `any` without one."""
    compute_capability: str
    """Of the GPU; without one, all that this TensorRT for RTX builds for, as `7.5+8.0`."""

    @property
    def capabilities(self) -> list[str]:
        """What the builder is told; nothing for the GPU that is there."""
        return self.compute_capability.split("+") if self.gpu == _ANY_GPU else []


@dataclass(frozen=True, slots=True)
class BuildResult:
    """One engine, built now or found in the cache."""

    entry: Entry
    """Where it lies and what it is for."""
    was_cached: bool
    """Whether it had been built before."""


def find_target(*, installed: InstalledTensorrt | None = None, gpu: Gpu | None = None) -> Target:
    """What can be built here.

    Args:
        installed: The TensorRT to use. Default: what is installed.
        gpu: The GPU to build for. Default: the first of this machine.

    Raises:
        BackendUnavailableError: TensorRT is missing or too old, or needs a GPU to build.
    """
    installed = find_tensorrt() if installed is None else installed
    gpu = find_gpu() if gpu is None else gpu
    if gpu is not None:
        return Target(installed.name, installed.version, gpu.name, gpu.compute_capability)
    if not installed.is_rtx:
        msg = (
            f"TensorRT {installed.version} builds engines on the GPU that runs them; there is none"
        )
        raise BackendUnavailableError(
            msg, hint=f"build on the target machine, or check the graphs here with {INSTALL_RTX}"
        )
    members = installed.module.ComputeCapability.__members__
    digits = sorted(int(name[2:]) for name in members if name.startswith("SM"))
    return Target(
        installed.name, installed.version, _ANY_GPU, "+".join(f"{n // 10}.{n % 10}" for n in digits)
    )


def build_engines(
    bundle: Bundle,
    ranges: Sequence[SizeRange],
    *,
    halves: Mapping[str, bytes] | None = None,
    cache: EngineCache | None = None,
    target: Target | None = None,
    workspace_bytes: int | None = None,
    rebuild: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> list[BuildResult]:
    """Build what is not in the cache yet.

    Args:
        bundle: An open bundle.
        ranges: The canvases to build for; every graph gets one engine for each.
        halves: Graphs in half precision by member name, which are built instead of the bundle's:
            an engine computes in the types of its graph.
        cache: Where engines are kept. Default: the user's.
        target: What to build for. Default: what is here.
        workspace_bytes: Most scratch memory of an engine. Default: TensorRT's.
        rebuild: Build also what is there.
        note: Told of every engine.

    Returns:
        An engine for each graph and range.

    Raises:
        EngineError: TensorRT refused a graph; says which operator and why.
        BackendUnavailableError: TensorRT is missing or too old, or needs a GPU.
        BundleError: Graphs do not fit together, or there are none.
    """
    require_graphs(bundle)
    halves = {} if halves is None else halves
    cache = EngineCache() if cache is None else cache
    target = find_target() if target is None else target
    results: list[BuildResult] = []
    given = required_image(bundle.manifest)
    for sizes in ranges:
        engines: dict[str, BuildResult] = {}
        # Shapes of every tensor at the least, best and largest canvas, followed through the steps.
        points: tuple[dict[str, Shape], ...] = ({}, {}, {})
        if given is not None:
            for tensors, canvas in zip(points, sizes.points, strict=True):
                tensors[given] = (1, 3, *canvas)
        constants = {name: array.shape for name, array in bundle.arrays.items()}
        for step in bundle.manifest.steps:
            if not isinstance(step, GraphStep):
                for tensors, canvas in zip(points, sizes.points, strict=True):
                    grids = bundle.manifest.grids(*canvas)
                    tensors.update(step.shapes_made(tensors, grids, constants))
                continue
            profile = {key: tuple(t[name] for t in points) for key, name in step.inputs.items()}
            result = engines.get(step.member)
            if result is None or result.entry.key.profile != profile:
                is_half = step.member in halves
                key = engine_key(
                    bundle.digest,
                    step,
                    target,
                    precision="fp16" if is_half else "fp32",
                    profile=profile,
                )
                found = None if rebuild else cache.get(key)
                if found is None:
                    model = (halves if is_half else bundle.graphs)[step.member]
                    entry = build_engine(model, key, target, cache, workspace_bytes)
                    result = BuildResult(entry, was_cached=False)
                else:
                    result = BuildResult(found, was_cached=True)
                engines[step.member] = result
                results.append(result)
                note(_describe(result))
            _follow(step, result.entry, points)
    return results


def build_engine(
    graph: bytes,
    key: EngineKey,
    target: Target,
    cache: EngineCache,
    workspace_bytes: int | None = None,
) -> Entry:
    """Build one engine in a process of its own and put it into the cache.

    Raises:
        EngineError: TensorRT refused the graph or ended its process.
        OutputError: The cache cannot be written.
        BundleError: A run of it would not fit together, or make too much.
    """
    if isinstance(graph, CheckedGraph):  # halves are the export's own
        for point in range(3):
            shapes = {name: points[point] for name, points in key.profile.items()}
            check_run(graph.model, shapes, key.graph, factor=graph.factor)
    cache.prepare()  # not minutes later
    plan, report = _in_process(graph, key, target, workspace_bytes)
    return cache.put(key, plan, report)


def half_members(manifest: BundleManifest) -> frozenset[str]:
    """The graphs that precision fp16 halves: those behind the last patch transfer, else all.

    Graphs in front of one decide which patch is taken, and a rounding that decides otherwise moves
    patches. Without one nothing is decided.
    """
    last = last_decision(manifest)
    before, behind = (
        {step.member for step in steps if isinstance(step, GraphStep)}
        for steps in (manifest.steps[: last + 1], manifest.steps[last + 1 :])
    )
    return frozenset(behind - before)


def engine_key(
    digest: str, step: GraphStep, target: Target, *, precision: str, profile: dict[str, Any]
) -> EngineKey:
    """The key of one graph's engine; `digest` is the bundle's."""
    return EngineKey(
        bundle=digest,
        graph=step.member,
        flavour=target.distribution,
        version=target.version,
        gpu=target.gpu,
        compute_capability=target.compute_capability,
        precision=precision,
        profile=profile,
    )


def _follow(step: GraphStep, entry: Entry, points: tuple[dict[str, Shape], ...]) -> None:
    outputs = entry.report["outputs"]
    if set(outputs) != set(step.outputs):
        expected = sorted(step.outputs)
        msg = f"{step.member!r} must have the outputs {expected}, got {sorted(outputs)}"
        raise BundleError(msg)
    for output, tensor in step.outputs.items():
        for tensors, shape in zip(points, outputs[output], strict=True):
            tensors[tensor] = tuple(shape)


def _describe(result: BuildResult) -> str:
    entry = result.entry
    shapes = ", ".join(
        f"{name} {'x'.join(map(str, least))}"
        + ("" if least == most else f" to {'x'.join(map(str, most))}")
        for name, (least, _, most) in entry.key.profile.items()
    )
    how = "cached" if result.was_cached else f"built in {entry.report['seconds']:.1f} s"
    name = PurePosixPath(entry.key.graph).stem
    return f"{name} {entry.key.precision} ({shapes}): {how}, {entry.size_bytes / 1e6:.1f} MB"


def _in_process(
    graph: bytes, key: EngineKey, target: Target, workspace_bytes: int | None
) -> tuple[bytes, dict[str, Any]]:
    """Run the worker; whatever TensorRT does to its process, this one goes on."""
    with tempfile.TemporaryDirectory(prefix="petsgan-engine-") as folder:
        model, plan = Path(folder) / PurePosixPath(key.graph).name, Path(folder) / "plan"
        model.write_bytes(graph)
        request = {
            "graph": str(model),
            "plan": str(plan),
            "profile": key.profile,
            "targets": target.capabilities,
            "workspace_bytes": workspace_bytes,
        }
        command = [sys.executable, "-P", "-m", "petsgan_sdk.runtime.tensorrt.worker"]
        try:
            done = subprocess.run(
                command,
                input=json.dumps(request),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            msg = f"{key.graph}: TensorRT was not done after {_TIMEOUT_S} s"
            raise EngineError(msg) from exc
        answer = _answer(done, key.graph)
        return plan.read_bytes(), {name: answer[name] for name in ("outputs", "layers", "seconds")}


def _answer(done: subprocess.CompletedProcess[str], graph: str) -> dict[str, Any]:
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(ANSWER):
            answer: dict[str, Any] = json.loads(line.removeprefix(ANSWER))
            if answer["ok"]:
                return answer
            msg = f"{graph}: {answer['error']}"
            raise EngineError(msg)
    how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    last = " | ".join(said[-_LAST_LINES:]) or "nothing"
    msg = f"{graph}: TensorRT ended its process ({how}) and said: {last}"
    raise EngineError(msg)
