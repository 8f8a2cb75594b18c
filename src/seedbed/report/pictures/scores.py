"""What scores of two classes say, a panel a variant: reliability, precision over recall, ROC, F1 over the threshold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from seedbed.config.baselines import Baselines
from seedbed.figures import BLACK, BLUE, DARK_GREY, GREY, GRID, LIGHT_BLUE, VERMILION, plain, short
from seedbed.results import Band, OfScores, Scored

SIZE = 2.5
"""Inches of a panel's side."""
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
PROBABILITIES = (0.0, 0.01, 0.1, 0.25, 0.5, 1.0)
"""Ticks of an axis of square roots."""
THRESHOLDS = (0.01, 0.1, 0.5, 0.9, 0.99)

Panel = Callable[[Axes, OfScores], None]


def precision_recall_figure(scored: Scored, baselines: Baselines) -> Figure:
    """Precision over recall; of its baseline in each panel too."""

    def draw(axes: Axes, variant: OfScores) -> None:
        _draw_shares(axes, scored, variant.precision)
        _mark(axes, variant, "recall", "precision", "as predicted")

    return _figure(scored, baselines, draw, lambda other: other.precision, "recall", "precision")


def roc_figure(scored: Scored, baselines: Baselines) -> Figure:
    """Recall over the false positive rate; of its baseline in each panel too."""

    def draw(axes: Axes, variant: OfScores) -> None:
        axes.plot((0, 1), (0, 1), color=GREY, linewidth=0.8, linestyle=":", zorder=1)
        _draw_shares(axes, scored, variant.recall)
        _mark(axes, variant, "fall_out", "recall", "as predicted")

    return _figure(scored, baselines, draw, lambda other: other.recall, "false positive rate", "recall")


def thresholds_figure(scored: Scored, baselines: Baselines) -> Figure:
    """F1 over the threshold, on an axis of log-odds, with the threshold that each seed has tuned on validation rows."""
    grid = np.linspace(-scored.reach, scored.reach, scored.points)

    def draw(axes: Axes, variant: OfScores) -> None:
        assert variant.f1 is not None
        _draw_band(axes, grid, variant.f1)
        axes.axvline(0, color=GREY, linewidth=0.8, linestyle=":", zorder=1)
        pairs = zip(variant.measures["threshold"], variant.measures["f1_tuned"], strict=True)
        tuned = [(_log_odds(threshold, scored.reach), f1) for threshold, f1 in pairs if math.isfinite(threshold)]
        if tuned:
            places, values = zip(*tuned, strict=True)
            axes.plot(places, values, "o", color=VERMILION, markersize=4, alpha=0.8, label="tuned, each seed", zorder=4)
        axes.set_xlim(-scored.reach, scored.reach)
        axes.set_ylim(-0.02, 1.02)  # so that a curve at 0 is seen
        _ticks(axes, [_log_odds(value, scored.reach) for value in THRESHOLDS], [f"{value:g}" for value in THRESHOLDS])
        axes.tick_params(labelsize=8)

    def of_baseline(other: OfScores) -> Band | None:
        return other.f1

    return _figure(_with_probabilities(scored), baselines, draw, of_baseline, "threshold", "F1", grid)


def reliability_figure(scored: Scored) -> Figure:
    """Observed share over the mean probability in bins of equally many rows; beneath it how many rows have which probability."""
    scored = _with_probabilities(scored)
    across, down = _shape(len(scored.variants))
    figure = Figure(figsize=(_width(across), (SIZE + 0.9) * down + 0.9), layout="constrained")
    grid = figure.subplots(
        2 * down, across, squeeze=False, sharex=True, gridspec_kw={"height_ratios": [SIZE, 0.8] * down}
    )
    most = max(max(variant.histogram or [1]) for variant in scored.variants.values())
    for place, (name, variant) in enumerate(scored.variants.items()):
        row, column = divmod(place, across)
        upper, lower = grid[2 * row, column], grid[2 * row + 1, column]
        _draw_reliability(upper, variant)
        _draw_histogram(lower, variant, most)
        _name(upper, name)
        if column:
            upper.tick_params(labelleft=False)
            lower.tick_params(labelleft=False)
        if place + across >= len(scored.variants):  # the lowest of its column
            lower.tick_params(labelbottom=True)
    for place in range(len(scored.variants), across * down):
        row, column = divmod(place, across)
        grid[2 * row, column].remove()
        grid[2 * row + 1, column].remove()
    figure.supxlabel(plain(f"probability of {scored.positive} (square-root scale on both axes)"), fontsize=10)
    figure.supylabel("share observed; beneath, test rows of all seeds", fontsize=10)
    _legend(figure, [grid[0, 0]])
    return figure


