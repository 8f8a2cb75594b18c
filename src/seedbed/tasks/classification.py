"""Classification by cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seedbed.data.encoders import FittedEncoder
from seedbed.data.splits import Rows, none_of
from seedbed.data.table import ByColumn, Progress, Table
from seedbed.errors import ConfigError, DataError
from seedbed.imbalance.base import Resampled, Strategy, TrainingRows
from seedbed.imbalance.class_weights import ClassWeights
from seedbed.models.estimators import FittedEstimator, refuse_other_kind
from seedbed.models.fits import Fit
from seedbed.results import DECISIONS, LABELS, LOGITS, PREDICTED
from seedbed.stacking import metrics
from seedbed.stacking.layers import Stacked
from seedbed.stacking.optimizers import OptimizerFactory
from seedbed.tasks.base import CLASSIFIER, PARTS, StackData
from seedbed.tasks.of_rows import MOST_UNKNOWN, OfRows, PreparedRows


@dataclass(frozen=True)
class LabelledRows(PreparedRows):
    """One seed's rows, and what its strategy has made of those for training."""

    resampled: Resampled

    @property
    def counts(self) -> Mapping[str, int]:
        return self.resampled.counts


class Classification(OfRows):
    """Stacked classifiers over rows that lie on the device once.

    ``labels`` is (R,), beside the ``features`` of ``OfRows``. ``class_weights`` is (S, C), or None; they weigh the
    training loss only. ``minority`` is the class that precision, recall and F1 are about, None for the mean over all
    classes. A user's ``own_metrics`` get probabilities (N, C) and labels (N,) of one seed.
    """

    METRICS = metrics.CLASSIFICATION
    SERVED_AS = CLASSIFIER
    SCORED = ("val", "test")

    labels: Tensor
    class_weights: Tensor | None

    def __init__(
        self,
        network: Stacked,
        optimizer: OptimizerFactory,
        *,
        labels: Tensor,
        class_weights: Tensor | None,
        minority: int | None,
        **of_rows: Any,
    ) -> None:
        super().__init__(network, optimizer, **of_rows)
        self.register_buffer("labels", labels, persistent=False)
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.minority = minority

    def row_losses(self, index: Tensor) -> tuple[Tensor, Tensor]:
        return metrics.row_losses(self.network(self._gather(index)), self.labels[index], self.class_weights)

    def evaluate(self, index: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        inputs = self._gather(index)
        said = [] if self.estimator is None else [self.network.call(what, inputs) for what in ("labels", "values")]
        return self.network(inputs), self.labels[index], mask, *said

    def metrics(self, *evaluated: Tensor) -> dict[str, Tensor]:
        logits, labels, mask, *said = evaluated
        values = metrics.classification_metrics(logits, labels, mask, self.minority, *said)
        if self.estimator is not None:
            unmeasured = _unmeasured(self.estimator)
            values = {
                name: torch.full_like(each, torch.nan) if name in unmeasured else each for name, each in values.items()
            }
        if not self.own_metrics:
            return values
        return values | self._own_values(logits.double().softmax(-1), labels, mask)

    def scores(self, *evaluated: Tensor) -> dict[str, Tensor]:
        """Labels, predicted labels and logits or decision values; {} of a user's task whose outputs are of another kind."""
        if type(self).evaluate is not Classification.evaluate or self.SERVED_AS is None:
            return {}
        logits, labels, _, *said = evaluated
        gives = "probabilities" if self.estimator is None else self.estimator.gives
        kind = torch.uint8 if logits.shape[-1] <= torch.iinfo(torch.uint8).max else torch.int32
        kept = {LABELS: labels.to(kind), PREDICTED: (said[0] if said else logits.argmax(-1)).to(kind)}
        if gives == "labels":
            return kept
        if gives == "scores":
            return kept | {DECISIONS: (said[1] if self.minority is None else said[1][..., self.minority]).float()}
        if self.minority is not None:
            logits = logits[..., self.minority].double() - logits[..., 1 - self.minority].double()
        return kept | {LOGITS: logits.float()}

    # ---- from a table to the arguments above -------------------------------------------------------------------------

    @classmethod
    def outputs(cls, table: Table) -> int:
        return len(table.classes)

    @classmethod
    def check_network(cls, network: nn.Module, settings: Mapping[str, Any]) -> None:
        own = [
            part
            for part in ("row_losses", "evaluate", "metrics")
            if getattr(cls, part) is not getattr(Classification, part)
        ]
        if not isinstance(network, FittedEstimator) or own:
            super().check_network(network, settings)
            return
        refuse_other_kind(network, classifies=True)

    @classmethod
    def output_shape(cls, table: Table, rows: int) -> tuple[int, ...] | None:
        own_loss = cls.row_losses is not Classification.row_losses  # of a user's, for outputs of another kind
        return None if own_loss else (rows, cls.network_arguments(table)["out_features"])

    @classmethod
    def seed_data(
        cls, table: Table, rows: Rows, strategy: Strategy, seed: int, progress: Progress | None = None
    ) -> LabelledRows:
        prepared = cls.prepared(table, rows)
        encode = prepared.encode
        by_column = None if prepared.by_column is None else prepared.by_column.of(rows.train)
        training = cls._training_rows(table, rows, lambda: prepared.features[rows.train], by_column)
        resampled = strategy.apply(training, seed, (lambda texts: encode(texts, progress)) if encode else None)
        features = None if table.preparation is None else prepared.features
        return LabelledRows(seed, rows, resampled, features=features)

    @staticmethod
    def _training_rows(
        table: Table, rows: Rows, features: Callable[[], np.ndarray], by_column: ByColumn | None = None
    ) -> TrainingRows:
        return TrainingRows(
            features=features,
            labels=table.labels[rows.train],
            classes=table.classes,
            texts=None if table.texts is None else tuple(table.texts[row] for row in rows.train),
            rows=rows.train,
            minority=table.minority,
            by_column=by_column,
        )

    @classmethod
    def check_known(cls, table: Table, rows: Rows, known: np.ndarray, encoder: FittedEncoder) -> None:
        for label, name in enumerate(table.classes):
            own = rows.train[table.labels[rows.train] == label]
            unknown = own[~known[own]]
            if len(unknown) > MOST_UNKNOWN * len(own):
                raise DataError(
                    f"data.encoder: {encoder.name} knows no word of {len(unknown)} of the {len(own)} training texts of class "
                    f"{name!r}, such as {(table.texts or ())[unknown[0]][:60]!r}: they would all look alike. Let the encoder "
                    "know more (a lower data.encoder.min_df or min_count, more features or words), or take another, such as "
                    "data/encoder=use."
                )

    @classmethod
    def try_strategy(cls, table: Table, rows: Rows, strategy: Strategy, seed: int) -> None:
        strategy.try_out(cls._training_rows(table, rows, lambda: table.features[rows.train]), seed)

    @classmethod
    def to_fit(cls, network: FittedEstimator, table: Table, data: LabelledRows) -> Fit:
        stacked = cls.stack_data(table, [data])
        chosen = torch.from_numpy(stacked.train[0])
        rows = table.inputs.ready(stacked.arguments["features"][chosen])
        labels = stacked.arguments["labels"][chosen].numpy()
        weights = data.resampled.class_weights
        return network.to_fit(rows, labels, data.seed, None if weights is None else weights.astype(np.float64)[labels])

    @classmethod
    def why_unmeasured(cls, network: FittedEstimator, metric: str, settings: Mapping[str, Any]) -> str:
        needs = {declared.name: declared.needs for declared in cls.declared_metrics(settings)}.get(metric)
        if needs not in _BEYOND[network.gives]:
            return ""
        instead = "" if network.gives == "labels" else " (no predict_proba)"
        return f"it is computed from {needs}, and {network.name} gives none{instead}"

    @classmethod
    def stack_data(cls, table: Table, data: Sequence[LabelledRows]) -> StackData:
        """The table's rows, once or as each seed sees them, then the new rows of each seed."""
        features, first_rows = cls.features_of(table, data)
        labels, count = [table.labels] * len(features), len(features) * len(table.labels)
        train, val, test = [], [], []
        for first, item in zip(first_rows, data, strict=True):
            chosen = item.rows.train[item.resampled.source] + first
            if item.resampled.features is not None and item.resampled.labels is not None:
                new = len(item.resampled.labels)
                chosen = np.concatenate([chosen, np.arange(count, count + new)])
                features.append(_as_rows_of(features[0], item.resampled.features))
                labels.append(item.resampled.labels.astype(np.int64, copy=False))
                count += new
            train.append(chosen)
            val.append(item.rows.val + first)
            test.append(item.rows.test + first)
        weights = [item.resampled.class_weights for item in data if item.resampled.class_weights is not None]
        arguments = {
            "features": torch.from_numpy(np.concatenate(features) if len(features) > 1 else features[0]),
            "inputs": table.inputs,
            "labels": torch.from_numpy(np.concatenate(labels)),
            "class_weights": torch.from_numpy(np.stack(weights).astype(np.float32)) if weights else None,
            "minority": table.positive if len(table.classes) == 2 else None,
        }
        passes = [item.rows.passes for item in data if item.rows.passes is not None]
        return StackData(arguments, train, val, test, passes or None)

    @classmethod
    def check_data(cls, settings: Mapping[str, Any]) -> None:
        if settings.get("target") is not None:
            raise _of_targets(f"data.target={settings['target']}")

    @classmethod
    def check(cls, table: Table, rows: Rows, strategy: Strategy) -> None:
        if table.targets is not None:
            raise _of_targets(f"{table.target_name!r} of {table.name}")
        if rows.passes is not None:
            cls._check_fixed(strategy)
            cls.check_passes(table)
        counts = np.bincount(table.labels[rows.train], minlength=len(table.classes))
        strategy.check_inputs(table.inputs)
        strategy.check(dict(zip(table.classes, counts.tolist(), strict=True)))

    @staticmethod
    def _check_fixed(strategy: Strategy) -> None:
        """Raise ``ConfigError`` where rows are chosen once, and the training rows are drawn anew."""
        if type(strategy) not in (Strategy, ClassWeights):
            raise ConfigError(
                f"imbalance: {type(strategy).__name__} chooses rows to train on once, and this split draws them anew in "
                "every epoch. Take imbalance=none or class_weights, or split=official."
            )

    @classmethod
    def why_undefined(cls, table: Table, rows: Rows, side: str, metric: str, settings: Mapping[str, Any]) -> str:
        present = np.bincount(table.labels[getattr(rows, side)], minlength=len(table.classes)) > 0
        names: tuple[str, ...] = metrics.OF_ALL_CLASSES if present.sum() < 2 else ()
        if len(table.classes) == 2 and not present[table.positive]:
            names = metrics.OF_ONE_CLASS
        return f"the {PARTS[side]} rows have {none_of(table.classes, present)}" if metric in names else ""

    @classmethod
    def describe(cls, table: Table) -> dict[str, Any]:
        return {"classes": list(table.classes), "minority": table.classes[table.positive]}

    @classmethod
    def check_settings(cls, table: Table, settings: Mapping[str, Any]) -> None:
        """Try the user's metrics."""
        classes = len(table.classes)
        scores = torch.linspace(0, 1, 4 * classes * classes, dtype=torch.float64).view(-1, classes).softmax(-1)
        labels = torch.arange(len(scores)) % classes
        cls.try_own_metrics(settings, scores, labels)


_BEYOND: dict[str, tuple[str, ...]] = {
    "probabilities": (), "scores": ("probabilities",), "labels": ("probabilities", "scores"),
}  # fmt: skip
"""What estimators cannot give, by what they give."""


def _unmeasured(estimator: FittedEstimator) -> set[str]:
    """The metrics that are computed from what the estimator does not give."""
    return {metric.name for metric in metrics.CLASSIFICATION if metric.needs in _BEYOND[estimator.gives]}


def _of_targets(which: str) -> ConfigError:
    return ConfigError(
        f"task=classification: {which} is a target, a number to predict. Take task=regression or, where its values are "
        "classes, write data.label in place of data.target."
    )


def _as_rows_of(table: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Rows that a strategy has made, in the type of the table's; raises ``ConfigError`` for such as do not fit there."""
    if made.shape[1:] != table.shape[1:] or not np.can_cast(made.dtype, table.dtype, "same_kind"):
        raise ConfigError(
            f"imbalance: the strategy has made rows of shape {made.shape[1:]} and type {made.dtype}, and those of the table "
            f"have {table.shape[1:]} and {table.dtype}. Let it return such."
        )
    return made.astype(table.dtype, copy=False)
