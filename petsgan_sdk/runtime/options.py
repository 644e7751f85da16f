"""How a provider should run; the defaults suit every provider. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from petsgan_sdk.errors import ConfigError

__all__ = ["ProviderOptions"]


@dataclass(frozen=True, slots=True)
class ProviderOptions:
    """Choices of `load` that a provider may use; those of other providers are ignored."""

    precision: Literal["fp32", "fp16"] = "fp32"
    """tensorrt: which engines to look for."""
    build: bool = False
    """tensorrt: build engines that are missing, inside the call that needs them."""
    gpu_mem_limit: int | None = None
    """cuda: most bytes of ONNX Runtime's arena, per graph; None for no limit."""
    arena_extend_strategy: Literal["next_power_of_two", "same_as_requested"] = "same_as_requested"
    """cuda: how the arena grows; powers of two are quicker to allocate and waste memory."""

    def __post_init__(self) -> None:
        """Check the choices."""
        if self.precision not in ("fp32", "fp16"):
            msg = f"precision must be fp32 or fp16, got {self.precision!r}"
            raise ConfigError(msg)
        if self.arena_extend_strategy not in ("next_power_of_two", "same_as_requested"):
            msg = (
                "arena_extend_strategy must be next_power_of_two or same_as_requested, got "
                f"{self.arena_extend_strategy!r}"
            )
            raise ConfigError(msg)
        if self.gpu_mem_limit is not None and self.gpu_mem_limit < 1 << 20:
            msg = f"gpu_mem_limit must be at least {1 << 20} bytes, got {self.gpu_mem_limit}"
            raise ConfigError(msg)
