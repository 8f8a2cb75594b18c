"""Signals that end a run: they interrupt it, so that its records say so and what is finished is kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# How a batch system announces that a job will soon be ended: SLURM by what --signal names, Grid Engine and LSF by any of
# these. Where nobody handles it, each would end the process at once.
WARNINGS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)


@contextmanager
def ending_signals_interrupt() -> Iterator[None]:
    """Let SIGTERM end the run like an interrupt, by ``SystemExit``; so too warnings that nothing else handles."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    warned = False

    def interrupt(number: int, _: object) -> None:
        nonlocal warned
        if number in WARNINGS:
            if warned:  # the run is being ended, and must not be kept from saying so
                return
            warned = True
        raise SystemExit(128 + number)

    unhandled = [number for number in WARNINGS if signal.getsignal(number) == signal.SIG_DFL]
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, *unhandled)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_warnings() -> None:
    """In a process whose parent ends it: a batch system sends its warnings to both."""
    for number in WARNINGS:
        signal.signal(number, signal.SIG_IGN)


def ended_by(exit_code: object) -> str | None:
    """The name of the signal that ``ending_signals_interrupt`` has made into this exit code; None for any other."""
    names = {128 + number: number.name for number in (signal.SIGTERM, *WARNINGS)}
    return names.get(exit_code) if isinstance(exit_code, int) else None
