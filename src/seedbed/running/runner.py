"""Experiment -> variants -> missing cells -> training -> records: one straight line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import Any

import pandas as pd

from seedbed.config.experiment import Experiment, load_experiment
from seedbed.config.recipe import RECIPE_VERSION
from seedbed.config.settings import without_usual
from seedbed.garbage import present_objects_spared
from seedbed.own_modules.planned import PlannedModule, refuse_changed_data
from seedbed.own_modules.training import try_out
from seedbed.report.analysis import Analysis, analyse, comparison_table
from seedbed.report.printed import text_of
from seedbed.results import CELL_COLUMNS, CURVE_COLUMNS, Results
from seedbed.running.jobs import Job, Jobs
from seedbed.running.launch_record import describe_launch, describe_results
from seedbed.running.planning import plan_as_installed
from seedbed.running.sweep import SweepJob
from seedbed.signals import ending_signals_interrupt
from seedbed.tracking import other_code
from seedbed.tracking.launches import launch_name
from seedbed.tracking.names import ON_DATA_SET
from seedbed.tracking.reading import read_results
from seedbed.tracking.runs import Launch, SeedRun
from seedbed.tracking.store import Store, store_uri
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training.failures import Failure
from seedbed.training.planned import PlannedCells
from seedbed.training.progress import Display
from seedbed.training.workers import Workers


@dataclass(frozen=True)
class Ran:
    """How the cells that a call asked for came about."""

    launch: str
    """MLflow id of the launch that holds them."""
    trained: int
    """Cells trained by this call; the others had been trained before."""
    failures: dict[str, str]
    """Error by variant, or by "variant, seed n"; of several data sets, after the name of one and a colon."""
    tracebacks: dict[str, str] = field(default_factory=dict, kw_only=True)
    """The traceback of each failure, by the same names."""

    @property
    def failed(self) -> dict[str, Failure]:
        """Failures with their tracebacks, by the same names."""
        return {where: Failure(why, self.tracebacks[where]) for where, why in self.failures.items()}


@dataclass(frozen=True)
class Outcome(Ran):
    """What ``run`` gives back: the results of the cells asked for, and how they came about."""

    results: Results

    @property
    def cells(self) -> pd.DataFrame:
        return self.results.cells

    @property
    def curves(self) -> pd.DataFrame:
        return self.results.curves

    @property
    def comparisons(self) -> pd.DataFrame:
        """Each variant against the baseline, or all pairs, by the experiment's metric; see ``seedbed.compare``."""
        return comparison_table(self.analysis)

    @cached_property
    def analysis(self) -> Analysis:
        """What the results say by the experiment's metric."""
        return analyse(self.results)

    def text(self) -> str:
        """The table that a command prints."""
        return self._text

    @cached_property
    def _text(self) -> str:
        return text_of(self.analysis)


def run(
    name: str,
    overrides: Sequence[str] = (),
    config_dir: str | PathLike[str] | None = None,
    *,
    display: Display | None = None,
    for_report: bool = True,
    fail_fast: bool = False,
    sweep: SweepJob | None = None,
) -> Outcome:
    """Run an experiment on one data set by its name; otherwise as ``run_experiment``."""
    experiment = load_experiment(name, overrides, config_dir)
    return run_experiment(experiment, display, for_report=for_report, fail_fast=fail_fast, sweep=sweep)


def run_experiment(
    experiment: Experiment,
    display: Display | None = None,
    *,
    for_report: bool = True,
    fail_fast: bool = False,
    sweep: SweepJob | None = None,
) -> Outcome:
    """Train the missing cells of an experiment, record them, and read the results of all cells back from MLflow.

    Bad input raises a ``SeedbedError`` before any training. A variant or seed that fails does not stop the others:
    see ``Ran.failures``; with ``fail_fast``, nothing is started after the first failure. ``for_report=False`` saves
    the time of reading back what a report alone shows, curves above all. ``sweep`` says which job of a sweep the run is.
    """
    display = display or Display(quiet=True)
    with display, ending_signals_interrupt(), present_objects_spared():
        return run_loaded(experiment, display, for_report=for_report, fail_fast=fail_fast, sweep=sweep)


