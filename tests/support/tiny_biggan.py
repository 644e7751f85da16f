"""A BigGAN of the public layout with a twelfth of its width and random weights."""

from __future__ import annotations

import torch

from petsgan_sdk.models.biggan import (
    BigganDiscriminator,
    BigganGenerator,
    DiscriminatorArchitecture,
    GeneratorArchitecture,
)

WIDTH, CHUNK, EMBEDDING, CLASSES = 8, 3, 5, 4


def tiny_pair(size_px=128, *, seed=0):
    """A generator and its discriminator, statistics and gains unlike those of a fresh network."""
    sizes = {"size_px": size_px, "width": WIDTH, "num_classes": CLASSES}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = BigganGenerator(
            GeneratorArchitecture(**sizes, chunk=CHUNK, embedding=EMBEDDING)
        )
        discriminator = BigganDiscriminator(DiscriminatorArchitecture(**sizes))
        for network in (generator, discriminator):
            for name, tensor in network.state_dict().items():
                if name.endswith(("stored_mean", "gamma", "output_layer.0.bias")):
                    tensor.normal_(0, 0.5)
                elif name.endswith(("stored_var", "output_layer.0.gain")):
                    tensor.uniform_(0.5, 2)
    return generator.eval(), discriminator.eval()


def write_tiny(folder, size_px=128, *, seed=0):
    """Write `G_ema.pth` and `D.pth` as the public code does, and return the folder."""
    generator, discriminator = tiny_pair(size_px, seed=seed)
    folder.mkdir(exist_ok=True)
    torch.save(generator.state_dict(), folder / "G_ema.pth")
    torch.save(discriminator.state_dict(), folder / "D.pth")
    return folder
