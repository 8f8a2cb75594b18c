"""Trains the missing seeds of a variant of ``task=lightning``: one after the other here, or each in a process of its own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from seedbed.errors import ConfigError, near_misses
from seedbed.own_modules.at_once import Usage, fitting_processes, seeds_at_once_from
from seedbed.own_modules.fit_seed import ModuleResult, SeedJob, train_seed
from seedbed.own_modules.planned import PlannedModule
from seedbed.own_modules.processes import Entries, read_points, stop, train_in_pool
from seedbed.threads import own_cores
from seedbed.tracking.names import PRUNED
from seedbed.tracking.runs import SeedRun
from seedbed.tracking.tracked_run import TrackedRun, ending
from seedbed.training.epoch_progress import SECONDS_BETWEEN_FLUSHES
from seedbed.training.recorded_training import Hopeless, Pauses, RecordedTraining
from seedbed.training.seed_results import CurvePoints
from seedbed.training.workers import Workers, can_start_processes

SECONDS_BETWEEN_LOOKS = 0.2
"""At what the processes that train seeds have measured."""


@dataclass
class _Growing:
    """The curves of a seed that trains."""

    run: TrackedRun
    epochs: dict[int, CurvePoints] = field(default_factory=dict)
    """What was measured, by epoch."""
    written: int = 0
    """Epochs of which everything is written."""

    def add(self, points: CurvePoints) -> None:
        for point in points:
            self.epochs.setdefault(point[1], []).append(point)

    def complete(self) -> CurvePoints:
        """The points of the epochs that are over, and not given before."""
        over = max(self.epochs, default=0)
        given = [point for epoch in range(self.written, over) for point in self.epochs.get(epoch, ())]
        self.written = over
        return given


class ModuleTraining(RecordedTraining[PlannedModule]):
    """Trains the missing seeds of one variant, each by a Trainer of its own."""

    def pausing(self, done: dict[str, SeedRun], missing: Sequence[int]) -> Pauses:
        if self.stopping is None:  # those that a search has are of other studies too, on whatever rows
            self.planned.pairing.know(done.values())
        yield from super().pausing(done, missing)

    def train(self, missing: Sequence[int]) -> Pauses:
        """Without a pause: its processes use all cores."""
        self._train(missing)
        yield from ()

    def _train(self, missing: Sequence[int]) -> None:
        at_once = min(self.planned.at_once, len(missing))
        if self.planned.processes or at_once > 1:
            self._train_in_processes(missing, at_once)
            return
        to_be_found = self.planned.finds_at_once and can_start_processes()
        for place, seed in enumerate(missing, 1):
            if self.stops:
                return
            before = Usage.so_far()
            is_trained = self._train_here(seed)
            if is_trained and to_be_found:
                at_once, to_be_found = self._found_at_once(seed, before.until_now(), len(missing) - place), False
                if at_once > 1:
                    self._train_in_processes(missing[place:], at_once)
                    return

    def _found_at_once(self, seed: int, used: Usage, left: int) -> int:
        """How many processes train the seeds that are left, by what one has used; the display says why."""
        cores = own_cores()
        if left < 2 or cores < 2:
            return 1
        at_once, why = seeds_at_once_from(used, left, cores, fitting_processes())
        if self.stopping is None:
            self.display.say(f"{self.record.seed_name(seed)} {why} (trainer.seeds_at_once=auto).")
        return at_once

    def _train_here(self, seed: int) -> bool:
        """Whether there is a result."""
        with ExitStack() as exits:
            growing = self._start(seed, exits, torch.get_num_threads())
            last = time.monotonic()

            def watch(points: CurvePoints) -> bool:
                nonlocal last
                growing.add(points)
                self._show(growing)
                if time.monotonic() - last > SECONDS_BETWEEN_FLUSHES:
                    self.record.add_points([growing.run], [growing.complete()])
                    last = time.monotonic()
                return self._given_up([growing])

            try:
                result = train_seed(self._job(seed, growing.run), watch)
            except Exception as error:  # what goes wrong with one seed must not stop the others
                self._fail(seed, error, growing.run)
                return False
            self._record(exits.pop_all(), growing.run, result)
            return True

    def _train_in_processes(self, missing: Sequence[int], at_once: int) -> None:
        """So many at a time, each with its share of the cores."""
        threads = max(1, own_cores() // (at_once * max(1, self.planned.processes)))
        waiting, training = deque(missing), dict[Future[ModuleResult], tuple[int, _Growing, ExitStack, Path]]()
        started: list[_Growing] = []
        with ExitStack() as all_exits:
            folder = Path(all_exits.enter_context(TemporaryDirectory(prefix="seedbed-")))
            submit = self._submitting(all_exits, at_once, threads)
            last = time.monotonic()
            while training or (waiting and not self.stops):
                while waiting and len(training) < at_once and not self.stops:
                    seed, exits = waiting.popleft(), all_exits.enter_context(ExitStack())
                    growing, place = self._start(seed, exits, threads), folder / str(seed)
                    place.mkdir()
                    started.append(growing)
                    training[submit(self._job(seed, growing.run), place)] = seed, growing, exits, place
                ready, _ = wait(training, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                for _, growing, _, place in training.values():
                    for points in read_points(place):
                        growing.add(points)
                        self._show(growing)
                if self._given_up(started):  # those that are done too: processes do not start at the same time
                    for _, _, _, place in training.values():
                        stop(place)
                for future in ready:
                    seed, growing, exits, _ = training.pop(future)
                    try:
                        result = future.result()
                    except Exception as error:  # the other seeds are worth recording
                        self._fail(seed, error, growing.run)
                    else:
                        self._record(exits.pop_all(), growing.run, result)
                if time.monotonic() - last > SECONDS_BETWEEN_FLUSHES:
                    alive = [growing for _, growing, _, _ in training.values()]
                    self.record.add_points([each.run for each in alive], [each.complete() for each in alive])
                    self.record.alive(each.run for each in alive)
                    last = time.monotonic()

    def _submitting(
        self, exits: ExitStack, at_once: int, threads: int
    ) -> Callable[[SeedJob, Path], Future[ModuleResult]]:
        """What has a seed trained in a process: one that is started for it where Lightning starts further ones, else a worker."""
        if self.planned.processes:
            return exits.enter_context(Entries(at_once, threads)).submit
        pool = self.workers.pool({"accelerator": "cpu"}, range(at_once), threads)
        return lambda job, place: pool.submit(train_in_pool, job, place, self.planned.code)

    # ---- one seed

    def _start(self, seed: int, exits: ExitStack, threads: int) -> _Growing:
        run = exits.enter_context(ending(self.record.start_seed(seed, {"stack": str(seed), "threads": str(threads)})))
        self.display.at(self.planned.name, 0, self.planned.epochs, 1, 0)
        return _Growing(run)

    def _job(self, seed: int, run: TrackedRun) -> SeedJob:
        return SeedJob(self.planned.variant.config, seed, self.planned.tested, (run.name, run.id))

    def _show(self, growing: _Growing) -> None:
        epoch = max(growing.epochs, default=0) + 1
        self.display.at(self.planned.name, epoch, self.planned.epochs, 1, 0)

    def _given_up(self, growing: Sequence[_Growing]) -> bool:
        """Whether who watches the fit has stopped it, by the last epoch that all of these seeds have measured."""
        if self.stopping is None or not growing:
            return False
        measured = [{(name, epoch) for points in each.epochs.values() for name, epoch, _ in points} for each in growing]
        for epoch in range(self._seen, 1 + max((epoch for _, epoch in set.intersection(*measured)), default=-1)):
            names = {name for name, at in set.intersection(*measured) if at == epoch and name.startswith("val/")}
            values = [{name: value for name, _, value in each.epochs[epoch]} for each in growing]
            if names and not self.stopping.stopped:
                self.stopping.see(
                    epoch, self.planned.epochs, {name: np.array([of[name] for of in values]) for name in names}
                )
                self._seen = epoch + 1
        return self.stopping.stopped

    _seen = 0
    """Epochs that who watches the fit has seen."""

    def _fail(self, seed: int, error: Exception, run: TrackedRun) -> None:
        self.record.add_failed_seed(seed, error, run)
        self.display.at(self.planned.name, 0, self.planned.epochs, 1, self.planned.epochs)

    def _record(self, exits: ExitStack, run: TrackedRun, result: ModuleResult) -> None:
        """Give the result to the record; raises ``Hopeless`` where what was declared is logged by no seed."""
        try:
            self.planned.pairing.check(self.planned.name, result.seed, result.rows)
        except Exception as error:
            with exits:
                self._fail(result.seed, error, run)
            return
        if self.pruned:
            result = replace(result, outcome=PRUNED)
        self.record.add_results(exits, [run], [result])
        self.display.at(self.planned.name, self.planned.epochs, self.planned.epochs, 1, self.planned.epochs)
        if unlogged := _unlogged(self.planned, result, "Seeds that are trained are kept."):
            raise Hopeless(unlogged)


def train_apart(planned: PlannedModule, seed: int, threads: int, workers: Workers) -> ModuleResult:
    """Train a seed in a process of its own, of which nothing is recorded; raises what goes wrong."""
    job = SeedJob(planned.config_of(seed) | {"loggers": {}}, seed, planned.tested)
    with TemporaryDirectory(prefix="seedbed-") as folder:
        if planned.processes:
            with Entries(1, threads) as entries:
                return entries.submit(job, Path(folder)).result()
        pool = workers.pool({"accelerator": "cpu"}, range(1), threads)
        return pool.submit(train_in_pool, job, Path(folder), planned.code).result()


def try_out(planned: PlannedModule) -> ConfigError | None:
    """Train and test the first seed, of which nothing is recorded; raises what goes wrong, and returns what ``_unlogged`` finds."""
    job = SeedJob(
        planned.variant.config, next(iter(planned.fingerprints)), planned.tested, (planned.name, "fast_dev_run")
    )
    if not planned.processes:
        return _unlogged(planned, train_seed(job), "Nothing is recorded.")
    with TemporaryDirectory(prefix="seedbed-") as folder, Entries(1, torch.get_num_threads()) as entries:
        return _unlogged(planned, entries.submit(job, Path(folder)).result(), "Nothing is recorded.")


def _unlogged(planned: PlannedModule, result: ModuleResult, kept: str) -> ConfigError | None:
    """That a declared metric has no value, which a seed that was trained and tested would have; says what is ``kept``."""
    if result.outcome != "ok":
        return None
    logged = dict.fromkeys([name for name, _, _ in result.curves] + list(result.metrics))
    config = planned.variant.config
    wanted = {f"metrics.{name}": name for name in config["metrics"] if "/" in name}
    wanted["report.metric"] = str(config["report"]["metric"])
    for place, name in wanted.items():
        asked = planned.tested or not name.startswith("test/")
        if asked and name not in logged:
            return ConfigError(
                f"{place}: {name}: the module logs nothing of that name per epoch, {near_misses(name, logged)} A name without "
                "rows stands for those on which it is logged, so that acc of test_step is test/acc; what validation_step and "
                f"test_step log with on_epoch=False has no value of an epoch. {kept} Correct the name and run it again."
            )
    return None
