"""Plans the variants of an experiment: everything that can be wrong is found here, before any training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from seedbed.config.building import build, missing_extra
from seedbed.config.experiment import Experiment, Variant
from seedbed.config.lightning_modules import trains_modules
from seedbed.data.splits import Rows, same_rows
from seedbed.data.table import Dataset
from seedbed.errors import ConfigError, NotInTheData, SeedbedError
from seedbed.imbalance.base import Strategy
from seedbed.imbalance.building import strategy_of
from seedbed.imbalance.class_weights import keeps_rows
from seedbed.own_modules.planned import ModulePlanner, PlannedModule
from seedbed.trained.queries import check_names, foreign_names
from seedbed.training.estimators import try_estimator
from seedbed.training.logger import check_loggers
from seedbed.training.parts import task_class
from seedbed.training.planned import PlannedCells, PlannedVariant
from seedbed.training.progress import Display
from seedbed.training.row_checks import check_rows
from seedbed.training.stack_trainer import StackTrainer, watched_by


def installed(experiment: Experiment, display: Display) -> Experiment:
    """The experiment without the variants whose model needs an extra that is not installed, unless it was asked for them by name."""
    if experiment.config["variant"] is not None:
        return experiment
    extras = {variant.name: extra for variant in experiment.variants if (extra := missing_extra(variant.config))}
    kept = tuple(variant for variant in experiment.variants if variant.name not in extras)
    if not extras or not kept:
        return experiment
    needed = " ".join(f"'seedbed[{extra}]'" for extra in sorted(set(extras.values())))
    display.say(
        f"Left out, as their models need packages that are not installed: {', '.join(extras)}. pip install {needed}"
    )
    return replace(experiment, variants=kept)


@dataclass(frozen=True)
class Planned:
    """An experiment as its data allow it, and the plan of its cells."""

    experiment: Experiment
    plan: Sequence[PlannedCells]
    inapplicable: Mapping[str, str] = field(default_factory=dict)
    """Variants that ask for what the data do not have, and what that is; the experiment is without them."""


def plan_as_installed(experiment: Experiment, display: Display, *, says_data_notes: bool = True) -> Planned:
    """``plan_cells`` for what is ``installed``; the display gets the experiment's notes before.

    Raises a ``SeedbedError``, which names the data set where the experiment's file lists some.
    """
    experiment = installed(experiment, display)
    for note in experiment.notes:
        display.say_once(note)
    try:
        return plan_cells(experiment, display, says_data_notes=says_data_notes)
    except SeedbedError as error:
        if not experiment.data_set:
            raise
        raise type(error)(f"Data set {experiment.data_set!r}: {error}") from error


def plan_cells(experiment: Experiment, display: Display, *, says_data_notes: bool = True) -> Planned:
    """The plan of an experiment of any task; otherwise as ``plan_experiment``."""
    if trains_modules(experiment.config):
        return Planned(experiment, _plan_modules(experiment, display))
    experiment, plan, inapplicable = _plan_stacks(experiment, display, says_data_notes)
    return Planned(experiment, plan, inapplicable)


def plan_experiment(experiment: Experiment, display: Display) -> tuple[Experiment, list[PlannedVariant]]:
    """The experiment, of a stacked task, as its data allow it, and the plan of its variants; raises a ``SeedbedError`` for bad input."""
    experiment, plan, _ = _plan_stacks(experiment, display, says_data_notes=True)
    return experiment, plan


def _plan_stacks(
    experiment: Experiment, display: Display, says_data_notes: bool
) -> tuple[Experiment, list[PlannedVariant], dict[str, str]]:
    planner = Planner(experiment.seeds, display, says_data_notes=says_data_notes)
    plan = planner.plan(experiment.variants, leave_out=may_leave_out(experiment))
    report = experiment.config["report"]
    if foreign := foreign_names(plan[0].table, report, experiment.typed) if experiment.has_other_data else {}:
        said = " and ".join(f"report.{key}={name}" for key, name in foreign.items())
        display.say(f"{said}: left out of the report, as the experiment's file means its own data by it.")
        report = {**report, **dict.fromkeys(foreign)}
        plan = [replace(planned, variant=_with_report(planned.variant, report)) for planned in plan]
    _check_report(report, plan[0])
    for planned in plan:
        _check_selection(planned)
    return replace(experiment, variants=tuple(planned.variant for planned in plan)), plan, planner.inapplicable


def _plan_modules(experiment: Experiment, display: Display) -> list[PlannedModule]:
    for variant in experiment.variants:
        if not trains_modules(variant.config):
            raise ConfigError(
                f"Variant {variant.name!r} has another task than {experiment.variants[0].name!r}, which has task=lightning: their "
                "seeds have no rows in common. Make two experiments of it."
            )
    return ModulePlanner(experiment.seeds, display).plan(experiment.variants)


def may_leave_out(experiment: Experiment) -> bool:
    """Whether variants that ask for what the data do not have are left out: neither they nor the file's data were chosen.

    On one of several data sets they are: what does not apply to it may apply to another.
    """
    return bool(experiment.data_set) or (experiment.has_other_data and experiment.config["variant"] is None)


def _with_report(variant: Variant, report: Mapping[str, Any]) -> Variant:
    return replace(variant, config={**variant.config, "report": report})


class Planner:
    """Plans variants for the same seeds; tables and splits that they share are loaded and drawn once."""

    def __init__(self, seeds: Sequence[int], display: Display, *, says_data_notes: bool = True) -> None:
        """``says_data_notes``: whether the display gets the notes on the data."""
        self.seeds, self.display, self.says_data_notes = tuple(seeds), display, says_data_notes
        self._tables: dict[str, Dataset] = {}
        self._rows: dict[str, dict[int, Rows]] = {}
        self._counts: dict[str, dict[str, int]] = {}
        self.inapplicable: dict[str, str] = {}
        """Variants that were left out, and why."""

    def plan(
        self, variants: Sequence[Variant], beside: PlannedVariant | None = None, *, leave_out: bool = False
    ) -> list[PlannedVariant]:
        """Check all that a run needs of the variants, which are to be paired (also with one planned before).

        With ``leave_out``, those that ask for what the data do not have are left out, with a word, if others remain.
        """
        # Built first, since their settings can be wrong, and loading data may mean a download.
        for variant in variants:
            task_class(variant.config).check_data(variant.config["data"])
        parts = [(build(v.config["split"], "split"), _strategy(v)) for v in variants]
        plan: list[PlannedVariant] = []
        unfit: dict[str, NotInTheData] = {}
        with self.display.doing("Planning the variants") as progress:
            for number, (variant, (split, strategy)) in enumerate(zip(variants, parts, strict=True)):
                progress(number, len(variants))
                table = self._table(variant)
                rows = self._split(variant, split, table)
                if first := beside or next(iter(plan), None):
                    _check_pairing(first, variant, table, rows)
                try:
                    _check_rows(variant, table, rows, strategy)
                    counts = self._tried(variant, table, rows, strategy)
                    plan.append(replace(plan_variant(variant, table, rows, strategy), counts=counts))
                except NotInTheData as error:
                    if not leave_out:
                        raise
                    unfit[variant.name] = error
                    continue
                for note in plan[-1].notes:
                    self.display.say_once(note)
        if unfit and not plan:
            raise next(iter(unfit.values()))
        for name, why in unfit.items():
            self.inapplicable[name] = str(why.__cause__ or why)
            self.display.say_once(f"{name} is left out: {why}")
        return plan

    def _tried(self, variant: Variant, table: Dataset, rows: Mapping[int, Rows], strategy: Strategy) -> dict[str, int]:
        """What is fitted or made of the first seed's training rows is tried; returns what the report counts of it."""
        task, seed = task_class(variant.config), self.seeds[0]
        key = json.dumps([variant.config[part] for part in ("data", "split", "task")], sort_keys=True)
        if key not in self._counts:
            self._counts[key], said = task.try_preparation(table, rows[seed])
            for sentence in said:
                self.display.say_once(sentence)
        task.try_strategy(table, rows[seed], strategy, seed)
        return self._counts[key]

    def _table(self, variant: Variant) -> Dataset:
        key = json.dumps(variant.config["data"], sort_keys=True)
        if key not in self._tables:
            self._tables[key] = load_table(variant.config["data"], self.display, says_notes=self.says_data_notes)
        return self._tables[key]

    def _split(self, variant: Variant, split: Any, table: Dataset) -> dict[int, Rows]:
        key = json.dumps([variant.config["data"], variant.config["split"]], sort_keys=True)
        if key not in self._rows:
            self._rows[key] = {seed: split.rows(table, seed) for seed in self.seeds}
            for note in self._rows[key][self.seeds[0]].notes:
                self.display.say_once(note)
        return self._rows[key]


