"""Experiment -> variants -> missing cells -> training -> records: one straight line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from os import PathLike

import pandas as pd

from seedbed.config.experiment import Experiment, load_experiment
from seedbed.config.recipe import RECIPE_VERSION
from seedbed.config.settings import without_usual_margin
from seedbed.own_modules.planned import PlannedModule, refuse_changed_data
from seedbed.own_modules.training import try_out
from seedbed.report.analysis import analyse, comparison_table
from seedbed.report.printed import table_text
from seedbed.results import CELL_COLUMNS, CURVE_COLUMNS, Results
from seedbed.running.launch_record import describe_launch, describe_results
from seedbed.running.planning import installed, plan_cells
from seedbed.running.sweep import SweepJob
from seedbed.running.training_of import training_of
from seedbed.signals import ending_signals_interrupt
from seedbed.tracking import other_code
from seedbed.tracking.launches import launch_name
from seedbed.tracking.reading import read_results
from seedbed.tracking.runs import Launch, SeedRun
from seedbed.tracking.store import Store, store_uri
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training.failures import Failure
from seedbed.training.planned import PlannedCells
from seedbed.training.progress import Display
from seedbed.training.recording import VariantRecord
from seedbed.training.workers import Workers


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
    """The traceback of each failure, by the same names."""

    @property
    def failed(self) -> dict[str, Failure]:
        """Failures with their tracebacks, by the same names."""
        return {where: Failure(why, self.tracebacks[where]) for where, why in self.failures.items()}

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
    sweep: SweepJob | None = None,
) -> Outcome:
    """Train the missing cells of an experiment, record them, and read the results of all cells back from MLflow.

    Bad input raises a ``SeedbedError`` before any training. A variant or seed that fails does not stop the others:
    see ``Outcome.failures``; with ``fail_fast``, nothing is started after the first failure. ``curves=False`` saves
    the time of reading the curves back. ``sweep`` says which job of a sweep the run is.
    """
    experiment = load_experiment(name, overrides, config_dir)
    return run_experiment(experiment, display, curves=curves, fail_fast=fail_fast, sweep=sweep)


def run_experiment(
    experiment: Experiment,
    display: Display | None = None,
    *,
    curves: bool = True,
    fail_fast: bool = False,
    sweep: SweepJob | None = None,
) -> Outcome:
    """Run an experiment that is loaded, as ``run`` does."""
    display = display or Display(quiet=True)
    with display, ending_signals_interrupt():
        return run_loaded(experiment, display, curves=curves, fail_fast=fail_fast, sweep=sweep)


def run_loaded(
    experiment: Experiment,
    display: Display,
    *,
    curves: bool = True,
    fail_fast: bool = False,
    sweep: SweepJob | None = None,
    tags: Mapping[str, str] | None = None,
    artifacts: Mapping[str, str] | None = None,
) -> Outcome:
    """``run_experiment`` on a display that is shown already; the launch gets the ``tags``, and ``artifacts`` by their names."""
    experiment = installed(experiment, display)
    for note in experiment.notes:
        display.say_once(note)
    says_data_notes = sweep is None or sweep.says_data_notes
    experiment, plan = plan_cells(
        experiment, display, says_data_notes=says_data_notes
    )  # before the store: bad input leaves none behind
    if trial := _of_trial(plan):
        return _try_out(experiment, trial, display)
    store = open_store(experiment)
    repair(store, display)
    recorded = store.cells()
    wanted = [fingerprint for planned in plan for fingerprint in planned.fingerprints.values()]
    done = {fingerprint: recorded[fingerprint] for fingerprint in wanted if fingerprint in recorded}
    missing = _missing(plan, done)
    count = sum(len(seeds) for seeds in missing.values())
    key = _launch_key(experiment, plan, artifacts or {})
    of_search = (tags or {}).get("search")
    # A job of a sweep is one of its launches, even where it has nothing to train.
    if count == 0 and sweep is None and (earlier := _latest_launch_with(store, key, of_search)):
        display.say(f"All {len(done)} cells are trained already: nothing to do.")
        return Outcome(read_results(store, earlier, curves=curves, scored=True), earlier.id, 0, {})
    if count:
        refuse_changed_data([planned for planned in plan if isinstance(planned, PlannedModule)], done)
    about = {"key": key, "command": experiment.command, "recipe_version": str(RECIPE_VERSION)}
    of_sweep = sweep.tags(experiment.overrides) if sweep else {}
    launch = store.start(launch_name(), "launch", about | of_sweep | dict(tags or {}))
    for name, content in (artifacts or {}).items():
        launch.artifact(name, content)
    display.say(
        f"{experiment.name}: {count} cell{'s' if count != 1 else ''} to train, {len(done)} of {count + len(done)} trained already. Tracking in {store.uri}"
    )
    for sentence in _of_other_code(recorded.values(), plan, missing):
        display.say(sentence)
    failures, trained = _train_launch(store, launch, experiment, plan, done, missing, display, fail_fast)
    predicted = bool(experiment.config["tracking"]["pictures"])
    results = read_results(store, store.launch(launch.id), curves=curves, predicted=predicted, scored=True)
    launch.artifact("table.txt", table_text(results))
    describe_results(launch, results, display)
    whys = {where: failure.why for where, failure in failures.items()}
    return Outcome(results, launch.id, trained, whys, {where: failure.traceback for where, failure in failures.items()})


def open_store(experiment: Experiment, *, create: bool = True) -> Store:
    return Store(store_uri(experiment.project), experiment.project, experiment.name, create=create)


def repair(store: Store, display: Display) -> None:
    """End as KILLED what a crash has left RUNNING in the store, and say so."""
    if repaired := store.repair():
        display.say(f"{repaired} runs that a crash had left RUNNING are now KILLED.")


def _missing(plan: Sequence[PlannedCells], done: Mapping[str, SeedRun]) -> dict[str, list[int]]:
    """Seeds to train, by variant; where two variants are the same recipe, the first one trains for both."""
    there = set(done)
    missing: dict[str, list[int]] = {}
    for planned in plan:
        missing[planned.name] = [seed for seed, fingerprint in planned.fingerprints.items() if fingerprint not in there]
        there |= set(planned.fingerprints.values())
    return missing


def _of_other_code(
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
    """Two launches with one key ask for the same cells under the same names, and for the same report of them."""
    cells = [(planned.name, fingerprint) for planned in plan for fingerprint in planned.fingerprints.values()]
    asked = {key: experiment.config[key] for key in ("question", "variants", "report", "published")}
    asked["report"] = without_usual_margin(asked["report"])
    more = [dict(artifacts)] if artifacts else []
    return hashlib.sha256(json.dumps([cells, asked, *more]).encode()).hexdigest()


def _latest_launch_with(store: Store, key: str, of_search: str | None) -> Launch | None:
    """The latest launch if it is the same; an older one would leave ``report`` with another than the one shown."""
    latest = next((launch for launch in store.launches() if launch.search == of_search), None)
    return latest if latest is not None and latest.key == key and latest.status == "FINISHED" else None


# ---- a trial run -----------------------------------------------------------------------------------------------------


def _of_trial(plan: Sequence[PlannedCells]) -> PlannedModule | None:
    """The first variant where ``trainer.fast_dev_run`` asks for a trial of all parts; None where it does not."""
    first = plan[0]
    asked = isinstance(first, PlannedModule) and first.variant.config["trainer"].get("fast_dev_run")
    return first if asked and isinstance(first, PlannedModule) else None


def _try_out(experiment: Experiment, planned: PlannedModule, display: Display) -> Outcome:
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
    whys = {where: failure.why for where, failure in failures.items()}
    return Outcome(results, "", 0, whys, {where: failure.traceback for where, failure in failures.items()})


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
    try:
        describe_launch(launch, experiment, plan)
        display.begin(sum(len(missing[p.name]) * p.epochs for p in plan))
        # Left in any case when all that was trained is recorded.
        with Workers() as workers, ThreadPoolExecutor(1, "records") as writer:
            records: list[VariantRecord] = []
            for planned in plan:
                training = training_of(
                    planned,
                    store=store,
                    launch=launch,
                    display=display,
                    workers=workers,
                    writer=writer,
                    fail_fast=fail_fast,
                )
                records.append(training.record)
                training.run(done, missing[planned.name])
                if fail_fast:
                    training.record.wait()
                    if training.record.failures:
                        _say_what_is_left([later.name for later in plan[len(records) :]], display)
                        break
            for record in records:
                record.wait()
                failures |= record.failures
                trained += len(record.trained)
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
