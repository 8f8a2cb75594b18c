"""Classification by cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seedbed.data.network_inputs import NetworkInputs, Vectors
from seedbed.data.splits import Rows, none_of
from seedbed.data.table import ByColumn, Prepared, Progress, Table
from seedbed.data.texts import FittedTexts
from seedbed.errors import ConfigError, DataError
from seedbed.imbalance.base import Resampled, Strategy, TrainingRows
from seedbed.imbalance.class_weights import ClassWeights
from seedbed.models.estimators import FittedEstimator, refuse_other_kind
from seedbed.models.fits import Fit
from seedbed.stacking import metrics
from seedbed.stacking.layers import OneSeed, Stacked
from seedbed.stacking.optimizers import OptimizerFactory
from seedbed.tasks.base import CLASSIFIER, PARTS, SeedData, StackData, Task

MOST_UNKNOWN = 0.5
"""The largest share of a class's training texts of which a fitted encoder may know no word."""
OwnMetric = Callable[[Tensor, Tensor], Any]
"""From probabilities (N, C) and labels (N,) of one seed to one number."""


@dataclass(frozen=True)
class LabelledRows(SeedData):
    """One seed's rows, and what its strategy has made of those for training."""

    resampled: Resampled
    features: np.ndarray | None = None
    """(N, ...): all rows of the table as this seed sees them; None where the table's own features serve all seeds."""

    @property
    def counts(self) -> Mapping[str, int]:
        return self.resampled.counts


