"""What of a canvas a graph looks at, and how much it holds: derived from its ONNX operators."""
