"""Trains the missing seeds of one variant and has them recorded, whatever trains a seed."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any, Generic, TypeVar

import numpy as np
import pytorch_lightning as pl

from seedbed.errors import StoreFull
from seedbed.tracking.runs import SeedRun
from seedbed.tracking.store import Store
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training.epoch_progress import SECONDS_BETWEEN_FLUSHES
from seedbed.training.planned import PlannedCells
from seedbed.training.progress import Display
from seedbed.training.recording import VariantRecord
from seedbed.training.seed_results import CurvePoints
from seedbed.training.workers import Workers

P = TypeVar("P", bound=PlannedCells)

Pauses = Generator[set[Future[Any]], None, None]
"""A training that pauses while other processes train for it: each time it says what it waits for. It goes on when it is asked for
its next pause, which is to happen when one of these has ended, or after ``SECONDS_BETWEEN_FLUSHES``."""


class Stopping(pl.Callback):
    """Watches the fit of a variant's seeds, and may end it for good; what it ends is recorded, but is no finished cell."""

    stopped = False
    points: CurvePoints
    """What it has seen: means over the seeds, for the variant's run."""

    def see(self, epoch: int, epochs: int, metrics: Mapping[str, np.ndarray]) -> None:
        """Take (S,) values of each metric, after epoch ``epoch`` (from 0) of ``epochs``; may set ``stopped``."""


class RecordedTraining(ABC, Generic[P]):
    """Trains the missing seeds of one variant; ``record`` has what came of them."""

    def __init__(
        self,
        store: Store,
        launch: TrackedRun,
        planned: P,
        display: Display,
        workers: Workers,
        writer: Executor,
        stopping: Stopping | None = None,
        fail_fast: bool = False,
        beside: int = 0,
    ) -> None:
        """``writer``, an executor of one thread, writes the records; ``stopping`` watches each fit; so many variants may be
        trained ``beside`` this one while it pauses."""
        self.planned, self.display, self.workers = planned, display, workers
        self.stopping, self.fail_fast, self.beside = stopping, fail_fast, beside
        self.record = VariantRecord(store, launch, planned, display, writer)

    def run(self, done: dict[str, SeedRun], missing: Sequence[int]) -> None:
        """Train the seeds ``missing`` without a pause; otherwise as ``pausing``."""
        for waited_for in self.pausing(done, missing):
            wait(waited_for, SECONDS_BETWEEN_FLUSHES, FIRST_COMPLETED)

    def pausing(self, done: dict[str, SeedRun], missing: Sequence[int]) -> Pauses:
        """Train the seeds ``missing``; what goes wrong is a failure, but for an interrupt and what no seed can mend.

        ``done`` are cells by fingerprint, to which those trained here are added. Where the first failure is to stop it,
        no further seed is trained after it.
        """
        start = time.perf_counter()
        hopeless: Exception | None = None
        try:
            self.record.describe()
            yield from self.train(missing)
        except (KeyboardInterrupt, SystemExit):
            self.record.run.end("KILLED")
            raise
        except StoreFull:
            raise
        except Hopeless as error:
            hopeless = error.cause
            self.record.add_failure(hopeless)
        except Exception as error:  # a failing variant must not stop the others
            self.record.add_failure(error)
        seconds = time.perf_counter() - start
        pruned_points = self.stopping.points if self.stopping and self.stopping.stopped else None
        # Who watches the fit says what came of it.
        self.record.finish(done, len(missing), seconds, pruned_points, says=self.stopping is None)
        if hopeless is not None:
            self.record.wait()
            raise hopeless

    @abstractmethod
    def train(self, missing: Sequence[int]) -> Pauses:
        """Train these seeds and give what comes of them to ``record``."""

    @property
    def stops(self) -> bool:
        """Whether to start nothing more."""
        return self.pruned or (self.fail_fast and bool(self.record.failures))

    @property
    def pruned(self) -> bool:
        return self.stopping is not None and self.stopping.stopped


class Hopeless(Exception):
    """What is wrong with every seed and variant of the experiment, and shows in training only; ends the launch."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause
