"""Strategies that change the training loss of a row: what is measured on validation and test rows stays the plain cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from seedbed.checks import is_number, require
from seedbed.errors import ConfigError
from seedbed.imbalance.base import ActsOn, Encode, Resampled, Strategy, TrainingRows
from seedbed.imbalance.class_weights import refuse_empty


class Focal(Strategy):
    """The focal loss (1 - p)^gamma * -log(p), where p is the probability of the row's own class (Lin et al. 2017).

    ``alpha`` weighs the rows of the rarer of two classes and 1 - alpha those of the other; None: alike. A step divides by
    the sum of the weights of its rows, as with class weights, so that ``alpha`` 0.5 is the same as None.
    """

    ACTS_ON: ClassVar[ActsOn] = "loss"

    def __init__(self, gamma: float = 2.0, alpha: float | None = None) -> None:
        require(is_number(gamma) and gamma >= 0, "imbalance.gamma", gamma, "a number of at least 0, such as 2")
        within = alpha is None or (is_number(alpha) and 0 < alpha < 1)
        require(within, "imbalance.alpha", alpha, "a number between 0 and 1, or null")
        self.gamma, self.alpha = float(gamma), alpha

    def check(self, rows_by_class: Mapping[str, int]) -> None:
        if self.alpha is not None and len(rows_by_class) != 2:
            raise ConfigError(
                f"imbalance.alpha={self.alpha}: it weighs the rarer of two classes, and these data have {len(rows_by_class)}. "
                "Set imbalance.alpha=null, or use imbalance=class_balanced."
            )

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        weights = None
        if self.alpha is not None:
            weights = np.full(len(rows.classes), 1 - self.alpha)
            weights[rows.minority] = self.alpha
        return Resampled(source=np.arange(len(rows.labels)), class_weights=weights, focus=self.gamma)

    def describe(self) -> list[str]:
        alpha = "" if self.alpha is None else f", alpha={self.alpha:g}"
        return [f"Focal loss, gamma={self.gamma:g}{alpha}: rows that are already classified well weigh less."]


class LogitAdjustment(Strategy):
    """Cross-entropy of the logits plus tau * log(prior), in training alone (Menon et al. 2021, "Long-Tail Learning via Logit
    Adjustment").

    The prior is the share of each class among the seed's training rows. Without the offsets, as the network is measured,
    its logits then say which class is likely if all were equally frequent (tau 1).
    """

    ACTS_ON: ClassVar[ActsOn] = "loss"

    def __init__(self, tau: float = 1.0) -> None:
        require(is_number(tau) and tau >= 0, "imbalance.tau", tau, "a number of at least 0, such as 1")
        self.tau = float(tau)

    def check(self, rows_by_class: Mapping[str, int]) -> None:
        refuse_empty(rows_by_class, "imbalance=logit_adjustment", "so the logarithm of its share is infinite")

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        priors = np.bincount(rows.labels, minlength=len(rows.classes)) / len(rows.labels)
        return Resampled(source=np.arange(len(rows.labels)), logit_offsets=self.tau * np.log(priors))

    def describe(self) -> list[str]:
        return [
            f"Logit adjustment in the loss: tau={self.tau:g} times the log of each class's share of a seed's training rows."
        ]
