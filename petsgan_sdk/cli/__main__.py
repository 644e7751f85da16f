"""`python -m petsgan_sdk.cli`, the same as `petsgan-sdk`."""

from __future__ import annotations

from petsgan_sdk.cli import main

if __name__ == "__main__":
    main()
