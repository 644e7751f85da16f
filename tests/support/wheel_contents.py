"""What a wheel of the package may hold: `python tests/support/wheel_contents.py dist/*.whl`.

`make wheel` runs it on what it has built, and the release on every wheel. It needs no package.
"""

from __future__ import annotations

import email
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A build for one Python with the CUDA kernels of four architectures has 2 MB.
MAX_MEGABYTES = 4
PARTS = ("_core", "libpetsgan_ort", "_cuda", "libpetsgan_cuda")  # the latter two where nvcc was
NEEDED = {
    "petsgan_sdk/__init__.py",
    "petsgan_sdk/_core.pyi",
    "petsgan_sdk/_pyinstaller/hook-petsgan_sdk.py",
    "petsgan_sdk/presets/instant/fast.toml",
    "petsgan_sdk/py.typed",
}
SUFFIXES = {".py", ".pyi", ".toml", ".typed", ".so", ".dylib"}


def compiled_parts(names: list[str]) -> list[str]:
    """The compiled files among a wheel's names, without folder, tags and suffix."""
    compiled = [Path(name).name for name in names if name.endswith((".so", ".dylib"))]
    return sorted(name.partition(".")[0] for name in compiled)


def problems(wheel: Path) -> list[str]:
    """What is wrong with a wheel, a line each; the compiled parts may be missing altogether."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    described = f"petsgan_sdk-{project['version']}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        metadata = email.message_from_bytes(archive.read(f"{described}/METADATA"))
    found = [f"lacks {name}" for name in sorted(NEEDED - {*names})]
    for name in names:
        folder, _, inside = name.partition("/")
        # Another top-level folder would be libraries that auditwheel had to copy into the wheel.
        if folder not in {"petsgan_sdk", described}:
            found.append(f"holds {name}, which is neither the package nor its description")
        elif folder == "petsgan_sdk" and Path(inside).suffix not in SUFFIXES:
            found.append(f"holds {name}, which is no part of the package")
    parts = compiled_parts(names)
    if parts not in ([], sorted(PARTS[:2]), sorted(PARTS)):
        found.append(f"holds the compiled parts {parts}, expected all of {PARTS} or the first two")
    if wheel.stat().st_size > MAX_MEGABYTES * 1e6:
        found.append(f"has {wheel.stat().st_size / 1e6:.1f} MB, expected at most {MAX_MEGABYTES}")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    if metadata.get_payload(decode=True) != readme.encode() or (
        metadata["Description-Content-Type"] != "text/markdown"
    ):
        found.append("is not described by README.md, as Markdown")
    licences = [metadata.get(name) for name in ("License", "License-Expression", "License-File")]
    if any(licences) != ("No licence has been chosen yet" not in readme):
        found.append(f"names the licences {licences}, and README.md says otherwise")
    return found


def main(wheels: list[Path]) -> int:
    """Say what each wheel holds; 1 where one is wrong."""
    failed = not wheels
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
        parts = ", ".join(compiled_parts(names)) or "nothing compiled"
        size = wheel.stat().st_size / 1e6
        print(f"{wheel.name}: {size:.2f} MB, {len(names)} files, {parts}")  # noqa: T201
        for problem in [*problems(wheel), *([] if compiled_parts(names) else ["is not compiled"])]:
            print(f"error: {wheel.name} {problem}", file=sys.stderr)  # noqa: T201
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main([Path(word) for word in sys.argv[1:]]))
