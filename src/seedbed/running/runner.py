"""Experiment -> variants -> missing cells -> training -> records: one straight line."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from seedbed.config.building import build, missing_extra
from seedbed.config.experiment import Experiment, Variant, load_experiment
from seedbed.config.metric_checks import metrics_of
from seedbed.config.recipe import RECIPE_VERSION
from seedbed.data.splits import Rows, same_rows
from seedbed.data.table import Dataset
from seedbed.errors import ConfigError, NotInTheData
from seedbed.imbalance.base import Strategy
from seedbed.metrics import Declared, as_plain, joined
from seedbed.report.analysis import analyse, comparison_table
from seedbed.report.printed import table_text
from seedbed.report.writing import launch_page
from seedbed.results import Results
from seedbed.signals import ending_signals_interrupt
from seedbed.tracking import other_code
from seedbed.tracking.launches import launch_name
from seedbed.tracking.names import CODE, CONFIG, DATA, ENVIRONMENT, METRICS, NOTES, OVERRIDES, PLAN, READABLE, in_parts
from seedbed.tracking.params import flat_params, is_cut, to_yaml
from seedbed.tracking.reading import read_results
from seedbed.tracking.runs import Launch, SeedRun
from seedbed.tracking.store import Store, store_uri
from seedbed.tracking.writing import TrackedRun
from seedbed.trained.queries import check_names, foreign_names
from seedbed.training.environment import environment, in_one_line
from seedbed.training.progress import Display
from seedbed.training.stack_trainer import StackTrainer, task_class, watched_by
from seedbed.training.variant import Failure, PlannedVariant, VariantTraining
from seedbed.training.workers import Workers

# Set by multirun for its jobs, which may run in other processes: the sweep's id, the keys that it varies and how many
# jobs it has, as JSON; and the number of the job.
SWEEP, JOB = "SEEDBED_SWEEP", "SEEDBED_JOB"


@dataclass(frozen=True)
class Outcome:
    """What ``run`` gives back: the results of the cells asked for, and how they came about."""

    results: Results
    launch: str
    """MLflow id of the launch that holds them."""
    trained: int
    """Cells trained by this call; the others had been trained before."""
    failures: dict[str, str]
    """Error by variant, or by "variant, seed n"."""
    tracebacks: dict[str, str] = field(default_factory=dict)
    """Of each failure."""

    @property
    def cells(self) -> pd.DataFrame:
        return self.results.cells

    @property
    def curves(self) -> pd.DataFrame:
        return self.results.curves

    @property
    def comparisons(self) -> pd.DataFrame:
        """Each variant against the baseline, or all pairs, by the experiment's metric; see ``seedbed.compare``."""
        return comparison_table(analyse(self.results))


def run(
    name: str,
    overrides: Sequence[str] = (),
    config_dir: str | PathLike[str] | None = None,
    *,
    display: Display | None = None,
    curves: bool = True,
    fail_fast: bool = False,
) -> Outcome:
    """Train the missing cells of an experiment, record them, and read the results of all cells back from MLflow.

    Bad input raises a ``SeedbedError`` before any training. A variant or seed that fails does not stop the others:
    see ``Outcome.failures``; with ``fail_fast``, nothing is started after the first failure. ``curves=False`` saves
    the time of reading the curves back.
    """
    with display or Display(quiet=True) as shown, ending_signals_interrupt():
        return run_loaded(load_experiment(name, overrides, config_dir), shown, curves=curves, fail_fast=fail_fast)


