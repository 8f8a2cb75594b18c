"""Memory that is not needed any more goes back to the system."""

from __future__ import annotations

import gc
import sys
import weakref

import psutil
import pytest

from seedbed.memory import collecting_what_comes, give_back


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_what_lies_between_things_in_use_is_given_back() -> None:
    resident = psutil.Process().memory_info
    some = [bytes(4000) for _ in range(10_000)]
    in_use = some[::100]  # the last one too, so that the heap's end stays where it is
    before = resident().rss
    del some
    give_back()
    assert before - resident().rss > 20e6
    assert len(in_use) == 100


class Own:
    """Refers to itself."""

    def __init__(self) -> None:
        self.me = self


def test_what_refers_to_itself_is_collected_but_for_what_was_there_before() -> None:
    gc.collect()
    before, meanwhile = Own(), None
    was_there = weakref.ref(before)
    with collecting_what_comes():
        assert gc.get_freeze_count() > 1000
        meanwhile = weakref.ref(Own())
        del before
        give_back()
        assert meanwhile() is None
        assert was_there() is not None
    assert gc.get_freeze_count() == 0
    give_back()
    assert was_there() is None
