"""Products of a manifest's numbers. Each limit: what bundles of ours need, and one step too far."""

from __future__ import annotations

from typing import Any

import pytest

from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import BundleManifest, parse, to_header
from petsgan_sdk.runtime import limits
from petsgan_sdk.runtime.limits import check_limits

NOISE = {"kind": "noise", "output": "noise", "channels": 4, "margin": 31}
POSITION = {"kind": "position", "output": "position", "frequencies": [0.1] * 5, "margin": 5}


def graph(inputs: tuple[str, ...], output: str, **changes: Any) -> dict[str, Any]:
    names = {name: name for name in inputs}
    step = {"kind": "graph", "member": f"graphs/{output}.onnx", "halo": 0, "live_values": 100}
    return {**step, "inputs": names, "outputs": {output: output}, **changes}


def transfer(number: int, query: str, **changes: Any) -> dict[str, Any]:
    step = {"kind": "patch_transfer", "reference": "f.npy", "values": "v.npy", "window": 7}
    output = {"output": f"transferred_{number}", "index_output": f"index_{number}"}
    return {**step, "query": query, "temperature": 0.01, **output, **changes}


def petsgan(
    *,
    factor: int = 8,
    passes: int = 2,
    window: int = 7,
    halo: int | None = 12,
    carries: bool = True,
    noise: dict[str, Any] = NOISE,
    position: dict[str, Any] = POSITION,
    **changes: Any,
) -> BundleManifest:
    steps = [noise, position, graph(("noise", "position"), "code_0")]
    for n in range(passes):
        query = f"features_{n}"
        code = "code_0" if n == 0 else f"transferred_{n - 1}"
        steps += [graph((code,), query, halo=1), transfer(n, query, window=window)]
    last = passes - 1
    read = [f"transferred_{last}"]
    if carries:
        texture = {"kind": "texture_transfer", "index": f"index_{last}", "texture": "t.npy"}
        steps.append({**texture, "output": "texture"})
        read.append("texture")
    steps.append(graph(tuple(read), "image", halo=halo))
    head = {"family": "petsgan", "preset": "test", "factor": factor, "output": "image"}
    size = {"image_size_px": [32 * factor, 32 * factor], "min_canvas_px": 4 * factor}
    return parse({**head, **size, "steps": steps, **changes})


def pyramid(levels: list[list[int]], size: int, *, least: int, **changes: Any) -> BundleManifest:
    steps: list[dict[str, Any]] = []
    for n in range(len(levels) + 1):
        level = n if n < len(levels) else None
        inputs = [f"noise_{n}"]
        noise = {"kind": "noise", "output": f"noise_{n}", "channels": 3, "level": level}
        steps.append(noise)
        if n:
            resize = {"kind": "resize", "input": f"x{n - 1}", "output": f"up_{n}", "level": level}
            steps.append(resize)
            inputs.append(f"up_{n}")
        steps.append(graph(tuple(inputs), f"x{n}", halo=5))
    head = {"family": "exsingan", "preset": "test", "factor": 1, "output": f"x{len(levels)}"}
    sizes = {"image_size_px": [size, size], "min_canvas_px": least, "levels": levels}
    return parse({**head, **sizes, "steps": steps, **changes})


def shapes(side: int = 32, channels: int = 27, values: int = 3, factor: int = 8) -> dict[str, Any]:
    texture = (3, side * factor, side * factor)
    return {"f.npy": (channels, side, side), "v.npy": (values, side, side), "t.npy": texture}


def sizes(size: int, coarsest: int, count: int) -> list[list[int]]:
    ratio = (coarsest / size) ** (1 / count)
    return [[round(size * ratio ** (count - n))] * 2 for n in range(count)]


@pytest.mark.parametrize(
    ("manifest", "constants"),
    [
        (petsgan(), shapes()),
        (petsgan(halo=None), shapes()),
        (petsgan(passes=10), shapes()),
        (petsgan(window=31), shapes()),
        # Modes of a layout, whose noise is smooth over five of its sides, up to photos of 1024 px.
        (petsgan(noise={**NOISE, "channels": 12, "margin": 159}), shapes()),
        (petsgan(noise={**NOISE, "channels": 12, "margin": 620}), shapes(128, 64)),
        # --high-res: generators of 256 px and of 32 px layouts, images of 1024, 2048 and 8192 px.
        (petsgan(factor=32, halo=6), shapes(factor=32)),
        (petsgan(factor=64, halo=6), shapes(factor=64)),
        (petsgan(factor=128, halo=6), shapes(factor=128)),
        (petsgan(factor=32, halo=14, carries=False), shapes(factor=32)),
        (petsgan(factor=128, halo=14, carries=False), shapes(factor=128)),
        # Old bundles, which do not say what their graphs hold; a mending network of 30 blocks.
        (petsgan(halo=60), shapes()),
        (petsgan(position={**POSITION, "frequencies": [0.1] * 32}, factor=2), shapes(factor=2)),
        (pyramid(sizes(256, 25, 8), 256, least=82), {}),
        (pyramid(sizes(1024, 25, 10), 1024, least=328), {}),
        (pyramid(sizes(4096, 25, 12), 4096, least=1311), {}),
        (pyramid(sizes(256, 128, 32), 256, least=16), {}),
        (pyramid([], 256, least=256), {}),
    ],
)
def test_what_bundles_of_ours_need(manifest: BundleManifest, constants: dict[str, Any]) -> None:
    check_limits(manifest, constants)


