"""One trial: a point of the space becomes a variant whose seeds are trained together, and measured on validation rows."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import optuna
import pytorch_lightning as pl

from seedbed.config.building import build
from seedbed.config.experiment import Variant
from seedbed.config.lightning_modules import trains_modules
from seedbed.config.metric_checks import metrics_of
from seedbed.errors import ConfigError, DataError, SeedbedError, near_misses
from seedbed.metrics import find
from seedbed.own_modules.planned import ModulePlanner, PlannedModule
from seedbed.recorded import SECONDS
from seedbed.results import Trial
from seedbed.running.planning import Planner
from seedbed.running.training_of import training_of
from seedbed.search.plan import SearchPlan
from seedbed.search.settings import SearchSettings
from seedbed.search.space import as_override
from seedbed.search.study import Study, TrialOutcome
from seedbed.stacking.module import StackedModule
from seedbed.statistics import summary
from seedbed.tracking.aggregates import is_curve
from seedbed.tracking.names import metric_names
from seedbed.tracking.processes import heartbeat
from seedbed.tracking.runs import SeedRun
from seedbed.tracking.store import Store
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training.epoch_progress import SECONDS_BETWEEN_FLUSHES
from seedbed.training.failures import Failure
from seedbed.training.planned import PlannedCells, PlannedVariant
from seedbed.training.progress import Display
from seedbed.training.recorded_training import Stopping
from seedbed.training.recording import VariantRecord
from seedbed.training.seed_results import CurvePoints, SeedResult
from seedbed.training.workers import Workers

OBJECTIVE = "objective"
"""The metric of a trial's run that is optimized, so that MLflow's table can be sorted by it."""


class Trials:
    """Trains trials of one study, one after the other; what came of one is known before its records are written."""

    store: Store
    """The store of their records, from ``record_in`` on."""

    def __init__(self, plan: SearchPlan, display: Display, workers: Workers, records: Executor) -> None:
        """Loads the data and checks points that together hold every choice and every end of the space."""
        self.settings, self.template, self.seeds = plan.settings, plan.template, plan.experiment.seeds
        self.display, self.workers, self.records = display, workers, records
        modules = trains_modules(plan.experiment.config)
        self.planner = ModulePlanner(self.seeds, display, tests=False) if modules else Planner(self.seeds, display)
        self.base = self.plan("base", {})
        """The variant as it stands, on the rows that trials see."""
        self.code = self.base.code
        """The code of the variant as it stands and of all choices of the space."""
        for corner in plan.space.corners():
            self.code |= self.plan("search", corner).code
        if plan.settings.prunes:
            _check_pruning(self.base, len(self.seeds))
        self._last_sign = time.monotonic()
        # Of this study and of others, by fingerprint; those trained from here on are added when they are recorded.
        self._done: dict[str, SeedRun] = {}
        # By trial, until they are written; those that could not be, though the trial has a value; and those without one.
        self._records: dict[int, VariantRecord] = {}
        self._lost: list[int] = []
        self._failed: set[int] = set()

    def record_in(self, store: Store) -> None:
        """Record trials in this store, and train no cell again that it has."""
        self.store, self._done = store, store.cells()

    @property
    def holds_out(self) -> bool:
        """Whether the experiment has no test rows, so that trials are measured on rows held out of the training rows."""
        if not isinstance(self.base, PlannedVariant):  # a module has its validation rows
            return False
        split = build(self.template.variant.config["split"], "split")
        return len(split.rows(self.base.table, self.seeds[0]).test) == 0

    def plan(self, name: str, point: Mapping[str, Any]) -> PlannedCells:
        """Check all that a trial of the point needs; raises ``SeedbedError``."""
        varied = self.template.at(name, [as_override(key, value) for key, value in point.items()])
        for note in (*self.template.experiment.notes, *self.template.notes):
            self.display.say_once(note)
        beside = getattr(self, "base", None)
        return self.planner.plan([_for_selection(varied, self.settings, len(self.seeds))], beside)[0]

    def run(self, trial: optuna.Trial, study: Study, search_run: TrackedRun) -> TrialOutcome:
        """Train and measure the trial's point; what goes wrong there is the reason why it has no values."""
        start = time.perf_counter()
        try:
            planned = self.plan(_name(trial.number), trial.params)
        except SeedbedError as error:
            return TrialOutcome(reason=str(error))
        named = json.dumps(sorted(planned.fingerprints.items()))
        point = hashlib.sha256(named.encode()).hexdigest()
        if same := study.same_point(point):
            return replace(same[1], same_as=same[0], seconds=0.0, point=point)
        measured = self._train(trial, study, planned, search_run)
        return replace(measured, point=point, seconds=time.perf_counter() - start)

    def _train(self, trial: optuna.Trial, study: Study, planned: PlannedCells, search_run: TrackedRun) -> TrialOutcome:
        watch = TrialWatch(trial, self.settings, len(self.seeds), lambda: study.alive(trial))
        record = self._trained(planned, search_run, watch)
        if time.monotonic() - self._last_sign > SECONDS_BETWEEN_FLUSHES:
            search_run.log(tags=heartbeat())
            self._last_sign = time.monotonic()
        unusable = {Failure.of(DataError(result.error)).why: None for result in record.results.values() if result.error}
        if watch.stopped:
            measured = watch.seen
        elif whys := {failure.why: None for failure in record.failures.values()} | unusable:
            measured = TrialOutcome(reason="; ".join(whys))
        else:
            measured = self._measure(planned, record)
        record.add(*_of_trial(trial.number, measured.reason, measured.values, planned.epochs))
        self._records[trial.number] = record
        if measured.reason:
            self._failed.add(trial.number)
        return measured

    def _trained(self, planned: PlannedCells, search_run: TrackedRun, watch: TrialWatch | None) -> VariantRecord:
        """Trains what is missing; what came of it is in the record at once, and in the store later."""
        training = training_of(
            planned,
            store=self.store,
            launch=search_run,
            display=self.display,
            workers=self.workers,
            writer=self.records,
            stopping=watch,
        )
        missing = [seed for seed, fingerprint in planned.fingerprints.items() if fingerprint not in self._done]
        training.run(self._done, missing)
        return training.record

    # ---- records, which are written while the next trial trains

    def unrecorded(self) -> list[int]:
        """Numbers of the trials whose records are not, or not all, written by now."""
        return [*self._lost, *(number for number, record in self._records.items() if not record.written)]

    def wait(self, but: int = 0) -> None:
        """Return when the records of all trials but the last ``but`` are written; says what could not be."""
        for number in list(self._records)[: max(len(self._records) - but, 0)]:
            record = self._records[number]
            record.wait()
            del self._records[number]
            if record.failures and number not in self._failed:
                self._lost.append(number)
                whys = dict.fromkeys(failure.why for failure in record.failures.values())
                self.display.say(
                    f"Trial {number}: its value counts, but not all of its records could be written: {'; '.join(whys)}. The "
                    "next search of this study writes them anew."
                )

    def complete(self, told: Trial, search_run: TrackedRun) -> None:
        """Write what a killed process has left out of the records of a trial that was told; its value stays."""
        runs = [run for run in self.store.variants(search_run.id) if run.variant == _name(told.number)]
        if any(run.trial == told.number for run in runs):  # this is what is written last
            return
        of_trial = _of_trial(told.number, told.reason, told.values, self.base.epochs)
        if told.state == "COMPLETE":
            record = self._trained(self.plan(_name(told.number), told.params), search_run, None)
            record.add(*of_trial)
            self._records[told.number] = record
            self.wait()
        elif runs:
            tags, curves = of_trial
            self.store.run(runs[-1].id).log(tags=tags, curves=curves)

    # ---- values

    def _measure(self, planned: PlannedCells, record: VariantRecord) -> TrialOutcome:
        cells = {seed: self._cell(seed, planned, record) for seed in planned.fingerprints}
        gone = [seed for seed, cell in cells.items() if not cell.usable]
        if gone:
            return TrialOutcome(reason=f"{len(gone)} of {len(cells)} seeds diverged")
        points = {seed: cell.points for seed, cell in cells.items()}
        by_metric: list[dict[int, float]] = []
        for metric in self.settings.metrics:
            if metric == SECONDS:
                by_metric.append({seed: cell.seconds for seed, cell in cells.items()})
            else:
                _require_logged(metric, points)
                by_metric.append({seed: value_at_end(points[seed], metric, planned) for seed in cells})
        seen = summary(list(by_metric[0].values()))
        values = [self._objective(list(of.values()), place) for place, of in enumerate(by_metric)]
        for metric, of_seeds, value in zip(self.settings.metrics, by_metric, values, strict=True):
            if not math.isfinite(value):
                bad = max(1, sum(not math.isfinite(one) for one in of_seeds.values()))
                return TrialOutcome(reason=f"{metric} is not a finite number for {bad} of {len(cells)} seeds")
        return TrialOutcome(
            values=tuple(values),
            mean=seen.mean,
            std=seen.std,
            n=seen.n,
            epochs=planned.epochs,
            by_seed={str(seed): value for seed, value in by_metric[0].items()},
        )

    def _cell(self, seed: int, planned: PlannedCells, record: VariantRecord) -> Cell:
        """A seed that has just been trained, or one that was trained before."""
        if seed in record.results:
            return Cell.of(record.results[seed], planned.epochs)
        done = self._done[planned.fingerprints[seed]]
        return Cell(done.usable, done.metrics.get(SECONDS, math.nan), list(record.curves_of(done)))

    def _objective(self, values: list[float], place: int) -> float:
        of_seeds = summary(values)
        if of_seeds.missing or of_seeds.mean is None:
            return math.nan
        if self.settings.objective == "mean" or self.settings.metrics[place] == SECONDS or of_seeds.high is None:
            return of_seeds.mean
        worse = of_seeds.high if self.settings.lower_is_better[place] else of_seeds.low
        return math.nan if worse is None else worse


