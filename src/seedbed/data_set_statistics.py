"""Tests, intervals and ranks over data sets: pure functions of arrays.

A value is the mean over the seeds of one variant on one data set, and data sets are what is drawn: n is their number. The
functions take a complete block, (D, V) finite values of V variants on D data sets; ``complete_block`` says which data
sets have one.

``scipy.stats`` takes a second to import, so no function here does so before it is called.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seedbed.statistics import (
    ROUNDING,
    Interval,
    finite,
    holm,
    holm_levels,
    least_wilcoxon_p,
    rank_sum_chances,
    ranks_within,
    wilcoxon_p,
)

LEVEL = 0.05
DATA_SETS = "data sets like these"
"""What the intervals are about: the data sets stand for others only as far as they are a sample of them."""

# Sizes of differences that agree in so many digits are ties to ``wilcoxon_p``.
_TIED = 1e-9
# Draws of weights that lie in memory at once.
_AT_ONCE = 10_000
PRIOR_WEIGHT = 0.5
"""Of the prior's one data set without a difference, in the Bayesian test; each real one has 1."""


def complete_block(values: ArrayLike) -> NDArray[np.bool_]:
    """(D,) which data sets have a finite value of every variant, of (D, V) values."""
    return np.asarray(np.all(finite(_table(values)), axis=1), dtype=np.bool_)


# ---- one pair of variants --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's signed-rank test of the differences on n data sets, and the estimate and the interval that go with it."""

    n: int
    p: float | None
    """Two-sided and exact; None where no data set shows a difference."""
    estimate: float | None
    """Hodges-Lehmann estimate of the median difference; None without a data set."""
    interval: Interval | None
    """Of the median difference; None where n is too small for one."""
    confidence: float | None
    """What the interval holds exactly, where the differences are symmetric and continuous: more than was asked for."""
    wins: int
    ties: int
    losses: int
    leaning: int
    """1 where the rank sum is in favour, -1 where it is against, 0 where it is neither."""
    words: str
    """Why there is no p-value, or no interval; else ""."""


def signed_rank(
    differences: ArrayLike, *, lower_is_better: bool = False, level: float = LEVEL, sizes: ArrayLike | None = None
) -> SignedRank:
    """Test (n,) mean differences of n data sets; a positive one is a win, a negative one with ``lower_is_better``.

    ``sizes`` (n,) are the magnitudes of what was subtracted: differences up to ``ROUNDING`` of them are zero.

    p: zeros are dropped, as Wilcoxon did, and ties share their mean rank; the distribution over all signs is counted, for
    any n (``statistics.wilcoxon_p``). Given how many are zero, and how large the others are, it is exact.

    Estimate and interval: the median of the Walsh averages, the means of each two differences and of each with itself,
    and two of their order statistics. The interval is exact for symmetric continuous differences, and conservative for
    symmetric ones with zeros or ties. Without these it leaves 0 out exactly where p is below ``level``. With them it
    leaves 0 out only there, and may hold or end at 0 there too, as it counts each zero as a data set without a difference.

    Source: Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1, 1945; Hodges and Lehmann,
    Estimates of location based on rank tests, Annals of Mathematical Statistics 34, 1963; Hollander, Wolfe and Chicken,
    Nonparametric Statistical Methods, 2014, sections 3.1 to 3.3; for ties: Noether, Wilcoxon confidence intervals for
    location parameters in the discrete case, JASA 62, 1967.
    """
    array = _differences(differences, sizes)
    n = array.size
    wins, losses = int((array > 0).sum()), int((array < 0).sum())
    leaning = _leaning(array)
    if lower_is_better:
        wins, losses, leaning = losses, wins, -leaning
    p = wilcoxon_p(array)
    averages = _walsh_averages(array)
    estimate = float(np.median(averages)) if n else None
    interval, confidence = _interval(averages, n, p, level), _confidence(n, level)
    words = _words(n, p, level)
    return SignedRank(n, p, estimate, interval, confidence, wins, n - wins - losses, losses, leaning, words)


def _interval(averages: NDArray[np.float64], n: int, p: float | None, level: float) -> Interval | None:
    cut = _cut(n, level)
    if cut is None:
        return None
    low, high = float(averages[cut]), float(averages[-1 - cut])
    if p is None or p >= level:  # of ties, the test may find less than the order statistics do
        low, high = min(low, 0.0), max(high, 0.0)
    return Interval(low, high, DATA_SETS)


def _confidence(n: int, level: float) -> float | None:
    cut = _cut(n, level)
    return None if cut is None else 1 - 2 * float(_null(n)[: cut + 1].sum())


