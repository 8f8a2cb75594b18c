"""Trains one stack of seeds of a variant: rows, network, ``Trainer.fit``, ``Trainer.test``, one record a seed."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import psutil
import pytorch_lightning as pl
import torch
from hydra.utils import get_class
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn

from seedbed.config.building import build
from seedbed.config.lightning_modules import is_lightning_module, refuse_as_network
from seedbed.config.trainer import OWN_SETTINGS, check_keys
from seedbed.data.splits import Rows
from seedbed.data.table import Dataset
from seedbed.errors import ConfigError, DataError, without_addresses
from seedbed.lr_finder import AUTO, FinderSettings, LossCurve, RangeTest, RisingRates
from seedbed.metrics import by_name, find
from seedbed.models.baselines import Fitted
from seedbed.models.building import build_network
from seedbed.randomness import global_stream, isolated_streams
from seedbed.results import LR, SECONDS
from seedbed.schedules import Schedule
from seedbed.stacking.batches import FixedBatches, ShuffledBatches
from seedbed.stacking.callbacks import RangeWatch, SeedSelection
from seedbed.stacking.layers import OneSeed, Stacked, stacking_error
from seedbed.stacking.layers import build as build_stacked
from seedbed.stacking.measure import fastest_stack, is_worth_measuring
from seedbed.stacking.module import StackedModule
from seedbed.stacking.optimizers import is_elementwise, is_row_sparse
from seedbed.stacking.single_rows import Refused, refusal_of_one_row
from seedbed.tasks.base import SMALLEST_BATCH, SeedData, StackData, Task
from seedbed.training import devices
from seedbed.training.one_process import one_process_trainer

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
    "Its forward must count axes from the end (dim=-1, flatten(-3)) and mix no rows; or derive the class from torch.nn.Module: then its "
    "seeds train one at a time."
)
# What a seed of a stack takes beside the data: weights, gradients, two moments, the first weights of this epoch and the
# last, those of the best one and of the network it was made from; numbers of its rows in their order, and what is kept
# of an evaluated row.
COPIES_OF_PARAMETERS = 8
BYTES_OF_A_ROW = 32
EVALUATED_AT_ONCE = 1024
"""Rows of a seed at most, or ``trainer.batch_size`` where that is more."""
EVALUATED_BYTES = 2**22
"""What the inputs of all seeds may take then: a convolution makes several times as much of them, and memory that is asked
of the system anew for each batch costs more than the arithmetic."""
MOST_ROWS_PADDED = 10**6
"""Rows of a batch that may be padding."""
ROWS_TRIED = 5
"""Made-up rows on which a network is tried."""
CurvePoints = list[tuple[str, int, float]]
"""Metric, epoch, value."""
# Stack sizes found by measurement in this process, by what decides the time of a step.
_MEASURED: dict[str, int] = {}
# Whether a network has a stacked form, of networks whose stack was found to give what they give alone: a search plans the
# same network for every trial.
_STACKABLE: dict[str, bool] = {}
# Lightning says at every Trainer which devices there are; what a run needs to say is said by the runner.
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
# But what a profiler reports was asked for, by trainer.profiler.
logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)


@dataclass(frozen=True)
class FoundRate:
    """The learning rate that a seed's own range test has suggested, or why it is ``lr_finder.fallback``."""

    lr: float
    why_fallback: str
    """"" where it is none."""
    seconds: float
    """That it took to find."""


@dataclass(frozen=True)
class SeedResult:
    """One cell's result; ``weights`` is an ordinary network's state."""

    seed: int
    outcome: str
    epoch: int
    curves: CurvePoints
    metrics: dict[str, float]
    weights: dict[str, Tensor]
    found: FoundRate | None = None
    """Under ``optimizer.lr=auto``."""
    error: str = ""
    """Why the result cannot be used though the seed was trained; "" where it can."""


def task_class(config: Mapping[str, Any]) -> type[Task]:
    """The class that the config's ``task._target_`` names."""
    return cast(type[Task], get_class(config["task"]["_target_"]))


def watched_by(config: Mapping[str, Any]) -> str | None:
    """The setting for which ``monitor`` is watched; None where it decides nothing."""
    if config["select"] == "best":
        return "select=best"
    return None if config["patience"] is None else f"patience={config['patience']}"


