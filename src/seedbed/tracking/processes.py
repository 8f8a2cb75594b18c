"""Which process a run belongs to, and whether that process can still be alive."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping

import psutil

# Heartbeats come with validations, and an epoch of a large model may take hours.
STALE_AFTER_SECONDS = 24 * 3600


def this_process() -> dict[str, str]:
    """What tells this process from all others, on this host and elsewhere, as tags."""
    process = psutil.Process()
    return {
        "host": socket.gethostname(),
        "pid": str(process.pid),
        "process_start": f"{process.create_time():.2f}",
        **heartbeat(),
    }


def heartbeat() -> dict[str, str]:
    """The tag that keeps a run from being taken for dead on another host."""
    return {"heartbeat": f"{time.time():.0f}"}


def surely_gone(process: Mapping[str, str]) -> bool:
    """Whether a process that has described itself by ``this_process`` cannot be alive."""
    if process.get("host") != socket.gethostname():
        return time.time() - float(process.get("heartbeat", 0)) > STALE_AFTER_SECONDS
    try:
        current = psutil.Process(int(process["pid"]))
        other = abs(current.create_time() - float(process["process_start"])) > 1
        return other or current.status() == psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError):
        return True
