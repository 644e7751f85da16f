from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from petsgan_sdk.errors import ConfigError, OutputError, ShapeError
from petsgan_sdk.imaging import (
    encode_image,
    load_image,
    save_image,
)


@pytest.mark.parametrize("kind", ["png", "jpg", "jpeg", "webp", "PNG"])
def test_encode(photo, kind):
    content = encode_image(photo, format=kind)
    assert content == encode_image(photo, format=kind)
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == {"png": "PNG", "webp": "WEBP"}.get(kind.lower(), "JPEG")
        assert np.abs(np.asarray(image).astype(int) - photo).max() <= (0 if "n" in kind else 24)


def test_quality_matters(photo):
    assert len(encode_image(photo, format="jpg", quality=20)) < len(
        encode_image(photo, format="jpg", quality=95)
    )


def test_encode_takes_a_view(photo):
    with Image.open(io.BytesIO(encode_image(photo[::2, ::-1]))) as image:
        np.testing.assert_array_equal(np.asarray(image), photo[::2, ::-1])


def test_encode_refuses(photo):
    with pytest.raises(ConfigError, match="must be one of png, jpg, jpeg, webp, got 'bmp'"):
        encode_image(photo, format="bmp")
    for quality in (0, 101):
        with pytest.raises(ConfigError, match="quality: must be from 1 to 100"):
            encode_image(photo, quality=quality)
    wide = np.zeros((1, 16384, 3), np.uint8)
    with pytest.raises(OutputError, match="webp holds sides up to 16383 px, got 16384x1; hint"):
        encode_image(wide, format="webp")
    encode_image(wide, format="png")
    with pytest.raises(ShapeError):
        encode_image(photo[:, :, 0])


def test_save_image(tmp_path, photo):
    save_image(tmp_path / "a.png", photo)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png").rgb, photo)
    with pytest.raises(OutputError, match="must not exist yet"):
        save_image(tmp_path / "a.png", photo)
    save_image(tmp_path / "a.png", photo[:20], overwrite=True)
    assert load_image(tmp_path / "a.png").rgb.shape == (20, 64, 3)
    save_image(tmp_path / "no extension", photo, format="webp")
    for name in ("a.txt", "plain"):
        with pytest.raises(ConfigError, match="must be one of"):
            save_image(tmp_path / name, photo)
    assert len(list(tmp_path.iterdir())) == 2
