"""The progress of a stack under Lightning."""

from __future__ import annotations

import pytorch_lightning as pl

from seedbed.training.progress import Display


class EpochProgress(pl.Callback):
    """Tells the display after every epoch of a stack; what early stopping saves counts as done."""

    def __init__(self, display: Display, variant: str, epochs: int, seeds: int) -> None:
        self.display, self.variant, self.epochs, self.seeds = display, variant, epochs, seeds
        self._done = 0

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.display.at(self.variant, trainer.current_epoch + 1, self.epochs, self.seeds, 0)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._done += 1
        self.display.at(self.variant, trainer.current_epoch + 1, self.epochs, self.seeds, self.seeds)

    def on_fit_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.display.at(self.variant, self._done, self.epochs, self.seeds, (self.epochs - self._done) * self.seeds)
