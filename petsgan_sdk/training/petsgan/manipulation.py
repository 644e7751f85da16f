"""DIPNet alone, trained by reconstruction: what paint, edit, harmonize and stylize need."""

from __future__ import annotations

from torch import Tensor

from petsgan_sdk.models import DipNet, Transferred
from petsgan_sdk.priors import LayoutPrior
from petsgan_sdk.training.optimizers import Span
from petsgan_sdk.training.petsgan.dipnet import NOISY_POOL, DipnetTraining, Losses, Purpose
from petsgan_sdk.training.petsgan.pool import TransferPool, cropped

__all__ = ["ManipulationTraining"]


class ManipulationTraining(DipnetTraining):
    """Eq. 8 on noisy copies of the photo's code; no DEPNet and no critic.

    The terms that tie IR to carried texture need codes that are not the photo's own, as those of
    other images will not be: layouts of the prior stand for them.

    Args:
        network: What is trained, on its device.
        prior: Where layouts come from.
    """

    def __init__(self, network: DipNet, prior: LayoutPrior) -> None:
        """Build the optimizer and the averaged network."""
        super().__init__(network, prior, span=Span(0, network.settings.training.steps))

    def phase(self, step: int) -> str:  # noqa: ARG002 - what a run must have
        """What is being learned, for people."""
        return "texture"

    def step(self, step: int) -> dict[str, float]:
        """Update once.

        Args:
            step: Number of the step, from 0.

        Returns:
            The loss terms, unweighted.
        """
        self._freeze_when_due(step)
        reported: Losses = {}
        terms = [self._reconstruction_loss(step, reported)]
        if max(self._weights.consistency, self._weights.texture) > 0:
            crop = self._crop(self._rng(step, Purpose.FRESH_CROP))
            transferred = cropped(self._fresh(step), crop, factor=self.generator.factor)
            terms.append(self._tie_loss(self._restore(transferred), transferred, reported))
        self._update_generator(terms, step)
        return {name: float(value.detach()) for name, value in reported.items()}

    def _fresh(self, step: int) -> Transferred:
        """Transfer layouts of the prior."""
        rng = self._rng(step, Purpose.FRESH)
        if not self._schedule.end_to_end:
            return self._get_pool().fresh(self._fresh_numbers(rng))
        return self.generator.transfer(self._prior.sample(self._schedule.image_batch, rng))

    def _make_pool(self) -> TransferPool:
        rng = self._rng(0, Purpose.POOL)
        noisy = self.add_noise(NOISY_POOL, rng)

        def layouts() -> Tensor:
            return self._prior.sample(self._schedule.pool_size, rng)

        return TransferPool(self.generator, layouts, noisy=noisy)
