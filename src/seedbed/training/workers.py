"""One process for each device, when several devices share out the stacks of a variant."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from multiprocessing.queues import Queue
from types import TracebackType
from typing import Any

import torch
from joblib.externals.loky import get_reusable_executor

from seedbed.config.code import Code, code_of
from seedbed.config.recipe import recipe_of
from seedbed.data.table import Dataset
from seedbed.errors import ConfigError
from seedbed.signals import ignore_warnings
from seedbed.tasks.base import SeedData
from seedbed.training.devices import accelerator
from seedbed.training.logger import LightningLogger
from seedbed.training.seed_results import CurvePoints, SeedResult
from seedbed.training.stack_trainer import StackTrainer

LONGEST_FOLDER_OF_SOCKETS = 60
# The device of this process, where it is a worker.
_device: list[int] = []


class Workers:
    """Worker processes by the devices that they train on; started when first asked for, ended with the context.

    All variants of a launch use the same ones, since starting them takes seconds where each imports PyTorch anew.
    """

    def __init__(self) -> None:
        self._pools: dict[tuple[str, ...], ProcessPoolExecutor] = {}
        self._fits: Any = None
        self._others = set(multiprocessing.active_children())

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fits is not None:
            self._fits.shutdown(kill_workers=kind is not None)
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        if kind is not None and self._pools:  # an interrupt must not wait for stacks that nobody will record
            for process in set(multiprocessing.active_children()) - self._others:
                process.terminate()

    def pool(
        self, settings: Mapping[str, Any], devices: Sequence[int], threads: int | None = None
    ) -> ProcessPoolExecutor:
        """An executor with one process for each of the devices, of so many threads or of ``threads_of(devices)``."""
        threads = threads or threads_of(devices)
        key = (accelerator(settings), str(threads), *map(str, devices))
        if key not in self._pools or _is_broken(self._pools[key]):
            context = _context(cuda=accelerator(settings) != "cpu")
            queue: Queue[int] = context.Queue()
            for device in devices:
                queue.put(device)
            self._pools[key] = ProcessPoolExecutor(
                len(devices), mp_context=context, initializer=_take_device, initargs=(queue, threads, dict(os.environ))
            )
        return self._pools[key]

    def fits(self, processes: int) -> Executor:
        """An executor of so many processes that import no PyTorch, and so start fast, for fits of estimators; another one where one
        of its processes has died."""
        self._fits = get_reusable_executor(processes, timeout=None)
        executor: Executor = self._fits
        return executor


def _context(cuda: bool) -> BaseContext:
    """How workers are started: as forks of one process that has imported PyTorch, where that is safe.

    It is started with the first of them, and lasts as long as this process. CUDA may be set up by what is imported, and
    does not survive a fork; nor do macOS's own libraries. It is spoken to by a socket in the folder for temporary files,
    whose path the system limits to about 100 bytes.
    """
    if cuda or sys.platform != "linux" or len(os.fsencode(tempfile.gettempdir())) > LONGEST_FOLDER_OF_SOCKETS:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def threads_of(devices: Sequence[int]) -> int:
    """PyTorch's threads in each of the processes that train on these devices: their share of this process' own."""
    return max(1, torch.get_num_threads() // len(devices))


Trained = tuple[list[SeedResult], CurvePoints]
"""The results of a stack, and what a module or a callback has logged of it."""


def train_in_worker(config: Mapping[str, Any], table: Dataset, stack: Sequence[SeedData], code: Code) -> Trained:
    """Fit and test a stack on the device of this worker, which imports the user's modules as they are by now.

    Raises ``ConfigError`` where they are no longer the ``code`` that the run began with.
    """
    refuse_changed(config, code)
    logged: CurvePoints = []
    return StackTrainer(config, table).train(stack, logger=LightningLogger(logged.extend), device=_device[0]), logged


def refuse_changed(config: Mapping[str, Any], code: Code) -> None:
    """Raise ``ConfigError`` where the user's modules are no longer the ``code`` that the run began with."""
    if changed := code.changed(code_of(recipe_of(config))):
        raise ConfigError(
            f"{', '.join(changed)} changed while this run went on, and a process that starts now would train by the new code. "
            "Type the same command again: it trains what is missing by the code as it is then."
        )


def _take_device(queue: Queue[int], threads: int, environment: Mapping[str, str]) -> None:
    os.environ.clear()  # of a fork, it is as it was when the process that it was forked from began
    os.environ.update(environment)
    ignore_warnings()
    _device.append(queue.get())
    torch.set_num_threads(threads)


def _is_broken(pool: ProcessPoolExecutor) -> bool:
    try:
        pool.submit(int).result()
    except BrokenProcessPool:
        return True
    return False