def _check_report(report: Mapping[str, Any], planned: PlannedVariant) -> None:
    """What the report is to be about is there: rows of the metric's side under every seed, and names in the data."""
    side = str(report["metric"]).partition("/")[0]
    for seed, rows in planned.rows.items():
        if (side == "test") != (len(rows.test) > 0):
            there, wanted = ("no test rows", "val") if side == "test" else ("test rows, whose values are final", "test")
            raise ConfigError(
                f"report.metric={report['metric']}: under seed {seed} the split has {there}. Write "
                f"report.metric={wanted}/..., or change the split."
            )
    check_names(planned.table, report)


def _check_selection(planned: PlannedVariant) -> None:
    if planned.variant.config["select"] == "best" and not all(len(rows.test) for rows in planned.rows.values()):
        raise ConfigError(
            f"Variant {planned.name!r}: select=best, and the split has no test rows: the value of the epoch that validation "
            "likes best is no fair estimate. Write select=last, or change the split."
        )


def _strategy(variant: Variant) -> Strategy:
    strategy = strategy_of(variant.config)
    task_class(variant.config).check_strategy(strategy)
    return strategy


def load_table(config: Mapping[str, Any], display: Display, *, says_notes: bool = True) -> Dataset:
    """The table that a config's ``data`` describes; the display gets its notes, unless ``says_notes`` is false."""
    with display.doing("Preparing the data") as progress:
        table: Dataset = build(config, "data").load(progress)
    for note in table.notes if says_notes else ():
        display.say_once(note)
    return table


