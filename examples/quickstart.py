"""Sample a bundle from a program; needs numpy, for networks onnxruntime, never torch.

Usage: python examples/quickstart.py examples/chelsea.petsgan
"""

from __future__ import annotations

import sys

from PIL import Image

import petsgan_sdk

sampler = petsgan_sdk.load(sys.argv[1])
images = sampler.sample(4, height=200, width=320, seed=7)  # uint8 [4, 200, 320, 3]
for number, image in enumerate(images):
    Image.fromarray(image).save(f"sample_{number}.png")
