"""The table at the end of a run, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from seedbed.report.analysis import Analysis, analyse, difference_text
from seedbed.report.formatting import NOTHING, mean_text
from seedbed.report.words import summary_sentences
from seedbed.results import Results


def table_text(results: Results, metric: str | None = None, baseline: str | None = None) -> str:
    """Variant, mean ± sample std, n, difference to the baseline and verdict, then the answer in a sentence.

    Raises ConfigError for a metric or baseline that the experiment does not have.
    """
    analysis = analyse(results, metric, baseline)
    against = {row.variant: row for row in analysis.family} if analysis.baseline else {}
    header = ["variant", f"{analysis.label()} ± std", "n"]
    rows = [
        [variant, mean_text(found, analysis.decimals), analysis.count(variant)]
        for variant, found in analysis.summaries.items()
    ]
    if analysis.baseline:
        header += [f"difference to {analysis.baseline} [95 %]", "verdict (Holm)"]
        for row in rows:
            difference = against.get(row[0])
            row += (
                [difference_text(analysis, difference), difference.verdict]
                if difference
                else ["baseline", NOTHING]
            )
    sentences = " ".join(summary_sentences(analysis, [])).replace("`", "")
    return f"{results.experiment}\n{_aligned([header, *rows])}\n{sentences}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
