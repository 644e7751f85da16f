"""Whatever an op is given, it gives a correct result or an error of the SDK, and never crashes.

Runs under the sanitizers too. Correct means here: of the right shape and dtype, finite, and the
same from every backend; tests/parity compares values with an independent form.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.tolerances import assert_close

from petsgan_sdk import kernels
from petsgan_sdk.errors import PetsganError

BACKENDS = kernels.available_backends()
HUGE = [2**31 - 1, 2**31, 2**32 + 2, 2**40, 2**45 + 1, 2**62, 2**63 - 1, 2**63, 2**64, 10**30]
DTYPES = ["f2", "f8", ">f4", ">i4", "i8", "u1", "c8", "?", "O", "M8[s]", "U2", "i4", "f4"]
LAYOUTS = ["C", "F", "reversed", "sliced", "one number", "huge"]

junk = st.sampled_from([None, "x", b"x", 1.5, (), [1.0], {}, object, np.float32(1), math.nan])
integers = st.one_of(
    st.integers(1, 9),
    st.integers(-3, 300),
    st.sampled_from([*HUGE, *(-n for n in HUGE), True, np.int8(7), np.int64(3), np.uint64(5)]),
    junk,
)
temperatures = st.one_of(
    st.sampled_from([0.0, 0.01, 0.1, 1, np.float32(0.1)]),
    st.sampled_from([5e-324, 1e-310, 1e-40, 1e308, -0.0, -1.0, 10**400]),
    st.sampled_from([math.nan, math.inf, -math.inf, True]),
    junk,
)
backends = st.sampled_from([*BACKENDS, *BACKENDS, "auto", "gpu", None])


def mostly(usual, unusual):
    """The usual three times in four, so that most calls get past the first check."""
    return st.integers(0, 3).flatmap(lambda n: unusual if n == 0 else usual)


@st.composite
def arrays(draw, *sizes, dtype="f4", low=-3, high=3):
    """An array of these sizes, or of others, or of another dtype or layout."""
    axes = draw(mostly(st.just([]), st.lists(st.integers(0, len(sizes) - 1), max_size=3)))
    shape = [draw(st.integers(0, 6)) if axis in axes else n for axis, n in enumerate(sizes)]
    shape = draw(mostly(st.just(shape), st.lists(st.integers(0, 4), max_size=6)))
    numbers = np.random.default_rng(draw(st.integers(0, 9))).integers(low, high + 1, shape)
    array = numbers.astype(draw(mostly(st.just(dtype), st.sampled_from(DTYPES))))
    if array.dtype.kind == "f" and array.size:
        bad = draw(mostly(st.just([]), st.lists(st.sampled_from([np.nan, np.inf, -np.inf]))))
        array.reshape(-1)[: len(bad)] = bad[: array.size]
        array.reshape(-1)[:] = np.roll(array.reshape(-1), draw(st.integers(0, array.size - 1)))
    array = laid_out(array, draw(mostly(st.just("C"), st.sampled_from(LAYOUTS))), draw)
    if draw(st.booleans()):
        array.flags.writeable = False
    return draw(mostly(st.just(array), st.one_of(st.just(array), junk)))


def laid_out(array, layout, draw):
    if array.ndim == 0 or layout == "C":
        return array
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "reversed":
        return array[::-1]
    if layout == "sliced":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if not array.size:
        return array
    # One number seen from everywhere: within the sizes, or far beyond any memory, also beside a 0.
    shape = list(array.shape)
    if layout == "huge":
        shape = [draw(st.sampled_from([0, 1, 3, 2**20, 2**31])) for _ in shape]
    if math.prod(max(1, n) for n in shape) * array.itemsize >= 2**63:
        return array  # numpy has no such array
    return np.lib.stride_tricks.as_strided(array, shape, [0] * array.ndim)


def with_huge_sizes(shape):
    """Change sizes so that the product is 0, or more than memory holds: the rest would run long."""
    product = math.prod(shape)
    huge = st.sampled_from(HUGE if product == 0 else [n for n in HUGE if n > 2**44])
    changed = st.tuples(huge, st.integers(0, 3)).map(
        lambda drawn: [drawn[0] if axis == drawn[1] else n for axis, n in enumerate(shape)]
    )
    return mostly(st.just(shape), changed.filter(lambda s: product or not math.prod(s)))


def attempt(call, *arguments, **named):
    """The result, or None where the call was refused as it should be."""
    try:
        return call(*arguments, **named)
    except PetsganError as error:
        message = str(error)
        assert "\n" not in message
        assert "must" in message
        assert "got" in message
        return None


@given(
    shape=mostly(
        st.lists(st.integers(0, 5), min_size=4, max_size=4).flatmap(with_huge_sizes),
        st.one_of(st.lists(st.one_of(st.integers(-1, 3), junk), max_size=5), junk),
    ),
    seed=mostly(st.integers(0, 2**64 - 1), integers),
    where=st.dictionaries(
        st.sampled_from(["stage", "first_image", "top", "left"]),
        mostly(st.integers(0, 99), st.one_of(integers, st.sampled_from([-(2**31), 2**32 - 1]))),
    ),
)
def test_noise(shape, seed, where):
    results = [
        attempt(kernels.normal_noise, shape, seed=seed, backend=name, **where) for name in BACKENDS
    ]
    if results[0] is None:
        assert results == [None] * len(BACKENDS)
        return
    for result in results:
        assert result.dtype == np.float32
        assert result.shape == tuple(shape)
        np.testing.assert_array_equal(result.view(np.uint32), results[0].view(np.uint32))


@st.composite
def references(draw, images):
    sizes = draw(st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 20)))
    features = draw(arrays(*images, *sizes))
    values = draw(arrays(*images, draw(st.integers(1, 4)), *sizes[1:]))
    window = draw(mostly(st.sampled_from([1, 3, 7, 41, 2**40 + 1, np.int8(5)]), integers))
    return attempt(kernels.PatchReference, features, values, window=window)


@given(data=st.data(), images=st.sampled_from([(), (1,), (3,)]))
def test_patch_transfer(data, images):
    reference = data.draw(references(images))
    if reference is None:
        return
    sizes = data.draw(st.tuples(st.integers(0, 2), st.integers(1, 9), st.integers(1, 20)))
    query = data.draw(arrays(sizes[0], reference.channels, *sizes[1:]))
    parameters = {
        "temperature": data.draw(temperatures),
        "normalize": data.draw(mostly(st.booleans(), junk)),
        "threads": data.draw(mostly(st.integers(1, 3), integers)),
    }
    results = [
        attempt(kernels.patch_transfer, query, reference, backend=name, **parameters)
        for name in BACKENDS
    ]
    if results[0] is None:
        assert results == [None] * len(BACKENDS)
        return
    for result in results:
        check_transfer(query, reference, result)
        # At a low temperature rounding decides how much of the weight equal patches share.
        if parameters["temperature"] >= 0.1:
            assert_close(result.weight, results[0].weight)


def check_transfer(query, reference, result):
    batch, _, *size = query.shape
    assert result.values.shape == (batch, reference.values.shape[-3], *size)
    assert result.index.shape == result.weight.shape == (batch, *size)
    assert result.values.dtype == result.weight.dtype == np.float32
    assert result.index.dtype == np.int32
    assert np.isfinite(result.values).all()
    pixels = reference.features.size // reference.channels
    assert ((result.index >= 0) & (result.index < pixels)).all()
    assert ((result.weight > 0) & (result.weight <= 1)).all()


@given(data=st.data(), threads=mostly(st.integers(1, 3), integers))
def test_texture_transfer(data, threads):
    factor = data.draw(mostly(st.sampled_from([2, 4, np.int8(6)]), integers))
    side = int(factor) if isinstance(factor, (int, np.integer)) and 0 < factor < 9 else 2
    height, width = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    texture = data.draw(arrays(3, height * side, width * side))
    blocks = data.draw(st.tuples(st.integers(0, 2), st.integers(1, 5), st.integers(1, 5)))
    high = data.draw(mostly(st.just(height * width - 1), st.integers(0, 99)))
    index = data.draw(arrays(*blocks, dtype="i4", low=0, high=high))
    results = [
        attempt(
            kernels.texture_transfer, index, texture, factor=factor, threads=threads, backend=name
        )
        for name in BACKENDS
    ]
    if results[0] is None:
        assert results == [None] * len(BACKENDS)
        return
    for result in results:
        assert result.dtype == np.float32
        expected = (index.shape[0], 3, index.shape[1] * int(factor), index.shape[2] * int(factor))
        assert result.shape == expected
        finite = np.isfinite(results[0])  # a NaN spreads to the pixels that show it
        np.testing.assert_array_equal(np.isfinite(result), finite)
        assert_close(result[finite], results[0][finite])


@given(
    image=arrays(3, 5, 9),
    height=mostly(st.integers(0, 5), integers),
    width=mostly(st.integers(0, 9), integers),
    threads=mostly(st.integers(1, 3), integers),
)
def test_signed_to_u8(image, height, width, threads):
    results = [
        attempt(
            kernels.signed_to_u8, image, height=height, width=width, threads=threads, backend=name
        )
        for name in BACKENDS
    ]
    if results[0] is None:
        assert results == [None] * len(BACKENDS)
        return
    for result in results:
        assert (result.dtype, result.shape) == (np.uint8, (height, width, 3))
        np.testing.assert_array_equal(result, results[0])


@st.composite
def resizes(draw):
    """A source and the other arguments, of which at most one is unusual."""
    sizes = [draw(st.tuples(st.integers(1, 7), st.integers(1, 9))) for _ in range(2)]
    place = st.tuples(st.integers(-9, 20), st.integers(-9, 20))
    arguments = {"source_size": sizes[0], "target_size": sizes[1], "wrap": draw(st.booleans())}
    arguments["source_origin"] = draw(place) if arguments["wrap"] else (0, 0)
    sides = [draw(st.integers(1, size)) for size in sizes[1]]
    corner = [draw(st.integers(0, size - side)) for size, side in zip(sizes[1], sides, strict=True)]
    if arguments["wrap"]:
        corner = draw(place)
    arguments["window"] = draw(st.sampled_from([None, (*corner, *sides)]))
    unusual = draw(mostly(st.none(), st.sampled_from(sorted(arguments))))
    if unusual is not None:
        value = st.one_of(st.integers(-2, 12), integers)
        values = st.tuples(*[value] * (4 if unusual == "window" else 2))
        arguments[unusual] = draw(mostly(values, st.one_of(st.tuples(value), junk)))
    return draw(arrays(draw(st.integers(0, 2)), draw(st.integers(0, 3)), *sizes[0])), arguments


@given(call=resizes(), threads=mostly(st.integers(1, 3), integers))
def test_resize_window(call, threads):
    source, arguments = call
    window, target = arguments["window"], arguments["target_size"]
    result = target if window is None else window[2:] if isinstance(window, tuple) else ()
    sides = [n for n in result if isinstance(n, int)] if isinstance(result, tuple) else []
    # What is neither quick nor more than any memory holds would be made in earnest.
    assume(not 10**5 < math.prod(sides) <= 2**44)
    results = [
        attempt(kernels.resize_window, source, **arguments, threads=threads, backend=name)
        for name in BACKENDS
    ]
    if results[0] is None:
        assert results == [None] * len(BACKENDS)
        return
    shape = (*source.shape[:2], *(target if window is None else window[2:]))
    for result in results:
        assert (result.dtype, result.shape) == (np.float32, shape)
        np.testing.assert_array_equal(result, results[0])


@given(backend=backends)
def test_backends(backend):
    result = attempt(kernels.normal_noise, (1, 1, 1, 1), seed=0, backend=backend)
    assert (result is None) == (backend not in (*BACKENDS, "auto"))


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")
@given(data=st.data(), factor=integers, threads=integers, window=integers)
def test_the_compiled_module_needs_no_python_in_front_of_it(data, factor, threads, window):
    from petsgan_sdk import _core  # noqa: PLC0415 - not there without a compiler

    def call(function, *arguments, **named):
        try:
            return attempt(function, *arguments, **named)
        except TypeError:  # of pybind11: no array, or no integer that C++ can hold
            return None

    texture, index = data.draw(arrays(3, 4, 8)), data.draw(arrays(1, 2, 3, dtype="i4", high=7))
    call(_core.texture_transfer, index, texture, factor=factor, threads=threads)
    maps = data.draw(arrays(1, 2, 4, 5)), data.draw(arrays(1, 1, 4, 5))
    reference = call(_core.PatchReference, *maps, window=window)
    if reference is not None:
        query = data.draw(arrays(1, 2, 3, 4))
        parameters = {"temperature": data.draw(temperatures), "normalize": True}
        call(reference.transfer, query, threads=threads, **parameters)
    arguments = data.draw(resizes())[1]
    arguments["window"] = data.draw(st.tuples(integers, integers, st.just(3), st.just(5)))
    call(_core.resize_window, data.draw(arrays(1, 2, 4, 5)), **arguments, threads=threads)
    shape = data.draw(st.lists(st.sampled_from([0, 1, 3, 2**45, -1]), min_size=4, max_size=4))
    call(
        _core.normal_noise,
        shape,
        seed=data.draw(integers),
        stage=data.draw(integers),
        first_image=0,
        top=data.draw(integers),
        left=data.draw(integers),
    )
