"""What a model of each family is compared with: the only table of them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.manifest import BundleManifest
from shared.harness import Form

__all__ = ["BASELINES", "PUBLIC_FORM", "RUNTIME", "SAME_WEIGHTS", "Baseline", "baseline"]

RUNTIME, SAME_WEIGHTS, PUBLIC_FORM = "runtime", "torch_same_weights", "torch_public_form"
"""Names of the forms: the runtime, its weights in PyTorch, the paper's structure as published."""


class Baseline(Protocol):
    """A class of one of the modules below. They import torch."""

    def __call__(self, checkpoint: Path, *, manifest: BundleManifest, threads: int) -> Form:
        """Load the checkpoint that the bundle of this manifest was made from."""


BASELINES: dict[str, dict[str, str]] = {
    "petsgan": {
        SAME_WEIGHTS: "sampling._petsgan_same_weights:SameWeights",
        PUBLIC_FORM: "sampling._petsgan_public_form:PublicForm",
    },
    "exsingan": {
        SAME_WEIGHTS: "sampling._exsingan_same_weights:SameWeights",
        PUBLIC_FORM: "sampling._exsingan_public_form:PublicForm",
    },
}
"""By family, `module:class` of each form that runs in PyTorch."""


def baseline(name: str, manifest: BundleManifest) -> Baseline:
    """Import a form of a model's family.

    Args:
        name: `SAME_WEIGHTS` or `PUBLIC_FORM`.
        manifest: Of the model's bundle.

    Raises:
        ConfigError: The family has none.
    """
    family = manifest.family
    if family not in BASELINES:
        msg = f"model: family must be one of {', '.join(BASELINES)} to be compared, got {family!r}"
        raise ConfigError(msg)
    module, _, attribute = BASELINES[family][name].partition(":")
    made: Baseline = getattr(import_module(module), attribute)
    return made
