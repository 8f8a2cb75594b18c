"""Range tests: the smoothed loss of every seed over the learning rate, and the rates that the rules suggest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seedbed.figures import BLACK, BLUE, DARK_GREY, GRID, VERMILION, short
from seedbed.lr_finder import RULES, RangeTest, Suggested, mean_curve

_ACROSS = 2
_COLOURS = dict(zip(RULES, (VERMILION, "#009e73", "#cc79a7"), strict=True))
_STYLES = dict(zip(RULES, ("-", "--", ":"), strict=True))
CUT_ABOVE = 0.5
"""Of the height of the descent, above where it begins: what rises further hides the descent."""


def range_tests_figure(tests: Mapping[str, Sequence[RangeTest]]) -> Figure:
    """A panel for each variant: its seeds, their mean as far as all go, and the mean suggestion of each rule."""
    across = min(_ACROSS, len(tests))
    down = math.ceil(len(tests) / across)
    figure = Figure(figsize=(5.2 * across + 0.4, 3.4 * down + 0.5), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).flatten()
    for axes, (variant, of_variant) in zip(panels, tests.items(), strict=False):
        _draw(axes, of_variant)
        axes.set_title(short(variant), fontsize=9.5, loc="left")
    for axes in panels[len(tests) :]:
        axes.remove()
    figure.supxlabel("learning rate", fontsize=10)
    figure.supylabel("training loss of a batch, smoothed", fontsize=10)
    return figure


def _draw(axes: Axes, tests: Sequence[RangeTest]) -> None:
    for place, test in enumerate(tests):
        axes.plot(test.rates, test.smoothed, color=BLUE, alpha=0.35, linewidth=0.8, label="" if place else "seeds")
    if min(len(test.rates) for test in tests):
        axes.plot(*mean_curve(tests), color=BLUE, linewidth=2, label="mean, while all go on")
        _cut(axes, tests)
    _mark_diverged(axes, tests)
    for rule in RULES:
        suggested = Suggested.by(rule, tests)
        if suggested.mean is not None:
            label = f"{rule} {suggested.mean:.2g}" + (
                f" (n={len(suggested.rates)})" if len(suggested.rates) < len(tests) else ""
            )
            axes.axvline(suggested.mean, color=_COLOURS[rule], linestyle=_STYLES[rule], linewidth=1.4, label=label)
    if tests[0].settings.spacing == "exponential":
        axes.set_xscale("log")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.legend(fontsize=7.5, frameon=False, labelcolor=BLACK)


def _mark_diverged(axes: Axes, tests: Sequence[RangeTest]) -> None:
    """A cross where the curve of a seed that diverged ends, or above it at the end of the axis."""
    ends = [(test.rates[-1], test.smoothed[-1]) for test in tests if test.diverged_at is not None and len(test.rates)]
    if ends:
        rates, losses = np.array(ends).T
        shown = np.minimum(losses, axes.get_ylim()[1])
        axes.plot(rates, shown, "x", color=DARK_GREY, markersize=5, clip_on=False, label="diverged")


def _cut(axes: Axes, tests: Sequence[RangeTest]) -> None:
    """Let the axis end a little above the highest beginning, where some curve rises further."""
    begin, low = max(test.smoothed[0] for test in tests), min(test.smoothed.min() for test in tests)
    high = max(test.smoothed.max() for test in tests)
    top = begin + CUT_ABOVE * max(begin - low, 0.1 * abs(begin))
    if np.isfinite(high) and high > top:
        axes.set_ylim(low - 0.05 * (top - low), top)
        axes.text(1, 1.01, "cut above", transform=axes.transAxes, ha="right", va="bottom", fontsize=7, color=DARK_GREY)
