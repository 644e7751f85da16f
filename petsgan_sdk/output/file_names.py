"""File names for generated images from a template, all of them known before the first is made.

Imports the standard library and `petsgan_sdk.errors` only.
"""

from __future__ import annotations

import re
import string

from petsgan_sdk.errors import ConfigError

__all__ = ["DEFAULT_TEMPLATE", "FIELDS", "TAR_TEMPLATE", "file_names"]

DEFAULT_TEMPLATE = "{stem}_{seed:05d}_{index:04d}_{width}x{height}"
"""Bundle's name, seed, index in the seed's stream, size in pixels."""

TAR_TEMPLATE = "{index:06d}"
"""Key of a sample in a tar."""

FIELDS = ("stem", "seed", "index", "width", "height")
"""What a template may name."""

_NUMBER_SPEC = re.compile(r"0?[0-9]{0,2}[dxX]?")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f/\\]")
_MAX_NAME_BYTES = 255


def file_names(
    template: str, count: int, *, stem: str, seed: int, size_px: tuple[int, int], extension: str
) -> list[str]:
    """The names of images 0 to `count - 1`, in order.

    Args:
        template: A name without extension; fields in braces, numbers with an optional width.
        count: Number of images.
        stem: The bundle's file name without extension.
        seed: The seed.
        size_px: `(width, height)` of the images.
        extension: Put after a dot.

    Raises:
        ConfigError: An unknown field, a bad format, a name that is no plain file name, or two
            images with the same name.
    """
    _check_fields(template)
    width, height = size_px
    fields = {"stem": stem, "seed": seed, "width": width, "height": height}
    names = [f"{template.format(index=index, **fields)}.{extension}" for index in range(count)]
    for name in names:
        _check_name(name, template)
    if len(set(names)) < count:
        msg = (
            f"name template {template!r} must give every image its own name, "
            f"got {names[0]!r} more than once; add {{index}}"
        )
        raise ConfigError(msg)
    return names


def _check_fields(template: str) -> None:
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as exc:
        msg = f"name template must have matching braces, got {template!r} ({exc})"
        raise ConfigError(msg) from exc
    for _, field, spec, conversion in parsed:
        if field is None:
            continue
        if field not in FIELDS:
            msg = f"name template may use the fields {', '.join(FIELDS)}, got {{{field}}}"
            raise ConfigError(msg)
        allowed = not spec if field == "stem" else _NUMBER_SPEC.fullmatch(spec or "")
        if conversion or not allowed:
            form = (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            msg = (
                "name template formats must be {stem} or a number with a width such as "
                f"{{index:04d}}, got {{{field}{form}}}"
            )
            raise ConfigError(msg)


def _check_name(name: str, template: str) -> None:
    if _FORBIDDEN.search(name) or name.startswith("."):
        msg = (
            f"name template {template!r} must give a plain file name without folders, "
            f"got {name!r}; choose the folder with -o"
        )
        raise ConfigError(msg)
    size = len(name.encode("utf-8", errors="surrogateescape"))
    if size > _MAX_NAME_BYTES:
        msg = (
            f"name template {template!r} must give at most {_MAX_NAME_BYTES} bytes, "
            f"got {size}; shorten it with --name"
        )
        raise ConfigError(msg)
