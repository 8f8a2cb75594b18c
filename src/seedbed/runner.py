"""Experiment -> variants -> missing cells -> training -> records: one straight line."""

from __future__ import annotations

import hashlib
import json
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import PathLike
from typing import Any, cast

import numpy as np
import pandas as pd
import pytorch_lightning as pl
from safetensors.torch import save as safetensors_bytes

from seedbed import tracking
from seedbed.data.splits import Rows
from seedbed.data.table import Table
from seedbed.environment import environment, in_one_line
from seedbed.errors import ConfigError
from seedbed.experiment import Experiment, Variant, build, load_experiment
from seedbed.imbalance.base import Strategy
from seedbed.logger import LightningLogger
from seedbed.progress import Display, EpochProgress
from seedbed.report import table_text
from seedbed.results import Results
from seedbed.stacking.module import StackedModule
from seedbed.tracking import Cell, Store, TrackedRun, ending
from seedbed.training import SeedData, SeedResult, StackTrainer, curve_points, seed_data

SECONDS_BETWEEN_FLUSHES = 15.0


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

    @property
    def cells(self) -> pd.DataFrame:
        return self.results.cells

    @property
    def curves(self) -> pd.DataFrame:
        return self.results.curves


@dataclass(frozen=True)
class PlannedVariant:
    """A variant with all that its cells need, checked."""

    variant: Variant
    table: Table
    strategy: Strategy
    trainer: StackTrainer
    rows: dict[int, Rows]
    fingerprints: dict[int, str]

    @property
    def name(self) -> str:
        return self.variant.name


def run(
    name: str,
    overrides: Sequence[str] = (),
    config_dir: str | PathLike[str] | None = None,
    *,
    display: Display | None = None,
    curves: bool = True,
) -> Outcome:
    """Train the missing cells of an experiment, record them, and read the results of all cells back from MLflow.

    Bad input raises a ``SeedbedError`` before any training. A variant or seed that fails does not stop the others:
    see ``Outcome.failures``. ``curves=False`` saves the time of reading the curves back.
    """
    experiment = load_experiment(name, overrides, config_dir)
    store = open_store(experiment)
    with display or Display(quiet=True) as shown, _sigterm_interrupts():
        if repaired := store.repair():
            shown.say(f"{repaired} runs that a crash had left RUNNING are now KILLED.")
        plan = _plan(experiment, shown)
        done = store.cells(fingerprint for planned in plan for fingerprint in planned.fingerprints.values())
        missing = {planned.name: [s for s, f in planned.fingerprints.items() if f not in done] for planned in plan}
        count = sum(len(seeds) for seeds in missing.values())
        key = _launch_key(experiment, plan)
        if count == 0 and (earlier := _latest_launch_with(store, key)):
            shown.say(f"All {len(done)} cells are trained already: nothing to do.")
            return Outcome(tracking.read_results(store, earlier, curves=curves), earlier.info.run_id, 0, {})
        launch = store.start(tracking.launch_name(), "launch", {"key": key, "command": experiment.command})
        shown.say(
            f"{name}: {count} cells to train, {len(done)} of {count + len(done)} trained already. Tracking in {store.uri}"
        )
        failures = _train_launch(store, launch, experiment, plan, done, missing, shown)
        results = tracking.read_results(store, store.client.get_run(launch.id), curves=curves)
        launch.artifact("table.txt", table_text(results))
    return Outcome(results, launch.id, count - _failed_cells(plan, missing, failures), failures)


def open_store(experiment: Experiment, *, create: bool = True) -> Store:
    return Store(tracking.store_uri(experiment.project), experiment.project, experiment.name, create=create)


# ---- planning: everything that can be wrong is found here, before any training ---------------------------------------


def _plan(experiment: Experiment, display: Display) -> list[PlannedVariant]:
    # Built first, since their settings can be wrong, and loading data may mean a download.
    parts = [
        (build(v.config["split"], "split"), build(v.config["imbalance"], "imbalance")) for v in experiment.variants
    ]
    for variant, (_, strategy) in zip(experiment.variants, parts, strict=True):
        if not isinstance(strategy, Strategy):
            raise ConfigError(
                f"Variant {variant.name!r}: imbalance._target_={variant.config['imbalance'].get('_target_')} is no strategy. "
                "Derive the class from seedbed.imbalance.base.Strategy and override apply()."
            )
    tables: dict[str, Table] = {}
    plan: list[PlannedVariant] = []
    for variant, (split, strategy) in zip(experiment.variants, parts, strict=True):
        key = json.dumps(variant.config["data"], sort_keys=True)
        if key not in tables:
            tables[key] = _load(variant.config["data"], display)
        table = tables[key]
        rows = {seed: cast(Rows, split.rows(table, seed)) for seed in experiment.seeds}
        if plan:
            _check_pairing(plan[0], variant, table, rows)
        _check_rows(variant, table, rows, strategy)
        plan.append(_plan_variant(variant, table, rows, strategy))
    return plan


