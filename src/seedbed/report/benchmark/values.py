"""What each variant is worth on each data set: its mean over the seeds, and what stands for the seeds that were lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seedbed.metrics import Metric
from seedbed.report.analysis import Analysis
from seedbed.statistics import finite


@dataclass(frozen=True)
class Means:
    """Variants on one data set, over the seeds that all of them have run."""

    kept: tuple[float, ...]
    """Mean of each over the seeds in which all have a value; NaN where there is none."""
    filled: tuple[float, ...]
    """Mean of each over all of these seeds, with the worst of the metric for one that was lost; NaN where it has no worst."""
    lost: tuple[int, ...]
    """Seeds of each that diverged, failed or have no finite value."""


def means_of(analysis: Analysis, variants: Sequence[str]) -> Means | None:
    """The means of ``variants`` on the data set of ``analysis``; None unless all of them have run there and have the metric.

    They are of what is compared: of a metric that is best near a target, the distances to it.
    """
    if any(without_value(analysis, name) for name in variants):
        return None
    runs = [analysis.what_ran(name) for name in variants]
    seeds = sorted(set.intersection(*(set(of_one.values) for of_one in runs)))
    if not seeds:
        return None
    values = np.array([[of_one.values[seed] for seed in seeds] for of_one in runs])
    lost = ~finite(values)
    whole = values[:, ~lost.any(axis=0)]
    worst = analysis.declared.worst
    filled = np.where(lost, math.nan if worst is None else worst, values)
    kept = whole.mean(axis=1) if whole.size else np.full(len(values), math.nan)
    return Means(tuple(kept.tolist()), tuple(filled.mean(axis=1).tolist()), tuple(lost.sum(axis=1).tolist()))


def without_value(analysis: Analysis, variant: str) -> str:
    """Why a variant has no place among the data set's others; "" where it has one, be it that of seeds that were all lost."""
    if variant not in analysis.results.variants:
        return "does not apply"
    if not analysis.what_ran(variant).values:
        return "was not run"
    if analysis.results.sound_seeds(variant) and not analysis.summaries[variant].n:
        return f"has no value of {analysis.metric}"
    return ""


def with_lost_as_worst(rows: Sequence[Means], metric: Metric) -> NDArray[np.float64] | None:
    """(data sets, variants) means in which a lost seed is as bad as can be; None for a metric of which nothing is worse.

    Where the metric has no worst value, whoever lost a seed stands behind all others by more than any two others differ, so
    that ranks, and the ranks of differences, are what they would be for an endlessly bad value.
    """
    filled = np.array([row.filled for row in rows])
    lost = np.array([row.lost for row in rows]) > 0
    if not lost.any() or metric.worst is not None:
        return filled
    if not metric.is_ranked:
        return None
    seen = filled[~lost]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
    beyond = 2 * (high - low) or 1.0
    return np.where(lost, high + beyond if metric.lower_is_better else low - beyond, filled)
