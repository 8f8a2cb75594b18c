"""How many stacks to train at a time on a CPU, each in a process with its share of the cores: as set, or measured."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import psutil
import torch

from seedbed.cores import available_cores
from seedbed.stacking.engines import COMPILED
from seedbed.stacking.measure import is_worth_measuring, seconds_of_epoch
from seedbed.tasks.base import SeedData
from seedbed.training import devices
from seedbed.training.stack_size import bytes_of_a_seed, deciding_time
from seedbed.training.stacks import StackBuilder
from seedbed.training.workers import can_start_processes

SECONDS_TO_START = 4.0
"""What it takes, at least, until other processes train something: they import PyTorch."""
MOST_BYTES = 2**27
"""Of what a process is given with each stack."""
BYTES_OF_A_PROCESS = 4 * 10**8
"""What it takes beside its stack, of what it does not share with others."""
# Seconds of an epoch with all threads and with a share of them, by what decides them.
_MEASURED: dict[str, tuple[float, float]] = {}


def stacks_at_once(
    builder: StackBuilder,
    stacks: Sequence[Sequence[SeedData]],
    others: int,
    *,
    started: bool,
    say: Callable[[str], None] = lambda sentence: None,
) -> int:
    """In how many processes to train these stacks and those of so many ``others``; 1: one after another here.

    Never slower than that, as far as an epoch can tell: where one stack uses all cores, nothing is gained by another one beside
    it. The others are taken for stacks of the same size. ``started``: such processes are there already. Where fewer fit into
    memory than would be trained, ``say`` gets a sentence on it.
    """
    settings, count = builder.parts.settings, len(stacks) + others
    wanted = settings.get("stacks_at_once", "auto")
    most = min(torch.get_num_threads() if wanted == "auto" else wanted, available_cores(), count)
    if most < 2 or devices.accelerator(settings) != "cpu":
        return 1
    if wanted != "auto":
        return most
    if not _pays(builder, stacks[0], count, most, started):
        return 1
    fitting = _that_fit(builder, stacks[0], most, started, say)
    return fitting if fitting == most or (fitting > 1 and _pays(builder, stacks[0], count, fitting, started)) else 1


def _that_fit(
    builder: StackBuilder, stack: Sequence[SeedData], wanted: int, started: bool, say: Callable[[str], None]
) -> int:
    """How many of the ``wanted`` processes fit, each with such a stack, into half of the memory that is free."""
    each = len(stack) * bytes_of_a_seed(builder.parts, stack[0]) + (0 if started else BYTES_OF_A_PROCESS)
    free = psutil.virtual_memory().available
    fitting = min(wanted, max(1, int(0.5 * free / each)))
    if fitting < wanted:
        say(
            f"{wanted} stacks of seeds could be trained at a time, but half of the memory that is free, {free / 2e9:.1f} GB, holds "
            f"{fitting}: each takes about {each / 1e9:.1f} GB (trainer.stacks_at_once sets how many)."
        )
    return fitting


def _pays(builder: StackBuilder, stack: Sequence[SeedData], count: int, processes: int, started: bool) -> bool:
    """Whether so many stacks are trained sooner in processes."""
    if builder.engine(stack) == COMPILED:  # its seeds lie side by side on the cores already
        return False
    if not (is_worth_measuring(len(stack), builder.steps(stack[0])) and can_start_processes()):
        return False
    if not _can_be_sent((builder.parts.config, builder.parts.table, stack)):
        return False
    whole, share = _seconds(builder, stack, processes)
    saved = count * int(builder.parts.settings["max_epochs"]) * (whole - share / processes)
    return saved > (0 if started else 2 * SECONDS_TO_START)


def _seconds(builder: StackBuilder, stack: Sequence[SeedData], processes: int) -> tuple[float, float]:
    """Seconds of an epoch of the stack, with all threads and with those that one of the processes has."""
    rows = [len(getattr(stack[0].rows, side)) for side in ("train", "val")]
    key = deciding_time(builder.parts, len(stack), rows, processes)
    if key not in _MEASURED:
        made = builder.stack(stack, torch.device("cpu"))
        share = max(1, torch.get_num_threads() // processes)
        _MEASURED[key] = seconds_of_epoch(made.module, made.batches, made.validation, share)
    return _MEASURED[key]


class _Counted(io.RawIOBase):
    """Takes what is written and keeps its length alone; raises ``OverflowError`` beyond ``MOST_BYTES``."""

    length = 0

    def write(self, piece: Any) -> int:
        self.length += memoryview(piece).nbytes
        if self.length > MOST_BYTES:
            raise OverflowError
        return memoryview(piece).nbytes


def _can_be_sent(what: Any) -> bool:
    """Whether another process can be given this, and in no time to speak of."""
    try:
        pickle.Pickler(_Counted(), protocol=5).dump(what)
    except Exception:  # a table of a user's may hold anything
        return False
    return True