class StackTrainer:
    """Trains the seeds of one variant, as many at once as ``trainer.seeds_at_once`` says."""

    def __init__(self, config: Mapping[str, Any], table: Dataset) -> None:
        self.config, self.table = config, table
        self.settings: dict[str, Any] = dict(config["trainer"])
        self._network: Callable[..., nn.Module] = build(config["model"], "model")
        self.task = task_class(config)
        self._task: Callable[..., StackedModule] = build(config["task"], "task")
        self._task_settings: dict[str, Any] = getattr(self._task, "keywords", {})
        optimizer = dict(config["optimizer"])
        self.finds_lr = optimizer.get("lr") == AUTO
        """Whether each seed trains with the learning rate that its own range test suggests."""
        if self.finds_lr:
            optimizer["lr"] = FinderSettings.of(config).fallback  # until then
        self._optimizer: Callable[..., torch.optim.Optimizer] = build(optimizer, "optimizer")
        self._schedule: Schedule | None = build(config["schedule"], "schedule") if config.get("schedule") else None
        self.notes: tuple[str, ...] = ()
        """What a user should know of how the network is used."""
        self._check()

    def network(self) -> nn.Module:
        """One ordinary network for the table; it is told what it asks for by the names of its arguments."""
        return build_network(self._network, self.task.network_arguments(self.table))

    @property
    def seeds_in_memory(self) -> int | None:
        """How many seeds' rows to hold at a time, None for all: rows that are prepared for each seed add up."""
        of_a_seed = self.task.bytes_of_a_seed(self.table)
        return max(1, int(0.5 * psutil.virtual_memory().available / of_a_seed)) if of_a_seed else None

    def seeds_at_once(self, data: Sequence[SeedData]) -> int:
        """How many of these seeds to stack: as set, or measured; 1 where the network has no stacked form."""
        seeds = [item.seed for item in data]
        wanted = self.settings["seeds_at_once"]
        if len(seeds) == 1 or not self.is_stackable:
            return 1
        if wanted != "auto":
            return min(int(wanted), len(seeds))
        device = devices.torch_device(self.settings)
        seeds = seeds[: self._that_fit(data[0], device)]
        if len(seeds) == 1:
            return 1
        # The sampling of rows does not matter for the time of a step, so that one measurement serves all variants.
        arguments = self.task.network_arguments(self.table)
        # Nor do learning rate and decay, of which a search tries many.
        optimizer = {key: value for key, value in self.config["optimizer"].items() if not isinstance(value, float)}
        settings = {key: value for key, value in self.settings.items() if key != "max_epochs"}
        shape = [self.config["model"], self.config["task"], optimizer, settings, repr(arguments), len(seeds)]
        key = json.dumps(shape, sort_keys=True)
        if key not in _MEASURED:
            if not is_worth_measuring(len(seeds), self._steps(data[0])):
                return len(seeds)
            by_seed = {item.seed: item for item in data}

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
        if self._is_fitted:
            return [self._fitted(item) for item in data]
        seeds = [item.seed for item in data]
        selection = SeedSelection(
            rule=self.config["select"],
            monitor=self.config["monitor"],
            metric=find(by_name(self.task.declared_metrics(self._task_settings)), self.config["monitor"]),
            patience=self.config["patience"],
            seeds=len(seeds),
        )
        found = [self._found(item, device) for item in data] if self.finds_lr else None
        with self._lightning(device, callbacks=[selection, *callbacks], logger=logger) as trainer:
            module, batches, validation, test = self._module(data, trainer.strategy.root_device)
            module.lrs = None if found is None else [rate.lr for rate in found]
            alone = isinstance(module.network, OneSeed)
            start = time.perf_counter()
            with _fitting(seeds[0] if alone else None):
                _fit(trainer, module, batches, validation)
                seconds = (time.perf_counter() - start) / len(seeds)
                if len(test):
                    trainer.test(module, dataloaders=test, verbose=False)
        results = [
            _result(
                module, position, seed, int(selection.chosen[position]), seconds, found[position] if found else None
            )
            for position, seed in enumerate(seeds)
        ]
        return [
            result
            if watched_by(self.config) is None or result.outcome == "diverged" or selection.best_epoch[position] >= 0
            else replace(result, error=self._never_a_value(data[position].rows))
            for position, result in enumerate(results)
        ]

    def _never_a_value(self, rows: Rows) -> str:
        monitor = self.config["monitor"]
        metric = monitor.partition("/")[2]
        why = self.task.why_undefined(self.table, rows, "val", metric, self._task_settings)
        return (
            f"monitor={monitor} ({watched_by(self.config)}) has no value after any epoch: "
            f"{why or 'it was NaN or infinite every time'}. Watch another metric, such as monitor=val/loss, or change the split."
        )

    def range_test(
        self, data: Sequence[SeedData], device: int | None = None, progress: Callable[[int], None] | None = None
    ) -> list[RangeTest]:
        """A learning-rate range test of these seeds as one stack, by the config's ``lr_finder``.

        Copies train, on the batches of their seeds' first epochs, with the config's optimizer and without its schedule;
        nothing is left of them. ``progress`` is told after each step how many seeds have taken it. Raises ``ConfigError`` for a model that takes no steps, and for settings that cannot work.
        """
        self.check_range_test()
        settings = FinderSettings.of(self.config)
        rates, seeds = settings.rates(), [item.seed for item in data]
        curves = [LossCurve(settings.smoothing, settings.stop_at) for _ in seeds]
        tested = copy.copy(self)
        # One step a chunk, so that a seed can rest after any of them.
        tested._schedule, tested.settings = RisingRates(rates), {**self.settings, "steps_per_chunk": 1}
        watch = RangeWatch(curves, len(rates), progress)
        # Every epoch has a step of each seed at least.
        lightning = self._lightning(device, callbacks=[watch], max_epochs=len(rates), limit_val_batches=0)
        with isolated_streams(), lightning as trainer:
            module, batches, validation, _ = tested._module(data, trainer.strategy.root_device)
            with _fitting(seeds[0] if isinstance(module.network, OneSeed) else None):
                _fit(trainer, module, batches, validation)
        return [RangeTest.of(seed, settings, curve) for seed, curve in zip(seeds, curves, strict=True)]

    def _found(self, data: SeedData, device: int | None) -> FoundRate:
        """What one seed finds by itself: in a stack, where sums are rounded otherwise, a rule may choose another rate."""
        settings, start = FinderSettings.of(self.config), time.perf_counter()
        (test,) = self.range_test([data], device)
        lr, seconds = test.suggestion(settings.rule), time.perf_counter() - start
        if lr is None:
            return FoundRate(settings.fallback, test.why_no_suggestion(settings.rule), seconds)
        return FoundRate(lr, "", seconds)

    def _fitted(self, data: SeedData) -> SeedResult:
        """A model that is computed from the training rows: what it measures then is its first and only epoch."""
        start = time.perf_counter()
        network = self.network()
        assert isinstance(network, Fitted)
        self.task.fit(network, self.table, data)
        seconds = time.perf_counter() - start
        module, _, validation, test = self._module([data], torch.device("cpu"), OneSeed(network))
        module.eval()
        with torch.inference_mode():
            module.history.append({f"val/{name}": values for name, values in module.measured(validation).items()})
            if len(test):
                module.test_metrics = {f"test/{name}": values for name, values in module.measured(test).items()}
        return _result(module, 0, data.seed, 0, seconds)

    def _steps(self, data: SeedData) -> int:
        """Optimizer steps of a seed in all its epochs."""
        batches = self._batches(self.task.stack_data(self.table, [data]), [data.seed], torch.device("cpu"))
        return int(self.settings["max_epochs"]) * batches.steps

    def _that_fit(self, data: SeedData, device: torch.device) -> int:
        """How many seeds like this one fit into half of the memory that is free to the device."""
        with global_stream(0, "trial"):
            parameters = sum(parameter.nbytes for parameter in self.network().parameters())
        rows = sum(len(side) for side in (data.rows.train, data.rows.val, data.rows.test))
        of_a_seed = COPIES_OF_PARAMETERS * parameters + BYTES_OF_A_ROW * rows
        if device.type == "cuda":
            kept_by_pytorch = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
            free = torch.cuda.mem_get_info(device)[0] + kept_by_pytorch
        else:
            free = psutil.virtual_memory().available // len(devices.numbers(self.settings))
        return max(1, int(0.5 * free / of_a_seed))

    # ---- parts ---------------------------------------------------------------------------------------------------

    def _module(
        self, data: Sequence[SeedData], device: torch.device, network: Stacked | None = None
    ) -> tuple[StackedModule, ShuffledBatches, FixedBatches, FixedBatches]:
        seeds = [item.seed for item in data]
        network = network or build_stacked(self.network, seeds, plain=not self._elementwise)
        if network is None:
            raise ValueError("a network without a stacked form trains one seed at a time")
        rows = self.task.stack_data(self.table, data)
        evaluated_at_once = self._evaluated_at_once(len(seeds))
        batches = self._batches(rows, seeds, device)
        smallest = self._smallest(self._refused_evaluating)
        module = self._task(
            network,
            self._optimizer,
            **rows.arguments,
            seeds=len(seeds),
            clip_norm=self.settings["gradient_clip_val"],
            schedule=self._schedule,
            epochs=self.settings["max_epochs"],
            steps_per_epoch=batches.steps_of_seeds,
        )
        return (
            module,
            batches,
            FixedBatches(
                rows.val, batch_size=evaluated_at_once, device=device, draw=rows.draw("val"), smallest=smallest
            ),
            FixedBatches(rows.test, batch_size=evaluated_at_once, device=device, smallest=smallest),
        )

    def _batches(self, rows: StackData, seeds: Sequence[int], device: torch.device) -> ShuffledBatches:
        settings = {**self._task_settings, **self.settings, SMALLEST_BATCH: self._smallest(self._refused_training)}
        batches = self.task.batches(rows, seeds, settings, device)
        if min(batches.steps_of_seeds) == 0:
            seed = seeds[int(np.argmin(batches.steps_of_seeds))]
            raise ConfigError(
                f"Seed {seed} has a single row to train on. {self._needs_two_rows(self._refused_training)}"
            )
        return batches

    @staticmethod
    def _smallest(refused: Refused | None) -> int:
        """Rows of the smallest batch that the network can take."""
        return 1 if refused is None else 2

    def _evaluated_at_once(self, seeds: int) -> int:
        """Rows of each seed of a stack that are evaluated at once."""
        of_a_row = sum(part.nbytes for part in self.task.example(self.table, 1, torch.Generator()))
        return max(self.settings["batch_size"] or 1, min(EVALUATED_AT_ONCE, EVALUATED_BYTES // (seeds * of_a_row)))

    @contextlib.contextmanager
    def _lightning(self, device: int | None = None, **extra: Any) -> Iterator[pl.Trainer]:
        check_keys(self.settings)
        settings = {key: value for key, value in self.settings.items() if key not in OWN_SETTINGS}
        settings |= devices.lightning_settings(self.settings, device)
        arguments = {**LIGHTNING_SETTINGS, "logger": False, **settings, **extra}
        with contextlib.ExitStack() as stack:
            try:
                trainer = stack.enter_context(one_process_trainer(**arguments))
            except (ValueError, TypeError, MisconfigurationException) as error:
                raise ConfigError(f"trainer: pytorch_lightning.Trainer refuses these settings: {error}") from error
            yield trainer

    # ---- checks: each part is built or tried once, so that what is wrong is found before any training --------------

    def _check(self) -> None:
        try:
            with global_stream(0, "trial"), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Initializing zero-element")  # refused below
                network = self.network()
        except (ConfigError, DataError):
            raise
        except Exception as error:  # the network may be a user's, and raise anything
            raise ConfigError(f"model: cannot build {self._target('model')}: {_why(error)}") from error
        refuse_as_network(type(network), self._target("model"))
        _refuse_no_network(network, self._target("model"))
        self.notes = tuple(_parts_used_by_forward_alone(network, self._target("model")))
        self._check_batch_size()
        self.task.check_settings(self.table, self._task_settings)
        self.task.check_network(network, self._task_settings)
        self._is_fitted = isinstance(network, Fitted)
        self._elementwise = False
        self._refused_training: Refused | None = None
        self._refused_evaluating: Refused | None = None
        if not self._is_fitted:
            self._check_training(list(network.parameters()))
            self._check_one_row(network)
            self._check_output(network)

    def _check_one_row(self, network: nn.Module) -> None:
        """What the network does with a batch of one row, in training and in evaluation."""
        if self.task.FULL_BATCH:
            return

        def inputs(rows: int) -> tuple[Tensor, ...]:
            return self.task.example(self.table, rows, torch.Generator().manual_seed(rows))

        with global_stream(0, "trial"):
            self._refused_training = refusal_of_one_row(network, inputs, training=True)
            self._refused_evaluating = refusal_of_one_row(network, inputs, training=False)
        refused = self._refused_training
        if refused is not None and refused.always:
            raise ConfigError(
                f"model: {self._target('model')} {refused.why}, whatever the batch. Give it more values, or take "
                "another norm, such as torch.nn.LayerNorm."
            )
        if refused is not None and self.settings["batch_size"] == 1:
            raise ConfigError(f"trainer.batch_size=1: {self._needs_two_rows(refused)}")

    def _check_output(self, network: nn.Module) -> None:
        """What the network gives is of the task's shape and hangs on its weights; one that fails here is not judged."""
        wanted = self.task.output_shape(self.table, ROWS_TRIED)
        if wanted is None:
            return
        try:
            with global_stream(0, "trial"):
                given = network.eval()(*self.task.example(self.table, ROWS_TRIED, torch.Generator().manual_seed(0)))
        except Exception:  # of a user's code on made-up rows
            return
        target = self._target("model")
        shape = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
        if shape != wanted:
            raise ConfigError(
                f"model: {target} gives {shape} for {ROWS_TRIED} rows, and {self._target('task')} wants {wanted}. Let its "
                "forward return one tensor of that shape."
            )
        if not given.requires_grad:
            raise ConfigError(
                f"model: what {target} gives does not depend on weights that can be trained. Let its forward use them without "
                "detach() or no_grad(), and leave requires_grad=True to some of them."
            )

    def check_rows(self, rows: Mapping[int, Rows]) -> None:
        """Raise ``ConfigError`` where a batch is far larger than the training rows; or where a side of a seed is a single
        row, and the network needs two of them.
        """
        size, most = self.settings["batch_size"] or 1, max((len(of_seed.train) for of_seed in rows.values()), default=0)
        if size > max(MOST_ROWS_PADDED, 10 * most):
            raise ConfigError(
                f"trainer.batch_size={size}: there are {most} training rows, and memory would be taken for all {size} of a batch. "
                f"Give {most} for batches of all rows, or fewer."
            )
        for seed, of_seed in rows.items():
            for side in ("train", "val", "test"):
                refused = self._refused_training if side == "train" else self._refused_evaluating
                if refused is not None and len(getattr(of_seed, side)) == 1:
                    raise ConfigError(f"split: seed {seed} has a single {side} row. {self._needs_two_rows(refused)}")

    def _needs_two_rows(self, refused: Refused | None) -> str:
        assert refused is not None
        return (
            f"{self._target('model')} {refused.why}. Take batches of two rows or more, and rows enough for one; or another "
            "network, such as one with torch.nn.LayerNorm."
        )

    def note_on_single_rows(self, rows: Mapping[int, int] | None) -> list[str]:
        """What is done about a last batch of one row, where there is one; ``rows`` by seed, None: not known yet."""
        size = self.settings["batch_size"]
        if self._refused_training is None:
            return []
        if rows is None:
            where = f"where a seed's resampled rows leave one of trainer.batch_size={size}"
        elif not (seeds := [seed for seed, count in rows.items() if count % size == 1]):
            return []
        else:
            of = "every seed" if len(seeds) == len(rows) else f"{len(seeds)} of {len(rows)} seeds"
            where = f"here under {of}: {rows[seeds[0]]} training rows under seed {seeds[0]}, trainer.batch_size={size}"
        return [
            f"{self._target('model')} {self._refused_training.why}: a last batch of a single row ({where}) is left out of its "
            "epoch. Rows are shuffled anew for every epoch, so that another row is left out each time."
        ]

    def _check_training(self, parameters: list[nn.Parameter]) -> None:
        if not parameters:
            raise ConfigError(f"model: {self._target('model')} has no weights, so that there is nothing to train.")
        try:
            optimizer = self._optimizer(parameters)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigError(f"optimizer: cannot build {self._target('optimizer')}: {error}") from error
        if isinstance(optimizer, torch.optim.LBFGS):
            raise ConfigError(
                "optimizer: LBFGS evaluates the loss several times a step, which stacked training does not do. Take "
                "another, such as optimizer=adamw."
            )
        self._elementwise = is_elementwise(optimizer)
        if is_row_sparse(optimizer) and self.settings["gradient_clip_val"] is not None:
            raise ConfigError(
                f"trainer.gradient_clip_val={self.settings['gradient_clip_val']}: sparse gradients, as "
                f"{self._target('optimizer')} takes them, are not clipped. Set it to null, or take optimizer=adamw."
            )
        # A check needs no GPU of its own, which the process that trains may be waiting for.
        with self._lightning(device=0 if self.settings["devices"] == devices.FREE else None):
            pass
        if self._schedule is not None:
            self._schedule.check(self.settings["max_epochs"])
            self._check_found_rate_is_used(self._schedule)
        self._check_stacking()
        if is_row_sparse(optimizer) and not self._has_stacked_form:
            raise ConfigError(
                f"optimizer: {self._target('optimizer')} moves single rows of stacked embeddings, and "
                f"{self._target('model')} has no stacked form. Take optimizer=adamw."
            )

    def _check_found_rate_is_used(self, schedule: Schedule) -> None:
        if self.finds_lr and schedule.own_rate:
            raise ConfigError(
                f"optimizer.lr={AUTO}: schedule.{schedule.own_rate} of {self._target('schedule')} gives other rates, so "
                "that those which are found would train nothing. Give optimizer.lr a number, or take a schedule that goes "
                "by it (schedule.max_lr=null, schedule=one_cycle)."
            )

    def check_range_test(self) -> None:
        """Raise ``ConfigError`` where there is no learning rate to find."""
        if not self.takes_steps:
            raise ConfigError(
                f"model: {self._target('model')} is computed from its training rows and takes no steps, so that it has no "
                "learning rate to find. Pick variants that train, with variant=NAME."
            )

    def _check_batch_size(self) -> None:
        size = self.settings["batch_size"]
        if self.task.FULL_BATCH and size is not None:
            raise ConfigError(
                f"trainer.batch_size={size}: a step of {self._target('task')} takes all training rows. Set it to null."
            )
        if not self.task.FULL_BATCH and size is None:
            raise ConfigError(
                f"trainer.batch_size=null: {self._target('task')} trains by batches. Give a whole number from 1 on."
            )

    @property
    def takes_steps(self) -> bool:
        """Whether its networks are trained, and not computed from the training rows."""
        return not self._is_fitted

    @property
    def is_stackable(self) -> bool:
        """Whether several seeds can be trained at once."""
        return not self._is_fitted and self._elementwise and self._has_stacked_form

    @property
    def _has_stacked_form(self) -> bool:
        return _STACKABLE[self._network_key]

    @property
    def _network_key(self) -> str:
        parts = [self.config["model"], self.config["task"], self.table.digest]
        return json.dumps([*parts, repr(self.task.network_arguments(self.table))], sort_keys=True, default=str)

    def _check_stacking(self) -> None:
        if self._network_key in _STACKABLE:
            return
        try:
            difference = stacking_error(self.network, lambda draw: self.task.example(self.table, ROWS_TRIED, draw))
        except (TypeError, ValueError, RuntimeError, IndexError) as error:
            self._refuse_failing(error)
            raise ConfigError(
                f"model: {self._target('model')} cannot be stacked: {str(error).rstrip('.')}. {NOT_STACKABLE}"
            ) from error
        if not difference < 1e-3:
            raise ConfigError(
                f"model: a stack of {self._target('model')} gives other values than the same networks alone (relative "
                f"difference {difference:.2g}). {NOT_STACKABLE}"
            )
        _STACKABLE[self._network_key] = build_stacked(self.network, (0, 1)) is not None

    def _refuse_failing(self, error: Exception) -> None:
        """Raise ``ConfigError`` where a single network fails as its stack did: other counting of axes would not mend that."""
        try:
            with global_stream(0, "trial"), torch.no_grad():
                self.network().eval()(*self.task.example(self.table, ROWS_TRIED, torch.Generator().manual_seed(0)))
        except Exception as alone:
            raise ConfigError(
                f"model: {self._target('model')} fails on {ROWS_TRIED} rows of the shape that these data have: {_why(alone).rstrip('.')}. "
                "Mend its layers or its forward."
            ) from error

    def _target(self, node: str) -> Any:
        return self.config[node].get("_target_")


def _why(error: Exception) -> str:
    """What an error of a user's code says; its kind, too, where that alone says little, as a ``KeyError`` of a name."""
    said = without_addresses(" ".join(str(error).split()))
    # PyTorch says in many ways that a size is beyond the memory, or beyond any.
    if isinstance(error, MemoryError | OverflowError) or re.search(r"allocat|[Oo]verflow", said):
        return "one network alone needs more memory than this machine has. Give its layers smaller sizes."
    return (
        said if said and isinstance(error, TypeError | ValueError | RuntimeError) else f"{type(error).__name__}: {said}"
    )


def _refuse_no_network(network: Any, target: Any) -> None:
    """Raise ``ConfigError`` where what was built is no network, or one with a layer that has no units or no size yet."""
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f"model._target_: {target} gives {type(network).__name__}, which is no network. Name a class derived from "
            "torch.nn.Module, or a function that returns one."
        )
    for name, weight in network.named_parameters():
        if isinstance(weight, nn.UninitializedParameter):
            raise ConfigError(
                f"model: {target} has a weight {name} whose size its first batch would say. seedbed needs all sizes when the "
                "network is built: take in_features and out_features, and torch.nn.Linear in place of torch.nn.LazyLinear."
            )
        if weight.numel() == 0:
            raise ConfigError(
                f"model: {target} has a layer without units: its weight {name} is of shape {tuple(weight.shape)}. Give sizes "
                "from 1 on."
            )


def _parts_used_by_forward_alone(network: nn.Module, target: Any) -> Iterator[str]:
    """A LightningModule inside a network is a layer like any other, as in PyTorch; that it trains itself would be a mistake."""
    for name, part in network.named_modules():
        if is_lightning_module(type(part)):
            yield (
                f"{target}: its part {name} ({type(part).__name__}) is a LightningModule, of which forward alone is used "
                "and not its training_step, configure_optimizers or hooks."
            )


def _fit(trainer: pl.Trainer, module: StackedModule, batches: ShuffledBatches, validation: FixedBatches) -> None:
    """Lightning answers an interrupt by ``exit(1)``: make it the interrupt again that the user meant."""
    try:
        trainer.fit(module, train_dataloaders=batches, val_dataloaders=validation)
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise


@contextlib.contextmanager
def _fitting(alone: int | None) -> Iterator[None]:
    """What every fit runs in; ``alone`` is the seed of an ordinary network, which draws its dropout from the global stream."""
    with (
        global_stream(alone, "dropout") if alone is not None else contextlib.nullcontext(),
        warnings.catch_warnings(),
        _naming_the_operation(),
    ):
        # Between the releases of Lightning and PyTorch; nothing that a user could change.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")
        yield


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


def _result(
    module: StackedModule, position: int, seed: int, epoch: int, seconds: float, found: FoundRate | None = None
) -> SeedResult:
    finals = {name: float(values[position]) for name, values in module.test_metrics.items()}
    # Without test rows, the last values of the validation's curves are the final ones.
    diverged = position in module.diverged_at or not np.isfinite(finals.get("test/loss", 0.0))
    # A metric that these rows do not define, such as AUROC on one class, is left out.
    finals = {name: value for name, value in finals.items() if np.isfinite(value)}
    return SeedResult(
        seed=seed,
        outcome="diverged" if diverged else "ok",
        epoch=epoch,
        curves=curve_points(module.history, position),
        metrics={}
        if diverged
        else {**finals, **({LR: found.lr} if found else {}), SECONDS: seconds + (found.seconds if found else 0)},
        weights=module.network.plain_state(position),
        found=found,
    )
