"""A run of ExSinGAN: stage after stage, each trained on what the finished ones make.

Every random choice follows from (seed, step), so that an interrupted run continues to the very same
weights without any generator state to save.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from petsgan_sdk._arrays import Array
from petsgan_sdk.errors import CheckpointError
from petsgan_sdk.imaging import to_u8
from petsgan_sdk.models.arrays import AVERAGED, load_state, named_arrays
from petsgan_sdk.models.exsingan import ExsinganGenerator
from petsgan_sdk.priors import LayoutPrior
from petsgan_sdk.training.exsingan.finished import FinishedStructure
from petsgan_sdk.training.exsingan.perceptual import DeepVgg, PerceptualLoss
from petsgan_sdk.training.exsingan.plan import StagePlan
from petsgan_sdk.training.exsingan.refinement import RefinementTraining
from petsgan_sdk.training.exsingan.stage import StageTraining
from petsgan_sdk.training.exsingan.structure import StructureTraining
from petsgan_sdk.training.kept_fit import KeptFit
from petsgan_sdk.training.rng import fold_seed

__all__ = ["ExsinganTraining"]

_STAGE = "stage"
"""Array that says which stage a checkpoint was in."""


class ExsinganTraining:
    """The stages of one run.

    Args:
        generator: The generator to train, on its device.
        prior: Where the structural stage's layouts come from; None for a mix without one.
        network: Of the perceptual loss; None leaves it out.
        structure: Where the generator's structural stage comes from; None to train it.
    """

    def __init__(
        self,
        generator: ExsinganGenerator,
        *,
        prior: LayoutPrior | None,
        network: DeepVgg | None = None,
        structure: FinishedStructure | None = None,
    ) -> None:
        """Divide the steps among the stages."""
        self.generator = generator
        self._prior = prior
        self._network = network
        self._structure = structure
        self._plan = StagePlan(generator.settings)
        photo = to_u8(generator.level(-1)[0].permute(1, 2, 0).cpu().numpy())
        self._fit = KeptFit(photo, generator.settings.synthesis)
        self._current: StageTraining | None = None

    @property
    def record(self) -> Mapping[str, Mapping[str, Any]]:
        """Prior and structural stage, for the checkpoint."""
        parts = {
            "prior": None if self._prior is None else self._prior.record,
            "stage0": None if self._structure is None else self._structure.record,
        }
        return {name: record for name, record in parts.items() if record is not None}

    def phase(self, step: int) -> str:
        """What is being learned, for people."""
        return self._plan.names[self._plan.stage_at(step)]

    def step(self, step: int) -> dict[str, float]:
        """Update the stage that a step belongs to.

        Args:
            step: Number of the step, from 0.

        Returns:
            The loss terms, unweighted.
        """
        return self._enter(self._plan.stage_at(step)).step(step)

    def state(self) -> dict[str, Array]:
        """Every array that the next step depends on, by name."""
        assert self._current is not None  # there was a step
        return {
            **named_arrays(self.generator, AVERAGED),
            **self._current.state(),
            **self._fit.state(),
            _STAGE: np.array(self._current.number),
        }

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Restore what `state` returned.

        Raises:
            CheckpointError: An array is missing or of another shape.
        """
        number = arrays.get(_STAGE)
        stages = len(self.generator.stages)
        if number is None or number.shape != () or not 0 <= int(number) < stages:
            msg = f"checkpoint: {_STAGE} must be a number below {stages}, got {number}"
            raise CheckpointError(msg)
        load_state(self.generator, arrays, AVERAGED)
        self._fit.load(arrays)
        self._enter(int(number)).load(arrays)

    def _enter(self, number: int) -> StageTraining:
        """The training of a stage; the one before it is finished and dropped."""
        if self._current is None or self._current.number != number:
            # The weights of critics are decided by the seed and the stage, whatever came before.
            with torch.random.fork_rng(devices=[]):
                seed = fold_seed(self.generator.settings.training.seed) + number + 1
                torch.default_generator.manual_seed(seed)
                self._current = self._begin(number)
        return self._current

    def _begin(self, number: int) -> StageTraining:
        generator, span = self.generator, self._plan.spans[number]
        if number == 0 and generator.has_structure:
            assert self._prior is not None  # a mix with a structural stage comes with one
            return StructureTraining(generator, span, self._prior)
        perceptual = None
        if self._network is not None and generator.is_semantic(number):
            perceptual = PerceptualLoss(self._network, generator.level(number))
        return RefinementTraining(generator, number, span, perceptual)
