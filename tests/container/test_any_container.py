from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from petsgan_sdk.container import pack_array, read_container, unpack_array, write_container
from petsgan_sdk.errors import BundleError

KIND = {"format": "petsgan-bundle", "format_version": 1}
NAMES = st.from_regex(r"[A-Za-z0-9_\-]{1,8}(/[a-z0-9]{1,4})?", fullmatch=True)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Lone surrogates have no UTF-8 form.
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.dictionaries(st.text("abcdef", min_size=1), VALUES, max_size=4)
MEMBERS = st.dictionaries(NAMES, st.binary(max_size=64), max_size=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("container")


def _write(path, header, members):
    write_container(path, header=header, members=members, overwrite=True, **KIND)
    return path.read_bytes()


@given(header=HEADERS, members=MEMBERS)
def test_round_trip(folder, header, members):
    _write(folder / "a", header, members)
    container = read_container(folder / "a", error=BundleError, **KIND)
    assert container.members == members
    assert {key: container.header[key] for key in header} == header


@given(members=MEMBERS, seed=st.integers(0, 2**32 - 1))
def test_no_change_of_any_byte_goes_unseen(folder, members, seed):
    content = _write(folder / "a", {"seed": seed}, members)
    rng = np.random.default_rng(seed)
    for position in rng.integers(0, len(content), 20):
        changed = bytearray(content)
        changed[position] ^= int(rng.integers(1, 256))
        (folder / "b").write_bytes(changed)
        with pytest.raises(BundleError):
            read_container(folder / "b", error=BundleError, **KIND)


@given(members=MEMBERS, cut=st.floats(0, 1, exclude_max=True), extra=st.binary(max_size=8))
def test_no_cut_goes_unseen(folder, members, cut, extra):
    content = _write(folder / "a", {}, members)
    (folder / "b").write_bytes(content[: int(cut * len(content))] + extra)
    with pytest.raises(BundleError):
        read_container(folder / "b", error=BundleError, **KIND)


@given(content=st.binary(max_size=300))
def test_random_bytes_are_refused(folder, content):
    (folder / "b").write_bytes(content)
    with pytest.raises(BundleError):
        read_container(folder / "b", error=BundleError, **KIND)


@given(
    array=hnp.arrays(
        st.sampled_from([np.float32, np.int32, np.uint8, np.bool_]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    ),
)
def test_array_round_trip(array):
    result = unpack_array(pack_array(array))
    np.testing.assert_array_equal(result, array)
    assert (result.shape, result.dtype) == (array.shape, array.dtype)


@given(array=hnp.arrays(np.float32, (2, 3)), position=st.integers(0, 151), byte=st.integers(0, 255))
def test_a_changed_array_is_refused_or_another_valid_one(array, position, byte):
    data = bytearray(pack_array(array))
    data[position] = byte
    try:
        result = unpack_array(bytes(data))
    except BundleError:
        return
    assert bytes(data) == pack_array(result)
