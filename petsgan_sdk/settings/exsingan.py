"""Every setting of an ExSinGAN model, SinGAN among them, by concern.

What every family has is in `base`. This module imports the standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from petsgan_sdk.settings.base import ImageSettings, RunSettings, TrainedSettings
from petsgan_sdk.settings.depnet import DepnetSettings
from petsgan_sdk.settings.synthesis import SynthesisSettings
from petsgan_sdk.settings.typed import require

__all__ = [
    "AdamSettings",
    "ExsinganLossSettings",
    "ExsinganSettings",
    "ExsinganTrainingSettings",
    "PyramidSettings",
    "RefinementSettings",
    "StageOptimizersSettings",
    "StagesSettings",
]


@dataclass(frozen=True, slots=True)
class StagesSettings:
    """How many stages of each kind, the coarsest first; the mix of the paper's ablation table."""

    structural: int
    """Stages that draw a layout from the prior's, 0 or 1."""
    semantic: int
    """Stages without residual, trained with the perceptual loss."""
    texture: int
    """Stages that add detail to what is there."""

    def __post_init__(self) -> None:
        """Refuse mixes that make no sense."""
        expected = "0 or 1: the prior's layouts have one size, which one stage learns (St)"
        require(self, "structural", self.structural in (0, 1), expected=expected)
        for name in ("semantic", "texture"):
            require(self, name, 0 <= getattr(self, name) <= 16, expected="from 0 to 16")
        expected = "1 or more where semantic is 0: a structural stage alone makes layouts only"
        require(self, "texture", self.semantic + self.texture > 0, expected=expected)

    @property
    def count(self) -> int:
        """Number of stages, which is the number of levels."""
        return self.structural + self.semantic + self.texture


