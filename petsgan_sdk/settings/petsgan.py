"""The settings of PetsGAN: DEPNet, patch transfer, IR, and how they are trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from petsgan_sdk.settings.base import RunSettings, TrainedSettings
from petsgan_sdk.settings.depnet import DepnetSettings
from petsgan_sdk.settings.synthesis import SynthesisSettings
from petsgan_sdk.settings.typed import FieldError, require

__all__ = [
    "EnlargementSettings",
    "LossSettings",
    "OptimizerSettings",
    "PetsganSettings",
    "RestorationSettings",
    "TrainingSettings",
    "TransferSettings",
]


@dataclass(frozen=True, slots=True)
class TransferSettings:
    """Patch transfer."""

    temperature: float
    """Of the softmax over cosines, above 0."""
    passes: int
    """How often patch transfer is applied, each time to its own result."""
    carry_texture: bool
    """Carry the correspondences up to full resolution and hand the texture to IR."""
    train_features: bool
    """Train the feature network together with IR."""
    features: Literal["auto", "filters", "vgg19"] = "auto"
    """What patches are compared by. `auto`: VGG-19 where its weights are cached, else filters; a
    model that is trained says which."""
    window: int = 7
    """Side of a patch in low-resolution pixels, odd."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        require(self, "temperature", 0 < self.temperature <= 10, expected="above 0 and up to 10")
        require(self, "passes", 1 <= self.passes <= 10, expected="from 1 to 10")
        is_odd = self.window % 2 == 1 and 1 <= self.window <= 31
        require(self, "window", is_odd, expected="odd and from 1 to 31")


