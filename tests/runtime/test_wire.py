from __future__ import annotations

import pytest

from petsgan_sdk.errors import BundleError
from petsgan_sdk.runtime.doctor import probe_model
from petsgan_sdk.runtime.wire import (
    bytes_field,
    read_fields,
    refuse_external_data,
    varint_field,
)


def tensor(*, external: bool) -> bytes:
    return bytes_field(8, "w") + (varint_field(14, 1) if external else bytes_field(9, b"\0" * 4))


def in_graph(graph: bytes) -> bytes:
    return varint_field(1, 8) + bytes_field(7, graph)


def in_node(attribute: bytes) -> bytes:
    return in_graph(bytes_field(1, bytes_field(4, "If") + bytes_field(5, attribute)))


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32, 2**64 - 1])
def test_varint_round_trip(value: int) -> None:
    assert list(read_fields(memoryview(varint_field(7, value)))) == [(7, value)]


def test_known_encoding() -> None:
    # The example of the protobuf documentation: field 1, value 150.
    assert varint_field(1, 150) == b"\x08\x96\x01"
    assert bytes_field(2, "testing") == b"\x12\x07testing"


def test_fixed_width_fields_are_skipped() -> None:
    message = b"\x0d\x00\x00\x80\x3f" + b"\x11" + b"\0" * 8 + varint_field(3, 5)
    assert [number for number, _ in read_fields(memoryview(message))] == [1, 2, 3]


@pytest.mark.parametrize("message", [b"\x08", b"\x12\x7fabc", b"\x0f", b"\xff" * 11, b"\x0d\x00"])
def test_damage_is_an_error(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"byte|number"):
        list(read_fields(memoryview(message)))


@pytest.mark.parametrize(
    "model",
    [
        in_graph(bytes_field(5, tensor(external=True))),
        in_graph(bytes_field(5, bytes_field(13, bytes_field(1, "location")))),
        in_graph(bytes_field(15, bytes_field(1, tensor(external=True)))),
        in_node(bytes_field(5, tensor(external=True))),
        in_node(bytes_field(6, bytes_field(5, tensor(external=True)))),
        bytes_field(25, bytes_field(7, bytes_field(5, bytes_field(5, tensor(external=True))))),
    ],
    ids=["initializer", "location", "sparse", "attribute", "subgraph", "function"],
)
def test_external_data_is_refused_wherever_it_hides(model: bytes) -> None:
    with pytest.raises(BundleError, match="another file"):
        refuse_external_data(model, "graphs/x.onnx")


def test_own_data_is_accepted() -> None:
    refuse_external_data(in_graph(bytes_field(5, tensor(external=False))), "graphs/x.onnx")
    refuse_external_data(probe_model(), "probe")


def test_not_a_model() -> None:
    with pytest.raises(BundleError, match=r"'graphs/x.onnx' must be an ONNX model"):
        refuse_external_data(b"\x89PNG not an ONNX model", "graphs/x.onnx")


def test_endless_nesting_is_refused() -> None:
    graph = b""
    for _ in range(40):
        graph = bytes_field(1, bytes_field(5, bytes_field(6, graph)))
    with pytest.raises(BundleError, match="nested"):
        refuse_external_data(in_graph(graph), "graphs/x.onnx")


def test_probe_model_is_a_model_to_the_onnx_package() -> None:
    onnx = pytest.importorskip("onnx", reason="the oracle is the onnx checker")
    onnx.checker.check_model(onnx.load_from_string(probe_model()), full_check=True)
