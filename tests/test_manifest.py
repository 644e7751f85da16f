from __future__ import annotations

import copy
import dataclasses
import json

import pytest

from petsgan_sdk.container import read_container, write_container
from petsgan_sdk.errors import BundleError, ConfigError
from petsgan_sdk.manifest import (
    FORMAT,
    FORMAT_VERSION,
    Entry,
    GraphStep,
    NoiseStep,
    PatchTransferStep,
    PositionStep,
    ResizeStep,
    TextureTransferStep,
    level_size,
    parse,
    to_header,
)

HEADER = {
    "family": "petsgan",
    "preset": "fast",
    "factor": 8,
    "image_size_px": [171, 256],
    "min_canvas_px": 64,
    "steps": [
        {
            "kind": "noise",
            "output": "noise",
            "channels": 1,
            "stage": 0,
            "margin": 5,
            "level": None,
        },
        {
            "kind": "position",
            "output": "position",
            "frequencies": [1.0, 0.01],
            "extent": [22, 32],
            "margin": 0,
            "level": 0,
        },
        {
            "kind": "graph",
            "member": "graphs/depnet.onnx",
            "inputs": {"noise": "noise", "position": "position"},
            "outputs": {"layout": "features"},
            "halo": 2,
            "live_values": 256,
        },
        {
            "kind": "patch_transfer",
            "query": "features",
            "reference": "arrays/reference_features.npy",
            "values": "arrays/reference_values.npy",
            "window": 7,
            "temperature": 0.01,
            "output": "transferred",
            "index_output": "index",
        },
        {
            "kind": "texture_transfer",
            "index": "index",
            "texture": "arrays/texture.npy",
            "output": "texture",
        },
        {"kind": "resize", "input": "features", "output": "grown", "level": None},
    ],
    "output": "texture",
    "levels": [[22, 32]],
    "entries": [{"name": "patch transfer", "tensor": "features"}],
    "provenance": {"versions": {"torch": "2"}, "list": [1, None]},
    "config": {"training": {"steps": 5000}},
}


def test_parse_is_the_inverse_of_to_header():
    manifest = parse(HEADER)
    assert manifest.image_size_px == (171, 256)
    assert manifest.steps == (
        NoiseStep(output="noise", channels=1, stage=0, margin=5),
        PositionStep(
            output="position", frequencies=(1.0, 0.01), extent=(22, 32), margin=0, level=0
        ),
        GraphStep(
            member="graphs/depnet.onnx",
            inputs={"noise": "noise", "position": "position"},
            outputs={"layout": "features"},
            halo=2,
            live_values=256,
        ),
        PatchTransferStep(
            query="features",
            reference="arrays/reference_features.npy",
            values="arrays/reference_values.npy",
            window=7,
            temperature=0.01,
            output="transferred",
            index_output="index",
        ),
        TextureTransferStep(index="index", texture="arrays/texture.npy", output="texture"),
        ResizeStep(input="features", output="grown"),
    )
    assert manifest.levels == ((22, 32),)
    assert manifest.entries == (Entry("patch transfer", "features"),)
    assert to_header(manifest) == HEADER
    assert parse(json.loads(json.dumps(to_header(manifest)))) == manifest


def test_goes_through_a_container(tmp_path):
    kind = {"format": FORMAT, "format_version": FORMAT_VERSION}
    write_container(tmp_path / "a", header=HEADER, members={"a": b"x"}, overwrite=False, **kind)
    container = read_container(tmp_path / "a", error=BundleError, **kind)
    assert to_header(parse(container.header)) == HEADER


def test_defaults():
    header = copy.deepcopy(HEADER)
    del header["provenance"], header["config"], header["steps"][3]["index_output"]
    del header["steps"][2]["live_values"]
    header["steps"][1]["extent"] = None
    del (
        header["levels"],
        header["entries"],
        header["steps"][0]["level"],
        header["steps"][1]["level"],
    )
    manifest = parse(header)
    assert manifest.provenance == manifest.config == {}
    assert manifest.levels == manifest.entries == ()
    assert manifest.steps[0].level is manifest.steps[1].level is None
    assert manifest.steps[1].extent is None
    assert manifest.steps[2].live_values is None
    assert manifest.steps[3].index_output is None
    assert to_header(manifest)["steps"][3]["index_output"] is None


