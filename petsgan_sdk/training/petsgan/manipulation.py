"""DIPNet alone, trained by reconstruction: what paint, edit, harmonize and stylize need."""

from __future__ import annotations

from torch import Tensor

from petsgan_sdk.models import DipNet, Transferred
from petsgan_sdk.priors import LayoutPrior
from petsgan_sdk.training.optimizers import Span
from petsgan_sdk.training.petsgan.dipnet import NOISY_POOL, DipnetTraining, Losses, Purpose
from petsgan_sdk.training.petsgan.pool import TransferPool

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
        super().__init__(network, prior, span=Span(0, network.config.training.steps))

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
            transferred = self._crop(self._random(step, Purpose.FRESH_CROP)).of(self._fresh(step))
            terms.append(self._tie_loss(self._restore(transferred), transferred, reported))
        self._update_generator(terms, step)
        return {name: float(value.detach()) for name, value in reported.items()}

    def _fresh(self, step: int) -> Transferred:
        """Transfer layouts of the prior."""
        draw = self._random(step, Purpose.FRESH)
        if not self._settings.end_to_end:
            return self._get_pool().fresh(self._fresh_numbers(draw))
        return self.generator.transfer(self._prior.sample(self._settings.image_batch, draw))

    def _make_pool(self) -> TransferPool:
        draw = self._random(0, Purpose.POOL)
        noisy = self.add_noise(NOISY_POOL, draw)

        def layouts() -> Tensor:
            return self._prior.sample(self._settings.pool_size, draw)

        return TransferPool(self.generator, layouts, noisy=noisy)
