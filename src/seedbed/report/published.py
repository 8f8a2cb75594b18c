"""Numbers and curves that the source published, beside ours.

A published number is set beside the 95 % prediction interval for one more run of ours. Outside, it is not compatible with
ours; inside, it is compatible, unless the interval is so wide that it would hold nearly anything.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seedbed.config.published_values import entries_of
from seedbed.errors import ConfigError, near_misses
from seedbed.results import Results
from seedbed.statistics import (
    CONFIDENCE,
    ROUNDING,
    Interval,
    Summary,
    curve_distance,
    finite,
    prediction_interval,
    summary,
)

COMPATIBLE, INCOMPATIBLE, TOO_WIDE = "compatible", "not compatible", "interval too wide to tell"
WIDEST = 0.25
"""An interval that reaches further to either side than this share of the published value tells nothing: its ends differ by
half of that value and more."""
CURVE_TESTS = 2
"""How many tests a curve undergoes: of its mean over the epochs, and of its farthest epoch."""
CURVE_CONFIDENCE = 1 - (1 - CONFIDENCE) / CURVE_TESTS
"""Confidence of each of them, so that both together refuse a curve of the same law in 5 % of cases at most (Bonferroni)."""


@dataclass(frozen=True)
class PublishedNumber:
    """One published number and our runs; what our spread is needed for is None where it is not known."""

    variant: str
    metric: str
    epoch: int | None
    """None: the final value."""
    value: float
    ours: Summary
    z: float | None
    """(published - our mean) / our sample standard deviation."""
    place: float | None
    """Where it lies in that interval: 0 is our mean, -1 and 1 are the ends."""
    curve: int | None
    """Which of ``published.curves`` it belongs to; None for a number of its own."""
    interval: Interval | None
    """The prediction interval for one more run of ours: of 95 %, and of ``CURVE_CONFIDENCE`` for the mean of a curve."""
    verdict: str | None
    """COMPATIBLE, INCOMPATIBLE or TOO_WIDE."""

    @property
    def reproduced(self) -> bool | None:
        """Whether it lies in the interval, however wide that is."""
        return None if self.interval is None else _holds(self.interval, self.value)

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval, relative to the published value."""
        return None if self.interval is None else _half_width(self.interval, self.value)


@dataclass(frozen=True)
class PublishedCurve:
    """One published curve as a whole: its mean over the epochs, and its farthest epoch."""

    variant: str
    metric: str
    label: str
    """What the source calls it; "" where it has the variant's name."""
    epochs: int
    mean: PublishedNumber
    """Its mean over the epochs beside those of our seeds."""
    largest_z: float | None
    at_epoch: int | None
    """Where it is, from 0."""
    limit: float | None
    """The largest |z| of one more curve of ours stays below it with ``CURVE_CONFIDENCE``."""
    above: int
    """At how many epochs it lies above our mean."""
    verdict: str | None


def published_numbers(results: Results) -> list[PublishedNumber]:
    """Read ``published.numbers``, a list of {variant, metric, value, epoch (optional)}, and ``published.curves``.

    A curve is {variant, metric, values}, the values from epoch 0 on; "none" is none. Variants that a launch left out are
    left out here. Raises ConfigError where an entry cannot be read, or names no variant of the experiment.
    """
    entries = _entries(results.config.get("published") or {})
    scales = _useful_ranges(results, entries)
    return [_beside_ours(results, entry, scales) for entry in entries if not _left_out(results, entry)]


def _entries(published: dict[str, Any]) -> list[dict[str, Any]]:
    """All published values, those of curves too; raises ConfigError where one cannot be read."""
    entries = [*entries_of(published, "numbers"), *_points(entries_of(published, "curves"))]
    for entry in entries:
        _require_readable(entry)
    return entries


def _require_readable(entry: Any) -> None:
    try:
        str(entry["variant"]), str(entry["metric"]), float(entry["value"])
        int(entry.get("epoch") or 0)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(
            f"published.numbers: {entry!r} cannot be read ({error!r}). Each entry is a mapping with variant, "
            "metric and value, and epoch where the number is not a final one."
        ) from error


