"""Claims of a source, checked over data sets: the tests are those of the report over data sets, in one family of claims.

``best_group_then``, ``below``, ``worse_than`` and ``not_significant`` are about the order of variants, and are tested by
Wilcoxon's signed-rank test over the data sets; ``can_beat`` counts them. A check of the values themselves is about one data
set, and is left open here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

from seedbed.config.baselines import Baselines
from seedbed.report.benchmark.analysis import BenchmarkAnalysis, analyse_benchmark
from seedbed.report.benchmark.pairs import PairTest
from seedbed.report.claims import (
    CheckResult,
    Claim,
    all_open,
    judged,
    of_all_parts,
    one_sided,
    result_of_check,
    weakest_part,
)
from seedbed.report.formatting import count_word, listed, signed
from seedbed.report.paired_tests import LEVEL
from seedbed.results import Benchmark


def claims_over(benchmark: Benchmark) -> list[Claim]:
    """The source's claims, about the experiment's own metric and baseline, whatever else a report is about."""
    config = benchmark.first.config
    own = (config.get("report") or {}).get("metric")
    if all(own not in results.metrics for results in benchmark.data_sets.values()):
        return all_open(config, f"{own}, which the claims are about, was not recorded.")
    analysis = analyse_benchmark(benchmark)
    whole = replace(benchmark.first, variants=benchmark.variants)

    def has_run(variant: str) -> bool:
        return variant in analysis.ranked

    def check(name: str, argument: Any) -> CheckResult:
        if name not in CHECKS:
            return CheckResult(f"The check {name} is about the values on one data set, and these are of several.")
        return CHECKS[name](analysis, argument)

    return judged(config, lambda text, claim: result_of_check(whole, text, claim, has_run, check))


def _best_group_then(analysis: BenchmarkAnalysis, groups: Sequence[Sequence[str]]) -> CheckResult:
    named = {variant for group in groups for variant in group}
    rest = [name for name in analysis.ranked if name not in named]
    return _in_order(analysis, [*groups, rest] if rest else groups)


def _below(analysis: BenchmarkAnalysis, argument: dict[str, Any]) -> CheckResult:
    return _in_order(analysis, [argument["others"], [argument["variant"]]])


def _worse_than(analysis: BenchmarkAnalysis, pair: Sequence[str]) -> CheckResult:
    first, second = pair
    return _in_order(analysis, [[second], [first]])


def _can_beat(analysis: BenchmarkAnalysis, pair: Sequence[str]) -> CheckResult:
    first, second = pair
    test = analysis.test(first, second).test
    if not test.n:
        return CheckResult(f"There is no data set on which both {first} and {second} have a value.")
    by_chance = 1 - 0.5**test.n  # of a pair that is equal, ties apart
    return CheckResult(
        f"{first} is ahead of {second} on {test.wins} of {test.n} data sets, level on {test.ties}. The claim asks for one data "
        f"set at least, as {100 * by_chance:.1f} % of equal pairs would give.",
        testable=False,
    )


def _not_significant(analysis: BenchmarkAnalysis, argument: dict[str, Any] | None) -> CheckResult:
    given = argument or {}
    family = (analysis.against(Baselines.of(given["baseline"])) if "baseline" in given else analysis).family
    tested = [row for row in family if row.p is not None]
    if not tested:
        return CheckResult("No difference could be tested.")
    apart = [row for row in tested if (row.p or 0.0) < LEVEL]
    largest = max(tested, key=lambda row: abs(row.test.estimate or 0.0))
    # That no test finds a difference is no evidence that there is none: there is no p for the claim.
    return CheckResult(
        f"The largest difference over data sets is {signed(largest.test.estimate, analysis.decimals)} ({largest.variant} − "
        f"{largest.other}); significant after Holm: {count_word(len(apart)) if apart else 'none'} of "
        f"{count_word(len(tested))}"
        + (f" ({listed(f'{row.variant} − {row.other}' for row in apart)})" if apart else "")
        + ".",
        fails=min(row.p or 0.0 for row in tested),
        can_hold=False,
    )


def _in_order(analysis: BenchmarkAnalysis, groups: Sequence[Sequence[str]]) -> CheckResult:
    """Every variant of a group does better than every one of the next group, by the tests over data sets."""
    pairs = [pair for upper, lower in pairwise(groups) for pair in product(upper, lower)]
    tests = [analysis.test(upper, lower) for upper, lower in pairs]
    ahead = [one_sided(test.p, test.test.leaning > 0) for test in tests]
    shown = "; ".join(_told(analysis, test) for test in tests)
    if len(pairs) == 1:
        support = (
            f"; no test ({tests[0].test.words or 'runs were lost, and no value stands for them'})"
            if tests[0].p is None
            else ""
        )
    else:
        support = f"; {len(pairs)} pairs must agree{weakest_part([' − '.join(pair) for pair in pairs], ahead)}"
    lost = "; the test counts lost seeds as the worst" if any(test.lost_on for test in tests) else ""
    return of_all_parts(f"Over data sets: {shown}{support}{lost}.", ahead)


def _told(analysis: BenchmarkAnalysis, pair: PairTest) -> str:
    """ "smote − none +0.0120, ahead on 10 of 12"."""
    test = pair.test
    estimate = signed(test.estimate, analysis.decimals)
    return f"{pair.variant} − {pair.other} {estimate}, ahead on {test.wins} of {test.n}"


CHECKS: dict[str, Callable[[BenchmarkAnalysis, Any], CheckResult]] = {
    "best_group_then": _best_group_then,
    "below": _below,
    "worse_than": _worse_than,
    "can_beat": _can_beat,
    "not_significant": _not_significant,
}
