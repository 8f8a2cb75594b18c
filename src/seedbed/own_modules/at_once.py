"""How many processes train the seeds that are left, by what the first one took of this machine: ``trainer.seeds_at_once=auto``."""

from __future__ import annotations

import math
import os
import time
from typing import NamedTuple

import psutil

SECONDS_TO_START = 10
"""Of a process that imports PyTorch, Lightning and the user's code."""
TOLERANCE = 1.2
"""By which share the processes together may ask for more than all cores."""


class Usage(NamedTuple):
    """What was used of this machine while a seed trained, or since some moment before."""

    seconds: float
    """Wall time."""
    cpu_seconds: float
    """Of this process and of those that it has waited for, such as workers of data loaders."""
    idle_seconds: float
    """Of a core, on average over all cores of the machine, which others may use too."""

    @classmethod
    def so_far(cls) -> Usage:
        times, machine = os.times(), psutil.cpu_times()
        own = times.user + times.system + times.children_user + times.children_system
        idle = machine.idle + getattr(machine, "iowait", 0.0)
        return cls(time.perf_counter(), own, idle / (psutil.cpu_count() or 1))

    def until_now(self) -> Usage:
        """What was used since."""
        return Usage(*(now - then for now, then in zip(Usage.so_far(), self, strict=True)))


def seeds_at_once_from(first: Usage, seeds: int, cores: int, fitting: int) -> tuple[int, str]:
    """How many processes to train so many further seeds in, 1 for none but this one, and why.

    ``first``: what one seed has used; ``fitting``: processes for which there is memory. There are as many as the idle cores
    serve beside one, and so have cores enough in their share of all.
    """
    busy, idle = (
        cores_used / max(first.seconds, 1e-9) for cores_used in (first.cpu_seconds, cores * first.idle_seconds)
    )
    found = f"kept {busy:.1f} of {cores} cores busy for {first.seconds:.1f} s, and {idle:.1f} were idle"
    on = f"{found}; the other {seeds} follow one after the other, as"
    wanted = min(seeds, cores, int(TOLERANCE * (1 + idle / max(busy, 1e-9))))
    if wanted < 2:
        return 1, f"{on} two at a time would take each other's cores"
    count = min(wanted, fitting)
    if count < 2:
        return 1, f"{on} the free memory is too small for two at a time"
    if SECONDS_TO_START + math.ceil(seeds / count) * first.seconds >= seeds * first.seconds:
        return 1, f"{on} processes would take longer to start"
    return count, f"{found}; the other {seeds} train {count} at a time, each in a process with its share of the cores"


def fitting_processes() -> int:
    """How many processes of the size of this one fit into half of the free memory."""
    return int(0.5 * psutil.virtual_memory().available / psutil.Process().memory_info().rss)
