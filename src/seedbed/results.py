"""What the tracking store holds about one experiment, as plain data: the input of every report."""

from __future__ import annotations

import math
import shlex
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seedbed.metrics import FROM_ZERO, Declared, Metric, by_name, find
from seedbed.recorded import LOGIT_SHIFT, LOGIT_SLOPE, LR, SECONDS, THRESHOLD

IDENTITY = ("experiment", "variant", "seed", "status", "fingerprint")
CELL_COLUMNS = (*IDENTITY, "outcome", "launch", "run")
OF_RUNS = by_name(
    [Metric(SECONDS, None, FROM_ZERO), *(Metric(name, None) for name in (LR, THRESHOLD, LOGIT_SLOPE, LOGIT_SHIFT))]
)
"""What is declared of the final metrics that describe a run."""
CURVE_COLUMNS = ("variant", "seed", "epoch", "metric", "value")


@dataclass(frozen=True)
class Job:
    """One job of a sweep: what it sets, and its cells."""

    launch: str
    values: dict[str, str]
    """The swept keys and the job's values, as they are typed."""
    variants: tuple[str, ...]
    cells: pd.DataFrame
    circumstances: dict[str, dict[str, str]]
    """Both as in ``Results``."""


@dataclass(frozen=True)
class Trial:
    """One trial of a search: a point of the space, and how the seeds did there on validation rows."""

    number: int
    state: str
    """COMPLETE, PRUNED, FAIL, RUNNING or WAITING, as Optuna calls them."""
    params: dict[str, Any]
    """Value by searched key: number, text, truth value or None."""
    values: list[float]
    """One for each objective; [] where there is none. A pruned trial has none: it cannot win."""
    mean: float | None
    """Over the seeds, of the first metric; of a pruned trial, at the epoch at which it was stopped."""
    std: float | None
    """Sample standard deviation over the seeds."""
    n: int
    seconds: float | None
    """From its start to its end."""
    epochs: int
    """Trained before it ended; fewer than all where it was pruned."""
    reason: str
    """Why it failed or was pruned; "" where it did not."""
    same_as: int | None = None
    """The earlier trial of the same point, whose values it took without training."""


@dataclass(frozen=True)
class Search:
    """A search over one variant's settings, as a report needs it."""

    study: str
    variant: str
    space: dict[str, str]
    """Searched key -> the values to be tried, as typed: "tag(log, interval(1e-4, 1e-1))"."""
    distributions: dict[str, str]
    """The same as JSON that ``optuna.distributions.json_to_distribution`` reads."""
    metrics: list[str]
    """One for each objective: "val/accuracy", "seconds". The first one is the one that is pruned by."""
    lower_is_better: list[bool]
    objective: str
    """"mean" over the seeds, or "bound": the worse end of the mean's 95 % interval."""
    sampler: str
    pruner: str
    """Class names: "TPESampler", "MedianPruner"."""
    seeds: list[int]
    """That every trial trains."""
    holdout: float | None
    """Share of each seed's training rows that validated instead, where the experiment has no test rows; else None."""
    trials_wanted: int
    trials: list[Trial]
    best: list[int]
    """Number of the best trial; with several objectives, of all on the Pareto front."""
    command: str
    tuned: list[str] = field(default_factory=list)
    """Names of the variants with the best trials' settings in the launch that tested them, in the order of ``best``."""


@dataclass(frozen=True)
class Counted:
    """How many test rows of a variant lie in which cell of a grid: those that hold any, column by column."""

    columns: list[int]
    """By the target, from the lowest."""
    rows: list[int]
    """By the prediction."""
    counts: list[int]
    seeds: int
    """Whose test rows these are."""
    beyond: int = 0
    """Predictions outside the grid, counted at its edge."""


@dataclass(frozen=True)
class Predicted:
    """Predictions and targets of the test rows of all seeds, variant by variant, counted in the same square grid."""

    target: str
    """What the targets are called."""
    low: float
    high: float
    """The ends of both sides, in the units of the targets."""
    cells: int
    """Of a side."""
    variants: dict[str, Counted]
    lacking: dict[str, int]
    """Seeds by variant of which no predictions are recorded."""


