"""The table at the end of a run, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from seedbed.errors import ConfigError
from seedbed.report.analysis import Analysis, Difference, analyse, difference_text
from seedbed.report.claims import Claim, claims_of_source
from seedbed.report.footnotes import marked, note_lines
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
    names, notes = marked(results), note_lines(results)
    rows = []
    for variant, found in analysis.summaries.items():
        mean, count = mean_text(found, analysis.decimals), analysis.count(variant)
        rows.append([names[variant], mean, count, *_against(analysis, against.get(variant))])
    claims, unread = _claims(results)
    sentences = "\n".join([*notes, *summary_sentences(analysis, claims), *unread]).replace("`", "")
    return f"{results.experiment}\n{aligned([header, *rows])}\n{sentences}"


def _claims(results: Results) -> tuple[list[Claim], list[str]]:
    """The source's claims; where one cannot be read, why: what was trained is shown all the same."""
    try:
        return claims_of_source(results), []
    except ConfigError as error:
        return [], [f"The claims of the source are not checked: {error}"]


def _against(analysis: Analysis, row: Difference | None) -> list[str]:
    """Difference to the baseline and verdict; the baseline itself has no row."""
    if row is None:
        return ["baseline"] if analysis.baseline else []
    return [difference_text(analysis, row), analysis.said(row)]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side under a ruled header; a short row ends early."""
    lines = columns(rows)
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """One line a row, its columns side by side."""
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
