"""What coordinate synthesis hands on to the CUDA kernels, and refuses, without a device."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
from support.place_cases import correction, projection, random_photo

from petsgan_sdk import kernels
from petsgan_sdk.errors import BackendUnavailableError, ConfigError, DTypeError, ShapeError
from petsgan_sdk.kernels import (
    _composite_places_cuda,
    _correct_places_cuda,
    _cuda_array,
    _cuda_module,
    _place_features_cuda,
)

CUDA = kernels.build_info()["cuda"]
needs_build = pytest.mark.skipif(not CUDA["built"], reason=f"CUDA kernels: {CUDA.get('reason')}")
COMPOSITE = {"screening": 0.03, "slowest": 0.06, "steps": 2, "softness": 9.0, "backend": "cuda"}
BASIS, BIAS = projection(np.random.default_rng(0))
PHOTO = random_photo(np.random.default_rng(1), 11, 13)
LEVEL = correction(1)["level"]
SIZES = (11, 13, 11, 13, 2, 0)


class OnDevice:
    """Looks like an array of another library on a CUDA device."""

    def __init__(self, array):
        self.array = array

    def __dlpack_device__(self):
        return (2, 0)

    def __dlpack__(self, *, stream=None):
        return self.array.__dlpack__()


class FakeModule:
    """The compiled module, which keeps what the checks let through."""

    def __init__(self, wrong=(-1, -1)):
        self.calls, self._wrong = [], wrong

    def first_wrong(self, *, in_prices, **arguments):
        self.calls.append(arguments)
        return self._wrong[in_prices]

    def __getattr__(self, name):
        return lambda **arguments: self.calls.append(arguments)


@pytest.fixture
def fake(monkeypatch):
    def use(**options):
        module = FakeModule(**options)
        for caller in (_composite_places_cuda, _correct_places_cuda, _place_features_cuda):
            monkeypatch.setattr(caller, "usable_module", lambda: module)
        return module

    return use


def addresses(*arrays):
    return tuple(array.ctypes.data for array in arrays)


def cuda_level(level=LEVEL, **changes):
    given = {"shift": level.shift, "prices": OnDevice(level.prices)} | changes
    return kernels.CudaPlaceLevel(OnDevice(level.features), OnDevice(level.alike), **given)


def cuda_correction(**changes):
    call = correction(1)
    shared = {"level": None, "backend": "cuda", "fixed": None}
    arrays = {name: OnDevice(call[name]) for name in ("places", "row_guides", "column_guides")}
    return call | shared | arrays | changes


@pytest.mark.skipif(CUDA["usable"], reason="this machine has a CUDA device")
def test_where_there_is_no_device():
    match = r"not built|no usable device"
    with pytest.raises(BackendUnavailableError, match=match):
        cuda_level()
    with pytest.raises(BackendUnavailableError, match=match):
        kernels.correct_places(**cuda_correction())
    with pytest.raises(BackendUnavailableError, match=match):
        kernels.composite_places(OnDevice(correction(1)["places"]), OnDevice(PHOTO), **COMPOSITE)
    with pytest.raises(BackendUnavailableError, match=match):
        kernels.place_features(OnDevice(PHOTO), BASIS, BIAS, shift=11, backend="cuda")


def test_numpy_arrays_are_refused_first():
    match = r"must be an array on a CUDA device, got numpy.ndarray; hint: torch.from_numpy"
    with pytest.raises(DTypeError, match=f"CudaPlaceLevel: features {match}"):
        kernels.CudaPlaceLevel(LEVEL.features, LEVEL.alike)
    with pytest.raises(DTypeError, match=f"correct_places: row_guides {match}"):
        kernels.correct_places(**cuda_correction(row_guides=correction(1)["row_guides"]))
    with pytest.raises(DTypeError, match=f"composite_places: photo {match}"):
        kernels.composite_places(OnDevice(correction(1)["places"]), PHOTO, **COMPOSITE)
    with pytest.raises(DTypeError, match=f"place_features: image {match}"):
        kernels.place_features(PHOTO, BASIS, BIAS, shift=11, backend="cuda")


@needs_build
def test_a_level_is_checked_once(fake):
    module = fake()
    level = cuda_level()
    expected = {
        "photo": SIZES,
        "addresses": addresses(LEVEL.features, LEVEL.alike, LEVEL.prices),
        "device": 0,
        "stream": 0,
    }
    assert module.calls == [expected] * 2
    assert (level.size, level.shift, level.device) == ((11, 13), 0, 0)
    assert repr(level) == "CudaPlaceLevel(size=(11, 13), shift=0, device=0)"
    fake(wrong=((2 * 13 + 3) * 2 + 1, -1))
    with pytest.raises(ShapeError, match=r"alike must lie within its level, .* index \[2, 3, 1\]"):
        cuda_level()
    fake(wrong=(-1, 5 * 13 + 6))
    with pytest.raises(ShapeError, match=r"prices must be within 2\^24 of 0, .* index \[5, 6\]"):
        cuda_level()


@needs_build
@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"shift": 15}, ConfigError, "shift must be an integer from 0 to 14, got 15"),
        ({"prices": OnDevice(LEVEL.prices[1:])}, ShapeError, r"photo's shape \(11, 13\), got \(10"),
        ({"level": replace(LEVEL, alike=LEVEL.alike[0])}, ShapeError, r"shape \[h, w, K, 2\], got"),
        ({"level": replace(LEVEL, alike=LEVEL.alike.astype("i4"))}, DTypeError, "must be int16"),
        (
            {"level": replace(LEVEL, features=LEVEL.features.reshape(-1, 17, 4))},
            ShapeError,
            "features must have a last axis of 8",
        ),
    ],
)
def test_levels_that_are_refused(fake, changes, error, match):
    module = fake()
    with pytest.raises(error, match=f"CudaPlaceLevel: .*{match}"):
        cuda_level(**changes)
    assert not module.calls


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"dtype": "uint8"}, DTypeError, "op: x must be int8, got uint8"),
        ({"shape": (2,)}, ShapeError, r"op: x must have shape \[H, W\], got \(2,\)"),
        ({"device": 1}, DTypeError, "op: x must be on device 0 like the others, got device 1"),
    ],
)
def test_inputs_that_are_refused(monkeypatch, changes, error, match):
    view = {"address": 1, "device": 0, "shape": (2, 3), "dtype": "int8", "owner": None} | changes
    seen = _cuda_array.DeviceView(**view)
    monkeypatch.setattr(_cuda_array, "device_view", lambda *_, **__: seen)
    with pytest.raises(error, match=match):
        _cuda_array.device_input(None, name="op: x", axes="H, W", dtype="int8", stream=0, device=0)


@needs_build
def test_a_correction_is_handed_on(fake):
    module = fake()
    call = cuda_correction(level=cuda_level(), corner=(3, 2), open_sides=(True, False, True, False))
    out = OnDevice(np.zeros((14, 9, 2), np.int16))
    fixed = OnDevice(np.zeros((14, 9), np.uint8))
    module.calls.clear()
    assert kernels.correct_places(**call | {"out": out, "fixed": fixed}, stream=7) is out
    given = [call[name].array for name in ("places", "row_guides", "column_guides")]
    (found,) = module.calls
    assert found.pop("costs") == list(astuple(call["costs"]))
    assert found == {
        "photo": SIZES,
        "addresses": addresses(LEVEL.features, LEVEL.alike, LEVEL.prices),
        "window": (1, 0, 14, 9),
        "open": (True, False, True, False),
        "wraps": False,
        "arrays": addresses(*given, fixed.array),
        "passes": 2,
        "out": out.array.ctypes.data,
        "device": 0,
        "stream": 7,
    }
    for change, error, match in (
        ({"level": LEVEL}, DTypeError, 'level must be a CudaPlaceLevel for backend "cuda", got Pl'),
        ({"places": OnDevice(given[0][:0])}, ShapeError, r"\[H >= 1, W >= 1, 2\], got \(0, 9, 2\)"),
        ({"row_guides": OnDevice(given[2])}, ShapeError, r"row_guides must have shape \[14\], got"),
        ({"fixed": OnDevice(fixed.array[1:])}, ShapeError, r"fixed must have shape \(14, 9\), got"),
        ({"out": OnDevice(out.array[1:])}, ShapeError, r"out must be int16 of shape \(14, 9, 2\)"),
        ({"passes": 65}, ConfigError, "passes must be an integer from 0 to 64, got 65"),
        ({"wraps": True}, ConfigError, "open_sides must all be False on a torus"),
    ):
        with pytest.raises(error, match=f"correct_places: .*{match}"):
            kernels.correct_places(**call | {"out": out} | change)
    assert not module.calls[1:]


@needs_build
def test_composites_and_features_are_handed_on(fake):
    module = fake()
    places = correction(1)["places"]
    out = OnDevice(np.zeros((3, 14, 9), np.float32))
    found = kernels.composite_places(OnDevice(places), OnDevice(PHOTO), **COMPOSITE, out=out)
    assert found is out
    (call,) = module.calls
    assert (call["sizes"], call["softness"], len(call["steps"])) == ((14, 9, 11, 13), 9.0, 2)
    assert (call["places"], call["photo"], call["out"]) == addresses(places, PHOTO, out.array)
    features = OnDevice(np.zeros((15, 17, 8), np.int8))
    options = {"shift": 11, "backend": "cuda", "out": features}
    assert kernels.place_features(OnDevice(PHOTO), BASIS, BIAS, **options) is features
    call = module.calls[1]
    assert (call["image"], call["out"]) == addresses(PHOTO, features.array)
    assert (call["size"], call["basis"][:2]) == ((11, 13), BASIS.ravel()[:2].tolist())
    with pytest.raises(ShapeError, match=r"out must be int8 of shape \(15, 17, 8\)"):
        kernels.place_features(OnDevice(PHOTO), BASIS, BIAS, **options | {"out": out})
    with pytest.raises(ShapeError, match=r"photo must have shape .* got \(0, 13, 3\)"):
        kernels.composite_places(OnDevice(places), OnDevice(PHOTO[:0]), **COMPOSITE)
    with pytest.raises(DTypeError, match="places must be int16, got int32"):
        kernels.composite_places(OnDevice(places.astype("i4")), OnDevice(PHOTO), **COMPOSITE)


def test_the_cpu_takes_neither_a_cuda_level_nor_an_output():
    call = correction(1)
    with pytest.raises(DTypeError, match="level must be a PlaceLevel, got CudaPlaceLevel"):
        kernels.correct_places(**call | {"level": object.__new__(kernels.CudaPlaceLevel)})
    match = 'out must be None unless backend is "cuda", got int'
    with pytest.raises(ConfigError, match=f"correct_places: {match}"):
        kernels.correct_places(**call, out=1)
    options = COMPOSITE | {"backend": "auto", "out": 1}
    with pytest.raises(ConfigError, match=f"composite_places: {match}"):
        kernels.composite_places(call["places"], PHOTO, **options)
    with pytest.raises(ConfigError, match=f"place_features: {match}"):
        kernels.place_features(PHOTO, BASIS, BIAS, shift=11, out=1)


@needs_build
def test_the_compiled_module_refuses_before_it_needs_a_device():
    """Sizes are checked on the host, and a photo's come first."""
    module = _cuda_module.module()
    with pytest.raises(ShapeError, match="photo must have sides from 1 to 16384, got 0"):
        module.correct_places(
            photo=(0, 1, 0, 1, 1, 0), addresses=(0, 0, 0), window=(0, 0, 1, 1), open=(False,) * 4,
            wraps=False, arrays=(0, 0, 0, 0), costs=[0] * 13, passes=1, out=0, device=0, stream=0,
        )  # fmt: skip
    with pytest.raises(ShapeError, match="canvas height must be at least 1, got 0"):
        module.composite_places(
            sizes=(0, 1, 1, 1), places=0, photo=0, screening=0.5, softness=0.0,
            steps=[(0.0, 1.0)], out=0, device=0, stream=0,
        )  # fmt: skip
    with pytest.raises(ShapeError, match="basis must have 600 numbers, got 2"):
        module.place_features(
            size=(1, 1), image=0, basis=[1, 2], bias=[0] * 8, shift=0, out=0, device=0, stream=0
        )
