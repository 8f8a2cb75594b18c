"""Classification by cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seedbed.checks import is_from_zero, is_number, is_positive, require
from seedbed.data.encoders import FittedEncoder
from seedbed.data.splits import Rows, none_of
from seedbed.data.table import ByColumn, Progress, Table
from seedbed.errors import ConfigError, DataError
from seedbed.imbalance.adjustment import Adjustment
from seedbed.imbalance.after import After, ClassShares, ScoredRows
from seedbed.imbalance.base import Resampled, Strategy, TrainingRows
from seedbed.imbalance.class_weights import keeps_rows
from seedbed.metrics import Metric
from seedbed.models.estimators import FittedEstimator, refuse_other_kind
from seedbed.models.fits import Fit
from seedbed.recorded import DECISIONS, LABELS, LOGITS, PREDICTED
from seedbed.stacking import metrics
from seedbed.stacking.batches import Draw, in_balance
from seedbed.stacking.layers import Stacked
from seedbed.stacking.optimizers import OptimizerFactory
from seedbed.tasks.base import CLASSIFIER, PARTS, StackData
from seedbed.tasks.of_rows import MOST_UNKNOWN, OfRows, PreparedRows


@dataclass(frozen=True)
class LabelledRows(PreparedRows):
    """One seed's rows, and what its strategy has made of those for training."""

    resampled: Resampled
    after: After | None = None
    """What acts on its scores after training."""

    @property
    def counts(self) -> Mapping[str, int]:
        return self.resampled.counts


