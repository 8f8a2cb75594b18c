"""Means, sample spreads, intervals, paired tests, rankings and power over seeds: pure functions of arrays.

``scipy.stats`` takes a second to import, so the functions that need more of it than its distributions import it themselves.
"""

from __future__ import annotations

import bisect
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Design = Literal["resampled", "fixed"]

CONFIDENCE = 0.95
# Relative differences up to this are rounding.
ROUNDING = 1e-12
RUNS = "the runs on this data set"
RUNS_ON_ONE_SPLIT = "the runs on this one split"
"""Where all seeds share one split, and so nothing is said about others."""
RUNS_LIKE_THESE = "runs like these"
"""Where nobody says whether the seeds share one split: true of the runs in either case."""
POPULATION = "the population behind this data set"
RESPLITS = "other random splits of these ratings (the same users and items)"
"""Ratings of one user are no independent draws, so redrawn splits of ratings say nothing of other users."""

# SQL stores cannot hold infinity: MLflow saves it as the largest double, 1.797e308.
_STORED_INFINITY = 1.7e308


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
    std: float | None
    """Sample standard deviation of the differences; None where there was no test."""
    low: float | None
    high: float | None
    p: float | None
    test: str
    effect_size: float | None
    """Mean over sample standard deviation of the differences (Cohen's d_z)."""
    above: float | None
    """Share of the pairs in which a is larger, ties counted half: with a gain, its probability of improvement."""
    wilcoxon_p: float | None
    """Exact signed-rank p-value; with a fixed split only, as redrawn splits are not independent."""
    about: str
    """What the interval ``low`` .. ``high`` is about."""
    words: str


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
    unit = _unit(array)
    scaled = array / unit
    mean = float(scaled.mean())
    if array.size == 1:
        return Summary(1, mean * unit, None, None, None, missing)
    equal = np.ptp(scaled) <= ROUNDING * np.abs(scaled).max()
    std = 0.0 if equal else float(scaled.std(ddof=1))
    reach = _t_quantile(array.size) * std / math.sqrt(array.size)
    low, high = (mean - reach) * unit, (mean + reach) * unit
    std = min(std * unit, sys.float_info.max)
    if not (math.isfinite(low) and math.isfinite(high)):
        return Summary(array.size, mean * unit, std, None, None, missing)
    return Summary(array.size, mean * unit, std, low, high, missing)


def mean_alone(values: ArrayLike) -> float | None:
    """The mean that ``summary`` gives, in less time; None where no value is finite."""
    array, _ = _counted(values)
    if array.size == 0:
        return None
    unit = _unit(array)
    return float((array / unit).mean()) * unit


def prediction_interval(values: ArrayLike, confidence: float = CONFIDENCE) -> Interval | None:
    """The interval in which one more run on this data set would lie: mean +- t(0.975, n-1) s sqrt(1 + 1/n), of a ``confidence`` of 95 %.

    None below two values.

    Source: Hahn and Meeker, Statistical Intervals (1991), section 4.8.
    """
    sample = summary(values)
    if sample.mean is None or sample.std is None:
        return None
    reach = _t_quantile(sample.n, confidence) * sample.std * math.sqrt(1 + 1 / sample.n)
    return Interval(sample.mean - reach, sample.mean + reach, f"one more of {RUNS}")


class CurveDistance(NamedTuple):
    """How far one more curve lies from n curves, at its farthest epoch, and how far one of ours would lie."""

    z: tuple[float | None, ...]
    """(epochs,) (curve - our mean) / our sample standard deviation; None where ours has no spread."""
    limit: float | None
    """The largest |z| over all epochs of one more curve of ours stays below it with the confidence that was asked for."""


def curve_distance(ours: ArrayLike, curve: ArrayLike, confidence: float = CONFIDENCE) -> CurveDistance:
    """Set ``curve`` (epochs,) beside (n, epochs) curves of ours; from two curves on."""
    runs, other = np.asarray(ours, dtype=float), np.asarray(curve, dtype=float)
    unit = _unit(runs)
    runs, other = runs / unit, other / unit
    mean, std = runs.mean(axis=0), runs.std(axis=0, ddof=1)
    spread = np.ptp(runs, axis=0) > ROUNDING * np.abs(runs).max(axis=0)
    z = tuple(
        float(distance / s) if known else None for distance, s, known in zip(other - mean, std, spread, strict=True)
    )
    return CurveDistance(z, largest_z_limit(runs[:, spread], confidence) if spread.any() else None)


