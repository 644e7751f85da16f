"""What the library tells a runtime that loads it, with a fake in place of the runtime."""

from __future__ import annotations

import _ctypes
import ctypes
import shutil
import subprocess

import pytest
from support.fake_onnxruntime import MEMBERS, SLOTS, WORD

from petsgan_sdk import kernels

pytestmark = pytest.mark.skipif(
    "cpu" not in kernels.available_backends(), reason="the C++ kernels are not built"
)

GetApi = ctypes.CFUNCTYPE(WORD, ctypes.c_uint32)
GetVersion = ctypes.CFUNCTYPE(WORD)


class ApiBase(ctypes.Structure):
    _fields_ = (("get_api", GetApi), ("get_version", GetVersion))


@pytest.fixture
def library(tmp_path):
    """A copy that no runtime has loaded, unloaded while the fake is still there."""
    installed = kernels.custom_ops_library()
    for path in installed.parent.glob("*petsgan_*"):
        shutil.copy(path, tmp_path)
    loaded = ctypes.CDLL(str(tmp_path / installed.name))
    loaded.RegisterCustomOps.restype = WORD
    yield loaded
    if loaded._handle:
        unload(loaded)


def unload(library):
    _ctypes.dlclose(library._handle)
    library._handle = 0


def register(library, table, *, abi, version):
    """Status of RegisterCustomOps in a runtime that knows the versions up to `abi`."""
    text = ctypes.create_string_buffer(version.encode())
    base = ApiBase(
        GetApi(lambda asked: ctypes.addressof(table) if asked <= abi else None),
        GetVersion(lambda: ctypes.addressof(text)),
    )
    return library.RegisterCustomOps(WORD(1), ctypes.byref(base))


def table_of(functions):
    table = (WORD * (1 + max(map(int, SLOTS.values()))))()
    for name, function in functions.items():
        table[int(SLOTS[name])] = ctypes.cast(function, WORD)
    return table


def ask(op, member):
    address = WORD.from_address(op + 8 * MEMBERS.index(member)).value
    return ctypes.CFUNCTYPE(ctypes.c_char_p, WORD)(address)(op).decode()


def test_a_runtime_that_is_too_old_is_refused(library):
    messages = []

    @ctypes.CFUNCTYPE(WORD, ctypes.c_int, ctypes.c_char_p)
    def create_status(code, message):
        messages.append((code, message.decode()))
        return 1  # any pointer but null

    table = table_of({"CreateStatus": create_status})
    assert register(library, table, abi=17, version="1.17.3") == 1
    assert messages == [(1, "pets::PatchTransfer needs ONNX Runtime 1.18 or newer, got 1.17.3")]


def test_one_domain_with_the_op_of_each_provider_until_the_library_is_unloaded(library):
    ops, domains, added, released = [], [], [], []

    @ctypes.CFUNCTYPE(WORD, ctypes.c_char_p, ctypes.POINTER(WORD))
    def create_domain(name, out):
        domains.append(name.decode())
        out[0] = len(domains)

    functions = {
        "CreateCustomOpDomain": create_domain,
        "CustomOpDomain_Add": ctypes.CFUNCTYPE(WORD, WORD, WORD)(
            lambda _domain, op: ops.append(op)
        ),
        "AddCustomOpDomain": ctypes.CFUNCTYPE(WORD, WORD, WORD)(
            lambda _options, domain: added.append(domain)
        ),
        "ReleaseCustomOpDomain": ctypes.CFUNCTYPE(None, WORD)(released.append),
    }
    table = table_of(functions)
    for _ in range(3):  # sessions
        assert not register(library, table, abi=99, version="9.9")
    assert domains == ["pets"]
    assert added == [1, 1, 1]
    with_cuda = list(kernels.custom_ops_library().parent.glob("*petsgan_cuda*"))
    providers = ["CPUExecutionProvider", *(["CUDAExecutionProvider"] if with_cuda else [])]
    assert [ask(op, "GetExecutionProviderType") for op in ops] == providers
    assert {ask(op, "GetName") for op in ops} == {"PatchTransfer"}
    assert released == []
    unload(library)
    assert released == [1]


def test_the_library_exports_one_function():
    if shutil.which("nm") is None:
        pytest.skip("no nm to list the symbols with")
    done = subprocess.run(
        ["nm", "--dynamic", "--defined-only", str(kernels.custom_ops_library())],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["RegisterCustomOps"]
