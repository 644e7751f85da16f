"""What a file is by its first bytes: for the files that people take for photos and that are not.

This module imports the standard library only.
"""

from __future__ import annotations

import re

__all__ = ["HEAD_BYTES", "RAW_PHOTO", "has_raw_ending", "known_image", "other_kind", "url_scheme"]

HEAD_BYTES = 1024
"""How much of a file is looked at."""

_SAVE = "open it in an image editor and save it as PNG"
_DEVELOP = "develop it with a raw converter and save it as TIFF, PNG or JPEG"
_FRAME = "save one frame of it as PNG, with a video player or ffmpeg"
_PAGE = "save one page of it as PNG, such as with pdftoppm -png"
_DRAW = "export it as PNG at the size that you want, such as with Inkscape"
_AGAIN = "download the image itself; this is the page around it or an error message"
_UNPACK = "unpack it and give one of the images in it"
_ARRAY = "save the array as an image, such as with PIL.Image.fromarray"

RAW_PHOTO = ("a raw photo of a camera, of which only a thumbnail could be read", _DEVELOP)
"""What a raw photo inside a TIFF is, and what to do with it."""
_RAW_ENDINGS: tuple[str, ...] = (
    ".nef",
    ".nrw",
    ".cr2",
    ".arw",
    ".srf",
    ".sr2",
    ".dng",
    ".pef",
    ".srw",
    ".3fr",
)
_RAW_ENDINGS += (".iiq", ".dcr", ".kdc", ".mef", ".mos", ".erf", ".rwl", ".raf", ".orf", ".rw2")

