from __future__ import annotations

import io
import struct
import sys
import types

import numpy as np
import pytest
from PIL import Image
from support.image_files import smooth_photo

from petsgan_sdk.errors import InputError
from petsgan_sdk.imaging import load_image


def ftyp(brand, *compatible):
    body = brand + bytes(4) + b"".join(compatible)
    return struct.pack(">I", 8 + len(body)) + b"ftyp" + body


def numpy_file():
    file = io.BytesIO()
    np.save(file, smooth_photo())
    return file.getvalue()


def message_for(path):
    with pytest.raises(InputError) as caught:
        load_image(path)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a"])
@pytest.mark.parametrize(
    ("content", "found", "advice"),
    [
        (b"%PDF-1.7\n", "a PDF document", "save one page of it as PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "an EPS or PostScript drawing", "export it as PNG"),
        (b"8BPS\0\1", "a Photoshop document", "save it as PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "an SVG drawing", "export it as PNG"),
        (b"<?xml version='1.0'?>\n<!-- x -->\n<svg>", "an SVG drawing", "export it as PNG"),
        (b"\xef\xbb\xbf  <!DOCTYPE html><html>", "a web page (HTML)", "download the image itself"),
        (b"<HTML><body>404", "a web page (HTML)", "download the image itself"),
        (b"<?xml version='1.0'?><Error/>", "an XML file", "download the image itself"),
        (b'{"error": "not found"}', "a JSON file", "download the image itself"),
        (ftyp(b"crx ", b"isom"), "a raw photo of a Canon camera (CR3)", "develop it"),
        (b"II*\0\x10\0\0\0CR\2\0", "a raw photo of a Canon camera (CR2)", "develop it"),
        (b"FUJIFILMCCD-RAW 0201", "a raw photo of a Fujifilm camera (RAF)", "develop it"),
        (b"IIRO\x08\0\0\0", "a raw photo of an Olympus camera (ORF)", "develop it"),
        (b"IIU\0\x18\0\0\0", "a raw photo of a Panasonic camera (RW2)", "develop it"),
        (ftyp(b"isom", b"mp42"), "a video (MP4, QuickTime or the like)", "save one frame"),
        (ftyp(b"qt  "), "a video (MP4, QuickTime or the like)", "save one frame"),
        (b"\0\0\0\x08wide\0\0", "a video (QuickTime)", "save one frame"),
        (b"RIFF\0\0\0\0AVI LIST", "a video (AVI)", "save one frame"),
        (b"\x1aE\xdf\xa3", "a video (Matroska or WebM)", "save one frame"),
        (b"PK\3\4", "a zip archive or an office document", "unpack it"),
        (b"\x1f\x8b\x08", "a file packed by gzip", "unpack it"),
        (numpy_file(), "an array of NumPy", "save the array as an image"),
        (b"DDS |\0\0\0", "a DDS texture", "save it as PNG"),
        (b"\0\0\1\0\1\0\x20\x20\0\0\1\0\x20\0", "an icon or cursor of Windows", "save it as PNG"),
        (bytes(128) + b"DICM", "a medical image (DICOM)", "save it as PNG or TIFF"),
        (b"\xff\x0a\xfa", "a JPEG XL image", "save it as PNG"),
        (b"v/1\1", "an OpenEXR image", "convert its tones"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer", "git lfs pull"),
    ],
)
def test_says_what_a_file_is_and_what_to_do(tmp_path, name, content, found, advice):
    (tmp_path / name).write_bytes(content + bytes(200))
    text = message_for(tmp_path / name)
    assert f"must be an image that can be read, got {found}; hint: " in text
    assert advice in text.partition("; hint: ")[2]


@pytest.mark.parametrize("name", ["a.NEF", "a.dng", "a.arw", "a.cr2"])
@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_a_raw_photo_by_its_name(tmp_path, name, kind):
    Image.fromarray(smooth_photo()).save(tmp_path / name, kind)
    assert "got a raw photo of a camera" in message_for(tmp_path / name)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/photo.jpg",
        "HTTP://example.org/photo.jpg",
        "s3://bucket/photo.png",
        "ftp://example.org/a b.png",
        "https://example.org/" + "x" * 400 + ".jpg",
    ],
)
def test_urls_are_not_fetched(tmp_path, monkeypatch, url):
    monkeypatch.chdir(tmp_path)
    text = message_for(url)
    assert "must be the path of an image file, got a URL (" in text
    assert "hint: URLs are not fetched" in text
    assert "download" in text
    assert url.partition("://")[0] in text


def test_other_urls(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "hint: give it without 'file://'" in message_for("file:///tmp/no such photo.jpg")
    text = message_for("data:image/png;base64," + "A" * 5000)
    assert "got a data URL; hint: save it to a file" in text
    assert len(text) < 200
    Image.fromarray(smooth_photo()).save(tmp_path / "http:cat.png")
    np.testing.assert_array_equal(load_image(tmp_path / "http:cat.png").rgb, smooth_photo())


HEIC = ftyp(b"heic", b"mif1", b"heic") + bytes(100)


@pytest.fixture
def without_heif(monkeypatch):
    Image.init()
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HEIF"])


@pytest.mark.usefixtures("without_heif")
def test_heic_names_the_package_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for name in ("a.heic", "a.jpg"):
        (tmp_path / name).write_bytes(HEIC)
        text = message_for(tmp_path / name)
        assert "got a HEIC or HEIF photo, which needs the package pillow-heif; hint: pip" in text
        assert "pip install 'petsgan-sdk[heif]', or convert it to PNG or JPEG" in text


@pytest.mark.usefixtures("without_heif")
def test_heic_is_read_where_the_package_is_installed(tmp_path, monkeypatch):
    """The plug-in is registered at use; a PNG behind the head stands in for what it decodes."""
    png = io.BytesIO()
    Image.fromarray(smooth_photo()).save(png, "PNG")
    registered = []

    def register():
        registered.append(True)
        Image.register_open("HEIF", open_heif, lambda prefix: prefix[4:8] == b"ftyp")

    def open_heif(file, _name):
        image = Image.open(io.BytesIO(file.read()[len(HEIC) :]))
        image.n_frames = 1
        return image

    plugin = types.ModuleType("pillow_heif")
    plugin.register_heif_opener = register
    monkeypatch.setitem(sys.modules, "pillow_heif", plugin)
    (tmp_path / "a.heic").write_bytes(HEIC + png.getvalue())
    for _ in range(2):
        np.testing.assert_array_equal(load_image(tmp_path / "a.heic").rgb, smooth_photo())
    assert registered == [True]


def test_a_format_that_this_pillow_lacks(tmp_path, monkeypatch):
    (tmp_path / "a.avif").write_bytes(ftyp(b"avif", b"mif1") + bytes(100))
    Image.init()
    monkeypatch.delitem(Image.OPEN, "AVIF", raising=False)
    text = message_for(tmp_path / "a.avif")
    assert "got AVIF, which this Pillow cannot read; hint: pip install --upgrade pillow" in text


def test_an_image_with_a_signature_is_called_damaged_and_not_something_else(tmp_path):
    for start in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0\x08\0\0\0", b"GIF89a", b"BM"):
        (tmp_path / "a").write_bytes(start + b"\1" * 60)
        text = message_for(tmp_path / "a")
        assert "must be a whole image, got a" in text
        assert "damaged" in text


def test_a_tga_may_begin_as_an_icon_does(tmp_path):
    Image.fromarray(smooth_photo()).save(tmp_path / "a.tga")
    content = (tmp_path / "a.tga").read_bytes()
    assert content[:4] == b"\0\0\2\0"
    np.testing.assert_array_equal(load_image(tmp_path / "a.tga").rgb, smooth_photo())
