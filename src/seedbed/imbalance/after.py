"""Strategies that act on scores after training, beside any strategy on rows or loss: ``imbalance/after``.

Each is fitted for every seed by itself, to its validation rows and to what is counted of its training rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seedbed.checks import is_from_zero, is_positive, require, require_choice
from seedbed.errors import ConfigError
from seedbed.imbalance.adjustment import Adjustment, Array, log_odds, positive_probability


@dataclass(frozen=True)
class ClassShares:
    """The share of each class in what a seed trained on, each (C,)."""

    prior: Array
    """In its training rows."""
    trained: Array
    """With the rows that a strategy has made or left out, and with class weights."""


@dataclass(frozen=True)
class ScoredRows:
    """The validation rows of a seed, with what its model says of them."""

    logits: Array
    """(N, C)"""
    labels: NDArray[np.int64]
    """(N,)"""
    positive: int
    """The class of interest, of two classes."""
    shares: ClassShares
    """Of the rows that it was trained on."""


class After(ABC):
    """Base of the strategies that act on scores."""

    OF_TWO_CLASSES = False
    """Whether it works for two classes only."""
    USES_VALIDATION = False
    """Whether it is fitted to validation rows, of which there must then be some of each of two classes."""

    def check(self, training: Mapping[str, int], validation: Mapping[str, int]) -> None:
        """Raise a ``ConfigError`` where it cannot work on so many rows of each class, under one seed."""
        if self.OF_TWO_CLASSES and len(training) != 2:
            raise ConfigError(
                f"imbalance/after: {self._name} works for two classes, and the data have {len(training)}. Use "
                "imbalance/after=prior_correction, logit_adjustment or recalibrate; or join classes with data.labels."
            )
        absent = [name for name, rows in validation.items() if rows == 0]
        if self.USES_VALIDATION and len(training) == 2 and absent:
            raise ConfigError(
                f"imbalance/after: {self._name} is fitted to validation rows, and none of them is of class {absent[0]!r}. "
                "Raise split.val, or write imbalance/after=none."
            )

    def check_shares(self, shares: ClassShares, classes: Sequence[str]) -> None:  # noqa: B027 - most work on any
        """Raise a ``ConfigError`` where it cannot work on what a strategy has made of one seed's training rows."""

    @abstractmethod
    def fit(self, rows: ScoredRows) -> Adjustment:
        """Fit it to one seed."""

    @abstractmethod
    def describe(self) -> list[str]:
        """Sentences for the report."""

    @property
    def _name(self) -> str:
        return type(self).__name__


# ---- a threshold -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counts:
    """Rows by truth and label, each (T,) at T thresholds."""

    true_positive: Array
    false_positive: Array
    false_negative: Array
    true_negative: Array

    @property
    def recall(self) -> Array:
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> Array:
        return _ratio(self.true_negative, self.true_negative + self.false_positive)

    def f_beta(self, beta: float) -> Array:
        hits = (1 + beta**2) * self.true_positive
        return _ratio(hits, hits + beta**2 * self.false_negative + self.false_positive)

    @property
    def mcc(self) -> Array:
        """Matthews' correlation coefficient."""
        tp, fp, fn, tn = self.true_positive, self.false_positive, self.false_negative, self.true_negative
        return _ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))

    @property
    def accuracy(self) -> Array:
        return (self.true_positive + self.true_negative) / (
            self.true_positive + self.false_positive + self.false_negative + self.true_negative
        )


