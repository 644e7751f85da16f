"""Find, read and check the files of weights that metrics judge with.

Torch only to read its own files and safetensors; loading never runs code from a file.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from petsgan_sdk.errors import BackendUnavailableError, InputError
from petsgan_sdk.files import cached_file
from petsgan_sdk.files.regular import describe_failure, open_regular

__all__ = ["Backbone", "WeightFile", "find_file", "from_torch_hub", "read_weights", "take"]

_DIGEST_CHARS = 12

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backbone:
    """The network that a number was made with: two numbers compare only if it is the same."""

    name: str
    """Architecture and layer."""
    digest: str
    """First 12 hex digits of the sha256 of its weight file; `+` joins those of two files."""

    def __str__(self) -> str:
        """As it is printed beside a number."""
        return f"{self.name} {self.digest}"


@dataclass(frozen=True, slots=True)
class WeightFile:
    """Tensors by name, and where they came from."""

    path: Path
    """The file."""
    tensors: Mapping[str, Tensor]
    """On the CPU, of the dtype that the file has."""
    digest: str
    """First 12 hex digits of the file's sha256."""


def find_file(given: Path | None, *, variable: str, names: Iterable[str]) -> Path | None:
    """The file given, else that of an environment variable, else the first in the user's cache.

    Args:
        given: Asked for by the caller.
        variable: Environment variable that may name a file.
        names: File names in the cache's folder `weights`, the best first.

    Returns:
        None if there is none. A file that was asked for is returned without a look at it.
    """
    if given is not None:
        return given
    named = os.environ.get(variable, "").strip()
    if named:
        return Path(named)
    cached = (cached_file("weights", name) for name in names)
    return next((path for path in cached if path is not None), None)


def from_torch_hub(url: str, *, metric: str, download: bool = True) -> Path | None:
    """A file of torch hub's own cache, downloaded if it is not there; None without a network.

    Args:
        url: Ends in a file name, and that in the first digits of the file's sha256.
        metric: Name for messages.
        download: None too where it is not there, and nothing is fetched.

    Raises:
        InputError: Something else was downloaded, by the digest.
    """
    name = url.rpartition("/")[2]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if os.path.isfile(path):  # noqa: PTH113 - False also in a home of somebody else
        return path
    if (
        not download or not path.is_absolute()
    ):  # torch hub makes a folder "~" where there is no home
        return None
    digits = path.stem.rpartition("-")[2]
    _log.warning("%s: downloading %s to %s", metric, url, path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=digits, progress=False)
    except OSError:  # no network, no such file, or no place to put it
        return None
    except RuntimeError as exc:
        msg = f"{metric}: {url} must have a sha256 that begins with {digits}, got another file"
        raise InputError(msg) from exc
    return path


def read_weights(path: Path, *, metric: str) -> WeightFile:
    """Read a safetensors file, or a torch file of plain tensors.

    Args:
        path: Read as safetensors if it ends in `.safetensors`.
        metric: Name for messages.

    Raises:
        InputError: No such file, or it holds anything else.
        BackendUnavailableError: The package safetensors is missing.
    """
    try:
        with open_regular(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as exc:  # ValueError: a NUL byte in the name
        found = describe_failure(exc)
        msg = f"{metric}: weights {str(path)!r} must be a file, got {found}"
        raise InputError(msg) from exc
    tensors = _read_safetensors(path, metric) if _is_safe(path) else _read_torch(path, metric)
    return WeightFile(path, tensors, digest[:_DIGEST_CHARS])


def take(
    file: WeightFile, shapes: Mapping[str, tuple[int, ...]], *, metric: str, network: str
) -> dict[str, Tensor]:
    """The tensors of a network, as float32.

    Args:
        file: May hold more than is taken.
        shapes: Expected shapes by key, in the order of the network.
        metric: Name for messages.
        network: What the weights should be of, for messages.

    Raises:
        InputError: A key is missing, has another shape, or values that are not finite; the
            message names the first, with both shapes.
    """
    taken: dict[str, Tensor] = {}
    for key, shape in shapes.items():
        tensor = file.tensors.get(key)
        if tensor is None or tuple(tensor.shape) != shape:
            found = "no such tensor" if tensor is None else f"shape {tuple(tensor.shape)}"
            msg = (
                f"{metric}: {str(file.path)!r} must hold the weights of {network}, with "
                f"{key!r} of shape {shape}, got {found}"
            )
            raise InputError(msg)
        taken[key] = tensor.float()
        if not bool(taken[key].isfinite().all()):
            msg = f"{metric}: {key!r} in {str(file.path)!r} must be finite, got NaN or infinity"
            raise InputError(msg)
    return taken


def _is_safe(path: Path) -> bool:
    return path.suffix == ".safetensors"


def _read_safetensors(path: Path, metric: str) -> dict[str, Tensor]:
    try:
        from safetensors import SafetensorError  # noqa: PLC0415 - optional
        from safetensors.torch import load_file  # noqa: PLC0415 - optional
    except ImportError as exc:
        msg = f"{metric}: reading {str(path)!r} needs the package safetensors"
        raise BackendUnavailableError(msg, hint='pip install "petsgan-sdk[metrics]"') from exc
    try:
        return load_file(path)
    except (SafetensorError, OSError) as exc:
        msg = (
            f"{metric}: {str(path)!r} must be a safetensors file, got {' '.join(str(exc).split())}"
        )
        raise InputError(msg) from exc


def _read_torch(path: Path, metric: str) -> dict[str, Tensor]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:  # a damaged or hostile pickle can fail in any way
        msg = (
            f"{metric}: {str(path)!r} must be a safetensors or torch file of plain tensors, "
            f"got one that does not load ({type(exc).__name__})"
        )
        raise InputError(msg) from exc
    if not isinstance(found, dict):
        msg = f"{metric}: {str(path)!r} must hold a dict of tensors, got {type(found).__name__}"
        raise InputError(msg)
    return {str(key): value for key, value in found.items() if isinstance(value, Tensor)}