@dataclass(frozen=True)
class Cell:
    """What a trial is measured by in one of its seeds."""

    usable: bool
    seconds: float
    points: CurvePoints
    """Of its curves, under canonical names."""

    @classmethod
    def of(cls, result: SeedResult, epochs: int) -> Cell:
        """Of a seed that is trained, and may not be recorded yet."""
        points = [point for point in result.recorded_points(epochs) if is_curve(point[0])]
        names = metric_names(dict.fromkeys(label for label, _, _ in points))
        seconds = result.metrics.get(SECONDS, math.nan)
        return cls(result.outcome == "ok", seconds, [(names[label], epoch, value) for label, epoch, value in points])


def _name(trial: int) -> str:
    """What a trial is called as a variant."""
    return f"trial {trial}"


def _of_trial(number: int, reason: str, values: Sequence[float], epochs: int) -> tuple[dict[str, str], CurvePoints]:
    """Tags and points that say in a trial's run what came of it; they are written last."""
    tags = {"trial": str(number), **({"reason": reason[:4000]} if reason else {})}
    return tags, [(OBJECTIVE, epochs, values[0])] if values else []


class TrialWatch(Stopping):
    """Reports the mean over all seeds after each epoch, and stops a trial that its pruner gives up.

    Where some of the seeds were trained before, there is nothing to report: other trials' means are over all of them.
    """

    def __init__(self, trial: optuna.Trial, settings: SearchSettings, seeds: int, alive: Callable[[], None]) -> None:
        self.trial, self.settings, self.seeds, self.alive = trial, settings, seeds, alive
        self.points: list[tuple[str, int, float]] = []
        self.seen = TrialOutcome()
        self._last = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        task = cast(StackedModule, module)
        if trainer.sanity_checking or not task.history:
            return
        self.see(trainer.current_epoch, trainer.max_epochs or 0, task.history[-1])
        if self.stopped:
            trainer.should_stop = True

    def see(self, epoch: int, epochs: int, metrics: Mapping[str, np.ndarray]) -> None:
        if time.monotonic() - self._last > SECONDS_BETWEEN_FLUSHES:
            self.alive()
            self._last = time.monotonic()
        values = metrics.get(self.settings.metrics[0], np.empty(0))
        if self.settings.prunes and len(values) == self.seeds:
            self._report(epoch, epochs, values)

    def _report(self, epoch: int, epochs: int, values: np.ndarray) -> None:
        metric = self.settings.metrics[0]
        of_seeds = summary(values)
        if of_seeds.mean is None or of_seeds.missing:
            return
        self.points.append((metric, epoch, of_seeds.mean))
        self.trial.report(of_seeds.mean, epoch + 1)
        if self.trial.should_prune() and epoch + 1 < epochs:
            name = type(self.settings.pruner).__name__
            reason = f"{name} at epoch {epoch + 1}"
            self.seen = TrialOutcome(
                mean=of_seeds.mean, std=of_seeds.std, n=of_seeds.n, epochs=epoch + 1, reason=reason, pruned=True
            )  # fmt: skip
            self.stopped = True


