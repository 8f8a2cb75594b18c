"""Python's search for objects that only refer to each other, which goes through all that a process holds; memory given back."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def present_objects_spared() -> Iterator[None]:
    """Meanwhile the search leaves out what is there by now: modules above all, which stay, and take about half a second each time.

    Their number also decides how often a search goes through everything, so that without them the many short-lived objects of a
    database or a drawing cost less too, and what a training leaves, a Trainer and a module that refer to each other, is found after
    it. Leaves alone what a caller has frozen itself.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def not_searched() -> Iterator[None]:
    """Meanwhile there is no such search, for work that ends soon and leaves little behind."""
    searches = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searches:
            gc.enable()


def give_back() -> None:
    """Search, and have the C library return all pages that nothing uses: by itself, it keeps those below what is in use."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(AttributeError):  # another library than glibc's
            ctypes.CDLL(None).malloc_trim(0)
