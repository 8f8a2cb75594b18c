"""Memory that was freed goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress


def give_back() -> None:
    """Have the C library return all pages that nothing uses any more; by itself, it keeps those below what is still in use."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # another library than glibc's
            ctypes.CDLL(None).malloc_trim(0)
