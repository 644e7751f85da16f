from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint of a narrow `fast` model that has learned for a moment."""
    pytest.importorskip("torch", reason="export needs torch")
    import torch  # noqa: PLC0415 - optional
    from tiny_training import tiny_train, write_picture  # noqa: PLC0415 - imports torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("trained")
    photo = write_picture(folder / "photo.png", 96, 64)
    tiny_train(photo, folder / "model.pt", steps=20)
    torch.set_num_threads(threads)
    return folder / "model.pt"


@pytest.fixture(scope="session")
def exported(trained: Path) -> Path:
    """Its bundle."""
    pytest.importorskip("onnxscript", reason="export needs onnxscript")
    from petsgan_sdk.export import export_bundle  # noqa: PLC0415 - imports torch

    return export_bundle(trained, trained.with_suffix(".petsgan")).bundle
