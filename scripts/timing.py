"""What the scripts that compare speeds share: the data of the seeds, the machine, and who else used it meanwhile."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections.abc import Iterator, Sequence, Sized
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from seedbed.errors import ConfigError
from seedbed.training.environment import environment
from seedbed.training.planned import PlannedVariant

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


# ---- the other side: a process in an environment of its own, which is told seeds and answers with JSON -------------


@contextmanager
def other_side(name: str, arguments: Sequence[str], *, cpu: bool) -> Iterator[subprocess.Popen[str]]:
    """``NAME_side.py`` in ``.venv-NAME``; its first line says what it is. ``cpu``: it is to see no GPU."""
    here = Path(__file__).resolve().parent
    command = [str(here.parent / f".venv-{name}" / "bin" / "python"), str(here / f"{name}_side.py"), *arguments]
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if cpu else {}
    with subprocess.Popen(
        command, env=os.environ | hidden, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def ask(process: subprocess.Popen[str], seed: int) -> dict[str, Any]:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # that it ended is said where its answer is missing
        process.stdin.write(f"{seed}\n")
        process.stdin.flush()
    said: dict[str, Any] = answer(process)
    return said


def answer(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise ConfigError(
            "The other side ended early; what it said stands above. Delete its .venv-NAME to set that up anew."
        )
    return json.loads(line)
