"""Measures what recording a cell takes beside the smallest program that logs the same to MLflow.

``scripts/compare_records`` sets up what this needs; its --help states the choices that decide the figures.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from timing import (
    add_json,
    count,
    data_of,
    keep_figures,
    others_cpu_seconds,
    positive,
    print_disturbance,
    print_machine,
)

from seedbed.config.experiment import Experiment, load_experiment
from seedbed.errors import ConfigError, SeedbedError
from seedbed.garbage import present_objects_spared
from seedbed.running.launch_record import describe_launch
from seedbed.running.planning import plan_experiment
from seedbed.tracking.client import PER_BATCH
from seedbed.tracking.databases import sqlite_address
from seedbed.tracking.store import OLDEST_FIRST, Store, store_uri
from seedbed.training.planned import PlannedVariant
from seedbed.training.progress import Display
from seedbed.training.recording import VariantRecord


def main() -> None:
    # The help is the calling script's, which answers without the imports above.
    parser = argparse.ArgumentParser(prog="compare_records", add_help=False)
    parser.add_argument("experiment", nargs="?", default="spam_imbalance")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--config-dir", type=Path)
    parser.add_argument("--variant", default="none")
    parser.add_argument("--seeds", type=positive, default=10)
    parser.add_argument("--cells", type=positive, default=1000)
    parser.add_argument("--repeats", type=positive, default=5)
    add_json(parser)
    try:
        compare(parser.parse_intermixed_args())
    except SeedbedError as error:
        print(f"compare_records: {error}", file=sys.stderr)
        sys.exit(2)


def compare(options: argparse.Namespace) -> None:
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    asked = [f"variant={options.variant}", f"seeds={options.seeds}", *options.overrides]
    experiment = load_experiment(options.experiment, asked, options.config_dir)
    _, plan = plan_experiment(experiment, Display(quiet=True))
    if len(plan) > 1 or not isinstance(plan[0], PlannedVariant):
        raise ConfigError(
            f"variant={','.join(planned.name for planned in plan)}: one variant whose seeds train in stacks is recorded. "
            "Name it by --variant."
        )
    variants = math.ceil(options.cells / options.seeds / options.repeats)
    with tempfile.TemporaryDirectory() as folder, present_objects_spared():
        seedbed = SeedbedWay(experiment, plan[0], Path(folder, "seedbed"))
        seedbed.record(1)  # both once before the first timing
        plain = PlainWay(seedbed.recorded(), Path(folder, "plain"))
        plain.record(1)
        print_machine()
        print(f"a cell    {plain.about_a_cell}; {count(range(options.seeds))} in each of {variants} variants a repeat")
        times: dict[str, list[float]] = {"seedbed": [], "plain": []}
        sides: list[tuple[str, Callable[[int], None]]] = [("plain", plain.record), ("seedbed", seedbed.record)]
        others, start = others_cpu_seconds(), time.perf_counter()
        for repeat in range(1, options.repeats + 1):
            # Turns are taken, so that a machine that grows slower or faster does not favour one side.
            for side, record in sides if repeat % 2 else reversed(sides):
                times[side].append(1000 * cpu_seconds_of(record, variants) / variants / options.seeds)
                print(f"repeat {repeat}  {side:7}  {times[side][-1]:6.1f} ms of processor time a cell", flush=True)
        disturbed = max(0.0, others_cpu_seconds() - others) / (time.perf_counter() - start)
    medians = {side: statistics.median(values) for side, values in times.items()}
    ratios = [one / other for one, other in zip(times["seedbed"], times["plain"], strict=True)]
    print(f"median seedbed {medians['seedbed']:.1f}, plain {medians['plain']:.1f} ms of processor time a cell")
    print(f"ratio {medians['seedbed'] / medians['plain']:.2f} (repeats {min(ratios):.2f} to {max(ratios):.2f})")
    print_disturbance(disturbed)
    keep_figures(options.json, times, disturbed)


def cpu_seconds_of(record: Callable[[int], None], variants: int) -> float:
    start = time.process_time()
    record(variants)
    return time.process_time() - start


class SeedbedWay:
    """The results of one variant's seeds, recorded as those of many variants in one launch."""

    def __init__(self, experiment: Experiment, planned: PlannedVariant, project: Path) -> None:
        project.mkdir()
        self.planned, self.data = planned, data_of(planned)
        self.results = planned.trainer.train(self.data)
        self.store = Store(store_uri(project), project, experiment.name)
        self.launch = self.store.start("compare_records", "launch", {})
        describe_launch(self.launch, experiment, [planned])
        self.last: VariantRecord

    def record(self, variants: int) -> None:
        with ThreadPoolExecutor(1) as writer:
            for _ in range(variants):
                self._record(writer)

    def _record(self, writer: ThreadPoolExecutor) -> None:
        record = self.last = VariantRecord(self.store, self.launch, self.planned, Display(quiet=True), writer)
        record.describe()
        engine = self.planned.trainer.builder.engine(self.data)
        with ExitStack() as exits:
            runs = record.start_stack(self.data, exits, torch.get_num_threads(), engine)
            record.add_results(exits.pop_all(), runs, self.results)
        record.finish({}, len(runs), 0.0, None, says=False)
        record.wait()
        for failure in record.failures.values():
            raise ConfigError(failure.why)

    def recorded(self) -> list[Recorded]:
        """What was recorded last: the variant's run and those of its seeds."""
        of_last = {self.last.run.id, *(cell.id for cell in self.last.trained.values())}
        return [recorded for recorded in recorded_in(self.store) if recorded.run.info.run_id in of_last]


