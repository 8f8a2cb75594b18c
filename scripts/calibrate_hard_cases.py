"""Simulates experiments that break what tests and intervals take for granted, and measures what reports say of them.

Rows that come in clusters, a metric with two modes, and seeds that diverge. ``scripts/calibrate_statistics --hard-cases``
sets up what this needs; the simulated classifier, the judged functions and the tables are ``calibrate_statistics``'s.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
from calibrate_statistics import RESAMPLES, ends, population_intervals, resampled_families, verdicts
from numpy.typing import NDArray
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
    draw_splits,
    draw_starts,
    exchangeable,
    paragraph,
    result,
    simulate,
    table,
    test_to_train,
    versions,
    wanted_block,
)

from seedbed.report.analysis import BETTER, WORSE
from seedbed.report.paired_tests import PairedTest
from seedbed.statistics import LEAST_BOOTSTRAPPED, Comparison, bootstrap_interval, compare, prediction_interval, summary

USERS, ROWS_OF_A_USER = 50, (10, 40)
USERS_DIFFER = 2.0
"""Standard deviation, over users, of how much a feature tells of their rows; its mean is 1."""
FURTHER_SPLITS, OTHER_DATA_SETS, SPLITS_OF_EACH = 100, 20, 5
FAILURE, FAILED_VALUE, LEARNED_VALUE, LEARNED_STD = 0.2, 0.1, 0.55, 0.02
"""Chance that a seed never learns, its value, and mean and standard deviation of the others."""
SIZES = (5, 10, 30)
BASE, SEED_STD, RUN_STD, TRUE_DIFFERENCE = 0.8, 0.02, 0.02, 0.03
"""Values of seeds that may diverge: their mean, the spread that variants of one seed share, that of each run, and how
far a truly better variant is ahead."""
WORST = 0.0
DIVERGED = 0.2
SIZES_WITH_DIVERGED = (10, 30)


def main() -> None:
    options = read_options()
    started = time.perf_counter()
    plan = Plan(Setting(), 10, FURTHER_SPLITS, options.seed)
    blocks = [
        *clustered_blocks(plan, options),
        bimodal_block(simulate(bimodal_records, plan, options.experiments, options.jobs, "two modes")),
        diverged_block(simulate(diverged_records, plan, fewer(options), options.jobs, "diverging seeds")),
    ]
    text = page(blocks, options)
    print(text, flush=True)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    print(f"{time.perf_counter() - started:.0f} seconds", file=sys.stderr)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="calibrate_statistics --hard-cases", description=__doc__)
    parser.add_argument("--experiments", type=at_least(2), default=10_000)
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--jobs", type=at_least(1), default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def fewer(options: argparse.Namespace) -> int:
    """Experiments where each of them takes long: a fifth."""
    return max(2, int(options.experiments) // 5)


def page(blocks: Sequence[Block], options: argparse.Namespace) -> str:
    """The whole result as Markdown, which is also what the terminal shows."""
    parts = [
        "# Where the statistics hold and where they do not: clusters, two modes, diverging seeds",
        paragraph(
            f"Made by `{COMMAND} --hard-cases --experiments {options.experiments} --seed {options.seed}` with {versions()}. "
            "Intervals, tests and verdicts are those of reports, as in [calibrate_statistics.md](calibrate_statistics.md), which "
            "has the cases that the tests are made for. The error beside a share is its standard error, of the simulation."
        ),
        paragraph(result(blocks)),
    ]
    for block in blocks:
        parts += [f"## {block.title}", paragraph(block.notes), table(block.head, block.rows)]
    return "\n\n".join(parts)


# ---- rows that come in clusters ----------------------------------------------------------------------------------------


def clustered_records(plan: Plan, experiment: int) -> dict[str, Any]:
    """Rows of 50 users, split at random by rows, and by users."""
    rng = np.random.default_rng([plan.seed, experiment])
    telling = 1 + USERS_DIFFER * rng.standard_normal((USERS, plan.setting.features))
    data = rows_of_users(telling, plan.setting, rng)
    by_rows = draw_splits(data, plan.seeds, plan.setting, rng)
    by_users = splits_of_users(plan.seeds, plan.setting, rng)
    further = values_of(data, draw_splits(data, plan.further_runs, plan.setting, rng), plan.setting, rng)
    return (
        prefixed("rows", said_of(values_of(data, by_rows, plan.setting, rng), test_to_train(by_rows)))
        | prefixed("users", said_of(values_of(data, by_users, plan.setting, rng), test_to_train(by_users)))
        | prefixed("other splits", truth(further))
        | prefixed("other rows", truth(values_on_other_rows(telling, plan.setting, rng)))
    )


def rows_of_users(telling: Floats, setting: Setting, rng: np.random.Generator) -> Data:
    """As many rows of each user, of two classes, of which the features tell as much as ``telling`` (users, F) has it."""
    user = np.repeat(np.arange(USERS), setting.rows // USERS)
    labels = np.where(rng.random(len(user)) < setting.rare, 1.0, -1.0)
    shift = setting.distance / 2 / np.sqrt(setting.features) * telling[user]
    features = rng.standard_normal(shift.shape) + shift * labels[:, None]
    return Data(np.hstack([features, np.ones((len(user), 1))]).astype(np.float32), labels.astype(np.float32))


def splits_of_users(splits: int, setting: Setting, rng: np.random.Generator) -> NDArray[np.int8]:
    """The side of every row, (splits, N), where all rows of a user are on one side."""
    train, val, _ = (round(share * USERS) for share in setting.shares)
    dealt = np.repeat(np.arange(3, dtype=np.int8), (train, val, USERS - train - val))
    return np.repeat(rng.permuted(np.tile(dealt, (splits, 1)), axis=1), setting.rows // USERS, axis=1)


def values_of(data: Data, sides: NDArray[np.int8], setting: Setting, rng: np.random.Generator) -> Floats:
    """Accuracies (S, 6) of six variants, each of which ignores another feature."""
    return accuracies(data, sides, exchangeable(setting), draw_starts(len(sides), 1, setting, rng), setting)


def values_on_other_rows(telling: Floats, setting: Setting, rng: np.random.Generator) -> Floats:
    """The same on other rows of the same users."""
    values = []
    for _ in range(OTHER_DATA_SETS):
        data = rows_of_users(telling, setting, rng)
        values.append(values_of(data, draw_splits(data, SPLITS_OF_EACH, setting, rng), setting, rng))
    return np.concatenate(values)


def said_of(values: Floats, ratio: float) -> dict[str, Any]:
    return (
        truth(values)
        | population_intervals(values[:, 0], ratio, len(values))
        | resampled_families(values, ratio)
    )  # fmt: skip


def truth(values: Floats) -> dict[str, Any]:
    """Mean accuracy of the first variant, and by how much the second is ahead of it."""
    return {"mean": values[:, 0].mean(), "ahead": (values[:, 1] - values[:, 0]).mean()}


def prefixed(name: str, noted: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}/{key}": value for key, value in noted.items()}


def clustered_blocks(plan: Plan, options: argparse.Namespace) -> Iterator[Block]:
    """One table for each number of rows that a user has."""
    experiments = fewer(options)
    for rows in ROWS_OF_A_USER:
        of_users = replace(plan, setting=replace(plan.setting, rows=USERS * rows))
        records = simulate(clustered_records, of_users, experiments, options.jobs, f"{rows} rows of a user")
        yield wanted_block(
            f"Clustered rows: {USERS} users with {rows} rows each",
            about_clusters(experiments),
            clustered_findings(records, rows),
        )


def about_clusters(experiments: int) -> str:
    return (
        f"{experiments} experiments, 10 seeds with re-drawn splits 70% / 10% / 20%, the classifier and the variants of "
        "calibrate_statistics.md. How much a feature tells of the class differs between users (standard deviation "
        f"{USERS_DIFFER:g} times the mean), so rows of one user are alike; over all users every feature tells as much. Split by "
        "rows, a user has rows on both sides; split by users, on one. Does an interval hold the mean of "
        f"{FURTHER_SPLITS} other random splits of the same rows, of other rows of the same users ({OTHER_DATA_SETS} data sets), "
        "or of other users (all experiments)? Better: of 5 variants against one, of which none is better over all users, at "
        "least one is called better."
    )


def clustered_findings(records: Records, rows: int) -> Iterator[Finding]:
    t, corrected = "resampled/t/10", "resampled/corrected/10"
    plain_difference, difference = records["rows/difference/plain"], records["rows/difference/corrected"]
    accuracy, ahead = (f"{rows} rows, split by rows, {what}" for what in ("accuracy", "difference"))
    splits, others, users = "other splits of the same rows", "other rows of the same users", "other users"
    further, elsewhere, everywhere = (records[f"{where}/mean"] for where in ("other splits", "other rows", "rows"))
    yield Finding(f"{accuracy}, plain: {splits}", covering(records[f"rows/{t}"], further), 0.93, 0.97)
    yield Finding(f"{accuracy}, corrected: {others}", covering(records[f"rows/{corrected}"], elsewhere), 0.93)
    yield Finding(f"{accuracy}, corrected: {users}", covering(records[f"rows/{corrected}"], everywhere.mean()), 0.93)
    yield Finding(f"{ahead}, plain: {splits}", covering(plain_difference, records["other splits/ahead"]), 0.93, 0.97)
    yield Finding(f"{ahead}, corrected: {others}", covering(difference, records["other rows/ahead"]), 0.93)
    yield Finding(f"{ahead}, corrected: {users}", covering(difference, 0.0), 0.93)
    accuracy, ahead = (f"{rows} rows, split by users, {what}" for what in ("accuracy", "difference"))
    of_users = covering(records[f"users/{corrected}"], records["users/mean"].mean())
    yield Finding(f"{accuracy}, corrected: {users}", of_users, 0.93)
    yield Finding(f"{ahead}, corrected: {users}", covering(records["users/difference/corrected"], 0.0), 0.93)
    for split in ("rows", "users"):
        start, better = f"{rows} rows, split by {split}", "baseline/better"
        yield Finding(
            f"{start}, corrected test and Holm: better", records[f"{split}/resampled/corrected/{better}"], high=0.05
        )
        yield Finding(f"{start}, plain t-test alone: better", records[f"{split}/resampled/plain alone/{better}"])


# ---- a metric with two modes -------------------------------------------------------------------------------------------


def bimodal_records(plan: Plan, experiment: int) -> dict[str, Any]:
    """Six variants of which each seed may fail, and a steady one with the same mean."""
    rng = np.random.default_rng([plan.seed, experiment])
    values, further = two_modes((SIZES[-1], NULL_VARIANTS), rng), two_modes((1,), rng)[0]
    steady = true_mean() + LEARNED_STD * rng.standard_normal(SIZES[-1])
    noted: dict[str, Any] = {"further": further}
    for n in SIZES:
        first = values[:n, 0]
        noted[f"t/{n}"] = ends(summary(first))
        noted[f"prediction/{n}"] = ends(prediction_interval(first))
        if n >= LEAST_BOOTSTRAPPED:
            noted[f"bca/{n}"] = ends(bootstrap_interval(first, resamples=RESAMPLES))
        noted[f"same/{n}"] = BETTER in verdicts([paired(values[:n, other], first) for other in range(1, NULL_VARIANTS)])
        (said,) = verdicts([paired(steady[:n], first)])
        noted |= {f"steady/{BETTER}/{n}": said == BETTER, f"steady/{WORSE}/{n}": said == WORSE}
    return noted


def two_modes(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    learned = LEARNED_VALUE + LEARNED_STD * rng.standard_normal(shape)
    values: Floats = np.where(rng.random(shape) < FAILURE, FAILED_VALUE, learned)
    return values


def true_mean() -> float:
    return FAILURE * FAILED_VALUE + (1 - FAILURE) * LEARNED_VALUE


# The paired t-test; as the fixed design's it would come with the Wilcoxon test, which decides nothing and takes long.
paired: Callable[[Floats, Floats], Comparison] = partial(compare, design="resampled", test_to_train=0.0)


def bimodal_block(records: Records) -> Block:
    return wanted_block(
        "A metric with two modes",
        f"A seed never learns with a chance of {FAILURE:.0%} and has {FAILED_VALUE:g} then, as LeNet by SGD at 0.3 on CIFAR-10; "
        f"else its value is normal, {LEARNED_VALUE:g} with standard deviation {LEARNED_STD:g}: the mean is {true_mean():.2f}. "
        f"All seeds share one split; {len(records['further'])} experiments. Does the interval of n runs hold that mean, or one further run? Of 6 such variants, is one "
        "called better than the first? And what is said of a steady variant that never fails and has the same mean?",
        bimodal_findings(records),
    )


def bimodal_findings(records: Records) -> Iterator[Finding]:
    for kind, name in (("t", "t interval"), ("bca", "BCa")):
        for n in SIZES:
            if f"{kind}/{n}" in records:
                yield Finding(f"mean, {name}, n = {n}", covering(records[f"{kind}/{n}"], true_mean()), 0.93, 0.97)
    for n in SIZES:
        covered = covering(records[f"prediction/{n}"], records["further"])
        yield Finding(f"one more run, prediction interval, n = {n}", covered, 0.93, 0.97)
    for n in SIZES:
        yield Finding(
            f"5 comparisons of the same, paired t-test and Holm, n = {n}: better", records[f"same/{n}"], high=0.05
        )
    for said in (BETTER, WORSE):
        for n in SIZES:
            yield Finding(f"steady, same mean, n = {n}: {said}", records[f"steady/{said}/{n}"], high=0.05)


# ---- seeds that diverge ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Divergence:
    """How likely a seed of the baseline and of the other five variants diverges, and which seeds do."""

    words: str
    baseline: float = 0.0
    others: float = 0.0
    lowest: bool = False
    """Whether the seeds that would have the lowest values diverge, or any."""
    ahead: float = 0.0
    """How much better the values of the others are, where they do not diverge."""


SCENARIOS = {
    "alike": Divergence("all diverge alike, at random", DIVERGED, DIVERGED),
    "others": Divergence("the others diverge, at random", 0.0, DIVERGED),
    "baseline": Divergence("the baseline diverges, at random", DIVERGED, 0.0),
    "lowest of others": Divergence("the lowest of the others diverge", 0.0, DIVERGED, lowest=True),
    "lowest of baseline": Divergence("the lowest of the baseline diverge", DIVERGED, 0.0, lowest=True),
}
AHEAD = {
    "ahead": Divergence("none diverges", ahead=TRUE_DIFFERENCE),
    "ahead, alike": Divergence("all diverge alike, at random", DIVERGED, DIVERGED, ahead=TRUE_DIFFERENCE),
    "ahead, baseline": Divergence("the baseline diverges, at random", DIVERGED, 0.0, ahead=TRUE_DIFFERENCE),
    "ahead, others": Divergence("the others diverge, at random", 0.0, DIVERGED, ahead=TRUE_DIFFERENCE),
}


def dropped(a: Floats, b: Floats) -> Comparison:
    """Pairs in which a seed diverged are left out."""
    return paired(a, b)


def at_the_worst(a: Floats, b: Floats) -> Comparison:
    """A seed that diverged has the worst value that the metric can take."""
    return paired(np.nan_to_num(a, nan=WORST), np.nan_to_num(b, nan=WORST))


def both_agree(survivors: Comparison, filled: Comparison) -> Comparison:
    """The test without the diverged seeds, with the p-value of reports: the larger of both, 1 where they disagree."""
    return replace(survivors, p=PairedTest(survivors, filled.n - survivors.n, with_lost=filled).p)


def diverged_records(plan: Plan, experiment: int) -> dict[str, Any]:
    """What three rules say of six variants, by how their seeds diverge."""
    rng = np.random.default_rng([plan.seed, experiment])
    shape = (SIZES_WITH_DIVERGED[-1], NULL_VARIANTS)
    values = BASE + SEED_STD * rng.standard_normal((shape[0], 1)) + RUN_STD * rng.standard_normal(shape)
    chance = rng.random(shape)
    noted: dict[str, Any] = {}
    for name, scenario in (SCENARIOS | AHEAD).items():
        seen = with_diverged(values, chance, scenario)
        for n in SIZES_WITH_DIVERGED:
            for rule, family in by_rule(seen[:n]).items():
                said = verdicts(family)
                noted[f"{name}/{rule}/{n}/{BETTER}"] = BETTER in said
                noted[f"{name}/{rule}/{n}/{WORSE}"] = WORSE in said
                noted[f"{name}/{rule}/{n}/first"] = said[0] == BETTER
                noted[f"{name}/{rule}/{n}/interval"] = ends(family[0])
    return noted


def by_rule(seen: Floats) -> dict[str, list[Comparison]]:
    """The others against the baseline, the first of (S, 6), by what is done with seeds that diverged."""
    others = seen[:, 1:].T
    without, filled = ([test(other, seen[:, 0]) for other in others] for test in (dropped, at_the_worst))
    return {"dropped": without, "worst": filled, "both": list(map(both_agree, without, filled))}


def with_diverged(values: Floats, chance: Floats, scenario: Divergence) -> Floats:
    """Values (S, 6) with nan where a seed diverged."""
    shares = np.array([scenario.baseline] + [scenario.others] * (values.shape[1] - 1))
    if scenario.lowest:
        cut = scipy.stats.norm.ppf(DIVERGED, BASE, np.hypot(SEED_STD, RUN_STD))
        diverged = (values < cut) & (shares > 0)
    else:
        diverged = chance < shares
    ahead = np.array([0.0] + [scenario.ahead] * (values.shape[1] - 1))
    seen: Floats = np.where(diverged, np.nan, values + ahead)
    return seen


def diverged_block(records: Records) -> Block:
    columns = ("dropped: better", "at the worst: better", "both agree: better", "both agree: worse", "interval holds")
    return Block(
        "Seeds that diverge",
        f"{len(records['alike/both/10/better'])} experiments of 6 variants on one split, the values of which would be alike: {BASE:g}, with a standard deviation of {SEED_STD:g} that "
        f"variants of one seed share and {RUN_STD:g} of each run. A seed diverges with a chance of {DIVERGED:.0%}. Paired t-tests "
        "of 5 variants against the baseline, with Holm: pairs with a diverged seed dropped; diverged seeds at the worst value of "
        f"the metric ({WORST:g}); or both tests must agree and the larger p counts. Shares are of families in which at least one is "
        "called better (worse); where it says ahead, the others are ahead by "
        f"{TRUE_DIFFERENCE:g}, how often the first of them is called better. Interval: the share in which that of the first "
        "difference, without the diverged seeds, holds what the difference would be if none diverged. Wanted: better at most 5% where "
        "both must agree, the interval at least 93%; what misses that is marked by !.",
        ("", "n", *columns),
        list(diverged_rows(records)),
    )


def diverged_rows(records: Records) -> Iterator[tuple[str, ...]]:
    for name, scenario in (SCENARIOS | AHEAD).items():
        said, high = ("first", None) if scenario.ahead else (BETTER, 0.05)
        for n in SIZES_WITH_DIVERGED:
            shares = (
                Finding("", records[f"{name}/dropped/{n}/{said}"]),
                Finding("", records[f"{name}/worst/{n}/{said}"]),
                Finding("", records[f"{name}/both/{n}/{said}"], high=high),
                Finding("", records[f"{name}/both/{n}/{WORSE}"]),
                Finding("", covering(records[f"{name}/dropped/{n}/interval"], scenario.ahead), 0.93),
            )
            about = f"{'ahead; ' if scenario.ahead else ''}{scenario.words}"
            yield about, str(n), *(f"{row.share:.1%}{MISSED if row.holds is False else ''}" for row in shares)


if __name__ == "__main__":
    main()
