"""The tasks on a real photo, by a model that copies its blocks; and by a pyramid of random ones."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from petsgan_sdk.errors import BundleError, ConfigError, DTypeError, InputError, ShapeError
from petsgan_sdk.imaging import resize
from petsgan_sdk.tasks import checks, edit, harmonize, paint, stylize

EVERY = pytest.mark.parametrize("task", [edit, harmonize, paint, stylize])
INSERTIONS = pytest.mark.parametrize("task", [edit, harmonize])


@pytest.fixture(scope="module")
def photo(sampler):
    return sampler.photo


@pytest.fixture(scope="module")
def pasted(photo, cases):
    """`(composite, mask)`: an eye of the cat in other colours, on its cheek."""
    tinted = np.clip(photo * np.array([0.7, 1.0, 1.3]), 0, 255).astype(np.uint8)
    return cases.paste(photo, tinted, origin=(52, 80), place=(80, 50), radii=(22, 26))


def call(task, sampler, image, mask, **options):
    if task in (paint, stylize):
        return task(sampler, image, **options)
    return task(sampler, image, mask, **options)


def test_the_photo_is_the_one_that_was_learned(sampler, pyramid):
    from support.copier_bundle import cat  # noqa: PLC0415 - skips where onnx is absent

    np.testing.assert_array_equal(sampler.photo, cat())
    assert pyramid.photo is None


@EVERY
@pytest.mark.parametrize("size", [(128, 192), (300, 451), (90, 135)])
def test_results_have_the_inputs_size_and_are_repeatable(task, sampler, pasted, size):
    composite = resize(pasted[0], size[::-1])
    first, again = (call(task, sampler, composite, pasted[1]) for _ in range(2))
    assert first.image.shape == (*size, 3)
    assert first.image.dtype == np.uint8
    assert first.image.tobytes() == again.image.tobytes()
    assert (first.mask is None) == (task in (paint, stylize))
    assert not np.array_equal(first.image, composite)


@INSERTIONS
@pytest.mark.parametrize("size", [(128, 192), (301, 453)])
def test_outside_its_mask_a_result_is_the_composite(task, sampler, pasted, size):
    composite = resize(pasted[0], size[::-1])
    result = task(sampler, composite, pasted[1])
    outside = result.mask == 0
    assert 0.3 < outside.mean() < 0.95
    np.testing.assert_array_equal(result.image[outside], composite[outside])
    given = resize(pasted[1].astype(np.uint8)[:, :, None] * 255, size[::-1])[:, :, 0] > 200
    assert (result.mask[given] == 255).all()


@EVERY
def test_the_stronger_the_further_from_the_input(task, sampler, pasted):
    composite, mask = pasted
    distances = []
    for strength in (0, 0.2, 0.5, 0.8, 1):
        result = call(task, sampler, composite, mask, strength=strength)
        distances.append(np.abs(result.image.astype(int) - composite)[mask].mean())
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert distances[1] > 0.5


@pytest.fixture(scope="module")
def insertions(sampler, photo, cases):
    """`(case, result)` of random composites: edit for the photo's own, harmonize for others."""
    made = cases.composites(photo, 255 - photo[::-1], count=3)
    return [(c, (edit if c.kind == "own" else harmonize)(sampler, c.image, c.mask)) for c in made]


def test_seams_go(insertions, photo, measures):
    before = np.mean([measures.seam_ratio(case.image, case.mask) for case, _ in insertions])
    after = np.mean([measures.seam_ratio(result.image, case.mask) for case, result in insertions])
    outlines = [measures.seam_ratio(result.image, result.mask > 127) for _, result in insertions]
    own = np.mean([measures.seam_ratio(photo, result.mask > 127) for _, result in insertions])
    assert before > 1.6
    assert 0.8 < after < 1.2
    assert abs(np.mean(outlines) - own) < 0.1


