"""What the jobs of a sweep gave, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from seedbed.report.analysis import Analysis
from seedbed.report.blocks import Block, Bold, Figure, Heading, InlineCode, Number, Plain, TableBlock, Words, bold_if
from seedbed.report.evidence import Evidence
from seedbed.report.formatting import NOTHING, count_word, listed, mean_text, places, shown_mean
from seedbed.report.pictures.picture import Picture
from seedbed.report.pictures.sweep import sweep_figure
from seedbed.report.sweep import JobSummary, best_job, job_summaries, other_circumstances, swept_keys
from seedbed.statistics import Summary


def section(evidence: Evidence) -> list[Block]:
    """A row a job and their picture; [] where the launch is no job of a sweep."""
    analysis = evidence.analysis
    keys = swept_keys(analysis.results.jobs)
    if len(analysis.results.jobs) < 2 or not keys:
        return []
    jobs = job_summaries(analysis, keys)
    caption = f"{analysis.label()} over {listed(keys)}"
    picture = Picture("sweep", caption, lambda: sweep_figure(analysis, jobs, keys))
    return [Heading("Sweep"), Figure(picture), _table(analysis, jobs, keys, caption)]


def _table(analysis: Analysis, jobs: Sequence[JobSummary], keys: Sequence[str], caption: str) -> TableBlock:
    variants = list(jobs[0].summaries)
    columns = {variant: _column(analysis, jobs, variant) for variant in variants}
    rows: list[list[Words]] = [
        [
            *(Plain(job.values.get(key, NOTHING)) for key in keys),
            *(columns[variant][place] for variant in variants),
            Number(f"n={job.cells}"),
        ]
        for place, job in enumerate(jobs)
    ]
    header: list[Words] = [*map(InlineCode, keys), *map(Plain, variants), "seeds"]
    return TableBlock(header, rows, caption=Plain(caption), about=_about(analysis, len(jobs), keys), name="sweep")


def _column(analysis: Analysis, jobs: Sequence[JobSummary], variant: str) -> list[Words]:
    """The cells of one variant, the best bold."""
    decimals = places(job.summaries[variant] for job in jobs)
    best = best_job(analysis, jobs, variant)
    best_mean = None if best is None else shown_mean(best.summaries[variant], decimals)
    return [
        bold_if(
            job.summaries[variant].n == job.cells and shown_mean(job.summaries[variant], decimals) == best_mean,
            Number(_text(job.summaries[variant], job.cells, decimals)),
        )
        for job in jobs
    ]


def _text(summary: Summary, cells: int, decimals: int) -> str:
    """Mean and spread; how many seeds have a value, where some have none."""
    lacking = summary.n < cells and summary.mean is not None
    return mean_text(summary, decimals) + (f" (n={summary.n}/{cells})" if lacking else "")


def _about(analysis: Analysis, jobs: int, keys: Sequence[str]) -> Words:
    said: list[Words] = [
        f"This launch is one of {count_word(jobs)} jobs of a sweep over {listed(f'`{key}`' for key in keys)}; "
        "everything above is about it alone. Below: ",
        Plain(analysis.label()),
        ", mean ± sample std of every job, the best of each variant bold; n=2/3 where a seed failed, diverged or is missing. "
        "None of these differences was tested.",
    ]
    if analysis.metric.startswith("test/"):
        said.append(
            " A setting that is chosen by its test values does less well on other data than they say: choose by the "
            f"validation metrics of the jobs, which `seedbed ui {analysis.results.experiment}` shows side by side."
        )
    for what in other_circumstances(analysis.results.jobs):
        warning = f"The jobs differ in {what}: do not compare their values as if only the keys differed."
        said += [" ", Bold(warning)]
    return tuple(said)
