"""Two variants over data sets: Wilcoxon's signed-rank test of their mean differences, and whether it stands with lost runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seedbed.data_set_statistics import PracticalPosterior, SignedRank, bayesian_signed_rank, signed_rank
from seedbed.metrics import Metric
from seedbed.report.benchmark.values import Means, with_lost_as_worst
from seedbed.report.paired_tests import (
    BETTER,
    HIGHER,
    LEVEL,
    LOWER,
    NO_VERDICT,
    UNDECIDED,
    UNTESTED,
    WORSE,
)
from seedbed.statistics import holm


@dataclass(frozen=True)
class PairTest:
    """One pair of variants on the data sets on which both have run."""

    variant: str
    other: str
    differences: dict[str, float]
    """By data set, of the means over the seeds in which both have a value."""
    test: SignedRank
    """Of these differences."""
    lost_on: tuple[str, ...] = ()
    """Data sets on which runs of one of them diverged, failed or have no finite value."""
    with_lost: SignedRank | None = None
    """The test with lost runs as the worst; None where none were lost, or no value of the metric is worse than another."""

    @property
    def p(self) -> float | None:
        """The p-value that enters a family: where runs were lost, of the claim that both tests show the difference.

        It is the larger one (Berger, Multiparameter hypothesis testing and acceptance sampling, Technometrics 24, 1982), and 1
        where the two do not point in one direction.
        """
        if not self.lost_on or self.test.p is None:
            return self.test.p
        if self.with_lost is None or self.with_lost.p is None:
            return None
        return max(self.test.p, self.with_lost.p) if self.same_way else 1.0

    @property
    def same_way(self) -> bool:
        """Whether the test with the lost runs points in the direction of the one without them."""
        return self.with_lost is None or self.test.leaning * self.with_lost.leaning > 0


@dataclass(frozen=True)
class OverDataSets:
    """One member of a family of tests over data sets."""

    pair: PairTest
    p: float | None
    """What Holm's method leaves."""
    verdict: str
    key: frozenset[str] = frozenset()
    """The two recipes; rows with one key are one test."""

    @property
    def variant(self) -> str:
        return self.pair.variant

    @property
    def other(self) -> str:
        return self.pair.other

    @property
    def test(self) -> SignedRank:
        return self.pair.test

    @property
    def told_apart(self) -> bool:
        return self.verdict in (BETTER, WORSE, HIGHER, LOWER)


def pair_test(variant: str, other: str, means: Mapping[str, Means], metric: Metric) -> PairTest:
    """Test a pair from its means, (variant, other) by data set."""
    kept = {name: of_one.kept for name, of_one in means.items() if np.isfinite(of_one.kept).all()}
    differences = {name: first - second for name, (first, second) in kept.items()}
    sizes = [max(abs(first), abs(second)) for first, second in kept.values()]
    test = signed_rank(list(differences.values()), lower_is_better=metric.lower_is_better, sizes=sizes)
    lost_on = tuple(name for name, of_one in means.items() if any(of_one.lost))
    filled = with_lost_as_worst(list(means.values()), metric) if lost_on else None
    if filled is None:
        return PairTest(variant, other, differences, test, lost_on)
    with_lost = signed_rank(
        filled[:, 0] - filled[:, 1], lower_is_better=metric.lower_is_better, sizes=np.abs(filled).max(axis=1)
    )
    return PairTest(variant, other, differences, test, lost_on, with_lost)


def family_over(
    pairs: Sequence[PairTest], metric: Metric, keys: Sequence[frozenset[str]] | None = None
) -> list[OverDataSets]:
    """Adjust the tests of these pairs as one family (Holm), in which those with one of the ``keys`` count once."""
    keys = keys or [frozenset((pair.variant, pair.other)) for pair in pairs]
    first_of = {key: pair.p for key, pair in zip(reversed(keys), reversed(pairs), strict=True)}
    adjusted = dict(zip(first_of, holm(list(first_of.values())), strict=True))
    return [
        OverDataSets(pair, adjusted[key], _verdict(pair, adjusted[key], metric), key)
        for pair, key in zip(pairs, keys, strict=True)
    ]


def _verdict(pair: PairTest, p: float | None, metric: Metric) -> str:
    if pair.test.p is None:
        return UNTESTED
    if p is None or p >= LEVEL:
        return NO_VERDICT if pair.lost_on else UNDECIDED
    ahead = pair.test.leaning > 0
    if not metric.is_ranked:
        return HIGHER if ahead else LOWER
    return BETTER if ahead else WORSE


def posterior_over(pair: PairTest, rope: float, metric: Metric) -> PracticalPosterior | None:
    """Chances on another data set; None where runs were lost, as it would be about the others alone."""
    if pair.lost_on:
        return None
    return bayesian_signed_rank(list(pair.differences.values()), rope=rope, lower_is_better=metric.lower_is_better)
