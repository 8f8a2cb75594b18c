"""Memory that is not needed any more goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def collecting_what_comes() -> Iterator[None]:
    """Have Python's garbage collector look only at what is made meanwhile, and not at all that was imported before.

    It looks at everything only when there is a quarter more than the last time. What a training leaves is far less than what is
    imported for it, and would stay for many trainings: a ``Trainer`` and its module refer to each other.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def give_back() -> None:
    """Collect garbage, and have the C library return all pages that nothing uses: by itself, it keeps those below what is in use."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(AttributeError):  # another library than glibc's
            ctypes.CDLL(None).malloc_trim(0)
