from __future__ import annotations

import threading

import pytest
import torch
from support.pictures import write_picture
from support.torch_states import STATES, ambient_state, float64
from support.training_runs import differing_arrays, tiny_exsingan, tiny_train

from petsgan_sdk.models.ambient import plain_torch


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("photo") / "photo.png")


@pytest.fixture(scope="module")
def usual(photo):
    """What is trained when nothing is set."""
    paths = {preset: photo.with_name(f"{preset}.pt") for preset in ("fast", "paper")}
    for preset, path in paths.items():
        tiny_train(photo, path, preset=preset, steps=3)
    return paths


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_the_callers_state_changes_no_weight_and_comes_back(name, preset, photo, usual, tmp_path):
    with STATES[name]():
        before = ambient_state()
        tiny_train(photo, tmp_path / "model.pt", preset=preset, steps=3)
        assert ambient_state() == before
    assert differing_arrays(tmp_path / "model.pt", usual[preset]) == []


def test_another_thread_trains_the_same(photo, usual, tmp_path):
    path = tmp_path / "model.pt"
    thread = threading.Thread(target=tiny_train, args=(photo, path), kwargs={"steps": 3})
    thread.start()
    thread.join()
    assert differing_arrays(path, usual["fast"]) == []


@pytest.mark.parametrize("name", ["inference", "float64"])
def test_exsingan_trains_the_same(name, photo, tmp_path):
    tiny_exsingan(photo, tmp_path / "usual.pt", steps=6)
    with STATES[name]():
        before = ambient_state()
        tiny_exsingan(photo, tmp_path / "model.pt", steps=6)
        assert ambient_state() == before
    assert differing_arrays(tmp_path / "model.pt", tmp_path / "usual.pt") == []


@plain_torch()
def fails():
    assert torch.is_grad_enabled()
    assert torch.ones(1).dtype == torch.float32
    raise ZeroDivisionError


def test_the_state_comes_back_after_an_error():
    with torch.inference_mode(), float64():
        before = ambient_state()
        with pytest.raises(ZeroDivisionError):
            fails()
        assert ambient_state() == before
