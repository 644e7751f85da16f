from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from flat_pictures import flat_pictures
from helpers import assert_close
from torch.nn import functional

from petsgan_sdk.errors import BackendUnavailableError, ConfigError, InputError
from petsgan_sdk.models import FilterBankFeatures, VggFeatures
from petsgan_sdk.models.arrays import image_tensor
from petsgan_sdk.training.vgg import cached_vgg, choose_features, load_vgg

VGG_FILE = Path(__file__).parents[3] / "shared/data/weights/vgg19_conv_u8.safetensors"

FLAT = flat_pictures()


@pytest.fixture
def image(draw):
    return torch.rand((1, 3, 9, 12), generator=draw) * 2 - 1


@pytest.mark.parametrize("build", [FilterBankFeatures, VggFeatures])
def test_fit_standardises_the_reference(build, image):
    torch.manual_seed(0)
    features = build()
    raw_std = features.raw(image).std((0, 2, 3), correction=0)
    features.fit(image)
    out = features(image)
    assert out.shape == (1, features.num_channels, 9, 12)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(out.shape[1]), atol=1e-5, rtol=0)
    # One, less what keeps flat channels quiet: 5 % of the liveliest channel.
    expected = raw_std / (raw_std + 0.05 * raw_std.max())
    torch.testing.assert_close(out.std((0, 2, 3), correction=0), expected, atol=1e-4, rtol=1e-4)


def test_features_of_a_flat_image_are_finite():
    features = FilterBankFeatures()
    flat = torch.full((1, 3, 6, 6), 0.3)
    features.fit(flat)
    assert features(flat).isfinite().all()


@pytest.mark.parametrize("name", FLAT)
@pytest.mark.parametrize("build", [FilterBankFeatures, VggFeatures])
def test_features_of_a_flat_photo_are_no_rounding(build, name):
    torch.manual_seed(0)
    features = build()
    low_res = functional.avg_pool2d(image_tensor(FLAT[name]), 8)
    features.fit(low_res)
    exact = copy.deepcopy(features).double()
    for layout in (low_res, low_res.flip(1), torch.ones_like(low_res), 0.5 * low_res):
        expected = exact(layout.double())
        apart = (features(layout) - expected).abs().max() / expected.abs().max().clamp(min=1)
        assert apart < 5e-4  # half of what export allows


def test_the_floor_changes_no_feature_of_a_photo(image):
    features = FilterBankFeatures()
    features.fit(image)
    std = features.raw(image).std((0, 2, 3), correction=0)
    expected = (1 / (std + 0.05 * std.max() + 1e-8)).view_as(features.scale)
    torch.testing.assert_close(features.scale, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("build", [FilterBankFeatures, VggFeatures])
def test_an_edge_of_the_image_is_no_edge_of_a_feature(build):
    torch.manual_seed(0)
    out = build().raw(torch.full((1, 3, 5, 7), -0.6)).detach()
    torch.testing.assert_close(out, out[:, :, :1, :1].expand_as(out))


def test_filter_bank_is_orthonormal():
    rows = FilterBankFeatures().weight.detach().reshape(27, 27)
    torch.testing.assert_close(rows @ rows.T, torch.eye(27))


def test_filter_bank_has_colour_times_cosine():
    weight = FilterBankFeatures().weight.detach()
    # Filter 0: the mean of grey; filter 9: the mean of red less blue; filter 1: a slope along x.
    torch.testing.assert_close(weight[0], torch.full((3, 3, 3), 1 / math.sqrt(27)))
    assert torch.equal(weight[9][0], -weight[9][2])
    assert weight[9][1].abs().max() == 0
    assert torch.equal(weight[1][:, :, 0], -weight[1][:, :, 2])


def write_safetensors(path, tensors, metadata=None):
    pytest.importorskip("safetensors.torch").save_file(tensors, path, metadata=metadata)
    return path


def layers(draw, **changes):
    tensors = {
        "features.0.weight": torch.randn((64, 3, 3, 3), generator=draw),
        "features.0.bias": torch.randn(64, generator=draw),
        "features.2.weight": torch.randn((64, 64, 3, 3), generator=draw),
        "features.2.bias": torch.randn(64, generator=draw),
    }
    tensors |= changes
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}