def _check_pruning(base: PlannedCells, seeds: int) -> None:
    """A trial is judged by the mean over all its seeds after each epoch, so that these must train together."""
    if isinstance(base, PlannedModule):
        if base.at_once < seeds:
            raise ConfigError(
                f"search/pruner with trainer.seeds_at_once={base.at_once}: a trial is pruned by the mean of all {seeds} seeds, which "
                f"must train together. Set trainer.seeds_at_once={seeds}, which is so many processes, or seeds={base.at_once}, or use "
                "search/pruner=none."
            )
        return
    assert isinstance(base, PlannedVariant)
    trainer = base.trainer
    devices, at_once = trainer.settings["devices"], trainer.settings["seeds_at_once"]
    remedy = "Use search/pruner=none."
    if devices not in (1, "auto", "free") and not (isinstance(devices, list) and len(devices) == 1):
        raise ConfigError(
            f"search/pruner with trainer.devices={devices}: several devices share out the seeds, and a trial is pruned by "
            f"their mean. Set trainer.devices=1. Or: {remedy}"
        )
    if seeds > 1 and (not trainer.traits.is_stackable or at_once < seeds):
        why = (
            f"trainer.seeds_at_once={at_once}"
            if trainer.traits.is_stackable
            else "this network, whose seeds train one at a time"
        )
        raise ConfigError(
            f"search/pruner with {why}: a trial is pruned by the mean of all {seeds} seeds, which must train together. {remedy}"
        )


