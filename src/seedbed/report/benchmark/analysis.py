"""The numbers of a report over several data sets: the ordinary analysis of each, and the tests and ranks over all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seedbed.config.baselines import ALL_PAIRS, Baselines, Stated
from seedbed.data_set_statistics import PracticalPosterior, RankedPairs, rank_pairs
from seedbed.metrics import Metric
from seedbed.report.analysis import Analysis, analyse
from seedbed.report.benchmark.pairs import OverDataSets, PairTest, family_over, pair_test, posterior_over
from seedbed.report.benchmark.values import Means, means_of, with_lost_as_worst, without_value
from seedbed.report.formatting import number, places
from seedbed.report.paired_tests import Difference
from seedbed.results import Benchmark, Results
from seedbed.statistics import Ranking, Summary, ranking


@dataclass(frozen=True)
class BenchmarkAnalysis:
    """Everything a report over data sets says about one metric."""

    benchmark: Benchmark
    metric: str
    baselines: Baselines
    rope: float | None
    of_each: Mapping[str, Analysis]
    """By data set; without those on which no run has the metric."""

    @property
    def declared(self) -> Metric:
        """What is declared of the metric."""
        return self.benchmark.first.metric(self.metric)

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """What is compared: each variant with its baseline, or all pairs."""
        return self.baselines.pairs(self.benchmark.variants)

    @property
    def all_pairs(self) -> bool:
        """Whether all pairs are compared, as there is no baseline."""
        return self.baselines == ALL_PAIRS

    @property
    def baseline(self) -> str | None:
        """The one baseline of all comparisons; None where each variant has its own, or all pairs are compared."""
        return self.baselines.one

    def against(self, baselines: Baselines) -> BenchmarkAnalysis:
        """This analysis with other baselines, and so another family of comparisons."""
        return _of(self.benchmark, self.metric, baselines, self.rope)

    def on(self, metric: str) -> BenchmarkAnalysis:
        """The same comparisons on another metric."""
        if metric == self.metric:
            return self
        if metric not in self._on:
            self._on[metric] = _of(self.benchmark, metric, self.baselines, self.rope)
        return self._on[metric]

    @cached_property
    def _on(self) -> dict[str, BenchmarkAnalysis]:
        return {}

    @cached_property
    def whole(self) -> Analysis:
        """The cells of all data sets as if they were of one: for what all have in common. Nothing is tested on it."""
        return Analysis(_joined(self.benchmark), self.metric, self.baselines, self.rope)

    # ---- on each data set --------------------------------------------------------------------------------------------

    @cached_property
    def on_each(self) -> dict[str, dict[tuple[str, str], Difference]]:
        """By data set, the ordinary report's comparison of each of the ``pairs`` of which both apply there."""
        wanted = set(self.pairs)
        return {
            name: {pair: row for row in analysis.family if (pair := (row.variant, row.other)) in wanted}
            for name, analysis in self.of_each.items()
        }

    @property
    def families(self) -> int:
        """How many data sets have a family of comparisons of their own."""
        return sum(any(row.p is not None for row in rows.values()) for rows in self.on_each.values())

    def told_on_each(self, variant: str, other: str) -> Counter[str]:
        """On how many data sets the ordinary report says what of a pair."""
        return Counter(rows[variant, other].verdict for rows in self.on_each.values() if (variant, other) in rows)

    def summary(self, data_set: str, variant: str) -> Summary | None:
        """What the seeds of a variant say on a data set; None where it does not apply, or nothing has the metric there."""
        analysis = self.of_each.get(data_set)
        return None if analysis is None else analysis.summaries.get(variant)

    @cached_property
    def decimals(self) -> int:
        """Of what is about all data sets: of the finest spread among them."""
        return places(summary for analysis in self.of_each.values() for summary in analysis.summaries.values())

    def show(self, value: float | None) -> str:
        return number(value, self.decimals)

    def label(self) -> str:
        """The metric's name, and the source's label for it where that differs."""
        labels = self.benchmark.first.labels
        return f"{self.metric} ({labels[self.metric]})" if self.metric in labels else self.metric

    # ---- over data sets ----------------------------------------------------------------------------------------------

    @cached_property
    def family(self) -> list[OverDataSets]:
        """The tests of all ``pairs``, adjusted as one family, each on the data sets on which both of it have run."""
        return self.family_without(())

    def family_without(self, left_out: tuple[str, ...]) -> list[OverDataSets]:
        """The same family without some of the data sets."""
        recipes = self.whole.recipes
        keys = [frozenset((recipes[first], recipes[second])) for first, second in self.pairs]
        return family_over([self._without(pair, left_out) for pair in self.pairs], self.declared, keys)

    def _without(self, pair: tuple[str, str], left_out: tuple[str, ...]) -> PairTest:
        kept = {name: means for name, means in self._means(*pair).items() if name not in left_out}
        return pair_test(*pair, kept, self.declared)

    def test(self, first: str, second: str) -> PairTest:
        """The test of two variants over data sets."""
        return self._without((first, second), ())

    def _means(self, first: str, second: str) -> dict[str, Means]:
        if (first, second) not in self._means_of_pairs:
            found = {name: means_of(analysis, [first, second]) for name, analysis in self.of_each.items()}
            self._means_of_pairs[first, second] = {name: means for name, means in found.items() if means is not None}
        return self._means_of_pairs[first, second]

    @cached_property
    def _means_of_pairs(self) -> dict[tuple[str, str], dict[str, Means]]:
        return {}

    def row_of(self, variant: str, other: str) -> OverDataSets | None:
        """The test of a pair in the family."""
        return next((row for row in self.family if (row.variant, row.other) == (variant, other)), None)

    @property
    def tested(self) -> list[OverDataSets]:
        """The rows of the family with a p-value, one for each test: a recipe under two names is tested once."""
        return list({row.key: row for row in reversed(self.family) if row.p is not None}.values())[::-1]

    def chances(self, row: OverDataSets) -> PracticalPosterior | None:
        """Chances of being worse, of no difference that matters, and of being better on another data set; None without a rope."""
        if self.rope is None:
            return None
        pair = (row.variant, row.other)
        if pair not in self._chances:
            self._chances[pair] = posterior_over(row.pair, self.rope, self.declared)
        return self._chances[pair]

    @cached_property
    def _chances(self) -> dict[tuple[str, str], PracticalPosterior | None]:
        return {}

    # ---- ranks -------------------------------------------------------------------------------------------------------

    @cached_property
    def ranked(self) -> list[str]:
        """The variants that are ranked: all that have run on one of the data sets at least."""
        return [
            variant
            for variant in self.benchmark.variants
            if any(not without_value(analysis, variant) for analysis in self.of_each.values())
        ]

    @cached_property
    def common(self) -> list[str]:
        """The data sets on which all ``ranked`` variants have run: what ranks are taken over."""
        return list(self._common)

    @cached_property
    def _common(self) -> dict[str, Means]:
        found = (
            {name: means_of(analysis, self.ranked) for name, analysis in self.of_each.items()} if self.ranked else {}
        )
        common = {name: means for name, means in found.items() if means is not None}
        return common if with_lost_as_worst(list(common.values()), self.declared) is not None else self._kept(common)

    def _kept(self, common: dict[str, Means]) -> dict[str, Means]:
        return {name: means for name, means in common.items() if not any(means.lost)}

    @cached_property
    def outside(self) -> dict[str, str]:
        """Each data set that is not ``common``, with the reason."""
        return {name: self._why_outside(name) for name in self.benchmark.data_sets if name not in self._common}

    def _why_outside(self, data_set: str) -> str:
        if data_set not in self.of_each:
            return f"no run has {self.metric}"
        analysis = self.of_each[data_set]
        reasons: dict[str, list[str]] = {}
        for variant in self.ranked:
            if why := without_value(analysis, variant):
                reasons.setdefault(why, []).append(f"`{variant}`")
        said = [f"{', '.join(names)} {_plural(why, len(names))}" for why, names in reasons.items()]
        if not said and (means := means_of(analysis, self.ranked)) is not None and any(means.lost):
            return "runs were lost, and no value stands for them"
        return "; ".join(said) or "no seed has run in all variants"

    @cached_property
    def block(self) -> NDArray[np.float64]:
        """(data sets, variants) what the ``ranked`` variants are worth on the ``common`` data sets, a lost seed as the worst."""
        filled = with_lost_as_worst(list(self._common.values()), self.declared) if self._common else None
        return np.empty((0, len(self.ranked))) if filled is None else filled

    @property
    def lost_in_block(self) -> bool:
        """Whether a run that diverged or failed enters the ranks."""
        return any(any(means.lost) for means in self._common.values())

    @cached_property
    def ranking(self) -> RankedPairs:
        """Average ranks, and the tests of all pairs of the ``ranked`` variants, on the ``common`` data sets."""
        return rank_pairs(self.block, lower_is_better=self.declared.lower_is_better)

    @cached_property
    def friedman(self) -> Ranking:
        """Friedman's test of these ranks, and the critical difference of Nemenyi's; no verdict goes by them."""
        return ranking(self.block, lower_is_better=self.declared.lower_is_better, block="data set")

    @cached_property
    def average_ranks(self) -> dict[str, float]:
        """By variant; {} without a common data set."""
        return dict(zip(self.ranked, self.ranking.ranks, strict=True)) if self.common else {}

    # ---- what all have in common -------------------------------------------------------------------------------------

    @property
    def exploratory(self) -> str:
        """That the report is not about the comparison that the experiment names; "" where it is."""
        compared = [analysis for name, analysis in self.of_each.items() if self.on_each[name]]
        return compared[0].exploratory if compared else ""

    @cached_property
    def same_data(self) -> list[list[str]]:
        """The data sets that are one under several names: with the same cells."""
        first: dict[str, str] = {}
        groups: dict[str, list[str]] = {}
        for name, results in self.benchmark.data_sets.items():
            prints = [text for text in results.cells["fingerprint"].astype(str) if text not in ("", "nan", "None")]
            known = next((first[text] for text in prints if text in first), name)
            first |= {text: first.get(text, known) for text in prints}
            groups.setdefault(known, []).append(name)
        return [names for names in groups.values() if len(names) > 1]

    @property
    def dependent(self) -> dict[str, list[str]]:
        """The data sets of one source, where several are, by that source."""
        groups: dict[str, list[str]] = {}
        for name in self.benchmark.data_sets:
            if source := self.benchmark.sources.get(name):
                groups.setdefault(source, []).append(name)
        return {source: names for source, names in groups.items() if len(names) > 1}


