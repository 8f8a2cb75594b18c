"""An experiment on several data sets: what is missing of data set x variant x seed is trained, one data set after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pandas as pd

from seedbed.config.experiment import Experiment
from seedbed.config.recipe import RECIPE_VERSION
from seedbed.data.catalogue import source_of
from seedbed.garbage import present_objects_spared
from seedbed.own_modules.planned import PlannedModule, refuse_changed_data
from seedbed.report.benchmark.analysis import analyse_benchmark
from seedbed.report.benchmark.printed import benchmark_text
from seedbed.report.benchmark.tables import over_data_sets_table
from seedbed.results import Benchmark
from seedbed.running.data_notes import notes_of, said_of_data, same_data
from seedbed.running.jobs import Job, Jobs
from seedbed.running.launch_record import describe_benchmark, describe_launch
from seedbed.running.planning import Planned, plan_as_installed
from seedbed.running.runner import (
    Outcome,
    Ran,
    cells_of,
    done_of,
    ends_as_it_came,
    epochs_of,
    key_of,
    latest_launch_with,
    launch_tags,
    missing_seeds,
    of_other_code,
    of_trial,
    open_store,
    repair,
    run_experiment,
    say_what_is_left,
    to_train,
    told,
    try_out_module,
)
from seedbed.running.sweep import SweepJob
from seedbed.signals import ending_signals_interrupt
from seedbed.tracking.launches import launch_name
from seedbed.tracking.names import DATA_SETS, INAPPLICABLE, ON_DATA_SET, READABLE, SOURCE, in_parts
from seedbed.tracking.reading import read_benchmark
from seedbed.tracking.runs import SeedRun
from seedbed.tracking.store import Store
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training.environment import in_one_line
from seedbed.training.failures import Failure
from seedbed.training.progress import Display
from seedbed.training.recording import VariantRecord
from seedbed.training.workers import Workers


@dataclass(frozen=True)
class BenchmarkOutcome(Ran):
    """What a run of an experiment on several data sets gives back."""

    results: Benchmark

    @property
    def cells(self) -> pd.DataFrame:
        """The cells of all data sets, whose name stands in the column ``data_set``."""
        frames = [each.cells.assign(data_set=name) for name, each in self.results.data_sets.items()]
        return pd.concat(frames, ignore_index=True)

    @property
    def comparisons(self) -> pd.DataFrame:
        """The tests over data sets, by the experiment's metric; see ``seedbed.compare``."""
        return over_data_sets_table(analyse_benchmark(self.results))

    def text(self) -> str:
        """The table that a command prints."""
        return benchmark_text(self.results)


def run_experiments(
    experiments: Sequence[Experiment],
    display: Display | None = None,
    *,
    for_report: bool = True,
    fail_fast: bool = False,
    sweep: SweepJob | None = None,
) -> Outcome | BenchmarkOutcome:
    """Run an experiment on each of the data sets for which it is loaded; otherwise as ``run_experiment``.

    Nothing is trained before everything is planned, and a variant that does not apply to a data set is left out there.
    Curves are not read back where there are several data sets.
    """
    if not experiments[0].data_set:
        return run_experiment(experiments[0], display, for_report=for_report, fail_fast=fail_fast, sweep=sweep)
    display = display or Display(quiet=True)
    with display, ending_signals_interrupt(), present_objects_spared():
        return _run(experiments, display, fail_fast=fail_fast, sweep=sweep)


@dataclass
class _Part:
    """What there is to do on one data set."""

    planned: Planned
    display: Display
    missing: dict[str, list[int]]
    """Seeds to train, by variant."""

    @property
    def name(self) -> str:
        return self.planned.experiment.data_set


