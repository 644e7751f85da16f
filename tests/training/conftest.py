from __future__ import annotations

import pytest
import torch
from support.training_runs import write_picture


@pytest.fixture(autouse=True)
def _one_thread():
    # Two threads that wait for each other lose to whatever else the machine runs.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def photo(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("photo") / "photo.png")


@pytest.fixture(scope="session")
def small_photo(tmp_path_factory):
    """Small enough for the critic of the paper, which works at full size."""
    return write_picture(tmp_path_factory.mktemp("photo") / "small.png", 40, 32)
