"""What makes places unfit at one level, from settings that hold for all."""

from __future__ import annotations

from petsgan_sdk import kernels
from petsgan_sdk.settings.synthesis import PlaceSettings
from petsgan_sdk.synthesis.photo import UNIT, PhotoLevels

__all__ = ["level_costs"]


def level_costs(settings: PlaceSettings, levels: PhotoLevels, number: int) -> kernels.PlaceCosts:
    """The costs of a level.

    Args:
        settings: Of all levels.
        levels: The photo.
        number: 0 for the finest.
    """
    order = levels.count - 1 - number  # from the coarsest on
    radii = settings.repeat_radius
    radius = radii[order] if order < len(radii) else 0
    height, width = levels.sizes[number]
    is_counted = radius > 0 and height * width < (1 << 16) - 1
    weights = [
        round(settings.guide * 256 * binding) if order < settings.guided_levels else 0
        for binding in levels.held
    ]
    asked = settings.order[order] if order < len(settings.order) else 0.0
    return kernels.PlaceCosts(
        weight_y=weights[0],
        weight_x=weights[1],
        tolerance_y=round(settings.tolerance * 1024),
        tolerance_x=round(settings.tolerance * 1024),
        coherence=round(settings.coherence * 8),
        edge=round(settings.edge * UNIT / 256),
        repeat=round(settings.repeat * UNIT) if is_counted else 0,
        most_repeats=settings.most_repeats,
        repeat_radius=radius if is_counted else 0,
        repeat_near=min(settings.repeat_near[order], radius) if is_counted else 0,
        order=round(asked * levels.held[0] * UNIT / 1024),
        order_tolerance=round(settings.order_tolerance * 1024),
        most_disorder=round(settings.most_disorder * 1024),
    )
