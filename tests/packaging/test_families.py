"""No branch on a family's name: only the registry and a family's own files may know it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import petsgan_sdk
from petsgan_sdk.settings.families import FAMILIES

PACKAGE = Path(petsgan_sdk.__file__).parent
NAMES = {name for family in FAMILIES for name in (family.name, *family.models)}
OWN_FOLDERS = ("settings", "models", "training", "export", "fitting")
"""Where a family has a module or package of its name, or modules whose names begin with it."""
REEXPORTS = {"models/__init__.py"}
PREFIX_TESTS = {"startswith", "endswith", "removeprefix", "removesuffix"}


def owner(parts):
    """The family that a module belongs to, given its path below the package, if any."""
    if len(parts) < 2 or parts[0] not in OWN_FOLDERS:
        return None
    stem = parts[1].removesuffix(".py")
    owners = [family.name for family in FAMILIES if stem.split("_")[0] == family.name]
    return owners[0] if owners else None


def shared_modules():
    """Paths below the package of the modules that serve all families."""
    paths = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py"))]
    registry = ("settings", "families.py")
    shared = [p for p in paths if p.parts != registry and owner(p.parts) is None]
    return [path.as_posix() for path in shared]


def syntax(module):
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


def branches(tree):
    """Lines that compare with a family's or a model's name, or choose by one in a table."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            candidates = [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            candidates = [key for key in node.keys if key is not None]
        elif isinstance(node, ast.MatchValue):
            candidates = [node.value]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in PREFIX_TESTS:
            candidates = node.args
        else:
            continue
        constants = [n for candidate in candidates for n in ast.walk(candidate)]
        if any(isinstance(n, ast.Constant) and n.value in NAMES for n in constants):
            yield node.lineno


def family_imports(tree):
    """Modules of a family that are imported by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        else:
            continue
        for module in found:
            package, *parts = module.split(".")
            if package == "petsgan_sdk" and owner(parts):
                yield module


def test_there_is_something_to_look_at():
    shared = set(shared_modules())
    assert {
        "training/run.py",
        "export/bundle.py",
        "fitting/run.py",
        "stations/train.py",
        "settings/presets.py",
        "cli/train.py",
    } <= shared
    own = {
        "settings/families.py",
        "settings/petsgan.py",
        "training/petsgan/recipe.py",
        "export/petsgan.py",
        "fitting/instant.py",
    }
    assert not own & shared


def test_no_module_branches_on_a_family():
    found = {name: lines for name in shared_modules() if (lines := [*branches(syntax(name))])}
    assert found == {}


def test_no_module_imports_a_family():
    found = {name: used for name in shared_modules() if (used := [*family_imports(syntax(name))])}
    assert set(found) <= REEXPORTS, found


@pytest.mark.parametrize(
    "source",
    [
        "if settings.family == 'petsgan': pass",
        "if 'petsgan' != family: pass",
        "x = family in ('petsgan', 'other')",
        "TABLE = {'petsgan': take_apart}",
        "match family:\n    case 'petsgan': pass",
        "if family.startswith('petsgan'): pass",
    ],
)
def test_branches_are_seen(source):
    assert list(branches(ast.parse(source)))


@pytest.mark.parametrize(
    ("source", "is_seen"),
    [
        ("from petsgan_sdk.export.petsgan import take_apart", True),
        ("from petsgan_sdk.training import petsgan", True),
        ("import petsgan_sdk.models.petsgan", True),
        ("from petsgan_sdk.training.petsgan_editing import x", True),
        ("from petsgan_sdk.export.parity.steps import traced", False),
    ],
)
def test_imports_are_seen(source, is_seen):
    assert bool(list(family_imports(ast.parse(source)))) == is_seen
