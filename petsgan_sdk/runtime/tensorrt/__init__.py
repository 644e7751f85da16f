"""TensorRT: engines of a bundle's graphs, their cache, and running them. Torch- and onnx-free."""

from __future__ import annotations
