"""Find and load the two weight files of a trained BigGAN."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from petsgan_sdk.errors import BackendUnavailableError, InputError
from petsgan_sdk.files.regular import describe_failure, open_regular
from petsgan_sdk.models.biggan import (
    BigganDiscriminator,
    BigganGenerator,
    DiscriminatorArchitecture,
    GeneratorArchitecture,
    first_mismatch,
)

__all__ = ["VARIABLE", "BigganFiles", "find_biggan", "load_discriminator", "load_generator"]

VARIABLE = "PETSGAN_BIGGAN_WEIGHTS"
"""Environment variable that names the weights where no argument does."""

NetworkT = TypeVar("NetworkT", bound=nn.Module)

_GENERATOR = re.compile(r"G_ema(?P<suffix>[\w-]*)\.(pth|safetensors)")
_TYPES = (".pth", ".safetensors")
_DOWNLOAD = (
    "download BigGAN_ch96_bs256x8_138k.zip, the main pretrained model that the README of "
    "github.com/ajbrock/BigGAN-PyTorch links to, and keep its G_ema.pth (282 MB) and D.pth "
    f"(352 MB) in one folder: --prior biggan:FOLDER, --biggan-weights FOLDER or {VARIABLE}=FOLDER. "
    "No digest is published; the name and shape of every tensor is checked"
)


@dataclass(frozen=True, slots=True)
class BigganFiles:
    """Weight files of a generator and of its discriminator."""

    generator: Path
    """`G_ema*.pth` or `.safetensors`: the averaged generator."""
    discriminator: Path
    """`D*` beside it, with the same suffix."""

    def digest(self) -> str:
        """Sha256 over both files, hex."""
        both = hashlib.sha256()
        for path in (self.generator, self.discriminator):
            with open_regular(path) as file:
                both.update(hashlib.file_digest(file, "sha256").digest())
        return both.hexdigest()


def find_biggan(argument: str | None) -> BigganFiles:
    """Find the files.

    Args:
        argument: The folder, or the generator's file; None takes `PETSGAN_BIGGAN_WEIGHTS`.

    Raises:
        InputError: Nothing is named, nothing is there, or more than one generator; the message
            says what to download.
    """
    named = argument or os.environ.get(VARIABLE, "").strip()
    if not named:
        msg = f"prior: biggan needs the weights of a trained BigGAN, got none; hint: {_DOWNLOAD}"
        raise InputError(msg)
    path = Path(named)
    try:
        files = [path] if path.is_file() else sorted(path.iterdir())
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the name
        found = "nothing there" if isinstance(exc, FileNotFoundError) else repr(str(exc))
        msg = f"prior: biggan weights {named!r} must be a folder, got {found}; hint: {_DOWNLOAD}"
        raise InputError(msg) from exc
    matches = [(file, match) for file in files if (match := _GENERATOR.fullmatch(file.name))]
    if len(matches) != 1:
        found = ", ".join(repr(file.name) for file, _ in matches) or "none"
        msg = (
            f"prior: biggan weights {named!r} must be or hold one generator G_ema.pth, "
            f"G_ema_NAME.pth or the same as .safetensors, got {found}; hint: {_DOWNLOAD}"
        )
        raise InputError(msg)
    generator, match = matches[0]
    try:
        open_regular(generator).close()
    except OSError as exc:
        found = describe_failure(exc)
        msg = f"prior: biggan weights {str(generator)!r} must be a file, got {found}"
        raise InputError(msg) from exc
    names = [f"D{match['suffix']}{type_}" for type_ in _TYPES]
    discriminators = [generator.with_name(name) for name in names]
    for candidate in discriminators:
        if candidate.is_file():
            return BigganFiles(generator, candidate)
    msg = (
        f"prior: biggan weights must hold the discriminator {' or '.join(map(repr, names))} beside "
        f"{str(generator)!r}, got none; hint: {_DOWNLOAD}"
    )
    raise InputError(msg)


def load_generator(path: Path) -> BigganGenerator:
    """Load a generator of any width, 128 or 256 px, without running code from the file.

    Returns:
        It in float32 on the CPU.

    Raises:
        InputError: Not such a file; the message names the first tensor that does not fit, with its
            expected and its found shape.
        BackendUnavailableError: A safetensors file, and the package to read it is missing.
    """
    return _load(path, lambda shapes: BigganGenerator(GeneratorArchitecture.of(shapes)))


def load_discriminator(path: Path) -> BigganDiscriminator:
    """Load a discriminator; all as for `load_generator`."""
    return _load(path, lambda shapes: BigganDiscriminator(DiscriminatorArchitecture.of(shapes)))


def _load(path: Path, build: Callable[[Mapping[str, tuple[int, ...]]], NetworkT]) -> NetworkT:
    state = _read(path)
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    with torch.device("meta"):  # no memory, no random numbers
        network = build(found)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    mismatch = first_mismatch(expected, found)
    if mismatch is not None:
        wanted = "not be there" if mismatch.expected is None else f"have shape {mismatch.expected}"
        got = "no such tensor" if mismatch.found is None else f"shape {mismatch.found}"
        msg = (
            f"biggan: tensor {mismatch.key!r} in {str(path)!r} must {wanted}, got {got}; hint: "
            f"take a {type(network).__name__} of BigGAN-PyTorch at 128 or 256 px"
        )
        raise InputError(msg)
    for name, tensor in state.items():
        if not bool(tensor.isfinite().all()):
            msg = f"biggan: tensor {name!r} in {str(path)!r} must be finite, got NaN or infinity"
            raise InputError(msg)
    network.load_state_dict({name: t.float() for name, t in state.items()}, assign=True)
    return network.eval().requires_grad_(False)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except BackendUnavailableError:
        raise
    except Exception as exc:  # a damaged file can fail in any way
        msg = (
            f"biggan: {str(path)!r} must be a state dict of plain tensors in a torch or "
            f"safetensors file, got one that does not load ({type(exc).__name__})"
        )
        raise InputError(msg) from exc
    is_state = isinstance(state, dict) and all(isinstance(t, Tensor) for t in state.values())
    if not is_state or not state:
        msg = f"biggan: {str(path)!r} must hold a dict of tensors, got something else"
        raise InputError(msg)
    return dict(state)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file  # noqa: PLC0415 - optional
    except ImportError as exc:
        msg = "biggan: reading a safetensors file needs the package safetensors"
        raise BackendUnavailableError(msg, hint="pip install safetensors") from exc
    return load_file(path)
