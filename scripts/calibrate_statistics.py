"""Simulates experiments whose truth is known, and measures how often the statistics of a report are right about it.

``scripts/calibrate_statistics`` sets up what this needs. Everything that is judged comes from ``seedbed.statistics``,
``seedbed.data_set_statistics`` and ``seedbed.report``; only the runs are simulated.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
from calibrate_data_sets import data_set_blocks
from calibrate_rebalancing import rebalancing_block
from simulation import (
    COMMAND,
    MISSED,
    NULL_VARIANTS,
    Block,
    Data,
    Finding,
    Floats,
    Plan,
    Records,
    Setting,
    accuracies,
    at_least,
    covering,
    data_set,
    draw_splits,
    draw_starts,
    exchangeable,
    ignoring,
    paragraph,
    result,
    simulate,
    table,
    test_to_train,
    versions,
    wanted_block,
)

from seedbed.metrics import Metric
from seedbed.report.paired_tests import BETTER, WORSE, PairedTest, verdict
from seedbed.statistics import (
    LEAST_BOOTSTRAPPED,
    Comparison,
    Interval,
    Summary,
    bootstrap_interval,
    compare,
    holm,
    population_interval,
    power,
    prediction_interval,
    summary,
)

RESAMPLES = 999


def main() -> None:
    options = read_options()
    started = time.perf_counter()
    plan = Plan(Setting(), options.seeds, options.further_runs, options.seed)
    records = simulate(experiment_records, plan, options.experiments, options.jobs, "experiments")
    others = simulate_elsewhere(plan, options)
    blocks = [
        *findings(records, plan),
        rebalancing_block(plan, options.experiments, options.jobs),
        *data_set_blocks(plan, options.experiments, options.jobs),
        other_settings([("as above", records), *others], plan),
    ]
    text = page(blocks, records, plan, options)
    print(text, flush=True)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    print(f"{time.perf_counter() - started:.0f} seconds", file=sys.stderr)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="calibrate_statistics", description=__doc__)
    parser.add_argument("--experiments", type=at_least(2), default=10_000)
    parser.add_argument("--seeds", type=at_least(3), default=10)
    parser.add_argument("--further-runs", type=at_least(2), default=1000)
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--jobs", type=at_least(1), default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


OTHER_SETTINGS = {
    "200 rows": Setting(rows=200),
    "2000 rows": Setting(rows=2000),
    "split 50/0/50": Setting(shares=(0.5, 0.0, 0.5)),
    "split 90/0/10": Setting(shares=(0.9, 0.0, 0.1)),
    "40 features": Setting(features=40),
    "one row in ten of the second class": Setting(rare=0.1),
    "the same, exactly in each data set": Setting(rare=0.1, exactly=True),
    "the same start for all seeds": Setting(start_std=0.0),
    "starts four times as wide": Setting(start_std=1.0),
}


# ---- what is noted of one experiment -----------------------------------------------------------------------------------


def experiment_records(plan: Plan, experiment: int) -> dict[str, Any]:
    """All that is measured, on one data set."""
    rng = np.random.default_rng([plan.seed, experiment])
    data = data_set(plan.setting, rng)
    return resampled_records(plan, data, rng) | fixed_records(plan, data, rng)


def population_records(plan: Plan, experiment: int) -> dict[str, Any]:
    """What is measured in the other settings: what is said of the population, from redrawn splits."""
    rng = np.random.default_rng([plan.seed, experiment])
    data = data_set(plan.setting, rng)
    sides = draw_splits(data, plan.seeds, plan.setting, rng)
    starts = draw_starts(plan.seeds, 1, plan.setting, rng)
    values = accuracies(data, sides, exchangeable(plan.setting), starts, plan.setting)
    ratio = test_to_train(sides)
    return (
        {"resampled/truth": values[:, 0].mean()}
        | population_intervals(values[:, 0], ratio, plan.seeds)
        | resampled_families(values, ratio)
    )


def resampled_records(plan: Plan, data: Data, rng: np.random.Generator) -> dict[str, Any]:
    """Every seed draws a split of its own."""
    setting, seeds = plan.setting, plan.sizes[-1]
    variants = np.vstack([exchangeable(setting), stronger(setting), weaker(setting)])
    sides, starts = draw_splits(data, seeds, setting, rng), draw_starts(seeds, 1, setting, rng)
    values = accuracies(data, sides, variants, starts, setting)
    further = accuracies(
        data,
        draw_splits(data, plan.further_runs, setting, rng),
        variants[:1],
        draw_starts(plan.further_runs, 1, setting, rng),
        setting,
    )[:, 0]
    ratio = test_to_train(sides)
    noted = run_intervals("resampled", values[:, 0], further, plan) | resampled_families(values[: plan.seeds], ratio)
    for n in plan.sizes:
        noted |= population_intervals(values[:n, 0], ratio, n)
        noted |= effect_record("resampled", values[:n, -2], values[:n, -1], n, ratio)
    differences = values[:, -2] - values[:, -1]
    return noted | {"resampled/effect": differences.mean(), "resampled/variance": differences.var(ddof=1)}


def fixed_records(plan: Plan, data: Data, rng: np.random.Generator) -> dict[str, Any]:
    """One split serves all seeds, which differ in their random start only."""
    setting, seeds = plan.setting, plan.sizes[-1]
    sides = draw_splits(data, 1, setting, rng)
    variants = np.stack([ignoring(setting, 0), stronger(setting)])
    both = accuracies(data, sides, variants, draw_starts(seeds + plan.further_runs, 1, setting, rng), setting)
    values, further = both[:seeds], both[seeds:]
    noted = run_intervals("fixed", values[:, 0], further[:, 0], plan)
    for n in plan.sizes:
        noted |= effect_record("fixed", values[:n, 1], values[:n, 0], n, None)
    differences = further[:, 1] - further[:, 0]
    noted |= {"fixed/effect": differences.mean(), "fixed/variance": differences.var(ddof=1)}
    # No true difference between runs: six times the same variant, each time from starts of its own.
    same = np.repeat(variants[:1], NULL_VARIANTS, axis=0)
    runs = accuracies(data, sides, same, draw_starts(plan.seeds, NULL_VARIANTS, setting, rng), setting)
    tests = all_pairs(runs, lambda a, b: compare(a, b, design="fixed"))
    return noted | families("fixed/paired", tests, adjust=True) | families("fixed/paired alone", tests, adjust=False)


def stronger(setting: Setting) -> Floats:
    return ignoring(setting)


def weaker(setting: Setting) -> Floats:
    return ignoring(setting, 0, 1, 2)


def run_intervals(design: str, values: Floats, further: Floats, plan: Plan) -> dict[str, Any]:
    """Intervals about the runs on this data set, and what further runs give."""
    noted: dict[str, Any] = {
        f"{design}/truth": further.mean(),
        f"{design}/truth_variance": further.var(ddof=1) / len(further),
        f"{design}/one_more": further[0],
    }
    for n in plan.sizes:
        noted[f"{design}/t/{n}"] = ends(summary(values[:n]))
        if n >= LEAST_BOOTSTRAPPED:
            noted[f"{design}/bca/{n}"] = ends(bootstrap_interval(values[:n], resamples=RESAMPLES))
        noted[f"{design}/prediction/{n}"] = ends(prediction_interval(values[:n]))
    return noted


def population_intervals(values: Floats, ratio: float, n: int) -> dict[str, Any]:
    """What is said of the population from n values: the plain interval, which is not meant for it, and the corrected."""
    return {
        f"resampled/t/{n}": ends(summary(values)),
        f"resampled/corrected/{n}": ends(population_interval(values, ratio)),
    }


def resampled_families(values: Floats, ratio: float) -> dict[str, Any]:
    """Verdicts on six variants (S, 6) that do not differ in the population, and intervals for the first two."""
    variants = values[:, :NULL_VARIANTS]
    corrected = all_pairs(variants, partial(compare, design="resampled", test_to_train=ratio))
    # A ratio of 0 makes the corrected test the plain paired t-test, without the Wilcoxon test beside it.
    plain = all_pairs(variants, partial(compare, design="resampled", test_to_train=0.0))
    return (
        families("resampled/corrected", corrected, adjust=True)
        | families("resampled/plain", plain, adjust=True)
        | families("resampled/plain alone", plain, adjust=False)
        | {"difference/corrected": ends(corrected[1, 0]), "difference/plain": ends(plain[1, 0])}
    )


Tests = dict[tuple[int, int], Comparison]


def all_pairs(values: Floats, test: Callable[[Floats, Floats], Comparison]) -> Tests:
    """Test each variant of (S, V) against each before it."""
    pairs = combinations(range(values.shape[1]), 2)
    return {(later, earlier): test(values[:, later], values[:, earlier]) for earlier, later in pairs}


def families(name: str, tests: Tests, *, adjust: bool) -> dict[str, Any]:
    """Whether "better", and whether anything is said of a family: all against the first, or all pairs."""
    against_first = [found for (_, earlier), found in tests.items() if earlier == 0]
    noted = {}
    for family, found in (("baseline", against_first), ("pairs", list(tests.values()))):
        words = verdicts(found, adjust=adjust)
        noted[f"{name}/{family}/better"] = BETTER in words
        noted[f"{name}/{family}/any"] = BETTER in words or WORSE in words
    return noted


def verdicts(family: Sequence[Comparison], *, adjust: bool = True) -> list[str]:
    p_values = [found.p for found in family]
    adjusted = holm(p_values) if adjust else p_values
    return [verdict(PairedTest(found), p, Metric("value", "higher")) for found, p in zip(family, adjusted, strict=True)]


def effect_record(design: str, better: Floats, worse: Floats, n: int, ratio: float | None) -> dict[str, Any]:
    """The verdict on a variant that truly differs."""
    found = compare(better, worse, design="fixed" if ratio is None else "resampled", test_to_train=ratio)
    (said,) = verdicts([found])
    return {f"{design}/{BETTER}/{n}": said == BETTER, f"{design}/{WORSE}/{n}": said == WORSE}


def ends(interval: Interval | Summary | Comparison | None) -> tuple[float, float]:
    """Low and high; nan where no interval was given, as all values were equal."""
    if interval is None or interval.low is None or interval.high is None:
        return math.nan, math.nan
    return interval.low, interval.high


def simulate_elsewhere(plan: Plan, options: argparse.Namespace) -> list[tuple[str, Records]]:
    """A fifth of the experiments in each of the other settings."""
    experiments = max(2, options.experiments // 5)
    return [
        (name, simulate(population_records, replace(plan, setting=setting), experiments, options.jobs, name))
        for name, setting in OTHER_SETTINGS.items()
    ]


# ---- findings ----------------------------------------------------------------------------------------------------------


def findings(records: Records, plan: Plan) -> Iterator[Block]:
    yield wanted_block(
        "The mean of further runs on the same data",
        f"Does the interval of n runs hold the mean of {plan.further_runs} further runs on the same data? "
        f"{truth_error(records, plan)} The t interval is `summary`'s; BCa is `bootstrap_interval`'s, of {RESAMPLES} "
        f"resamples, from {LEAST_BOOTSTRAPPED} values on.",
        run_findings(records, plan),
    )
    yield wanted_block(
        "One more run on the same data",
        "Does the prediction interval of n runs hold one further run?",
        one_more_findings(records, plan),
    )
    yield wanted_block(
        "The population value",
        "Does the interval of n runs on one data set hold the expected accuracy over all data sets of that size "
        f"({population_value(records):.4f}, the mean over all experiments, standard error "
        f"{population_error(records):.4f})? Plain is the t interval of `summary`, which reports give as one about the runs; "
        "corrected is `population_interval`. With a fixed split there is no interval about the population. Differences are "
        f"those of two variants that do not differ in the population; {plan.seeds} seeds, by `compare`; plain: with a "
        "correction of 0.",
        population_findings(records, plan),
    )
    yield wanted_block(
        "Families without a true difference",
        f"{NULL_VARIANTS} variants, {plan.seeds} seeds. In how many families is at least one variant called better (or: "
        "better or worse)? Five comparisons with the first variant, or all 15 pairs. Re-drawn splits: each variant ignores "
        "another one of the features, so they differ on a data set and not in the population. Fixed split: one variant "
        "six times, with random starts of its own each time.",
        family_findings(records),
    )
    yield power_block(records, plan)


def run_findings(records: Records, plan: Plan) -> Iterator[Finding]:
    for design, words in (("resampled", "re-drawn splits"), ("fixed", "fixed split")):
        for kind, name in (("t", "t interval"), ("bca", "BCa")):
            for n in plan.sizes:
                if f"{design}/{kind}/{n}" not in records:
                    continue
                covered = covering(records[f"{design}/{kind}/{n}"], records[f"{design}/truth"])
                yield Finding(f"{words}, {name}, n = {n}", covered, 0.93, 0.97)


def one_more_findings(records: Records, plan: Plan) -> Iterator[Finding]:
    for design, words in (("resampled", "re-drawn splits"), ("fixed", "fixed split")):
        for n in plan.sizes:
            covered = covering(records[f"{design}/prediction/{n}"], records[f"{design}/one_more"])
            yield Finding(f"{words}, n = {n}", covered, 0.93, 0.97)


def population_findings(records: Records, plan: Plan) -> Iterator[Finding]:
    value = population_value(records)
    for n in plan.sizes:
        yield Finding(f"fixed split, accuracy, plain, n = {n}", covering(records[f"fixed/t/{n}"], value))
    drawn = "re-drawn splits"
    for n in plan.sizes:
        yield Finding(f"{drawn}, accuracy, plain, n = {n}", covering(records[f"resampled/t/{n}"], value))
    for n in plan.sizes:
        yield Finding(
            f"{drawn}, accuracy, corrected, n = {n}", covering(records[f"resampled/corrected/{n}"], value), 0.93
        )
    yield Finding(f"{drawn}, difference, plain", covering(records["difference/plain"], 0.0))
    yield Finding(f"{drawn}, difference, corrected", covering(records["difference/corrected"], 0.0), 0.93)


def family_findings(records: Records) -> Iterator[Finding]:
    tests = (
        ("resampled/corrected", "re-drawn splits, corrected test and Holm", True),
        ("resampled/plain", "re-drawn splits, plain t-test and Holm", False),
        ("resampled/plain alone", "re-drawn splits, plain t-test alone", False),
        ("fixed/paired", "fixed split, paired t-test and Holm", True),
        ("fixed/paired alone", "fixed split, paired t-test alone", False),
    )
    for family, members in (("baseline", "5 comparisons"), ("pairs", "15 pairs")):
        for name, words, ours in tests:
            for said, verb in (("better", "better"), ("any", "better or worse")):
                values = records[f"{name}/{family}/{said}"]
                yield Finding(f"{members}, {words}: {verb}", values, high=0.05 if ours else None)


def power_findings(records: Records, plan: Plan) -> Iterator[Finding]:
    ratio = plan.setting.shares[2] / plan.setting.shares[0]
    effect, std = effect_of(records, "resampled")
    for n in plan.sizes:
        foreseen = power(effect, std, n, correction=ratio)
        yield Finding(f"re-drawn splits, n = {n}", records[f"resampled/{BETTER}/{n}"], foreseen=foreseen)
    for n in plan.sizes:
        each = [
            power(own, math.sqrt(variance), n)
            for own, variance in zip(records["fixed/effect"], records["fixed/variance"], strict=True)
        ]
        told = records[f"fixed/{BETTER}/{n}"] | records[f"fixed/{WORSE}/{n}"]
        yield Finding(f"fixed split, n = {n}", told, foreseen=float(np.mean(each)))


def effect_of(records: Records, design: str) -> tuple[float, float]:
    """The true mean difference, and the standard deviation of the differences on one data set."""
    return float(records[f"{design}/effect"].mean()), math.sqrt(float(records[f"{design}/variance"].mean()))


def population_value(records: Records) -> float:
    return float(records["resampled/truth"].mean())


def population_error(records: Records) -> float:
    truth = records["resampled/truth"]
    return float(truth.std(ddof=1)) / math.sqrt(len(truth)) if len(truth) > 1 else math.nan


def truth_error(records: Records, plan: Plan) -> str:
    n = plan.sizes[-1]
    shares = []
    for design in ("resampled", "fixed"):
        reach = float(np.diff(records[f"{design}/t/{n}"], axis=1).mean()) / 2
        shares.append(f"{math.sqrt(float(records[f'{design}/truth_variance'].mean())) / reach:.1%}")
    return (
        f"That mean has a standard error of its own: {shares[0]} (re-drawn splits) and {shares[1]} (fixed split) of the "
        f"half-width of the t interval of {n} runs, less of the others."
    )


def power_block(records: Records, plan: Plan) -> Block:
    (drawn, drawn_std), (fixed, fixed_std) = effect_of(records, "resampled"), effect_of(records, "fixed")
    return Block(
        "Power",
        "In how many experiments is a true difference found, and what does `power` foresee from the true difference and "
        f"the true standard deviation of the differences? One comparison a family. Re-drawn splits: all features against all but three, {drawn:.4f} "
        f"more accuracy in the population, standard deviation {drawn_std:.4f} over the runs on one data set; found means "
        f"called better. Fixed split: all features against all but one, {fixed:.4f} more on the mean over data sets, "
        f"standard deviation {fixed_std:.4f}; on some splits the true difference has the other sign, so found means "
        "called better or worse, and foreseen is the mean over the true differences of all experiments.",
        ("", "found", "error", "foreseen"),
        [
            (row.what, f"{row.share:.1%}", f"{row.error:.1%}", f"{row.foreseen:.1%}")
            for row in power_findings(records, plan)
        ],
    )


def other_settings(settings: Sequence[tuple[str, Records]], plan: Plan) -> Block:
    columns = ("accuracy, plain", "accuracy, corrected", "difference, plain", "difference, corrected", "better")
    return Block(
        "Other settings",
        f"Re-drawn splits, {plan.seeds} seeds: coverage of the population value and of the population difference by plain "
        "and corrected intervals, and the share of families (5 comparisons, no true difference) in which the corrected "
        "test with Holm says better. Wanted: corrected at least 93%, better at most 5%; what misses that is marked by !. "
        "Variance: that of the mean over experiments, over the s^2 (1/n + n_test/n_train) that the correction takes it for; "
        "below 1 the corrected interval is wider than it need be, above 1 too narrow. Where one class is rare, the accuracy "
        "hangs on its share of the data set. Stratified splits have that same share in all runs, so their spread cannot show "
        "it: the interval of an accuracy is about data sets with the same shares of the classes.",
        ("", "experiments", "mean accuracy", *columns, "variance, accuracy", "variance, difference"),
        [(name, *setting_row(records, plan)) for name, records in settings],
    )


def setting_row(records: Records, plan: Plan) -> Iterator[str]:
    value, n = population_value(records), plan.seeds
    yield str(len(records["resampled/truth"]))
    yield f"{value:.3f}"
    for row in (
        Finding("", covering(records[f"resampled/t/{n}"], value)),
        Finding("", covering(records[f"resampled/corrected/{n}"], value), 0.93),
        Finding("", covering(records["difference/plain"], 0.0)),
        Finding("", covering(records["difference/corrected"], 0.0), 0.93),
        Finding("", records["resampled/corrected/baseline/better"], high=0.05),
    ):
        yield f"{row.share:.1%}{MISSED if row.holds is False else ''}"
    yield f"{variance_ratio(records[f'resampled/corrected/{n}'], n):.2f}"
    yield f"{variance_ratio(records['difference/corrected'], n):.2f}"


def variance_ratio(intervals: Floats, n: int) -> float:
    """Variance of the middles of intervals (experiments, 2) of n values, over the mean variance that they were made with."""
    low, high = intervals[~np.isnan(intervals[:, 0])].T
    presumed = ((high - low) / 2 / scipy.stats.t.ppf(0.975, n - 1)) ** 2
    return float(((low + high) / 2).var(ddof=1) / presumed.mean())


def page(blocks: Sequence[Block], records: Records, plan: Plan, options: argparse.Namespace) -> str:
    """The whole result as Markdown, which is also what the terminal shows."""
    parts = ["# Are the statistics right? A simulation with known truth", *introduction(records, plan, options)]
    parts.append(paragraph(result(blocks)))
    for block in blocks:
        parts += [f"## {block.title}", paragraph(block.notes), table(block.head, block.rows)]
    return "\n\n".join(parts)


def introduction(records: Records, plan: Plan, options: argparse.Namespace) -> Iterator[str]:
    setting = plan.setting
    train, val, test = (f"{share:.0%}" for share in setting.shares)
    spread = {design: math.sqrt(float(spread_of(records, design, plan).mean())) for design in ("resampled", "fixed")}
    yield paragraph(
        f"Made by `{COMMAND} --experiments {options.experiments} --seeds {plan.seeds} --further-runs {plan.further_runs} "
        f"--seed {plan.seed}` with {versions()}. Intervals, tests and verdicts are those of reports: `seedbed.statistics` and `seedbed.report.paired_tests.verdict`, or what a section names. "
        "The error beside a share is its standard error, of the simulation."
    )
    yield paragraph(
        f"**A simulated experiment.** {setting.rows} rows of two classes of equal chance, {setting.features} normal "
        f"features of variance 1, all of which tell as much; the centres of the classes are {setting.distance:g} "
        f"standard deviations apart. A split {train} / {val} / {test} for training, validation and test, stratified, with "
        "as many rows of each class on each side as `seedbed.data.splits` gives them; either every seed draws its own "
        "(`split=per_seed`, so training sets overlap) or all share one (`split=fixed`). A run fits a linear classifier by "
        f"least squares, pulled towards a random start (normal weights of standard deviation {setting.start_std:g}, with "
        f"the weight of {setting.pull:.0%} of the training rows), and its value is the accuracy on the test rows. Seeds "
        "are paired: variants of one seed share split and start. The first variant, of which most is said here, ignores "
        f"one feature; its values have a standard deviation on one data set of {spread['resampled']:.4f} with re-drawn "
        f"splits and {spread['fixed']:.4f} with a fixed one."
    )


def spread_of(records: Records, design: str, plan: Plan) -> Floats:
    """Variances of the further runs on each data set."""
    variances: Floats = records[f"{design}/truth_variance"] * plan.further_runs
    return variances


if __name__ == "__main__":
    main()