_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF-", "a PDF document", _PAGE),
    (b"%!PS", "an EPS or PostScript drawing", _DRAW),
    (b"\xc5\xd0\xd3\xc6", "an EPS or PostScript drawing", _DRAW),
    (b"8BPS", "a Photoshop document", _SAVE),
    (b"gimp xcf", "a GIMP document", _SAVE),
    (b"\xff\x0a", "a JPEG XL image", _SAVE),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image", _SAVE),
    (b"FUJIFILMCCD-RAW", "a raw photo of a Fujifilm camera (RAF)", _DEVELOP),
    (b"IIRO", "a raw photo of an Olympus camera (ORF)", _DEVELOP),
    (b"IIRS", "a raw photo of an Olympus camera (ORF)", _DEVELOP),
    (b"MMOR", "a raw photo of an Olympus camera (ORF)", _DEVELOP),
    (b"IIU\0", "a raw photo of a Panasonic camera (RW2)", _DEVELOP),
    (b"FOVb", "a raw photo of a Sigma camera (X3F)", _DEVELOP),
    (b"\0MRM", "a raw photo of a Minolta camera (MRW)", _DEVELOP),
    (b"DDS ", "a DDS texture", _SAVE),
    (b"qoif", "a QOI image", _SAVE),
    (b"icns", "an icon of macOS", _SAVE),
    (b"II\xbc", "a JPEG XR image", _SAVE),
    (b"BPG\xfb", "a BPG image", _SAVE),
    (
        b"v/1\x01",
        "an OpenEXR image",
        "convert its tones to 8 or 16 bits and save it as PNG or TIFF",
    ),
    (b"#?RADIANCE", "a Radiance HDR image", "convert its tones and save it as PNG or TIFF"),
    (b"SIMPLE  =", "a FITS image", "scale it to 8 or 16 bits and save it as PNG or TIFF"),
    (b"\x93NUMPY", "an array of NumPy", _ARRAY),
    (b"\x89HDF", "an HDF5 file", _ARRAY),
    (b"PK\x03\x04", "a zip archive or an office document", _UNPACK),
    (b"Rar!", "a rar archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"\x1f\x8b", "a file packed by gzip", _UNPACK),
    (b"\x1aE\xdf\xa3", "a video (Matroska or WebM)", _FRAME),
    (b"FLV\x01", "a video (Flash)", _FRAME),
    (b"\0\0\x01\xba", "a video (MPEG)", _FRAME),
    (b"\0\0\x01\xb3", "a video (MPEG)", _FRAME),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile", _DRAW),
    (b"version https://git-lfs", "a Git LFS pointer", "fetch the file itself: git lfs pull"),
    (b"petsgan-", "a file of petsgan-sdk", "give a photo here"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2")
_IMAGES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xffO\xffQ", "JPEG2000"),
)
# A TGA may start with the same four bytes, but says next where a palette is that it lacks.
_ICON = re.compile(rb"\0\0[\1\2]\0[\1-\x3f]\0..[\0-\xff]\0[\0-\xff]", re.DOTALL)
_URL = re.compile(r"(?i)(https?|ftps?|sftp|s3|gs|file|data):")


def other_kind(head: bytes) -> tuple[str, str] | None:
    """What a file is that is not an image that can be read, and what to do with it.

    Args:
        head: Its first `HEAD_BYTES` bytes.

    Returns:
        Both as text; None for an image, and for what is not known.
    """
    for start, kind, advice in _STARTS:
        if head.startswith(start):
            return kind, advice
    if head[128:132] == b"DICM":
        return "a medical image (DICOM)", "save it as PNG or TIFF with a DICOM viewer"
    if head[8:10] == b"CR" and head[:4] == b"II*\0":
        return "a raw photo of a Canon camera (CR2)", _DEVELOP
    if head[6:14] in (b"HEAPCCDR", b"HEAPJPGM"):
        return "a raw photo of a Canon camera (CRW)", _DEVELOP
    if head[8:12] == b"IIII" and head[:4] == b"II*\0":
        return "a raw photo of a Phase One camera (IIQ)", _DEVELOP
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "a video (AVI)", _FRAME
    if head[4:8] == b"ftyp":
        return _kind_by_brand(head)
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free"):
        return "a video (QuickTime)", _FRAME
    if _ICON.match(head):
        return "an icon or cursor of Windows", _SAVE
    return _kind_of_text(head)


def _kind_by_brand(head: bytes) -> tuple[str, str] | None:
    """The family of containers to which HEIC, AVIF and most videos belong."""
    brand = head[8:12]
    if brand == b"crx ":
        return "a raw photo of a Canon camera (CR3)", _DEVELOP
    if _is_heif(head) or _is_avif(head):
        return None
    return "a video (MP4, QuickTime or the like)", _FRAME


def _kind_of_text(head: bytes) -> tuple[str, str] | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.replace(b"\0", b"")[2:]
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not text.startswith((b"<", b"{", b"[")):
        return None
    if b"<svg" in text:
        return "an SVG drawing", _DRAW
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or b"<html" in text:
        return "a web page (HTML)", _AGAIN
    if text.startswith(b"<?xml"):
        return "an XML file", _AGAIN
    if text.startswith((b'{"', b"{\n", b"{ ", b"{\r", b'[{"')):
        return "a JSON file", _AGAIN
    return None


def _is_heif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS and not _is_avif(head)


def _is_avif(head: bytes) -> bool:
    brands = head[8 : min(int.from_bytes(head[:4], "big"), 64)]
    return head[4:8] == b"ftyp" and (b"avif" in brands or b"avis" in brands)


def known_image(head: bytes) -> str | None:
    """The format of an image by its signature, in Pillow's words; None without one."""
    if _is_avif(head):
        return "AVIF"
    if _is_heif(head):
        return "HEIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    return next((name for start, name in _IMAGES if head.startswith(start)), None)


def has_raw_ending(name: str) -> bool:
    """Whether a file is named as the raw photo of a camera, which may begin as a TIFF."""
    return name.lower().endswith(_RAW_ENDINGS)


def url_scheme(name: str) -> str | None:
    """The scheme of what is written like a URL."""
    match = _URL.match(name)
    return match[1].lower() if match else None