def _run(
    experiments: Sequence[Experiment], display: Display, *, fail_fast: bool, sweep: SweepJob | None
) -> BenchmarkOutcome:
    plans = {}
    with display.doing("Planning the data sets") as progress:
        for number, each in enumerate(experiments):
            progress(number, len(experiments))
            plans[each.data_set] = plan_as_installed(each, display.about(each.data_set), says_data_notes=False)
    if sweep is None or sweep.says_data_notes:
        for sentence in said_of_data({name: notes_of(each.plan) for name, each in plans.items()}):
            display.say(sentence)
    for sentence in same_data({name: each.plan for name, each in plans.items()}):
        display.say(sentence)
    first = next(iter(plans.values())).experiment
    if trials := {name: (each.experiment, trial) for name, each in plans.items() if (trial := of_trial(each.plan))}:
        return _try_out(trials, display)
    store = open_store(first)
    repair(store, display)
    recorded = store.cells()
    whole = [planned for each in plans.values() for planned in each.plan]
    done = done_of(whole, recorded)
    there = set(done)
    parts = [_Part(each, display.about(name), missing_seeds(each.plan, there)) for name, each in plans.items()]
    count = sum(len(seeds) for part in parts for seeds in part.missing.values())
    key = key_of(first, [(part.name, cells_of(part.planned.plan)) for part in parts])
    if count == 0 and sweep is None and (earlier := latest_launch_with(store, key, None)):
        display.say(f"All {len(done)} cells are trained already: nothing to do.")
        with display.doing("Reading the results") as progress:
            return BenchmarkOutcome(earlier.id, 0, {}, read_benchmark(store, earlier, progress))
    if count:
        refuse_changed_data([planned for planned in whole if isinstance(planned, PlannedModule)], done)
    names = in_parts(DATA_SETS, json.dumps([part.name for part in parts]))
    launch = store.start(launch_name(), "launch", launch_tags(first, key, sweep) | names)
    display.say(f"{to_train(first, count, len(done), store)}")
    for part in parts:
        for sentence in of_other_code(recorded.values(), part.planned.plan, part.missing):
            part.display.say(sentence)
    failures, trained = _train(store, launch, parts, done, display, fail_fast)
    with display.doing("Reading the results") as progress:
        results = read_benchmark(store, store.launch(launch.id), progress)
    with display.doing("Comparing the variants"):
        launch.artifact("table.txt", benchmark_text(results))
        describe_benchmark(store, launch, results, display)
    return BenchmarkOutcome(launch.id, trained, results=results, **told(failures))


def _try_out(trials: Mapping[str, tuple[Experiment, PlannedModule]], display: Display) -> BenchmarkOutcome:
    """A trial of all parts of a user's module on each data set; no cell is recorded."""
    ran = {name: try_out_module(*trial, display.about(name)) for name, trial in trials.items()}
    experiment, planned = next(iter(trials.values()))
    results = Benchmark(
        experiment.name,
        {name: outcome.results for name, outcome in ran.items()},
        variants=(planned.name,),
        inapplicable={name: {} for name in ran},
    )
    failed = {f"{name}: {where}": why for name, outcome in ran.items() for where, why in outcome.failed.items()}
    return BenchmarkOutcome("", 0, results=results, **told(failed))


# ---- training and recording ------------------------------------------------------------------------------------------


