"""Blocks are as small as the graphs need: what a graph holds, and what a stream of it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction

import numpy as np
import onnx
import pytest
from onnx import helper
from support import bundles
from support.bundles import FACTOR

from petsgan_sdk.export.tiling.halo import live_values, with_halos
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.rendering import blocks
from petsgan_sdk.settings.typed import to_dict

WIDE = 160
MOST_MB = 400


def wide_restoration():
    """A graph with `WIDE` channels at full resolution and a halo of 2 pixels of low resolution."""
    rng = np.random.default_rng(0)
    value, conv = bundles.map_value, bundles.conv_node
    nodes = [
        conv("low", "w0", "packed"),
        helper.make_node("DepthToSpace", ["packed"], ["detail"], blocksize=FACTOR),
        helper.make_node("Add", ["detail", "texture"], ["sum"]),
        conv("sum", "w1", "wide", pad=0),
        helper.make_node("Tanh", ["wide"], ["active"]),
        conv("active", "w2", "thin", pad=0),
        helper.make_node("Tanh", ["thin"], ["image"]),
    ]
    shapes = ((3 * FACTOR**2, 3, 3, 3), (WIDE, 3, 1, 1), (3, WIDE, 1, 1))
    weights = {f"w{n}": bundles.random_weights(rng, *shape) for n, shape in enumerate(shapes)}
    ends = [value("low", 3), value("texture", 3)], [value("image", 3)]
    return bundles.make_model(nodes, *ends, weights)


def write(path, *, derived):
    """A bundle with that graph, with or without what is known of its memory."""
    graph = wide_restoration()
    members = {**bundles.members(), "graphs/restoration.onnx": graph}
    manifest = bundles.build_manifest()
    graphs = {name: raw for name, raw in members.items() if name.endswith(".onnx")}
    steps = with_halos(manifest.steps, graphs, factor=FACTOR, note=str)
    changed = [to_dict(step) for step in steps]
    for data in changed:
        if "live_values" in data and not derived:
            data["live_values"] = None
    return bundles.write_bundle(
        path, changes={"steps": changed}, replaced={"graphs/restoration.onnx": graph}
    )


def test_live_values_are_those_of_the_widest_moment():
    model = onnx.load_model_from_string(wide_restoration())
    full = dict.fromkeys(("detail", "texture", "sum", "wide", "active", "thin", "image"), FACTOR)
    scales = {name: Fraction(scale) for name, scale in {"low": 1, "packed": 1, **full}.items()}
    # Tanh reads and writes all channels; nothing else is needed any more.
    assert live_values(model, scales) == 2 * WIDE * FACTOR**2
    # A tensor that is read again at the end is held all the time.
    again = helper.make_node("Add", ["thin", "sum"], ["last"])
    model.graph.node.insert(len(model.graph.node) - 1, again)
    model.graph.node[-1].input[0] = "last"
    scales["last"] = Fraction(FACTOR)
    assert live_values(model, scales) == (2 * WIDE + 3) * FACTOR**2


def test_channels_that_are_not_known():
    model = onnx.load_model_from_string(wide_restoration())
    model.graph.input[1].type.tensor_type.shape.dim[1].dim_param = "c"
    assert live_values(model, {"low": Fraction(1), "texture": Fraction(FACTOR)}) is None
    manifest, members = bundles.build_manifest(), bundles.members()
    graphs = {**members, "graphs/restoration.onnx": model.SerializeToString()}
    notes = []
    steps = with_halos(manifest.steps, graphs, factor=FACTOR, note=notes.append)
    assert steps[-1].live_values is None
    assert steps[-1].halo == 1
    assert notes == [
        "graphs/restoration.onnx: its channels are not fixed; blocks are not sized by them"
    ]


@pytest.mark.parametrize(
    ("pixels", "halo", "size"),
    [
        (10**6, 4, (64, 128)),  # there is room
        (72 * 136, 4, (64, 128)),
        (72 * 136 - 1, 4, (64, 127)),
        (72 * 100, 4, (64, 92)),
        (64 * 64, 12, (40, 40)),
        (100, 12, (4, 4)),  # not even its halo has room
    ],
)
def test_blocks_fit(pixels, halo, size):
    found = blocks._fit(pixels, halo, 64, 128)
    assert found == size
    if size != (4, 4):
        assert (size[0] + 2 * halo) * (size[1] + 2 * halo) <= pixels


def test_a_wide_model_has_smaller_blocks_and_the_same_bytes_everywhere(tmp_path):
    sampler = load(write(tmp_path / "b.petsgan", derived=True), provider="cpu", threads=1)
    bands = list(sampler.stream(700, 601, 3))
    assert len(bands) > 2  # of at most 512 rows otherwise
    whole = sampler.sample(height=700, width=601, seed=3)[0]
    np.testing.assert_array_equal(np.concatenate(bands), whole)
    for top, left, h, w in [(0, 0, 9, 9), (250, 240, 40, 60), (699, 0, 1, 601)]:
        found = sampler.region(700, 601, top, left, h, w, 3)
        np.testing.assert_array_equal(found, whole[top : top + h, left : left + w])
    # An older bundle: larger blocks, and no seams in either.
    older = load(write(tmp_path / "a.petsgan", derived=False), provider="cpu", threads=1)
    assert len(list(older.stream(700, 601, 3))) == 2
    apart = older.sample(height=700, width=601, seed=3)[0].astype(int) - whole
    assert np.abs(apart).max() <= 1


STREAM = """
import json, sys
import petsgan_sdk
from petsgan_sdk.diagnosis.host import peak_rss_mb
sampler = petsgan_sdk.load(sys.argv[1], provider="cpu", threads=1)
rows = sum(len(band) for band in sampler.stream(1200, 2300, 1))
print(json.dumps([rows, peak_rss_mb()]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize("derived", [True, False])
def test_a_wide_model_streams_in_little_memory(tmp_path, derived):
    path = write(tmp_path / "b.petsgan", derived=derived)
    command = [sys.executable, "-c", STREAM, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, peak_mb = json.loads(done.stdout)
    assert rows == 1200
    # Without what export derives it takes much more, so that this test can fail.
    assert (peak_mb < MOST_MB) == derived, peak_mb