def largest_z_limit(
    ours: ArrayLike, confidence: float = CONFIDENCE, *, resamples: int = 20_000, seed: int = 0
) -> float:
    """Quantile (by default of 95 %) of the largest |z| over the epochs of one more curve, from (n, epochs) curves with a spread.

    A seeded parametric bootstrap: n + 1 normal curves with the sample correlation over the epochs, of which the last is
    set beside mean and sample standard deviation of the first n. For one epoch it is t(0.975, n-1) sqrt(1 + 1/n), as in
    ``prediction_interval``. The correlation is itself taken from n curves, so that the limit is a little too
    low where the epochs hardly correlate and n is small.

    Source: Davison and Hinkley, Bootstrap methods and their application, 1997, section 2.2 and chapter 4.
    """
    runs = np.asarray(ours, dtype=float)
    runs = runs / _unit(runs)
    n = len(runs)
    deviations = runs - runs.mean(axis=0)
    deviations /= np.sqrt((deviations**2).sum(axis=0))  # their products over the n curves are the correlations
    rng = np.random.default_rng(seed)
    largest = [_largest_z(rng.standard_normal((part, n + 1, n)) @ deviations) for part in _parts(resamples, 2_000)]
    return float(np.quantile(np.concatenate(largest), confidence))


def _largest_z(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples,) of (resamples, n + 1, epochs) curves: how far the last lies from the others at its farthest epoch."""
    first, last = curves[:, :-1], curves[:, -1]
    largest: NDArray[np.float64] = np.abs((last - first.mean(axis=1)) / first.std(axis=1, ddof=1)).max(axis=1)
    return largest


def _parts(count: int, size: int) -> list[int]:
    """``count`` in parts of ``size``, so that not all of it lies in memory at once."""
    return [min(size, count - start) for start in range(0, count, size)]


def median(values: ArrayLike) -> float | None:
    """Median of the finite ones of (n,) values; None without any."""
    array, _ = _counted(values)
    return float(np.median(array)) if array.size else None


def interquartile_mean(values: ArrayLike) -> float | None:
    """Mean of the middle half of the finite ones of (n,) values: a quarter, rounded down, is cut off at each end.

    Source: Agarwal et al., Deep reinforcement learning at the edge of the statistical precipice, NeurIPS 2021.
    """
    array, _ = _counted(values)
    from scipy.stats import trim_mean

    return float(trim_mean(array, 0.25)) if array.size else None


LEAST_BOOTSTRAPPED = 8
"""Fewer values have too few resamples that differ: an interval of them would hold less than it says."""


def bootstrap_interval(values: ArrayLike, resamples: int = 9999, seed: int = 0) -> Interval | None:
    """Expanded bias-corrected and accelerated (BCa) 95 % bootstrap interval of the mean of (n,) values; the same each time.

    Without the expansion it would be about as narrow as one by the normal quantile and the divisor n, which holds the
    mean of 10 normal values in 90 of 100 cases. None below ``LEAST_BOOTSTRAPPED`` values
    and where all are equal. It is about the runs on this data set.

    Source: Efron, Better bootstrap confidence intervals, JASA 82, 1987; the expansion: Hesterberg, What teachers should
    know about the bootstrap, The American Statistician 69, 2015, section 3.4.
    """
    array, _ = _counted(values)
    n = array.size
    if n < LEAST_BOOTSTRAPPED or np.ptp(array) <= ROUNDING * np.abs(array).max():
        return None
    from scipy.stats import bootstrap

    level = 1 - 2 * float(special.ndtr(-_t_quantile(n) * math.sqrt(n / (n - 1))))
    unit = _unit(array)
    interval = bootstrap(
        (array / unit,), np.mean, n_resamples=resamples, method="BCa", confidence_level=level, random_state=seed
    ).confidence_interval
    if not np.isfinite(interval).all():
        return None
    return Interval(float(interval.low) * unit, float(interval.high) * unit, RUNS)


def population_interval(values: ArrayLike, test_to_train: float, about: str = POPULATION) -> Interval | None:
    """An interval of the expected value over data sets like this one, from (n,) values on redrawn splits.

    The training sets of the n runs overlap, as all come from one data set. So the variance of their mean is taken as
    s^2 (1/n + n_test/n_train): Nadeau and Bengio, Inference for the generalization error, Machine Learning 52, 2003.
    None below two values.
    """
    sample = summary(values)
    if sample.mean is None or sample.std is None:
        return None
    reach = _t_quantile(sample.n) * sample.std * math.sqrt(1 / sample.n + test_to_train)
    return Interval(sample.mean - reach, sample.mean + reach, about)


def mean_above_p(values: ArrayLike, bound: float, *, correction: float = 0.0) -> float | None:
    """One-sided p-value of the t-test that the mean of (n,) values lies above ``bound``; None without a spread.

    ``correction`` is n_test/n_train where splits were drawn anew (``population_interval``), 0 for a fixed split.
    """
    sample = summary(values)
    if sample.mean is None or not sample.std:
        return None
    error = sample.std * math.sqrt(1 / sample.n + correction)
    return _t_above((sample.mean - bound) / error, sample.n)


def compare(
    a: ArrayLike,
    b: ArrayLike,
    *,
    design: Design,
    test_to_train: float | None = None,
    population: str = POPULATION,
    runs: str = RUNS,
) -> Comparison:
    """Compare a with b, two arrays (n,) paired by index; a pair with a value that is not finite is left out.

    ``resampled``: every seed draws its own split, so training sets overlap and runs are not independent. The
    corrected resampled t-test (Nadeau and Bengio, Inference for the generalization error, Machine Learning
    52, 2003) takes the variance of the mean as s^2 (1/n + n_test/n_train); ``test_to_train`` is that ratio.
    Its interval is about ``population``: by default what the data set was drawn from.

    ``fixed``: all seeds share one split. The paired t-test, with the exact Wilcoxon signed-rank test beside
    it; the interval is about ``runs``, and says nothing about another split of the data set.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"paired values need two arrays of one length, not of shapes {first.shape} and {second.shape}")
    if design == "resampled" and test_to_train is None:
        raise ValueError("the corrected resampled t-test needs test_to_train, the ratio of test rows to training rows")
    paired = finite(first) & finite(second)
    first, second = first[paired], second[paired]
    correction = float(test_to_train or 0.0) if design == "resampled" else 0.0
    about = population if design == "resampled" else runs
    sizes = np.maximum(np.abs(first), np.abs(second))
    differences = first - second
    differences[np.abs(differences) <= ROUNDING * sizes] = 0.0
    above = float(np.where(differences == 0, 0.5, differences > 0).mean()) if differences.size else None
    if excuse := _untestable(differences, float(sizes.max(initial=0.0))):
        mean = float(differences.mean()) if differences.size else None
        return Comparison(differences.size, mean, None, None, None, None, "none", None, above, None, about, excuse)
    return _t_test(differences, design, correction, about, above)


