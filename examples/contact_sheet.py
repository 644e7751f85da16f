"""Sample one bundle at three sizes and aspect ratios and put the images on one sheet.

Usage: python examples/contact_sheet.py MODEL.petsgan SHEET.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import petsgan_sdk
from petsgan_sdk.imaging import contact_sheet, save_image


def main(bundle: Path, sheet: Path) -> None:
    """Write the sheet."""
    sampler = petsgan_sdk.load(bundle)
    height, width = sampler.manifest.image_size_px
    images = [
        *sampler.sample(4, seed=1),
        *sampler.sample(2, height=height, width=2 * width, seed=2),
        *sampler.sample(4, height=width, width=width // 2 + 64, seed=3),
    ]
    save_image(sheet, contact_sheet(images, columns=4), overwrite=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
