"""What does not enter the tables, and why."""

from __future__ import annotations

from seedbed.report.analysis import absences
from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.benchmark.words import code, named
from seedbed.report.blocks import Block, Bullets, Heading, Paragraph


def section(evidence: BenchmarkEvidence) -> list[Block]:
    """A line for each data set with cells that have no value, or that nothing is left out."""
    analysis, benchmark = evidence.analysis, evidence.benchmark
    lines = [
        f"{code(name)}: no run has {code(analysis.metric)}, so the tables leave this data set out."
        for name in benchmark.data_sets
        if name not in analysis.of_each
    ]
    for name, of_one in analysis.of_each.items():
        reasons = {variant: absences(of_one.results, variant, analysis.metric) for variant in of_one.results.variants}
        told = [f"{code(variant)} {', '.join(why)}" for variant, why in reasons.items() if why]
        lines += [f"{code(name)}: {'; '.join(told)}."] if told else []
    asked = list(benchmark.first.config.get("variants") or ())
    inapplicable = {variant for reasons in benchmark.inapplicable.values() for variant in reasons}
    if unasked := [name for name in asked if name not in benchmark.variants and name not in inapplicable]:
        lines.append(f"{named(unasked)}: not asked for in this launch.")
    if nowhere := [name for name in asked if name not in benchmark.variants and name in inapplicable]:
        lines.append(
            f"{named(nowhere)}: applies to none of the data sets."
            if len(nowhere) == 1
            else f"{named(nowhere)}: apply to none of the data sets."
        )
    nothing = "Nothing: every cell that was asked for finished, and enters the tables."
    how = "A value that is absent enters no mean; a verdict counts a run that diverged or failed as the worst."
    return [Heading("What was left out"), *([Bullets(lines), Paragraph(how)] if lines else [Paragraph(nothing)])]
