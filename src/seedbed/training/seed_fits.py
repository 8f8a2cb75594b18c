"""Fits the seeds of a variant whose model takes no steps: one after another here or, where it pays, beside each other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import replace

import torch

from seedbed.models.fits import FittedOnce, run, starts_others
from seedbed.recorded import SECONDS
from seedbed.tasks.base import SeedData
from seedbed.threads import own_cores
from seedbed.tracking.names import PRUNED
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training.epoch_progress import SECONDS_BETWEEN_FLUSHES
from seedbed.training.planned import PlannedVariant
from seedbed.training.recorded_training import RecordedTraining
from seedbed.training.seed_results import SeedResult
from seedbed.training.workers import refuse_changed

SECONDS_TO_START = 4.0
"""What it takes, at least, until other processes fit something."""


class SeedFits:
    """Fits seeds and gives what comes of them to the record of ``training``; one that fails does not stop the others."""

    def __init__(self, training: RecordedTraining[PlannedVariant]) -> None:
        self.training, self.planned, self.record = training, training.planned, training.record
        self._seconds: float | None = None
        """What the first fit took, where nothing hinders others from being made beside it."""
        self._asked = self._ended = 0
        """Fits, for the display."""
        self._fitted, self._warned = 0, dict[str, tuple[int, str]]()

    def run(self, data: Sequence[SeedData]) -> None:
        waiting = deque(data)
        self._asked += len(waiting)
        while waiting and not self.training.stops:
            processes = self._processes(len(waiting))
            if processes > 1:
                self._fit_beside(waiting, processes)
            else:
                self._fit_here(waiting.popleft())

    def warnings(self) -> Iterator[str]:
        """A sentence on each kind of warning, with the message of the first."""
        for kind, (seeds, message) in self._warned.items():
            yield f"{kind} in the fits of {seeds} of {self._fitted} seed{'s' if self._fitted != 1 else ''}, such as: {message}"

    def _processes(self, fits: int) -> int:
        """Processes in which so many fits end sooner than here, one after another; 1 where they don't."""
        processes = min(own_cores(), fits)
        if self._seconds is None or processes < 2:
            return 1
        saved = self._seconds * fits * (1 - 1 / processes)
        return processes if saved > SECONDS_TO_START else 1

    # ---- here --------------------------------------------------------------------------------------------------------

    def _fit_here(self, item: SeedData) -> None:
        with ExitStack() as exits:
            seed_run = self._start(item, exits)
            try:
                (result,) = self.planned.trainer.train([item])
            except Exception as error:  # what goes wrong with one seed must not stop the others
                self._fail(item, error, seed_run)
                return
            self._record(exits.pop_all(), seed_run, result)
        if result.estimator is not None and not starts_others(result.estimator):
            self._seconds = result.metrics.get(SECONDS)

    # ---- beside each other -------------------------------------------------------------------------------------------

    def _fit_beside(self, waiting: deque[SeedData], processes: int) -> None:
        refuse_changed(self.planned.variant.config, self.planned.code)
        fitting: dict[
            Future[FittedOnce], tuple[SeedData, TrackedRun, ExitStack, Callable[[FittedOnce], SeedResult]]
        ] = {}
        with ExitStack() as all_exits:
            while fitting or (waiting and not self.training.stops):
                while waiting and len(fitting) < processes and not self.training.stops:
                    item, exits = waiting.popleft(), all_exits.enter_context(ExitStack())
                    seed_run = self._start(item, exits)
                    try:
                        fit, measured = self.planned.trainer.seed_fit(item)
                        fitted = self.training.workers.fits(processes).submit(run, fit)
                    except Exception as error:
                        self._fail(item, error, seed_run)
                        continue
                    fitting[fitted] = item, seed_run, exits, measured
                ready, _ = wait(fitting, SECONDS_BETWEEN_FLUSHES, FIRST_COMPLETED)
                for future in ready:
                    item, seed_run, exits, measured = fitting.pop(future)
                    try:
                        result = measured(future.result())
                    except Exception as error:
                        self._fail(item, error, seed_run)
                    else:
                        self._record(exits.pop_all(), seed_run, result)
                self.record.alive(seed_run for _, seed_run, _, _ in fitting.values())

    # ---- one seed ----------------------------------------------------------------------------------------------------

    def _start(self, item: SeedData, exits: ExitStack) -> TrackedRun:
        self._show(0)
        (seed_run,) = self.record.start_stack([item], exits, torch.get_num_threads())
        return seed_run

    def _record(self, exits: ExitStack, seed_run: TrackedRun, result: SeedResult) -> None:
        if self.training.pruned:
            result = replace(result, outcome=PRUNED)
        self._fitted += 1
        for kind, message in dict(said.split(": ", 1) for said in reversed(result.warnings)).items():
            seeds, first = self._warned.get(kind, (0, message))
            self._warned[kind] = seeds + 1, first
        self.record.add_results(exits, [seed_run], [result])
        self._show(1)

    def _fail(self, item: SeedData, error: Exception, seed_run: TrackedRun) -> None:
        self.record.add_failed_seed(item.seed, error, seed_run)
        self._show(1)

    def _show(self, ended: int) -> None:
        """So many fits have ended; to the display, each counts as all epochs of a seed."""
        self._ended += ended
        epochs = ended * self.planned.epochs
        self.training.display.at(self.planned.name, min(self._ended + 1, self._asked), self._asked, 1, epochs, "fit")
