"""The paired differences of a family as a forest plot."""

from __future__ import annotations

from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seedbed.figures import BLACK, BLUE, DARK_GREY, GRID, LIGHT_GREY, VERMILION, plain, short_names
from seedbed.report.analysis import BETTER, HIGHER, NO_VERDICT, Analysis, Difference
from seedbed.report.formatting import p_text

ROW, TOP_AND_FOOT = 0.36, 1.3
"""Inches of a row, and of what stands above and below all of them."""
LINE = 76
"""Characters of a line as wide as the axis."""


def differences_figure(analysis: Analysis) -> Figure:
    """A row for each comparison: the mean difference and its 95 % interval; filled where it is told apart.

    Of very many, the rows that ``Analysis.shown`` keeps.
    """
    rows = analysis.shown
    names = _names(analysis)
    # Names of pairs take twice the room beside the axis.
    width = 7.2 + 0.07 * max(0, max(map(len, names)) - 30)
    figure = Figure(figsize=(width, max(2.0, ROW * len(rows) + TOP_AND_FOOT)), layout="constrained")
    axes = figure.add_subplot()
    if analysis.rope:
        axes.axvspan(-analysis.rope, analysis.rope, color=LIGHT_GREY, alpha=0.5, linewidth=0)
    axes.axvline(0, color=BLACK, linewidth=0.9)
    for place, row in enumerate(rows):
        _draw(axes, place, row)
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(plain(fill(f"difference{analysis.to_baseline} on {analysis.label()}{_direction(analysis)}", LINE)))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.tick_params(axis="y", length=0)
    axes.set_title("\n".join(_notes(analysis)), loc="left", fontsize=8.5, color=DARK_GREY)
    return figure


def _direction(analysis: Analysis) -> str:
    return f" ({analysis.declared.better})" if analysis.declared.is_ranked else ""


def _notes(analysis: Analysis) -> list[str]:
    """What is drawn, and what is not."""
    notes = ["Mean of the paired differences and its 95 % interval; right: p after Holm."]
    notes += [f"Grey: differences up to {analysis.rope:g}, too small to matter."] if analysis.rope else []
    if any(row.test.lost for row in analysis.shown):
        kept = "did not diverge or fail" if analysis.results.imported is None else "have a value in both"
        notes.append(f"Squares: of the seeds that {kept} alone.")
    return [*notes, *([fill(analysis.left_out, 62)] if analysis.left_out else [])]


def _names(analysis: Analysis) -> list[str]:
    """What stands beside each row."""
    if analysis.baseline:
        short = short_names([row.variant for row in analysis.shown])
        return [short[row.variant] for row in analysis.shown]
    short = short_names(analysis.results.variants, PAIRED)
    return [f"{short[row.variant]} − {short[row.other]}" for row in analysis.shown]


PAIRED = 22
"""Characters of a name that shares a row with another."""


def _draw(axes: Axes, place: int, row: Difference) -> None:
    comparison = row.comparison
    colour = DARK_GREY if not row.told_apart else BLUE if row.verdict in (BETTER, HIGHER) else VERMILION
    if comparison.difference is not None:
        if comparison.low is not None and comparison.high is not None:
            axes.plot([comparison.low, comparison.high], [place, place], color=colour, linewidth=1.8)
        face = colour if row.told_apart else "white"
        marker = "s" if row.test.lost else "o"
        axes.plot(comparison.difference, place, marker, color=colour, markerfacecolor=face, markersize=6.5)
    axes.annotate(
        _said(row), (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8.5, color=colour,
    )  # fmt: skip


def _said(row: Difference) -> str:
    if row.verdict == NO_VERDICT:
        return f"{NO_VERDICT}: {row.comparison.n} of {row.ran} seeds"
    if row.p is None:
        return row.comparison.words.replace(": ", ":\n").replace(" in ", "\nin ", 1)
    return f"{row.verdict}, p {_sign(row.p)}" if row.told_apart else f"p {_sign(row.p)}"


def _sign(p: float | None) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"