def _load(config: Mapping[str, Any], display: Display) -> Table:
    table: Table = build(config, "data").load(lambda done, total: display.preparing("sentence vectors", done, total))
    for note in table.notes:
        display.say(note)
    return table


def _check_pairing(first: PlannedVariant, variant: Variant, table: Table, rows: Mapping[int, Rows]) -> None:
    """Variants are compared seed by seed, so a seed must have the same rows in all of them."""
    same = first.table.digest == table.digest and all(
        np.array_equal(getattr(of_seed, side), getattr(first.rows[seed], side))
        for seed, of_seed in rows.items()
        for side in ("train", "val", "test")
    )
    if not same:
        raise ConfigError(
            f"Variant {variant.name!r} has other data or another split than {first.name!r}: their seeds cannot be paired. "
            "Set data and split for the whole experiment, or make two experiments of it."
        )


def _check_rows(variant: Variant, table: Table, rows: Mapping[int, Rows], strategy: Strategy) -> None:
    """Every seed has validation rows, and training rows that the strategy can work on."""
    checked: set[tuple[int, ...]] = set()
    for seed, of_seed in rows.items():
        if len(of_seed.val) == 0:
            raise ConfigError(
                f"split: seed {seed} has no validation rows. Raise split.val: curves and selection need it."
            )
        counts = np.bincount(table.labels[of_seed.train], minlength=len(table.classes))
        if tuple(counts) not in checked:
            try:
                strategy.check(dict(zip(table.classes, counts.tolist(), strict=True)))
            except ConfigError as error:
                raise ConfigError(f"Variant {variant.name!r}, seed {seed}: {error}") from error
            checked.add(tuple(counts))


def _plan_variant(variant: Variant, table: Table, rows: dict[int, Rows], strategy: Strategy) -> PlannedVariant:
    inputs = {"data": table.digest, **table.made_with, "strategy": " ".join(strategy.describe())}
    return PlannedVariant(
        variant=variant,
        table=table,
        strategy=strategy,
        trainer=StackTrainer(variant.config, table),
        rows=rows,
        fingerprints={seed: variant.fingerprint(seed, inputs) for seed in rows},
    )


def _launch_key(experiment: Experiment, plan: Sequence[PlannedVariant]) -> str:
    """Two launches with one key ask for the same cells under the same names, and for the same report of them."""
    cells = [(planned.name, print_) for planned in plan for print_ in planned.fingerprints.values()]
    asked = {key: experiment.config[key] for key in ("question", "variants", "report", "published")}
    return hashlib.sha256(json.dumps([cells, asked]).encode()).hexdigest()


def _latest_launch_with(store: Store, key: str) -> Any:
    """The latest launch if it is the same; an older one would leave ``report`` with another than the one shown."""
    latest = next(iter(store.launches()), None)
    same = latest is not None and latest.data.tags.get(f"{tracking.TAG}key") == key
    return latest if same and latest is not None and latest.info.status == "FINISHED" else None


def _failed_cells(
    plan: Sequence[PlannedVariant], missing: Mapping[str, Sequence[int]], failures: Mapping[str, str]
) -> int:
    """How many of the missing cells are missing still: all of a failed variant, or single seeds."""
    whole = sum(len(missing[planned.name]) for planned in plan if planned.name in failures)
    single = [where for where in failures if where not in missing and where.split(", seed ")[0] not in failures]
    return whole + len(single)


# ---- training and recording ------------------------------------------------------------------------------------------


