from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache

import pytest

pytest.importorskip("torch", reason="export needs torch")
pytest.importorskip("onnx", reason="export needs onnx")

from support.pictures import write_picture
from support.torch_pyramid import make_pyramid
from support.training_runs import FILTERS, tiny_train

from petsgan_sdk.checkpoint import load_checkpoint, save_checkpoint
from petsgan_sdk.export import bundle as bundle_module
from petsgan_sdk.export import export_bundle, tensorrt_folder
from petsgan_sdk.export.onnx_file import write
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.training import train

SHAPES = {"fast": (64, 48), "paper": (48, 40)}  # width, height


@pytest.fixture(autouse=True, scope="session")
def _drafts_are_kept():
    """Torch's export takes seconds and gives the same graphs again: once for each checkpoint.

    `export_bundle` makes them always; what else writes a form of a model takes those that are kept.
    """
    original, drafts = bundle_module.draft_bundle, {}

    def draft(path, note):
        drafts[digest(path)] = made = original(path, note)
        return made

    def draft_once(path, note):
        return drafts[digest(path)] if digest(path) in drafts else draft(path, note)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle_module, "draft_bundle", draft)
        for module in (write, tensorrt_folder):
            patch.setattr(module, "draft_bundle", draft_once)
        yield


def digest(path):
    return hashlib.sha256(path.read_bytes()).digest() if path.is_file() else path


@pytest.fixture(scope="session")
def _models(tmp_path_factory):
    """The checkpoint of a preset, trained for two steps when it is first asked for."""
    folder = tmp_path_factory.mktemp("models")

    @cache
    def model(preset):
        photo = write_picture(folder / f"{preset}.png", *SHAPES[preset])
        tiny_train(photo, folder / f"{preset}.pt", preset=preset, steps=2)
        return folder / f"{preset}.pt"

    return model


@pytest.fixture(scope="session", params=list(SHAPES))
def checkpoint(request, _models):
    return _models(request.param)


@pytest.fixture(scope="session")
def fast_checkpoint(_models):
    return _models("fast")


@pytest.fixture(scope="session")
def bundle(checkpoint):
    return open_beside(checkpoint)


@pytest.fixture(scope="session")
def fast_bundle(fast_checkpoint):
    return open_beside(fast_checkpoint)


@pytest.fixture(scope="session")
def narrow_bundle(_models):
    return lambda preset: open_beside(_models(preset))


@pytest.fixture(scope="session", params=list(SHAPES))
def preset_bundle(request, tmp_path_factory):
    """The bundle of a preset as it is: no layer is narrower."""
    folder = tmp_path_factory.mktemp(request.param)
    photo = write_picture(folder / "photo.png", *SHAPES[request.param])
    # How many layouts and images a step sees is no part of the graphs.
    brief = {"training.layout_batch": 2, "training.pool_size": 1}
    settings = {"steps": 1, "options": FILTERS, "device": "cpu", "overrides": brief}
    train(photo, folder / "model.pt", preset=request.param, **settings)
    return open_beside(folder / "model.pt")


def open_beside(checkpoint):
    path = checkpoint.with_suffix(".petsgan")
    write.draft_bundle(checkpoint, str).network_alone().write(path, overwrite=True)
    return open_bundle(path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Checkpoint of a narrow `fast` model that has learned for a moment."""
    folder = tmp_path_factory.mktemp("trained")
    photo = write_picture(folder / "photo.png", 96, 64)
    tiny_train(photo, folder / "model.pt", steps=20)
    return folder / "model.pt"


@pytest.fixture(scope="session")
def exported(trained):
    """Its bundle."""
    return export_bundle(trained, trained.with_suffix(".petsgan")).bundle


@pytest.fixture(scope="session")
def before(trained):
    """The same checkpoint as if it had been trained before photos were fitted."""
    made = load_checkpoint(trained)
    arrays = {name: a for name, a in made.arrays.items() if not name.startswith("synthesis/")}
    assert len(arrays) < len(made.arrays)
    path = trained.with_name("before.pt")
    save_checkpoint(path, replace(made, arrays=arrays), overwrite=True)
    return path


@pytest.fixture(scope="session", params=[(0, 1, 2), (0,)], ids="noise in {}".format)
def pyramid(request):
    """Three levels, with noise in all stages or in the first alone."""
    return make_pyramid(request.param)


@pytest.fixture(scope="session")
def pyramid_bundle(pyramid, tmp_path_factory):
    return open_bundle(pyramid.write(tmp_path_factory.mktemp("pyramid") / "tiny.petsgan"))
