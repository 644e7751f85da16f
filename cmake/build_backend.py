"""scikit-build-core, which builds this package, behind one question: is there a compiler?

Without one CMake says so at length; this says it in one line. All else is scikit-build-core's.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from pathlib import Path

from scikit_build_core import build as _build
from scikit_build_core.build import *  # noqa: F403 - the hooks that nothing is asked before

Settings = Mapping[str, str | list[str]] | None

# In CMake's order, less those for other systems; `CXX` goes before them.
_COMPILERS = ("c++", "g++", "clang++", "icpx")
_CHOSEN = ("CMAKE_CXX_COMPILER", "CMAKE_TOOLCHAIN_FILE")
_CMAKE_SWITCHES = ("wheel.cmake", "skbuild.wheel.cmake", "SKBUILD_WHEEL_CMAKE")


def missing(settings: Settings = None) -> str | None:
    """What a build from source lacks here, as one line, or None.

    Nothing is looked for where the compiler is CMake's own setting, or nothing is compiled.

    Args:
        settings: The `config_settings` of a build hook.
    """
    named = {**os.environ, **(settings or {})}
    off = [named.get(name) for name in _CMAKE_SWITCHES]
    if any(str(value).lower() in {"false", "off", "0", "no"} for value in off):
        return None
    if any(word in f"{name}={value}" for name, value in named.items() for word in _CHOSEN):
        return None
    wanted = shlex.split(os.environ.get("CXX", ""))[:1]
    if not any(map(shutil.which, wanted or _COMPILERS)):
        found = f"CXX names {wanted[0]}, which is not there" if wanted else "none is on PATH"
        return (
            f"petsgan-sdk is compiled here and needs a C++17 compiler, but {found}: "
            "install one (apt install g++, dnf install gcc-c++, xcode-select --install), or a wheel"
        )
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        return (
            f"petsgan-sdk is compiled here and needs Python's headers, but {headers} has none: "
            "install them (apt install python3-dev, dnf install python3-devel), or a wheel"
        )
    return None


def _asking(hook: Callable[..., object]) -> Callable[..., object]:
    settings_at = 0 if hook.__name__.startswith("get_requires") else 1

    @wraps(hook)
    def asked(*args: object, **kwargs: object) -> object:
        settings = kwargs.get("config_settings", (*args, None, None)[settings_at])
        problem = missing(settings)  # type: ignore[arg-type]
        if problem is not None:
            sys.exit(f"error: {problem}")
        return hook(*args, **kwargs)

    return asked


# Installers ask for requirements first, and not at all where builds are not isolated. What is only
# described needs no compiler.
get_requires_for_build_wheel = _asking(_build.get_requires_for_build_wheel)
get_requires_for_build_editable = _asking(_build.get_requires_for_build_editable)
build_wheel = _asking(_build.build_wheel)
build_editable = _asking(_build.build_editable)

# A build leaves nothing among the sources, and Python has just kept this module's bytecode there.
if __spec__ is not None and __spec__.cached is not None:
    with suppress(OSError):
        Path(__spec__.cached).unlink()
        Path(__spec__.cached).parent.rmdir()