def _train_launch(
    store: Store,
    launch: TrackedRun,
    experiment: Experiment,
    plan: Sequence[PlannedVariant],
    done: Mapping[str, Cell],
    missing: Mapping[str, Sequence[int]],
    display: Display,
) -> dict[str, str]:
    """Train and record every variant; returns the failures. The launch is FINISHED only if there are none."""
    failures: dict[str, str] = {}
    try:
        _describe_launch(launch, experiment, plan)
        display.begin(sum(len(missing[p.name]) * p.variant.config["trainer"]["max_epochs"] for p in plan))
        for planned in plan:
            start = time.perf_counter()
            failed = _train_variant(store, launch, planned, done, missing[planned.name], display)
            failures |= failed
            display.say(_variant_line(planned, len(missing[planned.name]), failed, time.perf_counter() - start))
    except (KeyboardInterrupt, SystemExit):
        launch.end("KILLED")
        raise
    except BaseException:
        launch.end("FAILED")
        raise
    launch.end("FAILED" if failures else "FINISHED")
    return failures


def _describe_launch(launch: TrackedRun, experiment: Experiment, plan: Sequence[PlannedVariant]) -> None:
    config = experiment.config
    launch.log(
        params={
            "seeds": list(experiment.seeds),
            "variants": [planned.name for planned in plan],
            "overrides": list(experiment.overrides),
            **tracking.flat_params(config, ("variants", "seeds", "variant", "published", "imbalance", "report")),
        },
        tags={f"{tracking.TAG}environment": in_one_line()},
    )
    launch.artifact(tracking.PLAN, json.dumps({planned.name: sorted(planned.fingerprints.items()) for planned in plan}))
    launch.artifact(tracking.CONFIG, tracking.to_yaml(config))
    launch.artifact(tracking.DATA, json.dumps(_describe_data(plan[0])))
    launch.artifact(tracking.NOTES, json.dumps({planned.name: planned.strategy.describe() for planned in plan}))
    launch.artifact(tracking.ENVIRONMENT, json.dumps(environment()))
    launch.log(tags={tracking.READABLE: "yes"})


def _describe_data(planned: PlannedVariant) -> dict[str, Any]:
    first = next(iter(planned.rows.values()))
    return {
        "name": planned.table.name,
        "digest": planned.table.digest,
        "counts": planned.table.counts,
        "split": {"train": len(first.train), "val": len(first.val), "test": len(first.test)},
        "notes": list(planned.table.notes),
    }


def _train_variant(
    store: Store,
    launch: TrackedRun,
    planned: PlannedVariant,
    done: Mapping[str, Cell],
    missing: Sequence[int],
    display: Display,
) -> dict[str, str]:
    tags = {"variant": planned.name, "launch": launch.id, "data_digest": planned.table.digest}
    run = store.start(planned.name, "variant", tags, parent=launch.id)
    failures: dict[str, str] = {}
    try:
        with ending(run):
            run.log(params=tracking.flat_params(planned.variant.config, tracking.NOT_A_CELLS_PARAM))
            run.artifact(tracking.CONFIG, tracking.to_yaml(planned.variant.config))
            data = _seed_data(store, launch, run, planned, missing, failures, display)
            at_once = planned.trainer.seeds_at_once(data) if data else 1
            for start in range(0, len(data), at_once):
                _train_stack(store, launch, run, planned, data[start : start + at_once], at_once, display)
            _aggregate(store, run, planned)
            if failures:
                raise SeedFailures(failures)
    except SeedFailures:
        pass
    except Exception as error:  # a failing variant must not stop the others
        failures[planned.name] = f"{type(error).__name__}: {error}"
        run.artifact("error.txt", traceback.format_exc())
    return failures


class SeedFailures(Exception):
    """Some seeds of a variant could not be prepared; the variant run is FAILED, its other seeds are recorded."""


def _seed_data(
    store: Store,
    launch: TrackedRun,
    variant_run: TrackedRun,
    planned: PlannedVariant,
    seeds: Sequence[int],
    failures: dict[str, str],
    display: Display,
) -> list[SeedData]:
    """The training rows of each seed; a seed whose rows cannot be made gets a FAILED run and is left out."""

    def encoding(done: int, total: int) -> None:
        display.preparing(f"vectors of changed messages for {planned.name}", done, total)

    data = []
    for seed in seeds:
        try:
            data.append(seed_data(planned.table, planned.rows[seed], planned.strategy, seed, encoding))
        except Exception as error:
            failures[f"{planned.name}, seed {seed}"] = f"{type(error).__name__}: {error}"
            run = _start_seed(store, launch, variant_run, planned, seed)
            run.artifact("error.txt", traceback.format_exc())
            run.end("FAILED")
    return data


