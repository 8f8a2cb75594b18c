"""Times one Lightning Trainer for each seed beside all seeds stacked, and says where the time of a run goes.

``scripts/compare_loops`` sets up what this needs; its --help states the choices that decide the figures.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil
import pytorch_lightning as pl
import torch
from compare_records import PlainWay, recorded_in
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
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler, TensorDataset

from seedbed.cli.main import main as cli
from seedbed.config import experiment as reading
from seedbed.config.building import build
from seedbed.config.experiment import load_experiment
from seedbed.config.folders import experiment_names
from seedbed.config.trainer import OWN_SETTINGS
from seedbed.data.network_inputs import Pictures
from seedbed.data.table import Table
from seedbed.errors import ConfigError, SeedbedError, near_misses
from seedbed.running import runner
from seedbed.running.planning import plan_experiment
from seedbed.stacking.optimizers import SeedOptimizer
from seedbed.statistics import summary
from seedbed.tasks.classification import Classification, LabelledRows
from seedbed.torch_random import global_stream
from seedbed.tracking.store import Store, open_project_store, store_uri
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training import stack_size, variant
from seedbed.training.devices import lightning_settings, torch_device
from seedbed.training.one_process import one_process_trainer
from seedbed.training.planned import PlannedVariant
from seedbed.training.progress import Display
from seedbed.training.recording import VariantRecord
from seedbed.training.stack_trainer import StackTrainer
from seedbed.training.variant import VariantTraining

SECONDS_UNTIL_IMPORTED = time.time() - psutil.Process().create_time()
# The usual way evaluates this many rows at once, or batch_size where that is more.
EVALUATION_ROWS = 1024
ACCURACY = "test/accuracy"


def main() -> None:
    options = read_options()
    try:
        if options.overhead:
            measure_overhead(options)
        else:
            compare_loops(options)
    except SeedbedError as error:
        print(f"compare_loops: {error}", file=sys.stderr)
        sys.exit(2)


def read_options() -> argparse.Namespace:
    # The help is the calling script's, which answers without the imports above.
    parser = argparse.ArgumentParser(prog="compare_loops", add_help=False)
    parser.add_argument("experiment", nargs="?", default="spam_imbalance")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--config-dir", type=Path)
    parser.add_argument("--variant")
    parser.add_argument("--seeds", type=positive)
    parser.add_argument("--usual-seeds", type=positive, default=3)
    parser.add_argument("--repeats", type=positive, default=3)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batched", action="store_true")
    parser.add_argument("--wanted", type=float, default=3.0)
    parser.add_argument("--overhead", action="store_true")
    add_json(parser)
    return parser.parse_intermixed_args()


# ---- one Trainer a seed, beside all seeds stacked --------------------------------------------------------------------


def compare_loops(options: argparse.Namespace) -> None:
    planned = plan_variant(options)
    data = data_of(planned)
    few = data[: options.usual_seeds]
    usual, stacked = UsualWay(planned, few, options.workers, options.batched), StackedWay(planned, data)
    print_machine()
    print_task(planned, usual, stacked)
    usual.train(usual.seeds[:1])
    stacked.train()  # both once before the first timing: memory, caches and threads are there from then on
    timings: dict[str, list[Timing]] = {"usual": [], "stacked": []}
    for repeat in range(1, options.repeats + 1):
        # Turns are taken, so that a machine that grows slower or faster does not favour one side.
        sides = [("usual", usual.train), ("stacked", stacked.train)]
        for name, train in sides if repeat % 2 else reversed(sides):
            timings[name].append(measured(train))
            print(f"repeat {repeat}  {name:7}  {timings[name][-1]}", flush=True)
    print(f"\nstacked at once: {stacked.at_once} of {count(stacked.data)}")
    print_ratio(timings["usual"], timings["stacked"], options.wanted)
    values = {name: [timing.seconds for timing in side] for name, side in timings.items()}
    keep_figures(options.json, values, max(timing.others for side in timings.values() for timing in side))
    print_reading(stacked)
    print_accuracies(timings["usual"][-1].accuracies, timings["stacked"][-1].accuracies)


def plan_variant(options: argparse.Namespace) -> PlannedVariant:
    """The one variant that is compared, checked for what the usual way below does not do."""
    asked = [f"variant={options.variant or 'none'}", f"seeds={options.seeds or 10}"]
    experiment = load_experiment(options.experiment, [*asked, *options.overrides], options.config_dir)
    config = experiment.config
    if len(experiment.variants) > 1:
        names = ",".join(variant.name for variant in experiment.variants)
        raise ConfigError(f"variant={names}: one variant is compared at a time. Name it by --variant.")
    if config["select"] != "last" or config["patience"] is not None:
        raise ConfigError(
            f"select={config['select']} patience={config['patience']}: the usual way here trains every epoch and tests "
            "the last one. Set select=last patience=null."
        )
    if config["task"]["_target_"] != f"{Classification.__module__}.{Classification.__qualname__}":
        raise ConfigError(
            f"task._target_={config['task']['_target_']}: the usual way here is a classifier. "
            "Name an experiment with task=classification."
        )
    _, [planned] = plan_experiment(experiment, Display(quiet=True))
    return planned


def print_task(planned: PlannedVariant, usual: UsualWay, stacked: StackedWay) -> None:
    settings = planned.trainer.settings
    rows = ", ".join(f"{len(side)} {name}" for name, side in usual.rows[usual.seeds[0]].items())
    print(
        f"task      {planned.table.name}, variant {planned.name}; rows of seed {usual.seeds[0]}: {rows}; "
        f"{settings['max_epochs']} epochs, batch size {settings['batch_size']}"
    )
    print(
        f"usual     {count(usual.seeds)}, a Trainer each; DataLoader(num_workers={usual.workers}), "
        f"{'whole batches by index' if usual.batched else 'rows collated'}; "
        "loss and accuracy of validation every epoch and of test once"
    )
    print(
        f"stacked   {count(stacked.data)}, seeds_at_once={settings['seeds_at_once']}; training loss and "
        f"{len(Classification.METRICS)} metrics of validation every epoch, {len(Classification.METRICS)} of test once"
    )


@dataclass(frozen=True)
class Timing:
    """One side, once."""

    seconds: float
    """For each seed."""
    others: float
    """How many cores other processes used meanwhile."""
    accuracies: dict[int, float]
    """Test accuracy by seed."""

    def __str__(self) -> str:
        return f"{self.seconds:7.3f} s/seed  ({count(self.accuracies)}; others used {self.others:.2f} cores)"


def measured(train: Callable[[], dict[int, float]]) -> Timing:
    others, start = others_cpu_seconds(), time.perf_counter()
    accuracies = train()  # numbers on the host, so a GPU has ended its work too
    seconds = time.perf_counter() - start
    return Timing(seconds / len(accuracies), max(0.0, others_cpu_seconds() - others) / seconds, accuracies)


def print_ratio(usual: Sequence[Timing], stacked: Sequence[Timing], wanted: float) -> None:
    medians = [statistics.median(timing.seconds for timing in side) for side in (usual, stacked)]
    ratios = [one.seconds / other.seconds for one, other in zip(usual, stacked, strict=True)]
    ratio = medians[0] / medians[1]
    print(f"median usual {medians[0]:.3f} s/seed, stacked {medians[1]:.3f} s/seed")
    print(f"ratio {ratio:.2f} (repeats {min(ratios):.2f} to {max(ratios):.2f})")
    print(f"ratio >= {wanted:g}: {'yes' if ratio >= wanted else 'no'}")
    print_disturbance(max(timing.others for timing in (*usual, *stacked)))


def print_reading(stacked: StackedWay) -> None:
    """How much of an optimizer step goes to shuffling, gathering rows and making them ready for the network."""
    seconds, reading = stacked.step_and_reading()
    print(
        f"a step of {stacked.at_once} stacked: {1000 * seconds:.2f} ms, of which shuffling, gathering and scaling of rows "
        f"{1000 * reading:.3f} ms ({reading / seconds:.1%})"
    )


def print_accuracies(usual: Mapping[int, float], stacked: Mapping[int, float]) -> None:
    """Both sides have one recipe, so the difference must lie within the noise of the batch order."""
    print(f"{ACCURACY} usual {statistics.mean(usual.values()):.4f} (seeds {', '.join(map(str, usual))})", end="")
    print(f", stacked {statistics.mean(stacked[seed] for seed in usual):.4f} (the same seeds)", end="")
    print(f", {statistics.mean(stacked.values()):.4f} (all {len(stacked)})")
    difference = summary([usual[seed] - stacked[seed] for seed in usual])
    if difference.low is None or difference.high is None:
        print("difference: one seed shows no spread, so nothing can be said of it")
        return
    agree = difference.low <= 0 <= difference.high
    print(
        f"difference {difference.mean:+.4f}, 95 % interval {difference.low:+.4f} to {difference.high:+.4f}: "
        f"{'they agree within noise' if agree else 'THEY DIFFER BY MORE THAN NOISE'}"
    )


class StackedWay:
    """What ``seedbed run`` does with the seeds of a variant: measure how many to stack, then train stack by stack."""

    def __init__(self, planned: PlannedVariant, data: Sequence[LabelledRows]) -> None:
        self.trainer, self.data, self.at_once = planned.trainer, data, 0

    def train(self) -> dict[int, float]:
        """Test accuracy by seed."""
        stack_size._MEASURED.clear()  # a launch starts without: what it measures is timed every time
        size = self.at_once = stack_size.seeds_at_once(self.trainer.builder, self.data)
        stacks = [self.data[start : start + size] for start in range(0, len(self.data), size)]
        results = [result for stack in stacks for result in self.trainer.train(stack)]
        return {result.seed: result.metrics.get(ACCURACY, math.nan) for result in results}  # NaN: it diverged

    def step_and_reading(self) -> tuple[float, float]:
        """Seconds of an optimizer step, without Lightning, and those of it that are over before the network begins."""
        device = torch_device(self.trainer.settings)
        module, batches, *_ = self.trainer.builder.stack(self.data[: self.at_once], device)
        task = cast(Classification, module.to(device).train())
        start = time.perf_counter()
        chunk = next(iter(batches))  # draws the order of the whole epoch
        shuffling = (time.perf_counter() - start) / batches.steps
        optimizer = SeedOptimizer(task.network, task.seeds, task.optimizer_factory)

        def step(index: Tensor) -> None:
            optimizer.clear_gradients()
            losses, weights = task.step_losses(index, None)
            torch.autograd.backward((losses / weights).sum())
            optimizer.hand_over_gradients([True] * task.seeds, task.clip_norm)
            optimizer.optimizer.step()

        steps, gathering = ([seconds_of(work, index, device) for index in chunk.index] for work in (step, task._gather))
        return shuffling + statistics.median(steps), shuffling + statistics.median(gathering)


def seconds_of(work: Callable[[Tensor], object], index: Tensor, device: torch.device) -> float:
    start = time.perf_counter()
    work(index)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


class UsualWay:
    """One ``Trainer`` for each seed, with the network, the optimizer and the settings of the variant."""

    def __init__(self, planned: PlannedVariant, data: Sequence[LabelledRows], workers: int, batched: bool) -> None:
        self.trainer, self.workers, self.batched = planned.trainer, workers, batched
        self.optimizer = build(planned.variant.config["optimizer"], "optimizer")
        table = cast(Table, planned.table)
        self.rows = {item.seed: datasets(table, item) for item in data}
        self.class_weights = {item.seed: item.resampled.class_weights for item in data}

    @property
    def seeds(self) -> list[int]:
        return list(self.rows)

    def train(self, seeds: Sequence[int] | None = None) -> dict[int, float]:
        """Test accuracy by seed; of all seeds, or of some."""
        return {seed: self._train_one(seed) for seed in seeds or self.seeds}

    def _train_one(self, seed: int) -> float:
        rows, weights, settings = self.rows[seed], self.class_weights[seed], self.trainer.settings
        evaluated_at_once = max(settings["batch_size"], EVALUATION_ROWS)
        with global_stream(seed, "weights"):
            network = self.trainer.parts.network()  # starts from the weights that this seed has in the stack
        module = UsualClassifier(network, self.optimizer, None if weights is None else torch.from_numpy(weights))
        lightning = one_process_trainer(
            **{key: value for key, value in settings.items() if key not in OWN_SETTINGS} | lightning_settings(settings),
            gradient_clip_val=settings["gradient_clip_val"],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        with global_stream(seed, "the usual way"), warnings.catch_warnings(), lightning as trainer:
            warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")
            warnings.filterwarnings("ignore", message=".*does not have many workers")  # none are faster: see --help
            on_gpu = trainer.strategy.root_device.type == "cuda"
            batches = self._loader(rows["training"], settings["batch_size"], on_gpu, shuffle=True)
            validation, test = (
                self._loader(rows[side], evaluated_at_once, on_gpu, shuffle=False) for side in ("validation", "test")
            )
            trainer.fit(module, batches, validation)
            [metrics] = trainer.test(module, test, verbose=False)
        return float(metrics[ACCURACY])

    def _loader(
        self, rows: TensorDataset | PictureRows, size: int, pin_memory: bool, *, shuffle: bool
    ) -> DataLoader[Any]:
        workers: dict[str, Any] = {"num_workers": self.workers, "persistent_workers": self.workers > 0}
        if not self.batched:
            return DataLoader(rows, batch_size=size, shuffle=shuffle, pin_memory=pin_memory, **workers)
        batches = BatchSampler(RandomSampler(rows) if shuffle else SequentialSampler(rows), size, drop_last=False)
        return DataLoader(rows, batch_size=None, sampler=batches, pin_memory=pin_memory, **workers)


def datasets(table: Table, item: LabelledRows) -> dict[str, TensorDataset | PictureRows]:
    """The rows of one seed, those included that its strategy has made."""
    chosen = item.rows.train[item.resampled.source]
    if isinstance(table.inputs, Pictures):
        sides = {"training": chosen, "validation": item.rows.val, "test": item.rows.test}
        return {side: PictureRows(table, rows) for side, rows in sides.items()}
    features = torch.from_numpy(table.features if item.features is None else item.features)
    labels, new = torch.from_numpy(table.labels), item.resampled
    inputs, targets = [features[chosen]], [labels[chosen]]
    if new.features is not None and new.labels is not None:
        inputs.append(torch.from_numpy(new.features).to(features.dtype))
        targets.append(torch.from_numpy(new.labels).to(labels.dtype))
    return {
        "training": TensorDataset(torch.cat(inputs), torch.cat(targets)),
        "validation": TensorDataset(features[item.rows.val], labels[item.rows.val]),
        "test": TensorDataset(features[item.rows.test], labels[item.rows.test]),
    }


class PictureRows(Dataset[Any]):
    """Some pictures of a table, which lie there once, as bytes; an item is made as torchvision's ``ToTensor`` makes it."""

    def __init__(self, table: Table, rows: np.ndarray) -> None:
        self.pictures, self.labels, self.rows = table.features, torch.from_numpy(table.labels), rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: int | list[int]) -> tuple[Tensor, Tensor]:
        rows = self.rows[which]
        return torch.from_numpy(self.pictures[rows]).to(torch.float32).div(255), self.labels[rows]


