"""The paired differences of a family as a forest plot."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seedbed.figures import BLACK, BLUE, DARK_GREY, GRID, LIGHT_GREY, VERMILION, plain, short
from seedbed.report.analysis import BETTER, Analysis, Difference
from seedbed.report.formatting import p_text


def differences_figure(analysis: Analysis) -> Figure:
    """A row for each comparison: the mean difference and its 95 % interval; filled where it is told apart."""
    rows = analysis.family
    figure = Figure(figsize=(7.2, max(2.0, 0.36 * len(rows) + 1.3)), layout="constrained")
    axes = figure.add_subplot()
    if analysis.rope:
        axes.axvspan(-analysis.rope, analysis.rope, color=LIGHT_GREY, alpha=0.5, linewidth=0)
    axes.axvline(0, color=BLACK, linewidth=0.9)
    for place, row in enumerate(rows):
        _draw(axes, place, row)
    axes.set_yticks(range(len(rows)), [_name(analysis, row) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    than = f"difference to {analysis.baseline}" if analysis.baseline else "difference"
    better = "lower" if analysis.results.lower_is_better(analysis.metric) else "higher"
    axes.set_xlabel(plain(f"{than} on {analysis.label()} ({better} is better)"))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.tick_params(axis="y", length=0)
    notes = ["Mean of the paired differences and its 95 % interval; right: p after Holm."]
    notes += [f"Grey: differences up to {analysis.rope:g}, too small to matter."] if analysis.rope else []
    axes.set_title("\n".join(notes), loc="left", fontsize=8.5, color=DARK_GREY)
    return figure


def _name(analysis: Analysis, row: Difference) -> str:
    return short(row.variant) if analysis.baseline else f"{short(row.variant)} − {short(row.other)}"


def _draw(axes: Axes, place: int, row: Difference) -> None:
    comparison = row.comparison
    colour = DARK_GREY if not row.told_apart else BLUE if row.verdict == BETTER else VERMILION
    if comparison.difference is not None:
        if comparison.low is not None and comparison.high is not None:
            axes.plot([comparison.low, comparison.high], [place, place], color=colour, linewidth=1.8)
        face = colour if row.told_apart else "white"
        axes.plot(comparison.difference, place, "o", color=colour, markerfacecolor=face, markersize=6.5)
    axes.annotate(
        _said(row), (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8.5, color=colour,
    )  # fmt: skip


def _said(row: Difference) -> str:
    if row.p is None:
        return row.comparison.words.replace(": ", ":\n").replace(" in ", "\nin ", 1)
    return f"{row.verdict}, p {_sign(row.p)}" if row.told_apart else f"p {_sign(row.p)}"


def _sign(p: float | None) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"
