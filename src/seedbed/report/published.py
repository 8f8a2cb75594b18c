"""Numbers that the source published, beside ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedbed.errors import ConfigError, near_misses
from seedbed.results import Results
from seedbed.statistics import Summary, prediction_interval, summary


@dataclass(frozen=True)
class Published:
    """One published number and our runs; ``reproduced`` is None where our spread is not known."""

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
    reproduced: bool | None
    """Whether it lies in the 95 % prediction interval for one more run of ours."""


@dataclass(frozen=True)
class Finding:
    """What an experiment of ours says of the source's numbers, such as why one of them is not reproduced."""

    text: str
    command: str
    """What shows it."""


def findings_about(results: Results) -> list[Finding]:
    """Read ``published.findings``, a list of {text, command}. Raises ConfigError where one cannot be read."""
    findings = []
    for entry in entries_of(results.config.get("published") or {}, "findings"):
        if not isinstance(entry, dict) or set(entry) != {"text", "command"}:
            raise ConfigError(
                f"published.findings: {entry!r} cannot be read. Each entry is a mapping with text, and command: what "
                "shows it."
            )
        findings.append(Finding(str(entry["text"]), str(entry["command"])))
    return findings


def published_numbers(results: Results) -> list[Published]:
    """Read ``published.numbers``, a list of {variant, metric, value, epoch (optional)}, and ``published.curves``.

    A curve is {variant, metric, values}, the values from epoch 0 on; "none" is none. Variants that a launch left out are
    left out here. Raises ConfigError where an entry cannot be read, or names no variant of the experiment.
    """
    published = results.config.get("published") or {}
    entries = [*entries_of(published, "numbers"), *_points(entries_of(published, "curves"))]
    return [_beside_ours(results, entry) for entry in entries if not _left_out(results, entry)]


def entries_of(published: dict[str, Any], key: str) -> list[Any]:
    """The list ``published.KEY``; "none" is none."""
    given = published.get(key)
    return [] if not given or given == "none" else list(given)


def _points(curves: list[Any]) -> list[dict[str, Any]]:
    """Each value of each curve as an entry of ``published.numbers``."""
    points = []
    for place, curve in enumerate(curves):
        if not isinstance(curve, dict) or not isinstance(curve.get("values"), list):
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


def _beside_ours(results: Results, entry: dict[str, Any]) -> Published:
    try:
        variant, metric, value = str(entry["variant"]), str(entry["metric"]), float(entry["value"])
        epoch = None if entry.get("epoch") is None else int(entry["epoch"])
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(
            f"published.numbers: {entry!r} cannot be read ({error!r}). Each entry is a mapping with variant, "
            "metric and value, and epoch where the number is not a final one."
        ) from error
    if variant not in results.variants:
        raise ConfigError(
            f"published.numbers: {variant!r} is no variant of experiment {results.experiment!r}: "
            f"{near_misses(variant, results.variants)}"
        )
    values = our_values(results, variant, metric, epoch)
    ours, interval = summary(values), prediction_interval(values)
    if ours.mean is None or ours.std is None or interval is None:
        return Published(variant, metric, epoch, value, ours, None, None, entry.get("curve"), None)
    z = (value - ours.mean) / ours.std if ours.std else None
    place = (value - ours.mean) / (interval.high - ours.mean) if ours.std else None
    inside = interval.low <= value <= interval.high
    return Published(variant, metric, epoch, value, ours, z, place, entry.get("curve"), inside)


def our_values(results: Results, variant: str, metric: str, epoch: int | None) -> NDArray[np.float64]:
    """One value a sound seed: after ``epoch``, or (None) the final ones."""
    if epoch is None:
        return np.asarray(results.values(variant, metric), dtype=np.float64)
    curves = results.curves
    there = (curves["variant"] == variant) & (curves["metric"] == metric) & (curves["epoch"] == epoch)
    there &= curves["seed"].isin(results.sound_seeds(variant))
    return np.asarray(curves.loc[there].sort_values("seed")["value"], dtype=np.float64)
