"""The commands that make the results and the report again."""

from __future__ import annotations

import shlex

from seedbed.report.analysis import Analysis
from seedbed.report.blocks import Block, Heading, Listing
from seedbed.report.evidence import Evidence
from seedbed.report.typed import config_dir_option, own_command


def section(evidence: Evidence) -> list[Block]:
    """What can be typed to have it all again."""
    return [Heading("Repeat"), Listing("\n".join(commands(evidence)))]


def commands(evidence: Evidence) -> list[str]:
    """What trained or imported the seeds, where that is known, and what makes this page from the tracked runs."""
    results = evidence.results
    run = own_command(results) or ("" if results.imported else f"seedbed run {results.experiment}")
    return [*filter(None, [run]), _report_command(evidence.analysis, config_dir_option(run))]


def _report_command(analysis: Analysis, folder: str) -> str:
    """The command that writes this report, with options where they are not the experiment's own."""
    stated = analysis.results.config.get("report") or {}
    options = [
        *(["--data-set", analysis.results.data_set] if analysis.results.data_set else []),
        *(["--metric", analysis.metric] if analysis.metric != stated.get("metric") else []),
        *(["--baseline", analysis.baseline] if analysis.baseline not in (None, stated.get("baseline")) else []),
        *(["--rope", f"{analysis.rope:g}"] if analysis.rope not in (None, stated.get("rope")) else []),
    ]
    return shlex.join(["seedbed", "report", analysis.results.experiment, *options]) + folder