def interval_at(comparison: Comparison, level: float, *, correction: float = 0.0) -> Interval | None:
    """The interval of a comparison's mean difference that holds 0 where its t-test does not reject at ``level``.

    ``correction`` is n_test/n_train of the corrected resampled t-test, 0 for a fixed split; ``level`` 0.05 gives ``low``
    and ``high`` of the comparison. None where there was no test.
    """
    if comparison.difference is None or comparison.std is None:
        return None
    reach = _t_quantile(comparison.n, 1 - level) * comparison.std
    reach *= math.sqrt(1 / comparison.n + correction)
    return Interval(comparison.difference - reach, comparison.difference + reach, comparison.about)


def compare_with_lost(
    a: ArrayLike,
    b: ArrayLike,
    *,
    lower_is_better: bool,
    worst: float | None,
    design: Design,
    test_to_train: float | None = None,
) -> Comparison:
    """Compare a with b, (n,) values paired by index, where a value that is not finite was lost, as its run diverged.

    A lost value counts as ``worst``, the bad end of the metric. Where it has none, a and b are replaced by their ranks
    among all 2n values, the lost ones tied at the bad end, and the t-test is that of the ranks.

    Source: Conover and Iman, Rank transformations as a bridge between parametric and nonparametric statistics, The
    American Statistician 35, 1981.
    """
    both = lost_as_worst(a, b, lower_is_better=lower_is_better, worst=worst)
    return compare(*both, design=design, test_to_train=test_to_train)


