"""What the campaign changes: whole and small models, images, masks and presets, made here."""

from __future__ import annotations

import functools
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from support.bundles import write_bundle
from support.copier_bundle import write_copier
from support.pyramid_bundles import write_enlarger, write_pyramid
from support.synthesis_bundle import write_synthesis_bundle

from petsgan_sdk import checkpoint, manifest
from petsgan_sdk.container import MANIFEST, read_container, stored_zip
from petsgan_sdk.container.layout import digest_comment, sha256
from petsgan_sdk.errors import PetsganError
from petsgan_sdk.settings.presets import load_preset, preset_names

_SIZE_PX = (24, 20)  # (width, height)
PHOTO_SIZE_PX = (48, 64)  # (height, width)


@dataclass(frozen=True)
class Parts:
    """A container taken apart."""

    manifest: dict[str, Any]
    members: dict[str, bytes]


@dataclass(frozen=True)
class Bases:
    """Everything that is changed, by name, and the models that tasks and batches are run with."""

    bundles: dict[str, Parts]
    checkpoints: dict[str, Parts]
    images: dict[str, bytes]
    masks: dict[str, bytes]
    presets: dict[str, bytes]
    photo: np.ndarray[Any, np.dtype[np.uint8]]
    copier: Path
    batch_bundle: Path

    @property
    def containers(self) -> dict[str, Parts]:
        return {**self.bundles, **self.checkpoints}


def make_bases(folder: Path) -> Bases:
    """Make them; the models lie in `folder` and are the same in every run."""
    photo = _photo(PHOTO_SIZE_PX)
    small = write_bundle(folder / "petsgan.petsgan")
    bundles = {
        "petsgan": small,
        "pyramid": write_pyramid(folder / "pyramid.petsgan"),
        "enlarger": write_enlarger(folder / "enlarger.petsgan"),
        "instant": write_synthesis_bundle(folder / "instant.petsgan"),
    }
    return Bases(
        bundles={name: _parts(path, manifest.FORMAT) for name, path in bundles.items()},
        checkpoints=_checkpoints(folder),
        images=_images(),
        masks=_masks(),
        presets=_presets(),
        photo=photo,
        copier=write_copier(folder / "copier.petsgan", photo),
        batch_bundle=small,
    )


def sealed(manifest_bytes: bytes, members: dict[str, bytes]) -> bytes:
    """A container of any manifest, with digests and layout as they should be."""
    ordered = [(MANIFEST, manifest_bytes), *((name, members[name]) for name in sorted(members))]
    return b"".join(stored_zip.pack(ordered, comment=digest_comment(manifest_bytes)))


def with_table(header: dict[str, Any], members: dict[str, bytes]) -> dict[str, Any]:
    """A manifest whose table of members is true."""
    table = {n: {"bytes": len(raw), "sha256": sha256(raw)} for n, raw in members.items()}
    return {**header, "members": table}


def _parts(path: Path, form: str) -> Parts:
    version = {
        manifest.FORMAT: manifest.FORMAT_VERSION,
        checkpoint.FORMAT: checkpoint.FORMAT_VERSION,
    }
    found = read_container(path, format=form, format_version=version[form], error=PetsganError)
    return Parts(json.loads(json.dumps(found.header)), found.members)


def _checkpoints(folder: Path) -> dict[str, Parts]:
    """One step of training each; none where torch is not installed."""
    try:
        from support.pictures import write_picture  # noqa: PLC0415 - needs torch
        from support.training_runs import tiny_exsingan, tiny_train  # noqa: PLC0415
    except ModuleNotFoundError:
        return {}
    photo = write_picture(folder / "photo.png", 48, 40)
    tiny_train(photo, folder / "petsgan.pt", steps=1)
    stages = {"stages": "St.1,Se.1,Te.1"}
    tiny_exsingan(photo, folder / "exsingan.pt", steps=3, max_size_px=32, options=stages)
    names = ("petsgan", "exsingan")
    return {f"{n}.pt": _parts(folder / f"{n}.pt", checkpoint.FORMAT) for n in names}