WIDE = {**NOISE, "margin": 4096}


@pytest.mark.parametrize(
    ("manifest", "constants", "message"),
    [
        (
            petsgan(noise=WIDE),
            shapes(),
            r"steps\[0\] \(noise\) must bring .* values that steps make so far",
        ),
        (
            petsgan(noise={**NOISE, "channels": 4096, "margin": 64}),
            shapes(),
            ".* values that steps",
        ),
        (petsgan(noise={**NOISE, "channels": 4096}, factor=2), shapes(), ".* values for a pixel"),
        (
            petsgan(),
            shapes(side=1, values=50_000),
            r"steps\[4\] \(patch_transfer\) .* a pixel so far",
        ),
        (petsgan(halo=4096), shapes(), ".* pixels of the image"),
        (petsgan(halo=91), shapes(), r"steps\[8\] \(graph\) .* pixels in its window"),
        (petsgan(halo=None, min_canvas_px=4096), shapes(), ".* 2097152 pixels in its window"),
        (petsgan(halo=None, min_canvas_px=1456), shapes(), ".* 2097152 pixels in its window"),
        (petsgan(window=63), shapes(), ".* operations of patch transfer so far"),
        (petsgan(), shapes(side=1024), ".* operations of patch transfer so far"),
        (petsgan(), shapes(channels=60_000), ".* operations of patch transfer so far"),
        (pyramid(sizes(4096, 400, 60), 4096, least=4096), {}, ".* pixels in all windows so far"),
        (
            pyramid([[1, 1]] + [[512, 512]] * 60, 512, least=512),
            {},
            ".* pixels in all windows so far",
        ),
    ],
)
def test_what_is_too_much(
    manifest: BundleManifest, constants: dict[str, Any], message: str
) -> None:
    with pytest.raises(BundleError, match=rf"^manifest: {message}.*; export the model again$"):
        check_limits(manifest, constants)


def test_tiles_make_a_large_least_canvas_cheap() -> None:
    check_limits(petsgan(halo=4, min_canvas_px=4096), shapes())


def test_few_references_are_packed() -> None:
    def windows(count: int) -> BundleManifest:
        several = [transfer(n, "features_0", window=2 * n + 1) for n in range(1, count)]
        steps = [step for step in HEAD if step["kind"] != "texture_transfer"]
        return petsgan(steps=[*steps, *several], output="transferred_0")

    check_limits(windows(8), shapes())
    with pytest.raises(BundleError, match="at most 8 references of patch transfer, got 9"):
        check_limits(windows(9), shapes())


HEAD: list[dict[str, Any]] = [
    NOISE,
    POSITION,
    graph(("noise", "position"), "code_0"),
    graph(("code_0",), "features_0", halo=1),
    transfer(0, "features_0", window=1),
]


def test_an_image_costs_what_its_own_way_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    one = petsgan(halo=1)
    header = to_header(one)
    again = {**header["steps"][-1], "outputs": {"image": "again"}}
    longer = {**header, "steps": [*header["steps"], again]}
    both, other = parse(longer), parse({**longer, "layouts": {"synthesis": "again"}})
    low, high = 0, limits.MAX_WINDOWS_PIXELS
    while high - low > 1:
        middle = (low + high) // 2
        monkeypatch.setattr(limits, "MAX_WINDOWS_PIXELS", middle)
        try:
            check_limits(one, shapes())
        except BundleError:
            low = middle
        else:
            high = middle
    monkeypatch.setattr(limits, "MAX_WINDOWS_PIXELS", high)
    check_limits(other, shapes())
    with pytest.raises(BundleError, match="pixels in all windows so far"):
        check_limits(both, shapes())
    wider = [*header["steps"], {**again, "halo": 2}]
    dearer = parse({**longer, "steps": wider, "layouts": {"synthesis": "again"}})
    with pytest.raises(BundleError, match=r"steps\[9\] .*pixels in all windows so far"):
        check_limits(dearer, shapes())
