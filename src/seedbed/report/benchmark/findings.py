"""Findings about an experiment over several data sets: their numbers are those over data sets, or of one that is named.

values:
  won: {wins: [smote, none], format: word}                       # data sets on which smote is ahead
  size: {difference_over: [smote, none], format: +.3f}           # Hodges-Lehmann estimate
  best: {mean: [smote, test/f1], data_set: pima, format: .3f}    # as in a report on that data set
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

from seedbed.errors import ConfigError, near_misses
from seedbed.report.benchmark.analysis import BenchmarkAnalysis, analyse_benchmark
from seedbed.report.findings import Finding, findings_in, value_of_rule
from seedbed.results import Benchmark

Analyses: TypeAlias = Callable[..., BenchmarkAnalysis]
"""The analysis by metric and baseline, each None for the experiment's own."""


def read_findings_over(path: Path, benchmark: Benchmark) -> list[Finding]:
    """The findings in ``path`` with their numbers; [] where there is no such file, or it is about other cells.

    Raises ConfigError where the file cannot be read, or a sentence cannot be filled in.
    """
    # Several rules are about one metric and baseline, and an analysis takes about a second.
    analysis_by = cache(partial(analyse_benchmark, benchmark))
    return findings_in(path, benchmark, lambda rule: _value(benchmark, analysis_by, rule))


def _value(benchmark: Benchmark, analysis_by: Analyses, rule: dict[str, Any]) -> float | str:
    if "data_set" in rule:
        return _on_one(benchmark, **rule)
    kinds = [key for key in rule if key in RULES]
    if len(kinds) != 1:
        given = [str(key) for key in kinds or rule]
        raise ConfigError(
            f"{rule!r} names {' and '.join(given)}, and not one kind of value over data sets: {near_misses(given[0], RULES)} "
            "With data_set: NAME it is a value on that one."
        )
    others = {key: value for key, value in rule.items() if key != kinds[0]}
    return RULES[kinds[0]](analysis_by, rule[kinds[0]], **others)


def _on_one(benchmark: Benchmark, data_set: str, **rule: Any) -> float | str:
    if data_set not in benchmark.data_sets:
        raise ConfigError(f"data_set={data_set!r} is none of these: {near_misses(data_set, benchmark.data_sets)}")
    return value_of_rule(benchmark.data_sets[data_set], rule)


def _wins(analysis_by: Analyses, pair: list[str], metric: str | None = None) -> float:
    return analysis_by(metric).test(*pair).test.wins


def _losses(analysis_by: Analyses, pair: list[str], metric: str | None = None) -> float:
    return analysis_by(metric).test(*pair).test.losses


def _data_sets(analysis_by: Analyses, pair: list[str], metric: str | None = None) -> float:
    return analysis_by(metric).test(*pair).test.n


def _difference(analysis_by: Analyses, pair: list[str], metric: str | None = None) -> float:
    estimate = analysis_by(metric).test(*pair).test.estimate
    if estimate is None:
        raise ConfigError(f"there is no data set on which both of {pair!r} have a value.")
    return estimate


def _verdict(analysis_by: Analyses, pair: list[str], metric: str | None = None) -> str:
    """The words of the test of a variant against a baseline, among all tests with that baseline."""
    variant, baseline = pair
    row = analysis_by(metric, baseline).row_of(variant, baseline)
    if row is None:
        raise ConfigError(f"{pair!r} are not two variants of these results.")
    return row.verdict


def _rank(analysis_by: Analyses, variant: str, metric: str | None = None) -> float:
    """Average rank over the data sets on which all variants have run."""
    return _ranks(analysis_by(metric))[variant]


def _ranks(analysis: BenchmarkAnalysis) -> dict[str, float]:
    if not analysis.average_ranks:
        raise ConfigError("there is no data set on which all variants have run, and so there are no ranks.")
    return analysis.average_ranks


RULES: dict[str, Callable[..., float | str]] = {
    "wins": _wins,
    "losses": _losses,
    "data_sets": _data_sets,
    "difference_over": _difference,
    "verdict": _verdict,
    "rank": _rank,
}