@dataclass(frozen=True, slots=True)
class RestorationSettings:
    """IR, the transferred code to the image. `mending` needs carried texture."""

    network: Literal["restoration", "mending"]
    """`restoration`: the paper's. `mending`: closes the seams of carried texture."""
    width: int
    """Channels."""
    num_blocks: int = 2
    """Residual blocks of `mending`."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        require(self, "width", 2 <= self.width <= 1024, expected="from 2 to 1024")
        require(self, "num_blocks", 0 <= self.num_blocks <= 64, expected="from 0 to 64")


@dataclass(frozen=True, slots=True)
class EnlargementSettings:
    """The new DIPNet on top of a trained generator, up to a larger image."""

    factor: Literal[1, 2, 4, 8] = 1
    """Pixels of the large image for one of the generator's, per axis; 1 has no such network."""
    width: int = 24
    """Channels."""
    num_blocks: int = 1
    """Residual blocks, where texture is carried."""
    steps: int = 300
    """Optimizer steps, after those of the generator."""
    learning_rate: float = 1e-3
    """Of its Adam."""
    crop_px: int = 64
    """Side of the crops that it learns on, in pixels of the generator's image."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        require(self, "width", 2 <= self.width <= 1024, expected="from 2 to 1024")
        require(self, "num_blocks", 0 <= self.num_blocks <= 64, expected="from 0 to 64")
        require(self, "steps", 1 <= self.steps <= 10**8, expected="from 1 to 10^8")
        is_rate = 0 <= self.learning_rate <= 10
        require(self, "learning_rate", is_rate, expected="from 0 to 10")
        require(self, "crop_px", 32 <= self.crop_px <= 8192, expected="from 32 to 8192")


@dataclass(frozen=True, slots=True)
class LossSettings:
    """Weights of the loss terms; 0 leaves a term, and its critic, out."""

    paired: float
    """DEPNet: L1 to the prior's layout of the same displacement."""
    layout_gan: float
    """DEPNet: non-saturating GAN on layouts, eq. 6."""
    collapse: float
    """DEPNet: collapse penalty -|D_G(G(z1)) - D_G(G(z2))|, eq. 6."""
    layout_gradient_penalty: float
    """D_G: R1 penalty on real layouts; the paper names none."""
    adversarial: float
    """DIPNet: patch GAN on the image, eq. 5."""
    reconstruction: float
    """DIPNet: L1 of F(c_I + noise) to I, eq. 8."""
    sparsity: float
    """DIPNet: 1 - mean squared weight of the best match, eq. 8."""
    consistency: float = 0.0
    """DIPNet: L1 of the image, reduced, to the transferred code."""
    texture: float = 0.0
    """DIPNet: L1 of the image to the carried texture."""
    reconstruction_noise: float = 0.15
    """Standard deviation of the noise on c_I for reconstruction, where [-1, 1] is the range."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in self.__slots__:
            require(self, name, getattr(self, name) >= 0, expected="0 or more")


@dataclass(frozen=True, slots=True)
class OptimizerSettings:
    """Adam; every rate warms up over `warmup` and then falls along a cosine to `final`."""

    depnet: float
    """Learning rate of DEPNet."""
    layout_critic: float
    """Learning rate of D_G."""
    restoration: float
    """Learning rate of IR."""
    features: float
    """Learning rate of the feature network, if it is trained."""
    patch_critic: float
    """Learning rate of D."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's decay rates."""
    warmup: float = 0.0
    """Share of a network's own steps over which its rate rises from 0."""
    final: float = 1.0
    """The last rate as a share of the full one."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("depnet", "layout_critic", "restoration", "features", "patch_critic"):
            require(self, name, 0 <= getattr(self, name) <= 10, expected="from 0 to 10")
        is_decay = all(0 <= beta < 1 for beta in self.betas)
        require(self, "betas", is_decay, expected="two numbers from 0 to below 1")
        require(self, "warmup", 0 <= self.warmup < 1, expected="from 0 to below 1")
        require(self, "final", 0 <= self.final <= 1, expected="from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings(RunSettings):
    """Schedule. Moments are shares of `steps`, so that `--steps` stretches all of it."""

    depnet_until: float
    """DEPNet is trained from the start to here."""
    restoration_from: float
    """DIPNet is trained from here to the end."""
    adversarial_from: float
    """The patch GAN joins in here."""
    freeze_norm_from: float
    """Norm statistics are frozen here, and training goes on with what is deployed."""
    end_to_end: bool
    """The patch GAN's gradient reaches DEPNet through patch transfer."""
    patch_critic: Literal["multi_dilation", "strided"]
    """D: the paper's at full resolution, or a cheap one of like receptive field."""
    layout_batch: int
    """Layouts per DEPNet step."""
    image_batch: int
    """Images, or crops of them, per patch GAN step."""
    crop_px: int
    """Side of the crops that IR and D see; 0 takes whole images."""
    pool_size: int
    """Transferred layouts kept to train IR on when not end to end."""
    ema_decay: float = 0.99
    """Decay of the averaged weights that are exported."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        RunSettings.__post_init__(self)  # super() does not know a class with slots
        for name in ("depnet_until", "restoration_from", "adversarial_from", "freeze_norm_from"):
            require(self, name, 0 <= getattr(self, name) <= 1, expected="from 0 to 1")
        for name in ("layout_batch", "image_batch", "pool_size"):
            require(self, name, 1 <= getattr(self, name) <= 4096, expected="from 1 to 4096")
        require(self, "crop_px", self.crop_px == 0 or self.crop_px >= 32, expected="0 or 32 up")
        require(self, "ema_decay", 0 <= self.ema_decay < 1, expected="from 0 to below 1")
        if not self.end_to_end:
            # IR learns on a pool made by a finished DEPNet.
            is_after = self.depnet_until <= self.restoration_from
            require(self, "restoration_from", is_after, expected="at or after depnet_until")


@dataclass(frozen=True, slots=True, kw_only=True)
class PetsganSettings(TrainedSettings):
    """Everything that decides what a PetsGAN becomes."""

    family: Literal["petsgan"]
    """Model family."""
    depnet: DepnetSettings
    """DEPNet."""
    transfer: TransferSettings
    """Patch transfer."""
    restoration: RestorationSettings
    """IR."""
    losses: LossSettings
    """Loss terms."""
    optimizer: OptimizerSettings
    """Learning rates."""
    training: TrainingSettings
    """Schedule of training."""
    task: Literal["generate", "manipulate"] = "generate"
    """What is trained: the whole model, or DIPNet alone, which starts from an image."""
    enlargement: EnlargementSettings = field(default_factory=EnlargementSettings)
    """Larger images than the generator's."""
    synthesis: SynthesisSettings = field(default_factory=SynthesisSettings)
    """The other way to an image: how the photo is fitted, and how its places are drawn."""

    @property
    def layout_factor(self) -> int:
        """Pixels of the generator's image for one of the layout, per axis."""
        return self.image.factor // self.enlargement.factor

    @property
    def generator_steps(self) -> int:
        """Steps of the generator; those of the enlargement follow."""
        extra = self.enlargement.steps if self.enlargement.factor > 1 else 0
        return self.training.steps - extra

    def __post_init__(self) -> None:
        """Check what no part can check alone."""
        TrainedSettings.__post_init__(self)
        if self.layout_factor not in (2, 4, 8, 16):  # a layout is a reduced image
            *most, last = (str(self.enlargement.factor * factor) for factor in (2, 4, 8, 16))
            problem = f"must be {', '.join(most)} or {last}, got {self.image.factor}"
            raise FieldError(self, "image.factor", problem)
        is_mending = self.restoration.network == "mending"
        is_fed = is_mending == self.transfer.carry_texture
        require(self, "restoration", is_fed, expected="mending exactly if carry_texture is true")
        # Four pixels of the layout, as many as the smallest image has: reflected padding needs 3.
        is_wide = self.training.crop_px == 0 or self.training.crop_px >= 4 * self.layout_factor
        require(self, "training", is_wide, expected="crop_px 0 or at least 4 image.factor")
        if self.task == "manipulate":
            is_plain = self.enlargement.factor == 1
            require(self, "enlargement", is_plain, expected="factor 1 where task is 'manipulate'")
        else:
            self._check_generator()

    def _check_generator(self) -> None:
        """Check that DEPNet has something to learn from, and time."""
        is_long = self.generator_steps >= 1
        require(self, "training", is_long, expected="more steps than enlargement.steps")
        losses, depnet = self.losses, self.depnet
        is_told = depnet.displacement > 0 and (self.prior.is_one_layout or depnet.modes > 0)
        has_signal = (
            losses.layout_gan > 0
            or (losses.paired > 0 and is_told)
            or (losses.adversarial > 0 and self.training.end_to_end)
        )
        require(
            self,
            "losses",
            has_signal,
            expected="layout_gan above 0, or paired above 0 with a displaced DEPNet that has modes "
            "or an unflipped internal prior, or adversarial above 0 end to end",
        )
