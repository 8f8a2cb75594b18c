"""Trains one stack of seeds of a variant: rows, network, ``Trainer.fit``, ``Trainer.test``, one record a seed."""

from __future__ import annotations

import contextlib
import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn

from seedbed import devices
from seedbed.data.splits import Rows
from seedbed.data.table import Prepared, Progress, Table
from seedbed.errors import ConfigError, near_misses
from seedbed.experiment import build
from seedbed.imbalance.base import Resampled, Strategy, TrainingRows
from seedbed.randomness import global_stream
from seedbed.results import SECONDS
from seedbed.stacking.batches import FixedBatches, ShuffledBatches
from seedbed.stacking.callbacks import SeedSelection
from seedbed.stacking.layers import OneSeed, stacking_error
from seedbed.stacking.layers import build as build_stacked
from seedbed.stacking.measure import fastest_stack
from seedbed.stacking.module import StackedModule
from seedbed.statistics import lower_is_better

# Settings of the trainer node that are seedbed's own; the others go to pytorch_lightning.Trainer.
OWN_SETTINGS = ("batch_size", "gradient_clip_val", "seeds_at_once", "steps_per_chunk")
# Arguments of Trainer that the stacked loop honours. Others would change what is trained without a trace in the
# curves or the fingerprint (limit_train_batches, max_steps), or be overruled (callbacks, logger).
LIGHTNING_ARGUMENTS = (
    "max_epochs", "precision", "accelerator", "devices", "deterministic", "benchmark", "detect_anomaly", "profiler",
)  # fmt: skip
# What the stacked loop needs: nothing printed or saved by Lightning, no trial run of the validation.
LIGHTNING_SETTINGS = {
    "enable_progress_bar": False,
    "enable_checkpointing": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,
    "log_every_n_steps": 1,
}
NOT_STACKABLE = (
    "Its forward must work on the last axis only and mix no rows; or derive the class from torch.nn.Module: then its "
    "seeds train one at a time."
)
CurvePoints = list[tuple[str, int, float]]
"""Metric, epoch, value."""
# Stack sizes found by measurement in this process, by what decides the time of a step.
_MEASURED: dict[str, int] = {}
# Lightning says at every Trainer which devices there are; what a run needs to say is said by the runner.
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)


@dataclass(frozen=True)
class SeedData:
    """What one seed trains on and is measured on."""

    seed: int
    rows: Rows
    resampled: Resampled
    features: np.ndarray | None = None
    """(N, F): all rows of the table as this seed sees them; None where the table's own features serve all seeds."""


@dataclass(frozen=True)
class SeedResult:
    """One cell's result; ``weights`` is an ordinary network's state."""

    seed: int
    outcome: str
    epoch: int
    curves: CurvePoints
    metrics: dict[str, float]
    weights: dict[str, Tensor]


def seed_data(table: Table, rows: Rows, strategy: Strategy, seed: int, progress: Progress | None = None) -> SeedData:
    """Prepare the rows of one seed and apply the strategy; both see its training rows and no others."""
    prepared = Prepared(table.features, table.encode)
    if table.preparation is not None:
        prepared = table.preparation.fit(table, rows.train)
    encode = prepared.encode
    training = TrainingRows(
        features=prepared.features[rows.train],
        labels=table.labels[rows.train],
        classes=table.classes,
        texts=None if table.texts is None else tuple(table.texts[row] for row in rows.train),
        rows=rows.train,
        minority=table.minority,
    )
    resampled = strategy.apply(training, seed, (lambda texts: encode(texts, progress)) if encode else None)
    return SeedData(seed, rows, resampled, None if table.preparation is None else prepared.features)


