"""`info` of files that say what a terminal should not be told."""

from __future__ import annotations

import json
from pathlib import Path

from support.commands import runner

from petsgan_sdk.checkpoint import FORMAT, FORMAT_VERSION
from petsgan_sdk.cli import app
from petsgan_sdk.container import write_container

ESCAPES = "\x1b[31mred\x1b]0;title\x07 \x9b2J \u202eevil\u2066 a\nb\rc"


def write_hostile(path: Path) -> Path:
    header = {
        "family": ESCAPES,
        "config": {ESCAPES: [ESCAPES, {"deep": ESCAPES}], "plain": "f\u00fcr"},
        "provenance": {"image": "x" * 1_000_000, ESCAPES: {}},
        ESCAPES: 1,
        "steps": [1, "no table"],
        "kind": "bundle",
    }
    kind = {"format": FORMAT, "format_version": FORMAT_VERSION}
    write_container(path, header=header, members={}, overwrite=False, **kind)
    return path


def test_info_prints_lines_that_only_show(tmp_path: Path) -> None:
    result = runner.invoke(app, ["info", str(write_hostile(tmp_path / "m.pt"))])
    assert result.exit_code == 0, result.output
    lines = result.stdout.split("\n")[:-1]
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 3000
    assert "kind: checkpoint" in lines
    assert "  plain: f\u00fcr" in lines
    assert any(line.startswith(r"family: \x1b[31mred\x1b]0;title\x07 \x9b2J") for line in lines)
    assert any("... (1000000 characters; --json prints all)" in line for line in lines)


def test_json_holds_all_of_it_and_is_ascii(tmp_path: Path) -> None:
    result = runner.invoke(app, ["info", str(write_hostile(tmp_path / "m.pt")), "--json"])
    assert result.exit_code == 0, result.output
    assert result.stdout.removesuffix("\n").isascii()
    assert result.stdout.removesuffix("\n").isprintable()
    found = json.loads(result.stdout)
    assert found["family"] == ESCAPES
    assert len(found["provenance"]["image"]) == 1_000_000


def test_a_bundle_s_steps_are_named(bundle: Path) -> None:
    result = runner.invoke(app, ["info", str(bundle)])
    assert 'layouts: ["network"]\nknobs: []\n' in result.stdout
    assert "steps: noise > position > graph > graph > patch_transfer" in result.stdout
