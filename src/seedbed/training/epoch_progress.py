"""How far a stack is under Lightning: the epochs that are done, and the curves as far as they go."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

import pytorch_lightning as pl

from seedbed.stacking.module import StackedModule
from seedbed.training.progress import Display
from seedbed.training.seed_results import CurvePoints, curve_points

SECONDS_BETWEEN_FLUSHES = 15.0


class EpochProgress(pl.Callback):
    """Says after every epoch of a stack how many are done; what early stopping saves counts as done."""

    def __init__(self, say: Callable[[int], None], epochs: int) -> None:
        self.say, self.epochs = say, epochs

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.say(trainer.current_epoch + 1)

    def on_fit_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.say(self.epochs)


class ShownStack:
    """A stack on the display."""

    def __init__(self, display: Display, variant: str, epochs: int, seeds: int) -> None:
        self.display, self.variant, self.epochs, self.seeds = display, variant, epochs, seeds
        self._done = 0
        self.done(0)

    def hear(self, tests: int | None, epochs: int) -> None:
        """Show what another process says that trains it: that it is at these range tests or, where it says none, that epochs are done."""
        if tests is None:
            self.done(epochs)
        else:
            self.tests(tests)

    def tests(self, seeds: int) -> None:
        """Show that so many seeds have found their learning rates."""
        self.display.at(self.variant, seeds + 1, self.seeds, self.seeds, 0, "range test")

    def done(self, epochs: int) -> None:
        """Show that so many epochs are done."""
        self.display.at(
            self.variant, min(epochs + 1, self.epochs), self.epochs, self.seeds, (epochs - self._done) * self.seeds
        )
        self._done = epochs


class CurveRecorder(pl.Callback):
    """Gives the curves of long fits to ``record`` now and then, so that the UI shows them while they grow."""

    def __init__(self, record: Callable[[list[CurvePoints]], None]) -> None:
        self.record = record
        self._given = 0
        self._last = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if time.monotonic() - self._last < SECONDS_BETWEEN_FLUSHES:
            return
        task = cast(StackedModule, module)
        self.record([curve_points(task.history, position, self._given) for position in range(task.seeds)])
        self._given, self._last = len(task.history), time.monotonic()
