"""Writing a report over several data sets, and the shorter page that its launch shows in MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from seedbed.checks import require_choice
from seedbed.config.baselines import Stated
from seedbed.report.benchmark import opening, result
from seedbed.report.benchmark.about import commands
from seedbed.report.benchmark.analysis import BenchmarkAnalysis, analyse_benchmark
from seedbed.report.benchmark.document import blocks_over, pictures_over
from seedbed.report.benchmark.evidence import BenchmarkEvidence, evidence_over
from seedbed.report.benchmark.findings import read_findings_over
from seedbed.report.benchmark.tables import comparisons_table, over_data_sets_table
from seedbed.report.files import comparisons_csv, results_csv
from seedbed.report.findings import FILE
from seedbed.report.record import RECORD, benchmark_json, portable_benchmark
from seedbed.report.writing import FORMATS, Progress, description, drawn_for_mlflow, pages, untold, written
from seedbed.results import Benchmark


def write_benchmark(
    benchmark: Benchmark,
    folder: Path,
    *,
    metric: str | None = None,
    baseline: Stated = None,
    rope: float | None = None,
    formats: Sequence[str] = FORMATS,
    findings: Path | None = None,
    progress: Progress = untold,
) -> list[Path]:
    """Write the report of one experiment over its data sets into ``folder`` and return the files, its pages first.

    ``findings`` are what is shown if it is about these cells; the file beside the report where none is named. ``progress`` gets the
    number of pictures that are drawn, and of all. Everything is computed before the first file is written; the same results give
    the same bytes.
    Raises ConfigError for an unknown metric, baseline, format or check.
    """
    for name in formats:
        require_choice("--format", name, FORMATS)
    benchmark = portable_benchmark(benchmark)
    evidence = evidence_over(analyse_benchmark(benchmark, metric, baseline, rope))
    contents: dict[str, bytes | str] = {}
    if set(formats) - {"csv"}:
        said = read_findings_over(findings or folder / FILE, benchmark)
        contents |= _pages(replace(evidence, findings=said), formats, progress)
    if "csv" in formats:
        contents |= _tables(evidence)
    return written(folder, contents, formats)


def _pages(evidence: BenchmarkEvidence, formats: Sequence[str], progress: Progress) -> dict[str, bytes | str]:
    results, label = evidence.analysis.whole.results, evidence.analysis.label()
    return pages(blocks_over(evidence), formats, results, label, commands(evidence), progress)


def _tables(evidence: BenchmarkEvidence) -> dict[str, bytes | str]:
    """The numbers, and the record that a report is made anew from."""
    return {
        "results.csv": results_csv(evidence.benchmark),
        "comparisons.csv": comparisons_csv(comparisons_table(evidence.analysis)),
        "over_data_sets.csv": comparisons_csv(over_data_sets_table(evidence.analysis)),
        RECORD: benchmark_json(evidence.benchmark),
    }


def benchmark_page(analysis: BenchmarkAnalysis, *, with_pictures: bool = True) -> tuple[str, dict[str, bytes]]:
    """What a launch shows in MLflow: a description in Markdown, and its pictures as PNG by the names of their files."""
    evidence = evidence_over(analysis)
    drawn = pictures_over(evidence) if with_pictures else []
    return description(opening.answer(evidence), result.section(evidence), []), drawn_for_mlflow(drawn)
