"""Batches with as many rows of each class: the rows of a rare one come several times in an epoch, those of a frequent one seldom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from seedbed.imbalance.base import ActsOn, Encode, Resampled, Strategy, TrainingRows
from seedbed.imbalance.class_weights import refuse_empty


class BalancedBatches(Strategy):
    """As many steps in an epoch as without it, of batches in which the numbers of rows of two classes differ by one at most."""

    ACTS_ON: ClassVar[ActsOn] = "batches"

    def check(self, rows_by_class: Mapping[str, int]) -> None:
        refuse_empty(rows_by_class, "imbalance=balanced_batches", "so no batch can hold one")

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        return Resampled(source=np.arange(len(rows.labels)), balanced_batches=True)

    def describe(self) -> list[str]:
        return [
            "Balanced batches: as many rows of each class in every batch; those of rare classes are repeated, and of frequent "
            "ones each epoch takes other rows."
        ]