def lost_as_worst(
    a: ArrayLike, b: ArrayLike, *, lower_is_better: bool, worst: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) values a and b with ``worst`` where one is not finite; without a ``worst``, their ranks among all 2n."""
    both = np.stack([np.asarray(a, dtype=float), np.asarray(b, dtype=float)])
    lost = ~finite(both)
    if worst is not None:
        both[lost] = worst
    else:
        kept = _with_digits(np.where(lost, 0.0, both), 12)
        ordered = np.where(lost, np.inf if lower_is_better else -np.inf, kept)
        from scipy.stats import rankdata

        both = rankdata(ordered).reshape(both.shape)
    return both[0], both[1]


def _t_test(
    differences: NDArray[np.float64], design: Design, correction: float, about: str, above: float | None
) -> Comparison:
    scale = float(np.abs(differences).max())  # squares of very small numbers would be 0
    scaled = differences / scale
    n, mean, std = differences.size, float(scaled.mean()), float(scaled.std(ddof=1))
    error = std * math.sqrt(1 / n + correction)
    p = 2 * _t_above(abs(mean) / error, n)
    reach = _t_quantile(n) * error
    low, high = (mean - reach) * scale, (mean + reach) * scale
    test = "corrected resampled t-test" if design == "resampled" else "paired t-test"
    beside = wilcoxon_p(differences) if design == "fixed" else None
    words = f"{test} on {n} pairs" + (f", exact Wilcoxon p = {beside:.3g}" if beside is not None else "")
    return Comparison(n, mean * scale, std * scale, low, high, p, test, mean / std, above, beside, about, words)


def _untestable(differences: NDArray[np.float64], size: float) -> str:
    """Why these differences bear no test, or ""; ``size``, that of the values, tells a spread from rounding."""
    n = differences.size
    if n == 0:
        return "no pair of finished runs: nothing to compare"
    if not differences.any():
        return "no difference in the one pair" if n == 1 else f"no difference in any of {n} pairs"
    if n == 1:
        return "one pair: no spread, so no test"
    if np.ptp(differences) <= ROUNDING * size:
        return f"the same difference in each of {n} pairs: no spread, so no test"
    return ""


def wilcoxon_p(differences: ArrayLike) -> float | None:
    """Two-sided exact p-value of the signed-rank test, also with ties; None where all differences are zero.

    Zeros are dropped; differences that agree in nine digits are ties. SciPy's exact method knows no ties, and shares
    such as accuracies are full of them; so the distribution over all 2^n signs is counted here, rank by rank
    (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 2014, section 3.1).
    """
    array = _with_digits(np.asarray(differences, dtype=float), 9)
    array = array[array != 0]
    if array.size == 0:
        return None
    _, group, sizes = np.unique(np.abs(array), return_inverse=True, return_counts=True)
    doubled_ranks = (2 * sizes.cumsum() - sizes + 1)[group]  # of ties, the mean of their ranks
    chances = _chances_of_sorted(tuple(np.sort(doubled_ranks).tolist()))
    positive = int(doubled_ranks[array > 0].sum())
    return float(min(1.0, 2 * min(chances[: positive + 1].sum(), chances[positive:].sum())))


@lru_cache(maxsize=8)  # without ties, every test of n pairs has the same ranks
def _chances_of_sorted(ranks: tuple[int, ...]) -> NDArray[np.float64]:
    return rank_sum_chances(ranks)


def rank_sum_chances(ranks: ArrayLike) -> NDArray[np.float64]:
    """(sum + 1,) the share of all sign patterns of (n,) whole ranks whose positive ranks add up to 0, 1, ... their sum."""
    whole = np.asarray(ranks, dtype=np.int64)
    chances = np.zeros(whole.sum() + 1)
    chances[0] = 1
    for rank in whole:
        chances[rank:] += chances[:-rank].copy()
        chances /= 2
    return chances


def least_wilcoxon_p(n: int) -> float:
    """The smallest two-sided p-value that the exact signed-rank test can give for n pairs: all differences of one sign."""
    return min(1.0, 2.0 ** (1 - n))


class Posterior(NamedTuple):
    """The posterior of the true difference a - b, as probabilities that add up to 1."""

    below: float
    """It is less than -rope."""
    within: float
    """It is too small to matter: within -rope .. rope."""
    above: float


def posterior(
    a: ArrayLike, b: ArrayLike, *, rope: float, design: Design, test_to_train: float | None = None
) -> Posterior | None:
    """The Bayesian correlated t-test of paired (n,) values with a region of practical equivalence of +- ``rope``.

    The posterior of the mean difference is a t distribution with n - 1 degrees of freedom around the mean, of variance
    s^2 (1/n + n_test/n_train); with a fixed split the second term is 0. None where ``compare`` makes no test.

    Source: Corani and Benavoli, A Bayesian approach for comparing cross-validated algorithms on multiple data sets,
    Machine Learning 100, 2015; Benavoli et al., Time for a change, JMLR 18, 2017.
    """
    comparison = compare(a, b, design=design, test_to_train=test_to_train)
    if comparison.difference is None or comparison.std is None:
        return None
    error = comparison.std * math.sqrt(
        1 / comparison.n + (float(test_to_train or 0.0) if design == "resampled" else 0.0)
    )
    below = _t_above((rope + comparison.difference) / error, comparison.n)
    above = _t_above((rope - comparison.difference) / error, comparison.n)
    return Posterior(below, max(0.0, 1 - below - above), above)


def equivalence_p(
    a: ArrayLike, b: ArrayLike, *, margin: float, design: Design, test_to_train: float | None = None
) -> float | None:
    """p-value of the claim that the mean of a - b lies within -``margin`` .. ``margin``, of paired (n,) values.

    Two one-sided t-tests, that it lies above the one end and below the other: the claim needs both, so that its p-value is
    the larger one. The variance of the mean is that of ``compare``. 0 where no pair differs; None without a test.

    Source: Schuirmann, A comparison of the two one-sided tests procedure and the power approach for assessing the
    equivalence of average bioavailability, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987.
    """
    comparison = compare(a, b, design=design, test_to_train=test_to_train)
    if comparison.difference is None or comparison.std is None:
        return 0.0 if comparison.n > 1 and comparison.difference == 0 else None
    correction = float(test_to_train or 0.0) if design == "resampled" else 0.0
    error = comparison.std * math.sqrt(1 / comparison.n + correction)
    ends = (margin + comparison.difference, margin - comparison.difference)
    return max(_t_above(end / error, comparison.n) for end in ends)


def spread_p(a: ArrayLike, b: ArrayLike) -> float | None:
    """Two-sided p-value for equal variances of paired (n,) values; None below three pairs or without spread.

    Source: Pitman (1939) and Morgan (1939), Biometrika 31: the variances are equal where a + b and a - b do
    not correlate. It takes the pairs as independent and normal, which redrawn splits are only roughly.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    paired = finite(first) & finite(second)
    unit = _unit(np.concatenate([first[paired], second[paired]]))
    first, second = first[paired] / unit, second[paired] / unit
    if first.size < 3 or min(np.ptp(first - second), np.ptp(first + second)) <= ROUNDING * _scale(first, second):
        return None
    from scipy.stats import pearsonr

    return float(pearsonr(first + second, first - second).pvalue)


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


