from __future__ import annotations

import ctypes
import shutil
import threading

import dense_patch_transfer as dense
import numpy as np
import onnxruntime
import pytest
from helpers import assert_close
from onnx import helper, numpy_helper
from patch_transfer_graph import (
    DOUBLE,
    FLOAT,
    make_model,
    open_session,
    transfer_model,
    transfer_node,
)

from petsgan_sdk import kernels
from petsgan_sdk.errors import BackendUnavailableError

pytestmark = pytest.mark.skipif(
    "cpu" not in kernels.available_backends(), reason="the C++ kernels are not built"
)

NAMES = ("values", "index", "weight")
TIE = 1e-5  # cosines closer than this may be taken in either order
ORT_ERRORS = (
    onnxruntime.capi.onnxruntime_pybind11_state.Fail,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException,
)

# N, C, query (h, w), images R (0: rank 3), reference (h, w), V, window
SHAPES = [
    (1, 64, (12, 16), 0, (16, 12), 3, 7),
    (2, 3, (21, 37), 0, (19, 32), 3, 7),
    (1, 1, (1, 1), 0, (1, 1), 1, 7),
    (1, 2, (5, 4), 0, (3, 9), 4, 7),  # smaller than the window
    (1, 4, (9, 33), 1, (2, 13), 1, 1),
    (3, 5, (8, 10), 3, (7, 9), 2, 5),
]


def make_arrays(shape, *, seed=0):
    batch, channels, query_size, images, ref_size, value_channels, _ = shape
    rng = np.random.default_rng(seed)
    lead = (images,) if images else ()
    query = rng.standard_normal((batch, channels, *query_size)).astype(np.float32)
    features = rng.standard_normal((*lead, channels, *ref_size)).astype(np.float32)
    values = rng.uniform(-1, 1, (*lead, value_channels, *ref_size)).astype(np.float32)
    return query, features, values


def feeds(query, features, values):
    return {"query": query, "features": features, "reference_values": values}


def direct(query, features, values, *, window=7, temperature=0.01, normalize=True):
    # The attribute is a float32.
    result = kernels.patch_transfer(
        query,
        kernels.PatchReference(features, values, window=window),
        temperature=float(np.float32(temperature)),
        normalize=normalize,
        backend="cpu",
    )
    return [getattr(result, name) for name in NAMES]


def assert_same_bits(actual, expected):
    for name, ours, theirs in zip(NAMES, actual, expected, strict=True):
        assert ours.dtype == theirs.dtype, name
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


