"""What `imaging.decode` is made of: each module knows one thing.

What a file is, where its metadata lies, what its profile and its TIFF tags mean, and how samples
become 8-bit sRGB.
"""
