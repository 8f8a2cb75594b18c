"""Reports: pages, tables and figures made from tracked results and statistics alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from seedbed.report.analysis import Analysis, Difference, analyse, comparison_table
from seedbed.report.claims import Claim, check_claims
from seedbed.report.curves import curves_of_the_source, draw_curves
from seedbed.report.figure import draw
from seedbed.report.files import curves_csv, published_csv, results_csv, write_file
from seedbed.report.latex import latex_report
from seedbed.report.markdown import markdown_report
from seedbed.report.published import published_numbers
from seedbed.report.table import table_text
from seedbed.results import Results

if TYPE_CHECKING:
    from seedbed.learned import Learned

__all__ = ["Analysis", "Claim", "Difference", "analyse", "comparison_table", "table_text", "write_report"]


def write_report(
    results: Results,
    folder: Path,
    *,
    metric: str | None = None,
    baseline: str | None = None,
    learned: Learned | str | None = None,
) -> list[Path]:
    """Write the report of one experiment into ``folder`` and return the files, ``report.md`` first.

    ``learned`` is what was read off the weights of a rating variant, or a sentence on why nothing was.

    Everything is computed before the first file is written; the same results give the same bytes.
    Raises ConfigError for an unknown metric, baseline or check, TrackingError where no run has a metric.
    """
    analysis = analyse(results, metric, baseline)
    claims, numbers = check_claims(_of_source(results, analysis)), published_numbers(results)
    figure = re.sub(r"[^A-Za-z0-9.-]+", "_", analysis.metric.rsplit("/", 1)[-1])
    of_source = curves_of_the_source(numbers)
    section, learned_figures = _learned_part(results, learned)
    contents: dict[str, bytes | str] = {
        "report.md": markdown_report(
            analysis,
            claims,
            numbers,
            f"{figure}.png",
            "curves.png" if of_source else None,
            section,
        ),
        "report.tex": latex_report(analysis),
        "results.csv": results_csv(results),
        "curves.csv": curves_csv(results),
        "published.csv": published_csv(numbers),
        f"{figure}.png": draw(analysis, "png"),
        f"{figure}.svg": draw(analysis, "svg"),
    }
    if of_source:
        contents |= {
            "curves.png": draw_curves(results, of_source, "png"),
            "curves.svg": draw_curves(results, of_source, "svg"),
        }
    contents |= learned_figures
    for name, content in contents.items():
        write_file(folder / name, content if isinstance(content, bytes) else content.encode())
    return [folder / name for name in contents]


def _learned_part(results: Results, learned: Learned | str | None) -> tuple[str, dict[str, bytes]]:
    if learned is None:
        return "", {}
    from seedbed.report.learned import learned_part  # noqa: PLC0415 - its packages take long to import

    return learned_part(results, learned)


def _of_source(results: Results, analysis: Analysis) -> Analysis:
    """The source's claims are about the experiment's own metric and baseline, whatever else is asked for."""
    section = results.config.get("report") or {}
    own = section.get("metric")
    return analyse(results) if own in results.metrics else analysis
