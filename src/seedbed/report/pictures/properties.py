"""Differences against what the data sets are like: a row of panels a pair, and a column a property."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox, BboxBase
from numpy.typing import NDArray

from seedbed.figures import BLACK, DARK_GREY, GREY, GRID, LIGHT_GREY, plain, short_names
from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.pairs import OverDataSets
from seedbed.report.pictures.pairs import direction, dots, drawn_pairs, head, names_of, notes_on_points, on_one
from seedbed.statistics import ranks_within

AT_ONCE = 4
"""Pairs of one picture."""
LEAST, LEAST_CORRELATED = 3, 5
"""Data sets that a scatter, and a rank correlation, have something to say of."""
LONGEST = 22
"""Characters of a data set's name."""
UNNAMED = "Names that would hide another, or a point, are left out; the table of the data sets has all."
MOST_TICKS = 5
_ROW, _AROUND = 2.15, 0.9
_PLACES = (
    (5, 0, "left", "center"), (-5, 0, "right", "center"), (0, 5, "center", "bottom"), (0, -5, "center", "top"),
    (4, 4, "left", "bottom"), (-4, 4, "right", "bottom"), (4, -4, "left", "top"), (-4, -4, "right", "top"),
    (-8, 5, "left", "bottom"), (8, 5, "right", "bottom"), (-8, -5, "left", "top"), (8, -5, "right", "top"),
    (0, 16, "center", "bottom"), (0, -16, "center", "top"), (-4, 16, "left", "bottom"), (4, 16, "right", "bottom"),
    (-4, -16, "left", "top"), (4, -16, "right", "top"), (0, -27, "center", "top"), (-4, -27, "left", "top"), (4, -27, "right", "top"),
)  # fmt: skip
"""Where a name may stand beside its point, in points, the best first."""
_NAME, _DOT = 7, 0.045
"""Size of a name, and half that of a dot in inches."""
_FAR = 10
"""Points from which on a line leads from a point to its name."""

