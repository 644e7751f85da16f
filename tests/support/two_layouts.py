"""The small bundle of `bundles`, whose layouts also come from places of its photo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from petsgan_sdk.container import pack_array
from petsgan_sdk.settings.typed import to_dict
from petsgan_sdk.synthesis import deployment
from support import bundles as factory
from support.synthesis_bundle import SETTINGS, fitted

LAYOUTS = {"synthesis": "composite"}


def steps() -> list[dict[str, Any]]:
    """Those of the network, and behind them those of the other way."""
    own, _ = deployment(fitted(), SETTINGS, factor=factory.FACTOR, stage=1, output="composite")
    return [
        *factory.header()["steps"],
        *(to_dict(step) for step in own),
    ]


def write_two_layouts(path: Path, **changes: Any) -> Path:
    """Write the bundle; `changes` are of its header."""
    _, arrays = deployment(fitted(), SETTINGS, factor=factory.FACTOR, stage=1, output="composite")
    return factory.write_bundle(
        path,
        changes={"steps": steps(), "layouts": LAYOUTS, **changes},
        replaced={name: pack_array(array) for name, array in arrays.items()},
    )
