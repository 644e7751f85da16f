"""What the ending of an output's name says it should be, so that nothing else is made under it.

Imports the standard library, `petsgan_sdk.errors` and `petsgan_sdk.files.regular` only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.files.regular import is_folder

__all__ = ["check_ending"]

_IMAGES = """
apng arw avif avifs blp bmp bw cr2 cr3 cur dcx dds dib dng emf eps exr fit fits fli flc ftc ftu gbr
gif hdr heic heics heif heifs hif icb icns ico iim j2c j2k jfif jif jp2 jpc jpe jpeg jpf jpg jpx
jxl jxr mic mpo msp nef orf pam pbm pcd pcx pdf pfm pgm png pnm ppm psb psd ps pxr qoi raf ras raw
rgb rgba sgi svg svgz tga tif tiff vda vst webp wmf xbm xcf xpm
"""
_ARCHIVES = """
7z ar br bz2 cab cpio dmg gz iso jar lz lz4 lzma lzo rar tar taz tb2 tbz tbz2 tgz tlz txz tz2 tzst
wim xar xz z zip zst
"""
_MODELS = """
bin caffemodel ckpt coreml engine gguf ggml h5 hdf5 joblib keras mlmodel mnn npy npz nnef onnx ort
param params pb petsgan pickle pkl plan pt pte pth safetensors tensorrt tflite torchscript trt
"""
_OTHERS = """
avi csv db doc docx feather flac htm html ini ipynb json jsonl lmdb log m4v md mkv mov mp3 mp4 mpeg
mpg ogg ogv parquet py sh sqlite tfrecord tfrecords toml tsv txt wav webm xls xlsx xml y4m yaml yml
"""
_KNOWN = frozenset(" ".join((_IMAGES, _ARCHIVES, _MODELS, _OTHERS)).split())
"""Endings that name a file format. Any other may be a part of a name, as in `out.v2`."""


def check_ending(
    path: Path,
    accepted: Collection[str],
    *,
    expected: str,
    hints: Mapping[str, str] | None = None,
    option: str = "-o",
) -> None:
    """Refuse an output whose name says that it is of a format in which it is not written.

    A folder of that name that is there already is no such name.

    Args:
        path: The output.
        accepted: Endings in which it is written, in small letters and without a dot.
        expected: What the option must name, for the message.
        hints: What to do instead, by ending.
        option: Its name, for the message.

    Raises:
        ConfigError: The ending is that of another format, or the name is `-`.
    """
    if str(path) == "-":
        msg = f"{option} must name {expected}, got '-'; results are not written to stdout"
        raise ConfigError(msg)
    ending = path.suffix.lower().removeprefix(".")
    if ending not in _KNOWN or ending in accepted or is_folder(path):
        return
    hint = (hints or {}).get(ending)
    msg = f"{option} must name {expected}, got {str(path)!r}"
    raise ConfigError(f"{msg}; hint: {hint}" if hint else msg)
