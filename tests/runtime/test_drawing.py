"""How images are drawn besides seed, index and size: variation, fill, pins, layouts."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.synthesis_bundle import SEAM_PX, SIZE_PX, photo

import petsgan_sdk
from petsgan_sdk.errors import BundleError, ConfigError
from petsgan_sdk.runtime import Pin, Sampler, load
from petsgan_sdk.runtime.drawing import MAX_PINS, PLAIN, Drawing
from petsgan_sdk.runtime.rendering import blocks

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")

HEIGHT, WIDTH = SIZE_PX
DRAWN = {"variation": 1.5, "fill": 0.5, "pins": [(20, 30), Pin(130, 60, 8, 4, 40, 36)]}
Caller = Callable[[Sampler, dict[str, Any]], Any]
CALLERS: dict[str, Caller] = {
    "sample": lambda sampler, words: sampler.sample(height=160, width=200, **words),
    "images": lambda sampler, words: sampler.images(1, height=160, width=200, **words),
    "images_of": lambda sampler, words: sampler.images_of(height=160, width=200, **words),
    "region": lambda sampler, words: sampler.region(160, 200, 0, 0, 9, 9, **words),
    "stream": lambda sampler, words: sampler.stream(160, 200, **words),
}


def inner(image: np.ndarray) -> np.ndarray:
    return image[SEAM_PX:-SEAM_PX, SEAM_PX:-SEAM_PX]


def test_the_package_offers_pin() -> None:
    assert petsgan_sdk.Pin is Pin


def test_without_variation_the_photo_comes_back(synthesis: Sampler) -> None:
    for seed in (0, 7):
        np.testing.assert_array_equal(synthesis.sample(seed=seed, variation=0)[0], photo())
    assert (synthesis.sample(seed=7)[0] != photo()).any()


def test_every_knob_changes_the_image(synthesis: Sampler) -> None:
    def drawn(**words: Any) -> bytes:
        return synthesis.sample(height=160, width=200, seed=5, **words).tobytes()

    plain = drawn()
    assert drawn(variation=1, fill=np.float32(1), pins=[], layout="synthesis") == plain
    others = [
        *(drawn(variation=amount) for amount in (0, 0.5, 2, 4)),
        *(drawn(fill=amount) for amount in (0, 2, 4)),
        drawn(pins=[(20, 30)]),
    ]
    assert len({plain, *others}) == len(others) + 1


def test_a_pin_holds_the_photo(synthesis: Sampler) -> None:
    image = synthesis.sample(height=160, width=200, seed=2, **DRAWN)[0]
    np.testing.assert_array_equal(inner(image[30 : 30 + HEIGHT, 20 : 20 + WIDTH]), inner(photo()))
    part = image[60:96, 130:170]
    np.testing.assert_array_equal(inner(part), inner(photo()[4:40, 8:48]))
    # Elsewhere images of two seeds differ: it is the pin that holds these.
    other = synthesis.sample(height=160, width=200, seed=3, **DRAWN)[0]
    assert (image[:20] != other[:20]).any()


def test_pins_may_touch_each_other_and_the_border(synthesis: Sampler) -> None:
    pins = [(0, 0), (WIDTH, 0), (0, HEIGHT), (WIDTH, HEIGHT)]
    image = synthesis.sample(height=2 * HEIGHT, width=2 * WIDTH, pins=pins)[0]
    for x, y in pins:
        np.testing.assert_array_equal(inner(image[y : y + HEIGHT, x : x + WIDTH]), inner(photo()))


@pytest.mark.parametrize("pin", [(-20, -10), (128 - 20, 96 - 10), (-20 - 128, 96 * 3 - 10)])
def test_a_pin_over_the_border_of_a_torus(synthesis: Sampler, pin: tuple[int, int]) -> None:
    image = synthesis.sample(height=96, width=128, seamless=True, pins=[pin])[0]
    moved = np.roll(image, (10, 20), (0, 1))[:HEIGHT, :WIDTH]
    np.testing.assert_array_equal(inner(moved), inner(photo()))
    same = synthesis.sample(height=96, width=128, seamless=True, pins=[(-20, -10)])[0]
    np.testing.assert_array_equal(image, same)


def test_numbers_of_numpy_and_order_of_pins(synthesis: Sampler) -> None:
    def drawn(*pins: Any) -> np.ndarray:
        return synthesis.sample(height=160, width=200, pins=pins)

    wanted = drawn((20, 30), (120, 90))
    np.testing.assert_array_equal(drawn((120, 90), (20, 30)), wanted)
    np.testing.assert_array_equal(drawn([np.int64(20), np.uint8(30)], Pin(120, 90)), wanted)


@pytest.mark.parametrize(
    ("size", "seamless"), [((160, 200), False), ((400, 333), False), ((352, 400), True)]
)
def test_region_and_stream_equal_the_whole(
    synthesis: Sampler, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], seamless: bool
) -> None:
    monkeypatch.setattr(blocks, "_BLOCK_PX", (96, 128))
    height, width = size
    words = {**DRAWN, "seamless": seamless}
    whole = synthesis.sample(height=height, width=width, seed=4, start=3, **words)[0]
    bands = synthesis.stream(height, width, 4, rows=37, index=3, **words)
    np.testing.assert_array_equal(np.concatenate(list(bands)), whole)
    for top, left, h, w in ((0, 0, height, width), (25, 15, 60, 90), (height - 40, 11, 40, 33)):
        found = synthesis.region(height, width, top, left, h, w, 4, index=3, **words)
        np.testing.assert_array_equal(found, whole[top : top + h, left : left + w])
    if seamless:
        twice = np.tile(whole, (2, 2, 1))
        found = synthesis.region(height, width, 300, 350, 100, 90, 4, index=3, **words)
        np.testing.assert_array_equal(found, twice[300:400, 350:440])


def test_threads_and_company_change_nothing(synthesis: Sampler, synthesis_bundle: Path) -> None:
    wanted = synthesis.sample(4, height=160, width=200, seed=9, **DRAWN)
    tail = synthesis.sample(2, height=160, width=200, seed=9, start=2, **DRAWN)
    np.testing.assert_array_equal(tail, wanted[2:])
    for threads in (2, 3):
        other = load(synthesis_bundle, provider="cpu", threads=threads)
        images = other.images(2, height=160, width=200, seed=9, start=1, **DRAWN)
        np.testing.assert_array_equal(list(images), wanted[1:3])
    sampled = synthesis.images_of(9, height=160, width=200, **DRAWN)
    with ThreadPoolExecutor(3) as pool:
        np.testing.assert_array_equal(list(pool.map(sampled, range(4))), wanted)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        *(
            ({name: value}, f"{name} must be a number from 0 to 4, got ")
            for name in ("variation", "fill")
            for value in (-0.1, 4.1, math.nan, math.inf, "1", None, True)
        ),
        ({"layout": "places"}, "layout must be auto, network or synthesis, got 'places'"),
        ({"layout": None}, "layout must be auto, network or synthesis, got None"),
        ({"pins": 5}, r"pins must be a list of Pin or \(x, y\), got 5"),
        ({"pins": "ab"}, r"pins must be a list of Pin or \(x, y\), got 'ab'"),
        ({"pins": Pin(1, 2)}, r"pins must be a list of Pin or \(x, y\), got Pin\("),
        ({"pins": (10, 20)}, r"pins must be a list of Pin or \(x, y\), got 10 in it"),
        ({"pins": [(1, 2, 3)]}, r"got \(1, 2, 3\) in it"),
        ({"pins": ["ab"]}, "got 'ab' in it"),
        ({"pins": [(1.0, 2)]}, "pin: left must be an integer from .*, got 1.0"),
        ({"pins": [(1, True)]}, "pin: top must be an integer from .*, got True"),
        ({"pins": [(2**40, 0)]}, "pin: left must be an integer from"),
        ({"pins": [(-1, 0)]}, "pin: left must keep its 64 pixels on the canvas, which has 200"),
        ({"pins": [(137, 0)]}, "pin: left must keep its 64 pixels on the canvas, .*, got 137"),
        ({"pins": [(0, 113)]}, "pin: top must keep its 48 pixels on the canvas, which has 160"),
        ({"pins": [Pin(0, 0, 64)]}, "pin: photo_left must be an integer from 0 to 63, got 64"),
        ({"pins": [Pin(0, 0, 0, -1)]}, "pin: photo_top must be an integer from 0 to 47, got -1"),
        ({"pins": [Pin(0, 0, 60, 0, 5)]}, "pin: width must be an integer from 1 to 4, got 5"),
        ({"pins": [Pin(0, 0, height=0)]}, "pin: height must be an integer from 1 to 48, got 0"),
        ({"pins": [(0, 0), (63, 47)]}, "pins must not overlap, got one at 0,0 and one at 63,47"),
        ({"pins": [(0, 0), (-1, -1)], "seamless": True}, "pins must not overlap"),
        ({"pins": [(170, 140), (0, 0)], "seamless": True}, "pins must not overlap"),
        ({"pins": [(0, 0), (200, 160)], "seamless": True}, "pins must not overlap"),
        ({"pins": [Pin(0, 0, 0, 0, 1, 1)] * (MAX_PINS + 1)}, "pins must be at most 256, got 257"),
    ],
)
def test_refused(synthesis: Sampler, words: dict[str, Any], message: str) -> None:
    for call in CALLERS.values():
        with pytest.raises(ConfigError, match=message) as refused:
            call(synthesis, words)
        assert "\n" not in str(refused.value)


def test_pins_beside_each_other_are_none_over_another(synthesis: Sampler) -> None:
    corners = itertools.product(range(0, 160, 10), range(0, 192, 12))
    pins = [Pin(left, top, 0, 0, 12, 10) for top, left in corners]
    assert len(pins) == MAX_PINS
    synthesis.images_of(height=160, width=200, pins=pins)
    synthesis.images_of(height=160, width=192, pins=pins, seamless=True)


def test_a_canvas_smaller_than_the_photo_has_no_room_for_it(synthesis: Sampler) -> None:
    for seamless in (False, True):
        with pytest.raises(ConfigError, match=r"pin: top must keep its 48 pixels .* larger canvas"):
            synthesis.sample(height=40, width=200, pins=[(0, 0)], seamless=seamless)


@pytest.mark.parametrize("call", CALLERS.values(), ids=CALLERS)
def test_a_bundle_draws_what_it_can(sampler: Sampler, synthesis: Sampler, call: Caller) -> None:
    call(sampler, {"layout": "network", "variation": 1, "fill": 1, "pins": []})
    for words in ({"variation": 0.5}, {"fill": 0}, {"pins": [(0, 0)]}):
        with pytest.raises(BundleError, match="must be left alone for a bundle that draws no pla"):
            call(sampler, words)
    with pytest.raises(BundleError, match="must be auto or network for this bundle, got 'synth"):
        call(sampler, {"layout": "synthesis"})
    with pytest.raises(BundleError, match="must be auto or synthesis for this bundle, got 'netw"):
        call(synthesis, {"layout": "network"})


def test_auto_is_a_bundle_s_own_way(sampler: Sampler, synthesis: Sampler) -> None:
    for own, layout in ((sampler, "network"), (synthesis, "synthesis")):
        np.testing.assert_array_equal(own.sample(seed=3, layout=layout), own.sample(seed=3))


def test_a_drawing_as_keywords_and_as_record(synthesis: Sampler) -> None:
    assert PLAIN.record() == {}
    assert Drawing(variation=1, fill=np.float64(1), pins=[]).record() == {}
    assert Drawing(seamless=True).record() == {"seamless": True}
    pins = (Pin(np.int64(4), -2), (7, 60), Pin(90, 0, 1, 2, 3, 4))
    drawing = Drawing(True, "synthesis", np.float32(0.5), 2, pins)
    text = json.dumps(drawing.record(), allow_nan=False)
    assert json.loads(text) == {
        "seamless": True,
        "layout": "synthesis",
        "variation": 0.5,
        "fill": 2.0,
        "pins": [
            {"left": 4, "top": -2},
            {"left": 7, "top": 60},
            {
                "left": 90,
                "top": 0,
                "photo_left": 1,
                "photo_top": 2,
                "width": 3,
                "height": 4,
            },
        ],
    }
    image = synthesis.sample(height=160, width=200, **drawing.keywords())
    assert (image != synthesis.sample(height=160, width=200, seamless=True)).any()