LEADER = {"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3}

Properties = Mapping[str, Mapping[str, float]]
"""By data set, what is recorded of it: rows, imbalance ratio, features."""


@dataclass(frozen=True)
class Panel:
    """One pair against one property."""

    axes: Axes
    row: OverDataSets
    points: dict[str, tuple[float, float]]
    """By data set, the property and the difference."""


def drawn_properties(analysis: BenchmarkAnalysis, properties: Properties) -> list[str]:
    """The properties in which the data sets of the pairs differ; [] of too few data sets."""
    used = {name for row in drawn_pairs(analysis) for name in row.pair.differences}
    found: dict[str, list[float]] = {}
    for name in analysis.of_each:
        for what, value in properties.get(name, {}).items():
            if name in used and value > 0:
                found.setdefault(what, []).append(value)
    return [what for what, values in found.items() if len(values) >= LEAST and len(set(values)) > 1]


def properties_figure(analysis: BenchmarkAnalysis, rows: Sequence[OverDataSets], properties: Properties) -> Figure:
    """The mean difference of each pair on each data set, against each property on a logarithmic axis."""
    columns = drawn_properties(analysis, properties)
    width = max(7.2, 0.8 + 3.1 * len(columns))
    figure = Figure(figsize=(width, _ROW * len(rows) + _AROUND), layout="constrained")
    grid = figure.subplots(len(rows), len(columns), squeeze=False, sharex="col", sharey=True)
    titles = names_of(analysis)
    panels = []
    for row, line in zip(rows, grid, strict=True):
        for place, (what, axes) in enumerate(zip(columns, line, strict=True)):
            panel = Panel(axes, row, _points(row, properties, what))
            _draw(panel, analysis)
            head(axes, plain(titles[row.variant, row.other]) if place == 0 else "", _correlated(panel), DARK_GREY)
            panels.append(panel)
    for place, what in enumerate(columns):
        _scale(grid[-1, place], [x for panel in panels[place :: len(columns)] for x, _ in panel.points.values()])
        grid[-1, place].set_xlabel(what)
    grid[0, 0].set_ylim(*_limits(analysis))
    grid[0, 0].yaxis.set_major_locator(MaxNLocator(MOST_TICKS))
    height = figure.get_size_inches()[1]
    figure.supylabel(plain(fill(direction(analysis), int(10 * height))), fontsize=10)
    notes, wide = _notes(analysis, rows), int(13 * width)
    above = figure.suptitle(fill(" ".join([*notes, UNNAMED]), wide), x=0.01, ha="left", fontsize=8.5, color=DARK_GREY)
    if _name(figure, panels, short_names(list(analysis.of_each), LONGEST)):
        above.set_text(fill(" ".join(notes), wide))
    return figure


def _points(row: OverDataSets, properties: Properties, what: str) -> dict[str, tuple[float, float]]:
    known = {name: properties.get(name, {}).get(what, 0.0) for name in row.pair.differences}
    return {name: (value, row.pair.differences[name]) for name, value in known.items() if value > 0}


def _draw(panel: Panel, analysis: BenchmarkAnalysis) -> None:
    axes = panel.axes
    if analysis.rope:
        axes.axhspan(-analysis.rope, analysis.rope, color=LIGHT_GREY, alpha=0.5, linewidth=0)
    axes.axhline(0, color=BLACK, linewidth=0.9)
    dots(axes, ((*point, on_one(analysis, panel.row, name)) for name, point in panel.points.items()), 4.5)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.tick_params(labelsize=8.5)


def _correlated(panel: Panel) -> str:
    """Spearman's rank correlation with the number of data sets; the number alone where they are few, or all alike."""
    count = len(panel.points)
    if count < LEAST_CORRELATED:
        return f"n = {count}"
    ranks = ranks_within(np.array(list(panel.points.values())).T, lower_is_better=True)
    if not ranks.std(axis=1).all():
        return f"n = {count}"
    rho = float(np.asarray(np.corrcoef(ranks))[0, 1])
    return f"ρ = {rho:.2f}, n = {count}".replace("-", "−")


def _limits(analysis: BenchmarkAnalysis) -> tuple[float, float]:
    """Of all panels of all pictures: all differences and 0."""
    values = [0.0, *(value for row in drawn_pairs(analysis) for value in row.pair.differences.values())]
    air = 0.1 * (max(values) - min(values)) or 0.05
    return min(values) - air, max(values) + air


def _notes(analysis: BenchmarkAnalysis, rows: Sequence[OverDataSets]) -> list[str]:
    """What is drawn, and what is not."""
    counts = [len(row.pair.differences) for row in rows]
    correlated = (
        ["ρ: Spearman's rank correlation over n data sets, not tested."] if max(counts) >= LEAST_CORRELATED else []
    )
    return ["Points: means over the seeds of a data set.", *notes_on_points(analysis, rows), *correlated]


# ---- the axis of a property ------------------------------------------------------------------------------------------


def _scale(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis with a few round numbers."""
    low, high = min(values), max(values)
    air = (high / low) ** 0.08
    axes.set_xscale("log")
    axes.set_xlim(low / air, high * air)
    axes.xaxis.set_major_locator(FixedLocator(log_ticks(low / air, high * air)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1000 else f"{value:g}"))


def log_ticks(low: float, high: float) -> list[float]:
    """At most ``MOST_TICKS`` round numbers within the ends: within one decade evenly spaced, else of each decade the same."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if 2 < len(ticks) <= MOST_TICKS:
            return ticks
    if len(ticks) > MOST_TICKS:
        return ticks[:: -(-len(ticks) // MOST_TICKS)]
    evenly = MaxNLocator(MOST_TICKS - 1, steps=[1, 2, 5, 10], integer=high - low >= 1)
    return [float(tick) for tick in evenly.tick_values(low, high) if low <= tick <= high]


# ---- names beside points ---------------------------------------------------------------------------------------------


def _name(figure: Figure, panels: Sequence[Panel], names: Mapping[str, str]) -> bool:
    """Write the names of data sets beside their points where they hide nothing, those of the largest differences first.

    Returns whether all points have theirs.
    """
    whole = True
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # what stands where is settled: names are placed by it
    sizes = {name: _size(figure, shown) for name, shown in names.items()}
    for panel in panels:
        spots = {name: panel.axes.transData.transform(point) for name, point in panel.points.items()}
        around = _DOT * figure.dpi
        taken = [Bbox([spot - around, spot + around]) for spot in spots.values()]
        zero = panel.axes.transData.transform((1, 0))[1]
        taken.append(Bbox.from_extents(panel.axes.bbox.x0, zero - 1, panel.axes.bbox.x1, zero + 1))
        for name in sorted(spots, key=lambda name: -abs(panel.points[name][1])):
            place = _place(panel.axes.bbox, spots[name], sizes[name], taken, figure.dpi / 72)
            if place is None:
                whole = False
            else:
                right, up, across, along = place
                panel.axes.annotate(
                    names[name], panel.points[name], (right, up), textcoords="offset points", ha=across, va=along,
                    fontsize=_NAME, color=DARK_GREY,
                )  # fmt: skip
                if abs(up) >= _FAR:
                    panel.axes.annotate("", panel.points[name], (0, up), textcoords="offset points", arrowprops=LEADER)
    return whole


def _size(figure: Figure, shown: str) -> tuple[float, float]:
    """Width and height of a name in pixels."""
    text = figure.text(0, 0, shown, fontsize=_NAME)
    box = text.get_window_extent()
    text.remove()
    return box.width, box.height


def _place(
    within: BboxBase, spot: NDArray[np.float64], size: tuple[float, float], taken: list[Bbox], point: float
) -> tuple[float, float, str, str] | None:
    """The first of the ``_PLACES`` that is free, which is ``taken`` then; None where none is."""
    for place in _PLACES:
        right, up, across, along = place
        left = spot[0] + right * point - size[0] * {"left": 0.0, "center": 0.5, "right": 1.0}[across]
        foot = spot[1] + up * point - size[1] * {"bottom": 0.0, "center": 0.5, "top": 1.0}[along]
        box = Bbox.from_bounds(left, foot, *size).padded(1)
        boxes = [box]
        if abs(up) >= _FAR:  # and the line to it, which begins outside its own point
            start, end = sorted((spot[1] + np.sign(up) * 5 * point, spot[1] + up * point - np.sign(up) * 2 * point))
            boxes.append(Bbox.from_extents(spot[0] - point, start, spot[0] + point, end))
        inside = box.x0 >= within.x0 and box.x1 <= within.x1 and box.y0 >= within.y0 and box.y1 <= within.y1
        if inside and not any(each.overlaps(other) for each in boxes for other in taken):
            taken += boxes
            return place
    return None
