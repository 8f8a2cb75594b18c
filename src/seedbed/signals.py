"""Signals that end a run: they interrupt it, so that its records say so and what is finished is kept.

A server that a command starts ends with the command.
"""

from __future__ import annotations

import contextlib
import multiprocessing.process
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

# How a batch system announces that a job will soon be ended: SLURM by what --signal names, Grid Engine and LSF by any of
# these. Where nobody handles it, each would end the process at once.
WARNINGS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
SECONDS_TO_END = 10


@contextmanager
def ending_signals_interrupt() -> Iterator[None]:
    """Let SIGTERM end the run like an interrupt, by ``SystemExit``; so too warnings that nothing else handles.

    So too SIGHUP, of a terminal that is closed, unless ``nohup`` has it ignored.
    """
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

    unhandled = [number for number in (signal.SIGHUP, *WARNINGS) if signal.getsignal(number) == signal.SIG_DFL]
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, *unhandled)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent() -> None:
    """Leave it to the parent when this worker process ends: interrupts from the keyboard and a batch system's warnings, which both
    get, are ignored; and where the parent is gone, however it ended, there is nobody left to work for.
    """
    for number in (signal.SIGINT, *WARNINGS):
        signal.signal(number, signal.SIG_IGN)
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_after, args=(parent,), name="end with the parent", daemon=True).start()


def _end_after(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def ended_by(exit_code: object) -> str | None:
    """The name of the signal that ``ending_signals_interrupt`` has made into this exit code; None for any other."""
    names = {128 + number: number.name for number in (signal.SIGTERM, signal.SIGHUP, *WARNINGS)}
    return names.get(exit_code) if isinstance(exit_code, int) else None


def serve(command: Sequence[str], **popen: Any) -> int:
    """Run a server until it ends, or until this process is interrupted or told to end; returns its exit code, or 0.

    The server and the workers that it starts are one process group, of which nothing is left afterwards.
    """
    server: subprocess.Popen[bytes] | None = None
    told: list[int] = []

    def end(number: int, _: object) -> None:
        told.append(number)
        if server is not None and len(told) == 1:
            raise SystemExit(0)

    ending = [number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]  # fmt: skip
    before = {number: signal.signal(number, end) for number in ending}
    try:
        server = subprocess.Popen(command, start_new_session=True, **popen)
        return 0 if told else server.wait()
    except SystemExit:
        return 0
    finally:
        if server is not None:
            end_group(server)
        for number, handler in before.items():
            signal.signal(number, handler)


def end_group(leader: subprocess.Popen[bytes]) -> None:
    """End a process, the leader of its group, and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            leader.wait(SECONDS_TO_END)
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()