@dataclass(frozen=True)
class Band:
    """Values over a grid: their mean over the seeds, and the ends of the middle 80 % of these."""

    mean: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True)
class OfScores:
    """What the scores of a variant's test rows say of two classes, seed by seed and in bands over the seeds."""

    seeds: list[int]
    measures: dict[str, list[float]]
    """Values of these seeds, by the names of ``MEASURES``; NaN where undefined."""
    precision: Band
    """Over recall, from 0 to 1."""
    recall: Band
    """Over the share of the other class's rows that are taken for positive (ROC), from 0 to 1."""
    f1: Band | None = None
    """Over ``Scored.thresholds``; None, as what follows, where scores are no probabilities."""
    expected: list[float] | None = None
    """Mean probability in bins of equally many rows."""
    observed: Band | None = None
    """Share of positive rows in these."""
    histogram: list[int] | None = None
    """Test rows of all seeds by the square root of their probability, in intervals of one width from 0 to 1."""


MEASURES = (
    "auroc", "average_precision", "brier", "brier_recalibrated", "precision", "recall", "fall_out", "f1", "f1_tuned", "threshold",
    "tuned_on",
)  # fmt: skip
"""Precision, recall, fall-out and F1 are those of the predicted labels; ``threshold`` is the one with the highest F1 on the
seed's validation rows, ``f1_tuned`` the F1 that it has on test rows; ``tuned_on`` counts the positive ones of the
former, and is not in records of earlier versions; ``brier_recalibrated`` is by Platt's method on the former."""


@dataclass(frozen=True)
class Scored:
    """What the kept scores of two classes say, variant by variant, as far as pictures and comparisons need it."""

    positive: str
    """The class that scores are of."""
    points: int
    """Of each grid."""
    reach: float
    """Thresholds lie evenly between the log-odds -reach and reach."""
    variants: dict[str, OfScores]
    lacking: dict[str, int]
    """Seeds by variant without scores, or without test rows of both classes."""
    from_weights: dict[str, int] = field(default_factory=dict)
    """Seeds by variant whose scores were computed later, from their weights."""


@dataclass(frozen=True)
class TrainedAlone:
    """A cell that was trained again by itself, and its record, which is of a stack of several seeds."""

    variant: str
    seed: int
    fingerprint: str
    stacked: dict[str, float]
    """The final metrics that are recorded."""
    alone: dict[str, float]
    """The same of the seed alone."""
    outcomes: tuple[str, str]
    """Of the record and of the seed alone: "ok" or "diverged"."""
    largest: dict[str, float]
    """Largest difference of each metric over all its epochs, as ``verify`` counts: of the value where that is above 1."""


SAME, REDRAWN = "same", "redrawn"
"""What can be said of the splits behind imported results: all seeds share one, or each has drawn its own."""


@dataclass(frozen=True)
class Imported:
    """Where results come from that seedbed did not train, and what was said of the splits behind them."""

    source: str
    """What held them, as a sentence names it: "results.csv", "MLflow experiment 'lit'", "a data frame"."""
    digest: str = ""
    """SHA-256 of the file; "" where it was none."""
    split: str | None = None
    """SAME or REDRAWN; None: not said."""
    test_share: float | None = None
    """Share of the rows that the metric was measured on; None: not said."""
    train_share: float | None = None
    """Share of the rows that were trained on; None: all others."""
    steps: str = "epoch"
    """What curves are over: "epoch" or "step"."""

    @property
    def test_to_train(self) -> float:
        """What the corrected resampled t-test takes for n_test/n_train: 1 where no share was said, which claims the least.

        No usual split tests on more rows than it trains on.
        """
        if self.test_share is None:
            return 1.0
        return self.test_share / (1 - self.test_share if self.train_share is None else self.train_share)