def _set(path, value):
    header = copy.deepcopy(HEADER)
    target = header
    for key in path[:-1]:
        target = target[key]
    if value is ...:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return header


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["family"], ..., r"family must be given, got nothing"),
        (["family"], 3, r"family must be a string, got 3"),
        (["family"], "", r"family must be a name, got ''"),
        (["factr"], 8, r"factr is unknown; did you mean 'factor'; valid names: family, preset"),
        (["factor"], True, r"factor must be an integer, got True"),
        (["factor"], 8.0, r"factor must be an integer, got 8\.0"),
        (["factor"], 0, r"factor must be from 1 to 256, got 0"),
        (["factor"], "9" * 500, r"factor must be an integer, got '9{79}\.\.\.$"),
        (["image_size_px"], [1], r"image_size_px must be a list of 2, got \[1\]"),
        (["image_size_px"], 256, r"image_size_px must be a list, got 256"),
        (["image_size_px", 0], 0, r"image_size_px must be sides from 1 to 1048576, got \(0, 256\)"),
        (["image_size_px", 0], "a", r"image_size_px\[0\] must be an integer, got 'a'"),
        (["min_canvas_px"], -1, r"min_canvas_px must be from 1 to 1048576, got -1"),
        (["steps"], [], r"steps must be 1 to 256 steps, got \(\)"),
        (["steps"], {}, r"steps must be a list, got \{\}"),
        (["steps", 0], 3, r"steps\[0\] must be a table, got 3"),
        (["steps", 0, "kind"], "shell", r"steps\[0\]\.kind must be one of noise, .*, got 'shell'"),
        (["steps", 0, "kind"], [], r"steps\[0\]\.kind must be one of noise, .*, got \[\]"),
        (["steps", 0, "kind"], ..., r"steps\[0\]\.kind must be one of noise, .*, got None"),
        (["steps", 0, "stage"], 1 << 16, r"steps\[0\]\.stage must be from 0 to 65535"),
        (["steps", 0, "channels"], 0, r"steps\[0\]\.channels must be from 1 to 4096, got 0"),
        (["steps", 0, "seed"], 0, r"steps\[0\]\.seed is unknown; valid names: output, channels"),
        (["steps", 1, "frequencies"], [], r"steps\[1\]\.frequencies must be 1 to 64 numbers"),
        (["steps", 1, "frequencies"], [float("nan")], r"frequencies\[0\] must be a finite number"),
        (["steps", 1, "frequencies"], [10**400], r"frequencies\[0\] must be a finite number"),
        (["steps", 1, "frequencies"], ["1"], r"frequencies\[0\] must be a number, got '1'"),
        (["steps", 1, "extent"], [0, 1], r"extent must be null or sides from 1"),
        (["steps", 1, "extent"], [1, 1, 1], r"extent must be a list of 2"),
        (["steps", 2, "inputs"], [], r"steps\[2\]\.inputs must be a table, got \[\]"),
        (["steps", 2, "inputs", "noise"], 1, r"steps\[2\]\.inputs\.noise must be a string, got 1"),
        (["steps", 2, "inputs", "noise"], "", r"steps\[2\]\.inputs must be names"),
        (["steps", 2, "outputs"], {}, r"steps\[2\]\.outputs must be at least one name"),
        (["steps", 2, "live_values"], 0, r"steps\[2\]\.live_values must be null or 1 to"),
        (["steps", 3, "window"], 8, r"steps\[3\]\.window must be odd and from 1 to 63, got 8"),
        (["steps", 3, "window"], 10**30 + 1, r"window must be odd and from 1 to 63"),
        (["steps", 3, "temperature"], -0.1, r"temperature must be 0 or more, got -0\.1"),
        (["steps", 3, "index_output"], "", r"index_output must be null or a name, got ''"),
        (["steps", 4, "texture"], "", r"steps\[4\]\.texture must be a name"),
        (["steps", 1, "level"], 1, r"steps\[1\]\.level must be null or a level \(0 to 0\), got 1"),
        (["steps", 1, "level"], -1, r"steps\[1\]\.level must be null or 0 to 63, got -1"),
        (["steps", 1, "level"], 0.5, r"steps\[1\]\.level must be an integer, got 0\.5"),
        (
            ["levels"],
            [],
            r"steps\[1\]\.level must be null or a level \(there are no levels\), got 0",
        ),
        (
            ["levels", 0],
            [0, 3],
            r"levels must be at most 64 sizes \(h, w\) up to the image's, \(171",
        ),
        (["levels", 0], [22, 257], r"levels must be at most 64 sizes"),
        (["levels", 0], [22], r"levels\[0\] must be a list of 2, got \[22\]"),
        (["levels"], [[1, 1]] * 65, r"levels must be at most 64 sizes"),
        (["entries", 0, "name"], "", r"entries\[0\]\.name must be a name, got ''"),
        (["entries", 0, "tensor"], ..., r"entries\[0\]\.tensor must be given"),
        (["entries"], [{"name": "a", "tensor": "b"}] * 65, r"entries must be at most 64"),
        (["steps", 5, "input"], "", r"steps\[5\]\.input must be a name"),
        (["steps", 1, "frequencies"], [1e308], r"frequencies must be 1 to 64 numbers of at most"),
        (["steps", 1, "frequencies"], [0.0, -1e7], r"frequencies must be 1 to 64 numbers of at"),
        (["steps", 1, "frequencies"], [1] * 9999, r"frequencies must be 1 to 64 .{,140}\.\.\.$"),
        (["steps", 1, "margin"], 65, r"steps\[1\]\.margin must be 0 to 64, got 65"),
        (["steps", 3, "temperature"], 1e300, r"temperature must be at most 1e\+06, got 1e\+300"),
        (["family"], "\x1b[31mX", r"family must be a name, printable .*, got '\\x1b\[31mX'"),
        (["output"], "a" * 201, r"output must be a name, printable and of at most 200"),
        (["entries", 0, "name"], "a\u202eb", r"name must be a name, printable .*'a\\u202eb'"),
        (["steps", 2, "inputs", "\x9b2J"], "noise", r"inputs must be names, printable"),
        (["steps", 2, "outputs", "layout"], "\x00", r"outputs must be names, printable"),
        (["steps", 3, "index_output"], "\n", r"index_output must be null or a name, printable"),
        (["steps", 2, "inputs"], {str(n): "a" for n in range(65)}, r"inputs must be at most 64"),
        (["steps", 0, "channels"], 10**39, r"channels must be from 1 to 4096, got 1000000"),
        (["\x1b]0;title\x07"], 1, r"\\x1b\]0;title\\x07 is unknown"),
        (["steps", 0, "a" * 10**6], 1, r"steps\[0\]\.a{80} is unknown"),
        (["provenance"], [], r"provenance must be a table"),
        (["config"], "x", r"config must be a table"),
    ],
)
def test_refuses(path, value, message):
    with pytest.raises(BundleError, match=rf"^manifest: .*{message}"):
        parse(_set(path, value))


