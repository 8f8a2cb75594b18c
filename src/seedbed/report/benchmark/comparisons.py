"""The tests over data sets, with what is behind each verdict."""

from __future__ import annotations

from collections.abc import Sequence

from seedbed.data_set_statistics import data_sets_needed, least_p
from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.benchmark.pairs import OverDataSets
from seedbed.report.benchmark.words import counted, difference_text, named, said
from seedbed.report.blocks import Block, Brief, Figure, Heading, Math, Number, Paragraph, Plain, TableBlock, Words
from seedbed.report.formatting import count_word, number, p_text
from seedbed.report.paired_tests import LEVEL
from seedbed.report.pictures.data_sets import data_sets_figure, panels_at_once
from seedbed.report.pictures.pairs import drawn_pairs, parts
from seedbed.report.pictures.picture import Picture


def section(evidence: BenchmarkEvidence) -> list[Block]:
    """A row a pair; [] where there is nothing to compare."""
    analysis = evidence.analysis
    if not analysis.family or not analysis.of_each:
        return []
    exploratory = [Paragraph(analysis.exploratory)] if analysis.exploratory else []
    return [Heading("Over data sets"), *exploratory, *map(Figure, pictures(evidence)), _table(analysis)]


def _table(analysis: BenchmarkAnalysis) -> TableBlock:
    header: list[Words] = [
        "difference",
        "data sets",
        Brief("median difference [95 % interval]", "median [95 %]"),
        "wins/ties/losses",
        Math("p"),
        (Math("p"), " (Holm)"),
    ]
    header += [] if analysis.rope is None else [(Math("P"), f"({what})") for what in ("worse", "equivalent", "better")]
    return TableBlock(
        [*header, "verdict"],
        [_cells(analysis, row) for row in analysis.family],
        caption=("Differences over data sets on ", Plain(analysis.label())),
        about=_about(analysis),
        name="over_data_sets",
    )


def _cells(analysis: BenchmarkAnalysis, row: OverDataSets) -> list[Words]:
    test = row.test
    pair: Words = (Plain(row.variant), " − ", Plain(row.other))
    numbers = [
        str(test.n),
        difference_text(analysis, row),
        f"{test.wins}/{test.ties}/{test.losses}",
        p_text(test.p),
        p_text(row.p),
        *_chances(analysis, row),
    ]
    return [pair, *map(Number, numbers), Plain(said(row))]


def _chances(analysis: BenchmarkAnalysis, row: OverDataSets) -> list[str]:
    """The chances of being worse, of no difference that matters, and of being better."""
    if analysis.rope is None:
        return []
    return [number(chance, 3) for chance in analysis.chances(row) or (None, None, None)]


def _about(analysis: BenchmarkAnalysis) -> str:
    most = max(row.test.n for row in analysis.family)
    distances = f" of {analysis.declared.distances}" if analysis.declared.distances else ""
    return (
        f"Wilcoxon's signed-rank test, exact, of the differences{distances} on the data sets, a mean over the seeds each; data "
        f"sets without a difference do not count in p. {_about_blocks(analysis)}The median difference is the Hodges-Lehmann "
        "estimate, and the interval, each by itself, belongs to the same test. Wins, ties and losses are those of the means, on "
        "all of these data sets: counting only those that are told apart on their own would favour chance (Demsar 2006). "
        f"{_about_least(most, len(analysis.tested))}{_about_holm(analysis)}{_about_lost(analysis)}{_about_chances(analysis)} "
        "The data sets are taken for independent draws, and the verdicts are about data sets like these."
    )


def _about_blocks(analysis: BenchmarkAnalysis) -> str:
    """That a pair is tested where both have run, whatever the others did."""
    if len({row.test.n for row in analysis.family}) == 1 and not analysis.outside:
        return ""
    return (
        "Each pair is tested on all data sets on which both have run, so that its verdict does not hang on where the other "
        "variants apply; rows with other numbers of data sets are about other data sets. "
    )


def _about_least(most: int, tests: int) -> str:
    if not most or not tests:
        return ""
    needed = data_sets_needed(tests)
    few = f", so that nothing can be told apart: that takes {counted(needed)}" if most < needed else ""
    holm = f" and Holm's method over {count_word(tests)} asks for one below {LEVEL / tests:.2g}" if tests > 1 else ""
    return f"With {counted(most)} p cannot be smaller than {least_p(most):.2g}{holm}{few}. "


def _about_holm(analysis: BenchmarkAnalysis) -> str:
    tests = len(analysis.tested)
    if not tests:
        return "No pair could be tested."
    over = "the one comparison tested" if tests == 1 else f"the {count_word(tests)} comparisons tested"
    return f"Holm's method adjusts p over {over}; {_ways(analysis)} is said only below {LEVEL}."


def _ways(analysis: BenchmarkAnalysis) -> str:
    return "better or worse" if analysis.declared.is_ranked else "higher or lower"


def _about_lost(analysis: BenchmarkAnalysis) -> str:
    """How runs that diverged or failed enter a verdict."""
    data_sets = list(dict.fromkeys(name for row in analysis.family for name in row.pair.lost_on))
    if not data_sets:
        return ""
    if not analysis.declared.is_ranked:
        return f" Runs were lost on {named(data_sets)}: no verdict is given on a pair that lost some."
    worst = analysis.declared.worst
    how = (
        f"with the value {worst:g}, the worst of the metric"
        if worst is not None
        else "behind all others of their data set"
    )
    return (
        f" On {named(data_sets)} runs diverged, failed or have no finite value: there all numbers but p (Holm) are of the other "
        f"seeds, and a verdict is given only if the test says the same with these runs {how}; the larger p enters Holm's method."
    )


def _about_chances(analysis: BenchmarkAnalysis) -> str:
    if analysis.rope is None:
        return ""
    return (
        f" P(worse), P(equivalent) and P(better) are the chances that on another data set a difference below, within or above "
        f"± {analysis.rope:g} is the most likely one, by the Bayesian signed-rank test (Benavoli et al. 2014)."
    )


def pictures(evidence: BenchmarkEvidence) -> list[Picture]:
    """The differences by data set, in as many pictures as the pairs need; [] where no data set has any."""
    analysis = evidence.analysis
    rows = drawn_pairs(analysis)
    if not rows:
        return []
    drawn = parts(rows, panels_at_once(analysis))
    return [_picture(analysis, part, place, len(drawn)) for place, part in enumerate(drawn, 1)]


def _picture(analysis: BenchmarkAnalysis, rows: Sequence[OverDataSets], place: int, whole: int) -> Picture:
    to = f" to {analysis.baseline}" if analysis.baseline else ""
    which = f" ({place} of {whole})" if whole > 1 else ""
    caption = f"Differences{to} on {analysis.label()} by data set, and their medians over data sets{which}"
    name = "differences" if place == 1 else f"differences_{place}"
    return Picture(name, caption, lambda: data_sets_figure(analysis, rows))
