"""Average ranks over data sets, and the critical-difference diagram."""

from __future__ import annotations

from seedbed.data_set_statistics import data_sets_needed
from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.benchmark.words import counted
from seedbed.report.blocks import Block, Figure, Heading, Number, Paragraph
from seedbed.report.formatting import count_word, p_text
from seedbed.report.paired_tests import LEVEL
from seedbed.report.pictures.picture import Picture
from seedbed.report.pictures.ranks import cliques, ranks_figure


def section(evidence: BenchmarkEvidence) -> list[Block]:
    """The diagram; [] of fewer than three variants, or where they have no data set in common."""
    drawn, analysis = pictures(evidence), evidence.analysis
    if not drawn:
        return []
    first, *others = map(Figure, drawn)
    asked: list[Block] = [*others, _of_nemenyi(analysis)] if _is_asked(analysis) else []
    return [Heading("Average ranks"), first, Paragraph(_about(analysis)), *asked]


def _is_asked(analysis: BenchmarkAnalysis) -> bool:
    """Whether ``report.nemenyi`` asks for the tests of average ranks."""
    return bool(analysis.benchmark.first.config["report"].get("nemenyi"))


def _of_nemenyi(analysis: BenchmarkAnalysis) -> Paragraph:
    """Friedman's and Nemenyi's tests, or why there are none."""
    ranking = analysis.friedman
    if ranking.p is None:
        return Paragraph(f"`report.nemenyi=true`, and there is no test of average ranks: {ranking.words}.")
    return Paragraph(
        (
            f"As `report.nemenyi=true` asks: by Friedman's test over the {counted(len(analysis.common))}, the hypothesis that no "
            f"variant tends to rank ahead of another has p {'' if ranking.p < 0.001 else '= '}",
            Number(p_text(ranking.p)),
            ". A bar of the second diagram joins variants whose average ranks are no further apart than the critical difference of "
            f"Nemenyi's test at {LEVEL} (Demsar 2006). No verdict of this report goes by them.",
        )
    )


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
    """The diagram, and where it is asked for that of Nemenyi's test; [] of fewer than three variants, or without a common data set."""
    analysis = evidence.analysis
    if len(analysis.average_ranks) < 3:
        return []
    caption = f"Critical-difference diagram on {analysis.label()}, over {counted(len(analysis.common))}"
    ranking = analysis.ranking
    drawn = [Picture("ranks", caption, lambda: ranks_figure(analysis.ranked, ranking.ranks, ranking.bars))]
    critical = analysis.friedman.critical_difference if _is_asked(analysis) else None
    if critical is not None:
        bars = cliques(sorted(ranking.ranks), critical)
        drawn.append(
            Picture(
                "ranks_nemenyi",
                f"{caption}, by Nemenyi's test",
                lambda: ranks_figure(analysis.ranked, ranking.ranks, bars, critical),
            )
        )
    return drawn
