from __future__ import annotations

import hashlib
import re

import pytest
import torch
from support.tiny_biggan import WIDTH, tiny_pair, write_tiny

from petsgan_sdk.errors import InputError
from petsgan_sdk.models.biggan import (
    BigganDiscriminator,
    BigganGenerator,
    DiscriminatorArchitecture,
    GeneratorArchitecture,
)
from petsgan_sdk.priors import biggan_weights
from petsgan_sdk.priors.biggan_weights import (
    VARIABLE,
    find_biggan,
    load_discriminator,
    load_generator,
)


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def folder(tmp_path):
    return write_tiny(tmp_path / "weights")


def same(network, state):
    loaded = network.state_dict()
    return loaded.keys() == state.keys() and all(torch.equal(loaded[k], state[k]) for k in state)


@pytest.mark.parametrize("size_px", [128, 256])
def test_loads_what_was_saved(tmp_path, size_px, draw):
    folder = write_tiny(tmp_path / "weights", size_px)
    original, original_discriminator = tiny_pair(size_px)
    generator = load_generator(folder / "G_ema.pth")
    discriminator = load_discriminator(folder / "D.pth")
    assert same(generator, original.state_dict())
    assert same(discriminator, original_discriminator.state_dict())
    assert (generator.size_px, discriminator.size_px) == (size_px, size_px)
    assert generator.architecture.width == discriminator.architecture.width == WIDTH
    assert not any(p.requires_grad for p in [*generator.parameters(), *discriminator.parameters()])
    code = torch.randn((1, generator.code_size), generator=draw)
    label = torch.tensor([1])
    with torch.no_grad():
        expected = original(code, original.embed(label))
        assert torch.equal(generator(code, generator.embed(label)), expected)


def test_the_older_torch_format(tmp_path):
    # That of the public files, which torch 1.0 wrote.
    generator, _ = tiny_pair()
    path = tmp_path / "G_ema.pth"
    torch.save(generator.state_dict(), path, _use_new_zipfile_serialization=False)
    assert same(load_generator(path), generator.state_dict())


def test_safetensors_and_half_precision(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    generator, _ = tiny_pair()
    half = {name: t.half().contiguous() for name, t in generator.state_dict().items()}
    safetensors.save_file(half, tmp_path / "G_ema.safetensors")
    loaded = load_generator(tmp_path / "G_ema.safetensors")
    assert same(loaded, {name: t.float() for name, t in half.items()})


def changed(tmp_path, change):
    state = tiny_pair()[0].state_dict()
    change(state)
    torch.save(state, tmp_path / "G_ema.pth")
    return tmp_path / "G_ema.pth"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s.update({"blocks.1.0.conv1.weight": torch.zeros(64, 128, 5, 5)}),
            r"'blocks.1.0.conv1.weight' in .* must have shape \(64, 128, 3, 3\), "
            r"got shape \(64, 128, 5, 5\); hint: take a BigganGenerator",
        ),
        (
            lambda s: s.pop("linear.u0"),
            r"'linear.u0' .* have shape \(1, 2048\), got no such tensor",
        ),
        (
            lambda s: s.update({"blocks.2.1.gamma": torch.zeros(())}),
            r"'blocks.2.1.gamma' in .* must not be there, got shape \(\)",
        ),
        (lambda s: s["linear.bias"].fill_(torch.nan), r"'linear.bias' .* must be finite, got NaN"),
    ],
)
def test_weights_of_another_kind(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        load_generator(changed(tmp_path, change))


def test_another_network_is_refused_by_its_first_tensor(folder):
    # Nothing of a generator is in there, so the public sizes are what is expected.
    message = r"'shared.weight' in .* must have shape \(1000, 128\), got no such tensor"
    with pytest.raises(InputError, match=message):
        load_generator(folder / "D.pth")
    with pytest.raises(InputError, match=r"tensor 'blocks.0.0.conv1.weight' .* must have shape"):
        load_discriminator(folder / "G_ema.pth")


def test_loading_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "was_here"), "w"))

    torch.save({"shared.weight": Evil()}, tmp_path / "G_ema.pth")
    with pytest.raises(InputError, match="one that does not load"):
        load_generator(tmp_path / "G_ema.pth")
    assert not (tmp_path / "was_here").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_damaged_file(tmp_path, suffix):
    path = tmp_path / f"G_ema{suffix}"
    path.write_bytes(b"not a checkpoint at all")
    with pytest.raises(InputError, match=r"must be a state dict .* does not load \("):
        load_generator(path)


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"step": 3}, {}])
def test_not_a_state_dict(tmp_path, content):
    torch.save(content, tmp_path / "G_ema.pth")
    with pytest.raises(InputError, match="must hold a dict of tensors"):
        load_generator(tmp_path / "G_ema.pth")


def test_finding_by_argument_or_variable(folder, monkeypatch):
    files = find_biggan(str(folder))
    assert files.generator == folder / "G_ema.pth"
    assert files.discriminator == folder / "D.pth"
    assert find_biggan(str(folder / "G_ema.pth")) == files
    monkeypatch.setenv(VARIABLE, str(folder))
    assert find_biggan(None) == files
    monkeypatch.setenv(VARIABLE, "elsewhere")
    assert find_biggan(str(folder)) == files


def test_names_with_a_suffix(tmp_path):
    # As in the public checkpoints' folder, and in that of DGP.
    for name in ("G.pth", "G_ema_128.pth", "D_128.pth", "D_optim_128.pth", "state_dict_128.pth"):
        (tmp_path / name).touch()
    files = find_biggan(str(tmp_path))
    assert files.generator.name == "G_ema_128.pth"
    assert files.discriminator.name == "D_128.pth"


def test_nothing_named_says_what_to_download():
    with pytest.raises(InputError) as error:
        find_biggan(None)
    for part in ("BigGAN_ch96_bs256x8_138k.zip", "G_ema.pth (282 MB)", "D.pth (352 MB)", VARIABLE):
        assert part in str(error.value)


def test_the_sizes_in_that_message():
    with torch.device("meta"):
        generator = BigganGenerator(GeneratorArchitecture())
        discriminator = BigganDiscriminator(DiscriminatorArchitecture())
    megabytes = [
        round(sum(t.numel() for t in network.state_dict().values()) * 4 / 1e6)
        for network in (generator, discriminator)
    ]
    assert re.findall(r"\((\d+) MB\)", biggan_weights._DOWNLOAD) == [str(m) for m in megabytes]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "must be or hold one generator G_ema.pth, .* got none; hint: download"),
        (["D.pth"], "got none; hint"),
        (["G_ema.pth", "G_ema_best0.pth"], "got 'G_ema.pth', 'G_ema_best0.pth'; hint"),
        (["G_ema_128.pth", "D.pth"], "discriminator 'D_128.pth' or 'D_128.safetensors' beside"),
    ],
)
def test_a_folder_without_both_networks(tmp_path, names, message):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=message):
        find_biggan(str(tmp_path))


@pytest.mark.parametrize("name", ["missing", "G_ema.pth", "a\0b"])
def test_a_folder_that_is_not_there(tmp_path, name):
    with pytest.raises(InputError, match=r"must be a folder, got .*; hint: download"):
        find_biggan(str(tmp_path / name))


def test_digest_is_of_both_files(folder):
    before = find_biggan(str(folder)).digest()
    parts = [hashlib.sha256((folder / n).read_bytes()).digest() for n in ("G_ema.pth", "D.pth")]
    assert before == hashlib.sha256(b"".join(parts)).hexdigest()
    with (folder / "D.pth").open("ab") as file:
        file.write(b"x")
    assert find_biggan(str(folder)).digest() != before