class StackTrainer:
    """Trains the seeds of one variant, as many at once as ``trainer.seeds_at_once`` says."""

    def __init__(self, config: Mapping[str, Any], table: Table) -> None:
        self.config, self.table = config, table
        self.settings: dict[str, Any] = dict(config["trainer"])
        self._network: Callable[..., nn.Module] = build(config["model"], "model")
        self._task: Callable[..., StackedModule] = build(config["task"], "task")
        self._optimizer: Callable[..., torch.optim.Optimizer] = build(config["optimizer"], "optimizer")
        self._check()

    def network(self) -> nn.Module:
        """One ordinary network for the table's features and classes."""
        return self._network(in_features=self.table.width, out_features=len(self.table.classes))

    @property
    def seeds_in_memory(self) -> int | None:
        """How many seeds' rows to hold at a time, None for all: rows that are prepared for each seed add up."""
        if self.table.preparation is None:
            return None
        of_a_seed = len(self.table.labels) * self.table.width * np.dtype(np.float32).itemsize
        copies = 3  # as prepared, as training rows of the strategy, and joined for the stack
        return max(1, int(0.5 * psutil.virtual_memory().available / (copies * of_a_seed)))

    def seeds_at_once(self, data: Sequence[SeedData]) -> int:
        """How many of these seeds to stack: as set, or measured; 1 where the network has no stacked form."""
        seeds = [item.seed for item in data]
        wanted = self.settings["seeds_at_once"]
        if len(seeds) == 1 or build_stacked(self.network, seeds[:2]) is None:
            return 1
        if wanted != "auto":
            return min(int(wanted), len(seeds))
        # The sampling of rows does not matter for the time of a step, so that one measurement serves all variants.
        shape = [self.config["model"], self.config["optimizer"], self.settings, self.table.width, len(seeds)]
        key = json.dumps(shape, sort_keys=True)
        if key not in _MEASURED:
            by_seed = {item.seed: item for item in data}
            device = devices.torch_device(self.settings)

            def some(chosen: Sequence[int]) -> tuple[StackedModule, ShuffledBatches]:
                return self._module([by_seed[seed] for seed in chosen], device)[:2]

            _MEASURED[key] = fastest_stack(some, seeds, device)
        return _MEASURED[key]

    def train(
        self,
        data: Sequence[SeedData],
        callbacks: Sequence[pl.Callback] = (),
        logger: Any = False,
        device: int | None = None,
    ) -> list[SeedResult]:
        """Fit and test these seeds as one stack, on the device with this number or the first of the settings'."""
        seeds = [item.seed for item in data]
        selection = SeedSelection(
            rule=self.config["select"],
            monitor=self.config["monitor"],
            minimize=lower_is_better(self.config["monitor"], self.config["task"].get("own_metrics")),
            patience=self.config["patience"],
            seeds=len(seeds),
        )
        trainer = self._lightning(device, callbacks=[selection, *callbacks], logger=logger)
        module, batches, validation, test = self._module(data, trainer.strategy.root_device)
        # An ordinary network draws its dropout from the global stream, which is this seed's alone for the fit.
        alone = isinstance(module.network, OneSeed)
        start = time.perf_counter()
        with (
            global_stream(seeds[0], "dropout") if alone else contextlib.nullcontext(),
            warnings.catch_warnings(),
            _naming_the_operation(),
        ):
            # Between the releases of Lightning and PyTorch; nothing that a user could change.
            warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")
            _fit(trainer, module, batches, validation)
            seconds = (time.perf_counter() - start) / len(seeds)
            trainer.test(module, dataloaders=test, verbose=False)
        return [
            _result(module, position, seed, int(selection.chosen[position]), seconds)
            for position, seed in enumerate(seeds)
        ]

    # ---- parts ---------------------------------------------------------------------------------------------------

    def _module(
        self, data: Sequence[SeedData], device: torch.device
    ) -> tuple[StackedModule, ShuffledBatches, FixedBatches, FixedBatches]:
        seeds = [item.seed for item in data]
        network = build_stacked(self.network, seeds)
        if network is None:
            raise ValueError("a network without a stacked form trains one seed at a time")
        rows = _joined(self.table, data)
        weights = [item.resampled.class_weights for item in data if item.resampled.class_weights is not None]
        module = self._task(
            network,
            self._optimizer,
            features=rows.features,
            labels=rows.labels,
            class_weights=torch.from_numpy(np.stack(weights)) if weights else None,
            minority=self.table.minority if len(self.table.classes) == 2 else None,
            seeds=len(seeds),
            clip_norm=self.settings["gradient_clip_val"],
        )
        size, steps = self.settings["batch_size"], self.settings["steps_per_chunk"]
        return (
            module,
            ShuffledBatches(rows.train, seeds, batch_size=size, steps_per_chunk=steps, device=device),
            FixedBatches(rows.val, batch_size=max(size, 1024), device=device),
            FixedBatches(rows.test, batch_size=max(size, 1024), device=device),
        )

    def _lightning(self, device: int | None = None, **extra: Any) -> pl.Trainer:
        settings = {key: value for key, value in self.settings.items() if key not in OWN_SETTINGS}
        for key in settings:
            if key not in LIGHTNING_ARGUMENTS:
                raise ConfigError(
                    f"trainer.{key}: no such setting, or one that stacked training does not honour: "
                    f"{near_misses(key, [*OWN_SETTINGS, *LIGHTNING_ARGUMENTS])}"
                )
        settings |= devices.lightning_settings(self.settings, device)
        try:
            return pl.Trainer(**{**LIGHTNING_SETTINGS, "logger": False, **settings, **extra})
        except (ValueError, TypeError, MisconfigurationException) as error:
            raise ConfigError(f"trainer: pytorch_lightning.Trainer refuses these settings: {error}") from error

    # ---- checks: each part is built or tried once, so that what is wrong is found before any training --------------

    def _check(self) -> None:
        try:
            with global_stream(0, "trial"):
                parameters = list(self.network().parameters())
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigError(f"model: cannot build {self._target('model')}: {error}") from error
        try:
            self._optimizer(parameters)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigError(f"optimizer: cannot build {self._target('optimizer')}: {error}") from error
        self._lightning()
        self._check_stacking()
        self._check_own_metrics()

    def _check_stacking(self) -> None:
        try:
            difference = stacking_error(self.network, self.table.width)
        except (TypeError, ValueError, RuntimeError, IndexError) as error:
            raise ConfigError(f"model: {self._target('model')} cannot be stacked: {error}. {NOT_STACKABLE}") from error
        if not difference < 1e-3:
            raise ConfigError(
                f"model: a stack of {self._target('model')} gives other values than the same networks alone (relative "
                f"difference {difference:.2g}). {NOT_STACKABLE}"
            )

    def _check_own_metrics(self) -> None:
        own = getattr(self._task, "keywords", {}).get("own_metrics") or {}
        classes = len(self.table.classes)
        scores = torch.linspace(0, 1, 4 * classes * classes, dtype=torch.float64).view(-1, classes).softmax(-1)
        labels = torch.arange(len(scores)) % classes
        for name, metric in own.items():
            try:
                float(metric["function"](scores, labels))
            except Exception as error:
                raise ConfigError(
                    f"task.own_metrics.{name}: the function fails on probabilities {tuple(scores.shape)} and labels "
                    f"{tuple(labels.shape)} ({type(error).__name__}: {error}). It must give one number."
                ) from error

    def _target(self, node: str) -> Any:
        return self.config[node].get("_target_")


