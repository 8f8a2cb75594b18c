"""Times a search whose trials train all seeds stacked beside the usual one, a process for each trial and seed.

``scripts/compare_search`` sets up what this needs; its --help states the choices that decide the figures.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from compare_records import PlainWay, recorded_in
from timing import add_json, count, keep_figures, others_cpu_seconds, positive, print_disturbance, print_machine

from seedbed.cores import available_cores
from seedbed.data.ratings import RatingTable
from seedbed.errors import ConfigError, SeedbedError
from seedbed.recorded import SECONDS
from seedbed.running.planning import Planner
from seedbed.search.plan import SearchPlan, read_plan
from seedbed.search.trials import _for_selection
from seedbed.torch_random import global_stream
from seedbed.tracking.client import STORE
from seedbed.tracking.databases import sqlite_address
from seedbed.tracking.names import SEARCHES
from seedbed.tracking.store import Store
from seedbed.training.planned import PlannedVariant
from seedbed.training.progress import Display

EXPERIMENT, VARIANT, MSE = "fastai_collab", "dot_product_bias", "val/mse"
LR, DECAY = "optimizer.lr", "optimizer.weight_decay"
SPACE = {LR: "tag(log, interval(1e-3, 3e-2))", DECAY: "tag(log, interval(1e-3, 1.0))"}
# What the usual way below is written for.
NEEDED = {
    "model._target_": "seedbed.models.rating.DotProduct", "model.bias": True, "select": "last", "patience": None,
    "optimizer._target_": "seedbed.optimizers.FastaiAdam", "schedule._target_": "seedbed.schedules.OneCycle",
    "trainer.gradient_clip_val": None, "trainer.precision": "32-true",
}  # fmt: skip
WANTED_RATIO, WANTED_OVERHEAD = 15.0, 0.2
USUAL_SIDE = Path(__file__).resolve().parent / "search_side.py"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def main() -> None:
    options = read_options()
    try:
        compare(options)
    except SeedbedError as error:
        print(f"compare_search: {error}", file=sys.stderr)
        sys.exit(2)


def read_options() -> argparse.Namespace:
    # The help is the calling script's, which answers without the imports above.
    parser = argparse.ArgumentParser(prog="compare_search", add_help=False)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--trials", type=positive, default=20)
    parser.add_argument("--seeds", type=positive, default=5)
    parser.add_argument("--usual-trials", type=positive, default=2)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--at-once", type=positive, default=available_cores())
    parser.add_argument("--processes", type=positive, default=available_cores())
    parser.add_argument("--overhead", action="store_true")
    add_json(parser)
    return parser.parse_intermixed_args()


def compare(options: argparse.Namespace) -> None:
    overrides = overrides_of(options)
    plan = read_plan(EXPERIMENT, overrides, None)
    check(plan)
    [planned] = Planner(plan.experiment.seeds, Display(quiet=True)).plan(
        [_for_selection(plan.variant, plan.settings, len(plan.experiment.seeds))]
    )  # before the timings: data that are missing are fetched here
    print_machine()
    print_task(planned, plan, options)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stacked = search_stacked(overrides, options.processes, folder)
        trials = trials_in(folder, plan)
        print(f"stacked  {stacked}", flush=True)
        beside = print_overhead(trials)
        of_trials = {"beside": beside, "mean": [statistics.mean(beside)], "by hand": [print_by_hand(folder, plan)]}
        if options.overhead:
            print_disturbance(stacked.others)
            keep_figures(options.json, of_trials, stacked.others)
            return
        sampled = trials if options.all else trials[: options.usual_trials]
        usual, cells = train_usual(planned, sampled, options.at_once, folder)
    print_usual(usual, cells, len(trials) * len(planned.rows))
    of_all, disturbed = usual.seconds * len(trials) / len(sampled), max(usual.others, stacked.others)
    print_ratio(of_all, stacked.seconds)
    print_disturbance(disturbed)
    keep_figures(options.json, {"usual": [of_all], "stacked": [stacked.seconds], **of_trials}, disturbed)
    print_agreement(sampled, [[cell.mse for cell in cells if cell.trial == trial.number] for trial in sampled])


def overrides_of(options: argparse.Namespace) -> list[str]:
    return [
        f"variant={VARIANT}", f"seeds={options.seeds}", f"search.trials={options.trials}", "search.fresh_seeds=0",
        "trainer.max_epochs=2", "trainer.accelerator=cpu", "model.factors=50", "tracking.pictures=false",
        *(f"{key}={values}" for key, values in SPACE.items()),
        *options.overrides,
    ]  # fmt: skip


def check(plan: SearchPlan) -> None:
    """Raise ``ConfigError`` for what the usual way below does not do."""
    for key, wanted in NEEDED.items():
        found: Any = plan.variant.config
        for part in key.split("."):
            found = found[part]
        if found != wanted:
            raise ConfigError(f"{key}={found}: the usual way here is written for {wanted}. Leave it as it is.")
    if set(plan.space.texts) != set(SPACE):
        raise ConfigError(f"This searches {' and '.join(SPACE)}; leave other keys at one value.")
    if plan.settings.metrics != (MSE,) or plan.settings.prunes:
        raise ConfigError(f"This compares {MSE} at the end of all trials. Leave out search.metrics and search/pruner.")


def print_task(planned: PlannedVariant, plan: SearchPlan, options: argparse.Namespace) -> None:
    settings, rows = planned.trainer.settings, next(iter(planned.rows.values()))
    print(
        f"task      {planned.table.name}, variant {planned.name}: {plan.settings.trials} trials x {count(planned.rows)}; "
        f"{len(rows.train)} training and {len(rows.val)} validation rows, {settings['max_epochs']} epochs, batch size "
        f"{settings['batch_size']}; {', '.join(f'{key}={values}' for key, values in plan.space.texts.items())}"
    )
    shared = f"{options.processes} processes of one thread" if options.processes > 1 else "one process"
    print(f"stacked   seedbed search by {plan.settings.sampler.name}, {shared}, SQLite for study and runs")
    if not options.overhead:
        print(
            f"usual     a Trainer and a DataLoader in each process, {options.at_once} processes of one thread at a time"
        )


@dataclass
class Timing:
    """One side."""

    seconds: float = 0.0
    others: float = 0.0
    """How many cores other processes used meanwhile."""

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s (others used {self.others:.2f} cores)"


@contextmanager
def timed() -> Iterator[Timing]:
    timing, others, start = Timing(), others_cpu_seconds(), time.perf_counter()
    yield timing
    timing.seconds = time.perf_counter() - start
    timing.others = max(0.0, others_cpu_seconds() - others) / timing.seconds


# ---- the stacked search ----------------------------------------------------------------------------------------------


def search_stacked(overrides: Sequence[str], processes: int, folder: Path) -> Timing:
    """From the command to its end, in a project without a store."""
    command = [sys.executable, "-m", "seedbed", "search", EXPERIMENT, *overrides]
    own = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    own |= {"SEEDBED_PROJECT": str(folder)} | (ONE_THREAD if processes > 1 else {})
    with timed() as timing, (folder / "said").open("w") as said:
        started = [subprocess.Popen(command, env=own, stdout=said, stderr=said) for _ in range(processes)]
        codes = [process.wait() for process in started]
    if any(codes):
        raise ConfigError(f"The stacked search failed: {(folder / 'said').read_text()[-2000:]}")
    return timing


@dataclass(frozen=True)
class StackedTrial:
    """What the records of a search say of a trial."""

    number: int
    params: dict[str, float]
    by_seed: dict[int, float]
    seconds: float
    """Until the next trial of its process began, or the trial was over."""
    fit: float
    process: int

    @property
    def mean(self) -> float:
        return statistics.mean(self.by_seed.values())


def trials_in(folder: Path, plan: SearchPlan) -> list[StackedTrial]:
    found = study_in(folder, plan).trials
    fits = fit_seconds(folder)
    trials = []
    for trial in found:
        of = trial.user_attrs["seedbed"]
        process = of["process"]["pid"]
        assert trial.datetime_start is not None
        assert trial.datetime_complete is not None
        later = [other.datetime_start for other in found[trial.number + 1 :]
                 if other.user_attrs["seedbed"]["process"]["pid"] == process]  # fmt: skip
        end = next((start for start in later if start), trial.datetime_complete)
        seconds = (end - trial.datetime_start).total_seconds()
        by_seed = {int(seed): value for seed, value in of["by_seed"].items()}
        trials.append(StackedTrial(trial.number, trial.params, by_seed, seconds, fits[trial.number], process))
    return trials


def study_in(folder: Path, plan: SearchPlan) -> optuna.Study:
    return optuna.load_study(study_name=plan.settings.study, storage=sqlite_address(folder / "optuna.db"))


def fit_seconds(folder: Path) -> dict[int, float]:
    """How long Lightning's fit took, by trial."""
    store = store_of_searches(folder)
    trials = [trial for search in store.searches() for trial in store.variants(search.id)]
    # Seeds of a stack share its time.
    return {
        trial.trial: sum(seed.metrics[SECONDS] for seed in store.seeds(trial.id))
        for trial in trials
        if trial.trial is not None
    }


