"""Reports: pages, tables and figures made from tracked results and statistics alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seedbed.checks import require_choice
from seedbed.figures import Kind
from seedbed.report.analysis import Analysis, Difference, analyse, comparison_table
from seedbed.report.claims import Claim, claims_of_source
from seedbed.report.files import comparisons_csv, curves_csv, published_csv, results_csv, write_files
from seedbed.report.findings import FILE, Finding, read_findings
from seedbed.report.html import html_report
from seedbed.report.known import known_part
from seedbed.report.latex import latex_report
from seedbed.report.markdown import description, markdown_report
from seedbed.report.pictures import Picture, files_of, pictures
from seedbed.report.published import Published, published_numbers
from seedbed.report.record import RECORD, portable, record_json
from seedbed.report.search import search_latex, search_part
from seedbed.report.sweep import sweep_part
from seedbed.report.table import table_text
from seedbed.report.trials import trials_csv
from seedbed.results import Results

if TYPE_CHECKING:
    from seedbed.trained.inspection import Inspection

__all__ = [
    "FORMATS", "Analysis", "Claim", "Difference", "analyse", "comparison_table", "launch_page", "table_text",
    "write_report",
]  # fmt: skip

FORMATS = ("md", "html", "tex", "csv")


def write_report(
    results: Results,
    folder: Path,
    *,
    metric: str | None = None,
    baseline: str | None = None,
    rope: float | None = None,
    formats: Sequence[str] = FORMATS,
    learned: Inspection | str | None = None,
    findings: Path | None = None,
) -> list[Path]:
    """Write the report of one experiment into ``folder`` and return the files, its pages first.

    ``learned`` is what was read off the weights of a rating variant, or a sentence on why nothing was.
    ``findings`` are what is shown if it is about these cells; the file beside the report where none is named.

    Everything is computed before the first file is written; the same results give the same bytes.
    Raises ConfigError for an unknown metric, baseline, format or check.
    """
    for name in formats:
        require_choice("--format", name, FORMATS)
    results, learned = portable(results, learned)
    analysis = analyse(results, metric, baseline, rope)
    claims, numbers = claims_of_source(results), published_numbers(results)
    contents: dict[str, bytes | str] = {}
    if set(formats) - {"csv"}:
        found = read_findings(findings or folder / FILE, results)
        contents |= _pages(analysis, claims, numbers, formats, learned, found)
    if "csv" in formats:
        contents |= {
            "results.csv": results_csv(results),
            "curves.csv": curves_csv(results),
            "comparisons.csv": comparisons_csv(comparison_table(analysis)),
            "published.csv": published_csv(numbers),
            RECORD: record_json(results, learned),
        }
        contents |= {"trials.csv": trials_csv(results.search)} if results.search else {}
    write_files(folder, contents, "--output")
    return [folder / name for name in contents]


def _pages(
    analysis: Analysis,
    claims: list[Claim],
    numbers: list[Published],
    formats: Sequence[str],
    learned: Inspection | str | None,
    findings: list[Finding],
) -> dict[str, bytes | str]:
    """The pages asked for, and the pictures that lie beside those that do not hold them."""
    further = [
        known_part(analysis),
        search_part(analysis),
        sweep_part(analysis),
        _learned_part(analysis.results, learned),
    ]
    drawn = pictures(analysis, numbers)
    all_drawn = [*drawn, *(picture for _, own in further for picture in own)]
    beside = bool({"md", "tex"} & set(formats))
    kinds: tuple[Kind, ...] = ("png", "svg") if beside else ("svg",)
    files = files_of(all_drawn, kinds)
    page = markdown_report(analysis, claims, numbers, drawn, [section for section, _ in further], findings)
    pages: dict[str, Callable[[], str]] = {
        "md": lambda: page,
        "html": lambda: html_report(page, files, f"{analysis.results.experiment}: {analysis.label()}"),
        "tex": lambda: latex_report(analysis, claims, numbers, all_drawn, [search_latex(analysis)]),
    }
    contents: dict[str, bytes | str] = {f"report.{name}": make() for name, make in pages.items() if name in formats}
    return contents | (files if beside else {})


def launch_page(results: Results, *, with_pictures: bool = True) -> tuple[str, dict[str, bytes]]:
    """What a launch shows in MLflow: a description in Markdown, and its pictures as PNG by the names of their files."""
    analysis = analyse(results)
    claims, numbers = claims_of_source(results), published_numbers(results)
    drawn = pictures(analysis, numbers) if with_pictures else []
    return description(analysis, claims), files_of(drawn, kinds=("png",))


def _learned_part(results: Results, learned: Inspection | str | None) -> tuple[str, list[Picture]]:
    if learned is None:
        return "", []
    from seedbed.report.learned import learned_part  # noqa: PLC0415 - its packages take long to import

    return learned_part(results, learned)
