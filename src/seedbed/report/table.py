"""The table at the end of a run, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from seedbed.report.analysis import analyse, difference_text
from seedbed.report.formatting import mean_text
from seedbed.report.words import summary_sentences
from seedbed.results import Results


def table_text(results: Results, metric: str | None = None, baseline: str | None = None) -> str:
    """Variant, mean ± sample std, n, difference to the baseline and verdict, then the answer in a sentence.

    Raises ConfigError for a metric or baseline that the experiment does not have.
    """
    analysis = analyse(results, metric, baseline)
    header = ["variant", f"{analysis.label()} ± std", "n"]
    if analysis.baseline:
        header += [f"difference to {analysis.baseline} [95 %]", "verdict (Holm)"]
    against = {row.variant: row for row in analysis.family} if analysis.baseline else {}
    rows = [
        [variant, mean_text(found, analysis.decimals), analysis.count(variant)]
        + (
            [difference_text(analysis, against[variant]), against[variant].verdict]
            if variant in against
            else []
        )
        for variant, found in analysis.summaries.items()
    ]
    sentences = " ".join(summary_sentences(analysis, [])).replace("`", "")
    return f"{results.experiment}\n{_aligned([header, *rows])}\n{sentences}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side under a ruled header; a short row ends early."""
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
