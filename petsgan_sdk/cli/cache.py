"""`petsgan-sdk cache`: the engines that were built on this machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from petsgan_sdk.cli._options import note, print_json, print_line
from petsgan_sdk.files import NO_CACHE

if TYPE_CHECKING:
    from petsgan_sdk.runtime.tensorrt.cache import EngineCache

__all__ = ["cache_app"]

cache_app = typer.Typer(
    help="List or remove the engines that `build` left.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@cache_app.command("list")
def list_command(*, as_json: AsJson = False) -> None:
    """Show every engine and what it was built for, the last used first."""
    from petsgan_sdk.runtime.tensorrt.cache import EngineCache  # noqa: PLC0415 - heavy

    cache = EngineCache()
    entries = cache.entries()
    total = sum(entry.size_bytes for entry in entries)
    if as_json:
        engines = [
            {
                "key": entry.key.to_json(),
                "plan": str(entry.plan),
                "bytes": entry.size_bytes,
                "used_at": entry.used_at,
            }
            for entry in entries
        ]
        limit = cache.limit_bytes
        print_json(
            {"folder": _folder(cache), "bytes": total, "limit_bytes": limit, "engines": engines}
        )
        return
    if cache.folder is None:
        note(f"note: there is {NO_CACHE}")
    for entry in entries:
        key = entry.key
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used_at))
        print_line(
            f"{used}  {entry.size_bytes / 1e6:7.1f} MB  {key.graph} {key.precision} of bundle "
            f"{key.bundle[:12]}, {key.flavour} {key.version}, {key.gpu} ({key.compute_capability})"
        )
    print_line(
        f"{len(entries)} engines, {total / 1e6:.1f} of {cache.limit_bytes / 1e6:.0f} MB, "
        f"in {cache.place}"
    )


@cache_app.command("clear")
def clear_command(*, as_json: AsJson = False) -> None:
    """Remove every engine."""
    from petsgan_sdk.runtime.tensorrt.cache import EngineCache  # noqa: PLC0415 - heavy

    cache = EngineCache()
    count, freed = cache.clear()
    if as_json:
        print_json({"folder": _folder(cache), "removed": count, "bytes": freed})
    else:
        print_line(f"{count} engines removed, {freed / 1e6:.1f} MB, from {cache.place}")


def _folder(cache: EngineCache) -> str | None:
    return None if cache.folder is None else str(cache.folder)
