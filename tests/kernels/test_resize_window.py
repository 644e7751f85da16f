from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk import kernels
from petsgan_sdk.errors import ConfigError, DTypeError, ShapeError

BACKENDS = kernels.available_backends()
backends = pytest.mark.parametrize("backend", BACKENDS)
SIZES = [(7, 11), (16, 9), (1, 1), (5, 30), (3, 2)]


def random_map(height, width, *, batch=2, channels=3, seed=0):
    values = np.random.default_rng(seed).uniform(-1, 1, (batch, channels, height, width))
    return values.astype(np.float32)


def resize(source, target, **options):
    return kernels.resize_window(
        source, source_size=source.shape[2:], target_size=target, **options
    )


def cut(source, target, window, *, wrap, margin=(0, 0), **options):
    """Make a window of the target from no more of the source than it needs, and a margin."""
    sizes = source.shape[2:]
    spans = [
        kernels.resize_source(window[a], window[a + 2], source=s, target=t, wrap=wrap)
        for a, (s, t) in enumerate(zip(sizes, target, strict=True))
    ]
    places = []
    for (first, count), size, extra in zip(spans, sizes, margin, strict=True):
        place = np.arange(first - extra, first + count + extra)
        places.append(place if wrap else place[(place >= 0) & (place < size)])
    held = source.take(places[0], 2, mode="wrap").take(places[1], 3, mode="wrap")
    return kernels.resize_window(
        np.ascontiguousarray(held),
        source_size=sizes,
        target_size=target,
        source_origin=(int(places[0][0]), int(places[1][0])),
        window=window,
        wrap=wrap,
        **options,
    )


@backends
def test_a_row_by_hand(backend):
    # Coordinates (t + 0.5) / 2 - 0.5 = -0.25, 0.25, 0.75, 1.25; the first and last are clamped, or
    # reach round the torus.
    source = np.array([[[[0, 4]]]], dtype=np.float32)
    assert resize(source, (1, 4), backend=backend).tolist() == [[[[0, 1, 3, 4]]]]
    assert resize(source, (1, 4), wrap=True, backend=backend).tolist() == [[[[1, 1, 3, 3]]]]
    column = source.swapaxes(2, 3).copy()
    assert resize(column, (4, 1), backend=backend).ravel().tolist() == [0, 1, 3, 4]
    # Smaller without antialiasing: coordinates 1, 4, 7 name a pixel each.
    ramp = np.arange(9, dtype=np.float32).reshape(1, 1, 1, 9)
    assert resize(ramp, (1, 3), backend=backend).ravel().tolist() == [1, 4, 7]


@backends
@pytest.mark.parametrize("wrap", [False, True])
def test_equal_sizes_are_an_exact_copy(backend, wrap):
    source = random_map(6, 7)
    source[0, 0, :3, 2] = [-0.0, np.inf, np.nan]
    out = resize(source, (6, 7), wrap=wrap, backend=backend)
    assert out.tobytes() == source.tobytes()
    assert not np.shares_memory(out, source)
    # Along one axis: no other column has a say in the values that are not finite.
    wide = resize(source, (12, 7), wrap=wrap, backend=backend)
    assert np.isfinite(np.delete(wide, 2, axis=3)).all()


@backends
@pytest.mark.parametrize("source_size", SIZES)
@pytest.mark.parametrize("target", [(10, 17), (1, 1), (32, 5), (7, 11)])
@pytest.mark.parametrize("wrap", [False, True])
def test_windows_have_the_bits_of_the_whole(backend, source_size, target, wrap):
    source = random_map(*source_size)
    whole = resize(source, target, wrap=wrap, backend=backend)
    rng = np.random.default_rng(1)
    for _ in range(12):
        height, width = (int(rng.integers(1, size + 1)) for size in target)
        if wrap:
            top, left = (int(n) for n in rng.integers(-40, 40, 2))
        else:
            top = int(rng.integers(0, target[0] - height + 1))
            left = int(rng.integers(0, target[1] - width + 1))
        window = (top, left, height, width)
        margin = tuple(int(n) for n in rng.integers(0, 4, 2))
        part = cut(source, target, window, wrap=wrap, margin=margin, backend=backend)
        rows, columns = np.arange(top, top + height), np.arange(left, left + width)
        expected = whole.take(rows, 2, mode="wrap").take(columns, 3, mode="wrap")
        assert part.tobytes() == expected.tobytes(), (window, margin)


