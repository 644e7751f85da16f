"""Where weight files are looked for, and what is said of those that do not fit."""

from __future__ import annotations

import hashlib
import pickle
from urllib.error import URLError

import numpy as np
import pytest
import torch
from support.metric_cases import keras_inception, save_safetensors, torch_inception

from petsgan_sdk.errors import BackendUnavailableError, InputError
from petsgan_sdk.metrics import Judge, weights
from petsgan_sdk.metrics.inception import load_inception
from petsgan_sdk.metrics.lpips_networks import alexnet
from petsgan_sdk.metrics.lpips_weights import load_lpips
from petsgan_sdk.metrics.weights import from_torch_hub, read_weights

_NO_NETWORK = "no network"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """An empty cache, no variables, no network."""
    for name in ("PETSGAN_INCEPTION", "PETSGAN_LPIPS", "PETSGAN_LPIPS_BACKBONE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PETSGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def no_network(*_args, **_options):
        raise URLError(_NO_NETWORK)

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    folder = tmp_path / "cache" / "weights"
    folder.mkdir(parents=True)
    return folder


def test_nothing_anywhere(cache):
    with pytest.raises(BackendUnavailableError) as raised:
        load_inception()
    said = str(raised.value)
    assert "https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth" in said
    assert "sha256 begins with 0cc3c7bd" in said
    assert "--inception FILE, PETSGAN_INCEPTION=FILE" in said
    assert repr(str(cache)) in said
    with pytest.raises(BackendUnavailableError, match=r"stlpips-pytorch.*sha256 b356b382f960"):
        load_lpips()


def test_nothing_is_downloaded_unless_it_may_be(cache, monkeypatch):
    def download(*_, **__):
        raise AssertionError

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(BackendUnavailableError, match=r"^coverage: .* --metrics coverage downlo"):
        load_inception(metric="coverage", download=False)
    linear = {"lin0.model.1.weight": np.zeros((1, 64, 1, 1), np.float32)}
    file = save_safetensors(cache / "lpips_lin_v0.1.safetensors", linear)
    with pytest.raises(BackendUnavailableError, match="--metrics lpips downloads AlexNet"):
        load_lpips(file, download=False)
    judge = Judge(["lpips", "ssim", "sifid"], only_here=True)
    assert judge.metrics == ("ssim",)
    assert list(judge.left_out) == ["sifid", "lpips"]
    with pytest.raises(BackendUnavailableError):
        Judge(["lpips", "ssim"], lpips=file, only_here=True)  # what is named is used


def test_the_linear_weights_alone(cache):
    linear = {"lin0.model.1.weight": np.zeros((1, 64, 1, 1), np.float32)}
    file = save_safetensors(cache / "lpips_lin_v0.1.safetensors", linear)
    with pytest.raises(BackendUnavailableError, match=r"begins with 7be5be79.*BACKBONE=FILE"):
        load_lpips(file)


def test_a_file_given_goes_before_the_variable_and_that_before_the_cache(
    cache, monkeypatch, tmp_path
):
    files = {
        name: save_safetensors(path, keras_inception(seed=seed))
        for seed, (name, path) in enumerate(
            {
                "cache": cache / "inception_v3_stem_fp32.safetensors",
                "variable": tmp_path / "v.safetensors",
                "given": tmp_path / "g.safetensors",
            }.items()
        )
    }
    digests = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for name, path in files.items()
    }
    assert load_inception().backbone.digest == digests["cache"]
    monkeypatch.setenv("PETSGAN_INCEPTION", str(files["variable"]))
    assert load_inception().backbone.digest == digests["variable"]
    assert load_inception(files["given"]).backbone.digest == digests["given"]


def test_a_named_file_that_is_not_there_is_never_replaced_by_another(cache, monkeypatch, tmp_path):
    save_safetensors(cache / "inception_v3_stem_fp32.safetensors", keras_inception())
    monkeypatch.setenv("PETSGAN_INCEPTION", str(tmp_path / "no.pth"))
    with pytest.raises(InputError, match=r"sifid: weights '.*no.pth' must be a file, got no file"):
        load_inception()


