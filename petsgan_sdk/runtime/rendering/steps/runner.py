"""What runs a step, and what it is made from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from petsgan_sdk._arrays import Array
from petsgan_sdk.manifest import Step
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.flow import tensor_levels
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window

__all__ = [
    "AnyRunner",
    "Observer",
    "Runner",
    "StepRunner",
    "Surroundings",
    "Tensors",
    "make_runner",
]

Tensors = dict[str, Array]

Observer = Callable[[str, float], None]
"""`(stage, seconds)`, called after every step of a run."""

SharedT = TypeVar("SharedT")
StepT = TypeVar("StepT", bound=Step)


class Runner(Protocol):
    """One or several steps that can be run."""

    @property
    def label(self) -> str:
        """Its name in timings."""

    @property
    def level(self) -> int | None:
        """The grid of what it makes, on which its windows lie: a level, or None for the base."""

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Read from `tensors`, which cover the window, and add to them."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the steps of one bundle are made from, and share."""

    bundle: Bundle
    """Nothing but what the steps use is kept of it."""
    threads: int
    """Threads for each graph and kernel."""
    provider: str = "cpu"
    """`cpu` or `cuda`, for the graphs. Our kernels run on the CPU."""
    provider_options: Mapping[str, str] | None = None
    """For ONNX Runtime, as in `GraphSession`."""
    levels: dict[str, int | None] = field(init=False)
    """The grid of every tensor."""
    _shared: dict[Hashable, object] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Find the grids."""
        object.__setattr__(self, "levels", tensor_levels(self.bundle.manifest))

    def shared(self, key: Hashable, make: Callable[[], SharedT]) -> SharedT:
        """What `make` makes, once for all steps that ask for the same key."""
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]  # type: ignore[return-value]


class StepRunner(ABC, Generic[StepT]):
    """One step, ready to run. Its state is made once and never written, so that threads share it.

    Args:
        step: What the manifest says of it.
        around: The bundle.
    """

    def __init__(self, step: StepT, around: Surroundings) -> None:
        """Keep what pipelines and tiles ask for."""
        self.step: StepT = step
        """What the manifest says of it."""
        self.label: str = step.label
        """Its name in timings."""
        self.level: int | None = around.levels[step.writes[0]]
        """The grid of what it makes: a level, or None for the base."""
        self.halo: int | None = step.halo
        """Pixels of that grid around a window that it must see, or None where nobody knows."""

    def window_read(self, canvas: Canvas, window: Window) -> Window:  # noqa: ARG002
        """The window of the grid it reads that a window of its own, halo included, needs."""
        return window

    @abstractmethod
    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Read from `tensors`, which cover the window and its halo, and add to them."""


AnyRunner: TypeAlias = StepRunner[Any]
"""Of any kind."""


def make_runner(step: Step, around: Surroundings) -> AnyRunner:
    """Import and make what runs a step.

    Raises:
        BundleError: A graph is damaged or is not the one that the manifest describes.
        BackendUnavailableError: The provider did not start.
    """
    runner: AnyRunner = resolve_name(step.runner)(step, around)
    return runner
