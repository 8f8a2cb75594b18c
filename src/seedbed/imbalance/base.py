"""What an imbalance strategy is: it decides what one seed trains on, and sees that seed's training rows only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from seedbed.data.network_inputs import NetworkInputs
from seedbed.data.table import ByColumn
from seedbed.errors import ConfigError
from seedbed.imbalance.after import After

ALWAYS_ALLOWED, MOST_TIMES = 1_000_000, 10
"""Rows that a strategy may make: so many in any case, and so many times the training rows."""
Encode = Callable[[Sequence[str]], np.ndarray]
ActsOn = Literal["nothing", "rows", "weights", "loss", "batches"]
"""Where a strategy acts: on which rows are trained on, on how much the rows of a class weigh, on the loss of a row, or on how
rows are put into batches."""


def check_asked_rows(place: str, asked: int, rows: int) -> None:
    """Raise a ``ConfigError`` where a setting asks for many more rows than the ``rows`` to train on: they would fill the memory."""
    most = max(ALWAYS_ALLOWED, MOST_TIMES * rows)
    if asked > most:
        raise ConfigError(
            f"{place} asks for {asked} rows where there are {rows} to train on. Ask for at most {most}: a million, or "
            f"{MOST_TIMES} times the training rows."
        )


class TrainingRows:
    """One seed's n training rows: all that a strategy may look at.

    ``labels`` (n,) are indices into ``classes``, ``rows`` (n,) the numbers of the rows in the table, ``texts`` their raw
    messages where the data are texts; ``minority`` is the rarest class. ``by_column`` are the rows before categories were
    encoded, where there are any.
    """

    def __init__(
        self,
        features: np.ndarray | Callable[[], np.ndarray],
        labels: np.ndarray,
        classes: tuple[str, ...],
        texts: tuple[str, ...] | None,
        rows: np.ndarray,
        minority: int,
        by_column: ByColumn | None = None,
    ) -> None:
        """``features`` are given, or gathered when a strategy first looks at them: of pictures they are a large copy."""
        self._features = features
        self.labels, self.classes, self.texts, self.rows, self.minority = labels, classes, texts, rows, minority
        self.by_column = by_column

    @cached_property
    def features(self) -> np.ndarray:
        """(n, ...)"""
        return self._features() if callable(self._features) else self._features


@dataclass(frozen=True)
class Resampled:
    """What the seed trains on: chosen original rows, and new ones made from them.

    ``source`` (m,) are positions in the training rows, repeats allowed. ``features`` (k, ...), ``labels`` (k,) are new
    rows and ``origin`` (k,) the position that each was made from, None where a sampler does not tell.
    ``class_weights`` (C,) weigh the loss, or an estimator's rows; None weighs all classes alike. ``logit_offsets`` (C,) are
    added to the logits in the training loss, and ``focus`` is the gamma of a focal loss: see ``stacking.metrics.row_losses``.
    With ``balanced_batches``, the rows are drawn so that each batch has as many of each class.
    """

    source: np.ndarray
    features: np.ndarray | None = None
    labels: np.ndarray | None = None
    origin: np.ndarray | None = None
    class_weights: np.ndarray | None = None
    logit_offsets: np.ndarray | None = None
    focus: float = 0.0
    balanced_batches: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    """Of changed copies, how many there are and what became of some: see ``imbalance.copies``."""

    def class_shares(self, labels: np.ndarray, classes: int) -> np.ndarray:
        """(C,): the share of each class in what is trained on, ``labels`` being those of the training rows.

        Class weights count as rows, batches in balance hold all classes alike, and what is added to the logits in training
        has the effect of other shares (Menon et al. 2021).
        """
        if self.balanced_batches:
            return np.full(classes, 1 / classes)
        trained = labels[self.source] if self.labels is None else np.concatenate([labels[self.source], self.labels])
        counts = np.bincount(trained, minlength=classes).astype(np.float64)
        weighted = counts if self.class_weights is None else counts * self.class_weights
        if self.logit_offsets is not None:
            weighted = weighted * np.exp(-self.logit_offsets)
        return np.asarray(weighted / weighted.sum())


class Strategy:
    """Base of the strategies, and itself the one that changes nothing."""

    ACTS_ON: ClassVar[ActsOn] = "rows"
    """Of a subclass."""

    @property
    def acts_on(self) -> ActsOn:
        return "nothing" if type(self) is Strategy else self.ACTS_ON

    after: After | None = None
    """What acts on the scores after training; see ``strategy_of``."""

    def check(self, rows_by_class: Mapping[str, int]) -> None:
        """Raise a ``ConfigError`` when the strategy cannot work on so many training rows of each class."""

    def check_inputs(self, inputs: NetworkInputs) -> None:
        """Raise a ``ConfigError`` when the strategy cannot work on rows of this kind."""

    def try_out(self, rows: TrainingRows, seed: int) -> None:
        """Raise a ``ConfigError`` when the strategy cannot work on these rows of one seed, which a few of them may show."""

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        """Choose or make the rows to train on. All randomness comes from ``seed``."""
        return Resampled(source=np.arange(len(rows.labels)))

    def describe(self) -> list[str]:
        """Sentences for the report."""
        return []
