"""Two sets of cells paired by seed: the test of what finished, and whether it stands with what diverged or failed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seedbed.metrics import Metric
from seedbed.results import sound_values
from seedbed.statistics import Comparison, Design, compare, compare_with_lost, finite, holm, holm_levels

LEVEL = 0.05
BETTER, WORSE, UNDECIDED, UNTESTED = "better", "worse", "can't be told apart", "not tested"
HIGHER, LOWER = "higher", "lower"
"""What is said of a metric of which neither more nor less is better."""
NO_VERDICT = "no verdict"
ONE_RECIPE = "one recipe, trained once"


@dataclass(frozen=True)
class Terms:
    """How values of a metric are compared."""

    metric: Metric
    design: Design
    test_to_train: float | None
    """None for a fixed split."""
    population: str
    """What redrawn splits say something about."""
    runs: str
    """What runs on the same test rows say something about."""

    @property
    def correction(self) -> float:
        return self.test_to_train or 0.0


@dataclass(frozen=True)
class Pairs:
    """What values of a metric are compared by, in the seeds that ran in both sets of cells; what was lost is NaN."""

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    causes: tuple[str, ...]
    """Why values were lost, as verbs: "diverge", "fail"."""


@dataclass(frozen=True)
class PairedTest:
    """The comparison of the seeds with a value in both, and that of all seeds where some were lost."""

    comparison: Comparison
    lost: int = 0
    """Pairs in which a run diverged or failed."""
    causes: tuple[str, ...] = ()
    with_lost: Comparison | None = None
    """The test with the lost runs as the worst ones; None where nothing was lost, or no end of the metric is worst."""

    @property
    def p(self) -> float | None:
        """The p-value that enters a family: where runs were lost, of the claim that both tests show the difference.

        That claim needs both, so its p-value is the larger one (Berger, Multiparameter hypothesis testing and acceptance
        sampling, Technometrics 24, 1982), and 1 where the two point in opposite directions.
        """
        if not self.lost or self.comparison.p is None:
            return self.comparison.p
        if self.with_lost is None or self.with_lost.p is None:
            return None
        return max(self.comparison.p, self.with_lost.p) if self.same_way else 1.0

    @property
    def same_way(self) -> bool:
        """Whether the seeds with a value in both and all seeds point in one direction."""
        with_lost = self.comparison if self.with_lost is None else self.with_lost
        return (self.comparison.difference or 0.0) * (with_lost.difference or 0.0) > 0


@dataclass(frozen=True)
class Difference:
    """One member of a family: ``variant`` against ``other``, with the p-value that Holm's method leaves."""

    variant: str
    other: str
    test: PairedTest
    p: float | None
    verdict: str
    level: float | None = None
    """The level of its step in Holm's method: see ``statistics.holm_levels``."""
    key: frozenset[str] = frozenset()
    """The two recipes; rows with one key are one test."""

    @property
    def comparison(self) -> Comparison:
        """The comparison over the seeds that have a value in both variants."""
        return self.test.comparison

    @property
    def told_apart(self) -> bool:
        return self.verdict in (BETTER, WORSE, HIGHER, LOWER)

    @property
    def survivors(self) -> str:
        """ "the 3 of 10 seeds that did not diverge"; "" where nothing was lost."""
        return f"the {self.comparison.n} of {self.ran} seeds that did not {self._causes()}" if self.test.lost else ""

    @property
    def lost(self) -> str:
        """ "the 7 of 10 seeds that diverged"; "" where nothing was lost."""
        return f"the {self.test.lost} of {self.ran} seeds that {self._causes(past=True)}" if self.test.lost else ""

    @property
    def ran(self) -> int:
        """Seeds that both have run, whatever became of them."""
        return self.comparison.n + self.test.lost

    def _causes(self, *, past: bool = False) -> str:
        return " or ".join(PAST[cause] if past else cause for cause in self.test.causes)


PAST = {"diverge": "diverged", "fail": "failed", "lack a finite value": "lack a finite value"}


@dataclass(frozen=True)
class Ran:
    """What became of the cells that have run, by seed; a seed that has not run yet is no evidence, and not in here."""

    values: dict[int, float]
    """What they are compared by; NaN where the value was lost."""
    causes: dict[int, str]
    """Why it was lost."""