class Classification(Task):
    """Stacked classifiers over rows that lie on the device once.

    ``features`` is (R, ...) and ``labels`` (R,): all rows that any seed or split refers to; ``inputs`` says what a network
    sees of a row of ``features``, None: vectors, as they are. ``class_weights`` is (S, C),
    or None; they weigh the training loss only. ``minority`` is the class that precision, recall and F1 are about, None
    for the mean over all classes. ``own_metrics`` are a user's, by name, each with an ``OwnMetric`` as its "function".
    """

    METRICS = metrics.CLASSIFICATION
    SERVED_AS = CLASSIFIER
    TAKES_OWN_METRICS = True

    features: Tensor
    labels: Tensor
    class_weights: Tensor | None

    def __init__(
        self,
        network: Stacked,
        optimizer: OptimizerFactory,
        *,
        features: Tensor,
        labels: Tensor,
        class_weights: Tensor | None,
        minority: int | None,
        inputs: NetworkInputs | None = None,
        own_metrics: Mapping[str, Mapping[str, Any]] | None = None,
        **stacked: Any,
    ) -> None:
        super().__init__(network, optimizer, **stacked)
        self.register_buffer("features", features, persistent=False)
        self.register_buffer("labels", labels, persistent=False)
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.minority, self.inputs = minority, inputs or Vectors(features.shape[-1])
        self.own_metrics: dict[str, OwnMetric] = {name: own["function"] for name, own in (own_metrics or {}).items()}

    def row_losses(self, index: Tensor) -> tuple[Tensor, Tensor]:
        return metrics.row_losses(self.network(self._gather(index)), self.labels[index], self.class_weights)

    def evaluate(self, index: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        inputs = self._gather(index)
        said = [] if self.estimator is None else [self.network.call(what, inputs) for what in ("labels", "values")]
        return self.network(inputs), self.labels[index], mask, *said

    def _gather(self, index: Tensor) -> Tensor:
        """(S, B) row numbers -> what the networks see of them; several times as fast as ``features[index]``."""
        rows = self.features.index_select(0, index.flatten())
        return self.inputs.ready(rows.view(*index.shape, *rows.shape[1:]))

    @property
    def estimator(self) -> FittedEstimator | None:
        """What takes a network's place."""
        network = self.network.network if isinstance(self.network, OneSeed) else None
        return network if isinstance(network, FittedEstimator) else None

    def metrics(self, *evaluated: Tensor) -> dict[str, Tensor]:
        logits, labels, mask, *said = evaluated
        values = metrics.classification_metrics(logits, labels, mask, self.minority, *said)
        if self.estimator is not None:
            unmeasured = _unmeasured(self.estimator)
            values = {
                name: torch.full_like(each, torch.nan) if name in unmeasured else each for name, each in values.items()
            }
        own = self.own_metrics.items()
        return values | {name: self._own(name, metric, logits, labels, mask) for name, metric in own}

    @staticmethod
    def _own(name: str, metric: OwnMetric, logits: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """(S,) by a user's metric; NaN for a seed that diverges: what the function makes of its logits must not end the others."""
        of_seeds = zip(logits.double().softmax(-1), labels, mask, strict=True)
        values = [
            _measured(name, metric, scores[real], true[real]) if scores[real].isfinite().all() else torch.nan
            for scores, true, real in of_seeds
        ]
        return torch.tensor(values, dtype=torch.float64, device=logits.device)

    # ---- from a table to the arguments above -------------------------------------------------------------------------

    @classmethod
    def network_arguments(cls, table: Table) -> dict[str, Any]:
        return {**table.inputs.arguments(), "out_features": len(table.classes)}

    @classmethod
    def example(cls, table: Table, rows: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return (table.inputs.example(rows, generator),)

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
        prepared = Prepared(table.features, table.encode)
        if table.preparation is not None:
            prepared = table.preparation.fit(table, rows.train)
        encode = prepared.encode
        by_column = None if prepared.by_column is None else prepared.by_column.of(rows.train)
        training = cls._training_rows(table, rows, lambda: prepared.features[rows.train], by_column)
        resampled = strategy.apply(training, seed, (lambda texts: encode(texts, progress)) if encode else None)
        return LabelledRows(seed, rows, resampled, None if table.preparation is None else prepared.features)

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
    def try_preparation(cls, table: Table, rows: Rows) -> tuple[dict[str, int], list[str]]:
        """Fits the encoder of texts, where there is one to fit, and counts the texts of which it knows nothing."""
        if not isinstance(table.preparation, FittedTexts) or table.texts is None:
            return {}, []
        encoder = table.preparation.encoder
        known = encoder.known(encoder.fit([table.texts[row] for row in rows.train]), table.texts)
        for label, name in enumerate(table.classes):
            own = rows.train[table.labels[rows.train] == label]
            unknown = own[~known[own]]
            if len(unknown) > MOST_UNKNOWN * len(own):
                raise DataError(
                    f"data.encoder: {encoder.name} knows no word of {len(unknown)} of the {len(own)} training texts of class "
                    f"{name!r}, such as {table.texts[unknown[0]][:60]!r}: they would all look alike. Let the encoder know more "
                    "(a lower data.encoder.min_df or min_count, more features or words), or take another, such as "
                    "data/encoder=use."
                )
        if known.all():
            return {}, []
        count = int((~known).sum())
        said = (
            f"{count} of {len(known)} texts hold no word that {encoder.name} has learnt from a seed's training texts."
        )
        return {"texts_without_a_known_word": count}, [said]

    @classmethod
    def try_strategy(cls, table: Table, rows: Rows, strategy: Strategy, seed: int) -> None:
        strategy.try_out(cls._training_rows(table, rows, lambda: table.features[rows.train]), seed)

    @classmethod
    def exact(cls, table: Table, data: LabelledRows) -> tuple[Table, LabelledRows]:
        if table.exact is None:
            return table, data
        table = replace(table, features=table.exact)
        if table.preparation is None:
            return table, data
        return table, replace(data, features=table.preparation.fit(table, data.rows.train).features)

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
    def for_training(cls, table: Table) -> Table:
        return replace(table, encode=None, texts=None)  # a loaded encoder cannot go to another process

    @classmethod
    def stack_data(cls, table: Table, data: Sequence[LabelledRows]) -> StackData:
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
    def check(cls, table: Table, rows: Rows, strategy: Strategy) -> None:
        if rows.passes is not None:
            cls._check_passes(table, strategy)
        counts = np.bincount(table.labels[rows.train], minlength=len(table.classes))
        strategy.check_inputs(table.inputs)
        strategy.check(dict(zip(table.classes, counts.tolist(), strict=True)))

    @staticmethod
    def _check_passes(table: Table, strategy: Strategy) -> None:
        """Raise ``ConfigError`` where rows are chosen or something is fitted once, and the training rows are drawn anew."""
        if type(strategy) not in (Strategy, ClassWeights):
            raise ConfigError(
                f"imbalance: {type(strategy).__name__} chooses rows to train on once, and this split draws them anew in "
                "every epoch. Take imbalance=none or class_weights, or split=official."
            )
        if table.preparation is not None:
            raise ConfigError(
                f"split: {table.name} is prepared by what is fitted to a seed's training rows, and this split draws them "
                "anew in every epoch. Take another split."
            )

    @classmethod
    def why_undefined(cls, table: Table, rows: Rows, side: str, metric: str, settings: Mapping[str, Any]) -> str:
        present = np.bincount(table.labels[getattr(rows, side)], minlength=len(table.classes)) > 0
        names: tuple[str, ...] = metrics.OF_ALL_CLASSES if present.sum() < 2 else ()
        if len(table.classes) == 2 and not present[table.positive]:
            names = metrics.OF_ONE_CLASS
        return f"the {PARTS[side]} rows have {none_of(table.classes, present)}" if metric in names else ""

    @classmethod
    def count_split(cls, table: Table, rows: Rows) -> dict[str, int]:
        """Rows that are equal to one on another side: of published parts, or where rows are drawn anew at every pass."""
        seen = np.isin(table.groups[rows.test], table.groups[np.concatenate([rows.train, rows.val])])
        counts = {"test_rows_equal_to_others": int(seen.sum())}
        if rows.passes is not None:
            counts["validation_rows_that_train_in_the_same_epoch"] = int(np.isin(rows.val, rows.train).sum())
        return {what: count for what, count in counts.items() if count}

    @classmethod
    def describe(cls, table: Table) -> dict[str, Any]:
        return {"classes": list(table.classes), "minority": table.classes[table.positive]}

    @classmethod
    def bytes_of_a_seed(cls, table: Table) -> int:
        if table.preparation is None:
            return 0
        copies = 3  # as prepared, as training rows of the strategy, and joined for the stack
        return copies * len(table.labels) * table.inputs.bytes_of_a_row

    @classmethod
    def check_settings(cls, table: Table, settings: Mapping[str, Any]) -> None:
        """Try the user's metrics."""
        classes = len(table.classes)
        scores = torch.linspace(0, 1, 4 * classes * classes, dtype=torch.float64).view(-1, classes).softmax(-1)
        labels = torch.arange(len(scores)) % classes
        for name, metric in (settings.get("own_metrics") or {}).items():
            _measured(name, metric["function"], scores, labels)


_BEYOND: dict[str, tuple[str, ...]] = {
    "probabilities": (), "scores": ("probabilities",), "labels": ("probabilities", "scores"),
}  # fmt: skip
"""What estimators cannot give, by what they give."""


def _unmeasured(estimator: FittedEstimator) -> set[str]:
    """The metrics that are computed from what the estimator does not give."""
    return {metric.name for metric in metrics.CLASSIFICATION if metric.needs in _BEYOND[estimator.gives]}


def _measured(name: str, metric: OwnMetric, scores: Tensor, labels: Tensor) -> float:
    """What a user's metric says of these probabilities and labels; raises ``ConfigError`` where it is no number."""
    shapes = f"probabilities {tuple(scores.shape)} and labels {tuple(labels.shape)}"
    wanted = "It must give one number, NaN where it is undefined."
    try:
        value = metric(scores, labels)
        if isinstance(value, Tensor | np.ndarray | np.generic):
            value = value.item()
    except Exception as error:
        raise ConfigError(
            f"task.own_metrics.{name}: the function fails on {shapes} ({type(error).__name__}: {error}). {wanted}"
        ) from error
    if not isinstance(value, Real):
        raise ConfigError(f"task.own_metrics.{name}: the function gives {value!r} of {shapes}. {wanted}")
    return float(value)


def _as_rows_of(table: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Rows that a strategy has made, in the type of the table's; raises ``ConfigError`` for such as do not fit there."""
    if made.shape[1:] != table.shape[1:] or not np.can_cast(made.dtype, table.dtype, "same_kind"):
        raise ConfigError(
            f"imbalance: the strategy has made rows of shape {made.shape[1:]} and type {made.dtype}, and those of the table "
            f"have {table.shape[1:]} and {table.dtype}. Let it return such."
        )
    return made.astype(table.dtype, copy=False)