def _plural(why: str, count: int) -> str:
    """What several variants do: "does not apply" -> "do not apply"."""
    first, _, rest = why.partition(" ")
    return f"{ ({'does': 'do', 'was': 'were', 'has': 'have'}[first] if count > 1 else first) } {rest}"


def analyse_benchmark(
    benchmark: Benchmark, metric: str | None = None, baseline: Stated = None, rope: float | None = None
) -> BenchmarkAnalysis:
    """Settle metric, baselines and rope (arguments first, then the experiment's ``report`` section) and check them.

    Raises ConfigError for an unknown metric or baseline, and for a rope that is no positive number.
    """
    whole = analyse(_joined(benchmark), metric, baseline, rope)
    return _of(benchmark, whole.metric, whole.baselines, whole.rope)


def _of(benchmark: Benchmark, metric: str, baselines: Baselines, rope: float | None) -> BenchmarkAnalysis:
    """With the ordinary analysis of each data set, whose comparisons are those of which both variants apply there."""
    of_each = {
        name: Analysis(results, metric, baselines.among(results.variants) or ALL_PAIRS, rope)
        for name, results in benchmark.data_sets.items()
        if metric in results.metrics
    }
    return BenchmarkAnalysis(benchmark, metric, baselines, rope, of_each)


def _joined(benchmark: Benchmark) -> Results:
    cells = pd.concat([results.cells for results in benchmark.data_sets.values()], ignore_index=True)
    launches = {launch["id"]: launch for results in benchmark.data_sets.values() for launch in results.launches}
    if benchmark.command:
        launches.setdefault(benchmark.launch, {"id": benchmark.launch, "command": benchmark.command})
    oldest_first = sorted(launches.values(), key=lambda launch: launch.get("started", ""))
    launch = benchmark.launch or benchmark.first.launch
    config = {key: value for key, value in benchmark.first.config.items() if key != "data_sets"}  # of the first alone
    return replace(
        benchmark.first,
        config=config,
        variants=benchmark.variants,
        cells=cells,
        launch=launch,
        launches=oldest_first,
    )