def _check_pairing(first: PlannedVariant, variant: Variant, table: Dataset, rows: Mapping[int, Rows]) -> None:
    """Variants are compared seed by seed, so a seed must have the same rows in all of them."""
    same = first.table.digest == table.digest and all(
        same_rows(of_seed, first.rows[seed]) for seed, of_seed in rows.items()
    )
    if not same:
        raise ConfigError(
            f"Variant {variant.name!r} has other data or another split than {first.name!r}: their seeds cannot be paired. "
            "Set data and split for the whole experiment, or make two experiments of it."
        )


def _check_rows(variant: Variant, table: Dataset, rows: Mapping[int, Rows], strategy: Strategy) -> None:
    """Every seed has validation rows, and training rows that the strategy can work on."""
    task = task_class(variant.config)
    for seed, of_seed in rows.items():
        if len(of_seed.val) == 0:
            raise ConfigError(
                f"split: seed {seed} has no validation rows. Raise split.val (and lower split.train where the shares add up to 1): curves and selection need them."
            )
        try:
            task.check(table, of_seed, strategy)
        except ConfigError as error:
            raise type(error)(f"Variant {variant.name!r}, seed {seed}: {error}") from error
    _check_defined(variant, table, rows)


def _check_defined(variant: Variant, table: Dataset, rows: Mapping[int, Rows]) -> None:
    """What is reported, and what is watched, has a value under one seed at least."""
    config, task = variant.config, task_class(variant.config)
    asked = {"report.metric": str(config["report"]["metric"])}
    if watched := watched_by(config):
        asked["monitor"] = str(config["monitor"])
    for key, name in asked.items():
        side, _, metric = name.partition("/")
        of_side = [of_seed for of_seed in rows.values() if len(getattr(of_seed, side, ()))]
        whys = [task.why_undefined(table, of_seed, side, metric, config["task"]) for of_seed in of_side]
        if whys and all(whys):
            used = f" ({watched})" if key == "monitor" else ""
            raise ConfigError(
                f"Variant {variant.name!r}: {key}={name}{used} is undefined under every seed: {whys[0]}. Use another "
                f"metric, such as {key}={side}/{task.METRICS[0].name}, or change the split."
            )


def plan_variant(variant: Variant, table: Dataset, rows: dict[int, Rows], strategy: Strategy) -> PlannedVariant:
    """Put together all that the cells of a variant need, ``rows`` by seed; the model and optimizer are tried."""
    inputs = {"data": table.digest, **table.made_with, "strategy": " ".join(strategy.describe())}
    code = variant.code()
    trainer = StackTrainer(variant.config, table)
    check_loggers(variant.config)
    check_rows(trainer.parts, trainer.traits, rows, all_train=keeps_rows(strategy))
    try_estimator(trainer.parts, rows, strategy)
    return PlannedVariant(
        variant=variant,
        table=table,
        strategy=strategy,
        trainer=trainer,
        rows=rows,
        fingerprints={seed: variant.fingerprint(seed, inputs, code) for seed in rows},
        recipes={seed: variant.fingerprint(seed, inputs) for seed in rows},
        code=code,
    )
