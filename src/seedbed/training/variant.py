"""Trains the missing seeds of one variant, here or on several devices, and records each in MLflow."""

from __future__ import annotations

import json
import math
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

import pytorch_lightning as pl
import torch
from safetensors.torch import save as safetensors_bytes

from seedbed.config.code import Code
from seedbed.config.experiment import Variant
from seedbed.config.recipe import RECIPE_VERSION
from seedbed.data.splits import Rows
from seedbed.data.table import Dataset, Progress
from seedbed.errors import DataError, StoreFull
from seedbed.imbalance.base import Strategy
from seedbed.imbalance.class_weights import ClassWeights
from seedbed.imbalance.copies import said_of_copies
from seedbed.stacking.module import StackedModule
from seedbed.tasks.base import SeedData
from seedbed.tracking.aggregates import is_curve, mean_curves, variant_metrics
from seedbed.tracking.names import AT_ONCE, CHOSEN_EPOCH, CONFIG, COPIES, ERROR, LR_FALLBACK, OUTCOME, PRUNED, WEIGHTS
from seedbed.tracking.params import NOT_A_CELLS_PARAM, flat_params, to_yaml
from seedbed.tracking.processes import heartbeat
from seedbed.tracking.runs import SeedRun, code_tags
from seedbed.tracking.store import Store
from seedbed.tracking.writing import TrackedRun, ending
from seedbed.training.devices import numbers
from seedbed.training.environment import in_one_line
from seedbed.training.logger import LightningLogger
from seedbed.training.progress import Display, EpochProgress
from seedbed.training.stack_trainer import CurvePoints, SeedResult, StackTrainer, curve_points
from seedbed.training.workers import Workers, threads_of, train_in_worker

SECONDS_BETWEEN_FLUSHES = 15.0

T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """What went wrong with a variant or a seed."""

    why: str
    """In one line: the error's class and message."""
    traceback: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        return cls(f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))


@dataclass(frozen=True)
class PlannedVariant:
    """A variant with all that its cells need, checked."""

    variant: Variant
    table: Dataset
    strategy: Strategy
    trainer: StackTrainer
    rows: dict[int, Rows]
    fingerprints: dict[int, str]
    recipes: dict[int, str]
    """The fingerprints, but for the code: cells of one recipe and other code have them in common."""
    code: Code
    counts: Mapping[str, int] = field(default_factory=dict)
    """What the report counts of how the first seed's rows are prepared."""

    @property
    def name(self) -> str:
        return self.variant.name

    @property
    def notes(self) -> list[str]:
        """What a user should know of how the network is used on these rows."""
        keeps_rows = type(self.strategy) in (Strategy, ClassWeights)
        rows = {seed: len(of_seed.train) for seed, of_seed in self.rows.items()} if keeps_rows else None
        return [*self.trainer.notes, *self.trainer.note_on_single_rows(rows)]


class Stopping(pl.Callback):
    """Watches the fit of a variant's seeds, and may end it for good; what it ends is recorded, but is no finished cell."""

    stopped = False
    points: CurvePoints
    """What it has seen: means over the seeds, for the variant's run."""