@backends
def test_a_window_may_go_round_the_torus_more_than_once(backend):
    source = random_map(4, 5)
    whole = resize(source, (6, 8), wrap=True, backend=backend)
    part = resize(source, (6, 8), window=(-13, 3, 20, 21), wrap=True, backend=backend)
    expected = whole.take(np.arange(-13, 7), 2, mode="wrap").take(np.arange(3, 24), 3, mode="wrap")
    assert part.tobytes() == expected.tobytes()
    far = 10**30
    part = resize(
        source, (6, 8), window=(6 * far, -8 * far, 6, 8), source_origin=(-4 * far, 5 * far),
        wrap=True, backend=backend,
    )  # fmt: skip
    assert part.tobytes() == whole.tobytes()


@backends
def test_a_torus_commutes_with_rolling(backend):
    # The sizes share the factor 3, so a third of one is a third of the other, of the same phase.
    source = random_map(6, 9)
    whole = resize(source, (15, 12), wrap=True, backend=backend)
    rolled = resize(np.roll(source, (2, 3), (2, 3)).copy(), (15, 12), wrap=True, backend=backend)
    assert rolled.tobytes() == np.roll(whole, (5, 4), (2, 3)).tobytes()


@backends
def test_flat_maps_stay_flat_and_no_value_leaves_the_range(backend):
    flat = resize(np.full((1, 2, 5, 6), np.float32(0.7)), (13, 4), backend=backend)
    assert (flat == np.float32(0.7)).all()
    wild = resize(random_map(5, 6), (31, 29), backend=backend)
    assert np.abs(wild).max() <= 1


@backends
@pytest.mark.parametrize(("batch", "channels"), [(0, 3), (2, 0)])
def test_no_images_give_no_images(backend, batch, channels):
    out = resize(random_map(4, 5, batch=batch, channels=channels), (8, 9), backend=backend)
    assert (out.shape, out.dtype) == ((batch, channels, 8, 9), np.float32)


@backends
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_the_thread_count_changes_no_bit(backend, threads):
    source = random_map(37, 41, batch=3)
    one = resize(source, (61, 83), backend=backend)
    many = resize(source, (61, 83), threads=threads, backend=backend)
    assert one.tobytes() == many.tobytes()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        # 10 of 5 pixels: coordinates -0.25, 0.25, ... 4.25.
        ({"start": 0, "length": 10, "source": 5, "target": 10}, (0, 5)),
        ({"start": 1, "length": 1, "source": 5, "target": 10}, (0, 2)),
        ({"start": 0, "length": 1, "source": 5, "target": 10}, (0, 1)),
        ({"start": 0, "length": 1, "source": 5, "target": 10, "wrap": True}, (-1, 2)),
        ({"start": 0, "length": 10, "source": 5, "target": 10, "wrap": True}, (-1, 7)),
        ({"start": -20, "length": 10, "source": 5, "target": 10, "wrap": True}, (-11, 7)),
        ({"start": 9, "length": 1, "source": 5, "target": 10}, (4, 1)),
        # 3 of 9 pixels: coordinates 1, 4, 7 on pixels, and still two neighbours each.
        ({"start": 1, "length": 2, "source": 9, "target": 3}, (4, 5)),
        ({"start": 2, "length": 5, "source": 8, "target": 8}, (2, 5)),
        ({"start": -2, "length": 9, "source": 8, "target": 8, "wrap": True}, (-2, 9)),
        ({"start": 0, "length": 1, "source": 1, "target": 1 << 30}, (0, 1)),
        ({"start": 0, "length": 1 << 30, "source": 1 << 30, "target": 1 << 30}, (0, 1 << 30)),
    ],
)
def test_the_source_that_a_span_needs(arguments, expected):
    place = {"start": arguments.pop("start"), "length": arguments.pop("length")}
    assert kernels.resize_source(*place.values(), **arguments) == expected
    as_numpy = {name: np.int64(value) for name, value in place.items()}
    assert kernels.resize_source(**as_numpy, **arguments) == expected


