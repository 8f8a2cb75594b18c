"""What was fitted to act on a seed's scores after training: an affine map, a step function, a threshold; plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seedbed.recorded import LOGIT_SHIFT, LOGIT_SLOPE, THRESHOLD

LEAST = float(np.finfo(np.float64).eps)
"""What a probability of 0 counts as, so that it has a logarithm; as in scikit-learn's log_loss."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Adjustment:
    """Gives a seed's scores (N, C), logits of the classes, as they count: other logits, or other labels.

    The logits become ``scale`` times the logits plus ``shift`` (C,). Of two classes, the probability of the class
    ``positive`` may then be mapped by interpolation between ``steps``, its values before and after, and is labelled so from
    ``threshold`` on; without a threshold, the label is the class with the highest probability.
    """

    scale: float = 1.0
    shift: tuple[float, ...] = ()
    steps: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    threshold: float | None = None
    positive: int = 1

    @property
    def keeps_scores(self) -> bool:
        """Whether the logits stay as they are, and the labels alone may be others."""
        return self.scale == 1.0 and not any(self.shift) and self.steps is None

    def logits(self, logits: Array) -> Array:
        """(N, C) -> (N, C)"""
        if self.keeps_scores:
            return logits
        scaled = self.scale * logits + (np.array(self.shift) if self.shift else 0.0)
        if self.steps is None:
            return scaled
        probability = np.interp(positive_probability(scaled, self.positive), *self.steps)
        columns = (1 - probability, probability) if self.positive == 1 else (probability, 1 - probability)
        logs: Array = np.log(np.maximum(np.stack(columns, axis=1), LEAST))
        return logs

    def labels(self, adjusted: Array) -> NDArray[np.int64]:
        """The labels (N,) of logits (N, C) that ``logits`` has given."""
        labels: NDArray[np.int64] = adjusted.argmax(1)
        if self.threshold is not None:
            is_positive = positive_probability(adjusted, self.positive) >= self.threshold
            labels = np.where(is_positive, self.positive, 1 - self.positive)
        return labels

    @property
    def values(self) -> dict[str, float]:
        """Final metrics that say what was fitted; the shifts of more than two classes are no single number."""
        values = {} if self.threshold is None else {THRESHOLD: self.threshold}
        if self.scale != 1.0:
            values[LOGIT_SLOPE] = self.scale
        if len(self.shift) == 2:
            values[LOGIT_SHIFT] = self.shift[self.positive] - self.shift[1 - self.positive]
        return values

    # ---- as JSON -----------------------------------------------------------------------------------------------------

    def as_plain(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "shift": list(self.shift),
            "steps": None if self.steps is None else [list(values) for values in self.steps],
            "threshold": self.threshold,
            "positive": self.positive,
        }

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Raises ``KeyError`` where a part is missing."""
        steps = plain["steps"]
        return cls(
            scale=plain["scale"],
            shift=tuple(plain["shift"]),
            steps=None if steps is None else (tuple(steps[0]), tuple(steps[1])),
            threshold=plain["threshold"],
            positive=plain["positive"],
        )


def log_odds(logits: Array, positive: int) -> Array:
    """(N, 2) -> (N,): of the class ``positive`` against the other."""
    odds: Array = logits[:, positive] - logits[:, 1 - positive]
    return odds


def positive_probability(logits: Array, positive: int) -> Array:
    """(N, 2) -> (N,): by the log-odds alone, so that rows with the same have the same probability."""
    odds = log_odds(logits, positive)
    small = np.exp(-np.abs(odds))
    return np.where(odds >= 0, 1 / (1 + small), small / (1 + small))
