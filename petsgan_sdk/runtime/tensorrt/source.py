"""Where a pipeline's engines come from: the cache, or a build where that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from petsgan_sdk.errors import BackendUnavailableError, ConfigError, MissingEngineError
from petsgan_sdk.manifest import GraphStep
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.device.arrays import Device
from petsgan_sdk.runtime.device.driver import open_driver
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.tensorrt.build import (
    Target,
    build_engine,
    engine_key,
    find_target,
    half_members,
)
from petsgan_sdk.runtime.tensorrt.cache import EngineCache, Entry
from petsgan_sdk.runtime.tensorrt.engine import EngineSource, TensorrtGraph
from petsgan_sdk.runtime.tensorrt.installed import find_tensorrt
from petsgan_sdk.runtime.tensorrt.lookup import find_engine

__all__ = ["engine_source", "graph_maker"]


def graph_maker(
    bundle: Bundle, options: ProviderOptions
) -> Callable[[GraphStep, Device], TensorrtGraph]:
    """Check that TensorRT can run here, and return what makes a step's graph.

    Raises:
        BackendUnavailableError: TensorRT is missing or too old, or there is no GPU.
        ConfigError: Half engines cannot be built inside a call.
    """
    installed = find_tensorrt()
    try:
        gpu = open_driver().gpu()
    except BackendUnavailableError as exc:
        msg = f"provider 'tensorrt' needs a GPU to run: {exc}"
        raise BackendUnavailableError(msg) from exc
    target = find_target(installed=installed, gpu=gpu)
    source = engine_source(bundle, options, target, EngineCache())
    return lambda step, device: TensorrtGraph(step, device, source, installed)


def engine_source(
    bundle: Bundle, options: ProviderOptions, target: Target, cache: EngineCache
) -> EngineSource:
    """Look engines up, and build them where the options say so.

    Raises:
        ConfigError: Half engines cannot be built inside a call: it takes the onnx package.
    """
    halves = half_members(bundle.manifest) if options.precision == "fp16" else frozenset()
    if halves and options.build:
        msg = (
            "build=True must go with precision fp32, got fp16; hint: petsgan-sdk build "
            f"{bundle.path} --precision fp16"
        )
        raise ConfigError(msg)
    graphs = bundle.graphs if options.build else {}  # else not kept

    def source(step: GraphStep, shapes: Mapping[str, tuple[int, ...]]) -> Entry:
        key = engine_key(
            bundle.digest,
            step,
            target,
            precision="fp16" if step.member in halves else "fp32",
            profile={name: (shape, shape, shape) for name, shape in shapes.items()},
        )
        try:
            return find_engine(cache, key, shapes)
        except MissingEngineError:
            if not options.build:
                raise
        return build_engine(graphs[step.member], key, target, cache)

    return source
