"""From a photo to a checkpoint to a bundle: what every model family goes through, torch-free.

`train` and `export_bundle` ask the registry of families who does the work, `training` and `export`
or `fitting`; what those have in common is here.
"""
