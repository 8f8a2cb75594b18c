"""What the scripts that compare speeds share: the data of the seeds, the machine, and who else used it meanwhile."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sized
from typing import Any

import psutil

from seedbed.environment import environment
from seedbed.variant_training import PlannedVariant

# Up to this many cores used by other processes leave a timing as it is.
QUIET = 0.1


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def print_machine() -> None:
    of = environment()
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(
        f"machine   {of['processor']}, {of['cores']} cores, {of['threads']} torch threads, GPU {of['gpu']}, load {load}"
    )
    packages = ("python", "torch", "pytorch-lightning", "mlflow", "seedbed")
    print("versions  " + ", ".join(f"{package} {of[package]}" for package in packages))


def count(seeds: Sized) -> str:
    return f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}"


def data_of(planned: PlannedVariant) -> list[Any]:
    """What each seed of a variant trains on, as its task has it."""
    task = planned.trainer.task
    return [task.seed_data(planned.table, rows, planned.strategy, seed) for seed, rows in planned.rows.items()]


def others_cpu_seconds() -> float:
    """CPU time that all processes but this one and its children have used since the machine started."""
    everyone, mine = psutil.cpu_times(), psutil.Process().cpu_times()
    own = mine.user + mine.system + mine.children_user + mine.children_system
    return float(everyone.user + everyone.system - own)


def print_disturbance(others: float) -> None:
    if others > QUIET:
        print(
            f"NOT QUIET: other processes used up to {others:.2f} cores, which distorts the figures. Repeat when idle."
        )