def test_direct_construction_checks_ranges_too():
    with pytest.raises(ConfigError, match=r"NoiseStep\.channels must be from 1 to 4096, got 0"):
        NoiseStep(output="a", channels=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        parse(HEADER).factor = 4
    assert not hasattr(parse(HEADER), "__dict__")


def test_levels_grow_with_the_canvas():
    header = _set(["levels"], [[32, 48], [1, 1], [171, 256]])
    manifest = parse({**header, "factor": 1, "image_size_px": [171, 256]})
    assert level_size(manifest, None, 171, 256) == (171, 256)
    assert level_size(manifest, 0, 171, 256) == (32, 48)
    assert level_size(manifest, 0, 342, 128) == (64, 24)
    assert level_size(manifest, 0, 100, 1000) == (19, 188)  # 18.7, 187.5
    assert level_size(manifest, 1, 16, 16) == (1, 1)
    assert level_size(manifest, 2, 1 << 24, 5) == (1 << 24, 5)
    # A base grid of 8 px, which 171 is no multiple of: its 22 rows are those of training.
    assert level_size(parse({**header, "factor": 8}), 0, 22, 32) == (32, 48)


def test_layouts_are_written_where_there_are_any():
    plain = parse(HEADER)
    assert plain.layouts == {}
    assert "layouts" not in to_header(plain)  # what earlier versions read stays readable to them
    both = dataclasses.replace(plain, layouts={"synthesis": plain.steps[2].writes[0]})
    assert parse(to_header(both)) == both
    assert set(both.results) == {"output", "layouts.synthesis"}
