"""The pictures of a report, each drawn from its numbers by one module."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from seedbed.figures import Kind, rendered
from seedbed.report.analysis import Analysis
from seedbed.report.pictures.curves import (
    TRAINING_LOSS,
    VALIDATION_LOSS,
    curve_metric,
    curves_figure,
    curves_of_the_source,
)
from seedbed.report.pictures.differences import differences_figure
from seedbed.report.pictures.means import means_figure
from seedbed.report.pictures.published import published_figure
from seedbed.report.pictures.ranks import ranks_figure
from seedbed.report.pictures.seeds import seeds_figure
from seedbed.report.published import Published

MEANS, SEEDS, DIFFERENCES, RANKS, CURVES, PUBLISHED = "means", "seeds", "differences", "ranks", "curves", "published"
LOSS = "loss"
KINDS: tuple[Kind, ...] = ("png", "svg")


@dataclass(frozen=True)
class Picture:
    """One figure, and what it is called."""

    role: str
    """What it shows: MEANS, SEEDS, ..."""
    name: str
    """Of its files, without their endings."""
    caption: str
    """What it shows, for those who cannot see it and for a paper."""
    figure: Callable[[], Figure]


def pictures(analysis: Analysis, numbers: list[Published]) -> list[Picture]:
    """What there is to draw, in the order of the report."""
    label = analysis.label()
    found = [
        Picture(MEANS, file_name(analysis.metric), f"{label} by variant", lambda: means_figure(analysis)),
        Picture(SEEDS, "seeds", f"{label} of every seed", lambda: seeds_figure(analysis)),
    ]
    if any(row.comparison.difference is not None for row in analysis.family):
        found.append(
            Picture(
                DIFFERENCES,
                "differences",
                f"Paired differences on {label} with 95 % intervals",
                lambda: differences_figure(analysis),
            )
        )
    ranking = analysis.ranking
    critical = ranking.critical_difference
    if critical is not None:
        names, ranks = analysis.distinct, ranking.ranks
        found.append(
            Picture(
                RANKS,
                "ranks",
                f"Critical-difference diagram on {label}, over the seeds",
                lambda: ranks_figure(names, ranks, critical),
            )
        )
    found += _curves(analysis, numbers)
    if asked := (analysis.results.config.get("report") or {}).get("loss"):
        both = asked == "both"
        caption = f"Training loss, mean over the steps of each epoch{', and validation loss after it' if both else ''}"
        beside = VALIDATION_LOSS if both else None
        drawn = partial(curves_figure, analysis.results, TRAINING_LOSS, {}, beside=beside, one_scale=False)
        found.append(Picture(LOSS, "loss", caption, drawn))
    if any(number.place is not None for number in numbers):
        caption = "Published numbers in the prediction intervals of ours"
        found.append(Picture(PUBLISHED, "published", caption, lambda: published_figure(numbers)))
    return found


def _curves(analysis: Analysis, numbers: list[Published]) -> list[Picture]:
    metric = curve_metric(analysis.results, numbers)
    if metric is None:
        return []
    of_source = curves_of_the_source(numbers, metric)
    caption = f"{metric} after each epoch, ours{' and published' if of_source else ''}"
    return [Picture(CURVES, "curves", caption, lambda: curves_figure(analysis.results, metric, of_source))]


def file_name(metric: str) -> str:
    """ "test/f1 (%)" -> "f1_": the name of the metric's picture."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", metric.rsplit("/", 1)[-1])


def files_of(drawn: Iterable[Picture], kinds: Iterable[Kind] = KINDS) -> dict[str, bytes]:
    """Each picture in each kind, by the name of its file."""
    kinds = tuple(kinds)
    return {f"{picture.name}.{kind}": rendered(picture.figure, kind) for picture in drawn for kind in kinds}