@dataclass(frozen=True)
class Results:
    """One experiment's cells, curves and circumstances."""

    experiment: str
    config: dict[str, Any]
    """Resolved config of the launch: question, seeds, split, model, report, published, variants, ..."""
    variants: tuple[str, ...]
    """In the experiment's order."""
    cells: pd.DataFrame
    """One row a cell: CELL_COLUMNS, then one column a final metric ("test/accuracy", ..., "seconds").

    ``status``: FINISHED, FAILED or MISSING; ``outcome``: "ok", "diverged" or ""; ``launch``: the id of the
    launch that trained it and ``run`` that of its own run in MLflow.
    """
    curves: pd.DataFrame
    """CURVE_COLUMNS, one row a value."""
    data: dict[str, Any] = field(default_factory=dict)
    """``name``, ``digest``, ``counts`` {what: rows}, ``split`` {part: rows}, ``notes`` [sentence].

    Of one of several data sets ``inapplicable`` {variant: why it does not apply}.

    Of imported results ``imported``, the fields of an ``Imported``, and ``notes``.
    """
    notes: dict[str, list[str]] = field(default_factory=dict)
    """Sentences about what a variant did, by variant."""
    circumstances: dict[str, dict[str, str]] = field(default_factory=dict)
    """By variant, what numbers that stand in one table should have in common: {"data": ..., "selection": ...}."""
    environment: dict[str, str] = field(default_factory=dict)
    overrides: list[str] = field(default_factory=list)
    """Overrides of the launch that change the experiment's recipe."""
    launch: str = ""
    """Id of the launch that these are the results of."""
    launches: list[dict[str, str]] = field(default_factory=list)
    """``id``, ``started`` and ``command`` of it and of those that trained some of its cells, oldest first."""
    jobs: list[Job] = field(default_factory=list)
    """All jobs of the sweep that the launch belongs to, oldest first; [] where it is no part of one."""
    search: Search | None = None
    """The search whose winners this launch has tested on fresh seeds."""
    engines: dict[str, dict[str, int]] = field(default_factory=dict)
    """By variant, how many of its cells each engine has trained ("compiled", "torch"), where that is recorded."""
    labels: dict[str, str] = field(default_factory=dict)
    """Canonical metric name -> the label that the source uses, where they differ."""
    rounding: list[TrainedAlone] = field(default_factory=list)
    """Of the cells that were trained again alone: what rounding makes, as training amplifies it."""
    predicted: Predicted | None = None
    """What was predicted of the test rows; None where that is not recorded, or was not read."""
    scored: Scored | None = None
    """What the kept scores of two classes say; None where there are none, or they were not read."""
    declared: Declared = field(default_factory=dict)
    declared_by_launch: bool = True
    """Whether the launch has recorded that; else it is what the task declares today."""

    @property
    def data_set(self) -> str:
        """The one of the data sets which the experiment's file lists that they are on; "" where it lists none."""
        return next(iter(self.config.get("data_sets") or ()), "")

    @property
    def metrics(self) -> list[str]:
        """Names of the final metrics, in the order of the columns."""
        return [str(column) for column in self.cells.columns if column not in CELL_COLUMNS]

    @property
    def imported(self) -> Imported | None:
        """Where they come from; None where seedbed trained them."""
        said = self.data.get("imported")
        return None if said is None else Imported(**said)

    @property
    def command(self) -> str:
        """What was typed for the launch; "" where that is not known."""
        return next((launch["command"] for launch in self.launches if launch["id"] == self.launch), "")

    @property
    def has_ratings(self) -> bool:
        """Whether its rows are ratings of items by users, the same ones under every seed."""
        return "rating_range" in self.data

    @property
    def is_inspected(self) -> bool:
        """Whether a report has a section on what the networks have learned, as the task said at the launch.

        Launches of version 0.1.0 say so by the range of their ratings.
        """
        return bool(self.data.get("inspected", self.has_ratings))

    def cells_of(self, variant: str) -> pd.DataFrame:
        """Cells of one variant, by rising seed."""
        return self._by_variant[variant] if variant in self._by_variant else self.cells.iloc[:0]

    @cached_property
    def _by_variant(self) -> dict[str, pd.DataFrame]:
        """Divided once, as a report asks for the cells of a variant a hundred times."""
        return {str(variant): cells.sort_values("seed") for variant, cells in self.cells.groupby("variant")}

    def values(self, variant: str, metric: str) -> pd.Series[float]:
        """Final values of ``metric`` by seed, one for each cell of ``variant``.

        NaN where the cell has none to count: it did not finish, it diverged, or it lacks the metric.
        """
        if (variant, metric) not in self._values:
            self._values[variant, metric] = sound_values(self.cells_of(variant), metric)
        return self._values[variant, metric]

    @cached_property
    def _values(self) -> dict[tuple[str, str], pd.Series[float]]:
        return {}

    def sound_seeds(self, variant: str) -> list[int]:
        """Seeds whose cell finished and did not diverge."""
        return self._sound_seeds.get(variant, [])

    @cached_property
    def _sound_seeds(self) -> dict[str, list[int]]:
        return {variant: cells.loc[_is_sound(cells), "seed"].tolist() for variant, cells in self._by_variant.items()}

    def sound_curves(self, variant: str, metric: str) -> pd.DataFrame:
        """Rows of ``curves`` of one variant and metric, of seeds that finished and did not diverge."""
        return self._sound_curves.get((variant, metric), self.curves.iloc[:0])

    @cached_property
    def _sound_curves(self) -> dict[tuple[str, str], pd.DataFrame]:
        """Divided once: each value that a source has published is set beside one epoch of a curve."""
        return {
            (str(variant), str(metric)): curves[curves["seed"].isin(self.sound_seeds(str(variant)))]
            for (variant, metric), curves in self.curves.groupby(["variant", "metric"])
        }

    def metric(self, label: str) -> Metric:
        """What is declared of a metric, with its rows or without; of one that is not, that it is not ranked."""
        return find(self.declared | OF_RUNS, label)


