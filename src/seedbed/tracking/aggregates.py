"""What is recorded of a variant: means and spreads over its seeds."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from seedbed.recorded import SECONDS
from seedbed.statistics import mean_alone, summary
from seedbed.tracking.runs import SeedRun


def variant_metrics(cells: Sequence[SeedRun]) -> dict[str, float]:
    """Mean of each final metric under its own name, and sample std, n and 95 % interval beside it.

    Cells that diverged or failed do not enter; with one seed there is no spread, and none is logged.
    """
    finals = [final_metrics(cell.metrics) for cell in cells if cell.usable]
    return aggregated(finals, [name for of_cell in finals for name in of_cell if is_curve(name)])


def aggregated(finals: Sequence[Mapping[str, float]], curves: Collection[str] = ()) -> dict[str, float]:
    """The same of the final metrics of each cell; ``curves`` are those whose mean is logged epoch by epoch."""
    values: dict[str, float] = {}
    for name in sorted({name for of_cell in finals for name in of_cell}):
        result = summary([of_cell.get(name, math.nan) for of_cell in finals])
        entries: dict[str, float | None] = {} if name in curves else {"": result.mean}
        if name != SECONDS:  # stacked seeds share the time of their stack
            entries |= {"_std": result.std, "_n": result.n, "_low": result.low, "_high": result.high}
        values |= {f"{name}{suffix}": float(value) for suffix, value in entries.items() if value is not None}
    return values


def is_curve(metric: str) -> bool:
    """Whether a metric is a curve over epochs, and not one value a cell."""
    return metric.startswith(("train/", "val/"))


def final_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """What stands in tables: the metrics that are no curves; without a test part, the ends of the validation's curves."""
    tested = any(name.startswith("test/") for name in metrics)
    return {
        name: value for name, value in metrics.items() if not is_curve(name) or (not tested and name.startswith("val/"))
    }


def mean_curves(points: Iterable[tuple[str, int, float]]) -> list[tuple[str, int, float]]:
    """The mean over seeds of every metric at every epoch to which all of them trained, from the points of all seeds.

    The mean of those that train longest is not that of all.
    """
    by_point: dict[tuple[str, int], list[float]] = {}
    for name, step, value in points:
        by_point.setdefault((name, step), []).append(value)
    seeds: dict[str, int] = {}
    for (name, _), values in by_point.items():
        seeds[name] = max(seeds.get(name, 0), len(values))
    of_all = {point: values for point, values in by_point.items() if len(values) == seeds[point[0]]}
    means = {point: mean_alone(values) for point, values in sorted(of_all.items())}
    return [(name, step, mean) for (name, step), mean in means.items() if mean is not None]
