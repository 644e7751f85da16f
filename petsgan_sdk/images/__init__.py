"""What `petsgan_sdk.imaging` is made of: files to pixels and back. Never imports torch.

`decode` is what reads a file; the modules beside it know one thing each: what a file is, where its
metadata lies, what its profile and its TIFF tags mean, and how samples become 8-bit sRGB.
"""