@dataclass(frozen=True)
class Benchmark:
    """One experiment's results on several data sets, of one launch."""

    experiment: str
    data_sets: dict[str, Results]
    """What ran on each data set, in the experiment's order; variants that do not apply to it are left out there."""
    variants: tuple[str, ...]
    """All that apply to one of the data sets at least, in the experiment's order."""
    inapplicable: dict[str, dict[str, str]]
    """By data set: the variants that do not apply to it, each with the reason."""
    sources: dict[str, str] = field(default_factory=dict)
    """By data set, the one that it was made from, where that is known: "yeast" of yeast3 and of yeast4."""
    launch: str = ""
    """Id of the launch."""
    command: str = ""
    """What was typed for it."""

    @property
    def first(self) -> Results:
        """Those of the first data set, for what all have in common: question, report and seeds of the config."""
        return next(iter(self.data_sets.values()))

    @property
    def metrics(self) -> list[str]:
        """Names of the final metrics that are recorded on every data set."""
        others = [set(results.metrics) for results in self.data_sets.values()]
        return [name for name in self.first.metrics if all(name in of_one for of_one in others)]


def typed_about(command: str, parts: Collection[str]) -> dict[str, str]:
    """The overrides of a launch's command that are about these top-level keys, with their key: Hydra's + and ~ are none of it."""
    try:
        words = shlex.split(command)
    except ValueError:  # a quote that nothing closes
        words = command.split()
    keys = {word: word.lstrip("+~").split("=")[0] for word in words if "=" in word or word.startswith("~")}
    return {word: key for word, key in keys.items() if key.split(".")[0] in parts}


def sound_values(cells: pd.DataFrame, metric: str) -> pd.Series[float]:
    """Final values of ``metric`` by seed; NaN where a cell did not finish, diverged, or lacks the metric."""
    seeds = pd.Index(cells["seed"])
    if metric not in cells:
        return pd.Series(float("nan"), index=seeds, dtype=float)
    values = cells[metric].to_numpy(dtype=float, na_value=math.nan)
    return pd.Series(np.where(_is_sound(cells), values, math.nan), index=seeds, name=metric)


def _is_sound(cells: pd.DataFrame) -> NDArray[np.bool_]:
    """(cells,) which finished and did not diverge; on plain arrays, as a report over data sets asks thousands of times."""
    status, outcome = (cells[column].to_numpy(dtype=object) for column in ("status", "outcome"))
    sound: NDArray[np.bool_] = (status == "FINISHED") & (outcome != "diverged")
    return sound
