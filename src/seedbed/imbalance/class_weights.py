"""Class weights: every row stays, and the rows of rare classes weigh more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from seedbed.checks import is_number, require
from seedbed.errors import ConfigError
from seedbed.imbalance.base import ActsOn, Encode, Resampled, Strategy, TrainingRows


class ClassWeights(Strategy):
    """Weights n / (C n_c), the inverse frequency of each class in the seed's training rows.

    Scaled as scikit-learn's ``class_weight="balanced"``: their mean over the rows is 1.
    """

    ACTS_ON: ClassVar[ActsOn] = "weights"

    def check(self, rows_by_class: Mapping[str, int]) -> None:
        refuse_empty(rows_by_class, "imbalance=class_weights", "so its inverse frequency is infinite")

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        counts = np.bincount(rows.labels, minlength=len(rows.classes))
        weights = len(rows.labels) / (len(rows.classes) * counts)
        return Resampled(source=np.arange(len(rows.labels)), class_weights=weights)

    def describe(self) -> list[str]:
        return ["Class weights: inverse frequency in each seed's training rows, n / (C n_c)."]


class EffectiveNumber(Strategy):
    """Weights in proportion to 1 / E_c, where E_c = (1 - beta^n_c) / (1 - beta) is the effective number of a class's n_c rows
    (Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples").

    ``beta`` 0 weighs all classes alike, and 1 is the limit in which they weigh as ``ClassWeights`` has it; as there, their
    mean over the rows is 1.
    """

    ACTS_ON: ClassVar[ActsOn] = "weights"

    def __init__(self, beta: float = 0.9999) -> None:
        require(is_number(beta) and 0 <= beta < 1, "imbalance.beta", beta, "a number from 0 to below 1, such as 0.9999")
        self.beta = float(beta)

    def check(self, rows_by_class: Mapping[str, int]) -> None:
        refuse_empty(rows_by_class, "imbalance=class_balanced", "so its weight is infinite")

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        counts = np.bincount(rows.labels, minlength=len(rows.classes))
        inverse = 1 / effective_numbers(counts, self.beta)
        weights = inverse * len(rows.labels) / (inverse * counts).sum()
        return Resampled(source=np.arange(len(rows.labels)), class_weights=weights)

    def describe(self) -> list[str]:
        return [
            f"Class weights, in the loss: the inverse of the effective number of each class's rows, beta={self.beta:g} "
            "(class-balanced loss)."
        ]


def effective_numbers(counts: np.ndarray, beta: float) -> np.ndarray:
    """(1 - beta^n) / (1 - beta) of (C,) counts n, also where beta^n differs from 1 by less than its last digits."""
    if beta == 0:
        return np.ones(len(counts))
    numbers: np.ndarray = -np.expm1(counts * np.log(beta)) / (1 - beta)
    return numbers


def refuse_empty(rows_by_class: Mapping[str, int], place: str, so: str) -> None:
    """Raise a ``ConfigError`` where a class has no training row."""
    empty = [name for name, count in rows_by_class.items() if count == 0]
    if empty:
        raise ConfigError(
            f"{place}: class {empty[0]!r} has no training row, {so}. Use data or a split with training rows of it, or "
            "another strategy, such as imbalance=none."
        )


def keeps_rows(strategy: Strategy) -> bool:
    """Whether exactly the training rows are trained on: other strategies may leave rows out, or make new ones."""
    return strategy.acts_on in ("nothing", "weights", "loss")
