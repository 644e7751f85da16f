"""Samples of a bundle, of a folder, or of whole tables of trained variants, measured.

`samples` and `table` are imported when they are used: the table needs torch to train.
"""