def _photo(size: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    rng = np.random.default_rng(7)
    smooth = np.kron(rng.integers(0, 256, (size[0] // 8, size[1] // 8, 3)), np.ones((8, 8, 1)))
    return np.clip(smooth + rng.normal(0, 12, (*size, 3)), 0, 255).astype(np.uint8)


def _saved(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _images() -> dict[str, bytes]:
    rgb = Image.fromarray(_photo((24, 24))).resize(_SIZE_PX)
    grey, palette, rgba = rgb.convert("L"), rgb.quantize(16), rgb.copy()
    rgba.putalpha(grey)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    real = Image.fromarray(np.asarray(grey).astype(np.float32))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    made = {
        "rgb.png": functools.partial(_saved, rgb, "PNG", icc_profile=profile),
        "palette.png": functools.partial(_saved, palette, "PNG", transparency=3),
        "alpha.png": functools.partial(_saved, rgba, "PNG", exif=exif),
        "deep.png": functools.partial(_saved, deep, "PNG"),
        "frames.png": functools.partial(_saved, rgb, "PNG", save_all=True, append_images=[rgba]),
        "rgb.jpg": functools.partial(_saved, rgb, "JPEG", exif=exif, icc_profile=profile),
        "progressive.jpg": functools.partial(_saved, rgb, "JPEG", progressive=True),
        "cmyk.jpg": functools.partial(_saved, rgb.convert("CMYK"), "JPEG"),
        "lossy.webp": functools.partial(_saved, rgb, "WEBP", exif=exif, icc_profile=profile),
        "lossless.webp": functools.partial(_saved, rgba, "WEBP", lossless=True),
        "frames.webp": functools.partial(_saved, rgb, "WEBP", save_all=True, append_images=[grey]),
        "plain.tif": functools.partial(_saved, rgb, "TIFF", icc_profile=profile),
        "lzw.tif": functools.partial(_saved, rgba, "TIFF", compression="tiff_lzw"),
        "deflate.tif": functools.partial(_saved, deep, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tif": functools.partial(_saved, rgb, "TIFF", compression="jpeg"),
        "bits.tif": functools.partial(_saved, rgb.convert("1"), "TIFF", compression="group4"),
        "float.tif": functools.partial(_saved, real, "TIFF"),
        "frames.tif": functools.partial(_saved, rgb, "TIFF", save_all=True, append_images=[grey]),
        "rgb.bmp": functools.partial(_saved, rgb, "BMP"),
        "palette.bmp": functools.partial(_saved, palette, "BMP"),
        "frames.gif": functools.partial(
            _saved, palette, "GIF", save_all=True, append_images=[grey]
        ),
        "rgb.ppm": functools.partial(_saved, rgb, "PPM"),
        "grey.pgm": functools.partial(_saved, deep, "PPM"),
        "rle.tga": functools.partial(_saved, rgba, "TGA", compression="tga_rle"),
        "palette.tga": functools.partial(_saved, palette, "TGA"),
        "rgb.jp2": functools.partial(_saved, rgb, "JPEG2000"),
        "rgb.avif": functools.partial(_saved, rgba, "AVIF", exif=exif),
    }
    Image.init()
    files: dict[str, bytes] = {}
    for name, make in made.items():
        if make.args[1] in Image.SAVE:
            files[name] = make()
    return files


def _masks() -> dict[str, bytes]:
    height, width = PHOTO_SIZE_PX
    levels = np.zeros((height, width), np.uint8)
    levels[12:30, 20:44] = 255
    grey = Image.fromarray(levels)
    alpha = Image.fromarray(np.full((height, width, 3), 99, np.uint8))
    alpha.putalpha(grey)
    return {
        "grey.png": _saved(grey, "PNG"),
        "bits.png": _saved(grey.convert("1"), "PNG"),
        "alpha.png": _saved(alpha, "PNG"),
        "grey.jpg": _saved(grey, "JPEG"),
        "half.webp": _saved(grey.resize((width // 2, height // 2)), "WEBP"),
        "bits.tif": _saved(grey.convert("1"), "TIFF", compression="packbits"),
        "grey.gif": _saved(grey, "GIF"),
    }


def _presets() -> dict[str, bytes]:
    """The texts of the package's presets; each was checked to be one."""
    folder = Path(checkpoint.__file__).parent / "presets"
    texts = {}
    for model in ("petsgan", "exsingan", "singan"):
        for name in preset_names(model):
            load_preset(name, model=model)
            texts[f"{model}/{name}"] = (folder / model / f"{name}.toml").read_bytes()
    return texts