def _train(
    store: Store,
    launch: TrackedRun,
    parts: Sequence[_Part],
    done: dict[str, SeedRun],
    display: Display,
    fail_fast: bool,
) -> tuple[dict[str, Failure], int]:
    """Train and record every variant on every data set; returns the failures, and how many cells were trained."""
    with ends_as_it_came(launch), ExitStack() as exits:
        if parts[0].planned.experiment.tracking.system_metrics:
            exits.enter_context(launch.with_load())
        runs = [_begin(store, launch, part, exits) for part in parts]
        launch.log(
            params={"seeds": list(parts[0].planned.experiment.seeds), "data_sets": [part.name for part in parts]},
            tags={READABLE: "yes", "environment": in_one_line()},
        )
        display.begin(sum(epochs_of(part.planned.plan, part.missing) for part in parts))
        failures: dict[str, Failure] = {}
        trained = 0
        # Left in any case when all that was trained is recorded.
        with Workers() as workers, ThreadPoolExecutor(1, "records") as writer:
            jobs = [job for part, run in zip(parts, runs, strict=True) for job in _jobs(part, run)]
            ends = _Ends(parts, runs, writer)
            begun = len(Jobs(jobs, done, store, workers, writer, fail_fast, ends.add).run())
            for part, records in ends.of_parts():
                for record in records:
                    failures |= {f"{part.name}: {where}": failure for where, failure in record.failures.items()}
                    trained += len(record.trained)
        if fail_fast and failures:
            say_what_is_left(_not_started(parts, begun), display)
    launch.end("FAILED" if failures else "FINISHED")
    return failures, trained


def _begin(store: Store, launch: TrackedRun, part: _Part, exits: ExitStack) -> TrackedRun:
    """The run of a data set below the launch's, with what is to be done on it; it ends with ``exits`` at the latest."""
    experiment = part.planned.experiment
    source = source_of(experiment.config["data"]) if isinstance(experiment.config.get("data"), dict) else None
    tags = {
        ON_DATA_SET: part.name,
        "launch": launch.id,
        "command": experiment.command,
        "recipe_version": str(RECIPE_VERSION),
        **({SOURCE: source} if source else {}),
    }
    run = store.start(part.name, ON_DATA_SET, tags, parent=launch.id)
    exits.enter_context(ends_as_it_came(run))
    run.above = launch
    run.artifact(INAPPLICABLE, json.dumps(dict(part.planned.inapplicable)))
    describe_launch(run, experiment, part.planned.plan)
    return run


def _jobs(part: _Part, run: TrackedRun) -> list[Job]:
    return [Job(planned, part.missing[planned.name], run, part.display) for planned in part.planned.plan]


class _Ends:
    """Ends the run of each data set when its variants are recorded."""

    def __init__(self, parts: Sequence[_Part], runs: Sequence[TrackedRun], writer: Executor) -> None:
        self.parts, self.runs, self.writer = parts, runs, writer
        self._records: dict[str, list[VariantRecord]] = {run.id: [] for run in runs}
        self._written: dict[str, Future[None]] = {}

    def add(self, job: Job, record: VariantRecord) -> None:
        """Take a variant whose training has ended."""
        place = [run.id for run in self.runs].index(job.launch.id)
        records = self._records[job.launch.id]
        records.append(record)
        if len(records) == len(self.parts[place].planned.plan):
            self._write(self.runs[place])

    def _write(self, run: TrackedRun) -> None:
        self._written[run.id] = self.writer.submit(_end, run, self._records[run.id])

    def of_parts(self) -> Iterator[tuple[_Part, Sequence[VariantRecord]]]:
        """End all runs; gives what is recorded of each data set."""
        for part, run in zip(self.parts, self.runs, strict=True):
            records = self._records[run.id]
            if records and run.id not in self._written:
                self._write(run)
            if run.id in self._written:
                self._written[run.id].result()
            else:
                run.end("KILLED")
            yield part, records


def _end(run: TrackedRun, records: Sequence[VariantRecord]) -> None:
    """End the run of a data set when its variants, which were written before by the same thread, are recorded."""
    for record in records:
        record.wait()
    run.end("FAILED" if any(record.failures for record in records) else "FINISHED")


def _not_started(parts: Sequence[_Part], begun: int) -> list[str]:
    """What is left after the first ``begun`` variants: those of the data set that was begun, and the other data sets."""
    left = []
    for part in parts:
        names = [planned.name for planned in part.planned.plan]
        rest, begun_here = names[begun:], min(begun, len(names))
        begun -= begun_here
        left += [f"{part.name}: {name}" for name in rest] if begun_here else [part.name] if rest else []
    return left
