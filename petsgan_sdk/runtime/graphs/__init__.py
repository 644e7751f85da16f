"""The ONNX graphs of a bundle: read strictly, and held to the operators that exports use.

Imports the standard library only, apart from what follows a whole bundle through its steps.
"""
