from __future__ import annotations

import pytest
from support import cuda_emulation


@pytest.fixture(scope="session")
def emulation(tmp_path_factory):
    if cuda_emulation.compiler() is None:
        pytest.skip("the emulated CUDA kernels need a C++ compiler, and none was found")
    folder = tmp_path_factory.mktemp("cuda_emulation")
    return cuda_emulation.Emulation(cuda_emulation.build(folder / "libemulation.so"))