def holm_levels(p_values: Sequence[float | None], level: float = 0.05) -> list[float | None]:
    """The level at which Holm's method tests each p-value: ``level`` / (m - i + 1) for the i-th smallest of m.

    The method stops at the first that is not below its level, and takes no later step. So all from there on have the
    level of that step: each p-value is below its level exactly where ``holm`` puts it below ``level``. Equal p-values
    have the level of the first of them, the stricter one, and so do not depend on their order.
    """
    tested = [p for p in p_values if p is not None]
    levels: dict[float, float] = {}
    step = 0
    for p in sorted(set(tested)):
        levels[p] = level / (len(tested) - step)
        if p < levels[p]:
            step += tested.count(p)
    return [None if p is None else levels[p] for p in p_values]


@dataclass(frozen=True)
class Ranking:
    """Mean ranks of k variants over n blocks (seeds), 1 the best, and whether they differ more than by chance."""

    n: int
    ranks: tuple[float, ...]
    p: float | None
    """Friedman's test that no variant tends to rank ahead of another; None where ``words`` says why."""
    critical_difference: float | None
    """Mean ranks that are further apart than this differ at 0.05 by Nemenyi's test."""
    words: str


def ranking(values: ArrayLike, *, lower_is_better: bool, lost: ArrayLike | None = None, block: str = "seed") -> Ranking:
    """Rank (n, k) values of k variants within each of n blocks: seeds, or what ``block`` says.

    ``lost`` (n, k) says which runs were lost, as they diverged: they rank last in their block, tied. A block with another
    value that is not finite is left out.

    With seeds as the blocks it is about the runs on this data set, and says nothing of other data sets.

    Source: Friedman 1937; Nemenyi 1963; Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7,
    2006, sections 3.2.2 and 3.2.4.
    """
    table = np.asarray(values, dtype=float)
    last = np.zeros(table.shape, dtype=bool) if lost is None else np.asarray(lost, dtype=bool)
    counted = (finite(table) | last).all(axis=1)
    table, last = np.where(last, 0.0, table)[counted], last[counted]
    n, k = table.shape
    if n == 0:
        return Ranking(0, (), None, None, f"no {block} has a value of every variant: nothing to rank")
    from scipy.stats import friedmanchisquare, studentized_range

    within = ranks_within(
        np.where(last, np.inf if lower_is_better else -np.inf, table), lower_is_better=lower_is_better
    )
    ranks = tuple(float(rank) for rank in within.mean(axis=0))
    if k < 3:
        return Ranking(n, ranks, None, None, "Friedman's test needs three variants")
    if n < 2:
        return Ranking(n, ranks, None, None, f"one {block}: no test of its ranks")
    if np.ptp(within, axis=1).max() == 0:
        return Ranking(n, ranks, None, None, f"all variants are level in each of {n} {block}s: nothing to test")
    p = float(friedmanchisquare(*within.T).pvalue)
    # The difference of two mean ranks over its standard error is a studentised range, of infinite degrees of freedom.
    critical = float(studentized_range.ppf(CONFIDENCE, k, np.inf)) * math.sqrt(k * (k + 1) / (12 * n))
    return Ranking(n, ranks, p, critical, f"Friedman's test over {n} {block}s, Nemenyi's for the pairs")


