"""The networks of a preset, trained in the way of the public code.

The losses, schedules and random numbers are the SDK's own, so that both ways can be compared step
by step. What differs is how a step is computed, and every difference is one of the public loop:

- Patch transfer unfolds both images, normalises all patches, multiplies the two large matrices,
  keeps a full softmax, makes it one-hot and multiplies it with the unfolded pixels. The reference's
  features are computed in every call and have a gradient.
- The patch critic is shown images that are made anew for it, without a gradient; then they are made
  once more, with one, for the generator. So is what D_G sees.
- Critics collect gradients of their weights in the generator's step, where nobody uses them.
- Layouts are transferred in every step, also those that no longer change; positions are encoded in
  every step.
- `nn.InstanceNorm2d`, float32, default memory layout.

Not here: the mirrored training pair (it costs nothing), and the noise of `kornia`.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsgan_sdk import kernels
from petsgan_sdk.models import FreezableInstanceNorm, PetsganGenerator, Transferred
from petsgan_sdk.settings.petsgan import PetsganSettings
from petsgan_sdk.training.petsgan import training
from petsgan_sdk.training.petsgan.dipnet import Losses, Purpose
from petsgan_sdk.training.petsgan.pool import cropped
from petsgan_sdk.training.petsgan.training import PetsganTraining

__all__ = ["PUBLIC_TRANSFER", "PublicTraining", "TransferWay", "UnfoldingGenerator"]


@dataclass(frozen=True, slots=True)
class TransferWay:
    """How patch transfer is set up."""

    passes: int
    temperature: float
    mirrored: bool
    """The reference is the photo and its mirror image, side by side."""
    renormalized: bool
    """Divide by the weights that voted; else by the number of patches over a pixel."""


PUBLIC_TRANSFER = TransferWay(passes=10, temperature=1e-5, mirrored=True, renormalized=False)
"""Of the public joint phase."""


class UnfoldingGenerator(PetsganGenerator):
    """A generator whose patch transfer is written the usual way.

    Args:
        settings: Of the model.
        image: As for `PetsganGenerator`.
        way: How to transfer; None takes the settings', and then computes what the SDK's does.
    """

    def __init__(
        self, settings: PetsganSettings, image: Tensor, *, way: TransferWay | None
    ) -> None:
        """Build the networks."""
        super().__init__(settings, image)
        own = TransferWay(settings.transfer.passes, settings.transfer.temperature, False, True)
        self.way = way or own

    def transfer(self, layout: Tensor) -> Transferred:
        """Transfer `[N, 3, h, w]` in [-1, 1]."""
        window = self.settings.transfer.window
        unfold = {"kernel_size": window, "padding": window // 2}
        batch, _, height, width = layout.shape
        reference = self._mirrored(self.low_res)
        # One more channel of ones becomes the votes: 0 where a patch leaves the image.
        values = torch.cat([(reference + 1) / 2, torch.ones_like(reference[:, :1])], dim=1)
        value_patches = functional.unfold(values, **unfold).repeat(batch, 1, 1)
        keys = functional.unfold(self.features(reference), **unfold)
        keys = functional.normalize(keys, dim=1).repeat(batch, 1, 1)
        ones = torch.ones(1, window * window, height * width)
        overlaps = functional.fold(ones, (height, width), **unfold)
        code = layout
        for _ in range(self.way.passes):
            query = functional.unfold(self.features(code), **unfold).permute(0, 2, 1)
            similarity = functional.normalize(query, dim=2) @ keys
            attention = torch.softmax(similarity / self.way.temperature, dim=2)
            weight, index = attention.max(dim=2, keepdim=True)
            pruned = torch.zeros_like(attention).scatter_(2, index, weight)
            chosen = torch.bmm(value_patches, pruned.permute(0, 2, 1))
            total = functional.fold(chosen, (height, width), **unfold)
            code = total[:, :3] / (total[:, 3:] if self.way.renormalized else overlaps) * 2 - 1
        index = index.view(batch, height, width).to(torch.int32)
        texture = self._texture(index) if self.settings.transfer.carry_texture else None
        return Transferred(code, texture, weight.view(batch, height, width))

    def _mirrored(self, image: Tensor) -> Tensor:
        return torch.cat([image, image.flip(3)], dim=3) if self.way.mirrored else image

    def _texture(self, index: Tensor) -> Tensor:
        # The public code carries no texture; here it is carried as the SDK does.
        image = self._mirrored(self.image)[0].contiguous().numpy()
        carried = kernels.texture_transfer(
            index.numpy(), image, factor=self.factor, threads=torch.get_num_threads()
        )
        return torch.from_numpy(carried)


class PublicTraining(PetsganTraining):
    """The steps of `PetsganTraining`, each computed in the public way."""

    def __init__(self, generator: UnfoldingGenerator) -> None:
        """Put the public code's norms in place. One run in a process: critics stay unfrozen."""
        super().__init__(generator)
        for network in (generator.depnet, generator.restoration, self._patch_critic):
            _use_instance_norm(network)
        self._given = self._pool_noise()
        mock.patch.object(training, "frozen", nullcontext).start()

    def _layouts(self, noise: Tensor, field: Tensor | None) -> Tensor:  # noqa: ARG002
        position = self.generator.depnet.position(*self.generator.size)
        layout: Tensor = self.generator.depnet(noise, position)
        return layout

    def _restore(self, transferred: Transferred) -> Tensor:
        return self.generator.restore(transferred)

    def _criticise(self, image: Tensor) -> Tensor:
        logits: Tensor = self._patch_critic(image)
        return logits

    def _update_layout_critic(self, fake: Tensor, step: int, reported: Losses) -> None:
        with torch.no_grad():
            noise = self._noise(len(fake), self._rng(step, Purpose.LAYOUT))
            again = self._layouts(noise, None)
        super()._update_layout_critic(again, step, reported)

    def _update_patch_critic(
        self,
        fake: Tensor,  # noqa: ARG002
        step: int,
        reported: Losses,
    ) -> None:
        with torch.no_grad():
            rng = self._rng(step, Purpose.FRESH_CROP)
            crop = self._crop(rng)
            transferred = cropped(self._fresh(step), crop, factor=self.generator.factor)
            again = self._restore(transferred)
            again = self._off_grid(again, rng)
        super()._update_patch_critic(again, step, reported)

    def _noisy(self, step: int) -> Transferred:
        rng = self._rng(step, Purpose.NOISY)
        if self._schedule.end_to_end:
            return self.generator.transfer(self.add_noise(1, rng))
        number = self._noisy_number(rng)
        with torch.no_grad():
            return self.generator.transfer(self._given[1][number : number + 1])

    def _fresh(self, step: int) -> Transferred:
        rng = self._rng(step, Purpose.FRESH)
        if self._schedule.end_to_end:
            noise = self._noise(self._schedule.image_batch, rng)
            return self.generator.transfer(self._layouts(noise, None))
        noise = self._given[0][self._fresh_numbers(rng)]
        with torch.no_grad():
            return self.generator.transfer(self._layouts(noise, None))


def _use_instance_norm(network: nn.Module) -> None:
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, FreezableInstanceNorm):
                setattr(parent, name, nn.InstanceNorm2d(child.running_mean.numel()))
