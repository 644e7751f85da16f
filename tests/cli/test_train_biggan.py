"""`train --prior biggan` for real, with tiny random weights."""

from __future__ import annotations

import pytest
import torch
from tiny_biggan import write_tiny
from tiny_training import NARROW, write_picture
from typer.testing import CliRunner

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.cli import app
from petsgan_sdk.priors import biggan
from petsgan_sdk.priors.biggan_weights import VARIABLE
from petsgan_sdk.priors.inversion import InversionSettings, Stage

QUICK = InversionSettings(candidates=2, stages=(Stage(1, 0.1, 1e-3),), jitter_per_level=1)
SETTINGS = [f"--set={name}={value}" for name, value in NARROW["fast"].items()]


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv("PETSGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(biggan, "InversionSettings", lambda: QUICK)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("photo") / "photo.png", 48, 32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("biggan") / "138k")


def train(photo, out, *words, steps=6):
    words = ["train", photo, "-o", out, "--steps", steps, "--device", "cpu", *SETTINGS, *words]
    return CliRunner().invoke(app, [str(word) for word in words])


def test_train_with_the_weights_named_in_three_ways(photo, weights, tmp_path, monkeypatch):
    ways = [
        (["--prior", f"biggan:{weights}"], {}),
        (["--prior", "biggan", "--biggan-weights", weights], {}),
        (["--prior", "biggan"], {VARIABLE: str(weights)}),
    ]
    checkpoints = []
    for number, (words, variables) in enumerate(ways):
        out = tmp_path / f"{number}.pt"
        with monkeypatch.context() as context:
            for name, value in variables.items():
                context.setenv(name, value)
            result = train(photo, out, *words)
        assert result.exit_code == 0, result.stderr
        checkpoints.append(load_checkpoint(out))
        # A checkpoint keeps what the layouts were, not where the weights lay.
        assert str(weights).encode() not in out.read_bytes()
        word = "inverting with BigGAN-128" if number == 0 else "layouts of an earlier inversion"
        assert word in result.stderr
    first, *others = checkpoints
    assert first.settings.prior.name == "biggan"
    assert first.provenance["prior"]["name"] == "biggan"
    assert first.provenance["prior"]["layouts"] == 5
    for other in others:
        assert all(a.tobytes() == other.arrays[n].tobytes() for n, a in first.arrays.items())


def test_depnet_learns_from_the_layouts(photo, weights, tmp_path):
    def depnet(name, *words):
        out = tmp_path / name
        result = train(photo, out, *words)
        assert result.exit_code == 0, result.stderr
        arrays = load_checkpoint(out).arrays
        return {name: a.tobytes() for name, a in arrays.items() if "averaged/depnet" in name}

    other = write_tiny(tmp_path / "other", seed=1)
    first = depnet("a.pt", "--prior", f"biggan:{weights}")
    assert first
    assert depnet("b.pt", "--prior", f"biggan:{weights}") == first
    assert depnet("c.pt", "--prior", f"biggan:{other}") != first


def test_resume(photo, weights, tmp_path):
    words = ["--prior", f"biggan:{weights}"]
    out = tmp_path / "model.pt"
    assert train(photo, out, *words).exit_code == 0
    result = train(photo, out, *words, "--resume")
    assert result.exit_code == 0, result.stderr
    assert "already finished" in result.stderr
    other = write_tiny(tmp_path / "other", seed=1)
    result = train(photo, out, "--prior", f"biggan:{other}", "--resume")
    assert result.exit_code == 2
    assert "must be of the same prior to resume, got another one" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prior", "biggan"], "needs the weights of a trained BigGAN, got none; hint: download"),
        (["--prior", "biggan:/no/such"], "weights '/no/such' must be a folder, got nothing there"),
        (
            ["--biggan-weights", "/no/such"],
            "--biggan-weights must come with --prior biggan, got no --prior",
        ),
        (
            ["--biggan-weights", "/no/such", "--prior", "internal"],
            "must come with --prior biggan, got --prior internal",
        ),
    ],
)
def test_refused(photo, tmp_path, words, message):
    result = train(photo, tmp_path / "model.pt", *words)
    assert result.exit_code == 2, result.stderr
    assert message in result.stderr
    assert not (tmp_path / "model.pt").exists()


def test_weights_of_another_architecture(photo, weights, tmp_path):
    (tmp_path / "G_ema.pth").write_bytes((weights / "D.pth").read_bytes())
    (tmp_path / "D.pth").write_bytes((weights / "D.pth").read_bytes())
    result = train(photo, tmp_path / "model.pt", "--prior", f"biggan:{tmp_path}")
    assert result.exit_code == 2
    assert "'shared.weight'" in result.stderr
    assert "must have shape (1000, 128), got no such tensor" in result.stderr
    assert result.stdout == ""
