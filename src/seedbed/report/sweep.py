"""The jobs of a sweep: how each variant did under the values of each, which is best, and what makes them no match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seedbed.report.analysis import Analysis
from seedbed.report.formatting import NOTHING, listed
from seedbed.results import Job, sound_values
from seedbed.statistics import Summary, summary


@dataclass(frozen=True)
class JobSummary:
    """One job's values of the swept keys, and how each variant did."""

    values: dict[str, str]
    summaries: dict[str, Summary]
    cells: int
    """How many it was to train of each variant."""


def swept_keys(jobs: Sequence[Job]) -> list[str]:
    """The keys of which the jobs have several values, those with the most first."""
    keys = dict.fromkeys(key for job in jobs for key in job.values)
    counts = {key: len({job.values.get(key) for job in jobs}) for key in keys}
    return sorted((key for key in keys if counts[key] > 1), key=lambda key: -counts[key])


def job_summaries(analysis: Analysis, keys: Sequence[str]) -> list[JobSummary]:
    """One for each job of the sweep, in the order of their values."""
    jobs = analysis.results.jobs
    variants = list(dict.fromkeys(variant for job in jobs for variant in job.variants))
    return in_order([_summary(analysis, job, variants) for job in jobs], keys)


def _summary(analysis: Analysis, job: Job, variants: Sequence[str]) -> JobSummary:
    cells = job.cells
    summaries = {
        variant: summary(sound_values(cells[cells["variant"] == variant], analysis.metric)) for variant in variants
    }
    return JobSummary(job.values, summaries, len(set(cells["seed"])))


def in_order(jobs: Sequence[JobSummary], keys: Sequence[str]) -> list[JobSummary]:
    """Jobs sorted by the values of the first key, then of the second, ...: numbers by size, others as they were given."""
    places = {key: {value: place for place, value in enumerate(values_in_order(jobs, key))} for key in keys}
    return sorted(jobs, key=lambda job: [places[key][job.values.get(key, NOTHING)] for key in keys])


def values_in_order(jobs: Sequence[JobSummary], key: str) -> list[str]:
    """The values of a key: numbers by size, others as they were given."""
    values = list(dict.fromkeys(job.values.get(key, NOTHING) for job in jobs))
    try:
        return sorted(values, key=float)
    except ValueError:
        return values


def best_job(analysis: Analysis, jobs: Sequence[JobSummary], variant: str) -> JobSummary | None:
    """The job with the best mean of a variant, of those that lack no seed; None where there is none."""
    metric = analysis.declared
    there = [job for job in jobs if job.summaries[variant].n == job.cells > 0]
    there = there if metric.is_ranked else []
    return min(there, key=lambda job: float(metric.cost(job.summaries[variant].mean or 0.0)), default=None)


def other_circumstances(jobs: Sequence[Job]) -> list[str]:
    """What differs between the jobs besides the keys, and so makes their values no match for each other."""
    values: dict[str, dict[str, None]] = {}
    for job in jobs:
        for circumstances in job.circumstances.values():
            for what, value in circumstances.items():
                values.setdefault(what, {})[value] = None
    return [
        f"{what} ({listed(f'`{value}`' for value in different)})"
        for what, different in values.items()
        if len(different) > 1
    ]