def _start_seed(
    store: Store, launch: TrackedRun, variant_run: TrackedRun, planned: PlannedVariant, seed: int
) -> TrackedRun:
    tags = {
        "variant": planned.name,
        "seed": str(seed),
        "launch": launch.id,
        "fingerprint": planned.fingerprints[seed],
        "data_digest": planned.table.digest,
        "environment": in_one_line(),
    }
    return store.start(f"seed {seed} {planned.name}", "seed", tags, parent=variant_run.id)


def _train_stack(
    store: Store,
    launch: TrackedRun,
    variant_run: TrackedRun,
    planned: PlannedVariant,
    stack: Sequence[SeedData],
    at_once: int,
    display: Display,
) -> None:
    """Train some seeds together. Their runs exist from the start, so that the UI shows what is being trained."""
    with ExitStack() as runs:
        seed_runs = []
        for item in stack:
            run = _start_seed(store, launch, variant_run, planned, item.seed)
            seed_runs.append(runs.enter_context(ending(run)))
        recorder = CurveRecorder(seed_runs, [launch, variant_run])
        progress = EpochProgress(display, planned.name, planned.trainer.settings["max_epochs"], len(stack))
        results = planned.trainer.train(stack, [recorder, progress], LightningLogger(variant_run))
        problems = []
        for run, result in zip(seed_runs, results, strict=True):
            try:
                with ending(run):
                    _record(run, result, planned, at_once, recorder.flushed)
            except Exception as error:  # what goes wrong with one seed's record must not take the others along
                problems.append(error)
        if problems:
            raise problems[0]


def _record(run: TrackedRun, result: SeedResult, planned: PlannedVariant, at_once: int, flushed: int) -> None:
    config = planned.variant.config
    params = tracking.flat_params(config, tracking.NOT_A_CELLS_PARAM) | {
        "seed": result.seed,
        "trainer.seeds_at_once": at_once,
        "chosen_epoch": result.epoch,
    }
    finals = [(name, config["trainer"]["max_epochs"], value) for name, value in result.metrics.items()]
    curves = [point for point in result.curves if point[1] >= flushed]
    run.log(params=params, curves=[*curves, *finals], tags={f"{tracking.TAG}outcome": result.outcome})
    if config["tracking"]["checkpoints"]:
        run.artifact("weights.safetensors", safetensors_bytes(result.weights))


def _aggregate(store: Store, run: TrackedRun, planned: PlannedVariant) -> None:
    """Mean, spread and n over all seeds asked for, wherever they were trained, on the variant's run."""
    found = store.cells(planned.fingerprints.values())
    cells = [found[print_] for print_ in planned.fingerprints.values() if print_ in found]
    points = [
        point
        for cell in cells
        if cell.usable
        for point in store.curves(cell.run_id, [name for name in cell.metrics if not tracking.is_final(name)])
    ]
    epochs = planned.variant.config["trainer"]["max_epochs"]
    means = [(name, epochs, value) for name, value in tracking.variant_metrics(cells).items()]
    run.log(curves=[*tracking.mean_curves(points), *means])
    trained_in = [
        {"seed": cell.seed, "run": cell.run_id, "launch": cell.launch, "outcome": cell.outcome} for cell in cells
    ]
    run.artifact("cells.json", json.dumps(trained_in, indent=1))


class CurveRecorder(pl.Callback):
    """Writes the curves of long fits now and then, so that the UI shows them while they grow."""

    def __init__(self, seed_runs: Sequence[TrackedRun], others: Sequence[TrackedRun]) -> None:
        self.seed_runs, self.others = seed_runs, others
        self.flushed = 0
        self._last = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if time.monotonic() - self._last < SECONDS_BETWEEN_FLUSHES:
            return
        history = cast(StackedModule, module).history
        for position, run in enumerate(self.seed_runs):
            run.log(curves=curve_points(history, position, self.flushed), tags=tracking.heartbeat())
        for run in self.others:
            run.log(tags=tracking.heartbeat())
        self.flushed, self._last = len(history), time.monotonic()


def _variant_line(planned: PlannedVariant, trained: int, failed: Mapping[str, str], seconds: float) -> str:
    if failed:
        return f"{planned.name}: FAILED. " + " ".join(f"{where}: {why}" for where, why in failed.items())
    before = len(planned.fingerprints) - trained
    parts = [f"{trained} seed{'s' if trained != 1 else ''} trained in {seconds:.1f} s"] if trained else []
    parts += [f"{before} trained before"] if before else []
    return f"{planned.name}: {', '.join(parts)}"


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Let SIGTERM end the run like an interrupt, so that runs are KILLED and what is finished is kept."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