class VariantTraining:
    """Trains the missing seeds of one variant, and records them and the mean of all its seeds.

    Records are written by ``records``, one thread, while the next stack or variant trains: writing takes about as long
    as a tenth of the training of a small network. ``failures`` is complete when ``wait`` returns.
    """

    def __init__(
        self,
        store: Store,
        launch: TrackedRun,
        planned: PlannedVariant,
        display: Display,
        workers: Workers,
        records: Executor,
        stopping: Stopping | None = None,
        fail_fast: bool = False,
    ) -> None:
        self.stopping = stopping
        self.store, self.launch, self.planned, self.display = store, launch, planned, display
        self.workers, self.records, self.fail_fast = workers, records, fail_fast
        tags = {"variant": planned.name, "launch": launch.id, "data_digest": planned.table.digest}
        self.variant_run = store.start(planned.name, "variant", tags, parent=launch.id)
        self.failures: dict[str, Failure] = {}
        """What failed, by variant or by "variant, seed n"."""
        self.fresh: dict[int, SeedRun] = {}
        self.curves: dict[int, CurvePoints] = {}
        """Of the seeds trained here, by seed."""
        self._pending: list[Future[None]] = []
        self._recorded: dict[str, set[int]] = {}
        """Epochs whose points were written while the fit went on, by run."""

    def run(self, done: dict[str, SeedRun], missing: Sequence[int]) -> None:
        """Train the seeds ``missing``; what goes wrong is a failure, but for an interrupt.

        ``done`` are cells by fingerprint, to which those trained here are added. Where the first failure is to stop it,
        no further stack is trained after it.
        """
        planned, start = self.planned, time.perf_counter()
        try:
            self._later(self._describe)
            for seeds in groups_of(missing, planned.trainer.seeds_in_memory):
                data = self._seed_data(seeds)
                for sentence in said_of_copies([item.counts for item in data]):
                    self.display.say(f"{planned.name}: {sentence}")
                if self._stopped:
                    break
                if data:
                    self._train(data)
        except (KeyboardInterrupt, SystemExit):
            self.variant_run.end("KILLED")
            raise
        except StoreFull:
            raise
        except Exception as error:  # a failing variant must not stop the others
            self._fail(error)
        self._later(self._finish, done, len(missing), time.perf_counter() - start)

    @property
    def _stopped(self) -> bool:
        """Whether to start no further stack."""
        return self._pruned or (self.fail_fast and bool(self.failures))

    def wait(self) -> None:
        """Return when everything is recorded."""
        for future in self._pending:
            future.result()

    def _later(self, write: Callable[..., None], *arguments: Any) -> None:
        def guarded() -> None:
            try:
                write(*arguments)
            except StoreFull:
                raise
            except Exception as error:
                self._fail(error)

        self._pending.append(self.records.submit(guarded))

    def _describe(self) -> None:
        config = self.planned.variant.config
        self.variant_run.log(params=flat_params(config, NOT_A_CELLS_PARAM))
        self.variant_run.artifact(CONFIG, to_yaml(config))

    def _fail(self, error: Exception) -> None:
        failure = self.failures[self.planned.name] = Failure.of(error)
        self.variant_run.artifact("error.txt", failure.traceback)

    def _finish(self, done: dict[str, SeedRun], trained: int, seconds: float) -> None:
        try:
            for seed, cell in self.fresh.items():
                done[self.planned.fingerprints[seed]] = cell
            self._aggregate(done)
        except StoreFull:
            raise
        except Exception as error:
            self._fail(error)
        if self.failures:
            whys = "; ".join(failure.why for failure in self.failures.values())
            self.variant_run.log(tags={ERROR: whys[:4000]})
        if self._pruned and self.stopping is not None:
            self.variant_run.log(curves=self.stopping.points, tags={OUTCOME: PRUNED})
        self.variant_run.end("FAILED" if self.failures else "KILLED" if self._pruned else "FINISHED")
        if self.stopping is None:  # who watches the fit says what came of it
            self.display.say(self._line(trained, seconds))

    def _line(self, trained: int, seconds: float) -> str:
        name = self.planned.name
        if self.failures:
            return f"{name}: FAILED. " + " ".join(f"{where}: {found.why}" for where, found in self.failures.items())
        before = len(self.planned.fingerprints) - trained
        parts = [f"{trained} seed{'s' if trained != 1 else ''} trained in {seconds:.1f} s"] if trained else []
        parts += [f"{before} trained before"] if before else []
        return f"{name}: {', '.join(parts)}"

    def _seed_data(self, seeds: Sequence[int]) -> list[SeedData]:
        """The training rows of each seed; a seed whose rows cannot be made gets a FAILED run and is left out."""
        planned, data = self.planned, []
        shown = vectors_shown(self.display, planned.name)

        for seed in seeds:
            try:
                rows, strategy = planned.rows[seed], planned.strategy
                data.append(planned.trainer.task.seed_data(planned.table, rows, strategy, seed, shown))
            except Exception as error:
                failure = self.failures[f"{planned.name}, seed {seed}"] = Failure.of(error)
                run = self._start_seed(seed)
                run.artifact("error.txt", failure.traceback)
                run.end("FAILED")
                if self.fail_fast:
                    break
        return data

    def _train(self, data: Sequence[SeedData]) -> None:
        """Train in stacks: one after another here, or several at a time, each on a device of its own."""
        devices = numbers(self.planned.trainer.settings)
        at_once = self.planned.trainer.seeds_at_once(data)
        if len(devices) > 1:
            at_once = min(at_once, math.ceil(len(data) / len(devices)))
        stacks = groups_of(data, at_once)
        if len(devices) > 1 and len(stacks) > 1:
            self._train_on(devices, stacks)
            return
        for stack in stacks:
            if not self._stopped:
                self._train_here(stack)

    @property
    def _pruned(self) -> bool:
        return self.stopping is not None and self.stopping.stopped

    def _train_here(self, stack: Sequence[SeedData]) -> None:
        planned = self.planned
        with ExitStack() as exits:
            runs = self._start_stack(stack, exits, torch.get_num_threads())
            curves = CurveRecorder(lambda points: self._later(self._record_so_far, runs, points))
            progress = EpochProgress(self.display, planned.name, planned.trainer.settings["max_epochs"], len(stack))
            callbacks = [curves, progress, *([self.stopping] if self.stopping else [])]
            results = planned.trainer.train(stack, callbacks, LightningLogger(self.variant_run))
            if self._pruned:
                results = [replace(result, outcome=PRUNED) for result in results]
            self._later(self._record, exits.pop_all(), runs, results)

    def _train_on(self, devices: Sequence[int], stacks: Sequence[Sequence[SeedData]]) -> None:
        """Each device gets the next stack when it is free."""
        planned, epochs = self.planned, self.planned.trainer.settings["max_epochs"]
        pool = self.workers.pool(planned.trainer.settings, devices)
        table = planned.trainer.task.for_training(planned.table)
        waiting = deque(stacks)
        with ExitStack() as all_exits:
            training: dict[Future[list[SeedResult]], tuple[list[TrackedRun], ExitStack]] = {}
            while training or (waiting and not self._stopped):
                while waiting and len(training) < len(devices) and not self._stopped:
                    stack, exits = waiting.popleft(), all_exits.enter_context(ExitStack())
                    runs = self._start_stack(stack, exits, threads_of(devices))
                    self.display.at(planned.name, 0, epochs, len(stack), 0)
                    future = pool.submit(train_in_worker, planned.variant.config, table, stack, planned.code)
                    training[future] = runs, exits
                ready, _ = wait(training, SECONDS_BETWEEN_FLUSHES, FIRST_COMPLETED)
                for future in ready:
                    runs, exits = training.pop(future)
                    try:
                        results = future.result()
                    except Exception as error:  # the stacks on other devices are worth recording
                        self._fail(error)
                        for run in runs:
                            run.fail(error)
                    else:
                        self._later(self._record, exits.pop_all(), runs, results)
                    self.display.at(planned.name, epochs, epochs, len(runs), epochs * len(runs))
                for run in [self.launch, self.variant_run, *(run for runs, _ in training.values() for run in runs)]:
                    run.log(tags=heartbeat())

    def _start_stack(self, stack: Sequence[SeedData], exits: ExitStack, threads: int) -> list[TrackedRun]:
        """Runs that exist from the start, so that the UI shows what is being trained, and that end with ``exits``."""
        # Both change how sums are rounded: who wants the same bits again needs the same ones.
        rounding = {"stack": ",".join(str(item.seed) for item in stack), "threads": str(threads)}
        counted = [{COPIES: json.dumps(dict(item.counts))} if item.counts else {} for item in stack]
        return [
            exits.enter_context(ending(self._start_seed(item.seed, rounding | counts)))
            for item, counts in zip(stack, counted, strict=True)
        ]

    def _start_seed(self, seed: int, more: Mapping[str, str] | None = None) -> TrackedRun:
        planned = self.planned
        tags = {
            "variant": planned.name,
            "seed": str(seed),
            "launch": self.launch.id,
            "fingerprint": planned.fingerprints[seed],
            **code_tags(planned.code, planned.recipes[seed]),
            "data_digest": planned.table.digest,
            "recipe_version": str(RECIPE_VERSION),
            "environment": in_one_line(),
            **(more or {}),
        }
        return self.store.start(f"seed {seed} {planned.name}", "seed", tags, parent=self.variant_run.id)

    def _record_so_far(self, runs: Sequence[TrackedRun], curves: Sequence[CurvePoints]) -> None:
        """Of a fit that goes on: the new points of each seed's curves, and that this process lives."""
        for run, points in zip(runs, curves, strict=True):
            run.log(curves=points, tags=heartbeat())
            self._recorded.setdefault(run.id, set()).update(epoch for _, epoch, _ in points)
        for run in (self.launch, self.variant_run):
            run.log(tags=heartbeat())

    def _record(self, exits: ExitStack, runs: Sequence[TrackedRun], results: Sequence[SeedResult]) -> None:
        """Write what was not written during the fit, and end each run."""
        with exits:
            for run, result in zip(runs, results, strict=True):
                try:
                    with ending(run):
                        self._record_seed(run, result, len(runs))
                        if result.outcome == PRUNED:
                            run.end("KILLED")
                        elif result.error:
                            raise DataError(result.error)
                    if result.outcome != PRUNED:
                        self._remember(run, result)
                except StoreFull:
                    raise
                except Exception as error:  # what goes wrong with one seed's record must not take the others along
                    self.failures[f"{self.planned.name}, seed {result.seed}"] = Failure.of(error)

    def _record_seed(self, run: TrackedRun, result: SeedResult, at_once: int) -> None:
        config = self.planned.variant.config
        params = flat_params(config, NOT_A_CELLS_PARAM) | {
            "seed": result.seed,
            AT_ONCE: at_once,
            CHOSEN_EPOCH: result.epoch,
        }
        recorded = self._recorded.get(run.id, set())
        points = [point for point in recorded_points(result, config) if point[1] not in recorded]
        tags = {} if result.outcome == "ok" else {OUTCOME: result.outcome}
        if result.found:
            params["optimizer.lr"] = result.found.lr
        if result.found and result.found.why_fallback:
            tags[LR_FALLBACK] = result.found.why_fallback
            where = f"{self.planned.name}, seed {result.seed}"
            self.display.say(
                f"{where}: {result.found.why_fallback}. Trained with lr_finder.fallback={result.found.lr}."
            )
        run.log(params=params, curves=points, tags=tags)
        if self.planned.variant.tracking.checkpoints:
            run.artifact(WEIGHTS, safetensors_bytes(result.weights))

    def _aggregate(self, done: Mapping[str, SeedRun]) -> None:
        """Mean, spread and n over all seeds asked for, wherever they were trained, on the variant's run."""
        prints = self.planned.fingerprints
        cells = [cell for print_ in prints.values() if (cell := done.get(print_))]
        epochs = self.planned.variant.trainer.max_epochs
        means = [(name, epochs, value) for name, value in variant_metrics(cells).items()]
        curves = mean_curves(point for cell in cells if cell.usable for point in self.curves_of(cell))
        self.variant_run.log(curves=[*curves, *means])
        trained_in = [
            {"seed": cell.seed, "run": cell.id, "launch": cell.launch, "outcome": cell.outcome} for cell in cells
        ]
        self.variant_run.artifact("cells.json", json.dumps(trained_in, indent=1))

    def curves_of(self, cell: SeedRun) -> Iterable[tuple[str, int, float]]:
        """Points under canonical names; reading them back takes long, so those of seeds trained here are at hand."""
        if cell.seed in self.curves:
            return self.curves[cell.seed]
        return self.store.curves(cell.id, [name for name in cell.metrics if is_curve(name)])

    def _remember(self, run: TrackedRun, result: SeedResult) -> None:
        """Keep what the mean over the seeds needs of a seed that has just been recorded."""
        self.curves[result.seed] = [(run.labels[label], epoch, value) for label, epoch, value in result.curves]
        self.fresh[result.seed] = SeedRun(
            id=run.id,
            variant=self.planned.name,
            seed=result.seed,
            fingerprint=self.planned.fingerprints[result.seed],
            recipe=self.planned.recipes[result.seed],
            code=self.planned.code,
            status="FINISHED",
            outcome=result.outcome,
            launch=self.launch.id,
            metrics=self._latest(run, result),
        )

    @staticmethod
    def _latest(run: TrackedRun, result: SeedResult) -> dict[str, float]:
        """The last value of each metric, as the store would give them."""
        curves = {label: value for label, _, value in result.curves}
        return {run.labels[label]: value for label, value in {**curves, **result.metrics}.items()}


