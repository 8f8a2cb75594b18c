"""The other metrics of the same rows."""

from __future__ import annotations

import re

from seedbed.recorded import SECONDS
from seedbed.report.analysis import Analysis
from seedbed.report.blocks import Block, Heading, Number, Plain, TableBlock, Words, bold_if
from seedbed.report.evidence import Evidence
from seedbed.report.footnotes import marked
from seedbed.report.formatting import PLUS_MINUS, mean_text, places
from seedbed.report.sections.cold_start import metrics_by_profile
from seedbed.report.threshold_marks import threshold_mark, threshold_notes
from seedbed.results import Results
from seedbed.statistics import Summary


def section(evidence: Evidence) -> list[Block]:
    """A column a metric; [] where the report's own is the only one."""
    analysis = evidence.analysis
    others = _others(analysis)
    if not others:
        return []
    names, columns = marked(analysis.results), [_column(analysis, metric) for metric in others]
    table = TableBlock(
        ["variant", *(Plain(analysis.label(metric) + threshold_mark(analysis.results, metric)) for metric in others)],
        [[Plain(names[variant]), *(column[variant] for column in columns)] for variant in analysis.results.variants],
        caption="Other metrics",
        about=_about(analysis, others),
        notes=threshold_notes(analysis.results, others),
    )
    return [Heading("Other metrics"), table]


def _others(analysis: Analysis) -> list[str]:
    """Metrics of the same rows, and those of none, without what other sections are about."""
    prefix, elsewhere = analysis.metric.rpartition("/")[0], [*metrics_by_profile(analysis).values()]
    elsewhere += [SECONDS] if analysis.results.imported is None else []
    return [
        name
        for name in analysis.results.metrics
        if name not in (analysis.metric, *elsewhere) and (name.rpartition("/")[0] == prefix or "/" not in name)
    ]


def _column(analysis: Analysis, metric: str) -> dict[str, Words]:
    """The cells of one metric by variant."""
    summaries = analysis.summaries_of(metric)
    best = set() if _is_of_different_tasks(analysis.results, metric) else analysis.best(metric)
    decimals = places(summaries.values())
    return {
        variant: bold_if(
            variant in best, Number(mean_text(summary, decimals) + _fewer(summary, analysis.summaries[variant]))
        )
        for variant, summary in summaries.items()
    }


def _fewer(summary: Summary, of_report: Summary) -> str:
    """How many seeds have a value, where these are not those of the report's metric."""
    return f" (n={summary.n})" if summary.n > 1 and summary.n != of_report.n else ""


def _about(analysis: Analysis, others: list[str]) -> str:
    about = (
        f"Mean {PLUS_MINUS} sample std over the same seeds; not tested. The best is bold where a metric has a better end, of "
        "the variants that lack no seed."
    )
    if any(_is_of_different_tasks(analysis.results, metric) for metric in others):
        about += (
            " No loss is bold: variants set `task` differently, so that their losses may be of different quantities."
        )
    return about


def _is_of_different_tasks(results: Results, metric: str) -> bool:
    """Whether a metric is a loss that variants, by overriding the task differently, may have of different quantities."""
    if metric.rpartition("/")[2] != "loss":
        return False
    stated = results.config.get("variants")
    overrides = [(stated.get(variant) or []) if isinstance(stated, dict) else [] for variant in results.variants]
    of_task = {tuple(sorted(text for text in own if re.match(r"[+~]*task\b", str(text)))) for own in overrides}
    return len(of_task) > 1