@dataclass(frozen=True, slots=True)
class PyramidSettings:
    """Sizes of the levels."""

    coarsest_px: int
    """Shorter side of the coarsest level."""
    rescale: Literal["exsingan", "consingan", "singan"]
    """Rule for the levels between, see `pyramid.level_sizes`."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        expected = "from 8 to 256: less is smaller than what a stage sees"
        require(self, "coarsest_px", 8 <= self.coarsest_px <= 256, expected=expected)


@dataclass(frozen=True, slots=True)
class RefinementSettings:
    """Semantic and texture GANs: five 3x3 convolutions each."""

    width: int
    """Channels of stages below `narrow_from_px`."""
    narrow_width: int
    """Channels of stages from there on, which have most of the pixels."""
    narrow_from_px: int
    """Shorter side from which stages are narrow; 0 for none."""
    norm: bool
    """Batch norm after every convolution but the last, frozen at the end of a stage."""
    noise: float
    """Amplitude of a stage's noise, as a share of what the stage before lacks."""
    padding: Literal["zeros", "replicate"]
    """What a stage sees beyond the border."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("width", "narrow_width"):
            require(self, name, 2 <= getattr(self, name) <= 1024, expected="from 2 to 1024")
        require(self, "narrow_from_px", self.narrow_from_px >= 0, expected="0 or more")
        require(self, "noise", 0 <= self.noise <= 10, expected="from 0 to 10")

    def width_at(self, short_side_px: int) -> int:
        """Channels of the stage of a level."""
        is_narrow = 0 < self.narrow_from_px <= short_side_px
        return self.narrow_width if is_narrow else self.width


@dataclass(frozen=True, slots=True)
class ExsinganLossSettings:
    """Weights of the loss terms; 0 leaves a term out."""

    structure_gan: float
    """Structural GAN: WGAN-GP on the prior's layouts."""
    structure_penalty: float
    """Its gradient penalty."""
    structure_reconstruction: float
    """Structural GAN: L2 between the layout of the fixed noise and the photo."""
    paired: float
    """L1 between what a stage makes of displaced noise and the photo displaced likewise."""
    adversarial: float
    """Refinement: the patch GAN."""
    gan: Literal["wgan-gp", "hinge"]
    """Its form: Wasserstein with gradient penalty and batch norm in the critic, or hinge with
    spectral norm."""
    gradient_penalty: float
    """Refinement: gradient penalty per pixel, with `wgan-gp`."""
    reconstruction: float
    """Refinement: between what the fixed noise comes to and the photo."""
    distance: Literal["l2", "l1"]
    """Of the reconstruction: mean square (paper) or mean absolute difference."""
    perceptual: float
    """Semantic GAN: L1 between VGG-19 features."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in self.__slots__:
            if not isinstance(getattr(self, name), str):
                require(self, name, getattr(self, name) >= 0, expected="0 or more")
        has_signal = self.adversarial > 0 or self.reconstruction > 0 or self.paired > 0
        expected = "above 0, or reconstruction or paired"
        require(self, "adversarial", has_signal, expected=expected)


@dataclass(frozen=True, slots=True)
class AdamSettings:
    """Adam of a stage and its critic."""

    rate: float
    """Learning rate."""
    betas: tuple[float, float]
    """Decay rates."""
    warmup: float = 0.0
    """Share of a stage's steps over which the rate rises from 0."""
    final: float = 1.0
    """The last rate as a share of the full one."""
    drop_at: float = 0.0
    """Share of a stage's steps at which the rate falls to the final one; 0: along a cosine."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        require(self, "rate", 0 <= self.rate <= 10, expected="from 0 to 10")
        is_decay = all(0 <= beta < 1 for beta in self.betas)
        require(self, "betas", is_decay, expected="two numbers from 0 to below 1")
        require(self, "warmup", 0 <= self.warmup < 1, expected="from 0 to below 1")
        for name in ("final", "drop_at"):
            require(self, name, 0 <= getattr(self, name) <= 1, expected="from 0 to 1")


@dataclass(frozen=True, slots=True)
class StageOptimizersSettings:
    """Optimizers by kind of stage."""

    structure: AdamSettings
    """Of the structural GAN."""
    refinement: AdamSettings
    """Of semantic and texture GANs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExsinganTrainingSettings(RunSettings):
    """Schedule. Stages are trained one after another, each for its share of `steps`."""

    structural_share: float
    """Part of the steps for the structural stage, relative to the other two."""
    semantic_share: float
    """Part for each semantic stage."""
    texture_share: float
    """Part for each texture stage."""
    freeze_norm_from: float
    """Norm statistics are frozen at this share of a stage, which goes on with what is deployed."""
    layout_batch: int
    """Layouts per step of the structural stage."""
    batch: int
    """Images, or crops of them, per step of the other stages."""
    crop_px: int
    """Side of the crops that refinement stages see; 0 takes whole images."""
    pool_size: int
    """Results of the stages below that are kept to train a stage on."""
    critic_width: int
    """Channels of the refinement stages' critic."""
    critic_detail: float = 0.0
    """How many times fine detail is added to what that critic sees, 0 to 100."""
    ema_decay: float = 0.99
    """Decay of the averaged weights that are exported."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        RunSettings.__post_init__(self)
        for name in ("structural_share", "semantic_share", "texture_share"):
            require(self, name, 0 < getattr(self, name) <= 1e6, expected="above 0 and up to 10^6")
        expected = "from 0 to 1"
        require(self, "freeze_norm_from", 0 <= self.freeze_norm_from <= 1, expected=expected)
        for name in ("layout_batch", "batch", "pool_size"):
            require(self, name, 1 <= getattr(self, name) <= 4096, expected="from 1 to 4096")
        require(self, "critic_width", 2 <= self.critic_width <= 1024, expected="from 2 to 1024")
        require(self, "critic_detail", 0 <= self.critic_detail <= 100, expected="from 0 to 100")
        require(self, "crop_px", self.crop_px == 0 or self.crop_px >= 16, expected="0 or 16 up")
        require(self, "ema_decay", 0 <= self.ema_decay < 1, expected="from 0 to below 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExsinganSettings(TrainedSettings):
    """Everything that decides what a model becomes; saved in checkpoints and bundles."""

    family: Literal["exsingan"]
    """Model family."""
    stages: StagesSettings
    """The mix."""
    pyramid: PyramidSettings
    """Sizes of the levels."""
    structure: DepnetSettings
    """Structural GAN."""
    refinement: RefinementSettings
    """Semantic and texture GANs."""
    losses: ExsinganLossSettings
    """Loss terms."""
    optimizer: StageOptimizersSettings
    """Learning rates."""
    training: ExsinganTrainingSettings
    """Schedule of training."""
    image: ImageSettings = field(default_factory=lambda: ImageSettings(factor=1))
    """Preparation of the image."""
    perceptual: Literal["auto", "none", "vgg19"] = "auto"
    """Network of the perceptual loss; `auto` is VGG-19 where the loss has a weight and a stage."""
    reused_stages: int = 0
    """Stages that come finished from another model and are not trained, 0 or 1."""
    synthesis: SynthesisSettings = field(default_factory=SynthesisSettings)
    """The other start: how the photo is fitted, and how its places are drawn."""

    def __post_init__(self) -> None:
        """Check what no part can check alone."""
        TrainedSettings.__post_init__(self)
        require(self, "image", self.image.factor == 1, expected="of factor 1")
        is_reusable = self.reused_stages in range(self.stages.structural + 1)
        expected = "0, or 1 in a mix with a structural stage"
        require(self, "reused_stages", is_reusable, expected=expected)
        losses, structure = self.losses, self.structure
        is_told = structure.displacement > 0 and (self.prior.is_one_layout or structure.modes > 0)
        has_signal = (
            self.stages.structural == 0
            or losses.structure_gan > 0
            or (losses.paired > 0 and is_told)
        )
        expected = (
            "structure_gan above 0, or paired above 0 with a displaced structural stage that has "
            "modes or an unflipped internal prior"
        )
        require(self, "losses", has_signal, expected=expected)
