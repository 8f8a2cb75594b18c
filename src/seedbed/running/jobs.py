"""Trains variants one after the other, and the next ones while worker processes train the stacks of those before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from seedbed.cores import available_cores
from seedbed.garbage import give_back
from seedbed.running.training_of import training_of
from seedbed.tracking.runs import SeedRun
from seedbed.tracking.store import Store
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training.epoch_progress import SECONDS_BETWEEN_FLUSHES
from seedbed.training.planned import PlannedCells, PlannedVariant
from seedbed.training.progress import Display
from seedbed.training.recorded_training import Pauses
from seedbed.training.recording import VariantRecord
from seedbed.training.workers import Workers


@dataclass(frozen=True)
class Job:
    """Seeds of a variant that are to be trained, and where that is recorded and shown."""

    planned: PlannedCells
    missing: Sequence[int]
    launch: TrackedRun
    display: Display

    @property
    def trains(self) -> set[str]:
        """The fingerprints of the cells."""
        return {self.planned.fingerprints[seed] for seed in self.missing}

    @property
    def in_stacks(self) -> bool:
        """Whether there are stacks to train."""
        return (
            bool(self.missing) and isinstance(self.planned, PlannedVariant) and self.planned.trainer.traits.takes_steps
        )


@dataclass(frozen=True)
class _Paused:
    """A job that waits for its stacks."""

    job: Job
    record: VariantRecord
    pauses: Pauses
    waits_for: set[Future[Any]]


@dataclass
class Jobs:
    """Trains the seeds of ``jobs``, and has them recorded in ``store``; ``done``, cells by fingerprint, gets them too.

    ``ended`` is called with each job whose training has ended, whatever is left to be written then. With ``fail_fast``, no job is
    begun after the first failure.
    """

    jobs: Sequence[Job]
    done: dict[str, SeedRun]
    store: Store
    workers: Workers
    writer: Executor
    fail_fast: bool = False
    ended: Callable[[Job, VariantRecord], None] = lambda job, record: None
    records: list[VariantRecord] = field(default_factory=list, init=False)
    """Of the jobs that were begun, in their order."""

    def run(self) -> list[VariantRecord]:
        """Train; returns ``records``."""
        self._waiting, self._paused = deque(self.jobs), list[_Paused]()
        try:
            while self._waiting or self._paused:
                while self._may_begin():
                    self._begin(self._waiting.popleft())
                self._go_on()
        except BaseException as error:
            for each in self._paused:
                with suppress(type(error)):
                    each.pauses.throw(error)
            raise
        return self.records

    def _may_begin(self) -> bool:
        """Whether to begin the next job; not while its cells are trained by another one, whose recipe is the same."""
        if not self._waiting or len(self._paused) > available_cores():
            return False
        wanted = set(self._waiting[0].planned.fingerprints.values())
        return not any(each.job.trains & wanted for each in self._paused)

    def _begin(self, job: Job) -> None:
        training = training_of(
            job.planned,
            store=self.store,
            launch=job.launch,
            display=job.display,
            workers=self.workers,
            writer=self.writer,
            fail_fast=self.fail_fast,
            beside=sum(other.in_stacks for other in (*self._waiting, *(each.job for each in self._paused))),
        )
        self.records.append(training.record)
        self._advance(job, training.record, training.pausing(self.done, job.missing))

    def _go_on(self) -> None:
        """Wait for the stacks of paused jobs, and go on with those of which one has ended, or after a while with all."""
        if not self._paused:
            return
        ready, _ = wait(
            {future for each in self._paused for future in each.waits_for}, SECONDS_BETWEEN_FLUSHES, FIRST_COMPLETED
        )
        for each in list(self._paused):
            if each.waits_for & ready or not ready:
                self._paused.remove(each)
                self._advance(each.job, each.record, each.pauses)

    def _advance(self, job: Job, record: VariantRecord, pauses: Pauses) -> None:
        """Train on to the next pause or the end."""
        waits_for = next(pauses, None)
        if waits_for is not None:
            self._paused.append(_Paused(job, record, pauses, waits_for))
            return
        self.ended(job, record)
        give_back()
        if self.fail_fast:
            record.wait()
            if record.failures:
                self._waiting.clear()