def store_of_searches(folder: Path) -> Store:
    # By its address, as it was written: MLFLOW_TRACKING_URI may name a store of the user's.
    return Store(sqlite_address(folder / STORE), folder, f"{EXPERIMENT}{SEARCHES}", create=False)


def print_overhead(trials: Sequence[StackedTrial]) -> list[float]:
    """What each trial takes beside its fit, but a process's first, of which measuring how many seeds to stack is the most."""
    firsts = {trial.process: trial.number for trial in reversed(trials)}.values()
    first = [trial.seconds - trial.fit for trial in trials if trial.number in firsts]
    after = [trial.seconds - trial.fit for trial in trials if trial.number not in firsts] or first
    mean, median = statistics.mean(after), statistics.median(after)
    print(
        f"stacked  a trial takes {statistics.median(trial.seconds for trial in trials):.2f} s, of which the fit "
        f"{statistics.median(trial.fit for trial in trials):.2f} s (medians); beside the fit at most {max(first):.2f} s the first "
        f"time in a process, then {mean:.2f} s (mean; median {median:.2f}, {min(after):.2f} to {max(after):.2f})"
    )
    print(f"beside the fit <= {WANTED_OVERHEAD:g} s: {'yes' if median <= WANTED_OVERHEAD else 'no'}", flush=True)
    return after


