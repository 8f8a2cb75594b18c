"""Friedman's test over the seeds, and the critical-difference diagram."""

from __future__ import annotations

from seedbed.report.analysis import LEVEL, Analysis
from seedbed.report.blocks import Block, Figure, Heading, Number, Paragraph
from seedbed.report.evidence import Evidence
from seedbed.report.formatting import count_word, p_text
from seedbed.report.pictures.picture import Picture
from seedbed.report.pictures.ranks import cliques, ranks_figure


def section(evidence: Evidence) -> list[Block]:
    """The test and the diagram, or why there is none; [] of fewer than three variants."""
    ranking = evidence.analysis.ranking
    if len(evidence.results.variants) < 3:
        return []
    if ranking.p is None:
        return [Heading("Ranks"), Paragraph(f"There is no test of ranks: {ranking.words}.")]
    return [Heading("Ranks"), *map(Figure, pictures(evidence)), _about(evidence.analysis, ranking.p)]


def pictures(evidence: Evidence) -> list[Picture]:
    """The diagram, where there is a critical difference."""
    names, ranking = evidence.analysis.distinct, evidence.analysis.ranking
    critical = ranking.critical_difference
    if critical is None:
        return []
    caption = f"Critical-difference diagram on {evidence.analysis.label()}, over the seeds"
    bars = cliques(sorted(ranking.ranks), critical)
    return [Picture("ranks", caption, lambda: ranks_figure(names, ranking.ranks, bars, critical))]


def _about(analysis: Analysis, p: float) -> Paragraph:
    ranking = analysis.ranking
    lost = any(not analysis.is_complete(name, analysis.summaries[name]) for name in analysis.distinct)
    last = " A run that diverged or failed is last in its seed." if lost else ""
    if analysis.results.imported is not None:
        without = any(analysis.lost(name) for name in analysis.distinct)
        last = " A run without a value is last in its seed." if without else ""
    return Paragraph(
        (
            f"Mean ranks of the {count_word(len(ranking.ranks))} variants over {ranking.n} "
            f"seeds, 1 the {_first(analysis)}.{last} Friedman's test of the hypothesis that no variant tends "
            f"to rank ahead of another: p {'' if p < 0.001 else '= '}",
            Number(p_text(p)),
            ". A bar joins variants whose ranks are no further apart than the critical difference of Nemenyi's test at "
            f"{LEVEL}. The seeds are the blocks of both tests, and all of one data set: they are about {analysis.runs}, and "
            "say nothing of other data sets. Better and worse are said by the comparisons above alone: a bar does not "
            "withdraw a verdict.",
        )
    )


def _first(analysis: Analysis) -> str:
    """What has rank 1."""
    return "best" if analysis.declared.is_ranked else "highest"
