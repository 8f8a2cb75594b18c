"""The curves of an experiment over its epochs, one panel a variant, with the source's drawn over ours."""

from __future__ import annotations

import math
from itertools import groupby

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seedbed.figures import BLUE, DARK_GREY, GRID, VERMILION, plain, short
from seedbed.report.published import PublishedNumber
from seedbed.results import Results

TRAINING_LOSS, VALIDATION_LOSS = "train/loss", "val/loss"
_MARKERS = "osD^v"
_ACROSS = 3


def curve_metric(results: Results, numbers: list[PublishedNumber]) -> str | None:
    """The metric whose curves are shown: the one of most published curves, else the monitored one; None without any."""
    names = [number.metric for number in numbers if number.epoch is not None]
    if names:
        return max(dict.fromkeys(names), key=names.count)
    monitor = results.config.get("monitor")
    return str(monitor) if monitor in set(results.curves["metric"]) else None


def curves_of_the_source(numbers: list[PublishedNumber], metric: str) -> dict[str, list[list[PublishedNumber]]]:
    """Published curves of ``metric`` by variant."""
    points = (number for number in numbers if number.epoch is not None and number.metric == metric)
    curves: dict[str, list[list[PublishedNumber]]] = {}
    for (variant, _), curve in groupby(points, key=lambda number: (number.variant, number.curve)):
        curves.setdefault(variant, []).append(list(curve))
    return curves


def curves_figure(
    results: Results,
    metric: str,
    published: dict[str, list[list[PublishedNumber]]],
    *,
    beside: str | None = None,
    one_scale: bool = True,
) -> Figure:
    """A panel for each variant: our mean and spread, each of our seeds, and the source's curves.

    Where the source has curves, only the variants that it has them of, each on a scale of its own; else ``one_scale``
    says whether all share one. The mean of the metric ``beside``, and its spread, is drawn over that of ``metric``.
    """
    variants = [name for name in results.variants if name in published] if published else list(results.variants)
    across = min(_ACROSS, len(variants))
    down = math.ceil(len(variants) / across)
    figure = Figure(figsize=(max(3.4 * across + 0.4, 5.2), 2.6 * down + 0.6), layout="constrained")
    panels = figure.subplots(down, across, sharex=True, sharey=one_scale and not published, squeeze=False).flatten()
    for axes, variant in zip(panels, variants, strict=False):
        _draw(axes, results, variant, metric, published.get(variant, []), beside)
        axes.set_title(short(variant), fontsize=9.5, loc="left")
    for axes in panels[len(variants) - across : len(variants)]:
        axes.tick_params(labelbottom=True)  # the lowest of its column, which may lie above a place without a panel
    for axes in panels[len(variants) :]:
        axes.remove()
    figure.supylabel(plain(metric if beside is None else "loss"), fontsize=10)
    imported = results.imported
    figure.supxlabel("epoch" if imported is None else imported.steps, fontsize=10)
    of_all = [axes.get_legend_handles_labels() for axes in panels[: len(variants)]]
    by_label = {label: handle for handles, labels in of_all for handle, label in zip(handles, labels, strict=True)}
    figure.legend(
        by_label.values(), by_label, loc="outside upper center", ncols=min(3, len(by_label)), frameon=False, fontsize=9
    )
    return figure


def _draw(
    axes: Axes, results: Results, variant: str, metric: str, curves: list[list[PublishedNumber]], beside: str | None
) -> None:
    table = _by_seed(results, variant, metric)
    sound = set(results.sound_seeds(variant))
    if not table.empty:
        name = "ours" if beside is None and results.imported is None else plain(metric)
        _draw_ours(axes, table[[seed for seed in table if seed in sound]], results.metric(metric).bounds, name)
    if beside is not None:
        other = _by_seed(results, variant, beside)
        _draw_beside(axes, other[[seed for seed in other if seed in sound]].dropna(), beside)
    left_out = table[[seed for seed in table if seed not in sound]]
    if not left_out.empty:
        lines = axes.plot(left_out.index, left_out, color=DARK_GREY, linestyle=":", linewidth=1.1)
        lines[0].set_label("diverged, in no mean")
    for place, curve in enumerate(curves):
        axes.plot(
            [number.epoch + 1 for number in curve if number.epoch is not None],
            [number.value for number in curve],
            color=VERMILION,
            linestyle="--",
            linewidth=1.3,
            marker=_MARKERS[place % len(_MARKERS)],
            markersize=4,
            label="published" if place == 0 else None,
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=GRID, linewidth=0.8)


def _draw_beside(axes: Axes, table: pd.DataFrame, metric: str) -> None:
    """``table``: (epochs, seeds)."""
    if table.empty:
        return
    epochs, mean, std = table.index, table.mean(axis=1), table.std(axis=1, ddof=1)
    if table.shape[1] > 1:
        axes.fill_between(epochs, mean - 2 * std, mean + 2 * std, color=VERMILION, alpha=0.15, linewidth=0)
    axes.plot(epochs, mean, color=VERMILION, linewidth=1.6, linestyle="-.", label=f"{plain(metric)}, mean")


def _by_seed(results: Results, variant: str, metric: str) -> pd.DataFrame:
    """(epochs, seeds), by epochs as they are shown: from 1 on, or as they were imported."""
    ours = results.curves
    there = ours[(ours["variant"] == variant) & (ours["metric"] == metric)]
    table = there.pivot_table(index="epoch", columns="seed", values="value")
    return table if results.imported else table.set_axis(table.index + 1)


def _draw_ours(axes: Axes, table: pd.DataFrame, bounds: tuple[float | None, float | None], name: str = "ours") -> None:
    """``table``: (epochs, seeds); the band ends where the metric does, and says so.

    Mean and band go as far as all seeds train: the mean of those that train longest is not that of all.
    """
    if table.empty or not len(table.columns):
        return
    axes.plot(table.index, table, color=BLUE, alpha=0.18, linewidth=0.8)
    of_all = table.dropna()
    epochs, mean, std = of_all.index, of_all.mean(axis=1), of_all.std(axis=1, ddof=1)
    if table.shape[1] > 1:
        low, high = mean - 2 * std, mean + 2 * std
        cut_low, cut_high = low.clip(lower=bounds[0]), high.clip(upper=bounds[1])
        cut = ", cut where the metric ends" if (cut_low > low).any() or (cut_high < high).any() else ""
        axes.fill_between(epochs, cut_low, cut_high, color=BLUE, alpha=0.15, linewidth=0, label=f"± 2 sample std{cut}")
    marker = "o" if len(of_all) == 1 else None  # a curve of one epoch would not be seen
    axes.plot(
        epochs,
        mean,
        color=BLUE,
        linewidth=1.6,
        marker=marker,
        markersize=4,
        label=f"{name}, mean {'while all seeds train' if len(of_all) < len(table) else 'over the seeds'}",
    )
