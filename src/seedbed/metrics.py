"""A metric as it is declared where it is computed, and its names in MLflow, CSV files and overrides."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seedbed.errors import ConfigError

LONGEST_KEY = 250
"""Characters of a key in MLflow."""
BESIDE = ("_std", "_n", "_low", "_high")
"""Endings of what is recorded of a variant beside the mean of a metric."""
LONGEST = LONGEST_KEY - len("train/") - max(map(len, BESIDE))
"""Characters of a metric's name, without the rows that it is measured on."""

Good = Literal["lower", "higher"] | float | None
"""Which values are good: the lower ones, the higher ones, those near a target, or None: a value only describes."""
Needs = Literal["labels", "scores", "probabilities", "predictions"]
"""What a metric is computed from: predicted labels, any scores that put rows in order, probabilities, or predicted numbers."""


class Bounds(NamedTuple):
    """Lowest and highest value that a metric can take; None where there is no such end, or it is not known."""

    low: float | None = None
    high: float | None = None


ENDLESS, FROM_ZERO, SHARE = Bounds(), Bounds(0.0), Bounds(0.0, 1.0)


@dataclass(frozen=True)
class Metric:
    """What is known of a metric beside its values; ``good`` has no default, as a wrong direction turns every result."""

    name: str
    """Without the rows that it is measured on: "recall_at_10"."""
    good: Good
    bounds: Bounds = ENDLESS
    needs: Needs | None = None
    """None: what is computed needs no predictions, or its author does not say."""
    thresholded: bool = False
    """Whether its value depends on where a threshold lies, or on the rule by which scores become labels."""

    def __post_init__(self) -> None:
        if isinstance(self.good, str) and self.good not in ("lower", "higher"):
            raise ValueError(f"{self.name}: good={self.good!r} is neither 'lower', 'higher', a number nor None")

    @property
    def is_ranked(self) -> bool:
        """Whether one value can be better than another."""
        return self.good is not None

    @property
    def target(self) -> float | None:
        """The value that is best, where good ones are near a target."""
        return None if self.good is None or isinstance(self.good, str) else float(self.good)

    @property
    def lower_is_better(self) -> bool:
        """Whether less of what is ``compared`` is better; False too for a metric that is not ranked."""
        return self.good == "lower" or self.target is not None

    def compared(self, values: ArrayLike) -> NDArray[np.float64]:
        """What comparisons, ranks and tests are of: (...) values themselves or, near a target, their distances to it."""
        array = np.asarray(values, dtype=float)
        return array if self.target is None else np.abs(array - self.target)

    def cost(self, values: ArrayLike) -> NDArray[np.float64]:
        """(...) values turned so that less is better; of a metric that is not ranked, so that the highest come first."""
        return self.compared(values) if self.lower_is_better else -self.compared(values)

    def is_better(self, value: float, other: float) -> bool:
        """Whether ``value`` is better than ``other``; nothing is better or worse than NaN."""
        return self.is_ranked and bool(self.cost(value) < self.cost(other))

    def best(self, values: ArrayLike) -> int | None:
        """Index of the best of (n,) values, the first of equals; None without a finite one, or where none is better."""
        cost = self.cost(values)
        finite = np.isfinite(cost)
        return int(np.where(finite, cost, np.inf).argmin()) if self.is_ranked and finite.any() else None

    @property
    def worst(self) -> float | None:
        """The bad end of what is ``compared``, which lost seeds count as; None where it has none."""
        low, high = self.bounds
        if self.target is None:
            return high if self.lower_is_better else low
        return None if low is None or high is None else max(abs(low - self.target), abs(high - self.target))

    @property
    def better(self) -> str:
        """Which values are better, for a text: "lower is better"; "" where none is."""
        if self.target is not None:
            return f"of {self.distances}, the lower is better"
        return f"{self.good} is better" if self.is_ranked else ""

    @property
    def best_mean(self) -> str:
        """The mean that comes first, for a text: "lowest mean", "highest mean", "smallest mean distance to 1"."""
        if self.target is not None:
            return f"smallest mean distance to {self.target:g}"
        return f"{'lowest' if self.lower_is_better else 'highest'} mean"

    @property
    def distances(self) -> str:
        """What is compared where that is not the values, for a text: "distances to 1"; "" where it is the values."""
        return "" if self.target is None else f"distances to {self.target:g}"


Declared = dict[str, Metric]
"""What is declared of metrics, by name without the rows that they are measured on."""


def undeclared(name: str) -> Metric:
    """What is known of a name that is logged and nobody has declared: it can be drawn, and not ranked."""
    return Metric(name, good=None)


