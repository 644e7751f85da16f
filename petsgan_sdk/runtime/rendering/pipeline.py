"""The steps of a bundle as a list that runs: knows nothing of a model family, nor of any kind.

Threads may share a pipeline. Never imports torch or onnx.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from petsgan_sdk._arrays import Array
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.flow import needed_steps
from petsgan_sdk.runtime.rendering.canvas import Canvas
from petsgan_sdk.runtime.rendering.steps.runner import (
    AnyRunner,
    Observer,
    Runner,
    Surroundings,
    Tensors,
    make_runner,
)

__all__ = ["Pipeline", "build_pipeline", "last_uses", "run_in_order"]


class Pipeline:
    """The steps of one bundle in order; each tensor is dropped after its last reader.

    Args:
        steps: What runs them.
        output: The tensor that is the result.
    """

    def __init__(self, steps: Sequence[AnyRunner], *, output: str) -> None:
        """Keep the list."""
        self.steps: tuple[AnyRunner, ...] = tuple(steps)
        """What is run, in order."""
        self.output: str = output
        """Name of the final tensor."""
        self._dead_after = last_uses(
            [(set(s.step.reads), set(s.step.writes)) for s in steps], output
        )

    def run(self, canvas: Canvas, *, observer: Observer | None = None) -> Array:
        """Run every step once, for the whole canvas.

        Args:
            canvas: The grid's size and the noise.
            observer: Called with the name and seconds of each step.

        Returns:
            The final tensor.
        """
        steps = zip(self.steps, self._dead_after, strict=True)
        return run_in_order(steps, canvas, output=self.output, observer=observer)

    def trace(self, canvas: Canvas) -> Tensors:
        """Run every step and keep every tensor by name, for comparisons."""
        tensors: Tensors = dict(canvas.given)
        for step in self.steps:
            step.run(tensors, canvas, canvas.at(step.level).whole)
        return tensors

    def given(self, tensor: str) -> Pipeline:
        """The steps that are left when a tensor is given, see `Canvas.given`."""
        return self._part(self.output, given=tensor)

    def making(self, tensor: str) -> Pipeline:
        """The steps that another result than `output` needs, or that one alone."""
        return self._part(tensor)

    def _part(self, output: str, *, given: str | None = None) -> Pipeline:
        numbers = needed_steps([each.step for each in self.steps], output, given=given)
        return Pipeline([self.steps[n] for n in numbers], output=output)


def build_pipeline(
    bundle: Bundle,
    *,
    provider: str,
    threads: int,
    provider_options: Mapping[str, str] | None = None,
) -> Pipeline:
    """Make every step of a bundle ready to run.

    Args:
        bundle: An open bundle; nothing but what the steps use is kept of it.
        provider: `cpu` or `cuda`, for the graphs. Our kernels run on the CPU.
        threads: Threads for each graph and kernel.
        provider_options: For ONNX Runtime, as in `GraphSession`.

    Raises:
        BundleError: A graph is damaged or is not the one that the manifest describes.
        BackendUnavailableError: The provider did not start.
    """
    around = Surroundings(bundle, threads, provider, provider_options)
    steps = [make_runner(step, around) for step in bundle.manifest.steps]
    return Pipeline(steps, output=bundle.manifest.output)


def run_in_order(
    steps: Iterable[tuple[Runner, frozenset[str]]],
    canvas: Canvas,
    *,
    output: str,
    observer: Observer | None,
) -> Array:
    """Run steps for a whole canvas and return one tensor.

    Args:
        steps: With the tensors that no later one reads.
        canvas: The grid's size and the noise.
        output: The tensor to return.
        observer: Called with the name and seconds of each step.
    """
    tensors: Tensors = dict(canvas.given)
    for step, dead in steps:
        started = time.perf_counter()
        step.run(tensors, canvas, canvas.at(step.level).whole)
        if observer is not None:
            observer(step.label, time.perf_counter() - started)
        for name in dead:
            del tensors[name]
    return tensors[output]


def last_uses(uses: Sequence[tuple[set[str], set[str]]], output: str) -> list[frozenset[str]]:
    """For each step, the tensors that are needed by no later one.

    Args:
        uses: What each step reads and writes.
        output: The tensor that is the result.
    """
    needed = {output}
    dead: list[frozenset[str]] = []
    for reads, writes in reversed(uses):
        touched = reads | writes
        dead.append(frozenset(touched - needed))
        needed |= touched
    return dead[::-1]