@pytest.mark.parametrize("constant", [True, False], ids=["constant", "fed"])
@pytest.mark.parametrize("temperature", [0.01, 1.0, 0.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_same_bits_as_the_kernel(shape, temperature, constant):
    query, features, values = make_arrays(shape)
    for normalize in (True, False):
        settings = {"window": shape[-1], "temperature": temperature, "normalize": normalize}
        held = (features, values) if constant else None
        session = open_session(transfer_model(held, **settings))
        feed = {"query": query} if constant else feeds(query, features, values)
        assert_same_bits(session.run(NAMES, feed), direct(query, features, values, **settings))


@pytest.mark.parametrize("shape", SHAPES)
def test_against_the_dense_form(shape):
    query, features, values = make_arrays(shape, seed=1)
    window = shape[-1]
    session = open_session(transfer_model((features, values), window=window), threads=2)
    laid, index, weight = session.run(NAMES, {"query": query})
    for n in range(len(query)):
        cosine = dense.cosines(query[n], features, window)
        chosen = cosine[np.arange(len(cosine)), index[n].ravel()]
        assert (cosine.max(axis=1) - chosen).max() < TIE
        assert_close(weight[n].ravel(), dense.softmax_at(cosine, index[n].ravel(), 0.01))
        expected = dense.lay_patches(values, index[n], weight[n], window=window, normalize=True)
        assert_close(laid[n], expected)


def test_defaults_of_the_attributes():
    arrays = make_arrays(SHAPES[0])
    result = open_session(transfer_model()).run(NAMES, feeds(*arrays))
    assert_same_bits(result, direct(*arrays, window=7, temperature=0.01, normalize=True))


def test_any_size_and_batch_in_one_session():
    rng = np.random.default_rng(2)
    _, features, values = make_arrays(SHAPES[0])
    held, fed = open_session(transfer_model((features, values))), open_session(transfer_model())
    for batch, height, width in [(1, 9, 5), (3, 4, 17), (0, 6, 6), (1, 1, 1), (1, 40, 31)]:
        query = rng.standard_normal((batch, 64, height, width)).astype(np.float32)
        expected = direct(query, features, values)
        assert expected[0].shape == (batch, 3, height, width)
        assert_same_bits(held.run(NAMES, {"query": query}), expected)
        assert_same_bits(fed.run(NAMES, feeds(query, features, values)), expected)
    for shape in SHAPES:  # references of other sizes, ranks and channels
        arrays = make_arrays(shape)
        assert_same_bits(fed.run(NAMES, feeds(*arrays)), direct(*arrays))


def test_an_initializer_that_is_overridden_is_not_kept():
    query, features, values = make_arrays(SHAPES[1])
    session = open_session(transfer_model((features, values), may_be_fed=True))
    assert_same_bits(session.run(NAMES, {"query": query}), direct(query, features, values))
    other = make_arrays(SHAPES[1], seed=9)[1:]
    assert_same_bits(session.run(NAMES, feeds(query, *other)), direct(query, *other))


@pytest.mark.parametrize(
    "outputs", [("values",), ("values", "index"), ("values", "", "weight")], ids=str
)
def test_index_and_weight_may_be_left_out(outputs):
    arrays = make_arrays(SHAPES[1])
    expected = dict(zip(NAMES, direct(*arrays), strict=True))
    wanted = [name for name in outputs if name]
    result = open_session(transfer_model(arrays[1:], outputs=outputs)).run(
        wanted, {"query": arrays[0]}
    )
    for name, array in zip(wanted, result, strict=True):
        np.testing.assert_array_equal(array, expected[name])


def test_threads_of_the_session_change_no_bit():
    arrays = make_arrays((1, 6, (40, 50), 0, (30, 36), 3, 7))
    expected = direct(*arrays)
    for threads in (1, 2, 3):
        session = open_session(transfer_model(arrays[1:]), threads=threads)
        assert_same_bits(session.run(NAMES, {"query": arrays[0]}), expected)


def test_many_threads_on_one_session():
    shape = (1, 5, (18, 20), 2, (9, 11), 2, 5)
    _, features, values = make_arrays(shape)
    sessions = [
        open_session(transfer_model((features, values), window=5), threads=2),
        open_session(transfer_model(window=5), threads=2),
    ]
    queries = [make_arrays(shape, seed=seed)[0] for seed in range(6)]
    expected = [direct(query, features, values, window=5) for query in queries]
    failures = []

    def work(first):
        try:
            for step in range(8):
                at = (first + step) % len(queries)
                feed = {"query": queries[at]}
                assert_same_bits(sessions[0].run(NAMES, feed), expected[at])
                feed = feeds(queries[at], features, values)
                assert_same_bits(sessions[1].run(NAMES, feed), expected[at])
        except Exception as error:  # noqa: BLE001 - carried to the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_many_sessions_and_a_library_that_is_loaded_already(tmp_path):
    query, features, values = make_arrays(SHAPES[0])
    expected = direct(query, features, values)
    model = transfer_model((features, values))
    before = open_session(model)  # loads and, when it goes, unloads the library
    del before
    ctypes.CDLL(str(kernels.custom_ops_library()))
    sessions = [open_session(model) for _ in range(20)]
    del sessions[::2]
    for session in sessions:
        assert_same_bits(session.run(NAMES, {"query": query}), expected)
    # Another copy of the file is another library to the loader.
    library = kernels.custom_ops_library()
    for path in library.parent.glob("*petsgan_*"):  # with the one of CUDA, where it is built
        shutil.copy(path, tmp_path)
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(str(tmp_path / library.name))
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    assert_same_bits(session.run(NAMES, {"query": query}), expected)


def test_between_standard_operators_nothing_is_logged(capfd):
    # The op infers no shapes; a graph that says them has no warnings and may go on from them.
    _, features, values = make_arrays((1, 4, (9, 9), 0, (8, 7), 3, 7))
    rng = np.random.default_rng(5)
    convolutions = {
        "first": rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "last": rng.standard_normal((3, 3, 3, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["image", "first"], ["query"], pads=[1, 1, 1, 1]),
        transfer_node(("values",)),
        helper.make_node("Conv", ["values", "last"], ["result"], pads=[1, 1, 1, 1]),
    ]
    held = {"features": features, "reference_values": values, **convolutions}
    model = make_model(
        nodes,
        [helper.make_tensor_value_info("image", FLOAT, [1, 3, "H", "W"])],
        [helper.make_tensor_value_info("result", FLOAT, [1, 3, "H", "W"])],
        [numpy_helper.from_array(array, name) for name, array in held.items()],
        [helper.make_tensor_value_info("values", FLOAT, [1, 3, "H", "W"])],
    )
    session = open_session(model, log_severity_level=2)  # warnings, the default
    assert session.get_outputs()[0].shape == [1, 3, "H", "W"]
    for size in ((9, 9), (14, 11)):
        image = rng.standard_normal((1, 3, *size)).astype(np.float32)
        assert session.run(None, {"image": image})[0].shape == (1, 3, *size)
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


def bad_run(change, message):
    return pytest.param(change, message, id=message[:40])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        bad_run({"query": (3, 6, 8)}, r"query must have shape \[N, 5, h, w\] like features, got"),
        bad_run({"query": (1, 4, 6, 8)}, r"like features, got shape \[1, 4, 6, 8\]"),
        bad_run({"query": (1, 5, 0, 8)}, "query must have height and width of at least 1"),
        bad_run({"features": (9, 7)}, r"must have shape \[C, H, W\] or \[R, C, H, W\], got shape"),
        bad_run({"features": ()}, r"got shape \[\]"),
        bad_run(
            {"features": (5, 9, 6)}, r"shape of features, \[5, 9, 6\], in all but the channels"
        ),
        bad_run({"reference_values": (1, 2, 9, 7)}, r"channels, got shape \[1, 2, 9, 7\]"),
        bad_run({"reference_values": (0, 9, 7)}, "must not be empty"),
        bad_run({"features": (5, 0, 7), "reference_values": (2, 0, 7)}, "must not be empty"),
    ],
)
def test_arrays_of_the_wrong_shape(change, message):
    feed = feeds(*make_arrays((1, 5, (6, 8), 0, (9, 7), 2, 7)))
    feed.update({name: np.zeros(shape, np.float32) for name, shape in change.items()})
    with pytest.raises(ORT_ERRORS, match=message):
        open_session(transfer_model()).run(NAMES, feed)


@pytest.mark.parametrize("name", ["query", "features", "reference_values"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite(name, bad):
    arrays = feeds(*make_arrays((1, 5, (6, 8), 0, (9, 7), 2, 7)))
    arrays[name][..., 1, 2, 3] = bad
    message = rf"{name.split('_')[-1]} must be finite, got {bad} at index \[.*2, 3\]"
    session = open_session(transfer_model())
    with pytest.raises(ORT_ERRORS, match=message):
        session.run(NAMES, arrays)
    if name != "query":  # refused before the first run
        with pytest.raises(ORT_ERRORS, match=message):
            open_session(transfer_model((arrays["features"], arrays["reference_values"])))
    arrays[name][..., 1, 2, 3] = 0
    assert_same_bits(session.run(NAMES, arrays), direct(*arrays.values()))


def test_arrays_of_another_type():
    arrays = make_arrays(SHAPES[0])
    session = open_session(transfer_model(arrays[1:]))
    with pytest.raises(ORT_ERRORS, match="expected: \\(tensor\\(float\\)\\)"):
        session.run(NAMES, {"query": arrays[0].astype(np.float16)})
    with pytest.raises(ORT_ERRORS, match=r"tensor\(double\).*query.*PatchTransfer"):
        open_session(transfer_model(arrays[1:], dtype=DOUBLE))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"window": 4}, "window must be an odd integer of at least 1, got 4"),
        ({"window": -1}, "window must be an odd integer of at least 1, got -1"),
        ({"window": 7.0}, "window must be an integer, got another type"),
        ({"window": "7"}, "window must be an integer, got another type"),
        ({"window": [7]}, "window must be an integer, got another type"),
        ({"temperature": 1}, "temperature must be a float, got another type"),
        ({"temperature": [1.0]}, "temperature must be a float, got another type"),
        ({"temperature": -0.5}, "temperature must be finite and >= 0, got -0.5"),
        ({"temperature": float("nan")}, "temperature must be finite and >= 0, got nan"),
        ({"normalize": 2}, "normalize must be 0 or 1, got 2"),
    ],
)
@pytest.mark.parametrize("constant", [True, False], ids=["constant", "fed"])
def test_attributes_are_checked_when_the_graph_is_loaded(attributes, message, constant):
    arrays = make_arrays(SHAPES[0])
    with pytest.raises(ORT_ERRORS, match=f"PatchTransfer: attribute {message}"):
        open_session(transfer_model(arrays[1:] if constant else None, **attributes))


def test_without_the_library_the_graph_is_refused():
    with pytest.raises(ORT_ERRORS, match=r"pets:PatchTransfer.* is not a registered function/op"):
        open_session(transfer_model(), times_registered=0)


def test_registered_twice_for_one_session_is_refused():
    with pytest.raises(ORT_ERRORS, match="Domain already set"):
        open_session(transfer_model(), times_registered=2)
    open_session(transfer_model())


def test_where_the_library_is():
    path = kernels.custom_ops_library()
    assert path.is_file()
    assert path.is_absolute()


def test_a_library_that_is_not_built(monkeypatch, tmp_path):
    class Core:
        __file__ = str(tmp_path / "_core.so")

    hint = "hint: pip install --force-reinstall .*petsgan-sdk"
    for core in (Core, None):
        monkeypatch.setattr(kernels._backend, "core", lambda core=core: core)
        with pytest.raises(
            BackendUnavailableError, match=f"petsgan_ort.* is not built here; {hint}"
        ):
            kernels.custom_ops_library()
