"""From a photo to a folder of images in one call: learn it, export it, draw.

What is there of this photo and these settings stays, so that the same call goes on where another
was interrupted. Never imports torch: the stations' doors load what the model needs.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from petsgan_sdk._text import short
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import (
    BackendUnavailableError,
    BundleError,
    CheckpointError,
    OutputError,
)
from petsgan_sdk.files import check_distinct
from petsgan_sdk.files.endings import check_ending
from petsgan_sdk.files.regular import is_taken
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.output.pictures import Pictures, draw_pictures
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.checks import check_int, check_seed
from petsgan_sdk.settings import ModelSettings
from petsgan_sdk.settings.families import Family, family_of_model
from petsgan_sdk.settings.presets import load_preset, to_dict
from petsgan_sdk.stations.export import export_bundle
from petsgan_sdk.stations.photo import load_photo
from petsgan_sdk.stations.same_run import differing_setting
from petsgan_sdk.stations.train import Progress, train

__all__ = ["MAX_COUNT", "MAX_LEARNED_PX", "MakeProgress", "MakeResult", "make"]

MAX_COUNT = 10_000
"""Most images of one call; a bundle makes any number."""
MAX_LEARNED_PX = 2048
"""Largest side at which a photo may be learned here: twice and three times it must be one image."""

_PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime")
_ANEW = "choose another -o, or --force makes it anew"


@dataclass(frozen=True, slots=True)
class MakeProgress:
    """Where a call is."""

    task: str
    """`fitting`, `training`, `exporting` or `drawing`."""
    done: int
    """Of its rounds, steps or images; 0 of 1 while exporting."""
    total: int
    """How many there will be."""
    phase: str = ""
    """What is being learned."""
    losses: Mapping[str, float] = field(default_factory=dict)
    """Of the last step of a training."""


@dataclass(frozen=True, slots=True)
class MakeResult:
    """What a call left."""

    bundle: Path
    """The model, for `generate` and `petsgan_sdk.load`."""
    checkpoint: Path | None
    """What it was exported from; None of a model without networks."""
    pictures: Pictures
    """The images."""
    written: int
    """Images that were made; the others were there. Without the contact sheet."""
    seconds: float
    """From the call to the end."""


@dataclass(frozen=True, slots=True)
class _Task:
    """What was asked for, checked, and where it goes."""

    photo: Path
    folder: Path
    model: str
    preset: str
    max_size_px: int | None
    overwrite: bool
    settings: ModelSettings
    tell: Callable[[MakeProgress], None]
    note: Callable[[str], None]

    @property
    def bundle(self) -> Path:
        return self.folder / "model.petsgan"

    @property
    def checkpoint(self) -> Path:
        return self.folder / "model.pt"

    def train(self, path: Path, *, task: str, resume: bool = False, overwrite: bool) -> None:
        """Learn the photo."""

        def tell(state: Progress) -> None:
            self.tell(MakeProgress(task, state.step, state.steps, state.phase, state.losses))

        train(
            self.photo,
            path,
            model=self.model,
            preset=self.preset,
            max_size_px=self.max_size_px,
            resume=resume,
            overwrite=overwrite,
            progress=tell,
            note=self.note,
            go_on="the same command goes on",
        )


def make(
    photo: Path,
    folder: Path,
    *,
    count: int = 8,
    model: str = "instant",
    preset: str = "fast",
    max_size_px: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    progress: Callable[[MakeProgress], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
) -> MakeResult:
    """Make a model of a photo and images of the model.

    The folder then has `model.petsgan`, of a model with networks `model.pt` as well, images
    `0000.png` and so on of the photo's size, `wide.png` of three times its width, `extended.png`,
    the photo with more around it on twice its width, and `sheet.png` with all of them. What is
    there whole, of this photo and as is asked for, is not made again; a training goes on.

    Args:
        photo: Any image that Pillow reads.
        folder: Made if it is not there.
        count: Number of images, 1 to `MAX_COUNT`.
        model: As `stations.train.train`, as are `preset` and `max_size_px`.
        preset: As above.
        max_size_px: Longest side at which the photo is learned, at most `MAX_LEARNED_PX`.
        seed: Of the images, 0 to 2**64 - 1; training takes the preset's.
        overwrite: Replace what is there and is not what is asked for. Images, and a model without
            networks, are made anew in any case.
        progress: Told where it is.
        note: Told what a person should know.

    Raises:
        InputError: The photo is not usable.
        ConfigError: A count, size, seed or name is out of range.
        OutputError: A file is there that is not what is asked for, or cannot be written.
        CheckpointError: The same of `model.pt`.
        BackendUnavailableError: A package that the model needs is not there.
        PetsganError: As `train`, `export_bundle` and `generate_images`.
        KeyboardInterrupt: After Ctrl-C; what is finished stays.
    """
    started = time.monotonic()
    count = check_int(count, "number of images", low=1, high=MAX_COUNT)
    seed = check_seed(seed)
    family = family_of_model(model)
    given = {} if max_size_px is None else {"image.max_size_px": max_size_px}
    settings = load_preset(preset, model=model, overrides=given)
    check_int(settings.image.max_size_px, "image.max_size_px", low=1, high=MAX_LEARNED_PX)
    task = _Task(
        Path(photo), Path(folder), model, preset, max_size_px, overwrite, settings, progress, note
    )
    check_ending(task.folder, (), expected="a folder")
    pictures = Pictures.planned(task.folder, count)
    for path in (task.bundle, task.checkpoint, *pictures.paths):
        check_distinct(path, task.photo)
    if family.has_networks:
        _check_packages(model)
    if not overwrite and not (is_taken(task.bundle) or is_taken(task.checkpoint)):
        _refuse_taken(pictures.paths)
    with _made_folder(task.folder):
        checkpoint = _learn(task, family)
        made, written = draw_pictures(
            task.bundle,
            pictures,
            photo=lambda: load_checkpoint(task.checkpoint).photo,
            seed=seed,
            overwrite=overwrite,
            progress=lambda done, total: progress(MakeProgress("drawing", done, total)),
            note=note,
        )
    return MakeResult(task.bundle, checkpoint, made, written, time.monotonic() - started)


def _learn(task: _Task, family: Family) -> Path | None:
    """Make the bundle, or keep the one that is there; return its checkpoint if it has one."""
    if not family.has_networks:
        if not task.overwrite and is_taken(task.bundle):
            learned = load_photo(task.photo, task.settings.image, lambda _: None)
            _check_bundle(task, to_dict(task.settings), learned.digest)
        else:
            task.train(task.bundle, task="fitting", overwrite=task.overwrite)
        return None
    resume = is_taken(task.checkpoint)
    if is_taken(task.bundle) and not task.overwrite:
        _check_trained_bundle(task)
    try:
        task.train(task.checkpoint, task="training", resume=resume, overwrite=False)
    except CheckpointError as exc:
        if not resume:
            raise
        if not task.overwrite:
            msg = f"{exc}; {_ANEW}"
            raise CheckpointError(msg) from exc
        task.train(task.checkpoint, task="training", overwrite=True)
    if _is_older(task.bundle, task.checkpoint) or task.overwrite:
        task.tell(MakeProgress("exporting", 0, 1))
        # Whether an older file may go was settled before.
        export_bundle(task.checkpoint, task.bundle, overwrite=True, note=task.note)
    return task.checkpoint


def _check_trained_bundle(task: _Task) -> None:
    """Refuse a bundle that is not of the checkpoint beside it, which training compares."""
    family, asked = _manifest(task.bundle).family, task.settings.family
    if family != asked:
        _refuse(task.bundle, f"family {family!r} where now {asked!r} is asked for")
    if not is_taken(task.checkpoint):
        _refuse(task.bundle, f"one without its checkpoint {task.checkpoint.name}")
    saved = load_checkpoint(task.checkpoint)
    _check_bundle(task, to_dict(saved.settings), saved.provenance.get("digest"))


def _manifest(bundle: Path) -> BundleManifest:
    try:
        return open_bundle(bundle).manifest
    except BundleError as exc:
        msg = f"{exc}; {_ANEW}"
        raise OutputError(msg) from exc


def _check_bundle(task: _Task, settings: Mapping[str, object], digest: object) -> None:
    """Refuse a bundle that was not made of this photo with these settings."""
    manifest = _manifest(task.bundle)
    differs = differing_setting(manifest.config, settings)
    if differs is None and manifest.provenance.get("digest") != digest:
        differs = f"one of another photo, {short(manifest.provenance.get('image'))}"
    if differs is not None:
        _refuse(task.bundle, differs)


def _refuse(path: Path, found: str) -> None:
    msg = (
        f"output: {str(path)!r} must be of this photo and these settings to go on, got {found}; "
        f"{_ANEW}"
    )
    raise OutputError(msg)


def _refuse_taken(paths: tuple[Path, ...]) -> None:
    """Refuse files that are no images of ours, since there is no model of ours beside them."""
    for path in paths:
        if is_taken(path):
            msg = (
                f"output must be new, but {str(path)!r} exists without a model beside it; choose "
                "another -o, or overwrite with --force"
            )
            raise OutputError(msg)


def _check_packages(model: str) -> None:
    """Refuse before minutes of training what exporting and drawing would lack after them."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        listed = ", ".join(missing)
        msg = f"model {model!r} trains networks and needs packages that are not installed: {listed}"
        hint = 'pip install "petsgan-sdk[cpu,train,export]", or --model instant'
        raise BackendUnavailableError(msg, hint=hint)


def _is_older(bundle: Path, checkpoint: Path) -> bool:
    """Whether a bundle is missing or may be of an earlier state of its checkpoint."""
    if not is_taken(bundle):
        return True
    return bundle.stat().st_mtime_ns <= checkpoint.stat().st_mtime_ns


@contextmanager
def _made_folder(folder: Path) -> Iterator[None]:
    """Make the folder; when what follows fails, those made here that are empty go again."""
    made = [path for path in (folder, *folder.parents) if not is_taken(path)]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as exc:
            msg = f"output folder must be a folder, got the file {str(folder)!r}; choose another -o"
            raise OutputError(msg) from exc
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            msg = f"output folder {str(folder)!r} cannot be made: {reason}"
            raise OutputError(msg) from exc
        yield
    except BaseException:
        _remove_empty(made)
        raise


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