def print_by_hand(folder: Path, plan: SearchPlan) -> float:
    """Print what a plain program takes per trial to ask Optuna and to write the search's runs; returns the seconds of both."""
    tried = study_in(folder, plan)
    asking = seconds_of_asking(tried, plan, folder) / len(tried.trials)
    plain = PlainWay(recorded_in(store_of_searches(folder)), folder / "plain")
    plain.record(1)  # once before the timing, as in compare_records
    writing = plain.seconds() / len(tried.trials)
    print(
        f"by hand  per trial, asking Optuna for a point and telling it the value takes {asking:.2f} s, and writing the runs "
        f"with MLflow's client {writing:.2f} s",
        flush=True,
    )
    return asking + writing


def seconds_of_asking(tried: optuna.Study, plan: SearchPlan, folder: Path) -> float:
    """Seconds for as many trials as were tried, with what seedbed notes of each, in a study of their own."""
    study = optuna.create_study(
        storage=sqlite_address(folder / "plain.db"), sampler=plan.settings.sampler.at(0), directions=tried.directions
    )
    start = time.perf_counter()
    for trial in tried.trials:
        asked = study.ask(trial.distributions)
        for key, value in trial.user_attrs.items():
            asked.set_user_attr(key, value)
        study.tell(asked, trial.values)
    return time.perf_counter() - start


# ---- the usual way ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UsualCell:
    """A trial's seed."""

    trial: int
    mse: float
    seconds: float
    """Of its process, from start to end."""
    fit: float


