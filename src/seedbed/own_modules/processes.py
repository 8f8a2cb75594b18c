"""Seeds that train in other processes: what they are given and what they give back, as files in a folder of each seed's own."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import torch

from seedbed.config.code import Code
from seedbed.own_modules.fit_seed import ModuleResult, SeedJob, train_seed
from seedbed.signals import end_group
from seedbed.training.seed_results import CurvePoints
from seedbed.training.workers import refuse_changed

JOB, POINTS, STOP, RESULT, OUTPUT = "job.pickle", "points.jsonl", "stop", "result.pickle", "output.txt"
LAST_LINES = 30
"""Of what a process printed that ended without a result."""


class SeedFailed(Exception):
    """What a process that trained a seed has raised, or how it ended."""


class FolderWatch:
    """Watches a fit for another process: measured values go into a file, and another file stops it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, points: CurvePoints) -> bool:
        with (self.folder / POINTS).open("a") as file:
            file.write(json.dumps(points) + "\n")
        return (self.folder / STOP).exists()


def read_points(folder: Path) -> Iterator[CurvePoints]:
    """What was measured since this was last asked, each time as it was given."""
    file, place = folder / POINTS, folder / f"{POINTS}.read"
    if not file.exists():
        return
    read = int(place.read_text()) if place.exists() else 0
    lines = file.read_bytes()[read:]
    whole = lines[: lines.rfind(b"\n") + 1]
    place.write_text(str(read + len(whole)))
    for line in whole.splitlines():
        yield [(name, epoch, value) for name, epoch, value in json.loads(line)]


def stop(folder: Path) -> None:
    """Have the fit end after its epoch."""
    (folder / STOP).touch()


def train_in_pool(job: SeedJob, folder: Path, code: Code) -> ModuleResult:
    """Train a seed in this worker process; raises ``ConfigError`` where the user's code has changed since the run began."""
    refuse_changed(job.config, code)
    return train_seed(job, FolderWatch(folder))


class Entries:
    """Processes that are started for one seed each, by a command line that Lightning can run again for further ones.

    What is left of them ends with the context.
    """

    def __init__(self, at_once: int, threads: int) -> None:
        self.threads = threads
        self._waiting = ThreadPoolExecutor(at_once, "seeds")
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Entries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            end_group(process)
        self._waiting.shutdown(cancel_futures=True)

    def submit(self, job: SeedJob, folder: Path) -> Future[ModuleResult]:
        """Train the seed in a process of its own."""
        (folder / JOB).write_bytes(pickle.dumps((job, list(sys.path))))
        return self._waiting.submit(self._train, folder)

    def _train(self, folder: Path) -> ModuleResult:
        command = [sys.executable, "-m", "seedbed.own_modules.entry", str(folder)]
        importable = os.pathsep.join(path for path in sys.path if path)
        environment = {**os.environ, "PYTHONPATH": importable, "OMP_NUM_THREADS": str(self.threads)}
        with (folder / OUTPUT).open("wb") as output:
            process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
            self._processes.append(process)
            code = process.wait()
            end_group(process)  # of those that it has started, which may wait for it
        if not (folder / RESULT).exists():
            said = (folder / OUTPUT).read_text(errors="backslashreplace").splitlines()
            raise SeedFailed(
                "\n".join([f"the process that trained the seed ended with exit code {code}", *said[-LAST_LINES:]])
            )
        result: ModuleResult | Exception = pickle.loads((folder / RESULT).read_bytes())
        if isinstance(result, Exception):
            raise result
        return result


def enter(folder: Path) -> None:
    """Train the seed of a folder in this process, which was started for it, or by Lightning as a further one."""
    job, path = pickle.loads((folder / JOB).read_bytes())
    sys.path[:] = path
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    is_first = int(os.environ.get("LOCAL_RANK", "0")) == 0 and int(os.environ.get("NODE_RANK", "0")) == 0
    try:
        result: ModuleResult | SeedFailed = train_seed(job, FolderWatch(folder) if is_first else _Follower(folder))
    except Exception as error:
        result = SeedFailed(f"{type(error).__name__}: {error}")
        result.add_note("".join(traceback.format_exception(error)))  # of this process, which no other one has
        if is_first:
            _write(folder, result)
        raise
    if is_first:
        _write(folder, result)


class _Follower(FolderWatch):
    """Watches the fit in the further processes of a seed, which measure the same."""

    def __call__(self, points: CurvePoints) -> bool:
        return (self.folder / STOP).exists()


def _write(folder: Path, result: ModuleResult | SeedFailed) -> None:
    unfinished = folder / f"{RESULT}.unfinished"
    unfinished.write_bytes(pickle.dumps(result))
    unfinished.rename(folder / RESULT)
