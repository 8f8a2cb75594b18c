"""Every seed of every variant, with what is the same seed joined by a line."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from seedbed.figures import BLACK, BLUE, DARK_GREY, GRID, LIGHT_GREY, plain, short
from seedbed.report.analysis import Analysis
from seedbed.statistics import finite


def seeds_figure(analysis: Analysis) -> Figure:
    """One row a variant, one dot a seed; seeds are paired, so a line joins the dots of one seed.

    The axis holds every value: nothing is cut.
    """
    variants = analysis.results.variants
    figure = Figure(figsize=(7.2, max(2.2, 0.48 * len(variants) + 1.3)), layout="constrained")
    axes = figure.add_subplot()
    by_seed: dict[int, list[tuple[float, int]]] = {}
    for place, variant in enumerate(variants):
        values = analysis.results.values(variant, analysis.metric)
        for seed, value in values[finite(values)].items():
            by_seed.setdefault(int(str(seed)), []).append((float(value), place))
    for points in by_seed.values():
        values, places = np.array(points).T
        axes.plot(values, places, color=LIGHT_GREY, linewidth=0.7, zorder=1)
        axes.plot(values, places, "o", color=BLUE, markersize=4, alpha=0.65, markeredgewidth=0, zorder=3)
    for place, variant in enumerate(variants):
        summary = analysis.summaries[variant]
        if summary.mean is not None:
            axes.plot([summary.mean] * 2, [place - 0.28, place + 0.28], color=BLACK, linewidth=1.6, zorder=4)
    axes.set_yticks(
        range(len(variants)), [f"{short(name)} ({analysis.count(name).split(',', maxsplit=1)[0]})" for name in variants]
    )
    axes.set_ylim(len(variants) - 0.5, -0.5)
    axes.set_xlabel(plain(analysis.label()))
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.tick_params(axis="y", length=0)
    axes.set_title("Dots: seeds, those of one seed joined. Strokes: means.", loc="left", fontsize=8.5, color=DARK_GREY)
    return figure