def run_loaded(
    experiment: Experiment,
    shown: Display,
    *,
    curves: bool = True,
    fail_fast: bool = False,
    tags: Mapping[str, str] | None = None,
    artifacts: Mapping[str, str] | None = None,
) -> Outcome:
    """As ``run``, for an experiment that is loaded; its launch gets the ``tags``, and ``artifacts`` by their names."""
    experiment = installed(experiment, shown)
    for note in experiment.notes:
        shown.say_once(note)
    experiment, plan = _fitted(experiment, shown)  # before the store: bad input leaves none behind
    store = open_store(experiment)
    repair(store, shown)
    done = store.cells(fingerprint for planned in plan for fingerprint in planned.fingerprints.values())
    missing = _missing(plan, done)
    count = sum(len(seeds) for seeds in missing.values())
    key = _launch_key(experiment, plan, artifacts or {})
    of_search = (tags or {}).get("search")
    # A job of a sweep is one of its launches, even where it has nothing to train.
    if count == 0 and SWEEP not in os.environ and (earlier := _latest_launch_with(store, key, of_search)):
        shown.say(f"All {len(done)} cells are trained already: nothing to do.")
        return Outcome(read_results(store, earlier, curves=curves), earlier.id, 0, {})
    about = {"key": key, "command": experiment.command, "recipe_version": str(RECIPE_VERSION)}
    launch = store.start(launch_name(), "launch", about | _sweep_tags(experiment) | dict(tags or {}))
    for name, content in (artifacts or {}).items():
        launch.artifact(name, content)
    shown.say(
        f"{experiment.name}: {count} cell{'s' if count != 1 else ''} to train, {len(done)} of {count + len(done)} trained already. Tracking in {store.uri}"
    )
    for sentence in _of_other_code(store, plan, missing):
        shown.say(sentence)
    failures, trained = _train_launch(store, launch, experiment, plan, done, missing, shown, fail_fast)
    results = read_results(store, store.launch(launch.id), curves=curves)
    launch.artifact("table.txt", table_text(results))
    _describe_results(launch, results, shown)
    whys = {where: failure.why for where, failure in failures.items()}
    return Outcome(results, launch.id, trained, whys, {where: found.traceback for where, found in failures.items()})


def open_store(experiment: Experiment, *, create: bool = True) -> Store:
    return Store(store_uri(experiment.project), experiment.project, experiment.name, create=create)


def repair(store: Store, display: Display) -> None:
    """End as KILLED what a crash has left RUNNING in the store, and say so."""
    if repaired := store.repair():
        display.say(f"{repaired} runs that a crash had left RUNNING are now KILLED.")


# ---- planning: everything that can be wrong is found here, before any training ---------------------------------------


def installed(experiment: Experiment, display: Display) -> Experiment:
    """Without the variants whose model needs an extra that is not installed, unless they are asked for by name."""
    if experiment.config["variant"] is not None:
        return experiment
    extras = {variant.name: extra for variant in experiment.variants if (extra := missing_extra(variant.config))}
    kept = tuple(variant for variant in experiment.variants if variant.name not in extras)
    if not extras or not kept:
        return experiment
    needed = " ".join(f"'seedbed[{extra}]'" for extra in sorted(set(extras.values())))
    display.say(f"Left out, as their model needs what is not installed: {', '.join(extras)}. pip install {needed}")
    return replace(experiment, variants=kept)


def _plan(experiment: Experiment, display: Display) -> list[PlannedVariant]:
    return _fitted(experiment, display)[1]


def _fitted(experiment: Experiment, display: Display) -> tuple[Experiment, list[PlannedVariant]]:
    """The experiment as its data allow it, and the plan of its variants."""
    plan = Planner(experiment.seeds, display).plan(experiment.variants, leave_out=may_leave_out(experiment))
    report = experiment.config["report"]
    if foreign := foreign_names(plan[0].table, report, experiment.typed) if experiment.has_other_data else {}:
        said = " and ".join(f"report.{key}={name}" for key, name in foreign.items())
        display.say(f"{said}: left out of the report, as the experiment's file means its own data by it.")
        report = {**report, **dict.fromkeys(foreign)}
        plan = [replace(planned, variant=_with_report(planned.variant, report)) for planned in plan]
    _check_report(report, plan[0])
    for planned in plan:
        _check_selection(planned)
    return replace(experiment, variants=tuple(planned.variant for planned in plan)), plan


def may_leave_out(experiment: Experiment) -> bool:
    """Whether variants that ask for what the data do not have are left out: neither they nor the file's data were chosen."""
    return experiment.has_other_data and experiment.config["variant"] is None


def _with_report(variant: Variant, report: Mapping[str, Any]) -> Variant:
    return replace(variant, config={**variant.config, "report": report})


class Planner:
    """Plans variants for the same seeds; tables and splits that they share are loaded and drawn once."""

    def __init__(self, seeds: Sequence[int], display: Display) -> None:
        self.seeds, self.display = tuple(seeds), display
        self._tables: dict[str, Dataset] = {}
        self._rows: dict[str, dict[int, Rows]] = {}
        self._counts: dict[str, dict[str, int]] = {}

    def plan(
        self, variants: Sequence[Variant], beside: PlannedVariant | None = None, *, leave_out: bool = False
    ) -> list[PlannedVariant]:
        """Check all that a run needs of the variants, which are to be paired (also with one planned before).

        With ``leave_out``, those that ask for what the data do not have are left out, with a word, if others remain.
        """
        # Built first, since their settings can be wrong, and loading data may mean a download.
        parts = [(build(v.config["split"], "split"), _strategy(v)) for v in variants]
        plan: list[PlannedVariant] = []
        unfit: dict[str, NotInTheData] = {}
        for variant, (split, strategy) in zip(variants, parts, strict=True):
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
            self._tables[key] = load_table(variant.config["data"], self.display)
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
    strategy = build(variant.config["imbalance"], "imbalance")
    if not isinstance(strategy, Strategy):
        raise ConfigError(
            f"Variant {variant.name!r}: imbalance._target_={variant.config['imbalance'].get('_target_')} is no strategy. "
            "Derive the class from seedbed.imbalance.base.Strategy and override apply()."
        )
    task_class(variant.config).check_strategy(strategy)
    return strategy


