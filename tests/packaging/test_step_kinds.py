"""No module asks a step of which kind it is, but those that are the kind's own.

Graphs are what a bundle is of: what reads, checks or builds them may ask for them by name.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest

from petsgan_sdk.manifest.steps import AnyStep

PACKAGE = Path(__file__).parents[2] / "petsgan_sdk"
KINDS = {kind.__name__ for kind in get_args(AnyStep)}
OF_ALL = {"GraphStep"}
INPUTS = {"export/onnx_file/grids.py", "export/onnx_file/metadata.py"}
"""Of one ONNX file, which are the noises: it has no other input."""


def asked(tree: ast.AST) -> set[str]:
    """Names of kinds that are compared with, in `isinstance` or by a pattern."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.MatchClass):
            tested: list[ast.AST] = [node.cls]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("isinstance", "type"):
            tested = list(node.args)
        elif isinstance(node, ast.Compare):
            tested = [node.left, *node.comparators]
        else:
            continue
        names = {n.id for each in tested for n in ast.walk(each) if isinstance(n, ast.Name)}
        found |= names & KINDS
    return found


MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def test_there_is_something_to_look_at() -> None:
    assert len(KINDS) > 5
    assert {"runtime/bundle.py", "runtime/rendering/tiles.py", "export/parity/steps.py"} <= {
        *MODULES
    }


@pytest.mark.parametrize("module", MODULES)
def test_no_module_asks_for_a_kind(module: str) -> None:
    allowed = OF_ALL | ({"NoiseStep"} if module in INPUTS else set())
    assert asked(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))) <= allowed


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("isinstance(step, NoiseStep | PositionStep)", {"NoiseStep", "PositionStep"}),
        ("match step:\n    case ResizeStep():\n        pass", {"ResizeStep"}),
        ("type(step) is PatchTransferStep", {"PatchTransferStep"}),
        ("step = NoiseStep('noise', 3)", set()),
    ],
)
def test_what_asking_is(code: str, found: set[str]) -> None:
    assert asked(ast.parse(code)) == found