def _words(n: int, p: float | None, level: float) -> str:
    if n == 0:
        return "no data set: nothing to compare"
    if p is None:
        return "no difference on the one data set" if n == 1 else f"no difference on any of {n} data sets"
    if _cut(n, level) is not None:
        return ""
    counted = "one data set" if n == 1 else f"{n} data sets"
    return f"{counted}: the smallest p-value is {least_p(n):.3g}, so there is no interval at {level:.3g}"


def _differences(differences: ArrayLike, sizes: ArrayLike | None) -> NDArray[np.float64]:
    array = np.array(differences, dtype=float)
    if array.ndim != 1:
        raise ValueError(f"differences need one value for each data set, not the shape {array.shape}")
    if not finite(array).all():
        raise ValueError("a difference is not finite: leave its data set out (complete_block)")
    if sizes is not None:
        array[np.abs(array) <= ROUNDING * np.asarray(sizes, dtype=float)] = 0.0
    return array


def _walsh_averages(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """The n (n + 1) / 2 means of two differences, or of one with itself, in rising order."""
    first, second = _pairs(array.size)
    halves = array / 2
    averages = halves[first] + halves[second]
    averages[np.abs(averages) <= _TIED * np.abs(halves[first])] = 0.0  # two ties of the test, of opposite signs
    averages.sort()
    return averages


def _leaning(array: NDArray[np.float64]) -> int:
    """The sign of the sum of the signed ranks of what is not zero: of its Walsh averages, more are above 0 or below."""
    averages = _walsh_averages(array[array != 0])
    return int(np.sign((averages > 0).sum() - (averages < 0).sum()))


@lru_cache(maxsize=64)
def _pairs(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(n)


@lru_cache(maxsize=64)
def _null(n: int) -> NDArray[np.float64]:
    """Chances of each rank sum of n differences that have no zeros and no ties."""
    return rank_sum_chances(np.arange(1, n + 1))


@lru_cache(maxsize=1024)
def _cut(n: int, level: float) -> int | None:
    """How many Walsh averages the interval leaves out at each end: the largest rank sum whose p-value is below ``level``."""
    below = int((2 * _null(n).cumsum() < level).sum()) if n else 0
    return below - 1 if below else None


def least_p(n: int) -> float:
    """The smallest p-value that ``signed_rank`` can give on n data sets: all differences of one sign; 1 without any."""
    return least_wilcoxon_p(n)


def data_sets_needed(comparisons: int, level: float = LEVEL) -> int:
    """The fewest data sets at which Holm's method over so many comparisons can reject one at ``level``.

    The smallest p-value must be below ``level`` / ``comparisons``: 12 comparisons at 0.05 need nine data sets.
    """
    if comparisons < 1 or not 0 < level <= 1:
        raise ValueError(f"{comparisons} comparisons at the level {level}: it takes one or more, and a level in (0, 1]")
    return next(n for n in itertools.count(1) if least_p(n) * comparisons < level)


# ---- families --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DataSetComparison:
    """One member of a family: the variant at one index against that at another."""

    variant: int
    other: int
    test: SignedRank
    """Of variant - other, with the interval at the family's level."""
    p: float | None
    """What Holm's method leaves."""
    level: float | None
    """The level of its step in Holm's method: see ``statistics.holm_levels``."""
    simultaneous: Interval | None
    """The interval at that level; None where the data sets are too few for one."""
    better: bool | None
    """Whether the variant is better than the other, or worse; None where the test doesn't tell them apart."""


def compare_all(
    values: ArrayLike, baselines: Sequence[int | None], *, lower_is_better: bool, level: float = LEVEL
) -> tuple[DataSetComparison, ...]:
    """Compare variants with their own baselines on (D, V) values: ``baselines`` has V indices, None where there is none.

    The tests are one family: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6, 1979. A test without a p-value, as no data set shows a difference, does not count in it.
    """
    table = _block(values)
    variants = table.shape[1]
    if len(baselines) != variants:
        raise ValueError(f"{len(baselines)} baselines for {variants} variants: give an index or None for each")
    for variant, other in enumerate(baselines):
        if other is not None and (other == variant or not 0 <= other < variants):
            raise ValueError(
                f"the baseline of variant {variant} is {other}, which is not another of the {variants} variants"
            )
    named = [(variant, other) for variant, other in enumerate(baselines) if other is not None]
    return _family(table, named, lower_is_better, level)


def _family(
    table: NDArray[np.float64], named: Sequence[tuple[int, int]], lower_is_better: bool, level: float
) -> tuple[DataSetComparison, ...]:
    differences = [_paired(table[:, variant], table[:, other]) for variant, other in named]
    tests = [signed_rank(each, lower_is_better=lower_is_better, level=level) for each in differences]
    found = [test.p for test in tests]
    rows = zip(named, differences, tests, holm(found), holm_levels(found, level), strict=True)
    return tuple(
        DataSetComparison(
            *pair,
            test,
            p,
            step,
            None if step is None else _interval(_walsh_averages(each), test.n, test.p, step),
            test.leaning > 0 if p is not None and p < level else None,
        )
        for pair, each, test, p, step in rows
    )


def _paired(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return _differences(first - second, np.maximum(np.abs(first), np.abs(second)))


def _block(values: ArrayLike) -> NDArray[np.float64]:
    table = _table(values)
    if not finite(table).all():
        raise ValueError("a value is not finite: leave its data set or its variant out (complete_block)")
    return table


def _table(values: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=float)
    if table.ndim != 2:
        raise ValueError(f"values need the shape (data sets, variants), not {table.shape}")
    return table


# ---- ranks -----------------------------------------------------------------------------------------------------------


def average_ranks(values: ArrayLike, *, lower_is_better: bool) -> tuple[float, ...]:
    """(V,) mean ranks over the data sets of (D, V) values, 1 the best, ties sharing their mean; () without a data set.

    Friedman's test and Nemenyi's critical difference of them: ``statistics.ranking`` with ``block="data set"``.
    """
    table = _block(values)
    if not table.size:
        return ()
    return tuple(float(rank) for rank in ranks_within(table, lower_is_better=lower_is_better).mean(axis=0))


@dataclass(frozen=True)
class RankedPairs:
    """What a critical-difference diagram shows: mean ranks over n data sets, and which variants no test tells apart."""

    n: int
    ranks: tuple[float, ...]
    order: tuple[int, ...]
    """Variants from the best mean rank to the worst; of equal ones, in the order given."""
    pairs: tuple[DataSetComparison, ...]
    """Every pair of variants, one family; the one with the better mean rank first."""
    groups: tuple[tuple[int, ...], ...]
    """The largest runs of two and more variants, in ``order``, of which no two differ: the bars of the diagram."""

    @property
    def bars(self) -> list[tuple[float, float]]:
        """First and last mean rank of each group."""
        return [(self.ranks[group[0]], self.ranks[group[-1]]) for group in self.groups]


def rank_pairs(values: ArrayLike, *, lower_is_better: bool, level: float = LEVEL) -> RankedPairs:
    """Rank (D, V) values, and test every pair of variants with Holm's correction.

    Whether two variants differ is tested on these two alone. A test of the mean ranks, such as Nemenyi's, would let it
    hang on which others are in the benchmark.

    Source: Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 2006; Benavoli, Corani and
    Mangili, Should we really use post-hoc tests based on mean-ranks?, JMLR 17, 2016.
    """
    table = _block(values)
    ranks = average_ranks(table, lower_is_better=lower_is_better)
    order = _order(ranks)
    pairs = _family(table, list(itertools.combinations(order, 2)), lower_is_better, level)
    apart = {frozenset((pair.variant, pair.other)) for pair in pairs if pair.better is not None}
    return RankedPairs(len(table), ranks, order, pairs, _groups(order, apart))


def _order(ranks: Sequence[float]) -> tuple[int, ...]:
    # Ranks are halves, whose sums are exact: equal means are equal.
    return tuple(sorted(range(len(ranks)), key=lambda variant: ranks[variant]))


def _groups(order: tuple[int, ...], apart: set[frozenset[int]]) -> tuple[tuple[int, ...], ...]:
    groups: list[tuple[int, int]] = []
    for start in range(len(order)):
        end = start + 1
        while end < len(order) and not any(frozenset((order[end], one)) in apart for one in order[start:end]):
            end += 1
        if end - start > 1 and (not groups or end > groups[-1][1]):
            groups.append((start, end))
    return tuple(order[start:end] for start, end in groups)


# ---- practical equivalence -------------------------------------------------------------------------------------------


class PracticalPosterior(NamedTuple):
    """How probable it is that a variant is mostly worse, mostly practically equal or mostly better; they add up to 1."""

    worse: float
    equal: float
    """The difference is too small to matter: within -rope .. rope."""
    better: float


def bayesian_signed_rank(
    differences: ArrayLike,
    *,
    rope: float,
    lower_is_better: bool = False,
    sizes: ArrayLike | None = None,
    draws: int = 50_000,
    seed: int = 0,
) -> PracticalPosterior | None:
    """The Bayesian signed-rank test with a region of practical equivalence of +- ``rope``; None without a data set.

    ``differences`` and ``sizes`` are those of ``signed_rank``. The distribution of the differences has a Dirichlet process
    as its prior, of the weight ``PRIOR_WEIGHT`` at 0. So the posterior weighs the prior's 0 and the n differences by
    Dirichlet(0.5, 1, ..., 1), and of each draw of weights, the mean of two differences that are drawn by them lies below
    the region, in it or above it with some chance each. A result is the share of ``draws`` in which that chance is the
    largest; its simulation error is at most 0.5 / sqrt(draws). With a ``rope`` of 0 only exact ties are equal.

    Source: Benavoli, Corani, Mangili, Zaffalon and Ruggeri, A Bayesian Wilcoxon signed-rank test based on the Dirichlet
    process, ICML 2014; Benavoli, Corani, Demsar and Zaffalon, Time for a change: a tutorial for comparing multiple
    classifiers through Bayesian analysis, JMLR 18, 2017, section 4.2.
    """
    if not 0 <= rope < np.inf:
        raise ValueError(f"the region of practical equivalence is +- {rope}: it takes a finite number from 0 on")
    array = _differences(differences, sizes)
    if not array.size:
        return None
    points = np.concatenate([[0.0], -array if lower_is_better else array])
    sums, reach = np.add.outer(points, points), 2 * rope * (1 + ROUNDING)
    sides = [side.astype(float) for side in (sums < -reach, np.abs(sums) <= reach, sums > reach)]
    generator, counts = np.random.default_rng(seed), np.zeros(3)
    for start in range(0, draws, _AT_ONCE):
        weights = generator.dirichlet([PRIOR_WEIGHT, *[1.0] * array.size], size=min(_AT_ONCE, draws - start))
        chances = np.stack([((weights @ side) * weights).sum(axis=1) for side in sides])
        counts += np.bincount(chances.argmax(axis=0), minlength=3)
    worse, equal, better = counts / draws
    return PracticalPosterior(float(worse), float(equal), float(better))


# ---- steadiness ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """The ranks without some of the data sets, beside those with all."""

    left_out: tuple[int, ...]
    """Data sets."""
    ranks: tuple[float, ...]
    order: tuple[int, ...]
    """As in ``RankedPairs``."""
    moved: tuple[int, ...]
    """Variants with another place than on all data sets; equal mean ranks share the better place."""
    best_stays: bool
    """Whether what is first on all data sets is still first, perhaps with others."""
    comparisons: tuple[DataSetComparison, ...]
    """With the baselines, as by ``compare_all``; () where none were given."""
    changed: tuple[int, ...]
    """Variants whose verdict against their baseline is another than on all data sets."""


def leave_one_out(
    values: ArrayLike, *, lower_is_better: bool, baselines: Sequence[int | None] | None = None, level: float = LEVEL
) -> tuple[Standing, ...]:
    """The standing without each of D data sets, of (D, V) values; () of fewer than two, as none would be left."""
    table = _block(values)
    if len(table) < 2:
        return ()
    return _standings(table, [(left_out,) for left_out in range(len(table))], lower_is_better, baselines, level)


class Thirds(NamedTuple):
    """The standings without a third of the data sets, rounded down."""

    without_easiest: Standing
    without_hardest: Standing


def without_thirds(
    values: ArrayLike, *, lower_is_better: bool, baselines: Sequence[int | None] | None = None, level: float = LEVEL
) -> Thirds | None:
    """The standings without the easiest and without the hardest third of D data sets, of (D, V) values; None below three.

    The easiest are those with the best median over the variants; of equal ones, those given first. It takes values that
    can be compared over data sets, such as shares.
    """
    table = _block(values)
    third = len(table) // 3
    if not third or not table.size:
        return None
    medians = np.median(table, axis=1)
    by_ease = np.argsort(medians if lower_is_better else -medians, kind="stable").tolist()
    easiest, hardest = tuple(sorted(by_ease[:third])), tuple(sorted(by_ease[-third:]))
    return Thirds(*_standings(table, [easiest, hardest], lower_is_better, baselines, level))


def _standings(
    table: NDArray[np.float64],
    left_out: Sequence[tuple[int, ...]],
    lower_is_better: bool,
    baselines: Sequence[int | None] | None,
    level: float,
) -> tuple[Standing, ...]:
    named = [None] * table.shape[1] if baselines is None else baselines

    def standing(without: tuple[int, ...], whole: Standing | None) -> Standing:
        kept = np.delete(table, list(without), axis=0)
        ranks = average_ranks(kept, lower_is_better=lower_is_better)
        comparisons = compare_all(kept, named, lower_is_better=lower_is_better, level=level)
        places = _places(ranks)
        before = places if whole is None else _places(whole.ranks)
        pairs = zip(comparisons, comparisons if whole is None else whole.comparisons, strict=True)
        return Standing(
            without,
            ranks,
            _order(ranks),
            tuple(variant for variant, place in enumerate(places) if place != before[variant]),
            all(places[variant] == 1 for variant, place in enumerate(before) if place == 1),
            comparisons,
            tuple(now.variant for now, then in pairs if now.better is not then.better),
        )

    whole = standing((), None)
    return tuple(standing(without, whole) for without in left_out)


def _places(ranks: Sequence[float]) -> list[int]:
    """1 for the best mean rank; equal ones share the better place."""
    return [1 + sum(other < rank for other in ranks) for rank in ranks]
