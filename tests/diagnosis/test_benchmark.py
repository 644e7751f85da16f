"""What `bench` times."""

from __future__ import annotations

from petsgan_sdk.diagnosis.benchmark import benchmark
from petsgan_sdk.runtime.sampler import Sampler


def test_each_image_is_made_once(synthesis_bundle, monkeypatch):
    made: list[int] = []
    images = Sampler.images

    def counted(self, n, *, start=0, **given):
        made.extend(range(start, start + n))
        return images(self, n, start=start, **given)

    monkeypatch.setattr(Sampler, "images", counted)
    found = benchmark(synthesis_bundle, iterations=4, threads=1)
    assert found["rows"][0]["iterations"] == 4
    assert len(made) == 1 + 5 + 4
    assert len(set(made)) == len(made), "a canvas that was kept makes the same image in no time"
