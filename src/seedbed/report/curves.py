"""The curves of an experiment over its epochs, one panel a variant, with the source's drawn over ours."""

from __future__ import annotations

import math
from itertools import groupby

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seedbed.figures import Kind, plain, rendered
from seedbed.report.published import Published
from seedbed.results import Results

# Blue and vermilion of Okabe and Ito's palette: apart in greyscale, and for all kinds of colour vision.
_OURS, _SOURCE = "#0b4f8a", "#d55e00"
_MARKERS = "osD^v"


def curves_of_the_source(numbers: list[Published]) -> dict[str, list[list[Published]]]:
    """Published curves by variant, of the metric that has most of them; {} where none is published."""
    points = [number for number in numbers if number.epoch is not None]
    if not points:
        return {}
    names = [number.metric for number in points]
    metric = max(dict.fromkeys(names), key=names.count)
    found: dict[str, list[list[Published]]] = {}
    for (variant, _), curve in groupby(
        (number for number in points if number.metric == metric), key=lambda number: (number.variant, number.curve)
    ):
        found.setdefault(variant, []).append(list(curve))
    return found


def draw_curves(results: Results, published: dict[str, list[list[Published]]], kind: Kind) -> bytes:
    """A panel for each variant of ``published``: our mean and spread, each of our seeds, and the source's curves."""
    return rendered(lambda: _figure(results, published), kind)


def _figure(results: Results, published: dict[str, list[list[Published]]]) -> Figure:
    across = min(3, len(published))
    down = math.ceil(len(published) / across)
    figure = Figure(figsize=(3.4 * across + 0.4, 2.6 * down + 0.6), layout="constrained")
    panels = figure.subplots(down, across, sharex=True, squeeze=False).flatten()
    for axes, (variant, curves) in zip(panels, published.items(), strict=False):
        metric = curves[0][0].metric
        _draw(axes, results, variant, curves)
        axes.set_title(plain(variant), fontsize=9.5, loc="left")
    for axes in panels[len(published) - across : len(published)]:
        axes.tick_params(labelbottom=True)  # the lowest of its column, which may lie above a place without a panel
    for axes in panels[len(published) :]:
        axes.remove()
    figure.supylabel(plain(metric), fontsize=10)
    figure.supxlabel("epoch", fontsize=10)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=9)
    return figure


def _draw(axes: Axes, results: Results, variant: str, curves: list[list[Published]]) -> None:
    ours = results.curves
    there = ours[(ours["variant"] == variant) & (ours["metric"] == curves[0][0].metric)]
    table = there.pivot_table(index="epoch", columns="seed", values="value")
    if not table.empty:
        _draw_ours(axes, table)
    for place, curve in enumerate(curves):
        axes.plot(
            [number.epoch + 1 for number in curve if number.epoch is not None],
            [number.value for number in curve],
            color=_SOURCE,
            linestyle="--",
            linewidth=1.3,
            marker=_MARKERS[place % len(_MARKERS)],
            markersize=4,
            label="published" if place == 0 else None,
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)


def _draw_ours(axes: Axes, table: pd.DataFrame) -> None:
    """``table``: (epochs, seeds)."""
    epochs, mean, std = table.index + 1, table.mean(axis=1), table.std(axis=1, ddof=1)
    axes.plot(epochs, table, color=_OURS, alpha=0.18, linewidth=0.8)
    axes.fill_between(
        epochs, mean - 2 * std, mean + 2 * std, color=_OURS, alpha=0.15, linewidth=0, label="± 2 sample std"
    )
    axes.plot(epochs, mean, color=_OURS, linewidth=1.6, label=f"ours, mean of {table.shape[1]} seeds")
