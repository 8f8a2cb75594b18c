"""What scores of two classes say of rows: curves, thresholds and recalibration, as pure functions of arrays.

``scores`` (N,) put rows in order, the likelier to be positive the higher; ``positive`` (N,) says which are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from seedbed.imbalance.after import Threshold, candidates

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]

BINS = 10
"""Of equally many rows, of a reliability diagram."""
MOST_STEPS, CLOSE = 100, 1e-10
"""Of Newton's method, and the largest gradient at which it has arrived."""


@dataclass(frozen=True)
class Cuts:
    """The confusion at each threshold: rows whose score is at least one of the ``values`` are taken for positive."""

    values: Floats
    """(K,) the distinct scores, falling."""
    hits: Floats
    """(K,) positive rows taken for positive."""
    alarms: Floats
    """(K,) negative rows taken for positive."""

    @classmethod
    def of(cls, scores: NDArray[np.floating], positive: Truth) -> Cuts:
        order = np.argsort(-scores, kind="stable")
        values = scores[order].astype(np.float64)
        last = np.append(values[1:] != values[:-1], True)
        hits, alarms = positive[order].cumsum(), (~positive[order]).cumsum()
        return cls(values[last], hits[last].astype(np.float64), alarms[last].astype(np.float64))

    @property
    def recall(self) -> Floats:
        return np.asarray(self.hits / self.hits[-1])

    @property
    def precision(self) -> Floats:
        return np.asarray(self.hits / (self.hits + self.alarms))

    @property
    def fall_out(self) -> Floats:
        """The share of the negative rows that are taken for positive."""
        return np.asarray(self.alarms / self.alarms[-1])

    @property
    def f1(self) -> Floats:
        return np.asarray(2 * self.hits / (self.hits[-1] + self.hits + self.alarms))

    @property
    def auroc(self) -> float:
        recall = self.recall
        before = np.append(0.0, recall[:-1])
        return float((np.diff(self.fall_out, prepend=0.0) * (recall + before) / 2).sum())

    @property
    def average_precision(self) -> float:
        return float((np.diff(self.recall, prepend=0.0) * self.precision).sum())

    def precision_at(self, recalls: Floats) -> Floats:
        """At the highest threshold that reaches each recall, without interpolation, as average precision takes it."""
        return np.asarray(self.precision[np.searchsorted(self.recall, recalls - 1e-12)])

    def recall_at(self, fall_outs: Floats) -> Floats:
        """The ROC curve at these shares of the negative rows, linear between its points (Fawcett 2006, vertical averaging)."""
        distinct, first = np.unique(self.fall_out[::-1], return_index=True)  # the last of each: its highest recall
        highest = self.recall[::-1][first]
        if distinct[0] > 0:
            distinct, highest = np.append(0.0, distinct), np.append(0.0, highest)
        return np.interp(fall_outs, distinct, highest)

    def f1_at(self, thresholds: Floats) -> Floats:
        """Of rows whose score is at least each threshold; 0 where none is."""
        taken = np.searchsorted(-self.values, -thresholds, side="right")
        return np.append(0.0, self.f1)[taken]


def tuned_threshold(scores: Floats, positive: Truth) -> float:
    """The threshold with the highest F1 on these rows, as ``imbalance.after=threshold`` finds it; NaN without a positive row."""
    return Threshold().best(scores, positive, candidates(scores)) if positive.any() else float("nan")


def f1_of(predicted: Truth, positive: Truth) -> float:
    """0 where no row is positive nor taken for it."""
    return 2 * float((predicted & positive).sum()) / max(1, int(predicted.sum() + positive.sum()))


def platt(scores: Floats, positive: Truth) -> tuple[float, float]:
    """Slope and intercept of the log-odds that recalibrate scores, by maximum likelihood; NaN where one class is absent.

    The targets are Platt's, a little within 0 and 1, so that there is a maximum where the scores separate the classes.

    Source: Platt, Probabilistic outputs for support vector machines, 1999; Lin, Lin and Weng, A note on Platt's
    probabilistic outputs for support vector machines, Machine Learning 68, 2007 (Newton's method with backtracking).
    """
    count, total = int(positive.sum()), len(positive)
    if not 0 < count < total:
        return float("nan"), float("nan")
    targets = np.where(positive, (count + 1) / (count + 2), 1 / (total - count + 2))
    mean, spread = float(scores.mean()), float(scores.std()) or 1.0
    rows = np.stack([(scores - mean) / spread, np.ones(total)], axis=1)
    weights = np.array([0.0, np.log((count + 1) / (total - count + 1))])
    loss = _loss(rows @ weights, targets)
    for _ in range(MOST_STEPS):
        said = expit(rows @ weights)
        gradient = rows.T @ (said - targets)
        if np.abs(gradient).max() < CLOSE * total:
            break
        hessian = (rows * (said * (1 - said))[:, None]).T @ rows + 1e-12 * np.eye(2)
        step, length = np.linalg.solve(hessian, gradient), 1.0
        while length > 1e-10 and (tried := _loss(rows @ (weights - length * step), targets)) > loss:
            length /= 2
        if length <= 1e-10:
            break
        weights, loss = weights - length * step, tried
    return float(weights[0] / spread), float(weights[1] - weights[0] * mean / spread)


def _loss(log_odds: Floats, targets: Floats) -> float:
    return float((np.logaddexp(0, log_odds) - targets * log_odds).sum())


def brier(probabilities: Floats, positive: Truth) -> float:
    """The mean squared error of the probabilities of one class."""
    return float(((probabilities - positive) ** 2).mean())


def reliability(probabilities: Floats, positive: Truth, bins: int = BINS) -> tuple[Floats, Floats]:
    """Mean probability and share of positive rows in ``bins`` of equally many rows each, from the lowest probabilities.

    Rows with equal probabilities that a bin's end parts count with the share of all of them.
    """
    values, group, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    shares = np.bincount(group, weights=positive) / counts
    order = np.sort(group)
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return np.array([values[part].mean() for part in parts]), np.array([shares[part].mean() for part in parts])
