"""What this machine can do, and how fast: `doctor` and `bench`."""
