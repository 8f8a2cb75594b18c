"""Trains one stack of seeds of a variant: rows, network, ``Trainer.fit``, ``Trainer.test``, one result a seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from seedbed.compiled.starting import compile_steps
from seedbed.config.settings import TrackingSettings
from seedbed.data.splits import Rows
from seedbed.data.table import Dataset
from seedbed.imbalance.adjustment import Adjustment
from seedbed.metrics import by_name, find
from seedbed.models.estimators import FittedEstimator
from seedbed.models.fits import Fit, FittedOnce
from seedbed.models.fitted import FittedModel
from seedbed.stacking.callbacks import SeedSelection
from seedbed.stacking.layers import OneSeed
from seedbed.tasks.base import SeedData
from seedbed.training.callbacks import built_callbacks
from seedbed.training.checks import tried
from seedbed.training.fitting import fit, fitting, lightning_trainer
from seedbed.training.parts import VariantParts
from seedbed.training.range_tests import found_rate
from seedbed.training.seed_results import FoundRate, SeedResult
from seedbed.training.stacks import StackBuilder


def watched_by(config: Mapping[str, Any]) -> str | None:
    """The setting for which ``monitor`` is watched; None where it decides nothing."""
    if config["select"] == "best":
        return "select=best"
    return None if config["patience"] is None else f"patience={config['patience']}"


class StackTrainer:
    """Trains seeds of one variant, as one stack at a time."""

    def __init__(self, config: Mapping[str, Any], table: Dataset) -> None:
        """Build and try the variant's parts; raises ``ConfigError`` for what could not be trained."""
        self.config, self.table = config, table
        self.parts = VariantParts.of(config, table)
        self.traits = tried(self.parts)
        self.builder = StackBuilder(self.parts, self.traits)
        self.settings, self.task = self.parts.settings, self.parts.task

    def train(
        self,
        data: Sequence[SeedData],
        callbacks: Sequence[pl.Callback] = (),
        logger: Any = False,
        device: int | None = None,
        tests: Callable[[int], None] = lambda seeds: None,
    ) -> list[SeedResult]:
        """Fit and test these seeds as one stack, on the device with this number or the first of the settings'.

        Where each seed finds its learning rate first, ``tests`` is told how many have. The config's own callbacks come after ``callbacks``; a model that is computed takes no steps that any could see.
        """
        if not self.traits.takes_steps:
            return [self._computed(item) for item in data]
        seeds = [item.seed for item in data]
        selection = SeedSelection(
            rule=self.config["select"],
            monitor=self.config["monitor"],
            metric=find(by_name(self.task.declared_metrics(self.parts.task_settings)), self.config["monitor"]),
            patience=self.config["patience"],
            seeds=len(seeds),
        )
        rates = self._found_rates(data, device, tests) if self.parts.finds_lr else None
        callbacks = [selection, *callbacks, *built_callbacks(self.config)]
        with lightning_trainer(self.settings, device, callbacks=callbacks, logger=logger) as trainer:
            module, batches, validation, test = self.builder.stack(data, trainer.strategy.root_device)
            module.lrs = None if rates is None else [rate.lr for rate in rates]
            module.keeps_scores = self.keeps_scores(data)
            module.to_score = (
                validation if data[0].rows.passes is None else None
            )  # else no rows are held out from training
            alone = isinstance(module.network, OneSeed)
            if module.make_engine is not None:
                compile_steps()  # which is no part of the training
            start = time.perf_counter()
            with fitting(seeds[0] if alone else None):
                fit(trainer, module, batches, validation)
                seconds = (time.perf_counter() - start) / len(seeds)
                if module.adjusts:
                    with module.adjusting():
                        trainer.test(module, dataloaders=validation, verbose=False)
                if len(test):
                    trainer.test(module, dataloaders=test, verbose=False)
        results = [
            SeedResult.of(
                module,
                position,
                item.seed,
                int(selection.chosen[position]),
                seconds,
                rates[position] if rates else None,
                item.rows,
            )
            for position, item in enumerate(data)
        ]
        return [
            result
            if watched_by(self.config) is None or result.outcome == "diverged" or selection.best_epoch[position] >= 0
            else replace(result, error=self._never_a_value(data[position].rows))
            for position, result in enumerate(results)
        ]

    def _found_rates(
        self, data: Sequence[SeedData], device: int | None, tests: Callable[[int], None]
    ) -> list[FoundRate]:
        rates: list[FoundRate] = []
        for item in data:
            tests(len(rates))
            rates.append(found_rate(self.builder, item, device))
        return rates

    def keeps_scores(self, data: Sequence[SeedData]) -> bool:
        """Whether scores are recorded; not where there are no test rows."""
        if not any(len(item.rows.test) for item in data):
            return False
        most = max(sum(len(getattr(item.rows, side)) for side in self.task.SCORED) for item in data)
        return "tracking" in self.config and TrackingSettings.of(self.config).keeps_scores(most)

    def _never_a_value(self, rows: Rows) -> str:
        monitor = self.config["monitor"]
        metric = monitor.partition("/")[2]
        why = self.task.why_undefined(self.table, rows, "val", metric, self.parts.task_settings)
        return (
            f"monitor={monitor} ({watched_by(self.config)}) has no value after any epoch: "
            f"{why or 'it was NaN or infinite every time'}. Watch another metric, such as monitor=val/loss, or change the split."
        )

    def _computed(self, data: SeedData) -> SeedResult:
        """The result of a model that is computed from the training rows."""
        start = time.perf_counter()
        network = self.parts.network()
        assert isinstance(network, FittedModel)
        if isinstance(network, FittedEstimator):
            fit, measured = self.seed_fit(data)
            return measured(fit.run())
        self.task.fit(network, self.table, data)
        return self._measured(network, self.table, data, time.perf_counter() - start)

    def seed_fit(self, data: SeedData) -> tuple[Fit, Callable[[FittedOnce], SeedResult]]:
        """What fits a seed's estimator, in any process, and what makes a result of it here."""
        network = self.parts.network()
        assert isinstance(network, FittedEstimator)
        table, exact = self.task.exact(self.table, data)

        def measured(fitted: FittedOnce) -> SeedResult:
            network.take(fitted)
            result = self._measured(network, table, exact, fitted.seconds)
            return replace(result, estimator=fitted.estimator, warnings=fitted.warnings)

        return self.task.to_fit(network, table, exact), measured

    def measured_again(self, network: nn.Module, data: SeedData, adjustment: Adjustment | None = None) -> SeedResult:
        """The result of a seed whose ``network`` was trained before: nothing is trained or fitted, scores are kept.

        ``adjustment`` is what was fitted for its scores, where something acts on them; ``data`` are without it.
        """
        if isinstance(network, FittedEstimator):
            table, exact = self.task.exact(self.table, data)
            return self._measured(network, table, exact, 0.0, adjustment, again=True)
        with lightning_trainer(self.settings) as trainer, fitting(None):
            module, _, validation, test = self.builder.stack([data], trainer.strategy.root_device, OneSeed(network))
            module.adjustments = [] if adjustment is None else [adjustment]
            if data.rows.passes is None:  # else no rows are held out from training
                trainer.test(module, dataloaders=validation, verbose=False)
                values = {f"val/{name.removeprefix('test/')}": of for name, of in module.test_metrics.items()}
                module.final_validation, module.to_score = values, validation
            module.keeps_scores = True
            trainer.test(module, dataloaders=test, verbose=False)
        return SeedResult.of(module, 0, data.seed, 0, 0.0, rows=data.rows)

    def _measured(
        self,
        network: FittedModel,
        table: Dataset,
        data: SeedData,
        seconds: float,
        adjustment: Adjustment | None = None,
        *,
        again: bool = False,
    ) -> SeedResult:
        """The result of a model that was fitted: what it measures is its first and only epoch.

        ``table`` and ``data`` are those of ``Task.exact``. ``again``: it was fitted before, with ``adjustment`` if
        something acts on its scores.
        """
        builder = replace(self.builder, parts=replace(self.parts, table=table))
        module, _, validation, test = builder.stack([data], torch.device("cpu"), OneSeed(network))
        module.eval()
        module.can_diverge = not isinstance(network, FittedEstimator)
        module.keeps_scores = again or self.keeps_scores([data])
        module.adjustments = [] if adjustment is None else [adjustment]
        with torch.inference_mode():
            module.history.append(
                {f"val/{name}": values for name, values in module.measured(validation, "val").items()}
            )
            if module.adjusts:
                module.adjust(validation)
            if again:
                module.final_validation = module.history[0]
            if len(test):
                module.test_metrics = {f"test/{name}": values for name, values in module.measured(test, "test").items()}
        return SeedResult.of(module, 0, data.seed, 0, seconds, rows=data.rows)
