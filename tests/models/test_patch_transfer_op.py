"""`torch.ops.petsgan.patch_transfer`: what torch adds to the kernels, which have own tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support import dense_patch_gradient as dense
from support.tolerances import assert_close

from petsgan_sdk import kernels
from petsgan_sdk.errors import (
    BackendUnavailableError,
    ConfigError,
    DTypeError,
    GradientError,
    InputError,
    ShapeError,
)
from petsgan_sdk.models import patch_transfer as module
from petsgan_sdk.models.patch_transfer import patch_transfer

OP = torch.ops.petsgan.patch_transfer
OPTIONS = (3, 0.1, True)


def maps(draw, *, batch=2, channels=5, size=(6, 7), images=None, ref_size=(8, 5), scale=1.0):
    """Query, features and values."""
    several = () if images is None else (images,)
    return (
        scale * torch.randn((batch, channels, *size), generator=draw),
        torch.randn((*several, channels, *ref_size), generator=draw),
        torch.rand((*several, 3, *ref_size), generator=draw) * 2 - 1,
    )


def with_gradients(query, features, values):
    return query.requires_grad_(), features, values.requires_grad_()


@pytest.mark.parametrize("images", [None, 1, 3])
@pytest.mark.parametrize("temperature", [0.0, 0.01, 1.0])
def test_equals_the_kernel(images, temperature, draw):
    query, features, values = maps(draw, images=images)
    found = patch_transfer(query, features, values, window=5, temperature=temperature)
    reference = kernels.PatchReference(features.numpy(), values.numpy(), window=5)
    expected = kernels.patch_transfer(query.numpy(), reference, temperature=temperature)
    for tensor, name in zip(found, ("values", "index", "weight"), strict=True):
        np.testing.assert_array_equal(tensor, getattr(expected, name))


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("images", [None, 2])
def test_gradients_equal_the_dense_form(images, normalize, draw):
    query, features, values = with_gradients(*maps(draw, images=images))
    code, index, weight = patch_transfer(
        query, features, values, window=3, temperature=0.1, normalize=normalize
    )
    to_code, to_weight = (
        torch.randn(code.shape, generator=draw),
        torch.rand(weight.shape, generator=draw),
    )
    ((code * to_code).sum() + (weight * to_weight).sum()).backward()
    to_values = np.zeros((images or 1, *values.shape[-3:]))
    for n in range(len(query)):
        to_query, of_values = dense.gradient(
            query[n].detach().numpy(),
            features.reshape(-1, *features.shape[-3:]).numpy(),
            values.detach().reshape(-1, *values.shape[-3:]).numpy(),
            index[n].numpy(),
            to_code[n].numpy(),
            to_weight[n].numpy(),
            window=3,
            temperature=0.1,
            normalize=normalize,
        )
        to_values += of_values
        assert_close(query.grad[n], to_query, tolerance="float32", what="query")
    assert_close(values.grad, to_values.reshape(values.shape), tolerance="float32", what="values")


def test_gradient_by_finite_differences_of_the_operator(draw):
    # Away from ties: a step this small changes no best match, which is checked.
    query, features, values = maps(draw, batch=1, size=(4, 5))
    query.requires_grad_()

    def loss(x):
        code, index, weight = patch_transfer(x, features, values, window=3, temperature=0.5)
        return code.square().sum() + weight.sum(), index

    total, index = loss(query)
    total.backward()
    step = 0.02
    for _ in range(5):
        along = torch.randn(query.shape, generator=draw)
        along /= along.norm()
        (above, i), (below, j) = (loss(query.detach() + s * step * along) for s in (1, -1))
        assert torch.equal(i, index)
        assert torch.equal(j, index)
        expected = (query.grad * along).sum().item()
        assert (above - below).item() / (2 * step) == pytest.approx(expected, rel=1e-2, abs=2e-4)


def test_one_of_two_results_may_be_unused(draw):
    for wanted in (0, 2):
        query, features, values = with_gradients(*maps(draw))
        OP(query, features, values, *OPTIONS)[wanted].sum().backward()
        assert query.grad.abs().max() > 0
        assert (values.grad.abs().max() > 0) == (wanted == 0)


def test_only_what_requires_a_gradient_gets_one(draw):
    query, features, values = maps(draw)
    values.requires_grad_()
    OP(query, features, values, *OPTIONS)[0].sum().backward()
    assert query.grad is None
    assert not any(tensor.requires_grad for tensor in OP(*maps(draw), *OPTIONS))


@pytest.mark.parametrize("temperature", [0.0, 1e-5, 0.01, 1.0])
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 1e3])
def test_gradient_is_finite(temperature, scale, draw):
    query, features, values = with_gradients(*maps(draw, scale=scale))
    code, _, weight = patch_transfer(query, features, values, window=7, temperature=temperature)
    (code.square().sum() + weight.sum()).backward()
    assert query.grad.isfinite().all()
    assert values.grad.isfinite().all()
    assert 0 < weight.min() <= weight.max() <= 1
    if scale == 0 or temperature == 0:
        assert not query.grad.any()


def test_a_gradient_of_another_layout(draw):
    query, features, values = with_gradients(*maps(draw))
    code, _, _ = OP(query, features, values, *OPTIONS)
    code.permute(0, 2, 3, 1).contiguous().square().sum().backward()
    first = query.grad.clone()
    query.grad = None
    OP(query, features, values, *OPTIONS)[0].square().sum().backward()
    assert torch.equal(first, query.grad)


@pytest.fixture
def _threads_come_back():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("_threads_come_back")
def test_the_thread_count_of_torch_changes_no_bit(draw):
    query, features, values = with_gradients(
        *maps(draw, channels=16, size=(33, 40), ref_size=(30, 36))
    )
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        code, _, weight = OP(query, features, values, *OPTIONS)
        results.append([code, weight, *torch.autograd.grad(code.sum(), (query, values))])
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))


def test_contiguous_tensors_are_not_copied(draw, monkeypatch):
    query, features, values = maps(draw)
    seen = {}

    def spy(array, reference, **options):
        seen.update(query=array, features=reference.features, values=reference.values)
        return spied(array, reference, **options)

    spied = kernels.patch_transfer
    monkeypatch.setattr(kernels, "patch_transfer", spy)
    OP(query, features, values, *OPTIONS)
    for name, tensor in {"query": query, "features": features, "values": values}.items():
        assert seen[name].ctypes.data == tensor.data_ptr(), name


def test_features_of_the_reference_must_be_detached(draw):
    query, features, values = maps(draw)
    features.requires_grad_()
    with pytest.raises(GradientError, match=r"features must not require a gradient.*detach\(\)"):
        OP(query, features, values, *OPTIONS)
    with torch.no_grad():
        OP(query, features, values, *OPTIONS)


def test_no_second_gradient(draw):
    query, features, values = with_gradients(*maps(draw))
    loss = OP(query, features, values, *OPTIONS)[0].square().sum()
    (gradient,) = torch.autograd.grad(loss, query, create_graph=True)
    with pytest.raises(GradientError, match="has a first gradient only"):
        gradient.sum().backward()


@pytest.mark.parametrize(
    ("name", "change", "error", "match"),
    [
        ("query", lambda t: t.double(), DTypeError, r"query must be float32, got torch.float64"),
        ("features", lambda t: t.half(), DTypeError, "features must be float32, got torch.float16"),
        (
            "values",
            lambda t: t.to("meta"),
            DTypeError,
            "values must be on the device of query, cpu",
        ),
        (
            "query",
            lambda t: t.transpose(2, 3),
            DTypeError,
            r"query must be contiguous, got strides",
        ),
        ("query", lambda t: t[0], ShapeError, r"query must have shape \[N, C, h, w\], got \(5, 6"),
        ("values", lambda t: t[0], ShapeError, r"values must have shape \[V, H, W\] or \[R, V, H"),
        ("query", lambda t: t[:, :2].clone(), ShapeError, r"query must have shape \[N, 5, "),
        ("values", lambda t: t[:, :2].clone(), ShapeError, r"values must have shape \[V, 8, 5\]"),
        ("features", lambda t: t * math.nan, InputError, "features must be finite, got nan"),
        ("query", lambda t: t * math.inf, InputError, "query must be finite, got"),
    ],
)
def test_bad_tensors(name, change, error, match, draw):
    tensors = dict(zip(("query", "features", "values"), maps(draw), strict=True))
    tensors[name] = change(tensors[name])
    with pytest.raises(error, match=match):
        patch_transfer(**tensors, window=3, temperature=0.1)


def test_a_device_without_a_kernel():
    with pytest.raises(
        BackendUnavailableError, match=r"no gradient for tensors on cuda:1; hint: tensor.cpu\(\)"
    ):
        module._check_on_cpu(torch.device("cuda:1"), "gradient")


@pytest.mark.parametrize(("window", "temperature"), [(4, 0.1), (0, 0.1), (3, -1.0), (3, math.nan)])
def test_bad_options(window, temperature, draw):
    with pytest.raises(ConfigError):
        patch_transfer(*maps(draw), window=window, temperature=temperature)


def test_an_empty_batch(draw):
    query, features, values = with_gradients(*maps(draw, batch=0))
    code, index, weight = OP(query, features, values, *OPTIONS)
    assert (code.shape, index.shape, weight.shape) == ((0, 3, 6, 7), (0, 6, 7), (0, 6, 7))
    code.sum().backward()
    assert query.grad.shape == query.shape
    assert not values.grad.any()


@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("images", [None, 2])
def test_opcheck(images, requires_grad, draw):
    query, features, values = maps(draw, images=images)
    query.requires_grad_(requires_grad)
    values.requires_grad_(requires_grad)
    results = torch.library.opcheck(OP.default, (query, features, values, *OPTIONS))
    assert set(results.values()) == {"SUCCESS"}
    assert set(results) >= {"test_schema", "test_faketensor", "test_aot_dispatch_dynamic"}


def step(query, features, values):
    """A little network around the operator."""
    code, _, weight = OP(torch.tanh(query), features, values, *OPTIONS)
    return 2 * code, weight.mean()


@pytest.mark.parametrize("dynamic", [True, False])
def test_compile_takes_the_whole_graph(dynamic, draw):
    # Inductor's own code would be C++ for the tanh; what is asked here is if the graph breaks.
    compiled = torch.compile(step, fullgraph=True, dynamic=dynamic, backend="aot_eager")
    for size in ((6, 7), (9, 4)):
        query, features, values = with_gradients(*maps(draw, size=size))
        gradients = []
        for function in (compiled, step):
            code, mean = function(query, features, values)
            gradients.append(torch.autograd.grad(code.square().sum() + mean, (query, values)))
        assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_export_with_any_size(draw):
    class Module(torch.nn.Module):
        def forward(self, query, features, values):
            return step(query, features, values)

    query, features, values = maps(draw)
    sizes = {0: torch.export.Dim.DYNAMIC, 2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    exported = torch.export.export(
        Module(), (query, features, values), dynamic_shapes=(sizes, None, None)
    )
    called = [node.target for node in exported.graph.nodes if node.op == "call_function"]
    assert OP.default in called
    other = maps(draw, batch=3, size=(9, 4))[0]
    expected = step(other, features, values)
    for tensor, want in zip(exported.module()(other, features, values), expected, strict=True):
        assert torch.equal(tensor, want)


def test_nothing_of_the_size_of_all_similarities_is_stored(draw):
    # 32 x 32 against 32 x 32, as in joint training at 256 px.
    query, features, values = with_gradients(
        *maps(draw, batch=1, channels=8, size=(32, 32), ref_size=(32, 32))
    )
    sizes = []

    def note(tensor):
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        outputs = OP(query, features, values, *OPTIONS)
    sizes += [tensor.numel() for tensor in outputs]
    assert len(sizes) == 5 + 3, "query, features, values, index, weight; and the results"
    assert max(sizes) == 8 * 1024