def find(declared: Declared, label: str) -> Metric:
    """The declared metric of a label with or without its rows: "test/recall@10" -> that of "recall_at_10"."""
    name = metric_name(label).rpartition("/")[2]
    return declared.get(name) or undeclared(name)


def by_name(metrics: Iterable[Metric]) -> Declared:
    """Name -> metric, in their order."""
    return {metric.name: metric for metric in metrics}


def alike(
    names: Iterable[str],
    good: Good,
    bounds: Bounds = ENDLESS,
    needs: Needs | None = None,
    *,
    thresholded: bool = False,
) -> tuple[Metric, ...]:
    """Metrics that differ in their names alone, such as one at several cut-offs."""
    return tuple(Metric(name, good, bounds, needs, thresholded) for name in names)


def joined(of_variants: Mapping[str, Declared]) -> Declared:
    """The metrics of all variants, whose values stand side by side; raises ``ConfigError`` where two say different things of one."""
    declared: Declared = {}
    for variant, metrics in of_variants.items():
        for name, metric in metrics.items():
            if declared.setdefault(name, metric) != metric:
                raise ConfigError(
                    f"Variant {variant!r} declares its metric {name!r} differently from the variants before it, so their "
                    "values cannot be compared. Give it another name there, or declare it in the same way."
                )
    return declared


def as_plain(declared: Declared) -> dict[str, dict[str, Any]]:
    """As JSON holds it; ``from_plain`` reads it."""
    return {
        name: {key: value for key, value in asdict(metric).items() if key != "name"}
        for name, metric in declared.items()
    }


def from_plain(content: Mapping[str, Mapping[str, Any]]) -> Declared:
    """What ``as_plain`` has made, also by a version of seedbed that says more of a metric than this one knows."""
    known = ("good", "needs", "thresholded")
    return {
        name: Metric(name, bounds=Bounds(*said["bounds"]), **{key: said[key] for key in known})
        for name, said in content.items()
    }


# ---- names -----------------------------------------------------------------------------------------------------------


def metric_name(label: str) -> str:
    """The one name of a metric in MLflow, CSV and overrides: "val/top@10" -> "val/top_at_10", "acc%" -> "acc_percent".

    Letters, digits, '_', '-', '.' and '/' stay; '@' and '%' become words; all else becomes one '_'.
    """
    worded = label.replace("@", "_at_").replace("%", "_percent")
    return re.sub(r"_+", "_", re.sub(r"[^\w./-]+", "_", worded, flags=re.ASCII)).strip("_")


_SIDES = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def name_with_side(label: str, side: str = "") -> str:
    """The name, with its rows before the slash, of a metric that a LightningModule logs in one of the usual ways.

    "val_loss", "valid/loss" and "loss/val" -> "val/loss"; "acc", logged where ``side`` is measured -> "test/acc". What
    names no rows stays as it is where there is no ``side``.
    """
    name = metric_name(label)
    if found := re.fullmatch(rf"({'|'.join(_SIDES)})[/_.-](.+)", name):
        rows, rest = found[1], found[2]
    elif found := re.fullmatch(rf"(.+)/({'|'.join(_SIDES)})", name):
        rest, rows = found[1], found[2]
    else:
        rows, rest = side, name
    rest = rest.replace("/", "_")
    return f"{_SIDES[rows]}/{rest}" if rows else rest


# ---- a user's own ----------------------------------------------------------------------------------------------------


def of_own(name: str, entry: Mapping[str, Any], needs: Needs = "probabilities") -> Metric:
    """What an entry of ``task.own_metrics`` says of its metric; ``lower_is_better`` is the older spelling of ``good``."""
    good = entry.get("good")
    if "lower_is_better" in entry:
        good = "lower" if entry["lower_is_better"] else "higher"
    return Metric(name, None if good == "none" else good, Bounds(*(entry.get("bounds") or ())), needs)


def wanted_of_own(name: object, others: Collection[str]) -> str:
    """What the name of a user's metric must be, where it cannot be this one; "" where it can.

    It must be the name under which MLflow keeps its values: another one would be lost, or be that of another metric.
    ``others`` are the other metrics of the task.
    """
    if not isinstance(name, str) or re.fullmatch(r"\w+", name, re.ASCII) is None:
        return "a name of letters from a to z, digits and '_' only"
    if metric_name(f"val/{name}") != f"val/{name}":
        return "a name without '_' at the end, and without several in a row"
    if len(name) > LONGEST:
        return f"a name of at most {LONGEST} characters"
    for other in others:
        if name in (f"{other}{ending}" for ending in BESIDE):
            return f"a different name: what is recorded of a variant's {other} beside its mean has that name"
        if other in (f"{name}{ending}" for ending in BESIDE):
            return f"a different name: what would be recorded beside its mean has the name of {other}"
    return ""
