"""How each variant did on each data set, and its average rank."""

from __future__ import annotations

from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.benchmark.words import code, counted, named
from seedbed.report.blocks import (
    Block,
    Heading,
    InlineCode,
    Number,
    Plain,
    TableBlock,
    Words,
    bold_if,
)
from seedbed.report.formatting import NOTHING, PLUS_MINUS, mean_text, number
from seedbed.report.paired_tests import BETTER, HIGHER, LOWER, WORSE
from seedbed.report.threshold_marks import threshold_mark, threshold_notes

MARKS = {BETTER: "↑", HIGHER: "↑", WORSE: "↓", LOWER: "↓"}
ABSENT = "does not apply"


def section(evidence: BenchmarkEvidence) -> list[Block]:
    """A row a data set and a column a variant; the average ranks stand below them."""
    return [Heading("Result"), table(evidence.analysis)]


def table(analysis: BenchmarkAnalysis) -> TableBlock:
    """Mean and spread of each variant on each data set, the best bold, with a mark where it differs from its baseline."""
    variants = analysis.benchmark.variants
    return TableBlock(
        ["data set", *map(Plain, variants)],
        [
            [Plain(name), *(_cell(analysis, name, variant) for variant in variants)]
            for name in analysis.benchmark.data_sets
        ],
        caption=(Plain(analysis.benchmark.experiment), ": ", Plain(analysis.label()), " by data set"),
        about=_about(analysis),
        notes=_notes(analysis),
        last=_ranks(analysis),
        name="result",
    )


def _cell(analysis: BenchmarkAnalysis, data_set: str, variant: str) -> Words:
    if variant not in analysis.benchmark.data_sets[data_set].variants:
        return ABSENT
    if data_set not in analysis.of_each:
        return NOTHING
    of_one = analysis.of_each[data_set]
    sample = of_one.summaries[variant]
    shown = bold_if(variant in of_one.best(), Number(mean_text(sample, of_one.decimals)))
    cells = len(of_one.results.cells_of(variant))
    lacking = f" (n={sample.n}/{cells})" if sample.n != cells else ""
    mark = _mark(analysis, data_set, variant)
    return (shown, f"{mark}{lacking}") if mark or lacking else shown


def _mark(analysis: BenchmarkAnalysis, data_set: str, variant: str) -> str:
    """What the ordinary report on the data set says of a variant beside its baseline; "" where it does not tell them apart."""
    if analysis.all_pairs:
        return ""
    said = [row.verdict for (first, _), row in analysis.on_each[data_set].items() if first == variant]
    return "".join(f" {MARKS[verdict]}" for verdict in said if verdict in MARKS)


def _ranks(analysis: BenchmarkAnalysis) -> list[list[Words]]:
    ranks = {name: round(rank, 9) for name, rank in analysis.average_ranks.items()}
    if len(ranks) < 2:
        return []
    best = min(ranks.values()) if analysis.declared.is_ranked else None
    cells = [
        bold_if(ranks[name] == best, Number(number(ranks[name], 2))) if name in ranks else NOTHING
        for name in analysis.benchmark.variants
    ]
    return [[f"average rank ({counted(len(analysis.common))})", *cells]]


def _about(analysis: BenchmarkAnalysis) -> Words:
    rule = "the best displayed mean of a row, of those that lack no seed, is bold"
    if not analysis.declared.is_ranked:
        rule = "no mean is bold, as neither more nor less of this metric is better"
    elif analysis.declared.distances:
        rule = f"the {analysis.declared.best_mean} of a row is bold"
    return (
        Plain(analysis.label() + threshold_mark(analysis.benchmark.first, analysis.metric)),
        f": mean {PLUS_MINUS} sample std (ddof 1) over the seeds of each data set; {rule}.{_about_marks(analysis)}"
        f"{about_ranks(analysis)}",
    )


def _about_marks(analysis: BenchmarkAnalysis) -> str:
    if analysis.all_pairs or not analysis.families:
        return ""
    ways = "better ↑ or worse ↓" if analysis.declared.is_ranked else "higher ↑ or lower ↓"
    return (
        f" An arrow says that the ordinary report on this data set, whose Holm family is its own, finds the variant {ways} than "
        f"{code(analysis.baseline) if analysis.baseline else 'its baseline'}."
    )


def about_ranks(analysis: BenchmarkAnalysis) -> str:
    """Over which data sets the ranks are, and which are outside."""
    if len(analysis.average_ranks) < 2:
        return ""
    first = "best" if analysis.declared.is_ranked else "highest"
    every = (
        "all data sets"
        if not analysis.outside
        else f"the {counted(len(analysis.common))} on which all variants have run"
    )
    lost = " A seed that diverged or failed counts there as the worst." if analysis.lost_in_block else ""
    return f" Average ranks are over {every}, 1 the {first}, equal values sharing their mean rank.{lost}"


def _notes(analysis: BenchmarkAnalysis) -> list[Words]:
    """Why a variant does not apply, and which data sets are outside the ranks."""
    where: dict[tuple[str, str], list[str]] = {}
    for data_set, reasons in analysis.benchmark.inapplicable.items():
        for variant, reason in reasons.items():
            where.setdefault((variant, reason), []).append(data_set)
    notes: list[Words] = [
        *threshold_notes(analysis.benchmark.first, [analysis.metric]),
        *(
            (InlineCode(variant), f" does not apply to {named(data_sets)}: ", Plain(reason))
            for (variant, reason), data_sets in where.items()
        ),
    ]
    if analysis.outside and len(analysis.ranked) > 1:
        reasons_of: dict[str, list[str]] = {}
        for data_set, reason in analysis.outside.items():
            reasons_of.setdefault(reason, []).append(data_set)
        told = "; ".join(f"{named(data_sets)} ({reason})" for reason, data_sets in reasons_of.items())
        if analysis.common:
            notes.append(f"Outside the average ranks: {told}.")
        else:
            notes.append(f"There are no average ranks, as there is no data set on which all variants have run: {told}.")
    return notes
