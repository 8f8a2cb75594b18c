"""Differences by data set: a panel a pair, and a row a data set."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seedbed.figures import BLACK, DARK_GREY, GRID, LIGHT_GREY, plain, short_names
from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.pairs import OverDataSets
from seedbed.report.pictures.pairs import (
    colour,
    direction,
    dots,
    drawn_pairs,
    head,
    names_of,
    notes_on_points,
    on_one,
    verdict,
)

SIDE_BY_SIDE = 4
"""Panels beside each other."""
TALLEST = 11.0
"""Inches of a picture of several rows of panels."""
MANY = 25
"""Data sets from which on rows are narrow."""
LONGEST = 28
"""Characters of a data set's name."""
_AROUND, _FOOT = 1.0, 0.75
"""Inches above and below the panels of a row, and of the notes."""


def panels_at_once(analysis: BenchmarkAnalysis) -> int:
    """How many pairs one picture has room for."""
    return SIDE_BY_SIDE * max(1, int((TALLEST - _FOOT) / _panel(len(_data_sets(analysis)))))


def data_sets_figure(analysis: BenchmarkAnalysis, rows: Sequence[OverDataSets]) -> Figure:
    """The mean difference of each pair on each data set with the seeds' interval; below them, the median over data sets."""
    data_sets = _data_sets(analysis)
    columns = min(SIDE_BY_SIDE, len(rows))
    deep = -(-len(rows) // columns)
    names = short_names(data_sets, LONGEST)
    beside = 0.3 + 0.075 * max(len("median"), *map(len, names.values()))
    titles = names_of(analysis)
    longest = max(len(line) for row in rows for line in titles[row.variant, row.other].split("\n"))
    width = max(7.2, beside + max(1.7, 0.2 + 0.078 * longest) * columns)
    figure = Figure(figsize=(width, deep * _panel(len(data_sets)) + _FOOT), layout="constrained")
    grid = figure.subplots(deep, columns, squeeze=False, sharex=True, sharey=True).ravel()
    limits = _limits(analysis)
    for axes, row in zip(grid, rows, strict=False):
        _draw(axes, analysis, row, data_sets, limits)
        head(axes, plain(titles[row.variant, row.other]), verdict(row), colour(row))
    for axes in grid[len(rows) :]:
        axes.remove()
    small = 7.5 if len(data_sets) > MANY else 8.5
    for axes in grid[:columns]:
        axes.set_yticks(range(len(data_sets) + 1), [*(names[name] for name in data_sets), "median"], fontsize=small)
        axes.set_ylim(len(data_sets) + 0.7, -0.7)
        axes.set_xlim(*limits)
        axes.xaxis.set_major_locator(MaxNLocator(5 if columns < SIDE_BY_SIDE else 4, min_n_ticks=3))
    for axes in grid[max(0, len(rows) - columns) : len(rows)]:
        axes.tick_params(axis="x", labelbottom=True, labelsize=9)
    wide = int(width * 13)
    figure.supxlabel(plain(fill(direction(analysis), wide)), fontsize=10)
    figure.suptitle(
        fill(" ".join(_notes(analysis, rows, limits)), wide), x=0.01, ha="left", fontsize=8.5, color=DARK_GREY
    )
    return figure


def _panel(data_sets: int) -> float:
    """Inches of a panel with its head and axis."""
    return _AROUND + (0.16 if data_sets > MANY else 0.23) * (data_sets + 1.4)


def _data_sets(analysis: BenchmarkAnalysis) -> list[str]:
    """The data sets of all pairs drawn, by their median difference over these pairs; the best come first."""
    rows = drawn_pairs(analysis)
    found: dict[str, list[float]] = {}
    for name in analysis.of_each:
        values = [row.pair.differences[name] for row in rows if name in row.pair.differences]
        if values:
            found[name] = values
    sign = 1 if analysis.declared.lower_is_better else -1
    return sorted(found, key=lambda name: sign * float(np.median(found[name])))


def _draw(
    axes: Axes, analysis: BenchmarkAnalysis, row: OverDataSets, data_sets: Sequence[str], limits: tuple[float, float]
) -> None:
    if analysis.rope:
        axes.axvspan(-analysis.rope, analysis.rope, color=LIGHT_GREY, alpha=0.5, linewidth=0)
    axes.axvline(0, color=BLACK, linewidth=0.9)
    own = {name: on_one(analysis, row, name) for name in row.pair.differences}
    for place, name in enumerate(data_sets):
        if (ends := _ends(analysis, row, name)) is not None:
            _interval(axes, place, ends, limits, colour(own[name]))
    spots = [(row.pair.differences[name], place, own[name]) for place, name in enumerate(data_sets) if name in own]
    dots(axes, spots, 4.0 if len(data_sets) > MANY else 5.5)
    axes.axhline(len(data_sets) - 0.5, color=LIGHT_GREY, linewidth=0.8)
    _median(axes, len(data_sets), row)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.tick_params(axis="y", length=0)


def _interval(axes: Axes, place: int, ends: tuple[float, float], limits: tuple[float, float], shade: str) -> None:
    """A line, with an arrow where it goes on beyond the axis."""
    low, high = max(ends[0], limits[0]), min(ends[1], limits[1])
    axes.plot([low, high], [place, place], color=shade, linewidth=1.2)
    for end, at, marker in ((ends[0], limits[0], "<"), (ends[1], limits[1], ">")):
        if (end < at) if marker == "<" else (end > at):
            axes.plot(at, place, marker, color=shade, markersize=3.5, markeredgewidth=0, clip_on=False)


def _median(axes: Axes, place: int, row: OverDataSets) -> None:
    """The Hodges-Lehmann estimate as a diamond, as wide as its interval; without one, a small diamond."""
    test = row.test
    if test.estimate is None:
        return
    if test.interval is None:
        axes.plot(test.estimate, place, "D", color=colour(row), markerfacecolor="white", markersize=5.5)
        return
    spots = [test.interval.low, test.estimate, test.interval.high, test.estimate]
    axes.fill(spots, [place, place - 0.32, place, place + 0.32], color=colour(row), linewidth=1)


def _limits(analysis: BenchmarkAnalysis) -> tuple[float, float]:
    """Of all panels: all points and medians, and of the seeds' intervals what is not much longer than the points lie apart."""
    rows = drawn_pairs(analysis)
    points = [0.0, *(value for row in rows for value in row.pair.differences.values())]
    points += [end for row in rows if row.test.interval is not None for end in row.test.interval[:2]]
    low, high = min(points), max(points)
    reach = 0.3 * (high - low) or 1.0
    ends = [end for row in rows for name in row.pair.differences for end in _ends(analysis, row, name) or ()]
    low, high = max(low - reach, min([low, *ends])), min(high + reach, max([high, *ends]))
    air = 0.05 * (high - low) or 0.05
    return low - air, high + air


def _ends(analysis: BenchmarkAnalysis, row: OverDataSets, data_set: str) -> tuple[float, float] | None:
    """The seeds' interval on a data set; None where there is none."""
    own = on_one(analysis, row, data_set) if data_set in row.pair.differences else None
    if own is None or own.comparison.low is None or own.comparison.high is None:
        return None
    return own.comparison.low, own.comparison.high


def _notes(analysis: BenchmarkAnalysis, rows: Sequence[OverDataSets], limits: tuple[float, float]) -> list[str]:
    """What is drawn, and what is not."""
    ends = [end for row in rows for name in row.pair.differences for end in _ends(analysis, row, name) or ()]
    notes = ["Points: means over the seeds of a data set" + (" with their 95 % intervals." if ends else ".")]
    if any(not limits[0] <= end <= limits[1] for end in ends):
        notes.append("Arrows: an interval goes on beyond the axis.")
    notes += notes_on_points(analysis, rows)[:1]
    if _is_hollow_beside_zero(analysis, rows):
        notes.append(
            "A hollow point whose interval leaves out 0: not told apart after Holm's correction; intervals are without it."
        )
    whole = any(row.test.interval is not None for row in rows)
    notes.append(
        f"Diamonds: median difference (Hodges-Lehmann){', as wide as its interval' if whole else ''}; p after Holm."
    )
    notes += notes_on_points(analysis, rows)[1:]
    if len(drawn_pairs(analysis)) > 1:
        notes.append("Data sets are in the order of their median difference over the pairs.")
    names = set(_data_sets(analysis))
    if any(names - set(row.pair.differences) for row in rows):
        notes.append("Rows without a point: one of the two has no value there.")
    return notes


def _is_hollow_beside_zero(analysis: BenchmarkAnalysis, rows: Sequence[OverDataSets]) -> bool:
    """Whether a data set's own test does not tell a pair apart though the interval by itself leaves out 0."""
    for row in rows:
        for name in row.pair.differences:
            own, ends = on_one(analysis, row, name), _ends(analysis, row, name)
            if own is not None and not own.told_apart and ends is not None and not ends[0] <= 0 <= ends[1]:
                return True
    return False
