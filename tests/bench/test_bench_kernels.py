from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import petsgan_sdk
from petsgan_sdk import kernels

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kernels" / "bench_kernels.py"
FORMS = ["ours", "torch", "onnx", "faiss", "torch_diagonal"]

pytestmark = pytest.mark.bench
pytest.importorskip("torch", reason="the benchmark compares with torch")
if "cpu" not in kernels.available_backends():
    pytest.skip("the C++ kernels are not built", allow_module_level=True)


def run(*options, python=sys.executable):
    return subprocess.run(
        [python, str(SCRIPT), *options],
        cwd=SCRIPT.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def plain_python(tmp_path):
    """Python with the package as pip installs it without `-e`, which no import hook finds first."""
    from petsgan_sdk import _core  # noqa: PLC0415 - not built everywhere

    venv.create(tmp_path / "venv")
    paths = {"base": str(tmp_path / "venv"), "platbase": str(tmp_path / "venv")}
    site = Path(sysconfig.get_path("platlib", "venv", paths))
    shutil.copytree(Path(petsgan_sdk.__file__).parent, site / "petsgan_sdk")
    shutil.copytree(Path(_core.__file__).parent, site / "petsgan_sdk", dirs_exist_ok=True)
    (site / "others.pth").write_text(str(Path(np.__file__).parents[1]))
    return Path(sysconfig.get_path("scripts", "venv", paths), "python")


def test_a_tiny_run_from_the_sources_beside_an_installed_package_prints_one_object(
    tmp_path, plain_python
):
    path = tmp_path / "report.json"
    sizes = ["--query", "12x20", "--reference", "16x8", "--channels", "3", "5"]
    result = run(
        "--json", "--quick", "--threads", "1", "2", "-o", str(path), *sizes, python=plain_python
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report == json.loads(path.read_text())
    assert sorted(report) == ["host", "rows"]
    assert [(row["threads"], row["channels"]) for row in report["rows"]] == [
        (1, 3), (1, 5), (2, 3), (2, 5)
    ]  # fmt: skip
    for row in report["rows"]:
        check_row(row)
    assert {"cpu", "cores", "versions", "command", "commit", "cuda"} <= set(report["host"])


def check_row(row):
    assert (row["query"], row["reference"]) == ([12, 20], [16, 8])
    assert row["clock"] == ("cpu" if row["threads"] == 1 else "wall")
    assert list(row["ms"]) == list(row["extra_mb"]) == FORMS
    assert row["cuda"] in ("not built", "built, not run") or row["cuda"]["us"] > 0
    assert 0 < row["peak_share"] < 1.5
    for name in FORMS:
        if name in row["reasons"]:
            assert name != "ours"
            assert "installed" in row["reasons"][name]
            assert row["ms"][name] is None
            continue
        assert row["ms"][name] > 0
        assert row["repeats"][name] >= 2
        assert row["extra_mb"][name] is None or row["extra_mb"][name] >= 0
    has_faiss = importlib.util.find_spec("faiss") is not None
    assert ("faiss" in row["reasons"]) == (not has_faiss)


def test_bad_input_is_one_line_and_exit_code_2():
    result = run("--threads", "0", "--query", "8x8")
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        "error: --threads must be an integer from 1 to 256, got 0"
    ]


@pytest.fixture
def modules(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parents[1]))
    names = ("agreement", "cases", "forms", "measure")
    return {name: importlib.import_module(f"kernels._{name}") for name in names}


@pytest.fixture
def compared(modules, tmp_path):
    """A case's arrays, and two results that agree."""
    module = modules["cases"]
    case = module.Case((16, 16), (16, 24), 5)
    store = module.ArrayStore(tmp_path)
    store.fill([case])
    arrays = store.load(case)
    result = modules["forms"].OURS.prepare(arrays, 1)()
    return arrays, {"ours": result, "other": result}


def test_a_tie_is_accepted(modules, compared):
    arrays, results = compared
    arrays = replace(arrays, features=np.concatenate([arrays.features[:, :, :12]] * 2, axis=2))
    ours = modules["forms"].OURS.prepare(arrays, 1)()
    # Far from the borders and the seam the two halves have the same patches.
    y, x = np.argwhere((ours.index % 24 >= 3) & (ours.index % 24 < 9))[0]
    index = ours.index.copy()
    index[y, x] += 12
    results = {"ours": ours, "other": replace(ours, index=index)}
    found = modules["agreement"].check_agreement(arrays, results)
    assert found["differing"] == {"other": 1}
    assert found["widest_tie"] < 1e-12


def worse_match(result):
    index = result.index.copy()
    index[7, 9] = (index[7, 9] + 191) % 384
    return replace(result, index=index)


WRONG = {
    "cosines": worse_match,
    "weights": lambda result: replace(result, weight=result.weight * np.float32(0.99)),
    "values": lambda result: replace(result, values=result.values + np.float32(0.01)),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_form_is_exit_code_4(modules, compared, what):
    arrays, results = compared
    results["other"] = WRONG[what](results["other"])
    error = sys.modules["shared.harness"].BenchmarkError
    with pytest.raises(error, match=f"other and ours must .*{what}.* nothing was timed") as caught:
        modules["agreement"].check_agreement(arrays, results)
    assert caught.value.exit_code == 4


def test_forms_that_are_wrong_together_are_caught(modules, compared):
    arrays, results = compared
    shifted = replace(results["ours"], index=(results["ours"].index + 7) % 384)
    error = sys.modules["shared.harness"].BenchmarkError
    with pytest.raises(error, match="less than float64 finds"):
        modules["agreement"].check_agreement(arrays, {"ours": shifted, "other": shifted})


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"longest_s": 0.5}, "takes about 1 s"), ({"most_mb": 1.0}, "needs about .* limit 1 MB")],
)
def test_a_form_beyond_the_limits_is_left_out(modules, tmp_path, limits, reason):
    module, case = (
        modules["measure"],
        modules["cases"].Case((64, 64), (64, 64), 3),
    )
    usual = module.Limits(budget_s=1, longest_s=10, most_mb=2500)
    measurement = module.Measurement(
        tmp_path, threads=1, limits=replace(usual, **limits), note=print
    )
    (form,) = (form for form in modules["forms"].FORMS if form.name == "torch")
    measurement._seconds_per_pair["torch", 3] = 1.0 / case.pairs
    assert re.match(reason, measurement._reason(form, case))
    assert measurement._reason(modules["forms"].OURS, case) is None