@pytest.mark.parametrize("kind", ["tinted", "foreign"])
def test_colours_move_to_the_photos(insertions, photo, measures, kind):
    for case, result in insertions:
        if case.kind == kind:
            before = measures.colour_distance(case.image[case.mask], photo)
            after = measures.colour_distance(result.image[case.mask], photo)
            assert after < 0.75 * before


@pytest.mark.parametrize("mirrored", [False, True])
def test_paint_keeps_the_layout_and_brings_texture(sampler, photo, cases, measures, mirrored):
    painting = cases.painting(photo, mirrored=mirrored)
    result = paint(sampler, painting).image
    assert measures.layout_correlation(painting, result) > 0.8

    def roughness(image):
        return np.abs(np.diff(image.astype(int), axis=1)).mean()

    assert roughness(result) > 2 * roughness(painting)
    assert roughness(result) == pytest.approx(roughness(photo), rel=0.4)


def test_stylize_moves_colours_to_the_photos(sampler, photo, measures):
    content = np.ascontiguousarray(photo[::-1, :, [2, 0, 1]])
    result = stylize(sampler, content).image.reshape(-1, 3)
    before = measures.colour_distance(content.reshape(-1, 3), photo)
    assert measures.colour_distance(result, photo) < 0.5 * before


def test_stylize_takes_a_sample_where_there_is_no_photo(pyramid, photo):
    drawn = stylize(pyramid, photo, seed=3)
    given = stylize(pyramid, photo, seed=3, source=pyramid.sample(1, seed=3)[0])
    assert drawn.image.tobytes() == given.image.tobytes()


@INSERTIONS
def test_the_mask_is_found(task, sampler, pasted):
    composite, mask = pasted
    found, given = task(sampler, composite), task(sampler, composite, mask)
    assert "differs from the photo" in found.notes[0]
    same = ((found.mask > 127) & (given.mask > 127)).sum() / (given.mask > 127).sum()
    assert same > 0.9


@INSERTIONS
def test_an_alpha_channel_is_the_mask_and_the_photo_lies_behind(task, sampler, pasted):
    composite, mask = pasted
    alpha = mask.astype(np.uint8) * 255
    layer = np.dstack([np.where(mask[:, :, None], composite, 7), alpha])
    result = task(sampler, layer)
    assert result.notes[:2] == (
        "transparent pixels were filled from the photo",
        "the mask is the alpha channel",
    )
    expected = task(sampler, composite, mask)
    np.testing.assert_array_equal(result.image, expected.image)
    opaque = np.dstack([composite, np.full(mask.shape, 255, np.uint8)])
    np.testing.assert_array_equal(task(sampler, opaque, mask).image, expected.image)


def test_a_half_transparent_paste_is_laid_over_the_photo(sampler, photo):
    alpha = np.zeros(photo.shape[:2], np.uint8)
    alpha[40:80, 60:110] = 200
    result = edit(sampler, np.dstack([np.zeros_like(photo), alpha]), strength=0)
    np.testing.assert_array_equal(result.image[alpha == 0], photo[alpha == 0])
    expected = photo[40:80, 60:110] * (55 / 255)
    np.testing.assert_allclose(result.image[40:80, 60:110], expected, atol=1)


@INSERTIONS
def test_what_a_bundle_without_a_photo_needs(task, pyramid, photo, pasted):
    composite, mask = pasted
    with pytest.raises(InputError, match=r"give the mask, or the photo as source \(--mask"):
        task(pyramid, composite)
    layer = np.dstack([composite, mask.astype(np.uint8) * 255])
    with pytest.raises(InputError, match=r"give the photo that goes behind it \(--source\)"):
        task(pyramid, layer)
    found = task(pyramid, composite, source=photo)
    assert "differs from the photo" in found.notes[0]
    assert task(pyramid, layer, source=photo).mask is not None


