from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from petsgan_sdk.imaging import encode_image
from petsgan_sdk.output import resume
from petsgan_sdk.output.resume import FileState, judge_image

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
def test_states(kind: str) -> None:
    data = encode_image(IMAGE, format=kind, comment="mine")
    assert judge_image(data, comment="mine", size_px=(24, 20)) is FileState.whole
    assert judge_image(data, comment="mine", size_px=(20, 24)) is FileState.foreign
    assert judge_image(data, comment="other", size_px=(24, 20)) is FileState.foreign
    assert judge_image(data[:-1], comment="mine", size_px=(24, 20)) is FileState.damaged
    assert judge_image(data[: len(data) // 2], comment="mine", size_px=None) is FileState.damaged


def test_a_warning_means_that_it_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(_: Any) -> None:
        warnings.warn("Corrupt EXIF data", stacklevel=1)

    monkeypatch.setattr(resume, "read_comment", warn)
    data = encode_image(IMAGE, format="png", comment="mine")
    assert judge_image(data, comment="mine", size_px=None) is FileState.damaged


def test_threads_leave_the_warnings_of_the_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first to come in is the first to go, so that the second would put back the first's."""
    data = encode_image(IMAGE, format="png", comment="mine")
    first_inside, second_inside, first_gone = (threading.Event() for _ in range(3))
    read, order = resume.read_comment, iter([1, 2])

    def waiting(image: Any) -> str | None:
        if next(order) == 1:
            first_inside.set()
            assert second_inside.wait(60)
        else:
            second_inside.set()
            assert first_gone.wait(60)
        return read(image)

    def judge() -> FileState:
        return judge_image(data, comment="mine", size_px=None)

    before = list(warnings.filters)
    monkeypatch.setattr(resume, "read_comment", waiting)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(judge)
        assert first_inside.wait(60)
        second = pool.submit(judge)
        assert first.result(60) is FileState.whole
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            warnings.warn("of another thread", stacklevel=1)
        assert [str(warning.message) for warning in heard] == ["of another thread"]
        first_gone.set()
        assert second.result(60) is FileState.whole
    assert list(warnings.filters) == before
