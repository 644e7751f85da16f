"""Hook of PyInstaller: what its analysis of `import petsgan_sdk` does not find."""

from __future__ import annotations

from PyInstaller.utils.hooks import copy_metadata

from petsgan_sdk._pyinstaller import (
    compiled_files,
    data_folders,
    distributions,
    hidden_imports,
)

hiddenimports = hidden_imports()
binaries = compiled_files()
datas = data_folders() + [entry for name in distributions() for entry in copy_metadata(name)]
