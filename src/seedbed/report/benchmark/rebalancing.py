"""What strategies against the imbalance of two classes changed over data sets: the ranking of rows, or their labels.

Ranking is compared by AUROC and average precision, which do not depend on a threshold; their tests over data sets are one
family (Holm), and those of a metric that depends on one are another. Not to be told apart is no proof of equality: that only
the threshold changed is said where the ranking is the same on every data set.
"""

from __future__ import annotations

from dataclasses import dataclass

from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.benchmark.pairs import OverDataSets, family_over
from seedbed.report.benchmark.result import MARKS
from seedbed.report.benchmark.words import code, counted, difference_text, named
from seedbed.report.blocks import Block, Heading, Number, Plain, TableBlock, Words
from seedbed.report.formatting import count_word
from seedbed.report.paired_tests import BETTER, NO_VERDICT, WORSE
from seedbed.report.rebalancing import NAMES, RANKING, rebalanced
from seedbed.report.threshold_marks import threshold_mark, threshold_notes

CHANGED, LABELS = "the ranking of rows", "the labels; a change of the ranking was not shown"
THRESHOLD, SAME = "only the threshold", "not the ranking of rows; whether the labels, can't tell"
NEITHER, OPEN = "neither the ranking of rows nor the metric of the labels", "can't tell"


@dataclass(frozen=True)
class Change:
    """What became of the ranking and of the labels of one variant beside its baseline."""

    ranking: dict[str, OverDataSets]
    """By the names of ``RANKING``."""
    labels: OverDataSets

    @property
    def variant(self) -> str:
        return self.labels.variant

    @property
    def ways(self) -> set[str]:
        """BETTER, WORSE, or both, where a metric of the ranking is told apart."""
        return {row.verdict for row in self.ranking.values() if row.told_apart}

    @property
    def verdict(self) -> str:
        if self.ways:
            return CHANGED
        if not all(_is_same(row) for row in self.ranking.values()):
            return LABELS if self.labels.told_apart else OPEN
        if _is_same(self.labels):
            return NEITHER
        return THRESHOLD if self.labels.told_apart else SAME


def _is_same(row: OverDataSets) -> bool:
    """Whether a pair has the same value on every data set on which both have run."""
    return row.test.n > 0 and row.test.ties == row.test.n and not row.pair.lost_on


@dataclass(frozen=True)
class Changes:
    """Of all variants that differ from their baseline in ``imbalance`` alone."""

    of_variants: list[Change]
    by: dict[str, BenchmarkAnalysis]
    """The analysis of each metric of ``RANKING``, by its name."""
    by_labels: BenchmarkAnalysis
    """That of the report's metric where it depends on a threshold, else of F1."""


def changes_over(analysis: BenchmarkAnalysis) -> Changes | None:
    """None unless all data sets have two classes and these metrics, and a variant differs from its baseline in ``imbalance`` alone."""
    benchmark = analysis.benchmark
    pairs = list(rebalanced(analysis.whole).items())
    rows = analysis.metric.rpartition("/")[0]
    ranking = {name: f"{rows}/{name}" for name in RANKING}
    labels = analysis.metric if analysis.declared.thresholded else f"{rows}/f1"
    of_two = all(len(results.data.get("classes") or ()) == 2 for results in benchmark.data_sets.values())
    if not pairs or not of_two or not {labels, *ranking.values()} <= set(benchmark.metrics):
        return None
    by, by_labels = {name: analysis.on(metric) for name, metric in ranking.items()}, analysis.on(labels)
    tests = {(name, pair): of_one.test(*pair) for name, of_one in by.items() for pair in pairs}
    recipes = analysis.whole.recipes
    keys = [frozenset((name, *(recipes[of] for of in pair))) for name, pair in tests]
    ranked = dict(zip(tests, family_over(list(tests.values()), by[RANKING[0]].declared, keys), strict=True))
    labelled = family_over([by_labels.test(*pair) for pair in pairs], by_labels.declared)
    changes = [
        Change({name: ranked[name, pair] for name in by}, row) for pair, row in zip(pairs, labelled, strict=True)
    ]
    return Changes(changes, by, by_labels)


