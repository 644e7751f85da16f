"""What every kind of step answers: what it reads and makes, how far it sees, what it costs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar, NoReturn

from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest.fields import Shape, Size, require_name

__all__ = ["Grids", "Step", "refuse_shape"]


@dataclass(frozen=True, slots=True)
class Grids:
    """The sizes of a bundle's grids on one canvas."""

    factor: int
    """Pixels of the image for one of the base grid, per axis."""
    base: Size
    """`(rows, columns)` of the base grid."""
    levels: tuple[Size, ...]
    """The same of each level."""

    def at(self, level: int | None) -> Size:
        """Size of a level, or of the base grid for None."""
        return self.base if level is None else self.levels[level]


class Step(ABC):
    """One step of a bundle. A kind is a frozen dataclass on this class, in a file of its name.

    All that the SDK asks of a kind before anything runs is answered here; defaults are those of a
    kernel that makes one map of what it reads, pixel by pixel. What runs a kind is named by
    `runner`, and imported when a bundle is opened for sampling: this package imports no runtime.
    """

    __slots__ = ()

    runner: ClassVar[str]
    """`module:class` of what runs it, a `rendering.steps.runner.StepRunner`."""
    exporter: ClassVar[str | None] = None
    """`module:class` of how it is exported and compared, an `export.steps.step_export.StepExport`;
    None for a kind that no export makes."""
    device_runner: ClassVar[str | None] = None
    """`module:class` of what runs it on a CUDA device, a `device.segment.DeviceStep`; None for the
    host. A graph's is the provider's affair."""

    reads_fields: ClassVar[tuple[str, ...]] = ()
    """Its fields that name the tensors it reads."""
    writes_fields: ClassVar[tuple[str, ...]] = ("output",)
    """Those that name the tensors it makes; a second one holds matches, and may be None."""
    array_fields: ClassVar[tuple[str, ...]] = ()
    """Those that name members with its constants."""
    says_level: ClassVar[bool] = False
    """Whether its field `level` says the grid of what it makes; else that is where it reads."""
    reads_matches: ClassVar[bool] = False
    """Whether it reads places of the photo (an index) instead of maps."""
    reads_wide: ClassVar[bool] = False
    """Whether it reads features, which are too wide to be worth keeping."""
    reads_margins: ClassVar[bool] = False
    """Whether what it reads may have a margin."""
    cuts_margins: ClassVar[bool] = False
    """Whether a graph that reads it cuts what else it reads to this margin."""
    keeps_blocks: ClassVar[bool] = False
    """Whether its blocks cost more than the memory to keep them."""
    replaceable: ClassVar[bool] = False
    """Whether an image may take the place of what it makes."""
    takes_knobs: ClassVar[bool] = False
    """Whether a caller can change how it draws: variation, fill and pins."""
    cuts_anywhere: ClassVar[bool] = False
    """Whether it makes the same bits of a pixel whatever the window around it."""
    decides: ClassVar[bool] = False
    """Whether a rounding of what it reads may decide otherwise and move what it makes."""

    def __post_init__(self) -> None:
        """Check the names of tensors and members.

        A kind with checks of its own calls this by the class's name: `slots=True` makes a second
        class, which a bare `super()` does not know.
        """
        for field in (*self.reads_fields, *self.writes_fields[:1], *self.array_fields):
            require_name(self, field)

    @property
    @abstractmethod
    def kind(self) -> str:
        """What the manifest calls it; a field of every kind."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Tensors that it needs from earlier steps."""
        return tuple(getattr(self, field) for field in self.reads_fields)

    @property
    def writes(self) -> tuple[str, ...]:
        """Tensors that it makes."""
        named = (getattr(self, field) for field in self.writes_fields)
        return tuple(name for name in named if name is not None)

    @property
    def label(self) -> str:
        """Its name in timings: its graph's, its kind where it has constants, else what it makes."""
        if self.graph_members:
            return PurePosixPath(self.graph_members[0]).stem
        return self.kind if self.array_fields else self.writes[0]

    @property
    def graph_members(self) -> tuple[str, ...]:
        """Members with the ONNX graphs that it runs."""
        return ()

    @property
    def array_members(self) -> tuple[str, ...]:
        """Members with its constants, each `[C, H, W]` float32."""
        return tuple(getattr(self, field) for field in self.array_fields)

    @property
    def typed_members(self) -> Mapping[str, tuple[str, int]]:
        """Members with its constants of another kind: `(dtype, number of axes)` by name."""
        return {}

    @property
    def photo_member(self) -> str | None:
        """The member that is the training image itself.

        `[3, H, W]` float32 in [-1, 1], or `[H, W, 3]` uint8.
        """
        return None

    @property
    def has_ground(self) -> bool:
        """Whether the photo that it draws from has a top and a bottom, as landscapes have."""
        return False

    @property
    def matches(self) -> str | None:
        """The tensor that it makes which holds places of the photo instead of a map."""
        return self.writes[1] if self.writes_fields[1:] and self.writes[1:] else None

    @property
    def halo(self) -> int | None:
        """Pixels of its grid around a window that it must see; None where nobody knows."""
        return 0

    @property
    def margin(self) -> int:
        """Pixels by which what it makes reaches over its grid, on every side."""
        return 0

    @property
    def level(self) -> int | None:
        """The grid that it says, where `says_level`: a level, or None for the base grid."""
        return None

    @property
    def live_values(self) -> int | None:
        """Values that a graph holds at once for a pixel of its grid; None where it is not known."""
        return None

    @property
    def packed(self) -> Hashable | None:
        """Equal for steps that share one packed constant, which is held as long as the bundle."""
        return None

    def scale(self, factor: int) -> int:  # noqa: ARG002
        """Pixels of what it makes for one of its grid, per axis; a graph's are not known here."""
        return 1

    def window_read(self, window: int, *, read: int, made: int) -> int:  # noqa: ARG002
        """Longest side of what it reads for a side of `window`, on grids of `read` and `made`."""
        return window

    def channels_made(self, constants: Mapping[str, Shape]) -> int:  # noqa: ARG002
        """Channels of what it makes; 0 where that is as many as it reads, or its graph says it.

        Args:
            constants: Shapes of the bundle's constants, by member.
        """
        return 0

    def work_per_pixel(self, constants: Mapping[str, Shape]) -> int:  # noqa: ARG002
        """Operations of patch transfer for a pixel of its grid."""
        return 0

    def shapes_made(
        self, tensors: Mapping[str, Shape], grids: Grids, constants: Mapping[str, Shape]
    ) -> dict[str, Shape]:
        """The shapes of what it makes, for every kind but a graph, whose members tell them.

        Args:
            tensors: Shapes of what was made before it.
            grids: Of the canvas.
            constants: Shapes of the bundle's constants, by member.
        """
        read = tensors[self.reads[0]] if self.reads else ()
        grid = grids.at(self.level) if self.says_level else read[-2:]
        sides = (side * self.scale(grids.factor) + 2 * self.margin for side in grid)
        made = {self.writes[0]: (1, self.channels_made(constants) or read[1], *sides)}
        return made if self.matches is None else {**made, self.matches: (1, *grid)}

    def check_constants(  # noqa: B027 - most kinds have none
        self, constants: Mapping[str, Shape], learned: Grids, indexed: dict[str, Size]
    ) -> None:
        """Check that its constants fit together, so that no kernel fails later.

        Args:
            constants: Shapes of the bundle's constants, by member.
            learned: The grids of the training image.
            indexed: `(rows, columns)` that each tensor of matches points into; what it makes of
                them is added.

        Raises:
            BundleError: They do not fit.
        """


def refuse_shape(name: str, found: Shape, expected: Shape) -> NoReturn:
    """Say that a constant has another shape."""
    msg = f"{name!r} must be {expected}, got {found}; export the model again"
    raise BundleError(msg)
