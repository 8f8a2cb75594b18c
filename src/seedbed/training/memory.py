"""The most memory that this process has while it does something."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

SECONDS_BETWEEN_LOOKS = 0.02


def resident() -> int:
    """Bytes that this process has resident."""
    return int(psutil.Process().memory_info().rss)


@dataclass
class Peak:
    """What was seen."""

    bytes: int


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Looks at the memory of this process until the end."""
    peak, ended = Peak(resident()), threading.Event()

    def watch() -> None:
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            peak.bytes = max(peak.bytes, resident())

    watching = threading.Thread(target=watch, name="memory of this process", daemon=True)
    watching.start()
    try:
        yield peak
    finally:
        ended.set()
        watching.join()
        peak.bytes = max(peak.bytes, resident())
