"""Class weights: every row stays, and rare classes weigh more in the loss."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seedbed.errors import ConfigError
from seedbed.imbalance.base import Encode, Resampled, Strategy, TrainingRows


class ClassWeights(Strategy):
    """Weights n / (C n_c), the inverse frequency of each class in the seed's training rows.

    Scaled as scikit-learn's ``class_weight="balanced"``: their mean over the rows is 1.
    """

    def check(self, rows_by_class: Mapping[str, int]) -> None:
        empty = [name for name, count in rows_by_class.items() if count == 0]
        if empty:
            raise ConfigError(
                f"imbalance=class_weights: class {empty[0]!r} has no training row, so its inverse frequency is infinite. "
                "Take data or a split with training rows of it, or another strategy, such as imbalance=none."
            )

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        counts = np.bincount(rows.labels, minlength=len(rows.classes))
        weights = len(rows.labels) / (len(rows.classes) * counts)
        return Resampled(source=np.arange(len(rows.labels)), class_weights=weights)

    def describe(self) -> list[str]:
        return ["Class weights: inverse frequency in each seed's training rows, n / (C n_c)."]


def keeps_rows(strategy: Strategy) -> bool:
    """Whether exactly the training rows are trained on: other strategies may leave rows out, or make new ones."""
    return type(strategy) in (Strategy, ClassWeights)
