from __future__ import annotations

import pytest
from support import cuda_emulation
from support.synthesis_emulation import SynthesisEmulation


@pytest.fixture(scope="session")
def emulation(made_once):
    if cuda_emulation.compiler() is None:
        pytest.skip("the emulated CUDA kernels need a C++ compiler, and none was found")
    name = "libemulation.so"
    folder = made_once("cuda_emulation", lambda folder: cuda_emulation.build(folder / name))
    return cuda_emulation.Emulation(folder / name)


@pytest.fixture(scope="session")
def synthesis(emulation):
    return SynthesisEmulation(emulation.path)
