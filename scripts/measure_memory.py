"""The most memory that the run of each experiment takes: see ``measure_memory``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
from timing import print_machine

from seedbed.config.folders import experiment_names

OF_ONES_OWN = {"text_imbalance", "feature_imbalance", "feature_regression", "image_imbalance", "image_regression"}
"""Experiments on files of the user's."""
COMMAND = (sys.executable, "-m", "seedbed", "run")
SECONDS_BETWEEN_LOOKS = 0.1
SHORT = ("trainer.max_epochs=1", "tracking.pictures=false")
GIGABYTE = 1e9


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=float, default=1.5)
    parser.add_argument("experiments", nargs="*")
    asked = parser.parse_args()
    names = asked.experiments or [name for name in experiment_names() if name not in OF_ONES_OWN]
    print_machine()
    exceeded = 0
    for name in names:
        gigabytes, seconds, ended = peak_of([name, *SHORT])
        late = ended != 0 or gigabytes > asked.most
        exceeded += late
        how = f"exit code {ended}" if ended else f"more than {asked.most:g} GB" if late else ""
        print(f"{gigabytes:6.2f} GB  {seconds:6.1f} s  {name}  {how}".rstrip(), flush=True)
    return int(exceeded > 0)


def peak_of(arguments: list[str]) -> tuple[float, float, int]:
    """The most memory in GB of ``seedbed run`` with its processes, its seconds, and its exit code."""
    with tempfile.TemporaryDirectory() as project:
        given = {"SEEDBED_PROJECT": project, "SEEDBED_CACHE": str(Path(project) / "cache")}
        began, peak = time.perf_counter(), 0.0
        with subprocess.Popen(
            [*COMMAND, *arguments],
            env=os.environ | given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            while process.poll() is None:
                peak = max(peak, memory_of(process.pid))
                time.sleep(SECONDS_BETWEEN_LOOKS)
        return peak / GIGABYTE, time.perf_counter() - began, process.returncode


def memory_of(pid: int) -> float:
    """Bytes that a process and those below it have resident; what several of them share counts once, where the system tells."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        of = psutil.Process(pid)
        for process in (of, *of.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                memory = process.memory_full_info()
                total += getattr(memory, "pss", memory.rss)
    return float(total)


if __name__ == "__main__":
    sys.exit(main())
