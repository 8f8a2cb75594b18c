"""Predictions of the test rows against their targets, one panel a variant on the same axes."""

from __future__ import annotations

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from seedbed.figures import DARK_GREY, GRID, VERMILION, plain, short
from seedbed.results import Counted, Predicted

_ACROSS = 3
# Without the lightest, which a single row has and which could not be told from white.
_SHADES = ListedColormap(colormaps["Blues"](np.linspace(0.25, 1, 256)))


def predictions_figure(predicted: Predicted) -> Figure:
    """Squares, the darker the more test rows of all seeds lie in them, and the line on which predictions are right."""
    variants = list(predicted.variants)
    across = 2 if len(variants) == 4 else min(_ACROSS, len(variants))
    down = math.ceil(len(variants) / across)
    figure = Figure(figsize=(max(3.0 * across + 1.1, 4.4), 3.0 * down + 0.7), layout="constrained")
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flatten()
    scale = LogNorm(1, max(2, *(max(counted.counts) for counted in predicted.variants.values())))
    shown = [_draw(axes, predicted, name, scale) for axes, name in zip(panels, variants, strict=False)]
    for axes in panels[len(variants) - across : len(variants)]:
        axes.tick_params(labelbottom=True)  # the lowest of its column, which may lie above a place without a panel
    for axes in panels[len(variants) :]:
        axes.remove()
    figure.supxlabel(plain(f"{predicted.target} (target)"), fontsize=10)
    figure.supylabel(plain(f"{predicted.target} (prediction)"), fontsize=10)
    bar = figure.colorbar(
        shown[0],
        ax=list(panels[: len(variants)]),
        label="test rows of all seeds in a square",
        shrink=0.9,
        format=StrMethodFormatter("{x:g}"),
    )
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", frameon=False, fontsize=9)
    return figure


def _draw(axes: Axes, predicted: Predicted, name: str, scale: LogNorm) -> AxesImage:
    ends = (predicted.low, predicted.high)
    image = axes.imshow(
        np.ma.masked_equal(_grid(predicted.variants[name], predicted.cells), 0),
        origin="lower",
        extent=(*ends, *ends),
        norm=scale,
        cmap=_SHADES,
        interpolation="nearest",
        zorder=1,
    )
    axes.plot(ends, ends, color=VERMILION, linewidth=1, linestyle="--", label="prediction = target", zorder=2)
    axes.grid(color=GRID, linewidth=0.8, zorder=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
    axes.ticklabel_format(scilimits=(-3, 5))
    axes.set_title(short(name), fontsize=9.5, loc="left", color=DARK_GREY)
    return image


def _grid(counted: Counted, cells: int) -> np.ndarray:
    """(cells, cells) counts, by prediction and target."""
    grid = np.zeros((cells, cells))
    grid[counted.rows, counted.columns] = counted.counts
    return grid
