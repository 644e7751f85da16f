"""A run of any networks keeps its photo fitted for synthesis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.training_runs import press_ctrl_c, tiny_exsingan, tiny_train

from petsgan_sdk.checkpoint import load_checkpoint, save_checkpoint
from petsgan_sdk.errors import CheckpointError
from petsgan_sdk.synthesis import fit_in, fit_photo, fit_to_arrays
from petsgan_sdk.training import kept_fit


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_a_checkpoint_holds_the_fit_of_its_photo(preset, small_photo, tmp_path):
    settings = {"synthesis.fit.price_rounds": 2}
    tiny_train(small_photo, tmp_path / "model.pt", preset=preset, steps=2, overrides=settings)
    checkpoint = load_checkpoint(tmp_path / "model.pt")
    assert checkpoint.settings.synthesis.fit.price_rounds == 2
    found = fit_to_arrays(fit_in(checkpoint.photo, checkpoint.arrays))
    expected = fit_to_arrays(fit_photo(checkpoint.photo, checkpoint.settings.synthesis))
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("training", [tiny_train, tiny_exsingan])
def test_a_run_that_goes_on_takes_the_fit_that_was_saved(
    training, small_photo, tmp_path, monkeypatch
):
    out = tmp_path / "model.pt"
    with pytest.raises(KeyboardInterrupt):
        training(small_photo, out, steps=6, progress=press_ctrl_c(2))
    saved = load_checkpoint(out).arrays

    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(kept_fit, "fit_photo", refuse)
    training(small_photo, out, steps=6, resume=True)
    after = load_checkpoint(out).arrays
    names = [name for name in saved if name.startswith("synthesis/")]
    assert len(names) > 4
    for name in names:
        np.testing.assert_array_equal(after[name], saved[name])


def test_a_checkpoint_of_before_goes_on_and_is_fitted(small_photo, tmp_path):
    out = tmp_path / "model.pt"
    with pytest.raises(KeyboardInterrupt):
        tiny_train(small_photo, out, steps=4, progress=press_ctrl_c(2))
    before = load_checkpoint(out)
    bare = {name: a for name, a in before.arrays.items() if not name.startswith("synthesis/")}
    assert fit_in(before.photo, bare) is None
    save_checkpoint(out, replace(before, arrays=bare), overwrite=True)
    tiny_train(small_photo, out, steps=4, resume=True)
    assert fit_in(before.photo, load_checkpoint(out).arrays) is not None


def test_a_broken_fit_is_refused(small_photo, tmp_path):
    tiny_train(small_photo, tmp_path / "model.pt", steps=1)
    checkpoint = load_checkpoint(tmp_path / "model.pt")
    broken = {name: a for name, a in checkpoint.arrays.items() if name != "synthesis/bias"}
    with pytest.raises(CheckpointError, match="'bias' must be int32"):
        fit_in(checkpoint.photo, broken)


@pytest.mark.parametrize("tables", [(0, 1), (1, -1), (1 << 20, 1), (1, 1 << 20)])
def test_a_fit_of_impossible_tables_is_refused(small_photo, tmp_path, tables):
    tiny_train(small_photo, tmp_path / "model.pt", steps=1)
    checkpoint = load_checkpoint(tmp_path / "model.pt")
    arrays = {**checkpoint.arrays, "synthesis/tables": np.array(tables, np.int32)}
    with pytest.raises(CheckpointError, match="'tables' must be 1 to"):
        fit_in(checkpoint.photo, arrays)


def test_no_table_of_a_fit_may_be_missing(small_photo, tmp_path):
    tiny_train(small_photo, tmp_path / "model.pt", steps=1)
    checkpoint = load_checkpoint(tmp_path / "model.pt")
    names = [name for name in checkpoint.arrays if name.startswith("synthesis/")]
    assert any("alike" in name for name in names)
    assert any("prices" in name for name in names)
    for missing in names:
        left = {name: a for name, a in checkpoint.arrays.items() if name != missing}
        with pytest.raises(CheckpointError, match="got none"):
            fit_in(checkpoint.photo, left)
