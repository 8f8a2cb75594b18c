"""Trains the missing seeds of one variant: which seeds together, here or each stack on a device of its own."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple
from uuid import uuid4

import torch

from seedbed.compiled.starting import compile_steps
from seedbed.garbage import give_back
from seedbed.imbalance.copies import said_of_copies
from seedbed.stacking.engines import COMPILED
from seedbed.tasks.base import SeedData
from seedbed.tracking.names import PRUNED
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training.devices import numbers
from seedbed.training.epoch_progress import CurveRecorder, EpochProgress, ShownStack
from seedbed.training.logger import LightningLogger
from seedbed.training.planned import PlannedVariant
from seedbed.training.recorded_training import Pauses, RecordedTraining
from seedbed.training.seed_fits import SeedFits
from seedbed.training.stack_size import groups_of, seeds_at_once, seeds_in_memory
from seedbed.training.stacks_at_once import stacks_at_once
from seedbed.training.workers import Told, Trained, Word, threads_of, train_in_worker


class VariantTraining(RecordedTraining[PlannedVariant]):
    """Trains the missing seeds of one variant in stacks."""

    @cached_property
    def _fits(self) -> SeedFits:
        return SeedFits(self)

    def train(self, missing: Sequence[int]) -> Pauses:
        for seeds in groups_of(missing, seeds_in_memory(self.planned.trainer.parts)):
            data = self._seed_data(seeds)
            for sentence in said_of_copies([item.counts for item in data]):
                self.display.say(f"{self.planned.name}: {sentence}")
            if self.stops:
                break
            if data:
                yield from self._train(data)
        for sentence in self._fits.warnings():
            self.display.say(f"{self.planned.name}: {sentence}")

    def _seed_data(self, seeds: Sequence[int]) -> list[SeedData]:
        """The training rows of each seed; a seed whose rows cannot be made gets a FAILED run and is left out."""
        data = []
        for seed in seeds:
            try:
                data.append(self.planned.seed_data(seed, self.display))
            except Exception as error:
                self.record.add_failed_seed(seed, error)
                if self.fail_fast:
                    break
        return data

    def _train(self, data: Sequence[SeedData]) -> Pauses:
        """Train in stacks: one after another here, or several at a time, each in a process of its own."""
        trainer = self.planned.trainer
        if not trainer.traits.takes_steps:
            self._fits.run(data)
            return
        devices = numbers(trainer.settings)
        with self.display.doing(f"Measuring how many seeds of {self.planned.name} to train at once"):
            at_once = seeds_at_once(trainer.builder, data)
        if len(devices) > 1:
            at_once = min(at_once, math.ceil(len(data) / len(devices)))
        stacks = groups_of(data, at_once)
        if trainer.builder.engine(data) == COMPILED:
            self._compile()
        if len(devices) == 1:
            devices *= self._processes(stacks)
        elif len(stacks) == 1:
            devices = devices[:1]
        if len(devices) > 1:
            yield from self._train_in_workers(devices, stacks)
            return
        for stack in stacks:
            if not self.stops:
                self._train_here(stack)

    def _compile(self) -> None:
        with self.display.doing("Compiling the steps of factor models"):
            seconds = compile_steps()
        if seconds is not None:
            self.display.say(f"Compiled the steps of factor models in {seconds:.1f} s, once for this user and machine.")

    def _processes(self, stacks: Sequence[Sequence[SeedData]]) -> int:
        """How many processes to train stacks in on one device, of this variant and of others; 1: here, where the fit can be stopped."""
        if self.stopping is not None:
            return 1
        started = self.workers.are_started
        with self.display.doing(f"Measuring how many stacks of {self.planned.name} to train at once"):
            at_once = stacks_at_once(
                self.planned.trainer.builder, stacks, self.beside, started=started, say=self.display.say_once
            )
        if at_once > 1 and not started:
            self.display.say(
                f"Stacks of seeds are trained {at_once} at a time, each in a process with its share of the cores (trainer.stacks_at_once)."
            )
        return at_once

    def _train_here(self, stack: Sequence[SeedData]) -> None:
        planned, record = self.planned, self.record
        with ExitStack() as exits:
            engine = planned.trainer.builder.engine(stack)
            runs = record.start_stack(stack, exits, torch.get_num_threads(), engine)
            curves = CurveRecorder(lambda points: record.add_points(runs, points))
            shown = self._shown(stack)
            progress = EpochProgress(shown.done, planned.trainer.settings["max_epochs"])
            callbacks = [curves, progress, *([self.stopping] if self.stopping else [])]
            results = planned.trainer.train(stack, callbacks, LightningLogger(record.add_logged), tests=shown.tests)
            if self.pruned:
                results = [replace(result, outcome=PRUNED) for result in results]
            record.add_results(exits.pop_all(), runs, results)

    def _train_in_workers(self, devices: Sequence[int], stacks: Sequence[Sequence[SeedData]]) -> Pauses:
        """A worker process on each of the devices, which gets the next stack when it is free."""
        planned, record = self.planned, self.record
        pool = self.workers.pool(planned.trainer.settings, devices)
        table = planned.trainer.task.for_training(planned.table)
        waiting = deque(stacks)
        give_back()  # what was measured lies here, and is trained there
        with ExitStack() as all_exits:
            training: dict[Future[Trained], _InWorker] = {}
            while training or (waiting and not self.stops):
                while waiting and len(training) < len(devices) and not self.stops:
                    stack, exits = waiting.popleft(), all_exits.enter_context(ExitStack())
                    engine = planned.trainer.builder.engine(stack)
                    runs = record.start_stack(stack, exits, threads_of(devices), engine)
                    shown, hearing, name = self._shown(stack), all_exits.enter_context(ExitStack()), uuid4().hex
                    hearing.enter_context(self.workers.hearing(name, self._told(runs, shown)))
                    future = pool.submit(train_in_worker, planned.variant.config, table, stack, planned.code, name)
                    training[future] = _InWorker(runs, shown, exits, hearing)
                yield set(training)
                for future in [each for each in training if each.done()]:
                    runs, shown, exits, hearing = training.pop(future)
                    hearing.close()
                    try:
                        results, logged = future.result()
                    except Exception as error:  # the stacks on other devices are worth recording
                        record.add_failure(error)
                        for run in runs:
                            run.fail(error)
                    else:
                        record.add_logged(logged)
                        record.add_results(exits.pop_all(), runs, results)
                    shown.done(shown.epochs)
                if training:
                    record.alive(run for each in training.values() for run in each.runs)

    def _shown(self, stack: Sequence[SeedData]) -> ShownStack:
        return ShownStack(self.display, self.planned.name, self.planned.trainer.settings["max_epochs"], len(stack))

    def _told(self, runs: Sequence[TrackedRun], shown: ShownStack) -> Told:
        """What is done with what a worker says of a stack."""

        def told(word: Word) -> None:
            shown.hear(word.tests, word.epochs)
            if word.points:
                self.record.add_points(runs, word.points)

        return told


class _InWorker(NamedTuple):
    """A stack that a worker trains."""

    runs: list[TrackedRun]
    shown: ShownStack
    exits: ExitStack
    """Ends the runs."""
    hearing: ExitStack
    """Ends what is heard of it."""