class UsualClassifier(pl.LightningModule):
    """An ordinary network under Lightning's automatic optimization."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer],
        class_weights: Tensor | None,
    ) -> None:
        super().__init__()
        self.network, self.optimizer = network, optimizer
        self.loss = nn.CrossEntropyLoss(class_weights)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.optimizer(self.network.parameters())

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        features, labels = batch
        loss: Tensor = self.loss(self.network(features), labels)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        self._log_metrics("val", *batch)

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._log_metrics("test", *batch)

    def _log_metrics(self, side: str, features: Tensor, labels: Tensor) -> None:
        logits = self.network(features)
        metrics = {
            f"{side}/loss": functional.cross_entropy(logits, labels),
            f"{side}/accuracy": (logits.argmax(-1) == labels).float().mean(),
        }
        self.log_dict(metrics, batch_size=len(labels))


# ---- where the time of a run goes ------------------------------------------------------------------------------------

Places = Mapping[str, Sequence[tuple[Any, str]]]
"""Part of a run -> the functions, each as its owner and name, whose time it is."""

OTHER_PARTS: Places = {
    "reading the configs": [(reading, "load_experiments")],
    "measuring the stack size": [(variant, "seeds_at_once")],
    "writing runs": [(Store, "start"), (TrackedRun, "log"), (TrackedRun, "artifact"), (TrackedRun, "end")],
    "aggregation": [(VariantRecord, "_aggregate")],
    "waiting for records": [(VariantRecord, "wait")],
    "reading runs": [(runner, "read_results"), (Store, "cells"), (Store, "repair")],
}
PREPARATION, TRAINING, REST = "data preparation", "training", "rest"
WATCHED: Places = {
    PREPARATION: [(runner, "plan_as_installed"), (VariantTraining, "_seed_data")],
    TRAINING: [(StackTrainer, "train")],
    **OTHER_PARTS,
}


def measure_overhead(options: argparse.Namespace) -> None:
    """Run the command in this process, with a store made beforehand, and print which part took how long."""
    if options.experiment not in (known := experiment_names(options.config_dir)):
        raise ConfigError(f"There is no experiment {options.experiment!r}, {near_misses(options.experiment, known)}")
    asked = [f"{key}={value}" for key in ("variant", "seeds") if (value := getattr(options, key))]
    # What other processes train could not be told apart here from what is done beside it.
    command = ["run", options.experiment, *asked, "trainer.stacks_at_once=1", *options.overrides]
    command += ["--config-dir", str(options.config_dir)] if options.config_dir else []
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    with tempfile.TemporaryDirectory() as project:
        os.environ["SEEDBED_PROJECT"] = project
        print_machine()
        start = time.perf_counter()
        Store(store_uri(Path(project)), Path(project), options.experiment)
        store_seconds = time.perf_counter() - start
        watch = Stopwatch(WATCHED)
        since, others, start = time.time(), others_cpu_seconds(), time.perf_counter()
        with watch.part(REST):
            failed = cli(command, standalone_mode=False)
        seconds = time.perf_counter() - start
        others = (others_cpu_seconds() - others) / seconds
        if failed:
            sys.exit(failed)
        store = open_project_store(options.experiment, options.config_dir)
        by_plain_client = seconds_of_plain_records(store, since, Path(project) / "plain")
    print_parts(watch, store_seconds)
    print(
        f"{by_plain_client:7.2f}  for comparison: all of the store's runs written by a plain program with MLflow's client"
    )
    print_disturbance(others)
    share, at_most = shares_beside_training(watch)
    keep_figures(options.json, {"share": [share], "at most": [at_most]}, others)


def seconds_of_plain_records(store: Store, since: float, folder: Path) -> float:
    """What the smallest program takes that logs what was recorded since then: see ``compare_records``."""
    recorded = [each for each in recorded_in(store) if each.run.info.start_time >= 1000 * since]
    return PlainWay(recorded, folder).seconds()


def print_parts(watch: Stopwatch, store_seconds: float) -> None:
    seconds = watch.seconds
    share, at_most = shares_beside_training(watch)
    print("\nseconds  part")
    for value, part in (
        (SECONDS_UNTIL_IMPORTED, "start of Python and imports"),
        (store_seconds, "creation of the store"),
        (seconds[PREPARATION], f"{PREPARATION}: loading, encoding what is not cached, splitting, planning, resampling"),
        (seconds[TRAINING], f"{TRAINING}: building, fitting and testing every stack"),
        (watch.everything_else, "everything else"),
        *((seconds[part], f"  {part}") for part in (*OTHER_PARTS, REST)),
        (watch.beside, "beside all that: writing and aggregation in a thread of their own"),
    ):
        print(f"{value:7.2f}  {part}")
    print(f"everything else / (training + everything else): {share:.1%}")
    print(f"at most {at_most:.1%}, if all that was done beside it has made the training that much longer")


def shares_beside_training(watch: Stopwatch) -> tuple[float, float]:
    """Everything else as a share of it and training; at most, since the other thread takes its time from the training where no core
    is idle."""
    both = watch.seconds[TRAINING] + watch.everything_else
    return watch.everything_else / both, (watch.everything_else + watch.beside) / both


class Stopwatch:
    """Shares out the time of this thread between parts, and apart from it that of all other threads."""

    def __init__(self, watched: Places) -> None:
        self._clocks: dict[int, Clock] = defaultdict(Clock)
        self._own = self._clocks[threading.get_ident()]
        for part, places in watched.items():
            for owner, name in places:
                setattr(owner, name, self.part(part)(getattr(owner, name)))

    @property
    def seconds(self) -> Mapping[str, float]:
        """Of each part in this thread."""
        return self._own.seconds

    @property
    def everything_else(self) -> float:
        """Of this thread, but for training and the preparation of data."""
        return self.seconds[REST] + sum(self.seconds[part] for part in OTHER_PARTS)

    @property
    def beside(self) -> float:
        """Of all parts in other threads: they did not keep this one waiting, but may have slowed it down."""
        return sum(sum(clock.seconds.values()) for clock in self._clocks.values() if clock is not self._own)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        clock = self._clocks[threading.get_ident()]
        clock.share_out()
        clock.running.append(name)
        try:
            yield
        finally:
            clock.share_out()
            clock.running.pop()


class Clock:
    """One thread's time: of the parts that are running, the innermost gets it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.running: list[str] = []
        self._since = 0.0

    def share_out(self) -> None:
        now = time.perf_counter()
        if self.running:
            self.seconds[self.running[-1]] += now - self._since
        self._since = now


if __name__ == "__main__":
    main()
