"""A model whose noise chooses among layouts: exported, it tiles as any other, and samples alike."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")
pytest.importorskip("torch", reason="export needs torch")

import torch
from support.pictures import write_picture
from support.training_runs import tiny_train

from petsgan_sdk import kernels
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.export import export_bundle
from petsgan_sdk.manifest import GraphStep
from petsgan_sdk.models.petsgan import generator_from
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.bundle import open_bundle


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modes")
    photo = write_picture(folder / "photo.png", 64, 48)
    layouts = folder / "layouts"
    layouts.mkdir()
    for number in range(3):
        write_picture(layouts / f"{number}.png", 64, 48, seed=number + 1)
    tiny_train(photo, folder / "m.pt", prior=f"folder:{layouts}", steps=8)
    export_bundle(folder / "m.pt", folder / "m.petsgan")
    return folder


def test_every_graph_tiles(trained):
    steps = open_bundle(trained / "m.petsgan").manifest.steps
    halos = {step.member: step.halo for step in steps if isinstance(step, GraphStep)}
    assert halos["graphs/depnet.onnx"] == 0
    assert None not in halos.values()


def test_samples_are_those_of_torch(trained):
    generator = generator_from(load_checkpoint(trained / "m.pt"))
    shape = generator.noise_shape(1, *generator.size)
    margin = generator.depnet.noise_margin
    noise = kernels.normal_noise(shape, seed=3, top=-margin, left=-margin)
    expected = generator.sample(torch.from_numpy(noise))[0].permute(1, 2, 0).numpy()
    image = load(trained / "m.petsgan", provider="cpu", threads=1).sample(seed=3)
    difference = np.abs(np.asarray(image).squeeze() - (expected * 127.5 + 127.5))
    assert np.median(difference) <= 1