def run_loaded(
    experiment: Experiment,
    display: Display,
    *,
    for_report: bool = True,
    fail_fast: bool = False,
    sweep: SweepJob | None = None,
    tags: Mapping[str, str] | None = None,
    artifacts: Mapping[str, str] | None = None,
) -> Outcome:
    """``run_experiment`` on a display that is shown already; the launch gets the ``tags``, and ``artifacts`` by their names."""
    says_data_notes = sweep is None or sweep.says_data_notes
    # Before the store: bad input leaves none behind.
    planned = plan_as_installed(experiment, display, says_data_notes=says_data_notes)
    experiment, plan = planned.experiment, planned.plan
    if trial := of_trial(plan):
        return try_out_module(experiment, trial, display)
    store = open_store(experiment)
    repair(store, display)
    recorded = store.cells()
    done = done_of(plan, recorded)
    missing = missing_seeds(plan, set(done))
    count = sum(len(seeds) for seeds in missing.values())
    key = _launch_key(experiment, plan, artifacts or {})
    of_search = (tags or {}).get("search")
    # A job of a sweep is one of its launches, even where it has nothing to train.
    if count == 0 and sweep is None and (earlier := latest_launch_with(store, key, of_search)):
        display.say(f"All {len(done)} cells are trained already: nothing to do.")
        with display.doing("Reading the results"):
            return Outcome(earlier.id, 0, {}, _read(store, earlier, experiment, for_report=for_report))
    if count:
        refuse_changed_data([planned for planned in plan if isinstance(planned, PlannedModule)], done)
    of_data_set = {ON_DATA_SET: experiment.data_set} if experiment.data_set else {}
    about = launch_tags(experiment, key, sweep) | of_data_set | dict(tags or {})
    launch = store.start(launch_name(), "launch", about)
    for name, content in (artifacts or {}).items():
        launch.artifact(name, content)
    display.say(to_train(experiment, count, len(done), store))
    for sentence in of_other_code(recorded.values(), plan, missing):
        display.say(sentence)
    failures, trained = _train_launch(store, launch, experiment, plan, done, missing, display, fail_fast)
    with display.doing("Reading the results"):
        results = _read(store, store.launch(launch.id), experiment, for_report=for_report)
    outcome = Outcome(launch.id, trained, results=results, **told(failures))
    with display.doing("Comparing the variants"):
        launch.artifact("table.txt", outcome.text())
        describe_results(store, launch, outcome.analysis, display)
    return outcome


def _read(store: Store, launch: Launch, experiment: Experiment, *, for_report: bool) -> Results:
    pictures = bool(experiment.config["tracking"]["pictures"])
    return read_results(
        store, launch, curves=for_report, jobs=for_report, predicted=for_report or pictures, scored=True
    )


def told(failures: Mapping[str, Failure]) -> dict[str, dict[str, str]]:
    """Failures as ``Ran`` has them: their errors, and their tracebacks."""
    return {
        "failures": {where: failure.why for where, failure in failures.items()},
        "tracebacks": {where: failure.traceback for where, failure in failures.items()},
    }


# ---- what is there and what is missing -------------------------------------------------------------------------------


def open_store(experiment: Experiment, beside: str = "", *, create: bool = True) -> Store:
    """The store of an experiment; or that of its searches or range tests, whose names have ``beside`` at their end."""
    return Store(
        store_uri(experiment.project),
        experiment.project,
        f"{experiment.name}{beside}",
        create=create,
        tracked_as=f"{experiment.tracked_as}{beside}",
        tags=experiment.tracking.own_tags,
    )


def repair(store: Store, display: Display) -> None:
    """End as KILLED what a crash has left RUNNING in the store, and say so."""
    if repaired := store.repair():
        display.say(f"{repaired} runs that a crash had left RUNNING are now KILLED.")


def done_of(plan: Sequence[PlannedCells], recorded: Mapping[str, SeedRun]) -> dict[str, SeedRun]:
    """The cells of a plan that are recorded, by fingerprint."""
    wanted = [fingerprint for planned in plan for fingerprint in planned.fingerprints.values()]
    return {fingerprint: recorded[fingerprint] for fingerprint in wanted if fingerprint in recorded}


def missing_seeds(plan: Sequence[PlannedCells], there: set[str]) -> dict[str, list[int]]:
    """Seeds to train, by variant, of those whose fingerprints are not ``there``, to which theirs are added.

    Where two variants are the same recipe, the first one trains for both.
    """
    missing: dict[str, list[int]] = {}
    for planned in plan:
        missing[planned.name] = [seed for seed, fingerprint in planned.fingerprints.items() if fingerprint not in there]
        there |= set(planned.fingerprints.values())
    return missing


def to_train(experiment: Experiment, missing: int, done: int, store: Store) -> str:
    """How many cells there are to train, as a sentence."""
    cells = f"{missing} cell{'s' if missing != 1 else ''} to train, {done} of {missing + done} trained already"
    return f"{experiment.name}: {cells}. Tracking in {store.uri}"


def of_other_code(
    recorded: Iterable[SeedRun], plan: Sequence[PlannedCells], missing: Mapping[str, Sequence[int]]
) -> list[str]:
    """What is recorded of the recipes and seeds that are to be trained, made by other code."""
    prints = {
        planned.name: {planned.recipes[seed]: planned.fingerprints[seed] for seed in missing[planned.name]}
        for planned in plan
        if missing[planned.name]
    }
    return other_code.beside(prints, {planned.name: planned.code for planned in plan}, recorded)