def load_table(config: Mapping[str, Any], display: Display) -> Dataset:
    """The table that a config's ``data`` describes; what it has to say goes to the display.

    Of the jobs of a multirun that vary nothing of the data, the first one says it.
    """
    table: Dataset = build(config, "data").load(lambda done, total: display.preparing("the data", done, total))
    for note in table.notes if _speaks_of_data() else ():
        display.say_once(note)
    return table


def _speaks_of_data() -> bool:
    if SWEEP not in os.environ:
        return True
    varied = json.loads(os.environ[SWEEP])["keys"]
    return os.environ[JOB] == "0" or any(key.partition(".")[0].partition("/")[0] == "data" for key in varied)


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
                f"Variant {variant.name!r}: {key}={name}{used} is undefined under every seed: {whys[0]}. Take another "
                f"metric, such as {key}={side}/{task.METRICS[0].name}, or change the split."
            )


def plan_variant(variant: Variant, table: Dataset, rows: dict[int, Rows], strategy: Strategy) -> PlannedVariant:
    """Put together all that the cells of a variant need, ``rows`` by seed; the model and optimizer are tried."""
    inputs = {"data": table.digest, **table.made_with, "strategy": " ".join(strategy.describe())}
    code = variant.code()
    trainer = StackTrainer(variant.config, table)
    trainer.check_rows(rows)
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


def _missing(plan: Sequence[PlannedVariant], done: Mapping[str, SeedRun]) -> dict[str, list[int]]:
    """Seeds to train, by variant; where two variants are the same recipe, the first one trains for both."""
    there = set(done)
    missing: dict[str, list[int]] = {}
    for planned in plan:
        missing[planned.name] = [seed for seed, print_ in planned.fingerprints.items() if print_ not in there]
        there |= set(planned.fingerprints.values())
    return missing


def _of_other_code(store: Store, plan: Sequence[PlannedVariant], missing: Mapping[str, Sequence[int]]) -> list[str]:
    """What stands in the store of the recipes and seeds that are to be trained, made by other code."""
    prints = {
        planned.name: {planned.recipes[seed]: planned.fingerprints[seed] for seed in missing[planned.name]}
        for planned in plan
        if missing[planned.name]
    }
    cells = store.cells_of_recipes(recipe for of_variant in prints.values() for recipe in of_variant)
    return other_code.beside(prints, {planned.name: planned.code for planned in plan}, cells)


def _launch_key(experiment: Experiment, plan: Sequence[PlannedVariant], artifacts: Mapping[str, str]) -> str:
    """Two launches with one key ask for the same cells under the same names, and for the same report of them."""
    cells = [(planned.name, print_) for planned in plan for print_ in planned.fingerprints.values()]
    asked = {key: experiment.config[key] for key in ("question", "variants", "report", "published")}
    more = [dict(artifacts)] if artifacts else []
    return hashlib.sha256(json.dumps([cells, asked, *more]).encode()).hexdigest()


def _sweep_tags(experiment: Experiment) -> dict[str, str]:
    """Which sweep this launch is a job of, and what it sets there; {} where it is none."""
    if SWEEP not in os.environ:
        return {}
    sweep = json.loads(os.environ[SWEEP])
    given = dict(override.split("=", 1) for override in experiment.overrides if "=" in override)
    values = {key: given[key] for key in sweep["keys"] if key in given}
    return {
        "sweep": sweep["id"],
        **in_parts("sweep_values", json.dumps(values)),
        "sweep_jobs": str(sweep["jobs"]),
        "sweep_job": os.environ[JOB],
    }


def _latest_launch_with(store: Store, key: str, of_search: str | None) -> Launch | None:
    """The latest launch if it is the same; an older one would leave ``report`` with another than the one shown."""
    latest = next((launch for launch in store.launches() if launch.search == of_search), None)
    return latest if latest is not None and latest.key == key and latest.status == "FINISHED" else None


# ---- training and recording ------------------------------------------------------------------------------------------


