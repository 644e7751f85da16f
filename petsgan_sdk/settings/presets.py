"""Presets in TOML and strict overrides; the settings themselves are in `settings`.

Precedence, the later wins: the defaults written in the dataclasses, the preset's TOML file, its
table `many_layouts` where the prior has more than one layout to move, its table of the task and
that of the ablation asked for, the overrides. To add a setting, add a field in `settings`; presets
and overrides know it at once. This module imports the standard library, the settings, the registry
of families, the errors and what reads files only.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, overload

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.files.regular import read_small
from petsgan_sdk.settings import ModelSettings, PriorSettings
from petsgan_sdk.settings.families import Family, family_named, family_of_model
from petsgan_sdk.settings.typed import FieldError, from_dict, nearest, require, to_dict

__all__ = [
    "FieldError",
    "ModelSettings",
    "ablation_names",
    "from_dict",
    "load_preset",
    "parse_overrides",
    "preset_ablations",
    "preset_names",
    "require",
    "to_dict",
]

SettingsT = TypeVar("SettingsT")

_MAX_PRESET_BYTES = 1 << 20
_ABLATIONS, _MANY_LAYOUTS, _TASKS = "ablations", "many_layouts", "tasks"
"""Tables of a preset that are no settings but changes of settings."""

_MAX_DEPTH = 16
"""Of tables in a preset; settings have three."""


def preset_names(model: str = "petsgan") -> tuple[str, ...]:
    """Return the names of a model's presets in the package, sorted.

    Raises:
        ConfigError: No such model.
    """
    family_of_model(model)
    return tuple(sorted(_preset_texts(model)))


@overload
def load_preset(
    name_or_path: str | Path,
    *,
    model: str = "petsgan",
    overrides: Mapping[str, object] | None = None,
    ablation: str | None = None,
) -> ModelSettings: ...
@overload
def load_preset(
    name_or_path: str | Path,
    *,
    model: str = "petsgan",
    overrides: Mapping[str, object] | None = None,
    ablation: str | None = None,
    cls: type[SettingsT],
) -> SettingsT: ...
def load_preset(
    name_or_path: str | Path,
    *,
    model: str = "petsgan",
    overrides: Mapping[str, object] | None = None,
    ablation: str | None = None,
    cls: type[Any] | None = None,
) -> Any:
    """Read a preset and apply overrides.

    Args:
        name_or_path: A name from `preset_names`, or the path of a TOML file, which is a `Path`,
            ends in `.toml`, or has a folder.
        model: Whose presets are meant, a name from `families.model_names`; a file must be of its
            family.
        overrides: Values by dotted path, such as `{"training.steps": 200}`.
        ablation: A name from `preset_ablations`, whose changes are applied before `overrides`.
        cls: The dataclass to build. Default: that of the model's family.

    Returns:
        The checked settings.

    Raises:
        ConfigError: No such model, preset, ablation or file, not TOML, of another family, or a
            setting that is unknown, missing, of the wrong type or out of range; the message gives
            its full path.
    """
    family = family_of_model(model)
    preset = _read_toml(name_or_path, model)
    changes = _changes(preset)
    asked = {**_ablation(changes.ablations, ablation), **(overrides or {})}
    task = asked.get("task", preset.get("task"))
    if isinstance(task, str):
        asked = {**changes.tasks.get(task, {}), **asked}
    if changes.many_layouts:
        prior = from_dict(PriorSettings, _apply(preset, asked).get("prior", {}), "prior")
        asked = asked if prior.is_one_layout else {**changes.many_layouts, **asked}
    resolved = _apply(preset, asked)
    if cls is None:
        _check_family(resolved, family, model)
    return from_dict(cls or family.settings, resolved)


def preset_ablations(
    name_or_path: str | Path, *, model: str = "petsgan"
) -> dict[str, dict[str, object]]:
    """Return what each ablation of the paper's table changes in a preset.

    Args:
        name_or_path: As `load_preset`.
        model: As `load_preset`.

    Returns:
        Overrides by dotted path for each name; none where the preset is that already.

    Raises:
        ConfigError: As `load_preset`.
    """
    family_of_model(model)
    return _changes(_read_toml(name_or_path, model)).ablations


def ablation_names(model: str) -> tuple[str, ...]:
    """Return the names of the ablations that a model's presets have, each once.

    Raises:
        ConfigError: No such model.
    """
    found = [preset_ablations(preset, model=model) for preset in preset_names(model)]
    return tuple(dict.fromkeys(name for ablations in found for name in ablations))


def parse_overrides(texts: Iterable[str]) -> dict[str, object]:
    """Return overrides from texts such as `training.steps=200`, the later of two winning.

    A value is read as TOML (`200`, `0.1`, `true`, `[1, 2]`, `"text"`); what is not TOML is taken
    as a string.

    Raises:
        ConfigError: A text is not of this form.
    """
    overrides: dict[str, object] = {}
    for text in texts:
        path, separator, value = text.partition("=")
        if not separator or not all(part.strip() for part in path.split(".")):
            msg = f"config: override must be of the form path.to.setting=value, got {text!r}"
            raise ConfigError(msg)
        try:
            parsed = tomllib.loads(f"value = {value.strip()}")
        except (ValueError, RecursionError):  # ValueError: not TOML, or a number of 5000 digits
            parsed = {"value": value.strip()}
        # A line break could smuggle in further keys.
        overrides[path.strip()] = parsed["value"] if len(parsed) == 1 else value.strip()
    return overrides


def _check_family(settings: Mapping[str, Any], family: Family, model: str) -> None:
    """Refuse the preset of another family in words, rather than by its first unknown setting."""
    if "family" in settings and (found := family_named(settings["family"])) is not family:
        msg = (
            f"config: preset must be of family {family.name!r} for model {model!r}, got "
            f"{found.name!r}; hint: model {found.models[0]!r}"
        )
        raise ConfigError(msg)


def _preset_texts(model: str) -> dict[str, str]:
    folder = resources.files("petsgan_sdk").joinpath("presets", model)
    if not folder.is_dir():  # all that this model has are files of its users
        return {}
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }


def _read_toml(name_or_path: str | Path, model: str) -> dict[str, Any]:
    presets = _preset_texts(model)
    if isinstance(name_or_path, str) and name_or_path in presets:
        return tomllib.loads(presets[name_or_path])
    path = Path(name_or_path)
    if isinstance(name_or_path, str) and path.suffix != ".toml" and path.name == name_or_path:
        names = ", ".join(sorted(presets))
        close = nearest(name_or_path, presets)
        msg = f"config: preset must be one of {names} or a .toml file, got {name_or_path!r}{close}"
        raise ConfigError(msg)
    try:
        text = read_small(path, max_bytes=_MAX_PRESET_BYTES).decode("utf-8-sig")  # some mark UTF-8
        read = tomllib.loads(text)
    # ValueError: not UTF-8, not TOML, a NUL in the name; RecursionError: a thousand brackets
    except (OSError, ValueError, RecursionError) as exc:
        reason = (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
        msg = f"config: preset {str(path)!r} must be a TOML file, got {' '.join(reason.split())!r}"
        raise ConfigError(msg) from exc
    _check_depth(read, path)
    return read


def _check_depth(read: dict[str, Any], path: Path) -> None:
    """Refuse tables in tables without end, which nothing here could walk through."""
    inner: list[object] = [read]
    for _ in range(_MAX_DEPTH):
        inner = [value for table in inner if isinstance(table, dict) for value in table.values()]
    if inner:
        msg = f"config: preset {str(path)!r} must have tables at most {_MAX_DEPTH} deep, got more"
        raise ConfigError(msg)


class _Changes(NamedTuple):
    """The tables of a preset that are no settings, by dotted path."""

    ablations: dict[str, dict[str, object]]
    tasks: dict[str, dict[str, object]]
    many_layouts: dict[str, object]


def _changes(settings: dict[str, Any]) -> _Changes:
    """Take the tables of changes out of a preset."""
    many = settings.pop(_MANY_LAYOUTS, {})
    _require_table(_MANY_LAYOUTS, many)
    return _Changes(_named(settings, _ABLATIONS), _named(settings, _TASKS), _flat(many))


def _named(settings: dict[str, Any], kind: str) -> dict[str, dict[str, object]]:
    tables = settings.pop(kind, {})
    _require_table(kind, tables)
    for name, changes in tables.items():
        _require_table(f"{kind}.{name}", changes)
    return {name: _flat(changes) for name, changes in tables.items()}


def _require_table(path: str, value: object) -> None:
    if not isinstance(value, dict):
        msg = f"config: {path} must be a table, got {value!r}"
        raise ConfigError(msg)


def _ablation(known: Mapping[str, dict[str, object]], name: str | None) -> dict[str, object]:
    if name is None:
        return {}
    if name not in known:
        names = ", ".join(sorted(known)) or "none, which is all that this preset has"
        msg = f"config: ablation must be one of {names}, got {name!r}{nearest(name, known)}"
        raise ConfigError(msg)
    return {"ablation": name, **known[name]}


def _flat(table: Mapping[str, Any], path: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in table.items():
        flat |= _flat(value, f"{path}{name}.") if isinstance(value, dict) else {path + name: value}
    return flat


def _apply(settings: Mapping[str, Any], overrides: Mapping[str, object]) -> dict[str, Any]:
    changed = copy.deepcopy(dict(settings))
    for path, value in overrides.items():
        _put(changed, path, value)
    return changed


def _put(settings: dict[str, Any], path: str, value: object) -> None:
    *tables, name = path.split(".")
    for depth, table in enumerate(tables):
        inner: object = settings.setdefault(table, {})
        if not isinstance(inner, dict):
            found = ".".join(tables[: depth + 1])
            msg = f"config: {found} must be a table to hold {path}, got {inner!r}"
            raise ConfigError(msg)
        settings = inner
    settings[name] = copy.deepcopy(value)
