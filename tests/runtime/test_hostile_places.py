"""Bundles of places whose numbers lie, with digests that are right: refused in one line."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.synthesis_bundle import SETTINGS, SIZE_PX, fitted, write_synthesis_bundle

from petsgan_sdk.errors import BundleError, ConfigError, ShapeError
from petsgan_sdk.manifest import BundleManifest, to_header
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.synthesis import deployment

STEPS, ARRAYS = deployment(fitted(), SETTINGS, output="image")


def member(part: str) -> str:
    return f"synthesis/{part}.npy"


def refused(path: Path, message: str) -> None:
    """Before anything is drawn."""
    with pytest.raises(BundleError, match=message) as caught:
        load(path, provider="cpu", threads=1)
    assert str(caught.value).isprintable()


def test_the_bundle_itself_is_taken(tmp_path: Path) -> None:
    path = write_synthesis_bundle(tmp_path / "b.petsgan")
    assert load(path, provider="cpu", threads=1).sample(fill=4).shape == (1, *SIZE_PX, 3)


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_members_of_another_type_or_shape(tmp_path: Path, name: str) -> None:
    array = ARRAYS[name]
    with np.errstate(all="ignore"):
        wrongs = [array.astype(kind) for kind in ("<f4", "<i8", "|b1", "<u2")]
    wrongs += [array[None], array.reshape(-1), array[1:], array[..., :-1], array[:0]]
    wrongs += [np.concatenate([array, array]), np.array(0, array.dtype)]
    for number, wrong in enumerate(wrongs):
        if wrong.dtype == array.dtype and wrong.shape == array.shape:
            continue  # `shift` has one axis already
        path = write_synthesis_bundle(tmp_path / f"{number}.petsgan", arrays={name: wrong})
        refused(path, r"'?synthesis/\w+\.npy'?:? .*must be .*, got")


def changed(part: str, index: Any, value: int) -> dict[str, np.ndarray]:
    array = ARRAYS[member(part)].copy()
    array[index] = value
    return {member(part): array}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (changed("alike_0", (0, 0, 0, 0), 6), "alike must lie within its level, got 6"),
        (changed("alike_1", (3, 4, 0, 1), 16), "alike must lie within its level, got 16"),
        (changed("alike_0", (5, 7, 0, 1), -1), "alike must lie within its level, got -1"),
        (changed("alike_0", ..., 32767), "alike must lie within its level, got 32767"),
        (changed("prices_0", (0, 0), (1 << 22) + 1), r"prices must be within 2\^24 of 0"),
        (changed("prices_2", ..., -(1 << 31)), r"prices must be within 2\^24 of 0"),
        (changed("prices_1", ..., (1 << 31) - 1), r"prices must be within 2\^24 of 0"),
        (changed("bias", (0, 0), (1 << 29) + 1), r"bias must be at most 2\^29 from 0"),
        (changed("bias", (2, 7), -(1 << 31)), r"bias must be at most 2\^29 from 0"),
        (changed("shift", 1, 25), "shift must be an integer from 0 to 24, got 25"),
        (changed("shift", 0, -1), "shift must be an integer from 0 to 24, got -1"),
    ],
)
def test_members_whose_numbers_are_out_of_range(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    path = write_synthesis_bundle(tmp_path / "b.petsgan", arrays=arrays)
    refused(path, f"the places step cannot go on: .*{message}.*; export the model again")


def test_any_basis_and_any_lists_are_taken(tmp_path: Path) -> None:
    """Numbers that mean nothing make an image that means nothing."""
    rng = np.random.default_rng(0)
    basis = rng.integers(-32768, 32768, (4, 8, 5, 5, 3)).astype(np.int16)
    arrays = {
        member("basis"): basis,
        member("bias"): np.full((4, 8), -(1 << 29), np.int32),
        member("alike_0"): np.full((6, 8, 3, 2), -32768, np.int16),
        member("prices_0"): np.full((6, 8), 1 << 22, np.int32),
    }
    path = write_synthesis_bundle(tmp_path / "b.petsgan", arrays=arrays)
    sampler = load(path, provider="cpu", threads=1)
    assert sampler.sample(height=40, width=50, fill=4).shape == (1, 40, 50, 3)


def places(**changes: Any) -> dict[str, Any]:
    return {"steps": (changes, {})}


def composite(**changes: Any) -> dict[str, Any]:
    return {"steps": ({}, changes)}


def settings(number: int, **changes: Any) -> dict[str, Any]:
    own = to_header_settings(number) | changes
    return places(settings=own) if number == 0 else composite(settings=own)


def to_header_settings(number: int) -> dict[str, Any]:
    manifest = BundleManifest(
        family="instant", preset="fast", factor=1, image_size_px=SIZE_PX, min_canvas_px=16,
        steps=STEPS, output="image",
    )  # fmt: skip
    found: dict[str, Any] = to_header(manifest)["steps"][number]["settings"]
    return found


ALIKE, PRICES = [list(STEPS[0].alike), list(STEPS[0].prices)]

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no such member": (places(photo="synthesis/none.npy"), "synthesis/none.npy"),
    "another member": (places(photo=member("basis")), "must be"),
    "basis is the photo": (places(basis=member("photo")), "must be"),
    "prices are bias": (places(prices=[member("bias")]), r"'synthesis/bias\.npy' must be"),
    "prices of another level": (places(prices=PRICES[::-1]), "must be"),
    "alike of another level": (places(alike=ALIKE[1:]), "must be"),
    "no alike": (places(alike=[]), "alike must be 1 to 12 names"),
    "many alike": (places(alike=ALIKE[:1] * 13), "alike must be 1 to 12 names"),
    "alike beyond levels": (places(alike=[*ALIKE, *ALIKE[:1] * 2]), "must"),
    "many prices": (places(prices=PRICES[:1] * 5), "prices must be up to 4 names"),
    "no name": (places(bias=""), "bias must be"),
    "held": (places(held=[0, 1.01]), "held must be two numbers from 0 to 1"),
    "held below": (places(held=[-0.01, 0]), "held must be two numbers from 0 to 1"),
    "held is one": (places(held=[0.5]), "held must be"),
    "held is text": (places(held="ab"), "held must be"),
    "frame below": (places(frame=[0, -1, 0, 0]), "frame must be numbers from 0"),
    "frame is all": (places(frame=[24, 24, 0, 0]), "frame of a places step must leave most"),
    "frame is more": (places(frame=[0, 0, 0, 1 << 40]), "frame of a places step must leave most"),
    "frame changes levels": (places(frame=[10, 10, 10, 10]), "must be"),
    "frame is three": (places(frame=[0, 0, 0]), "frame must be"),
    "stage": (places(stage=1 << 15), "stage must be from 0 to 32767"),
    "stage below": (places(stage=-1), "stage must be from 0 to 32767"),
    "unknown": (places(other=1), "other"),
    "unknown setting": (settings(0, other=1), "other"),
    "photo of another size": ({"image_size_px": [48, 65]}, "must be .*, got"),
    "another factor": ({"factor": 2}, "must be"),
    "factor of one step": (composite(factor=2), "factor of a composite step must be the bundle's"),
    "factor below": (composite(factor=0), "factor must be from 1 to 256"),
    "composite of nothing": (composite(places="none"), "must read a tensor made before it"),
    "composite of itself": (composite(places="image"), "must read a tensor made before it"),
    "another photo": (composite(photo=member("bias")), "must be"),
    "result": ({"output": "places"}, "output must be a tensor that a step makes"),
    **{
        f"{name} {value!r}": (settings(0, **{name: value}), rf"{name}(\[0\])? must be")
        for name, values in {
            "passes": ([], [9], [-1], [1] * 13, "4", [1.5], 4),
            "jitter": ([2.1], [-0.1], [0.1] * 13, 0.5),
            "held_jitter": (1.1, -0.1),
            "texture_jitter": (16.1, -1),
            "guide": (32.1, -1, None, [6]),
            "guided_levels": (13, -1, 1.5),
            "tolerance": (1.1, -0.1),
            "coherence": (8.1, -1),
            "repeat": (8.1, -1),
            "most_repeats": (65, -1),
            "repeat_radius": ([17, 4, 8, 8], [-1, 4, 8, 8], [1] * 5),
            "repeat_near": ([1, 1, 1], [9, 1, 1, 1], [-1, 1, 1, 1]),
            "order": ([8.1], [-1], [1] * 13),
            "order_tolerance": (1.1, -0.1),
            "most_disorder": (1.1, -0.1),
            "thin": (16.1, -0.1),
            "edge": (32.1, -0.1, 1e308),
        }.items()
        for value in values
    },
    **{
        f"{name} {value!r}": (settings(1, **{name: value}), f"{name} must be")
        for name, values in {
            "screening": (0, -1, 1.1, "1"),
            "slowest": (0, 1.1),
            "steps": (0, 65, 1.5, 1 << 70),
            "softness": (-1, 1e-9, 10001),
        }.items()
        for value in values
    },
}


@pytest.mark.parametrize("case", REFUSED)
def test_fields_that_lie(tmp_path: Path, case: str) -> None:
    changes, message = REFUSED[case]
    path = write_synthesis_bundle(tmp_path / "b.petsgan", **changes)
    with pytest.raises(BundleError, match=message) as caught:
        open_bundle(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none(value: float) -> None:
    """JSON has none, and neither do the fields take any."""
    placing, compositing = STEPS
    for owner, field in (
        *((placing.settings, name) for name in ("tolerance", "guide", "repeat", "edge", "thin")),
        *((compositing.settings, name) for name in ("screening", "slowest", "softness")),
    ):
        with pytest.raises(ConfigError, match=f"{field} must be"):
            replace(owner, **{field: value})
    for held in ((value, 0.5), (0.5, value)):
        with pytest.raises(ConfigError, match="held must be two numbers from 0 to 1"):
            replace(placing, held=held)
    for name in ("jitter", "order"):
        with pytest.raises(ConfigError, match=f"{name} must be"):
            replace(placing.settings, **{name: (value,)})


EXTREME: dict[str, Callable[[], dict[str, Any]]] = {
    "last stage": lambda: places(stage=(1 << 15) - 1),
    "nothing is corrected": lambda: settings(0, passes=[0]),
    "no repeats": lambda: settings(0, repeat_radius=[], repeat_near=[]),
    "far repeats": lambda: settings(
        0, passes=[2], repeat_radius=[16] * 4, repeat_near=[8] * 4, repeat=8, most_repeats=64
    ),
    "dearest": lambda: settings(
        0, guide=32, coherence=8, order=[8] * 12, edge=32, order_tolerance=0, most_disorder=1
    ),
    "wildest": lambda: settings(0, jitter=[2] * 12, held_jitter=0, texture_jitter=16, thin=16),
    "a thin frame": lambda: places(frame=[0, 0, 0, 1], alike=ALIKE[:3], prices=[]),
    "softest": lambda: settings(1, softness=0.001, screening=1e-300, slowest=1e-300, steps=64),
    "no prices": lambda: places(prices=[]),
    "the first alike only": lambda: places(alike=ALIKE[:1]),
}


@pytest.mark.parametrize("case", EXTREME)
def test_the_ends_of_every_range_are_taken(tmp_path: Path, case: str) -> None:
    path = write_synthesis_bundle(tmp_path / "b.petsgan", **EXTREME[case]())
    sampler = load(path, provider="cpu", threads=1)
    assert sampler.sample(height=60, width=90, fill=4, variation=4).shape == (1, 60, 90, 3)
    assert sampler.sample(height=17, width=16, seamless=True, fill=0).shape == (1, 17, 16, 3)


def test_a_size_of_the_caller_is_no_fault_of_the_bundle(tmp_path: Path) -> None:
    changes = settings(0, repeat_radius=[], repeat_near=[])
    path = write_synthesis_bundle(tmp_path / "b.petsgan", **changes)
    sampler = load(path, provider="cpu", threads=1)
    with pytest.raises(ConfigError, match="must have sides that are multiples of 4, got 641x400"):
        sampler.sample(height=400, width=641, seamless=True)


def test_a_table_of_nothing(tmp_path: Path) -> None:
    arrays = {member("alike_0"): np.zeros((6, 8, 0, 2), np.int16)}
    path = write_synthesis_bundle(tmp_path / "b.petsgan", arrays=arrays)
    refused(path, r"'synthesis/alike_0\.npy' must be")


def test_what_a_kernel_refuses_while_it_draws(
    synthesis_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        msg = "correct_places: no"
        raise ShapeError(msg)

    sampler = load(synthesis_bundle, provider="cpu", threads=1)
    monkeypatch.setattr("petsgan_sdk.kernels.correct_places", broken)
    with pytest.raises(BundleError, match="the places step cannot go on: correct_places: no; exp"):
        sampler.sample()