def _ratio(part: Array, whole: Array) -> Array:
    """0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(whole, dtype=np.float64), where=whole > 0)


METRICS: dict[str, Callable[[Counts, float], Array]] = {
    "f1": lambda counts, beta: counts.f_beta(1.0),
    "f_beta": lambda counts, beta: counts.f_beta(beta),
    "balanced_accuracy": lambda counts, beta: (counts.recall + counts.specificity) / 2,
    "g_mean": lambda counts, beta: np.sqrt(counts.recall * counts.specificity),
    "mcc": lambda counts, beta: counts.mcc,
    "accuracy": lambda counts, beta: counts.accuracy,
}
"""By which a threshold may be chosen; the second argument is beta."""


class Threshold(After):
    """Labels a row by the threshold on its probability that is the best by ``metric`` on the seed's validation rows.

    Probabilities, and what is measured of them, stay as they are. Candidates lie halfway between neighbouring
    probabilities of validation rows; of equally good ones the lowest is taken, as by scikit-learn's
    ``TunedThresholdClassifierCV``.
    """

    OF_TWO_CLASSES = USES_VALIDATION = True

    def __init__(self, *, metric: str = "f1", beta: float = 2.0) -> None:
        """``beta`` is that of ``f_beta``: recall weighs so many times as much as precision."""
        require_choice("imbalance.after.metric", metric, METRICS)
        require(is_positive(beta), "imbalance.after.beta", beta, "a positive number, such as 2")
        self.metric, self.beta = metric, beta

    def fit(self, rows: ScoredRows) -> Adjustment:
        scores = positive_probability(rows.logits, rows.positive)
        threshold = self.best(scores, rows.labels == rows.positive, candidates(scores))
        return Adjustment(threshold=threshold, positive=rows.positive)

    def best(self, scores: Array, positive: NDArray[np.bool_], thresholds: Array) -> float:
        """The best of the rising ``thresholds`` for the scores (N,) of rows that are ``positive`` (N,) or not."""
        values = METRICS[self.metric](counts_at(scores, positive, thresholds), self.beta)
        return float(thresholds[int(values.argmax())])

    def describe(self) -> list[str]:
        by = f"F-beta with beta={self.beta:g}" if self.metric == "f_beta" else self.metric
        return [f"After training: labels by the threshold that is best by {by} on each seed's validation rows."]


def candidates(scores: Array) -> Array:
    """Thresholds that part the scores in every way, but for labelling nothing as positive."""
    distinct = np.unique(scores)
    return np.concatenate([distinct[:1], (distinct[:-1] + distinct[1:]) / 2])


def counts_at(scores: Array, positive: NDArray[np.bool_], thresholds: Array) -> Counts:
    """What becomes of the rows where those with a score of a threshold or more are labelled as positive."""

    def labelled(of: Array) -> Array:
        return (len(of) - np.searchsorted(np.sort(of), thresholds)).astype(np.float64)

    hits, alarms = labelled(scores[positive]), labelled(scores[~positive])
    return Counts(hits, alarms, positive.sum() - hits, (~positive).sum() - alarms)


# ---- other priors ----------------------------------------------------------------------------------------------------


class PriorCorrection(After):
    """Corrects probabilities from the class shares that were trained on to those of the seed's training rows.

    p(c | x) becomes proportional to p(c | x) prior(c) / trained(c) (Saerens et al. 2002; of two classes Elkan 2001), which
    adds log(prior / trained) to the logits. Class weights count as shares. What a model itself resamples or weighs is not seen.
    """

    def check_shares(self, shares: ClassShares, classes: Sequence[str]) -> None:
        gone = (shares.prior > 0) & (shares.trained <= 0)
        if gone.any():
            raise ConfigError(
                f"imbalance/after: {self._name} divides by the share of each class that is trained on, and the strategy leaves "
                f"no row of {classes[int(gone.argmax())]!r}. Use another strategy, or imbalance/after=none."
            )

    def fit(self, rows: ScoredRows) -> Adjustment:
        prior, trained = rows.shares.prior, rows.shares.trained
        of = prior > 0  # a class without any training row has no share to correct
        shift = np.zeros(len(prior))
        shift[of] = np.log(prior[of] / trained[of])
        return Adjustment(shift=tuple(shift.tolist()), positive=rows.positive)

    def describe(self) -> list[str]:
        return [
            "After training: probabilities corrected from the class shares that were trained on to those of each seed's "
            "training rows (Saerens et al. 2002)."
        ]


class LogitAdjustment(After):
    """Subtracts ``tau`` log(prior) from the logits, by the class shares of the seed's training rows (Menon et al. 2021).

    With tau=1 it gives the label of the highest balanced probability.
    """

    def __init__(self, *, tau: float = 1.0) -> None:
        require(is_from_zero(tau), "imbalance.after.tau", tau, "a number from 0 on, such as 1")
        self.tau = tau

    def check(self, training: Mapping[str, int], validation: Mapping[str, int]) -> None:
        super().check(training, validation)
        absent = [name for name, rows in training.items() if rows == 0]
        if absent:
            raise ConfigError(
                f"imbalance/after: {self._name} takes the logarithm of each class' share, and class {absent[0]!r} has no "
                "training row. Use data or a split with training rows of it, or imbalance/after=none."
            )

    def fit(self, rows: ScoredRows) -> Adjustment:
        return Adjustment(shift=tuple((-self.tau * np.log(rows.shares.prior)).tolist()), positive=rows.positive)

    def describe(self) -> list[str]:
        return [
            f"After training: logits less {self.tau:g} times the logarithm of each class' share in the training rows "
            "(Menon et al. 2021)."
        ]


# ---- calibration -----------------------------------------------------------------------------------------------------

METHODS = ("platt", "isotonic")


class Recalibrate(After):
    """Fits probabilities to the seed's validation rows.

    ``platt``: of two classes a logistic regression on the log-odds, with Platt's targets (Platt 1999); of more, one
    temperature by which all logits are divided (Guo et al. 2017). ``isotonic``: a rising step function of the
    probability (Zadrozny and Elkan 2002), of two classes.
    """

    USES_VALIDATION = True

    def __init__(self, *, method: str = "platt") -> None:
        require_choice("imbalance.after.method", method, METHODS)
        self.method = method
        self.OF_TWO_CLASSES = method == "isotonic"

    def fit(self, rows: ScoredRows) -> Adjustment:
        if rows.logits.shape[1] > 2:
            return Adjustment(scale=1 / _temperature(rows.logits, rows.labels))
        positive = rows.labels == rows.positive
        if self.method == "isotonic":
            return Adjustment(steps=_isotonic(positive_probability(rows.logits, rows.positive), positive), positive=rows.positive)  # fmt: skip
        slope, intercept = _platt(log_odds(rows.logits, rows.positive), positive)
        shift = (0.0, intercept) if rows.positive == 1 else (intercept, 0.0)
        return Adjustment(scale=slope, shift=shift, positive=rows.positive)

    def describe(self) -> list[str]:
        how = "Platt's logistic regression, or one temperature where there are more than two classes"
        how = "isotonic regression" if self.method == "isotonic" else how
        return [f"After training: probabilities recalibrated on each seed's validation rows by {how}."]


def _platt(odds: Array, positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and intercept. Platt's targets keep them finite where the validation rows are told apart without error."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes long to import, and few need it

    hits, others = int(positive.sum()), int((~positive).sum())
    targets = np.where(positive, (hits + 1) / (hits + 2), 1 / (others + 2))
    if odds.min() == odds.max():  # all rows are alike, and nothing can be said of a slope
        return 1.0, float(np.log(targets.mean() / (1 - targets.mean())) - odds[0])
    unit = float(np.abs(odds).max())
    # A target between 0 and 1 is a row of both classes, with weights.
    fitted = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(
        np.tile(odds / unit, 2)[:, None],
        np.repeat([1, 0], len(odds)),
        np.concatenate([targets, 1 - targets]),
    )
    return float(fitted.coef_[0, 0]) / unit, float(fitted.intercept_[0])


def _isotonic(scores: Array, positive: NDArray[np.bool_]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415 - as above

    fitted = IsotonicRegression(y_min=0, y_max=1).fit(scores, positive.astype(np.float64))
    return tuple(fitted.X_thresholds_.tolist()), tuple(fitted.y_thresholds_.tolist())


MOST = 5.0
"""The logarithm of the highest temperature, and with a minus of the lowest."""


def _temperature(logits: Array, labels: NDArray[np.int64]) -> float:
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - as above
    from scipy.special import log_softmax  # noqa: PLC0415 - as above

    def loss(log_temperature: float) -> float:
        logs = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(logs[np.arange(len(labels)), labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-MOST, MOST), method="bounded", options={"xatol": 1e-8}).x))