def _require_logged(metric: str, points: Mapping[int, Iterable[tuple[str, int, float]]]) -> None:
    """Raise ``ConfigError`` for a metric that no seed has, as where a user's module logs it otherwise."""
    logged = {name for of_seed in points.values() for name, _, _ in of_seed}
    if metric not in logged:
        raise ConfigError(
            f"search.metrics: {metric} was measured by no seed of a trial, {near_misses(metric, logged)} Trials are measured on "
            "validation rows after every epoch: name what is logged there, such as search.metrics=val/loss."
        )


def value_at_end(points: Iterable[tuple[str, int, float]], metric: str, planned: PlannedCells) -> float:
    """The metric at the epoch whose weights the seed ends with: the last, or under ``select=best`` its best."""
    config = planned.variant.config
    curves: dict[str, dict[int, float]] = {}
    for name, epoch, value in points:
        curves.setdefault(name, {})[epoch] = value
    values = curves.get(metric, {})
    if not values:
        return math.nan
    if planned.epochs in values:  # what counts where something acts on the scores after training
        return values[planned.epochs]
    if config["select"] == "last" or config["monitor"] not in curves:  # of a model that takes no steps
        return values[max(values)]
    monitored = curves[config["monitor"]]
    watched = find(metrics_of(config["task"]), config["monitor"])
    best = min(monitored, key=lambda epoch: (watched.cost(monitored[epoch]), epoch))
    return values.get(best, math.nan)


def _for_selection(variant: Variant, settings: SearchSettings, seeds: int) -> Variant:
    """The variant on the rows that a search may see, without what only a run's record needs."""
    config = deepcopy(variant.config)
    if not trains_modules(config):
        config["split"] = {
            "_target_": "seedbed.data.selection.SelectionSplit",
            "split": config["split"],
            "holdout": settings.holdout,
        }
    config["tracking"] |= {"checkpoints": False, "scores": False}
    if settings.prunes and config["trainer"]["seeds_at_once"] == "auto":  # the mean is to be that of all seeds
        config["trainer"]["seeds_at_once"] = seeds
    return replace(variant, config=config)