@backends
@pytest.mark.parametrize("wrap", [False, True])
def test_a_source_that_lacks_a_pixel_is_refused(backend, wrap):
    # Rows 4 to 7 of 20 lie at source rows 1.75 to 3.25 of 10: 1 to 4 are needed.
    source = random_map(10, 10)
    sizes = {"source_size": (10, 10), "target_size": (20, 20), "wrap": wrap, "backend": backend}
    for window, origin, cut_source, axis in (
        ((4, 0, 4, 20), (2, 0), source[:, :, 2:], "rows"),
        ((4, 0, 4, 20), (0, 0), source[:, :, :4], "rows"),
        ((0, 4, 20, 4), (0, 2), source[:, :, :, 2:], "columns"),
        ((0, 4, 20, 4), (0, 0), source[:, :, :, :4], "columns"),
    ):
        message = f"{axis}: source must hold pixels 1 to 4 for this window, got"
        with pytest.raises(ShapeError, match=message):
            kernels.resize_window(cut_source.copy(), source_origin=origin, window=window, **sizes)


@backends
def test_a_torus_needs_what_lies_beyond_its_ends(backend):
    source = random_map(10, 10)
    with pytest.raises(ShapeError, match="source must hold pixels -1 to 10 for this window"):
        kernels.resize_window(
            source[:, :, :9].copy(), source_size=(10, 10), target_size=(20, 20), wrap=True,
            backend=backend,
        )  # fmt: skip


SIZES_OF_CALL = {"source_size": (4, 6), "target_size": (8, 9)}


@backends
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source_size": (5, 6)}, r"rows: source must hold pixels 0 to 4 for this window, got 0 t"),
        ({"source_size": (3, 6)}, r"rows: source must be a window .* within the 3 of source_size"),
        ({"source_origin": (1, 0)}, r"rows: source must be a window .*, got 4 from 1 on"),
        ({"source_origin": (0, -1)}, r"columns: source must be a window .*, got 6 from -1 on"),
        ({"window": (0, 0, 9, 9)}, r"rows: pixels must lie within the 8 of the target, got 0 to 8"),
        ({"window": (0, -1, 8, 9)}, r"columns: pixels must lie within the 9 of the target, got -1"),
        ({"window": (0, 0, 0, 9)}, r"rows: length must be 1 to 1073741824 pixels, got 0"),
        ({"window": (0, 0, 1, 2**31), "wrap": True}, "columns: length must be 1 to"),
        ({"target_size": (2**30, 2**30)}, "sizes must multiply to at most"),
    ],
)
def test_windows_that_do_not_fit_are_refused(backend, changed, message):
    with pytest.raises(ShapeError, match=message):
        kernels.resize_window(random_map(4, 6), **SIZES_OF_CALL | changed, backend=backend)