def _points(curves: list[Any]) -> list[dict[str, Any]]:
    """Each value of each curve as an entry of ``published.numbers``."""
    points = []
    for place, curve in enumerate(curves):
        if not isinstance(curve, dict) or not isinstance(curve.get("values"), list) or not curve["values"]:
            raise ConfigError(
                f"published.curves: {curve!r} cannot be read. Each entry is a mapping with variant, metric and values, "
                "a list with one number for each epoch."
            )
        rest = {key: value for key, value in curve.items() if key != "values"}
        points += [
            {**rest, "curve": place, "epoch": epoch, "value": value} for epoch, value in enumerate(curve["values"])
        ]
    return points


def _left_out(results: Results, entry: Any) -> bool:
    """Whether the experiment has this variant, but the launch did not ask for it."""
    variant = entry.get("variant") if isinstance(entry, dict) else None
    return variant not in results.variants and variant in (results.config.get("variants") or ())


def _beside_ours(results: Results, entry: dict[str, Any], scales: dict[str, float]) -> PublishedNumber:
    variant, metric, epoch = str(entry["variant"]), str(entry["metric"]), entry.get("epoch")
    if variant not in results.variants:
        raise ConfigError(
            f"published.numbers: {variant!r} is not a variant of experiment {results.experiment!r}: "
            f"{near_misses(variant, results.variants)}"
        )
    values = our_values(results, variant, metric, None if epoch is None else int(epoch))
    return _judged(entry, float(entry["value"]), values, scales.get(metric))


def _judged(
    entry: dict[str, Any],
    value: float,
    values: NDArray[np.float64],
    scale: float | None,
    confidence: float = CONFIDENCE,
) -> PublishedNumber:
    """One published value beside (n,) values of ours; ``scale`` is the metric's useful range."""
    variant, metric, curve = str(entry["variant"]), str(entry["metric"]), entry.get("curve")
    epoch = None if entry.get("epoch") is None else int(entry["epoch"])
    ours, interval = summary(values), prediction_interval(values, confidence)
    if ours.mean is None or ours.std is None or interval is None:
        return PublishedNumber(variant, metric, epoch, value, ours, None, None, curve, None, None)
    z = (value - ours.mean) / ours.std if ours.std else None
    place = (value - ours.mean) / (interval.high - ours.mean) if ours.std else None
    return PublishedNumber(
        variant, metric, epoch, value, ours, z, place, curve, interval, _verdict(value, interval, scale)
    )


def _verdict(value: float, interval: Interval, scale: float | None) -> str:
    if not _holds(interval, value):
        return INCOMPATIBLE
    too_wide = _half_width(interval, value) > WIDEST
    too_wide |= scale is not None and interval.high - interval.low > scale
    return TOO_WIDE if too_wide else COMPATIBLE


def _holds(interval: Interval, value: float) -> bool:
    rounding = ROUNDING * max(abs(value), abs(interval.high))  # of runs that are all the same
    return interval.low - rounding <= value <= interval.high + rounding


def _half_width(interval: Interval, value: float) -> float:
    half = (interval.high - interval.low) / 2
    return half / abs(value) if value else math.inf if half else 0.0


