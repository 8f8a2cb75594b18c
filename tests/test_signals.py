"""Signals that end a run, in this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from seedbed.signals import WARNINGS, ended_by, ending_signals_interrupt, serve


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, *WARNINGS])
def test_a_signal_ends_what_runs_and_is_handled_as_before_afterwards(number: signal.Signals) -> None:
    of_the_tests = signal.signal(number, signal.SIG_DFL)  # which nohup has ignore SIGHUP
    try:
        with pytest.raises(SystemExit) as ended, ending_signals_interrupt():
            os.kill(os.getpid(), number)
        assert ended_by(ended.value.code) == number.name
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, of_the_tests)


def test_a_second_warning_does_not_disturb_the_end_and_sigterm_does() -> None:
    with ending_signals_interrupt():
        with pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR2)
        with pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_warning_that_is_handled_already_is_left_to_its_handler() -> None:
    """submitit's jobs put themselves back into the queue."""
    seen = []
    before = signal.signal(signal.SIGUSR2, lambda number, _: seen.append(number))
    try:
        with ending_signals_interrupt():
            os.kill(os.getpid(), signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert seen == [signal.SIGUSR2]


def test_other_exit_codes_are_no_signals() -> None:
    assert [ended_by(code) for code in (0, 2, 130, None, "text")] == [None] * 5


SERVER = """
import os, pathlib, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {worker.pid}")
time.sleep(60)
"""
# What runs the tests may have these ignored, as a shell does for what it starts in the background.
PARENT = """
import signal, sys
from seedbed.signals import serve
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(serve([sys.executable, "-c", *sys.argv[1:]]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_server_and_its_workers_end_with_the_command(tmp_path: Path, number: signal.Signals) -> None:
    started = tmp_path / "started"
    with subprocess.Popen([sys.executable, "-c", PARENT, SERVER, str(started)]) as command:
        while not (started.is_file() and started.read_text()):
            assert command.poll() is None
            time.sleep(0.05)
        processes = [psutil.Process(int(pid)) for pid in started.read_text().split()]
        command.send_signal(number)
        assert command.wait(30) == 0
    assert psutil.wait_procs(processes, 10)[1] == []


def test_a_server_that_ends_by_itself_gives_its_exit_code() -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert serve([sys.executable, "-c", "import sys; sys.exit(3)"]) == 3
    assert signal.getsignal(signal.SIGTERM) == before


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_signals_interrupt():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