@dataclass(frozen=True)
class Recorded:
    """All that is recorded of a run."""

    run: Run
    points: list[Metric]
    files: list[str]

    @classmethod
    def of(cls, client: MlflowClient, run: Run) -> Recorded:
        points = [point for name in run.data.metrics for point in client.get_metric_history(run.info.run_id, name)]
        files = [
            client.download_artifacts(run.info.run_id, file.path) for file in client.list_artifacts(run.info.run_id)
        ]
        # As MLflow's client is given them: points that are read know more than their makers.
        return cls(run, [Metric(point.key, point.value, point.timestamp, point.step) for point in points], files)

    @property
    def batches(self) -> list[list[Metric]]:
        """The points as MLflow takes them, with all params and tags in the first batch."""
        first = PER_BATCH - len(self.run.data.params)
        starts = range(first, len(self.points), PER_BATCH)
        return [self.points[:first], *(self.points[start : start + PER_BATCH] for start in starts)]


def recorded_in(store: Store) -> list[Recorded]:
    """All runs of the store's experiment, the oldest first."""
    client = store._client
    return [Recorded.of(client, run) for run in client.runs([store.experiment_id], "", OLDEST_FIRST)]


class PlainWay:
    """The same runs by MLflow's client, as one would write it."""

    def __init__(self, runs: Sequence[Recorded], project: Path) -> None:
        project.mkdir()
        self.runs = runs
        self.client = MlflowClient(tracking_uri=sqlite_address(project / "mlflow.db"))
        self.experiment = self.client.create_experiment("plain", artifact_location=(project / "artifacts").as_uri())

    @property
    def about_a_cell(self) -> str:
        cell = self.runs[-1]
        data = cell.run.data
        return f"{len(cell.points)} points, {len(data.params)} params, {len(data.tags)} tags, {len(cell.files)} files"

    def seconds(self) -> float:
        """What recording the runs once takes."""
        start = time.perf_counter()
        self.record(1)
        return time.perf_counter() - start

    def record(self, variants: int) -> None:
        for _ in range(variants):
            for run in self.runs:
                self._record(run)

    def _record(self, recorded: Recorded) -> None:
        data = recorded.run.data
        run_id = self.client.create_run(self.experiment, tags=data.tags).info.run_id
        params = [Param(key, value) for key, value in data.params.items()]
        for points in recorded.batches:
            self.client.log_batch(run_id, points, params)
            params = []
        for file in recorded.files:
            self.client.log_artifact(run_id, file)
        self.client.set_terminated(run_id)


if __name__ == "__main__":
    main()
