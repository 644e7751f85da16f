"""Torch to ONNX graphs to one bundle."""
