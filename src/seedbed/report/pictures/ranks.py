"""The critical-difference diagram: mean ranks over seeds or data sets, and bars over those that no test tells apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seedbed.figures import BLACK, BLUE, short_names

_STEP, _BAR_STEP = 0.34, 0.16
_AXIS, _CHARACTER = 3.2, 0.075
"""Inches of the axis of ranks, and of a character of a name beside it."""
_ABOVE, _ABOVE_SCALE = 0.5, 0.95
"""Inches above the axis, without a critical difference and with it."""


def ranks_figure(
    names: Sequence[str],
    ranks: Sequence[float],
    bars: Sequence[tuple[float, float]],
    critical_difference: float | None = None,
) -> Figure:
    """Names at their mean ranks, the best at the left; ``bars`` are the first and last rank of those not told apart.

    The critical difference is drawn above the axis; a test of each two variants has none.
    Source: Demsar, JMLR 7, 2006, section 3.2.4.
    """
    order = sorted(range(len(names)), key=lambda place: ranks[place])
    left = order[: math.ceil(len(order) / 2)]
    top = 0.35 + _BAR_STEP * len(bars)
    depth = top + _STEP * len(left)
    above = _ABOVE if critical_difference is None else _ABOVE_SCALE
    shown = list(short_names(names).values())
    beside = _CHARACTER * (max(map(len, shown)) + len(" 10.00   "))
    width = max(7.2, _AXIS + 2 * beside)
    figure = Figure(figsize=(width, above + depth), layout="constrained")
    axes = figure.add_subplot()
    lowest, highest = 1, len(names)
    axes.plot([lowest, highest], [0, 0], color=BLACK, linewidth=1)
    for rank in range(lowest, highest + 1, math.ceil(len(names) / 10)):
        axes.plot([rank, rank], [0, 0.1], color=BLACK, linewidth=1)
        axes.text(rank, 0.16, str(rank), ha="center", va="bottom", fontsize=9)
    for place, of in enumerate(left):
        _name(axes, shown[of], ranks[of], -(top + _STEP * place), lowest - 0.15, "right")
    for place, of in enumerate(reversed(order[len(left) :])):
        _name(axes, shown[of], ranks[of], -(top + _STEP * place), highest + 0.15, "left")
    for place, (start, end) in enumerate(bars):
        height = -0.22 - _BAR_STEP * place
        axes.plot([start - 0.04, end + 0.04], [height] * 2, color=BLUE, linewidth=4, solid_capstyle="butt")
    if critical_difference is not None:
        _scale(axes, lowest, critical_difference)
    span = highest - lowest
    air = span * (width - _AXIS) / 2 / _AXIS
    axes.set_xlim(lowest - air, highest + air)
    axes.set_ylim(-depth - 0.05, above)
    axes.axis("off")
    return figure


def cliques(ranks: Sequence[float], critical_difference: float) -> list[tuple[float, float]]:
    """First and last of each largest run of the rising ``ranks`` that lies within the critical difference."""
    runs: list[tuple[int, int]] = []
    for start, first in enumerate(ranks):
        end = max(place for place, rank in enumerate(ranks) if rank - first <= critical_difference)
        if end > start and (not runs or end > runs[-1][1]):
            runs.append((start, end))
    return [(ranks[start], ranks[end]) for start, end in runs]


def _name(axes: Axes, name: str, rank: float, height: float, edge: float, side: str) -> None:
    axes.plot([rank, rank, edge], [0, height, height], color=BLACK, linewidth=0.9)
    axes.plot(rank, 0, "o", color=BLACK, markersize=3.5)
    text = f"{name}  {rank:.2f} " if side == "right" else f" {rank:.2f}  {name}"
    axes.text(edge, height, text, ha=side, va="center", fontsize=9)


def _scale(axes: Axes, start: float, critical_difference: float) -> None:
    """The critical difference as a length above the axis."""
    height = 0.62
    axes.plot([start, start + critical_difference], [height] * 2, color=BLUE, linewidth=1.6)
    for end in (start, start + critical_difference):
        axes.plot([end, end], [height - 0.06, height + 0.06], color=BLUE, linewidth=1.6)
    axes.text(
        start + critical_difference + 0.05,
        height,
        f" critical difference {critical_difference:.2f}",
        ha="left",
        va="center",
        fontsize=8.5,
        color=BLUE,
    )