def ran(cells: pd.DataFrame, label: str, metric: Metric) -> Ran:
    """The values of the column ``label``, which are of ``metric``, in cells of one variant."""
    compared = metric.compared(sound_values(cells, label))
    rows = zip(cells["seed"], cells["status"], cells["outcome"], compared.tolist(), finite(compared), strict=True)
    there = {int(seed): rest for seed, *rest in rows if rest[0] != "MISSING"}
    causes = {
        seed: "fail" if status != "FINISHED" else "diverge" if outcome == "diverged" else "lack a finite value"
        for seed, (status, outcome, _, counts) in there.items()
        if not counts
    }
    return Ran({seed: value if counts else math.nan for seed, (_, _, value, counts) in there.items()}, causes)


def pairs_of(first: Ran, second: Ran) -> Pairs:
    """The values in the seeds that both have run."""
    seeds = sorted(first.values.keys() & second.values.keys())
    causes = {side.causes[seed] for side in (first, second) for seed in seeds if seed in side.causes}
    values = [np.array([side.values[seed] for seed in seeds], dtype=np.float64) for side in (first, second)]
    return Pairs(values[0], values[1], tuple(cause for cause in PAST if cause in causes))


def paired_test(pairs: Pairs, terms: Terms) -> PairedTest:
    """Test the pairs that have both values, and, where some were lost, all pairs with the lost runs as the worst."""
    design, ratio = terms.design, terms.test_to_train
    comparison = compare(
        pairs.first,
        pairs.second,
        design=design,
        test_to_train=ratio,
        population=terms.population,
        runs=terms.runs,
    )
    lost = len(pairs.first) - comparison.n
    if not lost or not terms.metric.is_ranked:
        return PairedTest(comparison, lost, pairs.causes)
    with_lost = compare_with_lost(
        pairs.first,
        pairs.second,
        lower_is_better=terms.metric.lower_is_better,
        worst=terms.metric.worst,
        design=design,
        test_to_train=ratio,
    )
    return PairedTest(comparison, lost, pairs.causes, with_lost)


def one_recipe(test: PairedTest) -> PairedTest:
    """The comparison of a recipe with itself, which is no test."""
    return PairedTest(replace(test.comparison, words=ONE_RECIPE, p=None))


def family_of(named: Sequence[tuple[str, str, frozenset[str], PairedTest]], terms: Terms) -> list[Difference]:
    """Adjust tests as one family; each is (variant, other, key, test), and those with one key count once."""
    first_of = {key: test.p for _, _, key, test in reversed(named)}
    adjusted = dict(zip(first_of, holm(list(first_of.values())), strict=True))
    levels = dict(zip(first_of, holm_levels(list(first_of.values()), LEVEL), strict=True))
    return [
        Difference(variant, other, test, adjusted[key], verdict(test, adjusted[key], terms.metric), levels[key], key)
        for variant, other, key, test in named
    ]


def verdict(test: PairedTest, p: float | None, metric: Metric) -> str:
    """What may be said of ``metric`` by the adjusted ``p``.

    "better" or "worse" where the test says so; else "can't be told apart", or "no verdict" where runs were lost, as the
    others alone do not show that there is no difference; "not tested" without a test.
    """
    if test.comparison.p is None:
        return UNTESTED
    if p is not None and p < LEVEL and test.comparison.difference:
        return _way(test.comparison.difference, metric)
    return NO_VERDICT if test.lost else UNDECIDED


def _way(difference: float, metric: Metric) -> str:
    if not metric.is_ranked:
        return LOWER if difference < 0 else HIGHER
    return BETTER if (difference < 0) == metric.lower_is_better else WORSE


def verdict_words(row: Difference, terms: Terms) -> str:
    """The verdict as a table says it: "better on the 3 of 10 seeds that did not diverge: no verdict"."""
    if row.verdict == UNTESTED:
        return f"{row.verdict} ({row.comparison.words})"
    if not row.test.lost:
        return row.verdict
    if row.verdict != NO_VERDICT:
        return f"{row.verdict} ({row.lost} counted as the worst)"
    if row.level is None:
        return f"{NO_VERDICT}: only {row.survivors} can be compared"
    shown = row.comparison.p is not None and row.comparison.p < row.level
    way = _way(row.comparison.difference or 0.0, terms.metric)
    said = way if shown else UNDECIDED
    return f"{said} on {row.survivors}: {NO_VERDICT}"