def _useful_ranges(results: Results, entries: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Distance from the chance level of a metric to its best published value, by metric, if that level is known."""
    best: dict[str, float] = {}
    for entry in entries:
        best[str(entry["metric"])] = max(float(entry["value"]), best.get(str(entry["metric"]), -math.inf))
    levels = {metric: chance_level(metric, results.data) for metric in best}
    return {
        metric: best[metric] - level for metric, level in levels.items() if level is not None and best[metric] > level
    }


def chance_level(metric: str, data: dict[str, Any]) -> float | None:
    """What a classifier gets that knows nothing of the inputs; None for other metrics, and where the classes are not known.

    For the accuracy it is the share of the most frequent class.
    """
    name, classes = metric.rsplit("/", 1)[-1], data.get("classes") or ()
    if name in ("auroc", "mcc"):
        return {"auroc": 0.5, "mcc": 0.0}[name]
    if not classes or name not in ("accuracy", "balanced_accuracy"):
        return None
    rows = [float((data.get("counts") or {}).get(f"rows_{label}") or 0) for label in classes]
    return max(rows) / sum(rows) if name == "accuracy" and all(rows) else 1 / len(classes)


def published_curves(results: Results) -> list[PublishedCurve]:
    """Each of ``published.curves`` as one curve; those of variants that a launch left out are left out here."""
    published = results.config.get("published") or {}
    curves = entries_of(published, "curves")
    scales = _useful_ranges(results, _entries(published))
    return [_curve(results, curve, scales) for curve in curves if not _left_out(results, curve)]


def _curve(results: Results, curve: dict[str, Any], scales: dict[str, float]) -> PublishedCurve:
    variant, metric = str(curve["variant"]), str(curve["metric"])
    values = np.asarray(curve["values"], dtype=np.float64)
    ours = our_curves(results, variant, metric, len(values))
    mean = _judged(curve, float(values.mean()), ours.mean(axis=1), scales.get(metric), CURVE_CONFIDENCE)
    label, above = str(curve.get("label") or ""), 0 if not len(ours) else int((values > ours.mean(axis=0)).sum())
    if len(ours) < 2:
        return PublishedCurve(variant, metric, label, len(values), mean, None, None, None, above, None)
    distance = curve_distance(ours, values, CURVE_CONFIDENCE)
    sizes = [abs(z) if z is not None else 0.0 for z in distance.z]
    farthest = int(np.argmax(sizes))
    # An epoch at which all of ours are the same, or that is beyond the limit, is not one of ours.
    equal = np.isclose(values, ours.mean(axis=0), rtol=1e-9, atol=0.0)
    inside = all(same or z is not None for z, same in zip(distance.z, equal, strict=True))
    inside &= sizes[farthest] <= (distance.limit or 0.0)
    return PublishedCurve(
        variant,
        metric,
        label,
        len(values),
        mean,
        None if distance.limit is None else sizes[farthest],
        None if distance.limit is None else farthest,
        distance.limit,
        above,
        mean.verdict if inside else INCOMPATIBLE,
    )


def counts_of(verdicts: Sequence[str | None]) -> str:
    """Counts of the verdicts, in words: "35 of 36 lie in ...: 22 compatible, 13 in intervals too wide to tell"."""
    counts = Counter(verdict for verdict in verdicts if verdict is not None)
    inside = counts[COMPATIBLE] + counts[TOO_WIDE]
    said = f"{inside} of {counts.total()} {'lies' if counts.total() == 1 else 'lie'} in the interval"
    parts = [f"{counts[COMPATIBLE]} compatible"] if inside else []
    parts += [f"{counts[TOO_WIDE]} in intervals too wide to tell"] if counts[TOO_WIDE] else []
    return f"{said}: {', '.join(parts)}" if parts else said


def our_curves(results: Results, variant: str, metric: str, epochs: int) -> NDArray[np.float64]:
    """(n, epochs) curves of the sound seeds that were trained so long."""
    return np.asarray(curves_by_seed(results, variant, metric, epochs), dtype=np.float64).reshape(-1, epochs)


def curves_by_seed(results: Results, variant: str, metric: str, epochs: int) -> pd.DataFrame:
    """Curves of the sound seeds that were trained so long, a row a seed."""
    curves = results.sound_curves(variant, metric)
    curves = curves[curves["epoch"] < epochs]
    table = curves.pivot_table(index="seed", columns="epoch", values="value").reindex(columns=range(epochs))
    return table.where(finite(table)).dropna()


def our_values(results: Results, variant: str, metric: str, epoch: int | None) -> NDArray[np.float64]:
    """One value a sound seed: after ``epoch``, or (None) the final ones."""
    return np.asarray(values_by_seed(results, variant, metric, epoch), dtype=np.float64)


def values_by_seed(results: Results, variant: str, metric: str, epoch: int | None) -> pd.Series[float]:
    """One value a sound seed, by seed; a seed that was not trained so long has none."""
    if epoch is None:
        return results.values(variant, metric)
    curves = results.sound_curves(variant, metric)
    values: pd.Series[float] = curves[curves["epoch"] == epoch].set_index("seed")["value"].sort_index()
    return values
