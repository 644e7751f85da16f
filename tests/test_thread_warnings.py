from __future__ import annotations

import threading
import warnings

import pytest

from petsgan_sdk._thread_warnings import warnings_ignored, warnings_raised


def test_ignored_inside_and_not_after():
    filters = list(warnings.filters)
    with warnings_ignored():
        warnings.warn("inside", UserWarning, stacklevel=1)
        with warnings_ignored():
            warnings.warn("inside", DeprecationWarning, stacklevel=1)
        warnings.warn("inside", UserWarning, stacklevel=1)
    assert warnings.filters == filters
    with pytest.warns(UserWarning, match="after"):
        warnings.warn("after", UserWarning, stacklevel=1)


def test_raised_inside_and_not_after():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        with warnings_raised(), pytest.raises(UserWarning, match="inside"):
            warnings.warn("inside", UserWarning, stacklevel=1)
        assert warnings.filters == filters
        warnings.warn("after", UserWarning, stacklevel=1)
    assert [str(each.message) for each in shown] == ["after"]


def test_the_innermost_decides():
    with warnings_raised():
        with warnings_ignored():
            warnings.warn("inside", UserWarning, stacklevel=1)
        with pytest.raises(UserWarning):
            warnings.warn("inside", UserWarning, stacklevel=1)
    with warnings_ignored():
        with warnings_raised(), pytest.raises(UserWarning):
            warnings.warn("inside", UserWarning, stacklevel=1)
        warnings.warn("inside", UserWarning, stacklevel=1)


@pytest.mark.parametrize("context", [warnings_ignored, warnings_raised])
def test_it_ends_with_an_error_too(context):
    filters = list(warnings.filters)

    def fail():
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"), context():
        fail()
    assert warnings.filters == filters


def test_threads_that_overlap_leave_the_filters_and_one_another_alone():
    """A enters, B enters, A leaves, B leaves: what `catch_warnings` does not stand."""
    entered, second_in, left = (threading.Event() for _ in range(3))
    ends = []

    def first():
        with warnings_ignored():
            entered.set()
            assert second_in.wait(10)
        left.set()

    def second():
        assert entered.wait(10)
        with warnings_ignored():
            second_in.set()
            assert left.wait(10)
            warnings.warn("still inside", UserWarning, stacklevel=1)
            ends.append("second")

    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        filters = list(warnings.filters)
        threads = [threading.Thread(target=first), threading.Thread(target=second)]
        for thread in threads:
            thread.start()
        assert entered.wait(10)
        warnings.warn("of another thread", UserWarning, stacklevel=1)
        for thread in threads:
            thread.join()
        assert warnings.filters == filters
    assert ends == ["second"]
    assert [str(each.message) for each in shown] == ["of another thread"]


def test_filters_that_are_swapped_meanwhile_do_not_keep_it():
    filters = list(warnings.filters)
    inside = warnings_ignored()
    with warnings.catch_warnings():
        inside.__enter__()
    inside.__exit__(None, None, None)
    assert warnings.filters == filters
    inside = warnings_ignored()
    inside.__enter__()
    with warnings.catch_warnings():
        inside.__exit__(None, None, None)
    assert warnings.filters == filters