@INSERTIONS
def test_sizes_of_another_aspect_are_refused(task, sampler, pasted):
    composite, mask = pasted
    with pytest.raises(InputError, match=r"got 192x128 and 96x128"):
        task(sampler, composite, mask[:, ::2])
    with pytest.raises(InputError, match=r"composite and photo .* got 96x128 and 192x128"):
        task(sampler, composite[:, ::2])


@pytest.mark.parametrize(("strength", "stage"), [(1, 1), (0.6, 1), (0.5, 2), (0.2, 2)])
@EVERY
def test_a_pyramid_starts_at_the_stage_of_the_strength(
    task, pyramid, photo, pasted, strength, stage
):
    composite, mask = pasted
    started = []

    def refine(image, start_stage, **options):
        started.append((start_stage, options["seed"]))
        return pyramid.refine(image, start_stage, **options)

    spy = SimpleNamespace(manifest=pyramid.manifest, photo=photo, refine=refine)
    result = call(task, spy, composite, mask, strength=strength, seed=5)
    assert started == [(stage, 5)]
    assert f"started at stage {stage} of 2" in result.notes[-1]


@INSERTIONS
def test_a_pyramid_is_shown_no_outline(task, pyramid, photo, pasted, measures):
    composite, mask = pasted

    def refine(image, _, *, height, width, **__):
        return resize(image, (width, height))

    spy = SimpleNamespace(manifest=pyramid.manifest, photo=photo, refine=refine)
    result = task(spy, composite, mask).image
    assert measures.seam_ratio(composite, mask) > 1.5
    assert measures.seam_ratio(result, mask) < 1.2
    colours = [measures.colour_distance(image[mask], photo) for image in (composite, result)]
    assert colours[1] < (0.3 if task is harmonize else 1) * colours[0]


@EVERY
def test_seeds_of_a_pyramid(task, pyramid, photo, pasted):
    composite, mask = pasted
    make = partial(call, task, pyramid, composite, mask)
    make = make if task is paint else partial(make, source=photo)
    assert make(seed=1).image.tobytes() != make(seed=2).image.tobytes()


@EVERY
def test_bad_arrays_and_numbers(task, sampler, pasted):
    composite, mask = pasted
    make = partial(call, task, sampler)
    with pytest.raises(DTypeError, match="must be uint8, got float64"):
        make(composite / 255, mask)
    with pytest.raises(ShapeError, match=r"must be \[H, W, 3\].*, got \(128, 192\)"):
        make(composite[:, :, 0], mask)
    with pytest.raises(ShapeError, match="sides from 16 px"):
        make(composite[:8], mask[:8])
    with pytest.raises(ConfigError, match="strength must be a number from 0 to 1, got 2"):
        make(composite, mask, strength=2)
    with pytest.raises(ConfigError, match="seed"):
        make(composite, mask, seed=-1)


@EVERY
def test_an_image_of_too_many_pixels(task, sampler, pasted, monkeypatch):
    composite, mask = pasted
    monkeypatch.setattr(checks, "MAX_PIXELS", 128 * 192)
    call(task, sampler, composite, mask)
    monkeypatch.setattr(checks, "MAX_PIXELS", 128 * 192 - 1)
    with pytest.raises(InputError, match=r"at most 0\.024575 megapixels, got 192x128; make it"):
        call(task, sampler, composite, mask)


def test_bad_scale(sampler, photo):
    with pytest.raises(ConfigError, match=r"scale must be a number from 0\.5 to 16, got 0\.1"):
        stylize(sampler, photo, scale=0.1)


@EVERY
def test_a_bundle_that_cannot_start_from_an_image(task, sampler, pasted):
    graph = SimpleNamespace(graph_members=("graphs/restoration.onnx",))
    manifest = SimpleNamespace(entries=(), steps=(graph,))
    old = SimpleNamespace(manifest=manifest, photo=sampler.photo)
    with pytest.raises(BundleError, match="petsgan-sdk export"):
        call(task, old, *pasted)
