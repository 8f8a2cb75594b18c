"""What the scripts that measure share: the data of the seeds, the machine, who else used it, and where the figures go."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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
    print("\n".join(about_machine()))


def about_machine() -> list[str]:
    """A line on the machine and its load, and one on versions."""
    of = environment()
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    packages = ("python", "torch", "pytorch-lightning", "mlflow", "seedbed")
    return [
        f"machine   {of['processor']}, {of['cores']} cores, {of['threads']} torch threads, GPU {of['gpu']}, load {load}",
        "versions  " + ", ".join(f"{package} {of[package]}" for package in packages),
    ]


def count(seeds: Sized) -> str:
    return f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}"


def data_of(planned: PlannedVariant) -> list[Any]:
    """What each seed of a variant trains on, as its task has it."""
    task = planned.trainer.task
    return [task.seed_data(planned.table, rows, planned.strategy, seed) for seed, rows in planned.rows.items()]


def others_cpu_seconds() -> float:
    """CPU time that all processes but this one and its children have used since the machine started."""
    mine = psutil.Process().cpu_times()
    return _everyones_cpu_seconds() - (mine.user + mine.system + mine.children_user + mine.children_system)


def _everyones_cpu_seconds() -> float:
    everyone = psutil.cpu_times()
    return float(everyone.user + getattr(everyone, "nice", 0.0) + everyone.system)


def print_disturbance(others: float) -> None:
    if disturbed := disturbance(others):
        print(disturbed)


def disturbance(others: float) -> str:
    """That so many cores were used by others, or nothing where that leaves a timing as it is."""
    if others <= QUIET:
        return ""
    return f"NOT QUIET: other processes used up to {others:.2f} cores, which distorts the figures. Repeat when idle."


# ---- figures, for a script that gathers those of several ------------------------------------------------------------

Values = Mapping[str, Sequence[float]]
"""What was measured, a value a repeat, by its name."""


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path)


def keep_figures(file: Path | None, values: Values, others: float) -> None:
    """Write to the file of ``--json``, where there is one, what was measured while other processes used so many cores."""
    if file:
        file.write_text(json.dumps({"values": values, "others": others}))


# ---- a command, watched from outside ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Watched:
    """What a command took, with all processes that it started."""

    seconds: float
    gigabytes: float
    """The most that was resident at a time."""
    others: float
    """How many cores other processes used meanwhile."""
    code: int
    """With which it ended."""


def watch(
    command: Sequence[str | Path],
    given: Mapping[str, str] | None = None,
    *,
    every: float = 0.1,
    output: int = subprocess.DEVNULL,
    folder: Path | None = None,
) -> Watched:
    """Run a command with the variables that are ``given``, and look ``every`` so many seconds at its processes."""
    kept = {
        key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"
    }  # else runs go to a user's store
    me = psutil.Process()
    peak, spent = 0.0, dict[int, float]()
    before, mine, began = _everyones_cpu_seconds(), sum(me.cpu_times()[:2]), time.perf_counter()
    with subprocess.Popen(command, env={**kept, **(given or {})}, stdout=output, stderr=output, cwd=folder) as process:
        while process.poll() is None:
            peak = max(peak, _look_at(process.pid, spent))
            time.sleep(every)
    seconds = time.perf_counter() - began
    mine = sum(me.cpu_times()[:2]) - mine
    others = _everyones_cpu_seconds() - before - mine - sum(spent.values())
    return Watched(seconds, peak / 1e9, max(0.0, others) / seconds, process.returncode)


def _look_at(pid: int, spent: dict[int, float]) -> float:
    """Bytes that a process and those below it have resident; what several of them share counts once, where the system tells.

    Their CPU seconds go to ``spent``, by their numbers: a process whose end nobody waits for leaves them nowhere else.
    """
    total = 0
    with suppress(psutil.NoSuchProcess):
        of = psutil.Process(pid)
        for process in (of, *of.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                memory = process.memory_full_info()
                total += getattr(memory, "pss", memory.rss)
                spent[process.pid] = sum(process.cpu_times()[:2])
    return float(total)


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