# ---- a sentence ------------------------------------------------------------------------------------------------------


def rebalancing_over(analysis: BenchmarkAnalysis) -> list[str]:
    """Whether the ranking of rows changed, or the labels alone, as far as the tests show it; [] where nothing was rebalanced."""
    found = changes_over(analysis)
    if found is None:
        return []
    of = {
        verdict: named([change.variant for change in found.of_variants if change.verdict == verdict])
        for verdict in dict.fromkeys(change.verdict for change in found.of_variants)
    }
    of |= {
        way: named(changed)
        for way in (BETTER, WORSE)
        if (changed := [change.variant for change in found.of_variants if way in change.ways])
    }
    metric = code(found.by_labels.metric)
    said = {
        BETTER: "{} changed the ranking of rows for the better",
        WORSE: "{} changed the ranking of rows for the worse",
        LABELS: f"{{}} changed the labels, by {metric}, without a demonstrated change in the ranking of rows",
        THRESHOLD: f"{{}} changed only the threshold: {metric} changed, and on no data set did the ranking of rows",
        SAME: f"{{}} left the ranking of rows as it is on every data set, and it is unclear whether {metric} changed",
        NEITHER: f"{{}} changed neither the ranking of rows nor {metric} on any data set",
        OPEN: f"it is unclear whether {{}} changed the ranking of rows, or the labels by {metric}",
    }
    parts = [words.format(of[verdict]) for verdict, words in said.items() if verdict in of]
    return [f"Ranking or threshold, each variant against its baseline: {'; '.join(parts)}."]


# ---- a section -------------------------------------------------------------------------------------------------------


def section(evidence: BenchmarkEvidence) -> list[Block]:
    """A row a variant; [] where nothing was rebalanced."""
    found = changes_over(evidence.analysis)
    if found is None:
        return []
    first, mark = evidence.benchmark.first, threshold_mark(evidence.benchmark.first, found.by_labels.metric)
    header: list[Words] = [
        "difference",
        *(NAMES[name] for name in found.by),
        Plain(found.by_labels.label() + mark),
        "what changed",
    ]
    table = TableBlock(
        header,
        [_cells(found, change) for change in found.of_variants],
        caption="What rebalancing changed over data sets",
        about=_about(found),
        notes=threshold_notes(first, [found.by_labels.metric]),
        name="rebalancing_over",
    )
    return [Heading("What rebalancing changed"), table]


def _cells(found: Changes, change: Change) -> list[Words]:
    pair: Words = (Plain(change.variant), " − ", Plain(change.labels.other))
    ranking = [_difference(found.by[name], row) for name, row in change.ranking.items()]
    return [pair, *ranking, _difference(found.by_labels, change.labels), change.verdict]


def _difference(analysis: BenchmarkAnalysis, row: OverDataSets) -> Words:
    lost = " (runs lost)" if row.verdict == NO_VERDICT else ""
    mark = f" {MARKS[row.verdict]}" if row.told_apart else ""
    return (
        (Number(difference_text(analysis, row)), f"{mark}{lost}")
        if mark or lost
        else Number(difference_text(analysis, row))
    )


def _about(found: Changes) -> str:
    count = len(found.of_variants)
    tests = sum(row.p is not None for change in found.of_variants for row in change.ranking.values())
    most = max(row.test.n for change in found.of_variants for row in (change.labels, *change.ranking.values()))
    return (
        f"Median differences over up to {counted(most)} (Hodges-Lehmann) with 95 % intervals, each by itself, of the variants that differ "
        "from their baseline in `imbalance` alone. AUROC and average precision do not depend on a threshold. An arrow says that "
        "Wilcoxon's signed-rank test tells the two apart, up for the better and down for the worse; Holm's method is over both metrics of "
        f"the ranking and all {count_word(count)} variants, {count_word(tests)} tests, and by itself over those of {code(found.by_labels.metric)}: "
        "a family of its own, larger than that of the tests above. Where a ranking can't be told apart, it need not be the same."
    )
