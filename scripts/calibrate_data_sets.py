"""Measures the tests, intervals and diagrams over data sets, which are drawn from a population, with seeds on each.

``scripts/calibrate_statistics`` runs it. What is judged is ``seedbed.data_set_statistics``; the values are simulated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats
from simulation import Block, Finding, Floats, Plan, Records, covering, simulate, wanted_block

from seedbed.data_set_statistics import (
    DataSetComparison,
    compare_all,
    data_sets_needed,
    least_p,
    rank_pairs,
    signed_rank,
)
from seedbed.report.paired_tests import LEVEL
from seedbed.statistics import compare, holm

DATA_SETS = (6, 20, 50)
"""The first so many of the same benchmark."""
FEW = DATA_SETS[0]
SEEDS = 10
OTHERS = (3, 9)
"""Variants beside the baseline."""
DIFFER = 0.02
"""Standard deviation over data sets of a variant's true value."""
SEED_STD = 0.02
"""Standard deviation of what the variants of one seed share, and of what each run has alone."""
UNEQUAL = 1.0
"""Standard deviation, over data sets, of the logarithm of the spread."""
TEST_ROWS = 100
STREAM = 2
WRONG = 0.055


@dataclass(frozen=True)
class Population:
    """Of data sets, and of what is measured on each."""

    words: str
    unequal: bool = False
    """Whether the spread of true values and of seeds differs between data sets."""
    rounded: bool = False
    """Whether a run's value is a share of so few test rows that differences are often equal, or zero."""
    others: tuple[int, ...] = OTHERS
    """Sizes of the families of comparisons with the baseline."""


POPULATIONS = {
    "normal": Population("normal"),
    "unequal": Population("unequal spread", unequal=True),
    "rounded": Population(f"{TEST_ROWS} test rows", rounded=True, others=OTHERS[:1]),
}


