"""The bar chart of an experiment: means, spread and every seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from seedbed.errors import ConfigError, near_misses
from seedbed.figures import BLACK, BLUE, DARK_GREY, GRID, LIGHT_BLUE, LIGHT_GREY, plain, short
from seedbed.report.analysis import Analysis
from seedbed.report.formatting import listed
from seedbed.statistics import Summary, finite

MOST_NAMED = 3
"""Baselines that the line below the axis has room for."""
BARS = {"2std": "mean ± 2 sample std", "std": "mean ± sample std", "ci95": "mean and its 95 % interval"}


LEAST_SEEN, _BELOW = 0.01, 0.015
"""Share of the axis that a bar needs to be seen, and that one which has less takes below the axis."""


@dataclass(frozen=True)
class Span:
    """One bar with its whisker, as drawn and as it is."""

    mean: float
    low: float
    high: float
    drawn_low: float
    drawn_high: float


def means_figure(analysis: Analysis) -> Figure:
    """A bar for each variant, from the foot of the axis to its mean."""
    variants, bars = analysis.results.variants, _bars(analysis)
    bounds = analysis.declared.bounds
    spans = {variant: span(analysis.summaries[variant], bars, bounds) for variant in variants}
    shown = {variant: whisker for variant, whisker in spans.items() if whisker is not None}
    limits = _axis(analysis, shown)
    figure = Figure(figsize=(max(5.0, 1.15 * len(variants) + 1.2), 4.2), layout="constrained")
    axes = figure.add_subplot()
    for place, variant in enumerate(variants):
        if variant in shown:
            _draw_bar(axes, place, shown[variant], limits, is_baseline=variant in analysis.baselines.names)
            values = np.asarray(analysis.results.values(variant, analysis.metric))
            _draw_seeds(axes, place, values, limits)
    axes.set_ylim(*limits)
    _label(axes, analysis, bars)
    figure.supxlabel("\n".join(_notes(analysis, shown, limits)), fontsize=8, color=DARK_GREY, x=0.5)
    return figure


def span(summary: Summary, bars: str, bounds: tuple[float | None, float | None]) -> Span | None:
    """Ends of the whisker, and where the drawing is cut as the metric ends there; None without a value."""
    if summary.mean is None:
        return None
    reach = {"2std": 2, "std": 1}.get(bars, 0) * (summary.std or 0.0)
    low, high = summary.mean - reach, summary.mean + reach
    if bars == "ci95" and summary.low is not None and summary.high is not None:
        low, high = summary.low, summary.high
    least, most = bounds
    # A mean may lie beyond the end itself, by rounding.
    drawn_low = low if least is None else min(summary.mean, max(low, least))
    drawn_high = high if most is None else max(summary.mean, min(high, most))
    return Span(summary.mean, low, high, drawn_low, drawn_high)


def _draw_bar(axes: Axes, place: int, drawn: Span, limits: tuple[float, float], *, is_baseline: bool) -> None:
    colour, floor = LIGHT_GREY if is_baseline else LIGHT_BLUE, limits[0]
    height, whole = drawn.mean - floor, limits[1] - floor
    if abs(height) < LEAST_SEEN * whole:  # its colour says whether it is a baseline
        height = -_BELOW * whole
    bar = axes.bar(place, height, bottom=floor, width=0.62, color=colour, edgecolor=DARK_GREY, linewidth=0.8)
    for patch in bar if height < 0 else ():
        patch.set_clip_on(False)
    if drawn.high > drawn.low:
        ends = [[drawn.mean - drawn.drawn_low], [drawn.drawn_high - drawn.mean]]
        axes.errorbar(place, drawn.mean, yerr=ends, color=BLACK, capsize=5, linewidth=1.4, zorder=4)


def _draw_seeds(axes: Axes, place: int, values: NDArray[np.float64], limits: tuple[float, float]) -> None:
    """Seeds side by side in their order, so that the same seed has the same place over every bar."""
    offsets = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(1)
    inside = (values >= limits[0]) & (values <= limits[1])
    dots: dict[str, Any] = {"color": BLUE, "markersize": 3.4, "alpha": 0.65, "markeredgewidth": 0}
    # Not clipped, so that a seed on the very edge of the axis is a whole dot.
    axes.plot(place + offsets[inside], values[inside], "o", zorder=3, clip_on=False, **dots)


def _label(axes: Axes, analysis: Analysis, bars: str) -> None:
    variants = analysis.results.variants
    crowded = len(variants) > 1 and max(map(len, variants)) > 13
    parts = [(short(variant), analysis.count(variant).split(",")[0]) for variant in variants]
    axes.set_xticks(
        range(len(variants)),
        [f"{name} ({count})" if crowded else f"{name}\n{count}" for name, count in parts],
        rotation=30 if crowded else 0,
        ha="right" if crowded else "center",
    )
    axes.set_xlim(-0.6, len(variants) - 0.4)
    axes.set_ylabel(plain(analysis.label()))
    axes.set_title(f"{plain(analysis.results.experiment)}: {BARS[bars]}", loc="left", fontsize=10.5)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.tick_params(axis="x", length=0)


def _bars(analysis: Analysis) -> str:
    bars = str((analysis.results.config.get("report") or {}).get("bars") or "2std")
    if bars not in BARS:
        raise ConfigError(f"report.bars={bars!r} is not a kind of error bar: {near_misses(bars, BARS)}")
    return bars


def _axis(analysis: Analysis, spans: dict[str, Span]) -> tuple[float, float]:
    """The experiment's axis for the experiment's own metric; else all seeds and whiskers, with some air."""
    section = analysis.results.config.get("report") or {}
    if section.get("axis") and section.get("metric") == analysis.metric:
        low, high = section["axis"]
        return float(low), float(high)
    ends = [end for whisker in spans.values() for end in (whisker.drawn_low, whisker.drawn_high)]
    for variant in spans:
        values = analysis.results.values(variant, analysis.metric)
        ends += values[finite(values)].tolist()
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    air = 0.08 * (high - low) or 0.05 * abs(high) or 0.05
    least, most = analysis.declared.bounds
    # The metric's own end, where no value lies beyond it.
    start = low - air if least is None or least > low else max(low - air, least)
    end = high + air if most is None or most < high else min(high + air, most)
    return start, end


def _notes(analysis: Analysis, spans: dict[str, Span], limits: tuple[float, float]) -> list[str]:
    """What the drawing leaves out, in words: whiskers cut at the metric's end or the axis, seeds outside the axis."""
    first = f"Points: one seed each.{_grey(analysis.baselines.names)}"
    if limits[0] != 0:
        first += f" The axis starts at {limits[0]:.4g}."
    notes = [first]
    cut = {whisker.drawn_low for whisker in spans.values() if whisker.drawn_low > whisker.low}
    cut |= {whisker.drawn_high for whisker in spans.values() if whisker.drawn_high < whisker.high}
    if cut:
        notes.append(f"Bars are cut at {listed(map(str, sorted(cut)))}, where the metric ends; the tables are not.")
    if beyond := _beyond(spans, limits):
        notes.append(f"Bars that go on beyond the axis: {listed(beyond)}.")
    outside = _outside(analysis, limits)
    if outside:
        notes.append(f"Outside the axis and not drawn: {listed(outside)}.")
    return notes


def _grey(baselines: list[str]) -> str:
    """Which bars are grey, as a sentence after another; "" where none is."""
    if len(baselines) > MOST_NAMED:
        return " Grey: baselines."
    return f" Grey: the baseline{'s' * (len(baselines) > 1)}, {plain(listed(baselines))}." if baselines else ""


def _beyond(spans: dict[str, Span], limits: tuple[float, float]) -> list[str]:
    """Whose whisker the axis cuts, and where it ends."""
    cut = []
    for variant, whisker in spans.items():
        ends = [end for end in (whisker.drawn_low, whisker.drawn_high) if not limits[0] <= end <= limits[1]]
        cut += [f"{plain(variant)} (to {listed(f'{end:.4g}' for end in ends)})"] if ends else []
    return cut


def _outside(analysis: Analysis, limits: tuple[float, float]) -> list[str]:
    counts = []
    for variant in analysis.results.variants:
        values = analysis.results.values(variant, analysis.metric)
        outside = int(((values < limits[0]) | (values > limits[1])).sum())
        if outside:
            counts.append(f"{outside} seed{'s' if outside > 1 else ''} of {plain(variant)}")
    return counts