def _fit(trainer: pl.Trainer, module: StackedModule, batches: ShuffledBatches, validation: FixedBatches) -> None:
    """Lightning answers an interrupt by ``exit(1)``: make it the interrupt again that the user meant."""
    try:
        trainer.fit(module, train_dataloaders=batches, val_dataloaders=validation)
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise


@dataclass(frozen=True)
class StackRows:
    """All rows of a stack in one place, and where each seed's rows stand in it."""

    features: Tensor
    """(R, F)."""
    labels: Tensor
    """(R,)."""
    train: list[np.ndarray]
    val: list[np.ndarray]
    test: list[np.ndarray]


def _joined(table: Table, data: Sequence[SeedData]) -> StackRows:
    """The table's rows, once or as each seed sees them, then the new rows of each seed."""
    own = [item.features for item in data if item.features is not None]
    features: list[np.ndarray] = own or [table.features]
    labels, count = [table.labels] * len(features), len(features) * len(table.labels)
    train, val, test = [], [], []
    for position, item in enumerate(data):
        first = position * len(table.labels) if own else 0
        chosen = item.rows.train[item.resampled.source] + first
        if item.resampled.features is not None and item.resampled.labels is not None:
            new = len(item.resampled.labels)
            chosen = np.concatenate([chosen, np.arange(count, count + new)])
            features.append(item.resampled.features.astype(np.float32, copy=False))
            labels.append(item.resampled.labels.astype(np.int64, copy=False))
            count += new
        train.append(chosen)
        val.append(item.rows.val + first)
        test.append(item.rows.test + first)
    joined = torch.from_numpy(np.concatenate(features)), torch.from_numpy(np.concatenate(labels))
    return StackRows(*joined, train, val, test)


@contextlib.contextmanager
def _naming_the_operation() -> Iterator[None]:
    """Under ``trainer.deterministic=true`` PyTorch refuses operations that have no deterministic form."""
    try:
        yield
    except RuntimeError as error:
        if "does not have a deterministic implementation" not in str(error):
            raise
        raise ConfigError(
            f"trainer.deterministic=true: {str(error).split(', but you set')[0]}. Set trainer.deterministic=warn to "
            "train on with a warning, or take a network without that operation."
        ) from error


def curve_points(history: Sequence[Mapping[str, np.ndarray]], position: int, first: int = 0) -> CurvePoints:
    """One seed's curves from epoch ``first`` on, without the epochs in which it no longer trained."""
    return [
        (name, epoch, float(values[position]))
        for epoch, metrics in enumerate(history)
        if epoch >= first
        for name, values in metrics.items()
        if np.isfinite(values[position])
    ]


def _result(module: StackedModule, position: int, seed: int, epoch: int, seconds: float) -> SeedResult:
    finals = {name: float(values[position]) for name, values in module.test_metrics.items()}
    diverged = position in module.diverged_at or not np.isfinite(finals["test/loss"])
    # A metric that these rows do not define, such as AUROC on one class, is left out.
    finals = {name: value for name, value in finals.items() if np.isfinite(value)}
    return SeedResult(
        seed=seed,
        outcome="diverged" if diverged else "ok",
        epoch=epoch,
        curves=curve_points(module.history, position),
        metrics={} if diverged else {**finals, SECONDS: seconds},
        weights=module.network.plain_state(position),
    )
