"""All published numbers over the intervals of ours, on one scale."""

from __future__ import annotations

from matplotlib.figure import Figure

from seedbed.figures import BLUE, DARK_GREY, GRID, LIGHT_BLUE, VERMILION, short
from seedbed.report.published import INCOMPATIBLE, TOO_WIDE, PublishedNumber


def published_figure(numbers: list[PublishedNumber]) -> Figure:
    """A row for each variant and metric: where its published numbers lie in our prediction intervals, from -1 to 1.

    Numbers that cannot be judged are left out.
    """
    placed = [(number, place) for number in numbers if (place := number.place) is not None]
    rows = list(dict.fromkeys((number.variant, number.metric) for number, _ in placed))
    figure = Figure(figsize=(7.2, max(2.0, 0.36 * len(rows) + 1.3)), layout="constrained")
    axes = figure.add_subplot()
    axes.axvspan(-1, 1, color=LIGHT_BLUE, alpha=0.35, linewidth=0)
    axes.axvline(0, color=BLUE, linewidth=1)
    for number, place in placed:
        row = rows.index((number.variant, number.metric))
        colour, marker = (VERMILION, "D") if number.verdict == INCOMPATIBLE else (BLUE, "o")
        inner = colour if number.verdict != TOO_WIDE else "white"
        # The later the epoch, the lower in its row: numbers of one curve do not hide each other.
        height = row + 0.07 * min(number.epoch or 0, 8) - 0.2
        axes.plot(place, height, marker, color=colour, markerfacecolor=inner, markersize=4.5, alpha=0.8)
    metrics = {metric for _, metric in rows}
    labels = [variant if len(metrics) == 1 else f"{variant}, {metric}" for variant, metric in rows]
    axes.set_yticks(range(len(rows)), [short(label) for label in labels])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    reach = max(1.15, *(1.05 * abs(place) for _, place in placed))
    axes.set_xlim(-reach, reach)
    axes.set_xlabel("published number in our 95 % prediction interval:\n0 is our mean, ±1 are the ends", fontsize=9)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.tick_params(axis="y", length=0)
    lacking = len(numbers) - len(placed)
    left_out = f" Not drawn: {lacking}, as our runs give no interval there." if lacking else ""
    axes.set_title(
        "Dots: compatible; hollow: interval too wide to tell. Diamonds: not compatible.\n"
        f"A row's later epochs lie lower.{left_out}",
        loc="left",
        fontsize=8.5,
        color=DARK_GREY,
    )
    return figure
