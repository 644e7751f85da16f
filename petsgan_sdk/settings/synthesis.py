"""The settings of coordinate synthesis: how a photo is fitted, and how its places are drawn."""

from __future__ import annotations

from dataclasses import dataclass, field

from petsgan_sdk.settings.typed import require

__all__ = ["MAX_LEVELS", "CompositeSettings", "FitSettings", "PlaceSettings", "SynthesisSettings"]

MAX_LEVELS = 12
"""Levels that lists of settings may name."""


@dataclass(frozen=True, slots=True)
class FitSettings:
    """What is learned of a photo."""

    coarsest_px: int = 8
    """About the longer side of the photo at the coarsest level."""
    alike: int = 3
    """Places that are listed as alike to each, at levels of at most `alike_places` places."""
    alike_places: int = 5000
    """Finer levels take over the first of the coarser one's."""
    free: float = 0.04
    """Share of the variance between bands of the photo up to which position does not bind."""
    bound: float = 0.15
    """By how much more it binds fully."""
    price_levels: int = 3
    """Levels from the coarsest on that have prices."""
    price_rounds: int = 24
    """Canvases that are drawn to find them."""
    price_step: float = 0.15
    """By how much a price follows the logarithm of its place's use."""
    price_decay: float = 0.97
    """Of the step, each round."""
    price_limit: float = 3.0
    """Furthest from 0 that a price may be."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        require(self, "coarsest_px", 4 <= self.coarsest_px <= 64, expected="from 4 to 64")
        require(self, "alike", 1 <= self.alike <= 8, expected="from 1 to 8")
        require(self, "alike_places", 16 <= self.alike_places <= 8192, expected="from 16 to 8192")
        for name in ("free", "bound"):
            require(self, name, 0 < getattr(self, name) <= 10, expected="above 0 and up to 10")
        require(self, "price_levels", 0 <= self.price_levels <= 4, expected="from 0 to 4")
        require(self, "price_rounds", 0 <= self.price_rounds <= 1000, expected="from 0 to 1000")
        require(self, "price_step", 0 <= self.price_step <= 10, expected="from 0 to 10")
        require(self, "price_decay", 0 < self.price_decay <= 1, expected="above 0 and up to 1")
        require(self, "price_limit", 0 <= self.price_limit <= 16, expected="from 0 to 16")


@dataclass(frozen=True, slots=True)
class PlaceSettings:
    """How places are drawn; a bundle keeps them. Lists are from the coarsest level on.

    Costs are in units of the mean squared distance of features whose variance is 1.
    """

    passes: tuple[int, ...] = (4, 4, 3, 2, 2, 1)
    """Passes of correction; finer levels have as many as the last."""
    jitter: tuple[float, ...] = (0.5, 0.25)
    """How far a place is moved either way, as a share of the photo; finer levels: not at all."""
    held_jitter: float = 0.65
    """By how much less along an axis where position binds fully, as a share."""
    texture_jitter: float = 4.0
    """Behind the coarsest level jitter is this many times the stronger binding, at most all of it:
    a texture whose pieces were moved again would be full of seams."""
    guide: float = 6.0
    """Cost of a place the photo's length away from where the canvas asks for it, where position
    binds."""
    guided_levels: int = 12
    """Levels that have this cost."""
    tolerance: float = 0.12
    """Distance from there that costs nothing, as a share of the photo."""
    coherence: float = 2.0
    """By how much the cost of features grows where no neighbour is continued."""
    repeat: float = 0.3
    """Cost of each time that a place stands already nearby."""
    most_repeats: int = 6
    """How many times count."""
    repeat_radius: tuple[int, ...] = (2, 4, 8, 8)
    """What counts as nearby, in pixels of the level; finer levels do not count."""
    repeat_near: tuple[int, ...] = (1, 1, 1, 2)
    """What does not count yet, in pixels of the level."""
    order: tuple[float, ...] = (2.0, 2.0, 2.0)
    """Cost of the photo's height by which a place lies above its upper neighbour's or below its
    lower one's, where position binds in y. Finer levels have none."""
    order_tolerance: float = 0.1
    """Share of the photo's height that costs nothing."""
    most_disorder: float = 0.25
    """Share of the photo's height that costs at most, for each of six neighbours."""
    thin: float = 1.0
    """How much less prices count on tall canvases, where position binds in y: a power of how many
    times taller than the photo they are."""
    edge: float = 0.05
    """Cost of a place all of whose surroundings lie beyond the photo."""
    attempts: int = 8
    """Layouts that are drawn at most, until one uses the photo's distinct parts evenly: the most
    even one is taken, so that few things stand twice or are missing. 1 takes the first."""
    even: float = 0.16
    """Deviation of these parts' use from their share, on average, that is even enough."""
    judged_level: int = 3
    """Level that is judged, from the coarsest, which is 0, on."""
    judged_jitter: float = 1.2
    """Times `jitter` there: most of what breaks by it is not taken."""
    judged_area: float = 1.25
    """Largest canvas that is judged, in times the photo: on larger ones things recur."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        count = 1 <= len(self.passes) <= MAX_LEVELS
        is_count = count and all(0 <= n <= 8 for n in self.passes)
        require(self, "passes", is_count, expected="1 to 12 numbers from 0 to 8")
        is_share = len(self.jitter) <= MAX_LEVELS and all(0 <= j <= 2 for j in self.jitter)
        require(self, "jitter", is_share, expected="up to 12 numbers from 0 to 2")
        for name in ("guide", "coherence", "repeat", "edge"):
            most = {"coherence": 8, "repeat": 8}.get(name, 32)
            is_cost = 0 <= getattr(self, name) <= most
            require(self, name, is_cost, expected=f"from 0 to {most}")
        require(self, "tolerance", 0 <= self.tolerance <= 1, expected="from 0 to 1")
        is_levels = 0 <= self.guided_levels <= MAX_LEVELS
        require(self, "guided_levels", is_levels, expected=f"from 0 to {MAX_LEVELS}")
        require(self, "most_repeats", 0 <= self.most_repeats <= 64, expected="from 0 to 64")
        is_near = len(self.repeat_radius) <= 4 and all(0 <= r <= 16 for r in self.repeat_radius)
        require(self, "repeat_radius", is_near, expected="up to 4 numbers from 0 to 16")
        is_near = len(self.repeat_near) == len(self.repeat_radius) and all(
            0 <= near <= 8 for near in self.repeat_near
        )
        require(self, "repeat_near", is_near, expected="as many numbers from 0 to 8")
        is_order = len(self.order) <= MAX_LEVELS and all(0 <= cost <= 8 for cost in self.order)
        require(self, "order", is_order, expected="up to 12 numbers from 0 to 8")
        require(self, "attempts", 1 <= self.attempts <= 64, expected="from 1 to 64")
        is_share = 0 <= self.judged_jitter <= 2
        require(self, "judged_jitter", is_share, expected="from 0 to 2")
        require(self, "even", 0 <= self.even <= 16, expected="from 0 to 16")
        is_level = 0 <= self.judged_level < MAX_LEVELS
        require(self, "judged_level", is_level, expected=f"from 0 to {MAX_LEVELS - 1}")
        require(self, "judged_area", 0 <= self.judged_area <= 1024, expected="from 0 to 1024")
        for name in ("held_jitter", "order_tolerance", "most_disorder"):
            require(self, name, 0 <= getattr(self, name) <= 1, expected="from 0 to 1")
        for name in ("texture_jitter", "thin"):
            require(self, name, 0 <= getattr(self, name) <= 16, expected="from 0 to 16")


@dataclass(frozen=True, slots=True)
class CompositeSettings:
    """How places become an image, see `kernels.composite_places`; a bundle keeps them."""

    screening: float = 0.03125
    """How fast the correction of a seam fades."""
    slowest: float = 0.0625
    """What is relaxed least."""
    steps: int = 16
    """Relaxations: how far the correction of a seam reaches, in pixels."""
    softness: float = 80.0
    """Step in levels that is closed by half, from 0.001; 0 closes all."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("screening", "slowest"):
            require(self, name, 0 < getattr(self, name) <= 1, expected="above 0 and up to 1")
        require(self, "steps", 1 <= self.steps <= 64, expected="from 1 to 64")
        is_soft = self.softness == 0 or 1e-3 <= self.softness <= 1e4
        require(self, "softness", is_soft, expected="0 or from 0.001 to 10000")


@dataclass(frozen=True, slots=True)
class SynthesisSettings:
    """Coordinate synthesis."""

    fit: FitSettings = field(default_factory=FitSettings)
    """What is learned of a photo."""
    places: PlaceSettings = field(default_factory=PlaceSettings)
    """How places are drawn."""
    composite: CompositeSettings = field(default_factory=CompositeSettings)
    """How they become an image."""