def ranks_within(values: ArrayLike, *, lower_is_better: bool) -> NDArray[np.float64]:
    """(n, k) ranks of k variants within each of n blocks, 1 the best; values that agree in twelve digits share their mean."""
    from scipy.stats import rankdata

    table = np.asarray(values, dtype=float)
    known = np.isfinite(table)
    rounded = np.where(known, _with_digits(np.where(known, table, 0.0), 12), table)
    return np.asarray(rankdata(rounded if lower_is_better else -rounded, axis=1), dtype=np.float64)


# ---- power -----------------------------------------------------------------------------------------------------------


def power(difference: float, std: float, n: int, *, correction: float = 0.0, level: float = 0.05) -> float:
    """Chance that the two-sided paired t-test of n pairs finds a true mean difference at ``level``.

    ``std`` is that of the differences; ``correction`` is n_test/n_train of the corrected resampled t-test, 0 for a fixed
    split. It takes the differences for normal (the noncentral t distribution): Cohen, Statistical power analysis for
    the behavioral sciences, 1988, chapter 2.
    """
    if n < 2:
        return 0.0
    if std == 0:
        return 1.0 if difference else level
    shift = abs(difference) / (std * math.sqrt(1 / n + correction))
    # The mean over the distribution of the sample std, as SciPy's noncentral t gives nan for large shifts.
    critical = _t_quantile(n, 1 - level) * _spread_of_std(n)
    return float((special.ndtr(shift - critical) + special.ndtr(-critical - shift)).mean())