def _train_launch(
    store: Store,
    launch: TrackedRun,
    experiment: Experiment,
    plan: Sequence[PlannedVariant],
    done: dict[str, SeedRun],
    missing: Mapping[str, Sequence[int]],
    display: Display,
    fail_fast: bool,
) -> tuple[dict[str, Failure], int]:
    """Train and record every variant; returns the failures, and how many cells were trained.

    The launch is FINISHED only if nothing failed.
    """
    failures: dict[str, Failure] = {}
    trained = 0
    try:
        _describe_launch(launch, experiment, plan)
        display.begin(sum(len(missing[p.name]) * p.variant.trainer.max_epochs for p in plan))
        # Left in any case when all that was trained is recorded.
        with Workers() as workers, ThreadPoolExecutor(1, "records") as records:
            trainings: list[VariantTraining] = []
            for planned in plan:
                trainings.append(
                    VariantTraining(store, launch, planned, display, workers, records, fail_fast=fail_fast)
                )
                trainings[-1].run(done, missing[planned.name])
                if fail_fast:
                    trainings[-1].wait()
                    if trainings[-1].failures:
                        _say_what_is_left([later.name for later in plan[len(trainings) :]], display)
                        break
            for training in trainings:
                training.wait()
                failures |= training.failures
                trained += len(training.fresh)
    except (KeyboardInterrupt, SystemExit):
        launch.end("KILLED")
        raise
    except BaseException:
        launch.end("FAILED")
        raise
    launch.end("FAILED" if failures else "FINISHED")
    return failures, trained


def _say_what_is_left(variants: Sequence[str], display: Display) -> None:
    display.say(f"Stopped at the first failure (--fail-fast). Not started: {', '.join(variants) or 'none'}.")


def _describe_launch(launch: TrackedRun, experiment: Experiment, plan: Sequence[PlannedVariant]) -> None:
    config = experiment.config
    launch.log(
        params={
            "seeds": list(experiment.seeds),
            "variants": [planned.name for planned in plan],
            "overrides": list(experiment.overrides),
            **({"restated": list(experiment.restated)} if experiment.restated else {}),
            **flat_params(config, ("variants", "seeds", "variant", "published", "imbalance", "report", "search")),
        },
        tags={"environment": in_one_line()},
    )
    if is_cut(list(experiment.overrides)):
        launch.artifact(OVERRIDES, json.dumps(list(experiment.overrides)))
    launch.artifact(PLAN, json.dumps({planned.name: sorted(planned.fingerprints.items()) for planned in plan}))
    launch.artifact(METRICS, json.dumps(as_plain(_declared(plan))))
    launch.artifact(CONFIG, to_yaml(config))
    launch.artifact(DATA, json.dumps(_describe_data(plan[0])))
    launch.artifact(CODE, json.dumps({planned.name: planned.code.as_dict() for planned in plan}))
    launch.artifact(
        NOTES, json.dumps({planned.name: [*planned.strategy.describe(), *planned.notes] for planned in plan})
    )
    launch.artifact(ENVIRONMENT, json.dumps(environment()))
    launch.log(tags={READABLE: "yes"})


def _declared(plan: Sequence[PlannedVariant]) -> Declared:
    return joined({planned.name: metrics_of(planned.variant.config["task"]) for planned in plan})


def _describe_data(planned: PlannedVariant) -> dict[str, Any]:
    first = next(iter(planned.rows.values()))
    return {
        "name": planned.table.name,
        "digest": planned.table.digest,
        "counts": planned.table.counts,
        "split": first.sizes,
        "split_counts": planned.trainer.task.count_split(planned.table, first) | dict(planned.counts),
        "same_split": all(same_rows(first, rows) for rows in planned.rows.values()),
        "same_test": all(np.array_equal(first.test, rows.test) for rows in planned.rows.values()),
        "made_with": dict(planned.table.made_with),
        "notes": [*planned.table.notes, *first.notes],
        "inspected": planned.trainer.task.INSPECTED,
        **planned.trainer.task.describe(planned.table),
    }


def _describe_results(launch: TrackedRun, results: Results, display: Display) -> None:
    """Give the launch's page in MLflow the answer, the table and the pictures."""
    try:
        text, pictures = launch_page(results, with_pictures=results.config["tracking"]["pictures"])
        launch.log(description=text)
        for name, content in pictures.items():
            launch.artifact(f"report/{name}", content)
    except Exception as error:  # what was trained is recorded, and must not be taken for failed
        display.say(f"MLflow shows no summary of this launch: {type(error).__name__}: {error}")