class Classification(OfRows):
    """Stacked classifiers over rows that lie on the device once.

    ``labels`` is (R,), beside the ``features`` of ``OfRows``. ``class_weights`` and ``logit_offsets`` are (S, C),
    or None; with ``focus``, they change the training loss only (see ``metrics.row_losses``). ``minority`` is the class that
    precision, recall and F1 are about, None for the mean over all classes. A user's ``own_metrics`` get probabilities (N, C)
    and labels (N,) of one seed.
    """

    METRICS = metrics.CLASSIFICATION
    LATER_METRICS = metrics.LATER
    SERVED_AS = CLASSIFIER
    SCORED = ("val", "test")

    labels: Tensor
    class_weights: Tensor | None
    logit_offsets: Tensor | None

    def __init__(
        self,
        network: Stacked,
        optimizer: OptimizerFactory,
        *,
        labels: Tensor,
        class_weights: Tensor | None,
        minority: int | None,
        logit_offsets: Tensor | None = None,
        focus: float = 0.0,
        beta: float | None = None,
        at_precision: float | None = None,
        at_recall: float | None = None,
        costs: Mapping[str, float] | None = None,
        after: After | None = None,
        shares: Sequence[ClassShares] = (),
        **of_rows: Any,
    ) -> None:
        """``beta`` and the three after it ask for metrics that are computed under them: see ``metrics.Asked``.

        ``after`` acts on the scores when the fit is over; ``shares`` are those of each seed that it goes by.
        """
        super().__init__(network, optimizer, **of_rows)
        self.register_buffer("labels", labels, persistent=False)
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.register_buffer("logit_offsets", logit_offsets, persistent=False)
        self.minority, self.focus = minority, focus
        self.asked = metrics.Asked(beta, at_precision, at_recall, costs)
        self.after, self.shares = after, shares
        self.adjusts = after is not None

    def row_losses(self, index: Tensor) -> tuple[Tensor, Tensor]:
        logits, labels = self.network(self._gather(index)), self.labels[index]
        return metrics.row_losses(logits, labels, self.class_weights, self.logit_offsets, self.focus)

    def evaluate(self, index: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        inputs = self._gather(index)
        said = [] if self.estimator is None else [self.network.call(what, inputs) for what in ("labels", "values")]
        return self.network(inputs), self.labels[index], mask, *said

    def metrics(self, *evaluated: Tensor) -> dict[str, Tensor]:
        logits, labels, mask, *said = evaluated
        if self.adjustments:
            logits, said = self._adjusted(logits, said)
        predicted, scores = (*said, None, None)[:2]
        values = metrics.classification_metrics(
            logits, labels, mask, self.minority, predicted, scores, asked=self.asked
        )
        if self.estimator is not None:
            unmeasured = _unmeasured(self.estimator, (*metrics.CLASSIFICATION, *self.asked.declared))
            values = {
                name: torch.full_like(each, torch.nan) if name in unmeasured else each for name, each in values.items()
            }
        if not self.own_metrics:
            return values
        return values | self._own_values(logits.double().softmax(-1), labels, mask)

    def fit_adjustments(self, *evaluated: Tensor) -> list[Adjustment]:
        logits, labels, mask = (each.cpu().numpy() for each in evaluated[:3])
        return [self._fitted(*of_seed) for of_seed in zip(logits, labels, mask, self.shares, strict=True)]

    def _fitted(self, logits: np.ndarray, labels: np.ndarray, mask: np.ndarray, shares: ClassShares) -> Adjustment:
        """What acts on a seed's scores, by its validation rows; nothing does on those of one that has diverged."""
        assert self.after is not None
        if not np.isfinite(logits).all():
            return Adjustment()
        scored = logits[mask].astype(np.float64)
        return self.after.fit(ScoredRows(scored, labels[mask], 1 if self.minority is None else self.minority, shares))

    def _adjusted(self, logits: Tensor, said: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The logits as they count; and labels, and of an estimator the values, in the place of what it ``said`` itself."""
        raw = logits.double().cpu().numpy()
        adjusted = [of_seed.logits(rows) for of_seed, rows in zip(self.adjustments, raw, strict=True)]
        labels = [of_seed.labels(rows) for of_seed, rows in zip(self.adjustments, adjusted, strict=True)]
        predicted = torch.from_numpy(np.stack(labels)).to(logits.device)
        if all(of_seed.keeps_scores for of_seed in self.adjustments):
            return logits, [predicted, *said[1:]]
        logits = torch.from_numpy(np.stack(adjusted)).to(logits.device).log_softmax(-1)
        return logits, [predicted, *([metrics.probabilities(logits)] if said else [])]

    def scores(self, *evaluated: Tensor) -> dict[str, Tensor]:
        """Labels, predicted labels and logits or decision values, as they count; {} of a user's task with other outputs."""
        if type(self).evaluate is not Classification.evaluate or self.SERVED_AS is None:
            return {}
        logits, labels, _, *said = evaluated
        if self.adjustments:
            logits, said = self._adjusted(logits, said)
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
    def declared_metrics(cls, settings: Mapping[str, Any]) -> tuple[Metric, ...]:
        own = settings.get("own_metrics") or {}
        others = super().declared_metrics(settings)
        first = len(others) - len(own)
        return (*others[:first], *metrics.Asked.of(settings).declared, *others[first:])

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
        if strategy.after is not None:
            strategy.after.check_shares(_shares(table, rows, resampled), table.classes)
        return LabelledRows(seed, rows, resampled, strategy.after, features=features)

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
        all_labels = np.concatenate(labels)
        arguments = {
            "features": torch.from_numpy(np.concatenate(features) if len(features) > 1 else features[0]),
            "inputs": table.inputs,
            "labels": torch.from_numpy(all_labels),
            "class_weights": _by_class([item.resampled.class_weights for item in data]),
            "minority": table.positive if len(table.classes) == 2 else None,
        }
        if (offsets := _by_class([item.resampled.logit_offsets for item in data])) is not None:
            arguments["logit_offsets"] = offsets
        if focus := data[0].resampled.focus:  # a setting of the strategy, alike for all seeds
            arguments["focus"] = focus
        if data[0].after is not None:
            shares = [_shares(table, item.rows, item.resampled) for item in data]
            arguments |= {"after": data[0].after, "shares": shares}
        passes = [item.rows.passes for item in data if item.rows.passes is not None]
        order: list[Draw] = [
            partial(in_balance, rows=chosen, labels=all_labels[chosen], seed=item.seed)
            for chosen, item in zip(train, data, strict=True)
            if item.resampled.balanced_batches
        ]
        return StackData(arguments, train, val, test, passes or None, order or None)

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
        cls._check_own_loss(strategy)
        counts = np.bincount(table.labels[rows.train], minlength=len(table.classes))
        strategy.check_inputs(table.inputs)
        by_class = dict(zip(table.classes, counts.tolist(), strict=True))
        strategy.check(by_class)
        if strategy.after is not None:
            cls._check_after(strategy.after, table, rows, by_class)

    @classmethod
    def _check_after(cls, after: After, table: Table, rows: Rows, training: Mapping[str, int]) -> None:
        """Raise ``ConfigError`` where what is to act on the scores after training cannot."""
        own = [part for part in ("evaluate", "metrics") if getattr(cls, part) is not getattr(Classification, part)]
        if own or cls.SERVED_AS is None:
            raise ConfigError(
                f"imbalance/after: it acts on logits of the classes, and the outputs or metrics of {cls.__name__} are its own. "
                "Use task=classification, or imbalance/after=none."
            )
        if rows.passes is not None:
            raise ConfigError(
                "imbalance/after: it is fitted to a seed's validation rows, and this split draws them anew in every epoch. Use "
                "another split, such as split=official, or imbalance/after=none."
            )
        validation = np.bincount(table.labels[rows.val], minlength=len(table.classes))
        after.check(training, dict(zip(table.classes, validation.tolist(), strict=True)))

    @staticmethod
    def _check_fixed(strategy: Strategy) -> None:
        """Raise ``ConfigError`` where rows are chosen once, and the training rows are drawn anew."""
        if not keeps_rows(strategy):
            raise ConfigError(
                f"imbalance: {type(strategy).__name__} chooses rows to train on once, and this split draws them anew in "
                "every epoch. Use imbalance=none or class_weights, or split=official."
            )

    @classmethod
    def _check_own_loss(cls, strategy: Strategy) -> None:
        """Raise ``ConfigError`` where a strategy would act on a part of the training that a user's task has replaced."""
        parts = {"loss": ("row_losses", "step_losses"), "batches": ("batches", "stack_data")}.get(strategy.acts_on, ())
        if own := [part for part in parts if _code_of(cls, part) is not _code_of(Classification, part)]:
            raise ConfigError(
                f"imbalance: {type(strategy).__name__} acts on the {strategy.acts_on}, and {cls.__name__} has a {own[0]} of its "
                "own, which would pass it by. Use a strategy that acts on rows, such as imbalance=oversample, or imbalance=none."
            )

    @classmethod
    def why_undefined(cls, table: Table, rows: Rows, side: str, metric: str, settings: Mapping[str, Any]) -> str:
        present = np.bincount(table.labels[getattr(rows, side)], minlength=len(table.classes)) > 0
        names: tuple[str, ...] = metrics.OF_ALL_CLASSES if present.sum() < 2 else ()
        if len(table.classes) == 2 and not present[table.positive]:
            names = metrics.OF_ONE_CLASS
        if len(table.classes) > 2 and metric in metrics.OF_TWO_CLASSES:
            return f"it is of two classes, and these data have {len(table.classes)}"
        return f"the {PARTS[side]} rows have {none_of(table.classes, present)}" if metric in names else ""

    @classmethod
    def describe(cls, table: Table) -> dict[str, Any]:
        return {"classes": list(table.classes), "minority": table.classes[table.positive]}

    @classmethod
    def check_settings(cls, table: Table, settings: Mapping[str, Any]) -> None:
        """Also tries the user's metrics."""
        classes = len(table.classes)
        _check_asked(settings, classes)
        scores = torch.linspace(0, 1, 4 * classes * classes, dtype=torch.float64).view(-1, classes).softmax(-1)
        labels = torch.arange(len(scores)) % classes
        cls.try_own_metrics(settings, scores, labels)


_BEYOND: dict[str, tuple[str, ...]] = {
    "probabilities": (), "scores": ("probabilities",), "labels": ("probabilities", "scores"),
}  # fmt: skip
"""What estimators cannot give, by what they give."""


def _unmeasured(estimator: FittedEstimator, declared: Sequence[Metric]) -> set[str]:
    """The metrics that are computed from what the estimator does not give."""
    return {metric.name for metric in declared if metric.needs in _BEYOND[estimator.gives]}


def _check_asked(settings: Mapping[str, Any], classes: int) -> None:
    """Raise ``ConfigError`` for settings under which no metric can be computed."""
    asked = metrics.Asked.of(settings)
    require(
        asked.beta is None or is_positive(asked.beta), "task.beta", asked.beta, "a number above 0, such as 2, or null"
    )
    for name in ("at_precision", "at_recall"):
        value = getattr(asked, name)
        require(value is None or (is_number(value) and 0 < value <= 1), f"task.{name}", value, "a share above 0 and up to 1, or null")  # fmt: skip
    if asked.costs is None:
        return
    names = (metrics.FALSE_NEGATIVE, metrics.FALSE_POSITIVE)
    known = isinstance(asked.costs, Mapping) and set(asked.costs) == set(names)
    require(
        known and all(is_from_zero(cost) for cost in asked.costs.values()),
        "task.costs",
        asked.costs,
        f"a cost from 0 on of each mistake, such as {{{names[0]}: 5, {names[1]}: 1}}, or null",
    )
    require(classes == 2, "task.costs", asked.costs, f"null: it is of two classes, and these data have {classes}")


def _code_of(task: type[Classification], part: str) -> Any:
    """The function behind a method, or a class method, of a task."""
    method = getattr(task, part)
    return getattr(method, "__func__", method)


def _by_class(values: Sequence[np.ndarray | None]) -> Tensor | None:
    """The numbers of the classes (C,) of each seed as (S, C); None where there are none."""
    given = [of_seed for of_seed in values if of_seed is not None]
    return torch.from_numpy(np.stack(given).astype(np.float32)) if given else None


def _shares(table: Table, rows: Rows, resampled: Resampled) -> ClassShares:
    labels, classes = table.labels[rows.train], len(table.classes)
    return ClassShares(np.bincount(labels, minlength=classes) / len(labels), resampled.class_shares(labels, classes))


def _of_targets(which: str) -> ConfigError:
    return ConfigError(
        f"task=classification: {which} is a target, a number to predict. Use task=regression or, where its values are "
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