def _draw_reliability(axes: Axes, variant: OfScores) -> None:
    assert variant.expected is not None
    assert variant.observed is not None
    axes.plot((0, 1), (0, 1), color=GREY, linewidth=0.8, linestyle=":", label="calibrated", zorder=1)
    expected = np.sqrt(variant.expected)
    roots = Band(*(np.sqrt(values).tolist() for values in (variant.observed.mean, variant.observed.low, variant.observed.high)))  # fmt: skip
    _draw_band(axes, expected, roots)
    axes.plot(expected, roots.mean, "o", color=BLUE, markersize=3, zorder=4)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator([math.sqrt(value) for value in PROBABILITIES]))
        axis.set_major_formatter(FuncFormatter(lambda root, _: f"{root**2:.2g}"))
    axes.tick_params(labelsize=8, labelbottom=False)


def _draw_histogram(axes: Axes, variant: OfScores, most: int) -> None:
    counts = variant.histogram or []
    edges = np.linspace(0, 1, len(counts) + 1)
    axes.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=LIGHT_BLUE, edgecolor="white", linewidth=0.4)
    axes.set_yscale("log")
    axes.set_ylim(0.7, 2 * most)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.tick_params(labelsize=8, labelbottom=False)


# ---- what the others share -------------------------------------------------------------------------------------------


def _figure(
    scored: Scored,
    baselines: Baselines,
    draw: Panel,
    curve: Callable[[OfScores], Band | None],
    across_label: str,
    up_label: str,
    grid: np.ndarray | None = None,
) -> Figure:
    """A panel for each variant, over shares or over ``grid``, with the curve of its baseline in it."""
    across, down = _shape(len(scored.variants))
    figure = Figure(figsize=(_width(across), (SIZE + 0.1) * down + 0.9), layout="constrained")
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flatten()
    places = np.linspace(0, 1, scored.points) if grid is None else grid
    several = len(baselines.names) > 1
    for axes, (name, variant) in zip(panels, scored.variants.items(), strict=False):
        _name(axes, name)
        baseline = baselines.baseline_of(name) or ""
        if baseline in scored.variants and (band := curve(scored.variants[baseline])) is not None:
            label = "its baseline, mean" if several else f"{short(baseline)}, mean"
            axes.plot(places, band.mean, color=BLACK, linewidth=1, linestyle="--", label=plain(label), zorder=3)
            if several:
                _name(axes, name, baseline)
        draw(axes, variant)
        axes.grid(color=GRID, linewidth=0.6)
    for axes in panels[len(scored.variants) - across : len(scored.variants)]:
        axes.tick_params(labelbottom=True)  # the lowest of its column, which may lie above a place without a panel
    for axes in panels[len(scored.variants) :]:
        axes.remove()
    figure.supxlabel(across_label, fontsize=10)
    figure.supylabel(up_label, fontsize=10)
    _legend(figure, list(panels[: len(scored.variants)]))
    return figure


def _shape(count: int) -> tuple[int, int]:
    """Panels across and down."""
    across = min(count, 2 if count == 4 else 3 if count <= 6 else 4)
    return across, math.ceil(count / across)


def _width(across: int) -> float:
    """Inches, also of a single panel enough for the legend."""
    return max(SIZE * across + 0.7, 4.4)


def _draw_shares(axes: Axes, scored: Scored, band: Band) -> None:
    _draw_band(axes, np.linspace(0, 1, scored.points), band)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator(SHARES))
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:g}"))
    axes.tick_params(labelsize=8)


def _draw_band(axes: Axes, places: np.ndarray, band: Band) -> None:
    axes.fill_between(places, band.low, band.high, color=LIGHT_BLUE, alpha=0.6, linewidth=0, label="middle 80 % of the seeds", zorder=2)  # fmt: skip
    axes.plot(places, band.mean, color=BLUE, linewidth=1.6, label="mean over the seeds", zorder=3)


def _mark(axes: Axes, variant: OfScores, across: str, up: str, label: str) -> None:
    """The mean of the seeds' points."""
    place = fmean(variant.measures[across]), fmean(variant.measures[up])
    axes.plot(*place, "o", color=VERMILION, markersize=6, label=label, zorder=5)


def _name(axes: Axes, name: str, baseline: str = "") -> None:
    """The variant above its panel, with the baseline whose curve is in it too where panels have several."""
    beside = f"\nbaseline: {short(baseline, 20)}" if baseline else ""
    # With y, Matplotlib does not go through the ticks to find out whether some are in its way: none are at the top.
    axes.set_title(f"{short(name, 26)}{beside}", fontsize=9.5, loc="left", color=DARK_GREY, y=1.0)


def _ticks(axes: Axes, places: Sequence[float], labels: Sequence[str]) -> None:
    axes.set_xticks(places, labels)


def _log_odds(probability: float, reach: float) -> float:
    """Within the axis."""
    inner = min(max(probability, 1e-12), 1 - 1e-12)
    return min(max(math.log(inner / (1 - inner)), -reach), reach)


def _with_probabilities(scored: Scored) -> Scored:
    """Without the variants whose scores are none."""
    kept = {name: variant for name, variant in scored.variants.items() if variant.f1 is not None}
    return replace(scored, variants=kept)


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    handles = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=4 if figure.get_figwidth() > 7 else 2, frameon=False, fontsize=8.5)  # fmt: skip
