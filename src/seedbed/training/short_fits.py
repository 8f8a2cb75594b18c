"""How long the seeds of a variant train, and in how much memory: measured in a fit of a few steps, of which nothing is kept."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytorch_lightning as pl
import torch

from seedbed.recorded import SECONDS
from seedbed.tasks.base import SeedData
from seedbed.torch_random import isolated_streams
from seedbed.training import devices
from seedbed.training.memory import peak_memory
from seedbed.training.planned import PlannedVariant
from seedbed.training.range_tests import found_rate
from seedbed.training.seed_results import SeedResult
from seedbed.training.stack_size import deciding_time
from seedbed.training.stack_trainer import StackTrainer
from seedbed.training.stacks import StackBuilder

FIRST_STEPS = 2
"""Of the fit by which the length of the one that is measured is chosen; it pays for what is paid once in a process, too."""
SECONDS_OF_STEPS = 1.0
"""That the steps of the measured fit are to take."""


@dataclass(frozen=True)
class FitTimes:
    """Seconds of the parts of a fit of one stack."""

    seeds: int
    step: float
    """Of one optimizer step of all seeds."""
    validation: float
    """Of one pass over the validation rows."""
    epoch: float
    """Of an epoch beside steps and validation."""
    fit: float
    """Of a fit beside its epochs, as it is recorded of the seeds."""
    around: float
    """Of what comes before and after it: the stack, the test, the results."""
    first: float
    """What the first fit in a process takes beside all that."""
    memory: int
    """Bytes that this process had at most."""
    gpu_memory: int
    """Bytes that PyTorch had of a GPU at most; 0 on a CPU."""

    def recorded(self, epochs: int, steps: int) -> float:
        """Of a fit of so many epochs and steps in all of them, as it is recorded of the seeds together."""
        return self.fit + epochs * (self.epoch + self.validation) + steps * self.step


_MEASURED: dict[str, FitTimes] = {}


def fit_times(planned: PlannedVariant, data: SeedData, seeds: Sequence[int], threads: int) -> FitTimes:
    """Measured on a stack of ``seeds`` that all train on the rows of one, by so many of PyTorch's threads.

    One measurement serves all variants whose steps take equally long, whatever rows a strategy has made for them.
    """
    trainer = planned.trainer
    stack = [replace(data, seed=seed) for seed in seeds]
    rows = [len(data.rows.val), len(data.rows.test)]
    key = deciding_time(trainer.parts, len(seeds), rows, threads, trainer.builder.engine(stack), trainer.parts.finds_lr)
    if key not in _MEASURED:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            with isolated_streams():
                _MEASURED[key] = _measured(planned, stack)
        finally:
            torch.set_num_threads(before)
    return _MEASURED[key]


def seconds_of_fit(planned: PlannedVariant, data: SeedData) -> tuple[float, float, int]:
    """Seconds of the fit of one seed of a model that takes no steps, as it is recorded and with all around it; bytes at most."""
    start = time.perf_counter()
    with peak_memory() as memory, isolated_streams():
        (result,) = planned.trainer.train([data])
    return result.metrics.get(SECONDS, 0.0), time.perf_counter() - start, memory.bytes


# ---- one fit ---------------------------------------------------------------------------------------------------------


def _measured(planned: PlannedVariant, stack: Sequence[SeedData]) -> FitTimes:
    builder, trainer = planned.trainer.builder, planned.trainer
    untested = [replace(item, rows=replace(item.rows, test=item.rows.test[:0])) for item in stack]
    test = len(stack[0].rows.test) / max(len(stack[0].rows.val), 1)
    keeps = trainer.keeps_scores(stack)
    device = devices.torch_device(trainer.settings)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    whole = steps_of_epoch(builder, stack[0])
    with peak_memory() as memory:
        first = _timed(planned, untested, 1, min(FIRST_STEPS, whole))
        most = int(SECONDS_OF_STEPS / 2 / max(first.step, 1e-9))
        last = _timed(planned, untested, 2, min(whole, max(FIRST_STEPS, most)))
    rate = found_rate(builder, stack[0], None).seconds * len(stack) if trainer.parts.finds_lr else 0.0
    return FitTimes(
        seeds=len(stack),
        step=last.step,
        validation=last.validation,
        epoch=last.epoch,
        fit=last.fit + rate,
        around=last.around + last.validation * (test + (1 if keeps else 0)),
        first=max(0.0, first.fit + first.around - last.fit - last.around),
        memory=memory.bytes,
        gpu_memory=torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0,
    )


def steps_of_epoch(builder: StackBuilder, data: SeedData) -> int:
    """Optimizer steps of a seed in one epoch."""
    of_one = {**builder.parts.settings, "max_epochs": 1, "max_steps": None}
    return replace(builder, parts=replace(builder.parts, settings=of_one)).steps(data)


def _timed(planned: PlannedVariant, stack: Sequence[SeedData], epochs: int, steps: int) -> _Timed:
    """A fit of so many epochs of so many steps."""
    config, clock = _short(planned, stack, epochs, steps), _Clock()
    start = time.perf_counter()
    results: list[SeedResult] = StackTrainer(config, planned.table).train(stack, [clock])
    whole = time.perf_counter() - start
    recorded = sum(result.metrics.get(SECONDS, 0.0) for result in results) or clock.fit
    in_steps, validation, in_epochs = clock.steps[-1], clock.validations[-1], clock.epochs
    return _Timed(
        step=in_steps / steps,
        validation=validation,
        epoch=max(0.0, in_epochs[-1] - in_steps - validation),
        fit=max(0.0, recorded - sum(in_epochs)),
        around=max(0.0, whole - recorded),
    )


@dataclass(frozen=True)
class _Timed:
    step: float
    validation: float
    epoch: float
    fit: float
    around: float


def _short(planned: PlannedVariant, stack: Sequence[SeedData], epochs: int, steps: int) -> Mapping[str, Any]:
    """The variant's config for a fit of a few steps, without what would change or write something."""
    config, trainer = planned.variant.config, planned.trainer
    settings = {
        **{key: value for key, value in config["trainer"].items() if key not in ("max_steps", "profiler")},
        "max_epochs": epochs,
        "limit_train_batches": steps,
        "engine": trainer.builder.engine(stack),  # "auto" goes by the epochs
    }
    short = {**config, "trainer": settings, "schedule": None, "patience": None, "select": "last", "callbacks": {}}
    if trainer.parts.finds_lr:
        short["optimizer"] = {**config["optimizer"], "lr": float(config["lr_finder"]["fallback"])}
    return short


class _Clock(pl.Callback):
    """Times the parts of each epoch of a fit."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.validations: list[float] = []
        self.epochs: list[float] = []
        self.fit = 0.0

    def on_fit_start(self, *_: Any) -> None:
        self._fit = time.perf_counter()

    def on_fit_end(self, *_: Any) -> None:
        self.fit = time.perf_counter() - self._fit

    def on_train_epoch_start(self, *_: Any) -> None:
        self._epoch, self._stepping = time.perf_counter(), 0.0

    def on_train_batch_start(self, *_: Any) -> None:
        self._stepping = self._stepping or time.perf_counter()

    def on_validation_start(self, *_: Any) -> None:
        self._validating = time.perf_counter()
        self.steps.append(self._validating - self._stepping)

    def on_validation_end(self, *_: Any) -> None:
        self.validations.append(time.perf_counter() - self._validating)

    def on_train_epoch_end(self, *_: Any) -> None:
        self.epochs.append(time.perf_counter() - self._epoch)
