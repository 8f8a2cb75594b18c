"""Average ranks over data sets, and the critical-difference diagram."""

from __future__ import annotations

from seedbed.data_set_statistics import data_sets_needed
from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.benchmark.words import counted
from seedbed.report.blocks import Block, Figure, Heading, Paragraph
from seedbed.report.formatting import count_word
from seedbed.report.paired_tests import LEVEL
from seedbed.report.pictures.picture import Picture
from seedbed.report.pictures.ranks import ranks_figure


def section(evidence: BenchmarkEvidence) -> list[Block]:
    """The diagram; [] of fewer than three variants, or where they have no data set in common."""
    drawn = pictures(evidence)
    return [Heading("Average ranks"), *map(Figure, drawn), Paragraph(_about(evidence.analysis))] if drawn else []


def _about(analysis: BenchmarkAnalysis) -> str:
    data_sets, pairs = counted(len(analysis.common)), count_word(len(analysis.ranking.pairs))
    first = "best" if analysis.declared.is_ranked else "highest"
    lost = " A seed that diverged or failed counts as the worst." if analysis.lost_in_block else ""
    bars = (
        "A bar joins variants of which no two are told apart"
        if analysis.ranking.groups
        else "No bar joins any variants, as every two are told apart,"
    )
    where = " on which all variants have run" if analysis.outside else ""
    needed = data_sets_needed(len(analysis.ranking.pairs))
    few = (
        f" So few data sets can tell no two of them apart, whatever the runs say: over so many pairs that takes {needed}."
        if len(analysis.common) < needed
        else ""
    )
    return (
        f"Average ranks of the {count_word(len(analysis.ranked))} variants over the {data_sets}{where}, 1 the {first}.{lost} "
        f"{bars} by Wilcoxon's signed-rank test at {LEVEL}, Holm's method over all {pairs} pairs.{few} These are tests of the two "
        "variants alone: in Nemenyi's test of average ranks, whether two of them differ would hang on which others are "
        "compared (Benavoli et al. 2016). They are another family than the comparisons above, and on the same data sets for all "
        "pairs: a bar does not withdraw a verdict, which is said by the comparisons above alone."
    )


def pictures(evidence: BenchmarkEvidence) -> list[Picture]:
    """The diagram; [] of fewer than three variants, or where they have no data set in common."""
    analysis = evidence.analysis
    if len(analysis.average_ranks) < 3:
        return []
    caption = f"Critical-difference diagram on {analysis.label()}, over {counted(len(analysis.common))}"
    ranking = analysis.ranking
    return [Picture("ranks", caption, lambda: ranks_figure(analysis.ranked, ranking.ranks, ranking.bars))]
