"""Writing a report: its pages, tables and pictures as files; and the shorter page that a launch shows in MLflow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seedbed.checks import require_choice
from seedbed.config.baselines import Stated
from seedbed.figures import Kind
from seedbed.garbage import not_searched
from seedbed.report.analysis import Analysis, analyse, comparison_table
from seedbed.report.blocks import Block, pictures_of
from seedbed.report.document import blocks_of, launch_answer, launch_pictures
from seedbed.report.evidence import Evidence, evidence_of
from seedbed.report.files import (
    comparisons_csv,
    curves_csv,
    published_csv,
    remove,
    remove_earlier,
    results_csv,
    write_files,
)
from seedbed.report.findings import FILE, read_findings
from seedbed.report.footnotes import note_lines
from seedbed.report.pictures.picture import KINDS, Picture, files_of
from seedbed.report.record import RECORD, portable, record_json, tables_of
from seedbed.report.render.html import html
from seedbed.report.render.latex import latex
from seedbed.report.render.latex_tables import MARK, TABLES, table_files
from seedbed.report.render.markdown import escaped, markdown
from seedbed.report.searches.trials import trials_csv
from seedbed.report.sections.repeat import commands
from seedbed.results import Results

if TYPE_CHECKING:
    from seedbed.trained.inspection import Inspection

Progress = Callable[[int, int], None]
"""Takes how much is done, and of how much."""
FORMATS = ("md", "html", "tex", "csv")
SHOWN = re.compile(r"^!\[.*\]\(([\w.-]+)\.png\)$|^\\IfFileExists\{([\w.-]+)\.png\}", re.MULTILINE)
"""A picture in report.md, or in report.tex."""
LONGEST_DESCRIPTION = 8000
"""MLflow takes so many characters of a tag at most."""


def untold(done: int, total: int) -> None:
    """What nobody follows."""


def write_report(
    results: Results,
    folder: Path,
    *,
    metric: str | None = None,
    baseline: Stated = None,
    rope: float | None = None,
    formats: Sequence[str] = FORMATS,
    learned: Inspection | str | None = None,
    findings: Path | None = None,
    progress: Progress = untold,
) -> list[Path]:
    """Write the report of one experiment into ``folder`` and return the files, its pages first.

    ``learned`` is what was read off the weights of a rating variant, or a sentence on why nothing was.
    ``findings`` are what is shown if it is about these cells; the file beside the report where none is named. ``progress`` gets
    the number of pictures that are drawn, and of all.

    Everything is computed before the first file is written; the same results give the same bytes.
    Raises ConfigError for an unknown metric, baseline, format or check.
    """
    for name in formats:
        require_choice("--format", name, FORMATS)
    results, learned = portable(results, learned)
    evidence = evidence_of(analyse(results, metric, baseline, rope), learned=learned)
    contents: dict[str, bytes | str] = {}
    if set(formats) - {"csv"}:
        said = read_findings(findings or folder / FILE, results)
        contents |= _pages(replace(evidence, findings=said), formats, progress)
    if "csv" in formats:
        contents |= _tables(evidence)
    return written(folder, contents, formats)


def written(folder: Path, contents: Mapping[str, bytes | str], formats: Sequence[str]) -> list[Path]:
    """Write the files of a report, and remove what an earlier one has left; returns their paths."""
    earlier = _of_an_earlier_report(folder, formats)
    write_files(folder, contents, "--output")
    remove([folder / name for name in sorted(earlier - set(contents))])
    if "tex" in formats:
        remove_earlier(folder / TABLES, [Path(name).name for name in contents], MARK)
    return [folder / name for name in contents]


def _of_an_earlier_report(folder: Path, formats: Sequence[str]) -> set[str]:
    """Its tables, as its record says which, and the pictures of the pages that are written anew but for those of pages that stay."""
    written_anew = {f"report.{name}" for name in formats}
    shown = {page: _pictures_in(folder / page) for page in ("report.md", "report.tex")}
    lost = set().union(*(names for page, names in shown.items() if page in written_anew))
    lost -= set().union(*(names for page, names in shown.items() if page not in written_anew))
    # A report has each picture in both kinds.
    pictures = {
        f"{name}.{kind}"
        for name in lost
        for kind in KINDS
        if all((folder / f"{name}.{each}").is_file() for each in KINDS)
    }
    return pictures | (tables_of(folder) if "csv" in formats else set())


def _pictures_in(page: Path) -> set[str]:
    """The names of the pictures that lie beside a page which a report has, without their endings."""
    try:
        text = page.read_text("utf-8")
    except (OSError, UnicodeError):
        return set()
    return {first or second for first, second in SHOWN.findall(text)}


def _pages(evidence: Evidence, formats: Sequence[str], progress: Progress) -> dict[str, bytes | str]:
    label, made_by = evidence.analysis.label(), commands(evidence)
    return pages(blocks_of(evidence), formats, evidence.results, label, made_by, progress)


def pages(
    blocks: Sequence[Block],
    formats: Sequence[str],
    results: Results,
    label: str,
    made_by: Sequence[str],
    progress: Progress,
) -> dict[str, bytes | str]:
    """The pages asked for, and what lies beside them: pictures, and tables each in a file of its own.

    ``results`` say which experiment and launch they are about, ``label`` which metric, ``made_by`` which commands make them.
    """
    beside = bool({"md", "tex"} & set(formats))
    kinds: tuple[Kind, ...] = ("png", "svg") if beside else ("svg",)
    pictures = pictures_of(blocks)
    files: dict[str, bytes] = {}
    for number, picture in enumerate(pictures):
        progress(number, len(pictures))
        files |= files_of([picture], kinds)
    page = f"{markdown(blocks)}\n"
    makers: dict[str, Callable[[], str]] = {
        "md": lambda: page,
        "html": lambda: html(page, files, f"{results.experiment}: {label}"),
        "tex": lambda: latex(blocks),
    }
    contents: dict[str, bytes | str] = {f"report.{name}": make() for name, make in makers.items() if name in formats}
    return contents | (files if beside else {}) | (_alone(blocks, results, made_by) if "tex" in formats else {})


def _alone(blocks: Sequence[Block], results: Results, made_by: Sequence[str]) -> dict[str, bytes | str]:
    """Each table of ``report.tex`` in a file of its own, for papers."""
    launch = f", launch {results.launch[:8]}" if results.launch else ""
    origin = [f"Experiment {results.experiment}{launch}:", *(f"  {command}" for command in made_by)]
    return dict(table_files(blocks, results.experiment, origin))


def _tables(evidence: Evidence) -> dict[str, bytes | str]:
    """The numbers, and the record that a report is made anew from."""
    results = evidence.results
    trials = {"trials.csv": trials_csv(results.search)} if results.search else {}
    return {
        "results.csv": results_csv(results),
        "curves.csv": curves_csv(results),
        "comparisons.csv": comparisons_csv(comparison_table(evidence.analysis)),
        "published.csv": published_csv(evidence.numbers),
        RECORD: record_json(results, evidence.learned),
        **trials,
    }


# ---- a launch in MLflow ----------------------------------------------------------------------------------------------


def launch_page(analysis: Analysis, *, with_pictures: bool = True) -> tuple[str, dict[str, bytes]]:
    """What a launch shows in MLflow: a description in Markdown, and its pictures as PNG by the names of their files."""
    evidence = evidence_of(analysis)
    drawn = launch_pictures(evidence) if with_pictures else []
    return description(*launch_answer(evidence), note_lines(evidence.results)), drawn_for_mlflow(drawn)


def drawn_for_mlflow(pictures: Iterable[Picture]) -> dict[str, bytes]:
    """Pictures as PNG by the names of their files."""
    with not_searched():
        return files_of(pictures, kinds=("png",), quick=True)


def description(answer: Sequence[Block], table: Sequence[Block], notes: Sequence[str]) -> str:
    """The answer and the table, or as much of the answer as MLflow takes, with the ``notes`` of the table."""
    text = markdown([*answer, *table])
    return text if len(text) <= LONGEST_DESCRIPTION else _cut(answer, notes)


def _cut(answer: Sequence[Block], notes: Sequence[str]) -> str:
    below = [*map(escaped, notes), "The rest is left out here: see table.txt among the artifacts."]
    end = "".join(f"\n\n{line}" for line in below)
    return markdown(answer)[: LONGEST_DESCRIPTION - len(end)] + end