def data_set_blocks(plan: Plan, experiments: int, jobs: int) -> Iterator[Block]:
    """The sections of the page; of all pairs, a fifth of the experiments, as they take the most time."""
    records = simulate(data_set_records, plan, experiments, jobs, "data sets")
    yield wanted_block("Over data sets", about_families(), family_findings(records))
    yield wanted_block("Over data sets: intervals", about_intervals(), interval_findings(records))
    fewer = max(2, experiments // 5)
    pairs = simulate(pair_records, plan, fewer, jobs, "pairs over data sets")
    yield wanted_block("Over data sets: all pairs", about_pairs(fewer), pair_findings(pairs))


# ---- the simulated values ----------------------------------------------------------------------------------------------


def benchmark(population: Population, variants: int, rng: np.random.Generator) -> Floats:
    """Values (data sets, seeds, variants) of variants that are all alike: which is best differs from data set to data set."""
    most = max(DATA_SETS)
    spread = np.exp(UNEQUAL * rng.standard_normal((most, 1, 1))) if population.unequal else np.ones((most, 1, 1))
    levels = rng.uniform(0.6, 0.9, (most, 1, 1))
    truth = DIFFER * rng.standard_normal((most, 1, variants))
    values: Floats = levels + spread * (truth + runs(variants, rng))
    return np.round(values * TEST_ROWS) / TEST_ROWS if population.rounded else values


def runs(variants: int, rng: np.random.Generator) -> Floats:
    """How far the runs (data sets, seeds, variants) lie from the true values."""
    most = max(DATA_SETS)
    shared = rng.standard_normal((most, SEEDS, 1))
    noise: Floats = SEED_STD * (shared + rng.standard_normal((most, SEEDS, variants)))
    return noise


def skewed_benchmark(rng: np.random.Generator) -> Floats:
    """Values of a baseline and a variant that is far ahead on a few data sets, and a little behind on most.

    Its true differences are exponential, and shifted so that their pseudomedian is 0.
    """
    ahead = DIFFER * (rng.exponential(size=(max(DATA_SETS), 1, 1)) - PSEUDOMEDIAN)
    return np.concatenate([np.zeros_like(ahead), ahead], axis=2) + runs(2, rng)


PSEUDOMEDIAN = float(scipy.stats.gamma.median(2)) / 2
"""Of the exponential distribution: the median of the mean of two draws."""


def skewed_targets() -> dict[str, float]:
    """What an interval could be about, by its name."""
    return {
        "pseudomedian of the true differences": 0.0,
        "pseudomedian of the observed differences": observed_pseudomedian(),
        "mean": DIFFER * (1 - PSEUDOMEDIAN),
        "median of the true differences": DIFFER * (math.log(2) - PSEUDOMEDIAN),
    }


def observed_pseudomedian() -> float:
    """The median of the mean of two observed differences, which have the noise of the seeds in them."""
    noise = SEED_STD * math.sqrt(2 / SEEDS) / math.sqrt(2)
    evenly = (np.arange(20_000) + 0.5) / 20_000
    true = DIFFER * (scipy.stats.gamma.ppf(evenly, 2) / 2 - PSEUDOMEDIAN)
    return float(
        scipy.optimize.brentq(lambda at: scipy.special.ndtr((at - true) / noise).mean() - 0.5, -DIFFER, DIFFER)
    )


# ---- what is said of them ----------------------------------------------------------------------------------------------


def data_set_records(plan: Plan, experiment: int) -> dict[str, Any]:
    """Verdicts and intervals against one baseline."""
    rng = np.random.default_rng([plan.seed, experiment, STREAM])
    noted: dict[str, Any] = {}
    for name, population in POPULATIONS.items():
        values = benchmark(population, 1 + max(OTHERS), rng)
        for n in DATA_SETS:
            noted |= against_baseline(name, values[:n], population.others)
    skewed = skewed_benchmark(rng).mean(axis=1)
    for n in DATA_SETS:
        found = signed_rank(skewed[:n, 1] - skewed[:n, 0])
        noted[f"skewed/interval/{n}"] = found.interval[:2] if found.interval else NO_INTERVAL
        noted[f"skewed/wrong/{n}"] = found.p is not None and found.p < LEVEL
    return noted


NO_INTERVAL = (math.nan, math.nan)


def against_baseline(name: str, values: Floats, families: tuple[int, ...]) -> dict[str, Any]:
    """Whether any of several variants is told apart from the first, of (data sets, seeds, variants) values."""
    means, n = values.mean(axis=1), len(values)
    families_of = {others: compared(means[:, : 1 + others]) for others in families}
    few = min(families)
    first = families_of[few]
    ahead = means[:, : 1 + few] + DIFFER * (np.arange(1 + few) == 1)
    interval = first[0].test.interval
    return {f"{name}/wrong/{others}/{n}": told_apart(found) for others, found in families_of.items()} | {
        f"{name}/interval/{n}": interval[:2] if interval else NO_INTERVAL,
        f"{name}/alone/{n}": any(one.test.p is not None and one.test.p < LEVEL for one in first),
        f"{name}/pooled/{n}": pooled(values[:, :, : 1 + few]),
        f"{name}/found/{n}": compared(ahead)[0].better is True,
    }


def compared(means: Floats) -> tuple[DataSetComparison, ...]:
    """All variants of (data sets, variants) means against the first."""
    return compare_all(means, [None, *[0] * (means.shape[1] - 1)], lower_is_better=False)


def told_apart(comparisons: tuple[DataSetComparison, ...]) -> bool:
    return any(one.better is not None for one in comparisons)


def pooled(values: Floats) -> bool:
    """Whether a paired t-test tells any variant apart, with Holm, that takes all seeds of all data sets for independent."""
    flat = values.reshape(-1, values.shape[2])
    # A ratio of 0 makes the corrected test the plain paired t-test.
    tests = [compare(other, flat[:, 0], design="resampled", test_to_train=0.0).p for other in flat.T[1:]]
    return any(p is not None and p < LEVEL for p in holm(tests))


def pair_records(plan: Plan, experiment: int) -> dict[str, Any]:
    """Whether any pair is told apart, so that no bar of the diagram joins it."""
    rng = np.random.default_rng([plan.seed, experiment, STREAM + 1])
    noted: dict[str, Any] = {}
    for name, variants in PAIRED:
        means = benchmark(POPULATIONS[name], variants, rng).mean(axis=1)
        for n in DATA_SETS:
            noted[f"{name}/{variants}/{n}"] = separated(means[:n])
    return noted


PAIRED = (("normal", 4), ("unequal", 4), ("normal", 10))
"""Populations and numbers of variants of which all pairs are compared."""


def separated(means: Floats) -> bool:
    """Whether some pair of variants has no bar in common."""
    ranked = rank_pairs(means, lower_is_better=False)
    return any(not any({pair.variant, pair.other} <= set(group) for group in ranked.groups) for pair in ranked.pairs)


# ---- findings ----------------------------------------------------------------------------------------------------------


def family_findings(records: Records) -> Iterator[Finding]:
    for name, population in POPULATIONS.items():
        for others in population.others:
            for n in DATA_SETS:
                what = f"{population.words}, {others} variants, Wilcoxon and Holm, {n} data sets"
                yield Finding(what, records[f"{name}/wrong/{others}/{n}"], high=WRONG)
    contrasts = (
        ("alone", f"{min(OTHERS)} variants, Wilcoxon alone"),
        ("pooled", f"{min(OTHERS)} variants, t-test over all seeds and Holm"),
        ("found", f"1 of {min(OTHERS)} variants better by {DIFFER:g}: found"),
    )
    for kind, words in contrasts:
        for n in DATA_SETS:
            yield Finding(f"normal, {words}, {n} data sets", records[f"normal/{kind}/{n}"])


def interval_findings(records: Records) -> Iterator[Finding]:
    for name, population in POPULATIONS.items():
        for n in DATA_SETS:
            low, high = within(n)
            yield Finding(
                f"{population.words}, {n} data sets", covering(records[f"{name}/interval/{n}"], 0.0), low, high
            )
    for target, value in skewed_targets().items():
        for n in DATA_SETS:
            yield Finding(f"skewed, {target}, {n} data sets", covering(records[f"skewed/interval/{n}"], value))
    for n in DATA_SETS:
        yield Finding(f"skewed, pseudomedian 0, Wilcoxon: told apart, {n} data sets", records[f"skewed/wrong/{n}"])


def within(n: int) -> tuple[float, float]:
    """What is wanted of the coverage: where the exact level cannot be near 95 %, at most a point from what it is."""
    exact = exact_confidence(n)
    return (exact - 0.01, exact + 0.01) if n == FEW else (0.93, 0.97)


def exact_confidence(n: int) -> float:
    confidence = signed_rank(np.arange(1.0, n + 1)).confidence
    assert confidence is not None
    return confidence


def pair_findings(records: Records) -> Iterator[Finding]:
    for name, variants in PAIRED:
        for n in DATA_SETS:
            what = f"{POPULATIONS[name].words}, {variants} variants, {n} data sets"
            yield Finding(what, records[f"{name}/{variants}/{n}"], high=WRONG)


def about_families() -> str:
    return (
        f"A benchmark: data sets are drawn from a population, and on each {SEEDS} seeds are trained. What is said is about the "
        "population: the pseudomedian (the median of the mean of two draws) of the data sets' true mean differences, which is "
        "the mean too where these are symmetric. The judged functions are those of `seedbed.data_set_statistics`. On "
        "a data set, a variant's true value has a standard deviation of "
        f"{DIFFER:g} about that data set's level; a seed adds what its variants share and what each run has alone, each of "
        f"{SEED_STD:g}. In the population no variant differs from another: in how many families is at least one told "
        "apart from the baseline by `compare_all`? Unequal spread: both standard deviations are multiplied, on each data "
        f"set, by a number whose logarithm has a standard deviation of {UNEQUAL:g}. {TEST_ROWS} test rows: each run's value is "
        f"a share of so many, so that differences are often equal, or zero. On {FEW} data sets the smallest p-value is "
        f"{least_p(FEW):.3f}, so that no family of two comparisons or more can be told apart there, whatever the values: "
        f"{min(OTHERS)} need {data_sets_needed(min(OTHERS))} data sets, {max(OTHERS)} need {data_sets_needed(max(OTHERS))}. "
        "Contrasts: without Holm's method; a paired t-test that takes each seed of each data set for independent; and, as the "
        "power, a variant that is truly better."
    )


def about_intervals() -> str:
    targets = skewed_targets()
    return (
        "Does the Hodges-Lehmann interval of the first variant's difference, of `signed_rank`, hold the population's "
        f"pseudomedian? On {FEW} data sets an exact interval can only have the level {exact_confidence(FEW):.1%}, or less than "
        "95%: wanted is that level within a percentage point. Skewed, a contrast: the true differences are exponential "
        f"(standard deviation {DIFFER:g}), shifted so that their pseudomedian is 0; their mean is then {targets['mean']:.4f}, "
        f"their median {targets['median of the true differences']:.4f}, and the pseudomedian of what is observed, with the noise "
        f"of the seeds in it, {targets['pseudomedian of the observed differences']:.4f}. The interval is exact for symmetric "
        "differences only; with skewed ones it is, nearly, about a pseudomedian, and with many data sets not about the mean."
    )


def about_pairs(experiments: int) -> str:
    four, ten = (math.comb(variants, 2) for variants in sorted({variants for _, variants in PAIRED}))
    return (
        f"In how many of {experiments} benchmarks without a true difference does a critical-difference diagram separate some pair "
        "of variants, which no bar joins? The bars are those of `rank_pairs`: every pair is tested, as one family of "
        f"{four} or {ten} comparisons by Holm's method, which need {data_sets_needed(four)} and {data_sets_needed(ten)} data sets "
        "to tell any apart."
    )