def train_usual(
    planned: PlannedVariant, trials: Sequence[StackedTrial], at_once: int, folder: Path
) -> tuple[Timing, list[UsualCell]]:
    files = {seed: write_rows(planned, seed, folder / f"{seed}.npz") for seed in planned.rows}
    with timed() as timing, ThreadPoolExecutor(at_once) as pool:
        cells = list(
            pool.map(
                lambda cell: train_one(planned, cell[0], cell[1], files[cell[1]]),
                itertools.product(trials, planned.rows),
            )
        )
    return timing, cells


def write_rows(planned: PlannedVariant, seed: int, path: Path) -> Path:
    """What a process of the usual way reads: the rows of a seed, and the weights that it starts with in the stack."""
    table, rows = planned.table, planned.rows[seed]
    assert isinstance(table, RatingTable)
    sides = {
        f"{side}_{name}": getattr(table, name)[index]
        for side, index in (("train", rows.train), ("val", rows.val))
        for name in ("users", "items", "ratings")
    }
    with global_stream(seed, "weights"):
        network = planned.trainer.parts.network()
    weights = {name.removesuffix(".weight"): value.numpy() for name, value in network.state_dict().items()}
    np.savez(path, **sides, **weights)
    return path


def train_one(planned: PlannedVariant, trial: StackedTrial, seed: int, rows: Path) -> UsualCell:
    config, trainer = planned.variant.config, planned.trainer.settings
    settings = {
        "seed": seed, "lr": trial.params[LR], "weight_decay": trial.params[DECAY],
        "epochs": trainer["max_epochs"], "batch_size": trainer["batch_size"], "y_range": config["model"]["y_range"],
        **{key: config["optimizer"][key] for key in ("betas", "eps")},
        **{key: planned.trainer.parts.schedule.__dict__[key] for key in ("pct_start", "div", "div_final", "moms")},
    }  # fmt: skip
    command = [sys.executable, str(USUAL_SIDE), str(rows), json.dumps(settings)]
    start = time.perf_counter()
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"A process of the usual way failed: {done.stderr[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return UsualCell(trial.number, said[MSE], time.perf_counter() - start, said["fit"])


def print_usual(timing: Timing, cells: Sequence[UsualCell], of_all: int) -> None:
    print(f"usual    {timing} for {len(cells)} processes", end="")
    print("" if len(cells) == of_all else f", so {timing.seconds * of_all / len(cells):.0f} s for all {of_all}")
    seconds, fit = (statistics.median(values) for values in zip(*((cell.seconds, cell.fit) for cell in cells), strict=True))  # fmt: skip
    print(f"usual    a process takes {seconds:.2f} s, of which the fit {fit:.2f} s (medians)")


# ---- both ------------------------------------------------------------------------------------------------------------


def print_ratio(usual: float, stacked: float) -> None:
    ratio = usual / stacked
    print(f"\nusual {usual:.3g} s, stacked {stacked:.3g} s: ratio {ratio:.3g}")
    print(f"ratio >= {WANTED_RATIO:g}: {'yes' if ratio >= WANTED_RATIO else 'no'}")


def print_agreement(trials: Sequence[StackedTrial], usual: Sequence[Sequence[float]]) -> None:
    """Both sides have one recipe, so that means differ by the batch order alone: by less than seeds do."""
    means, within = [statistics.mean(values) for values in usual], 0
    for trial, mean in zip(trials, means, strict=True):
        std = statistics.stdev(trial.by_seed.values()) if len(trial.by_seed) > 1 else 0.0
        agree = abs(mean - trial.mean) <= std
        within += agree
        print(
            f"trial {trial.number:2}  {shown(trial)}  {MSE} usual {mean:.4f}, stacked {trial.mean:.4f} ± {std:.4f}"
            f"{'' if agree else '  APART BY MORE THAN THAT'}"
        )
    print(f"{within} of {len(trials)} means within a standard deviation over the seeds")
    best = trials[min(range(len(trials)), key=means.__getitem__)], min(trials, key=lambda trial: trial.mean)
    for name, trial in zip(("usual", "stacked"), best, strict=True):
        print(f"best of these trials, {name}: trial {trial.number}, {shown(trial)}")


def shown(trial: StackedTrial) -> str:
    return " ".join(f"{key}={value:.3g}" for key, value in trial.params.items())


if __name__ == "__main__":
    main()
