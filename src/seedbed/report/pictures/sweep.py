"""Means over the settings of a sweep: lines along one key, heat maps over two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seedbed.figures import BLACK, BLUE, DARK_GREY, GREY, GRID, VERMILION, plain, short
from seedbed.report.analysis import Analysis
from seedbed.report.formatting import NOTHING, listed, number, places
from seedbed.report.sweep import JobSummary, best_job, values_in_order

_COLOURS, _MARKERS = (BLUE, VERMILION, BLACK, GREY), "osD^v"


def sweep_figure(analysis: Analysis, jobs: Sequence[JobSummary], keys: Sequence[str]) -> Figure:
    """One key: means and 95 % intervals along it. More: a heat map of the first two for each variant, the others at their best."""
    if len(keys) == 1:
        return _lines(analysis, jobs, keys[0])
    return _heat_maps(analysis, jobs, keys)


def _lines(analysis: Analysis, jobs: Sequence[JobSummary], key: str) -> Figure:
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    values = values_in_order(jobs, key)
    for place, variant in enumerate(jobs[0].summaries):
        at = {job.values.get(key, NOTHING): job.summaries[variant] for job in jobs}
        points = [
            (spot, summary.mean, summary)
            for spot, value in enumerate(values)
            if (summary := at[value]).mean is not None
        ]
        if not points:
            continue
        spots, means = np.array([point[0] for point in points]), [point[1] for point in points]
        reach = [0.0 if summary.high is None or mean is None else summary.high - mean for _, mean, summary in points]
        axes.errorbar(
            spots + 0.04 * place,
            means,
            yerr=reach,
            color=_COLOURS[place % len(_COLOURS)],
            marker=_MARKERS[place % len(_MARKERS)],
            linestyle=("-", "--", ":", "-.")[place // len(_COLOURS) % 4],
            capsize=3,
            label=short(variant),
        )
    axes.set_xticks(range(len(values)), [plain(value) for value in values])
    axes.set_xlabel(plain(key))
    axes.set_ylabel(plain(analysis.label()))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_title("Means over the seeds with their 95 % intervals.", loc="left", fontsize=8.5, color=DARK_GREY)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure


def _heat_maps(analysis: Analysis, jobs: Sequence[JobSummary], keys: Sequence[str]) -> Figure:
    across, down = values_in_order(jobs, keys[0]), values_in_order(jobs, keys[1])
    variants = list(jobs[0].summaries)
    columns = min(3, len(variants))
    rows = -(-len(variants) // columns)
    width, height = max(2.6, 0.62 * len(across) + 0.8), max(2.0, 0.42 * len(down) + 0.9)
    figure = Figure(figsize=(columns * width + 1.6, rows * height + 0.8), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten()
    grids = {variant: _grid(analysis, jobs, variant, keys, across, down) for variant in variants}
    filled = np.concatenate([grid[np.isfinite(grid)] for grid in grids.values()])
    ends = (float(filled.min()), float(filled.max())) if filled.size else (0.0, 1.0)
    for axes, variant in zip(panels, variants, strict=False):
        image = axes.imshow(grids[variant], cmap="cividis", vmin=ends[0], vmax=ends[1], aspect="auto")
        _label_cells(axes, grids[variant], ends, places(job.summaries[variant] for job in jobs))
        axes.set_title(short(variant), fontsize=9.5, loc="left")
        axes.set_xticks(range(len(across)), [plain(value) for value in across])
        axes.set_yticks(range(len(down)), [plain(value) for value in down])
        axes.tick_params(length=0)
    for axes in panels[len(variants) :]:
        axes.remove()
    figure.colorbar(image, ax=panels[: len(variants)].tolist(), label=plain(analysis.label()))
    figure.supxlabel(plain(keys[0]), fontsize=10)
    figure.supylabel(plain(keys[1]), fontsize=10)
    if len(keys) > 2:
        figure.suptitle(f"{listed(map(plain, keys[2:]))} at the best for each field", fontsize=8.5, color=DARK_GREY)
    return figure


def _grid(
    analysis: Analysis,
    jobs: Sequence[JobSummary],
    variant: str,
    keys: Sequence[str],
    across: Sequence[str],
    down: Sequence[str],
) -> np.ndarray:
    """(down, across) means; NaN where no job has a value."""
    grid = np.full((len(down), len(across)), np.nan)
    for row, of_down in enumerate(down):
        for column, of_across in enumerate(across):
            there = [
                job
                for job in jobs
                if (job.values.get(keys[0], NOTHING), job.values.get(keys[1], NOTHING)) == (of_across, of_down)
            ]
            best = best_job(analysis, there, variant)
            if best is not None and (mean := best.summaries[variant].mean) is not None:
                grid[row, column] = mean
    return grid


def _label_cells(axes: Axes, grid: np.ndarray, ends: tuple[float, float], decimals: int) -> None:
    for (row, column), value in np.ndenumerate(grid):
        there = bool(np.isfinite(value))
        dark = there and value < sum(ends) / 2
        text = number(float(value), min(decimals, 4)) if there else NOTHING
        axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color="white" if dark else BLACK)
