"""Per seed (Lightning's own callbacks watch one scalar): early stopping, the best epoch, and the range test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
from torch import Tensor

from seedbed.lr_finder import LossCurve
from seedbed.metrics import Metric
from seedbed.stacking.batches import Chunk
from seedbed.stacking.module import StackedModule


class SeedSelection(pl.Callback):
    """Watches a validation metric per seed: keeps each seed's best weights, and stops a seed that no longer improves, or has no steps left.

    ``rule`` is ``last`` (keep the weights of the last epoch) or ``best`` (put each seed's best epoch back after the
    fit). ``patience`` is the number of epochs without improvement after which a seed takes no further step; None
    never stops one. An epoch in which the metric is NaN, or infinitely good, is never the best, and does not count for ``patience``. ``chosen``
    holds the epoch (from 0) whose weights each seed ends with, -1 where none could be chosen.
    """

    def __init__(self, *, rule: str, monitor: str, metric: Metric, patience: int | None, seeds: int) -> None:
        """``metric`` is what is declared of ``monitor``."""
        self.rule, self.monitor, self.metric, self.patience = rule, monitor, metric, patience
        self.best = np.full(seeds, np.inf)
        self.best_epoch = np.full(seeds, -1)
        self.last_epoch = np.full(seeds, -1)
        self.since_best = np.zeros(seeds, dtype=int)
        """Epochs with a value that was no improvement."""
        self._states: dict[int, dict[str, Tensor]] = {}

    @property
    def chosen(self) -> np.ndarray:
        return self.best_epoch if self.rule == "best" else self.last_epoch

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        task = cast(StackedModule, module)
        if trainer.sanity_checking or not task.history:
            return
        epoch = trainer.current_epoch
        value = self.metric.cost(task.history[-1][self.monitor])
        undefined = np.isnan(value) | np.isneginf(value)  # a seed that rests has NaN; no metric is infinitely good
        better = (value < self.best) & ~undefined
        self.last_epoch[task.running] = epoch
        self.best[better], self.best_epoch[better] = value[better], epoch
        self.since_best = np.where(better, 0, self.since_best + ~undefined)
        if self.rule == "best":
            for position in np.flatnonzero(better):
                self._states[int(position)] = task.state_at_end(int(position))
        if self.patience is not None:
            task.running &= self.since_best < self.patience
        task.running &= task.have_steps_after(epoch + 1)
        if not task.running.any():
            trainer.should_stop = True

    def on_fit_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        task = cast(StackedModule, module)
        for position, state in self._states.items():
            task.network.load_seed_state(position, state)
        self._states = {}


class RangeWatch(pl.Callback):
    """Range-test watch on chunks of one step: records each seed's loss, and rests a seed that has diverged or seen all rates.

    The fit ends when all seeds rest.
    """

    def __init__(self, curves: Sequence[LossCurve], steps: int, progress: Callable[[int], None] | None = None) -> None:
        """``progress`` is told after each step how many seeds have taken it."""
        self.curves, self.steps, self.progress = curves, steps, progress

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Chunk, batch_idx: int
    ) -> None:
        task = cast(StackedModule, module)
        losses, done = task.latest.tolist(), np.zeros(task.seeds, dtype=bool)
        stepped = np.flatnonzero(task.running & (batch.host_counts[0] > 0)).tolist()
        for position in stepped:
            curve = self.curves[position]
            curve.add(losses[position])
            done[position] = curve.diverged or curve.steps == self.steps
        if done.any():
            task.rest(done)
            trainer.should_stop = not task.running.any()
        if self.progress is not None:
            self.progress(len(stepped))
