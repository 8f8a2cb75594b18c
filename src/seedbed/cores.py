"""How many cores there are to use, and how threads on them wait for each other."""

from __future__ import annotations

import os
import time
from pathlib import Path

LOAD = Path("/proc/loadavg")
OPENMP_WAITS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
"""Environment variables of OpenMP, and of GNU's."""


def available_cores() -> int:
    """Cores that this process may use; a container or batch job often has fewer than the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def idle_cores() -> int:
    """Cores of the machine on which no other process computes at this moment; 0 where the system does not say, as only Linux does.

    ``LOAD`` has in its fourth field how many threads are running, of which this one is one: see proc_loadavg(5). One that
    runs only for a moment is not meant, so the least of a few readings counts.
    """
    try:
        running = min(_running_threads() for _ in range(3))
    except (OSError, ValueError, IndexError):
        return 0
    return (os.cpu_count() or 1) - (running - 1) if running > 0 else 0


def _running_threads() -> int:
    time.sleep(0.001)
    return int(LOAD.read_text(encoding="ascii").split()[3].partition("/")[0])


def openmp_waits() -> dict[str, str]:
    """What tells OpenMP, by ``OPENMP_WAITS``, how PyTorch's threads wait for each other after each operation.

    GNU's looks so many times whether the others are there, and then sleeps. To be woken takes long: where they soon sleep, a step
    of small networks takes up to twice as long on idle cores. Where other processes want the cores, threads that stay awake take
    these from each other, and a step takes several times as long.
    """
    looks = 20_000 if idle_cores() >= available_cores() else 1000
    return {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": str(looks)}