def direct_conv(x, weight, bias):
    """`[C, h, w]` float64 by the definition of a convolution, borders repeated."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="edge")
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.einsum("chwyx,ocyx->ohw", views, weight) + bias[:, None, None]


def test_vgg_of_the_shared_file_is_the_network_it_came_from(image):
    if not VGG_FILE.is_file():
        pytest.skip(f"no VGG-19 weights at shared/data/weights/{VGG_FILE.name}")
    safetensors = pytest.importorskip("safetensors.numpy")
    features = VggFeatures()
    load_vgg(features, VGG_FILE)
    # The file's own convention: BGR, 0 to 255, less the mean; w = q * scale + min.
    tensors = safetensors.load_file(VGG_FILE)
    x = (image[0].double().numpy() + 1) * 127.5
    x = x[::-1] - np.array([103.939, 116.779, 123.68])[:, None, None]
    for key, layer in (("features.0", "conv1_1"), ("features.2", "conv1_2")):
        weight = tensors[f"{key}.weight_q"].astype(np.float64) * tensors[f"{key}.weight_scale"]
        weight += tensors[f"{key}.weight_min"]
        x = np.maximum(direct_conv(x, weight, tensors[f"{key}.bias"].astype(np.float64)), 0)
        if layer == "conv1_1":
            rgb = (image + 1) / 2
            rgb = torch.nn.functional.pad(
                (rgb - features.input_mean) / features.input_std, (1, 1, 1, 1), mode="replicate"
            )
            first = torch.relu(features.conv1_1(rgb))[0].detach()
            assert_close(first / 255, x / 255, tolerance="float32", what=layer)
    assert_close(features.raw(image)[0].detach() / 255, x / 255, tolerance="runtimes")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_vgg_of_a_torchvision_state(suffix, tmp_path, image, draw):
    path, tensors = tmp_path / f"vgg{suffix}", layers(draw)
    tensors["classifier.0.weight"] = torch.ones(2, 2)
    if suffix == ".pt":
        torch.save(tensors, path)
    else:
        write_safetensors(path, tensors)
    features = VggFeatures()
    load_vgg(features, path)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    x = ((image[0].double().numpy() + 1) / 2 - mean[:, None, None]) / std[:, None, None]
    for key in ("features.0", "features.2"):
        weight, bias = (tensors[f"{key}.{part}"].double().numpy() for part in ("weight", "bias"))
        x = np.maximum(direct_conv(x, weight, bias), 0)
    assert_close(features.raw(image)[0].detach() / 100, x / 100, tolerance="runtimes")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features.2.bias": None}, "must hold 'features.2.bias' as a tensor"),
        ({"features.0.weight": torch.ones(64, 3, 5, 5)}, r"must have shapes \(64, 3, 3, 3\)"),
        ({"features.2.bias": torch.ones(1)}, r"got \(64, 64, 3, 3\) and \(1,\)"),
        ({"features.0.bias": torch.full((64,), torch.nan)}, "must be finite"),
        (
            {
                "features.0.weight": None,
                "features.0.weight_q": torch.ones(64, 3, 3, 3, dtype=torch.uint8),
                "features.0.weight_scale": torch.ones(5),
                "features.0.weight_min": torch.ones(1),
            },
            "must be one number",
        ),
    ],
    ids=["missing", "kernel", "bias", "nan", "scale"],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_vgg_refuses_other_tensors(suffix, change, message, tmp_path, draw):
    path, tensors = tmp_path / f"vgg{suffix}", layers(draw, **change)
    if suffix == ".pt":
        torch.save(tensors, path)
    else:
        write_safetensors(path, tensors)
    with pytest.raises(InputError, match=message) as caught:
        load_vgg(VggFeatures(), path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello\n",
        b"PK\x03\x04 no zip",
        b"\x80\x02}q\x00.",
        b"\x80\x05cos\nsystem\n.",
        bytes(99),
    ],
    ids=["empty", "text", "zip", "pickle", "code", "zeros"],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_vgg_refuses_other_files(suffix, content, tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / f"vgg{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"features: '.*vgg\.[a-z]+' must (be|hold)") as caught:
        load_vgg(VggFeatures(), path)
    assert len(str(caught.value).splitlines()) == 1


def test_vgg_never_runs_code_of_its_file(tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.write_text, (tmp_path / "ran", "x")

    torch.save({"features.0.weight": Bomb()}, tmp_path / "vgg.pt")
    with pytest.raises(InputError, match="does not load"):
        load_vgg(VggFeatures(), tmp_path / "vgg.pt")
    assert not (tmp_path / "ran").exists()


def test_vgg_of_a_list(tmp_path):
    torch.save([torch.ones(1)], tmp_path / "vgg.pt")
    with pytest.raises(InputError, match="must hold a dict of tensors, got a list"):
        load_vgg(VggFeatures(), tmp_path / "vgg.pt")


@pytest.mark.parametrize(("name", "found"), [("absent.safetensors", "no file"), (".", "a folder")])
def test_vgg_needs_a_file(name, found, tmp_path):
    with pytest.raises(InputError, match=f"must be a file of VGG-19 weights, got {found}"):
        load_vgg(VggFeatures(), tmp_path / name)
    with pytest.raises(InputError, match=found):
        choose_features(f"vgg19:{tmp_path / name}")


def test_vgg_without_the_package_that_reads_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    (tmp_path / "vgg.safetensors").write_bytes(b"x")
    with pytest.raises(BackendUnavailableError, match="pip install safetensors"):
        load_vgg(VggFeatures(), tmp_path / "vgg.safetensors")


def test_choice_of_features(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a:b").touch()
    monkeypatch.setenv("PETSGAN_CACHE", str(tmp_path))
    assert choose_features("filters") == ("filters", None)
    assert choose_features("vgg19:a:b") == ("vgg19", Path("a:b"))
    assert choose_features("auto") == ("auto", None)


def test_cached_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("PETSGAN_CACHE", str(tmp_path))
    cached = tmp_path / "vgg19.safetensors"
    assert cached_vgg(is_needed=False) is None
    with pytest.raises(
        InputError, match=r"vgg19\.safetensors' .* or be named, got no file; hint: --features"
    ):
        cached_vgg(is_needed=True)
    cached.touch()
    assert cached_vgg(is_needed=False) == cached_vgg(is_needed=True) == cached


@pytest.mark.parametrize("choice", ["", "vgg19", "vgg19:", "filters:x", "AUTO", "vgg16:f"])
def test_unknown_features(choice):
    with pytest.raises(ConfigError, match=r"must be auto, filters or vgg19:FILE, got '"):
        choose_features(choice)