@lru_cache(maxsize=64)
def _spread_of_std(n: int) -> NDArray[np.float64]:
    """Evenly spaced quantiles of the sample std of n values over the true one."""
    return np.asarray(np.sqrt(2 * special.gammaincinv((n - 1) / 2, (np.arange(_NODES) + 0.5) / _NODES) / (n - 1)))


_NODES = 2000
MOST_SEEDS = 10_000


def seeds_needed(
    difference: float, std: float, *, correction: float = 0.0, level: float = 0.05, wanted: float = 0.8
) -> int | None:
    """The least n whose ``power`` is ``wanted``; None where ``MOST_SEEDS`` do not do.

    With redrawn splits (``correction``) a difference may be out of reach of any number of seeds: that takes more data.
    """

    def enough(n: int) -> bool:
        return power(difference, std, n, correction=correction, level=level) >= wanted

    if difference == 0 or not enough(MOST_SEEDS):
        return None
    return bisect.bisect_left(range(MOST_SEEDS), True, lo=2, key=enough)


def detectable_difference(
    std: float, n: int, *, correction: float = 0.0, level: float = 0.05, wanted: float = 0.8
) -> float:
    """The true mean difference that n pairs find with the chance ``wanted``: see ``power``."""
    return std * _detectable_effect(n, correction, level, wanted) if std else 0.0


@lru_cache(maxsize=1024)
def _detectable_effect(n: int, correction: float, level: float, wanted: float) -> float:
    """The smallest detectable effect, in units of the std."""

    def reached(size: float) -> float:
        return power(size, 1.0, n, correction=correction, level=level)

    most = 1.0
    while reached(most) < wanted:
        most *= 2
    step = most / 2**40
    return step * bisect.bisect_left(range(2**40), wanted, key=lambda steps: reached(step * steps))


# ---- small things ----------------------------------------------------------------------------------------------------


def _counted(values: ArrayLike) -> tuple[NDArray[np.float64], int]:
    array = np.asarray(values, dtype=float).ravel()
    kept = finite(array)
    return array[kept], int((~kept).sum())


def _unit(values: NDArray[np.float64]) -> float:
    """What to measure values in so that their squares and cubes neither overflow nor vanish: mostly 1, else a power of two.

    Dividing by a power of two rounds nothing.
    """
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    if largest == 0 or 1e-60 < largest < 1e60:
        return 1.0
    return math.ldexp(1.0, math.frexp(largest)[1] - 1)


def _with_digits(values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Each value rounded to so many digits of its own, so that what differs by rounding alone is equal."""
    sizes = np.abs(values)
    exponents = np.floor(np.log10(sizes, where=sizes > 0, out=np.zeros_like(sizes)))
    powers = 10.0**exponents
    return np.asarray(np.round(values / powers, digits - 1) * powers, dtype=np.float64)


@lru_cache(maxsize=1024)
def _t_quantile(n: int, confidence: float = CONFIDENCE) -> float:
    """The t value of n - 1 degrees of freedom that ``confidence`` lies within, on both sides of 0."""
    return float(special.stdtrit(n - 1, (1 + confidence) / 2))


def _t_above(value: float, n: int) -> float:
    """Chance that a t value of n - 1 degrees of freedom lies above ``value``."""
    return float(special.stdtr(n - 1, -value))


def _scale(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Largest magnitude of the values: differences below 1e-12 of it are rounding."""
    return float(max(np.abs(first).max(initial=0.0), np.abs(second).max(initial=0.0)))
