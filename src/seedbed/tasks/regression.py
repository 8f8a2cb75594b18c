"""Regression: predicting a number by mean squared error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from seedbed.data.encoders import FittedEncoder
from seedbed.data.splits import Rows
from seedbed.data.table import Progress, Table
from seedbed.errors import ConfigError, DataError
from seedbed.imbalance.base import Strategy
from seedbed.models.estimators import FittedEstimator, refuse_other_kind
from seedbed.models.fits import Fit
from seedbed.recorded import PREDICTIONS, TARGETS
from seedbed.stacking.layers import Stacked
from seedbed.stacking.optimizers import OptimizerFactory
from seedbed.stacking.regression import OF_SPREAD, REGRESSION, regression_metrics
from seedbed.tasks.base import PARTS, REGRESSOR, StackData
from seedbed.tasks.of_rows import MOST_UNKNOWN, OfRows, PreparedRows


class Scale(NamedTuple):
    """Mean and standard deviation of the targets that a seed trains on: a network predicts (target - mean) / std."""

    mean: float
    std: float

    @classmethod
    def of(cls, table: Table, train: np.ndarray) -> Scale:
        """That of the rows with the numbers ``train``; raises ``ConfigError`` where all their targets are the same."""
        targets = targets_of(table)[train]
        if targets.min() == targets.max():
            raise ConfigError(
                f"split: all {len(targets)} training rows have the same {table.target_name or 'target'}, {targets[0]:g}, so "
                "that nothing can be learned. Raise split.train, or set split.strata to spread the targets over all sides."
            )
        return cls(float(targets.mean()), float(targets.std()))


def targets_of(table: Table) -> np.ndarray:
    """(N,) float64; raises ``ConfigError`` for a table of classes."""
    if table.targets is None:
        raise ConfigError(
            f"task=regression: the rows of {table.name} have classes ({', '.join(table.classes[:5])}), and no numbers to "
            "predict. Name the column of numbers as data.target in place of data.label, or use task=classification."
        )
    return table.targets


class Regression(OfRows):
    """Stacked networks that predict a number, over rows that lie on the device once.

    ``targets`` is (R,) float64, beside the ``features`` of ``OfRows``; ``means`` and ``stds`` (S,) float64 are the
    ``Scale`` of each seed. Networks are trained on standardised targets; all metrics but the loss are in the units of the
    targets. A user's ``own_metrics`` get predictions (N,) and targets (N,) of one seed, in these units.
    """

    METRICS = REGRESSION
    SERVED_AS = REGRESSOR
    OWN_METRICS_NEED = "predictions"

    targets: Tensor
    means: Tensor
    stds: Tensor

    def __init__(
        self,
        network: Stacked,
        optimizer: OptimizerFactory,
        *,
        targets: Tensor,
        means: Tensor,
        stds: Tensor,
        **of_rows: Any,
    ) -> None:
        super().__init__(network, optimizer, **of_rows)
        self.register_buffer("targets", targets, persistent=False)
        self.register_buffer("means", means, persistent=False)
        self.register_buffer("stds", stds, persistent=False)

    def row_losses(self, index: Tensor) -> tuple[Tensor, Tensor]:
        standardised = self._standardised(index)
        wanted = (self._targets(index) - self.means.unsqueeze(1)) / self.stds.unsqueeze(1)
        losses = (standardised - wanted.to(torch.promote_types(standardised.dtype, torch.float32))) ** 2
        return losses, torch.ones_like(losses)

    def evaluate(self, index: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        predicted = self._standardised(index).double()
        if self.estimator is None:
            predicted = predicted * self.stds.unsqueeze(1) + self.means.unsqueeze(1)
        return predicted, self._targets(index), mask

    def metrics(self, *evaluated: Tensor) -> dict[str, Tensor]:
        predicted, targets, mask = evaluated
        return regression_metrics(predicted, targets, mask, self.stds) | self._own_values(predicted, targets, mask)

    def scores(self, *evaluated: Tensor) -> dict[str, Tensor]:
        predicted, targets, _ = evaluated
        return {PREDICTIONS: predicted, TARGETS: targets}

    def _standardised(self, index: Tensor) -> Tensor:
        """(S, B) what the networks say; an estimator, which is fitted to the targets as they are, says targets."""
        return cast(Tensor, self.network(self._gather(index))).squeeze(-1)

    def _targets(self, index: Tensor) -> Tensor:
        return self.targets.index_select(0, index.flatten()).view(index.shape)

    # ---- from a table to the arguments above -------------------------------------------------------------------------

    @classmethod
    def outputs(cls, table: Table) -> int:
        return 1

    @classmethod
    def check_network(cls, network: nn.Module, settings: Mapping[str, Any]) -> None:
        own = any(getattr(cls, part) is not getattr(Regression, part) for part in ("row_losses", "evaluate", "metrics"))
        if not isinstance(network, FittedEstimator) or own:
            super().check_network(network, settings)
            return
        refuse_other_kind(network, classifies=False)

    @classmethod
    def to_fit(cls, network: FittedEstimator, table: Table, data: PreparedRows) -> Fit:
        """To the targets as they are, in their own units."""
        features = table.features if data.features is None else data.features
        train = data.rows.train
        return network.to_fit(
            table.inputs.ready(torch.from_numpy(features[train])), targets_of(table)[train], data.seed
        )

    @classmethod
    def output_shape(cls, table: Table, rows: int) -> tuple[int, ...] | None:
        own_loss = cls.row_losses is not Regression.row_losses  # of a user's, for outputs of another kind
        return None if own_loss else (rows, 1)

    @classmethod
    def seed_data(
        cls, table: Table, rows: Rows, strategy: Strategy, seed: int, progress: Progress | None = None
    ) -> PreparedRows:
        features = None if table.preparation is None else cls.prepared(table, rows).features
        return PreparedRows(seed, rows, features=features)

    @classmethod
    def stack_data(cls, table: Table, data: Sequence[PreparedRows]) -> StackData:
        """The table's rows, once or as each seed sees them."""
        features, first_rows = cls.features_of(table, data)
        scales = [Scale.of(table, item.rows.train) for item in data]
        arguments = {
            "features": torch.from_numpy(np.concatenate(features) if len(features) > 1 else features[0]),
            "inputs": table.inputs,
            "targets": torch.from_numpy(np.tile(targets_of(table), len(features))),
            "means": torch.tensor([scale.mean for scale in scales], dtype=torch.float64),
            "stds": torch.tensor([scale.std for scale in scales], dtype=torch.float64),
        }
        train, val, test = (
            [getattr(item.rows, side) + first for first, item in zip(first_rows, data, strict=True)] for side in PARTS
        )
        passes = [item.rows.passes for item in data if item.rows.passes is not None]
        return StackData(arguments, train, val, test, passes or None)

    @classmethod
    def check_strategy(cls, strategy: Strategy) -> None:
        if strategy.after is not None:
            raise ConfigError(
                "imbalance/after: it acts on probabilities of classes, and task=regression predicts numbers. Write "
                "imbalance/after=none."
            )
        if type(strategy) is not Strategy:
            raise ConfigError(
                f"imbalance: {type(strategy).__name__} balances classes, and task=regression predicts numbers. Use "
                "imbalance=none."
            )

    @classmethod
    def check_data(cls, settings: Mapping[str, Any]) -> None:
        if "target" in settings and settings["target"] is None:
            label = settings.get("label")
            instead = f", in place of data.label={label}" if label is not None else ""
            raise ConfigError(
                f"task=regression: data.target is not set: name the column of the numbers to predict, as in "
                f"data.target=COLUMN{instead}. For classes, use task=classification."
            )

    @classmethod
    def check(cls, table: Table, rows: Rows, strategy: Strategy) -> None:
        if rows.passes is not None:
            cls.check_passes(table)
        Scale.of(table, rows.train)

    @classmethod
    def check_known(cls, table: Table, rows: Rows, known: np.ndarray, encoder: FittedEncoder) -> None:
        unknown = rows.train[~known[rows.train]]
        if len(unknown) > MOST_UNKNOWN * len(rows.train):
            raise DataError(
                f"data.encoder: {encoder.name} knows no word of {len(unknown)} of the {len(rows.train)} training texts, such "
                f"as {(table.texts or ())[unknown[0]][:60]!r}: they would all look alike. Let the encoder know more (a lower "
                "data.encoder.min_df or min_count, more features or words), or take another, such as data/encoder=use."
            )

    @classmethod
    def why_undefined(cls, table: Table, rows: Rows, side: str, metric: str, settings: Mapping[str, Any]) -> str:
        targets = targets_of(table)[getattr(rows, side)]
        if metric not in OF_SPREAD or len(np.unique(targets)) > 1:
            return ""
        return f"the {PARTS[side]} rows all have the same target, {targets[0]:g}"

    @classmethod
    def describe(cls, table: Table) -> dict[str, Any]:
        return {"target": table.target_name}

    @classmethod
    def check_settings(cls, table: Table, settings: Mapping[str, Any]) -> None:
        """Try the user's metrics."""
        targets = torch.from_numpy(np.linspace(targets_of(table).min(), targets_of(table).max(), 8))
        cls.try_own_metrics(settings, targets.flip(0), targets)
