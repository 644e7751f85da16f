"""Which steps of a run belong to which stage."""

from __future__ import annotations

from itertools import accumulate, pairwise

from petsgan_sdk.models.exsingan import stage_name
from petsgan_sdk.settings.exsingan import ExsinganSettings
from petsgan_sdk.training.optimizers import Span

__all__ = ["StagePlan"]


class StagePlan:
    """The stages one after another, each with its share of the steps.

    Args:
        settings: Stages that come finished from another model get no steps.
    """

    def __init__(self, settings: ExsinganSettings) -> None:
        """Divide the steps."""
        mix, training = settings.stages, settings.training
        shares = [
            *[training.structural_share] * mix.structural,
            *[training.semantic_share] * mix.semantic,
            *[training.texture_share] * mix.texture,
        ]
        shares[: settings.reused_stages] = [0.0] * settings.reused_stages
        ends = [
            round(training.steps * done / sum(shares)) for done in accumulate(shares, initial=0.0)
        ]
        self.spans: tuple[Span, ...] = tuple(Span(first, last) for first, last in pairwise(ends))
        """Steps of each stage."""
        self.names: tuple[str, ...] = tuple(stage_name(settings, n) for n in range(len(shares)))
        """Names of the stages, for people."""

    def stage_at(self, step: int) -> int:
        """The stage that a step trains."""
        return next(number for number, span in enumerate(self.spans) if step in span)
