"""The error on newcomers against how many of their ratings are known, and its difference to that of the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seedbed.figures import DARK_GREY, GRID, PALETTE, plain, short
from seedbed.report.analysis import Analysis

_MARKERS = "osD^vPX*"


def cold_start_figure(of_counts: Mapping[int, Analysis], side: str) -> Figure:
    """Left, a line with a band for each variant; right, the paired differences to its baseline, where there is one.

    Left the bands hold the spread of the seeds, which draw newcomers of their own; right this drops out, as every
    variant meets the same newcomers.
    """
    analysis = next(iter(of_counts.values()))
    across = 2 if analysis.baselines.names else 1
    figure = Figure(figsize=(5.4 * across + 0.2, 4.6), layout="constrained")
    panels = figure.subplots(1, across, squeeze=False)[0]
    styles = dict(zip(analysis.results.variants, zip(cycle(PALETTE), cycle(_MARKERS), strict=False), strict=False))
    for variant, (colour, marker) in styles.items():
        _means(panels[0], of_counts, variant, colour, marker)
        if analysis.baselines.names:
            _differences(panels[1], of_counts, variant, colour, marker)
    panels[0].set_ylabel("RMSE")
    panels[0].set_title("mean ± sample std over the seeds", loc="left", fontsize=9, color=DARK_GREY)
    if analysis.baselines.names:
        panels[1].set_ylabel(plain(f"difference{analysis.to_baseline} (below 0 is better)"))
        panels[1].set_title("paired differences and their 95 % intervals", loc="left", fontsize=9, color=DARK_GREY)
    for axes in panels:
        axes.set_xticks(list(of_counts))
        axes.grid(color=GRID, linewidth=0.8)
    figure.supxlabel(f"known ratings of a new {side}", fontsize=10)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=min(3 * across, len(labels)), frameon=False, fontsize=9
    )
    return figure


def _means(axes: Axes, of_counts: Mapping[int, Analysis], variant: str, colour: str, marker: str) -> None:
    summaries = {count: of.summaries[variant] for count, of in of_counts.items()}
    points = [(count, of.mean, of.std or 0.0) for count, of in summaries.items() if of.mean is not None]
    _line(axes, [(count, mean, mean - std, mean + std) for count, mean, std in points], colour, marker, short(variant))


def _differences(axes: Axes, of_counts: Mapping[int, Analysis], variant: str, colour: str, marker: str) -> None:
    points = []
    for count, analysis in of_counts.items():
        baseline = analysis.baseline_of(variant)
        if baseline is None:
            if variant in analysis.baselines.names:
                points.append((count, 0.0, 0.0, 0.0))
            continue
        comparison = analysis.compare(variant, baseline)
        if comparison.difference is not None:
            low = comparison.difference if comparison.low is None else comparison.low
            high = comparison.difference if comparison.high is None else comparison.high
            points.append((count, comparison.difference, low, high))
    _line(axes, points, colour, marker, short(variant))


def _line(axes: Axes, points: list[tuple[int, float, float, float]], colour: str, marker: str, label: str) -> None:
    """``points``: place, height, and the ends of the band."""
    if points:
        counts, heights, lows, highs = zip(*points, strict=True)
        axes.fill_between(counts, lows, highs, color=colour, alpha=0.13, linewidth=0)
        axes.plot(counts, heights, color=colour, marker=marker, markersize=5, linewidth=1.6, label=label)
