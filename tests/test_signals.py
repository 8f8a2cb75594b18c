"""Signals that end a run, in this process."""

from __future__ import annotations

import os
import signal

import pytest

from seedbed.signals import WARNINGS, ended_by, ending_signals_interrupt


@pytest.mark.parametrize("number", [signal.SIGTERM, *WARNINGS])
def test_a_signal_ends_what_runs_and_is_handled_as_before_afterwards(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended, ending_signals_interrupt():
        os.kill(os.getpid(), number)
    assert ended_by(ended.value.code) == number.name
    assert signal.getsignal(number) == before


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