@backends
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source_size": 4}, r"source_size must be \(height, width\), got 4"),
        ({"source_size": (4.0, 6)}, r"source_size height must be an integer, got 4.0"),
        ({"target_size": (8, 0)}, r"columns: size of the target must be 1 to 1073741824, got 0"),
        ({"source_size": (2**40, 6)}, "rows: size of the source must be 1 to 1073741824, got"),
        ({"window": (0, 0, 8)}, r"window must be \(top, left, height, width\), got \(0, 0, 8\)"),
        ({"window": (0, 0, 8, True)}, "window width must be an integer, got True"),
        ({"source_origin": None}, r"source_origin must be \(top, left\), got None"),
        ({"wrap": 1}, "wrap must be True or False, got 1"),
        ({"out": np.zeros(1)}, 'out must be None unless backend is "cuda", got ndarray'),
        ({"threads": 0}, "threads must be an integer of at least 1, got 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(backend, changed, message):
    with pytest.raises(ConfigError, match=message):
        kernels.resize_window(random_map(4, 6), **SIZES_OF_CALL | changed, backend=backend)


@backends
def test_sources_of_another_kind_are_refused(backend):
    source = random_map(4, 6)
    with pytest.raises(DTypeError, match="source must be float32, got float64"):
        kernels.resize_window(source.astype(np.float64), **SIZES_OF_CALL, backend=backend)
    with pytest.raises(DTypeError, match="source must be C-contiguous"):
        kernels.resize_window(source.swapaxes(2, 3), **SIZES_OF_CALL, backend=backend)
    with pytest.raises(ShapeError, match=r"source must have shape \[N, C, h, w\], got"):
        kernels.resize_window(source[0], **SIZES_OF_CALL, backend=backend)
    with pytest.raises(ShapeError, match="rows: source must be a window of at least 1 pixel"):
        kernels.resize_window(source[:, :, :0], **SIZES_OF_CALL, backend=backend)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 1.5, 4, 8), ConfigError, "resize_source: length must be an integer, got 1.5"),
        ((0, 1, 0, 8), ConfigError, "resize_source: size of the source must be 1 to"),
        ((0, 0, 4, 8), ShapeError, "resize_source: length must be 1 to"),
        ((5, 4, 4, 8), ShapeError, "pixels must lie within the 8 of the target, got 5 to 8"),
    ],
)
def test_spans_that_do_not_fit_are_refused(arguments, error, message):
    start, length, source, target = arguments
    with pytest.raises(error, match=message):
        kernels.resize_source(start, length, source=source, target=target)


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")
@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"source_size": (5, 6)}, ShapeError, "rows: source must hold pixels 0 to 4 for this"),
        ({"source_size": (4, 5)}, ShapeError, "columns: source window must lie within a map of 5"),
        ({"source_origin": (-1, 0)}, ShapeError, "rows: source window must lie within a map of 4"),
        ({"window": (0, 1, 8, 9)}, ShapeError, "columns: window must lie within a map of 9"),
        ({"window": (0, 0, 0, 9)}, ConfigError, "rows: length must be 1 to 1073741824, got 0"),
        ({"target_size": (8, 2**62)}, ConfigError, "columns: size of the target must be 1 to"),
        ({"source_size": (0, 6)}, ConfigError, "rows: size of the source must be 1 to"),
        ({"source_size": (5, 6), "wrap": True}, ShapeError, "rows: source must hold pixels -1 to"),
        ({"window": (0, 0, 2**40, 9)}, ShapeError, "sizes must be at least 0 and multiply to"),
    ],
)
def test_the_compiled_function_checks_for_itself(changed, error, message):
    call = {"source_origin": (0, 0), "window": (0, 0, 8, 9), "wrap": False} | SIZES_OF_CALL
    with pytest.raises(error, match=message):
        kernels._backend.core().resize_window(random_map(4, 6), **call | changed, threads=1)


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")
def test_the_compiled_function_counts_round_the_torus_itself():
    source = random_map(4, 6)
    call = {"target_size": (8, 9), "wrap": True, "threads": 1}
    near = kernels._backend.core().resize_window(
        source, source_size=(4, 6), source_origin=(1, 5), window=(-3, 4, 8, 9), **call
    )
    far = kernels._backend.core().resize_window(
        source,
        source_size=(4, 6),
        source_origin=(1 - 4 * 2**58, 5 + 6 * 2**58),
        window=(-3 + 8 * 2**58, 4 - 9 * 2**58, 8, 9),
        **call,
    )
    assert near.tobytes() == far.tobytes()
