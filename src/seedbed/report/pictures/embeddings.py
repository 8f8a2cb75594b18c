"""What a rating model learned: items by their principal components, and predicted against actual ratings."""

from __future__ import annotations

import numpy as np
from adjustText import adjust_text
from matplotlib.figure import Figure

from seedbed.figures import BLUE, GREY, GRID, VERMILION, plain
from seedbed.trained.inspection import ACROSS, COMPONENTS, Inspection, PredictedRatings
from seedbed.trained.loading import seed_or_seeds


def components_figure(learned: Inspection) -> Figure:
    """Component 1 against 3 of the most rated items, each with its name."""
    assert learned.components is not None
    components = learned.components
    names = [learned.titles[item] for item in components.items]
    figure = Figure(figsize=(12, 10), layout="constrained")
    axes = figure.subplots()
    x, y = components.scores.T
    axes.scatter(x, y, s=18, color=BLUE, linewidth=0)
    axes.margins(0.08)
    axes.set_xlabel("component 1")
    axes.set_ylabel(f"component {COMPONENTS}")
    axes.grid(color=GRID, linewidth=0.8)
    texts = [
        axes.text(at_x, at_y, plain(_short(name)), fontsize=7.5) for at_x, at_y, name in zip(x, y, names, strict=True)
    ]
    adjust_text(texts, x=x, y=y, ax=axes, iter_lim=400, arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.5})
    return figure


def _short(name: str) -> str:
    return name if len(name) <= 36 else f"{name[:34].rstrip()} …"


def predictions_figure(learned: Inspection, predictions: PredictedRatings) -> Figure:
    """Hexagons, the darker the more ratings, and the mean prediction of each actual rating."""
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    axes = figure.subplots()
    if predictions.by_value:
        values, means = zip(*predictions.by_value, strict=True)
        axes.plot(values, means, color=VERMILION, marker="o", linewidth=1.6, label="mean prediction", zorder=3)
    ends = predictions.ends
    axes.plot(ends, ends, color="#444444", linewidth=1, linestyle="--", label="predicted = actual", zorder=2)
    counted, step = predictions.hexagons, predictions.step
    hexagons = axes.hexbin(
        *counted.centres(),
        C=counted.counts,
        reduce_C_function=np.sum,
        gridsize=ACROSS,
        extent=counted.extent,
        bins="log",
        mincnt=1,
        cmap="Blues",
        zorder=1,
    )
    axes.set_xlabel("actual rating" + (" (spread to a band)" if predictions.by_value else ""))
    axes.set_ylabel("predicted rating")
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    figure.colorbar(
        hexagons,
        ax=axes,
        label=f"{predictions.side} rows of {len(learned.seeds)} {seed_or_seeds(len(learned.seeds))} in a hexagon"
        + (f", one of {step}" if step > 1 else ""),
    )
    return figure
