"""A campaign of hostile input and of kills, which tests run in small and `make` in full.

It lies among the tests, since it is made of their small models, and a wheel holds no tests. Linux
only: memory and processor time of a trial are read from `/proc`.
"""

from __future__ import annotations
