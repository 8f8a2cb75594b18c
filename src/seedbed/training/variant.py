"""Trains the missing seeds of one variant: which seeds together, here or each stack on a device of its own."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property

import torch

from seedbed.compiled.starting import compile_steps
from seedbed.imbalance.copies import said_of_copies
from seedbed.stacking.engines import COMPILED
from seedbed.tasks.base import SeedData
from seedbed.tracking.names import PRUNED
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training.devices import numbers
from seedbed.training.epoch_progress import EpochProgress
from seedbed.training.logger import LightningLogger
from seedbed.training.planned import PlannedVariant
from seedbed.training.recorded_training import RecordedTraining
from seedbed.training.recording import SECONDS_BETWEEN_FLUSHES, CurveRecorder
from seedbed.training.seed_fits import SeedFits
from seedbed.training.stack_size import groups_of, seeds_at_once, seeds_in_memory
from seedbed.training.workers import Trained, threads_of, train_in_worker


class VariantTraining(RecordedTraining[PlannedVariant]):
    """Trains the missing seeds of one variant in stacks."""

    @cached_property
    def _fits(self) -> SeedFits:
        return SeedFits(self)

    def train(self, missing: Sequence[int]) -> None:
        for seeds in groups_of(missing, seeds_in_memory(self.planned.trainer.parts)):
            data = self._seed_data(seeds)
            for sentence in said_of_copies([item.counts for item in data]):
                self.display.say(f"{self.planned.name}: {sentence}")
            if self.stops:
                break
            if data:
                self._train(data)
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

    def _train(self, data: Sequence[SeedData]) -> None:
        """Train in stacks: one after another here, or several at a time, each on a device of its own."""
        trainer = self.planned.trainer
        if not trainer.traits.takes_steps:
            self._fits.run(data)
            return
        devices = numbers(trainer.settings)
        at_once = seeds_at_once(trainer.builder, data)
        if len(devices) > 1:
            at_once = min(at_once, math.ceil(len(data) / len(devices)))
        stacks = groups_of(data, at_once)
        if trainer.builder.engine(data) == COMPILED and (seconds := compile_steps()) is not None:
            self.display.say_once(
                f"Compiled the steps of factor models in {seconds:.1f} s, once for this user and machine."
            )
        if len(devices) > 1 and len(stacks) > 1:
            self._train_on(devices, stacks)
            return
        for stack in stacks:
            if not self.stops:
                self._train_here(stack)

    def _train_here(self, stack: Sequence[SeedData]) -> None:
        planned, record = self.planned, self.record
        with ExitStack() as exits:
            engine = planned.trainer.builder.engine(stack)
            runs = record.start_stack(stack, exits, torch.get_num_threads(), engine)
            curves = CurveRecorder(lambda points: record.add_points(runs, points))
            progress = EpochProgress(self.display, planned.name, planned.trainer.settings["max_epochs"], len(stack))
            callbacks = [curves, progress, *([self.stopping] if self.stopping else [])]
            results = planned.trainer.train(stack, callbacks, LightningLogger(record.add_logged))
            if self.pruned:
                results = [replace(result, outcome=PRUNED) for result in results]
            record.add_results(exits.pop_all(), runs, results)

    def _train_on(self, devices: Sequence[int], stacks: Sequence[Sequence[SeedData]]) -> None:
        """Each device gets the next stack when it is free."""
        planned, record, epochs = self.planned, self.record, self.planned.trainer.settings["max_epochs"]
        pool = self.workers.pool(planned.trainer.settings, devices)
        table = planned.trainer.task.for_training(planned.table)
        waiting = deque(stacks)
        with ExitStack() as all_exits:
            training: dict[Future[Trained], tuple[list[TrackedRun], ExitStack]] = {}
            while training or (waiting and not self.stops):
                while waiting and len(training) < len(devices) and not self.stops:
                    stack, exits = waiting.popleft(), all_exits.enter_context(ExitStack())
                    engine = planned.trainer.builder.engine(stack)
                    runs = record.start_stack(stack, exits, threads_of(devices), engine)
                    self.display.at(planned.name, 0, epochs, len(stack), 0)
                    future = pool.submit(train_in_worker, planned.variant.config, table, stack, planned.code)
                    training[future] = runs, exits
                ready, _ = wait(training, SECONDS_BETWEEN_FLUSHES, FIRST_COMPLETED)
                for future in ready:
                    runs, exits = training.pop(future)
                    try:
                        results, logged = future.result()
                    except Exception as error:  # the stacks on other devices are worth recording
                        record.add_failure(error)
                        for run in runs:
                            run.fail(error)
                    else:
                        record.add_logged(logged)
                        record.add_results(exits.pop_all(), runs, results)
                    self.display.at(planned.name, epochs, epochs, len(runs), epochs * len(runs))
                record.alive(run for runs, _ in training.values() for run in runs)