def _launch_key(experiment: Experiment, plan: Sequence[PlannedCells], artifacts: Mapping[str, str]) -> str:
    return key_of(experiment, cells_of(plan), *([dict(artifacts)] if artifacts else []))


def cells_of(plan: Sequence[PlannedCells]) -> list[tuple[str, str]]:
    """Variant and fingerprint of each cell."""
    return [(planned.name, fingerprint) for planned in plan for fingerprint in planned.fingerprints.values()]


def key_of(experiment: Experiment, cells: Any, *more: Any) -> str:
    """Two launches with one key ask for the same cells under the same names, and for the same report of them."""
    asked = {key: experiment.config[key] for key in ("question", "variants", "report", "published")}
    asked["report"] = without_usual(asked["report"])
    return hashlib.sha256(json.dumps([cells, asked, *more]).encode()).hexdigest()


def launch_tags(experiment: Experiment, key: str, sweep: SweepJob | None) -> dict[str, str]:
    """Those that a launch begins with."""
    about = {"key": key, "command": experiment.command, "recipe_version": str(RECIPE_VERSION)}
    return about | (sweep.tags(experiment.overrides) if sweep else {})


def latest_launch_with(store: Store, key: str, of_search: str | None) -> Launch | None:
    """The latest launch if it is the same; an older one would leave ``report`` with another than the one shown."""
    latest = next((launch for launch in store.launches() if launch.search == of_search), None)
    return latest if latest is not None and latest.key == key and latest.status == "FINISHED" else None


# ---- a trial run -----------------------------------------------------------------------------------------------------


def of_trial(plan: Sequence[PlannedCells]) -> PlannedModule | None:
    """The first variant where ``trainer.fast_dev_run`` asks for a trial of all parts; None where it does not."""
    first = plan[0]
    asked = isinstance(first, PlannedModule) and first.variant.config["trainer"].get("fast_dev_run")
    return first if asked and isinstance(first, PlannedModule) else None


def try_out_module(experiment: Experiment, planned: PlannedModule, display: Display) -> Outcome:
    """Run a few batches of one seed; no cell is recorded."""
    seed = experiment.seeds[0]
    failures: dict[str, Failure] = {}
    try:
        unlogged = try_out(planned)
    except Exception as error:  # whatever the user's module raises is what the trial is to show
        failures[f"{planned.name}, seed {seed}"] = Failure.of(error)
    else:
        if unlogged:
            raise unlogged
        display.say(f"trainer.fast_dev_run: {planned.name}, seed {seed} ran through. Nothing is recorded.")
    cells = [(experiment.name, planned.name, seed, "MISSING", planned.fingerprints[seed], "", "", "")]
    results = Results(
        experiment=experiment.name,
        config=experiment.config,
        variants=(planned.name,),
        cells=pd.DataFrame(cells, columns=list(CELL_COLUMNS)),
        curves=pd.DataFrame(columns=list(CURVE_COLUMNS)),
        data=planned.describe_data(),
    )
    return Outcome("", 0, results=results, **told(failures))


# ---- training and recording ------------------------------------------------------------------------------------------


def _train_launch(
    store: Store,
    launch: TrackedRun,
    experiment: Experiment,
    plan: Sequence[PlannedCells],
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
    with ends_as_it_came(launch), launch.with_load() if experiment.tracking.system_metrics else nullcontext():
        describe_launch(launch, experiment, plan)
        display.begin(epochs_of(plan, missing))
        # Left in any case when all that was trained is recorded.
        with Workers() as workers, ThreadPoolExecutor(1, "records") as writer:
            jobs = [Job(planned, missing[planned.name], launch, display) for planned in plan]
            records = Jobs(jobs, done, store, workers, writer, fail_fast).run()
            for record in records:
                record.wait()
                failures |= record.failures
                trained += len(record.trained)
        if fail_fast and failures:
            say_what_is_left([later.name for later in plan[len(records) :]], display)
    launch.end("FAILED" if failures else "FINISHED")
    return failures, trained


@contextmanager
def ends_as_it_came(launch: TrackedRun) -> Iterator[None]:
    """Give the launch its final status where an error or an interrupt ends it."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        launch.end("KILLED")
        raise
    except BaseException:
        launch.end("FAILED")
        raise


def epochs_of(plan: Sequence[PlannedCells], missing: Mapping[str, Sequence[int]]) -> int:
    """Epochs of seeds that there are to train."""
    return sum(len(missing[planned.name]) * planned.epochs for planned in plan)


def say_what_is_left(names: Sequence[str], display: Display) -> None:
    """Say what ``--fail-fast`` has kept from being started."""
    display.say(f"Stopped at the first failure (--fail-fast). Not started: {', '.join(names) or 'none'}.")
