"""Fit a photo by numpy and our kernels: models without networks, for which torch is not needed."""