def test_torch_hubs_own_cache_is_used(tmp_path):
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    arrays = {key: torch.from_numpy(array) for key, array in torch_inception().items()}
    torch.save(arrays, folder / "inception_v3_google-0cc3c7bd.pth")
    assert load_inception().backbone.name == "inception-v3-torch/pool1"


def test_download(monkeypatch, tmp_path, caplog):
    monkeypatch.undo()  # the real download, from this disk
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    content = b"weights"
    digits = hashlib.sha256(content).hexdigest()[:8]
    for name in (f"net-{digits}.pth", "net-00000000.pth"):
        (tmp_path / name).write_bytes(content)
    found = from_torch_hub((tmp_path / f"net-{digits}.pth").as_uri(), metric="sifid")
    assert found.read_bytes() == content
    assert "downloading" in caplog.text
    with pytest.raises(InputError, match="must have a sha256 that begins with 00000000"):
        from_torch_hub((tmp_path / "net-00000000.pth").as_uri(), metric="sifid")
    assert [path.name for path in found.parent.iterdir()] == [found.name]
    assert from_torch_hub((tmp_path / "no-00000000.pth").as_uri(), metric="sifid") is None


@pytest.mark.parametrize(
    ("key", "array", "said"),
    [
        ("conv2d_2.kernel", np.zeros((32, 32, 5, 5)), r"shape \(32, 32, 3, 3\), got shape .*5, 5"),
        ("batch_normalization_1.beta", None, r"shape \(32,\), got no such tensor"),
        ("conv2d_1.kernel", np.full((32, 3, 3, 3), np.nan), "must be finite, got NaN"),
    ],
)
def test_the_first_tensor_that_does_not_fit_is_named(key, array, said, tmp_path):
    arrays = keras_inception()
    del arrays["batch_normalization_3.beta"]  # a later one is not the one that is named
    if array is None:
        del arrays[key]
    else:
        arrays[key] = array.astype(np.float32)
    with pytest.raises(InputError, match=f"{key}.*{said}"):
        load_inception(save_safetensors(tmp_path / "x.safetensors", arrays))


def test_weights_of_another_architecture(tmp_path):
    inception = save_safetensors(tmp_path / "inception.safetensors", torch_inception())
    alex = save_safetensors(
        tmp_path / "alex.safetensors",
        {key: tensor.numpy() for key, tensor in alexnet().state_dict().items()},
    )
    with pytest.raises(InputError, match=r"an Inception v3, with 'Conv2d_1a_3x3.conv.weight'.*no"):
        load_inception(alex)
    with pytest.raises(InputError, match=r"torchvision's alex, with 'features.0.weight'.*no such"):
        load_lpips(alex, backbone=inception)
    with pytest.raises(InputError, match=r"linear layers, with 'lin0.model.1.weight'.*no such"):
        load_lpips(inception, backbone=alex)


def test_a_network_given_twice(tmp_path):
    arrays = {"net.slice1.0.weight": np.zeros((64, 3, 11, 11), np.float32)}
    file = save_safetensors(tmp_path / "st.safetensors", arrays)
    with pytest.raises(InputError, match="has its network in it"):
        load_lpips(file, backbone=file)
    with pytest.raises(InputError, match=r"ST-LPIPS's AlexNet, with 'net.slice1.0.bias'.*\(64,\)"):
        load_lpips(file)


class Bomb:
    def __reduce__(self):
        return (print, ("code of a file was run",))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.safetensors", b"no", "must be a safetensors file"),
        ("x.pth", b"no", "got one that does not load"),
        ("x.pth", pickle.dumps({"a": Bomb()}), "got one that does not load"),
        ("x.pth", None, "must be a file, got a folder"),
    ],
)
def test_files_that_are_no_weights(name, content, said, tmp_path, capsys):
    path = tmp_path / name
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_weights(path, metric="sifid")
    assert "code of a file" not in capsys.readouterr().out


def test_a_torch_file_of_something_else(tmp_path):
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    with pytest.raises(InputError, match="must hold a dict of tensors, got list"):
        read_weights(tmp_path / "list.pth", metric="sifid")


def test_without_safetensors(tmp_path, monkeypatch):
    file = save_safetensors(tmp_path / "x.safetensors", keras_inception())
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    with pytest.raises(
        BackendUnavailableError, match=r"needs the package safetensors.*\[metrics\]"
    ):
        weights.read_weights(file, metric="sifid")