def recorded_points(result: SeedResult, config: Mapping[str, Any]) -> CurvePoints:
    """What is written of a seed: its curves, and at the epoch after the last one its final metrics."""
    return [*result.curves, *((name, config["trainer"]["max_epochs"], value) for name, value in result.metrics.items())]


def vectors_shown(display: Display, variant: str) -> Progress:
    """Tells the display how many messages that a variant's strategy has changed are encoded."""
    return lambda done, total: display.preparing(f"vectors of changed messages for {variant}", done, total)


def groups_of(items: Sequence[T], size: int | None) -> list[Sequence[T]]:
    """Consecutive groups of at most ``size``; None: one group of all. Empty for no items."""
    step = size or max(len(items), 1)
    return [items[start : start + step] for start in range(0, len(items), step)]


class CurveRecorder(pl.Callback):
    """Gives the curves of long fits to ``record`` now and then, so that the UI shows them while they grow."""

    def __init__(self, record: Callable[[list[CurvePoints]], None]) -> None:
        self.record = record
        self._given = 0
        self._last = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if time.monotonic() - self._last < SECONDS_BETWEEN_FLUSHES:
            return
        task = cast(StackedModule, module)
        self.record([curve_points(task.history, position, self._given) for position in range(task.seeds)])
        self._given, self._last = len(task.history), time.monotonic()
