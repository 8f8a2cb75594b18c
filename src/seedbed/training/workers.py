"""One process for each device, when several devices share out the stacks of a variant."""

from __future__ import annotations

import gc
import multiprocessing
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from multiprocessing.queues import Queue
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from joblib.externals.loky import get_reusable_executor

from seedbed.config.code import Code, code_of
from seedbed.config.recipe import recipe_of
from seedbed.data.table import Dataset
from seedbed.errors import ConfigError
from seedbed.garbage import give_back
from seedbed.signals import end_with_parent
from seedbed.tasks.base import SeedData
from seedbed.training.devices import accelerator
from seedbed.training.epoch_progress import CurveRecorder, EpochProgress
from seedbed.training.logger import LightningLogger
from seedbed.training.seed_results import CurvePoints, SeedResult
from seedbed.training.stack_trainer import StackTrainer

LONGEST_FOLDER_OF_SOCKETS = 60
GUARD = re.compile(r"__name__\s*==\s*['\"]__main__['\"]")
SECONDS_BETWEEN_WORDS = 0.2
"""Of a worker, on how far its stack is."""


class Word(NamedTuple):
    """What a worker says of a stack that it trains."""

    stack: str
    tests: int | None
    """How many of its seeds have found their learning rates, before it trains."""
    epochs: int
    """How many are done."""
    points: list[CurvePoints]
    """Of each seed's curves, those that were not given before."""


Told = Callable[[Word], None]
"""Takes what is said of a stack."""
# The device of this process and where it says how far it is, where it is a worker.
_device: list[int] = []
_words: list[Queue[Word | None]] = []


class Workers:
    """Worker processes by the devices that they train on; started when first asked for, ended with the context.

    All variants of a launch use the same ones, since starting them takes seconds where each imports PyTorch anew.
    """

    def __init__(self) -> None:
        self._pools: dict[tuple[str, ...], ProcessPoolExecutor] = {}
        self._words: dict[tuple[str, ...], Queue[Word | None]] = {}
        self._hearing: dict[str, Told] = {}
        self._listening = threading.Lock()
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
        for words in self._words.values():
            words.put(None)
        if kind is not None and self._pools:  # an interrupt must not wait for stacks that nobody will record
            for process in set(multiprocessing.active_children()) - self._others:
                process.terminate()

    @property
    def are_started(self) -> bool:
        """Whether there are processes that train stacks."""
        return bool(self._pools)

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
            given = queue, self._listened_to(key, context), threads, dict(os.environ)
            self._pools[key] = ProcessPoolExecutor(
                len(devices), mp_context=context, initializer=_take_device, initargs=given
            )
        return self._pools[key]

    @contextmanager
    def hearing(self, stack: str, heard: Told) -> Iterator[None]:
        """Meanwhile ``heard`` is called, in a thread of its own, with how far a worker is that trains for ``train_in_worker(..., stack)``."""
        self._hearing[stack] = heard
        try:
            yield
        finally:
            with self._listening:  # no word is left half heard
                del self._hearing[stack]

    def _listened_to(self, key: tuple[str, ...], context: BaseContext) -> Queue[Word | None]:
        """What the workers of a pool say goes here, until None comes."""
        if key not in self._words:
            words = self._words[key] = context.Queue()
            threading.Thread(target=self._listen, args=(words,), name="words of workers", daemon=True).start()
        return self._words[key]

    def _listen(self, words: Queue[Word | None]) -> None:
        for word in iter(words.get, None):
            with self._listening:
                if heard := self._hearing.get(word.stack):
                    heard(word)

    def fits(self, processes: int) -> Executor:
        """An executor of so many processes that import no PyTorch, and so start fast, for fits of estimators; another one where one
        of its processes has died."""
        self._fits = get_reusable_executor(processes, timeout=None)
        executor: Executor = self._fits
        return executor


def can_start_processes() -> bool:
    """Whether worker processes can be started unasked: each runs a script again that is not under ``if __name__ == "__main__"``."""
    main = sys.modules["__main__"]
    file, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
    if file is None or (spec is not None and spec.name.rpartition(".")[2] == "__main__"):
        return True  # neither is run again
    try:
        return GUARD.search(Path(file).read_text(errors="replace")) is not None
    except OSError:
        return False


def _context(cuda: bool) -> BaseContext:
    """How workers are started: as forks of one process that has imported PyTorch, where that is safe.

    It is started with the first of them, and lasts as long as this process. CUDA may be set up by what is imported, and
    does not survive a fork; nor do macOS's own libraries. It is spoken to by a socket in the folder for temporary files,
    whose path the system limits to about 100 bytes.
    """
    if cuda or sys.platform != "linux" or len(os.fsencode(tempfile.gettempdir())) > LONGEST_FOLDER_OF_SOCKETS:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["seedbed.training.forked_from"])
    return context


def threads_of(devices: Sequence[int]) -> int:
    """PyTorch's threads in each of the processes that train on these devices: their share of this process' own."""
    return max(1, torch.get_num_threads() // len(devices))


Trained = tuple[list[SeedResult], CurvePoints]
"""The results of a stack, and what a module or a callback has logged of it."""


def train_in_worker(
    config: Mapping[str, Any], table: Dataset, data: Sequence[SeedData], code: Code, stack: str | None = None
) -> Trained:
    """Fit and test a stack on the device of this worker, which imports the user's modules as they are by now.

    Who is ``hearing`` of the ``stack`` is told how far it is. Raises ``ConfigError`` where the modules are no longer the ``code``
    that the run began with.
    """
    refuse_changed(config, code)
    logged: CurvePoints = []
    trainer = StackTrainer(config, table)
    callbacks = [] if stack is None else _saying(stack, trainer.settings["max_epochs"])

    def tests(seeds: int) -> None:
        if stack is not None:
            _words[0].put(Word(stack, seeds, 0, []))

    give_back()  # of the results of the stack before, now that they have been sent
    results = trainer.train(data, callbacks, LightningLogger(logged.extend), device=_device[0], tests=tests)
    give_back()  # of the fit, before its results are copied to be sent, and while this process has nothing to do
    return results, logged


def _saying(stack: str, epochs: int) -> list[pl.Callback]:
    """Callbacks that say how far the stack is, not more often than somebody could follow."""
    last, done = time.monotonic(), 0

    def say(epoch: int) -> None:
        nonlocal last, done
        done = epoch
        if time.monotonic() - last > SECONDS_BETWEEN_WORDS:
            _words[0].put(Word(stack, None, epoch, []))
            last = time.monotonic()

    return [EpochProgress(say, epochs), CurveRecorder(lambda points: _words[0].put(Word(stack, None, done, points)))]


def refuse_changed(config: Mapping[str, Any], code: Code) -> None:
    """Raise ``ConfigError`` where the user's modules are no longer the ``code`` that the run began with."""
    if changed := code.changed(code_of(recipe_of(config))):
        raise ConfigError(
            f"{', '.join(changed)} changed while this run went on, and a process that starts now would train by the new code. "
            "Type the same command again: it trains what is missing by the code as it is then."
        )


def _take_device(queue: Queue[int], words: Queue[Word | None], threads: int, environment: Mapping[str, str]) -> None:
    os.environ.clear()  # of a fork, it is as it was when the process that it was forked from began
    os.environ.update(environment)
    gc.freeze()  # what is imported lives as long as the process
    end_with_parent()
    _device.append(queue.get())
    _words.append(words)
    torch.set_num_threads(threads)


def _is_broken(pool: ProcessPoolExecutor) -> bool:
    try:
        pool.submit(int).result()
    except BrokenProcessPool:
        return True
    return False
