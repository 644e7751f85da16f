from __future__ import annotations

from contextlib import ExitStack

from support.torch_states import STATES, ambient_state

from petsgan_sdk.export import export_bundle


def test_the_callers_state_changes_no_byte_and_comes_back(trained, exported, tmp_path):
    with ExitStack() as stack:
        for name in ("float64", "inference", "default device", "autocast"):
            stack.enter_context(STATES[name]())
        before = ambient_state()
        export_bundle(trained, tmp_path / "model.petsgan")
        assert ambient_state() == before
    assert (tmp_path / "model.petsgan").read_bytes() == exported.read_bytes()
