from __future__ import annotations

from types import SimpleNamespace

import pytest

from petsgan_sdk.errors import BundleError, ConfigError
from petsgan_sdk.tasks.strength import freedom


def manifest(entries, *, graphs=("graphs/net.onnx",)):
    steps = (SimpleNamespace(graph_members=()), SimpleNamespace(graph_members=graphs))
    return SimpleNamespace(entries=tuple(range(entries)), steps=steps, family="some")


@pytest.mark.parametrize(
    ("strength", "colours", "detail"),
    [(0, 0, 0), (0.25, 0.5, 0), (0.5, 1, 0), (0.75, 1, 0.5), (1, 1, 1)],
)
def test_one_entry_takes_one_part_after_the_other(strength, colours, detail):
    first = freedom(manifest(1), strength, first="colours")
    assert (first.start_stage, first.colours, first.detail) == (1, colours, detail)
    swapped = freedom(manifest(1), strength, first="detail")
    assert (swapped.start_stage, swapped.colours, swapped.detail) == (1, detail, colours)


@pytest.mark.parametrize(
    ("strength", "stage", "kept"),
    [(0, 6, 0), (0.05, 6, 0.3), (0.16, 6, 0.96), (0.2, 5, 1), (0.5, 4, 1), (0.51, 3, 1), (1, 1, 1)],
)
def test_a_pyramid_starts_the_coarser_the_stronger(strength, stage, kept):
    may = freedom(manifest(6), strength, first="colours")
    assert may.start_stage == stage
    assert may.colours == may.detail == pytest.approx(kept)
    assert f"stage {stage} of 6" in may.note


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan"), "1", None])
def test_bad_strength(strength):
    with pytest.raises(ConfigError, match="strength must be a number from 0 to 1, got"):
        freedom(manifest(1), strength, first="colours")


def test_a_bundle_without_entries_says_what_makes_one():
    with pytest.raises(BundleError, match=r"petsgan-sdk export MODEL\.pt"):
        freedom(manifest(0), 1.0, first="colours")


def test_a_bundle_without_networks_is_not_called_old():
    message = "a model of family 'some' has no network that could go on from an image; train one"
    with pytest.raises(BundleError, match=message):
        freedom(manifest(0, graphs=()), 1.0, first="colours")
