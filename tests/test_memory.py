"""Memory that was freed goes back to the system."""

from __future__ import annotations

import sys

import psutil
import pytest

from seedbed.memory import give_back


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
