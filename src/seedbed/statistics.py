"""Means, sample spreads, intervals and paired tests over seeds: pure functions of arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Design = Literal["resampled", "fixed"]

CONFIDENCE = 0.95
RUNS = "the runs on this data set"
POPULATION = "the population behind it"

# SQL stores cannot hold infinity: MLflow saves it as the largest double, 1.797e308.
_STORED_INFINITY = 1.7e308
_MINIMISED = {"loss", "mse", "rmse", "mae", "seconds", "mse_warm", "rmse_warm", "rmse_clipped", "cold_rows"}
_SHARES = {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "auroc", "average_precision"}
_SHARES |= {"ndcg", "map", "mrr", "hit", "hit_rate", "top", "coverage"}


class Interval(NamedTuple):
    """Two ends, and what lies between them with 95 % confidence."""

    low: float
    high: float
    about: str


@dataclass(frozen=True)
class Summary:
    """What n values of one metric say; one value has no ``std``, ``low`` and ``high``: they are None."""

    n: int
    mean: float | None
    std: float | None
    """Sample standard deviation (ddof 1)."""
    low: float | None
    high: float | None
    missing: int
    """Values left out because they are not finite."""
    about: str = RUNS
    """What the interval ``low`` .. ``high`` is about: the mean of ever more runs on this data set."""


@dataclass(frozen=True)
class Comparison:
    """The paired comparison of a with b; what cannot be computed is None, and ``words`` says why."""

    n: int
    difference: float | None
    """Mean of a - b."""
    low: float | None
    high: float | None
    p: float | None
    test: str
    effect_size: float | None
    """Mean over sample standard deviation of the differences (Cohen's d_z)."""
    wilcoxon_p: float | None
    """Exact signed-rank p-value; with a fixed split only, as redrawn splits are not independent."""
    about: str
    """What the interval ``low`` .. ``high`` is about."""
    words: str


def lower_is_better(metric: str, own: Mapping[str, Mapping[str, Any]] | None = None) -> bool:
    """Whether ``metric`` ("test/loss", "val/rmse", "seconds") is an error or a cost; all else is raised.

    ``own``: a user's metrics, each of which says so itself.
    """
    name = _base_name(metric)
    return bool((own or {}).get(name, {}).get("lower_is_better", name in _MINIMISED))


def bounds(metric: str, own: Mapping[str, Mapping[str, Any]] | None = None) -> tuple[float | None, float | None]:
    """Lowest and highest value that ``metric`` can take; None where there is no such end, or it is not known."""
    name = _base_name(metric)
    if name in (own or {}):
        low, high = (own or {})[name].get("bounds") or (None, None)
        return low, high
    if name in _MINIMISED:
        return 0.0, None
    if name in _SHARES:
        return 0.0, 1.0
    return (-1.0, 1.0) if name == "mcc" else (None, None)


def _base_name(metric: str) -> str:
    """The name without its split and cut-off: "test/recall@10" -> "recall"."""
    return metric.rsplit("/", 1)[-1].split("@", 1)[0].lower()


def finite(values: ArrayLike) -> NDArray[np.bool_]:
    """Which values enter a mean: the finite ones, without the double that SQL stores keep for infinity."""
    array = np.asarray(values, dtype=float)
    counted: NDArray[np.bool_] = np.isfinite(array) & (np.abs(array) < _STORED_INFINITY)
    return counted


def summary(values: ArrayLike) -> Summary:
    """Mean, sample standard deviation and 95 % t interval of the mean, from the finite ones of (n,) values.

    The interval is about the runs on this data set: where the mean over ever more seeds would lie.
    """
    array, missing = _counted(values)
    if array.size == 0:
        return Summary(0, None, None, None, None, missing)
    mean = float(array.mean())
    if array.size == 1:
        return Summary(1, mean, None, None, None, missing)
    std = float(array.std(ddof=1))
    reach = _t_quantile(array.size) * std / math.sqrt(array.size)
    return Summary(array.size, mean, std, mean - reach, mean + reach, missing)


def prediction_interval(values: ArrayLike) -> Interval | None:
    """Where one more run on this data set would lie: mean +- t(0.975, n-1) s sqrt(1 + 1/n).

    None below two values.

    Source: Hahn and Meeker, Statistical Intervals (1991), section 4.8.
    """
    found = summary(values)
    if found.mean is None or found.std is None:
        return None
    reach = _t_quantile(found.n) * found.std * math.sqrt(1 + 1 / found.n)
    return Interval(found.mean - reach, found.mean + reach, f"one more of {RUNS}")


def compare(a: ArrayLike, b: ArrayLike, *, design: Design, test_to_train: float | None = None) -> Comparison:
    """Compare a with b, two arrays (n,) paired by index; a pair with a value that is not finite is left out.

    ``resampled``: every seed draws its own split, so training sets overlap and runs are not independent. The
    corrected resampled t-test (Nadeau and Bengio, Inference for the generalization error, Machine Learning
    52, 2003) takes the variance of the mean as s^2 (1/n + n_test/n_train); ``test_to_train`` is that ratio.
    Its interval is about the population that the data set was drawn from.

    ``fixed``: all seeds share one split. The paired t-test, with the exact Wilcoxon signed-rank test beside
    it; the interval is about the runs on this data set, and says nothing about another split of it.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"paired values need two arrays of one length, not of shapes {first.shape} and {second.shape}")
    if design == "resampled" and test_to_train is None:
        raise ValueError("the corrected resampled t-test needs test_to_train, the ratio of test rows to training rows")
    paired = finite(first) & finite(second)
    first, second = first[paired], second[paired]
    correction = float(test_to_train or 0.0) if design == "resampled" else 0.0
    about = POPULATION if design == "resampled" else RUNS
    differences = first - second
    if excuse := _untestable(differences, scale=_scale(first, second)):
        mean = float(differences.mean()) if differences.size else None
        return Comparison(differences.size, mean, None, None, None, "none", None, None, about, excuse)
    return _t_test(differences, design, correction, about, _scale(first, second))


def _t_test(
    differences: NDArray[np.float64], design: Design, correction: float, about: str, scale: float
) -> Comparison:
    n, mean, std = differences.size, float(differences.mean()), float(differences.std(ddof=1))
    error = std * math.sqrt(1 / n + correction)
    p = float(2 * stats.t.sf(abs(mean) / error, n - 1))
    reach = _t_quantile(n) * error
    test = "corrected resampled t-test" if design == "resampled" else "paired t-test"
    beside = wilcoxon_p(differences, tolerance=1e-9 * scale) if design == "fixed" else None
    words = f"{test} on {n} pairs" + (f", exact Wilcoxon p = {beside:.3g}" if beside is not None else "")
    return Comparison(n, mean, mean - reach, mean + reach, p, test, mean / std, beside, about, words)


def _untestable(differences: NDArray[np.float64], scale: float) -> str:
    """Why these differences bear no test, or ""; ``scale`` tells a difference from rounding."""
    n = differences.size
    if n == 0:
        return "no pair of finished runs: nothing to compare"
    if np.abs(differences).max() <= 1e-12 * scale:
        return "no difference in the one pair" if n == 1 else f"no difference in any of {n} pairs"
    if n == 1:
        return "one pair: no spread, so no test"
    if np.ptp(differences) <= 1e-12 * scale:
        return f"the same difference in each of {n} pairs: no spread, so no test"
    return ""


def wilcoxon_p(differences: ArrayLike, tolerance: float = 0.0) -> float | None:
    """Two-sided exact p-value of the signed-rank test, also with ties; None where all differences are zero.

    Zeros are dropped; ``tolerance``: differences closer than this are ties. SciPy's exact method knows no
    ties, and shares such as accuracies are full of them; so the distribution over all 2^n signs is counted
    here, rank by rank (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 2014, section 3.1).
    """
    array = np.asarray(differences, dtype=float)
    array = np.round(array / tolerance) if tolerance else array
    array = array[array != 0]
    if array.size == 0:
        return None
    doubled_ranks = np.rint(2 * stats.rankdata(np.abs(array))).astype(int)
    chances = np.ones(1)  # chances[w]: share of the sign patterns whose positive (doubled) ranks add up to w
    for rank in doubled_ranks:
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    positive = int(doubled_ranks[array > 0].sum())
    return float(min(1.0, 2 * min(chances[: positive + 1].sum(), chances[positive:].sum())))


def spread_p(a: ArrayLike, b: ArrayLike) -> float | None:
    """Two-sided p-value for equal variances of paired (n,) values; None below three pairs or without spread.

    Source: Pitman (1939) and Morgan (1939), Biometrika 31: the variances are equal where a + b and a - b do
    not correlate. It takes the pairs as independent and normal, which redrawn splits are only roughly.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    paired = finite(first) & finite(second)
    first, second = first[paired], second[paired]
    if first.size < 3 or min(np.ptp(first - second), np.ptp(first + second)) <= 1e-12 * _scale(first, second):
        return None
    return float(stats.pearsonr(first + second, first - second).pvalue)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values of a family of tests, in the order given; None (no test was made) does not count.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics
    6, 1979.
    """
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(tested):
        highest = max(highest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = highest
    return adjusted


def _counted(values: ArrayLike) -> tuple[NDArray[np.float64], int]:
    array = np.asarray(values, dtype=float).ravel()
    kept = finite(array)
    return array[kept], int((~kept).sum())


def _t_quantile(n: int) -> float:
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1))


def _scale(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Largest magnitude of the values: differences below 1e-12 of it are rounding."""
    return float(max(np.abs(first).max(initial=0.0), np.abs(second).max(initial=0.0)))
