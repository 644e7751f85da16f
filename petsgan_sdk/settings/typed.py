"""Dataclasses from plain data and back, strictly: every key known, every value of its type.

Generic machinery under `presets` and `manifest`; it knows no setting. This module imports the
standard library and the base of the SDK only.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import sys
import types
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from petsgan_sdk._text import printable, short
from petsgan_sdk.errors import ConfigError, PetsganError

__all__ = ["FieldError", "from_dict", "nearest", "require", "to_dict"]

T = TypeVar("T")

_MAX_NAME_CHARS = 80
"""Of a key in a message; no name of ours is as long."""


class FieldError(ConfigError):
    """A field of a dataclass is out of range; `from_dict` puts the full dotted path in front."""

    def __init__(self, owner: object, field: str, problem: str) -> None:
        """Name the class, since a path is not known here."""
        super().__init__(f"config: {type(owner).__name__}.{field} {problem}")
        self.field = field
        self.problem = problem


def require(owner: object, field: str, is_valid: bool, *, expected: str) -> None:
    """Check one field in `__post_init__`.

    Args:
        owner: The dataclass instance.
        field: Name of the field; the start of its value is quoted in the message.
        is_valid: The outcome of the check.
        expected: What the field must be, such as `"at least 1"`.

    Raises:
        FieldError: `is_valid` is false.
    """
    if not is_valid:
        raise FieldError(owner, field, f"must be {expected}, got {short(getattr(owner, field))}")


def from_dict(
    cls: type[T],
    data: object,
    path: str = "",
    *,
    error: type[PetsganError] = ConfigError,
    label: str = "config",
) -> T:
    """Build a dataclass from nested plain data such as JSON or TOML.

    Field types may be bool, int, float (an int is taken), str, `Literal`, `X | None`, tuples,
    `dict[str, X]`, `Any`, other dataclasses, and unions of dataclasses that carry a `Literal`
    field `kind`. A field without a default must be given; a key without a field is refused.

    Args:
        cls: The dataclass, defined at the top level of a module.
        data: A mapping with string keys.
        path: Dotted path of `data`, for messages.
        error: What to raise.
        label: First word of every message.

    Returns:
        An instance of `cls`, whose `__post_init__` has checked the ranges.

    Raises:
        PetsganError: `error`, with one line that gives the full dotted path, what was expected
            and what was found; for an unknown key also the valid names and the nearest one.
    """
    result: T = _Builder(error, label).table(cls, data, path)
    return result


def to_dict(value: object) -> dict[str, Any]:
    """Return a dataclass as nested dicts, lists and scalars, the inverse of `from_dict`."""
    plain: dict[str, Any] = _plain(value)
    return plain


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'"` for the most similar known name, or an empty string."""
    # Comparing takes time in proportion to the length, and a name from a file may have megabytes.
    match = difflib.get_close_matches(name[:_MAX_NAME_CHARS], list(known), n=1)
    return f"; did you mean {match[0]!r}" if match else ""


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


@dataclasses.dataclass(frozen=True, slots=True)
class _Builder:
    """One `from_dict` call: how to fail, and a method per kind of type."""

    error: type[PetsganError]
    label: str

    def fail(self, path: str, problem: str) -> NoReturn:
        msg = f"{self.label}: {path or 'the whole'} {problem}"
        raise self.error(printable(" ".join(msg.split())))  # a key from a file may hold anything

    def expect(self, path: str, expected: str, value: object) -> NoReturn:
        self.fail(path, f"must be {expected}, got {short(value)}")

    def table(self, cls: type, data: object, path: str) -> Any:
        if not isinstance(data, Mapping):
            self.expect(path, "a table", data)
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for key in data:
            if key not in fields:
                dotted = _join(path, str(key))
                names = ", ".join(fields)
                self.fail(dotted, f"is unknown{nearest(str(key), fields)}; valid names: {names}")
        values: dict[str, Any] = {}
        for name, field in fields.items():
            dotted = _join(path, name)
            if name in data:
                values[name] = self.value(_hints(cls)[name], data[name], dotted)
            elif dataclasses.MISSING is field.default is field.default_factory:
                self.fail(dotted, "must be given, got nothing")
        try:
            return cls(**values)
        except FieldError as exc:
            self.fail(_join(path, exc.field), exc.problem)

    def value(self, hint: Any, value: object, path: str) -> Any:
        origin = get_origin(hint)
        if hint in (Any, object):
            return value
        if origin in (Union, types.UnionType):
            return self.union(get_args(hint), value, path)
        if origin is Literal:
            choices = get_args(hint)
            if not any(type(value) is type(choice) and value == choice for choice in choices):
                shown = " or ".join(map(repr, choices))
                close = nearest(value, map(str, choices)) if isinstance(value, str) else ""
                self.fail(path, f"must be {shown}, got {short(value)}{close}")
            return value
        if origin is tuple:
            return self.sequence(get_args(hint), value, path)
        if origin is dict:
            return self.mapping(get_args(hint)[1], value, path)
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            return self.table(hint, value, path)
        return self.scalar(hint, value, path)

    def scalar(self, hint: Any, value: object, path: str) -> Any:
        if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
            if not abs(value) <= sys.float_info.max:  # NaN, infinity, or an integer beyond them
                self.expect(path, "a finite number", value)
            return float(value)
        if hint not in (bool, int, float, str):
            msg = f"{path}: fields of type {hint!r} are not supported"
            raise TypeError(msg)
        if type(value) is not hint:
            names = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}
            self.expect(path, names[hint], value)
        return value

    def union(self, options: tuple[Any, ...], value: object, path: str) -> Any:
        if value is None and type(None) in options:
            return None
        options = tuple(option for option in options if option is not type(None))
        if len(options) == 1:
            return self.value(options[0], value, path)
        if not isinstance(value, Mapping):
            self.expect(path, "a table", value)
        kinds = {get_args(_hints(option)["kind"])[0]: option for option in options}
        kind = value.get("kind")
        if not isinstance(kind, str) or kind not in kinds:
            self.expect(_join(path, "kind"), f"one of {', '.join(kinds)}", kind)
        return self.table(kinds[kind], value, path)

    def sequence(self, hints: tuple[Any, ...], value: object, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            self.expect(path, "a list", value)
        if hints[-1] is Ellipsis:
            hints = (hints[0],) * len(value)
        if len(hints) != len(value):
            self.expect(path, f"a list of {len(hints)}", value)
        pairs = zip(hints, value, strict=True)
        return tuple(self.value(h, item, f"{path}[{i}]") for i, (h, item) in enumerate(pairs))

    def mapping(self, hint: Any, value: object, path: str) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            self.expect(path, "a table", value)
        return {key: self.value(hint, item, _join(path, key)) for key, item in value.items()}


def _join(path: str, name: str) -> str:
    name = name[:_MAX_NAME_CHARS]
    return f"{path}.{name}" if path else name
