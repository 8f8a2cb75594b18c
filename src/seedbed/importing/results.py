"""From runs that seedbed did not train, and what is said of them, to the results that a report is made of."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from seedbed.checks import is_number, require, require_choice
from seedbed.config.baselines import Baselines, Stated
from seedbed.errors import ConfigError, DataError, TrackingError, near_misses
from seedbed.importing.runs import ForeignRun, ForeignRuns, has_value
from seedbed.metrics import LONGEST, Declared, Good, Metric, by_name, metric_name
from seedbed.report.formatting import listed
from seedbed.results import CELL_COLUMNS, CURVE_COLUMNS, REDRAWN, SAME, Imported, Results
from seedbed.statistics import finite
from seedbed.tracking.names import IMPORTED_MARK, metric_names

ROUNDING = 1e-9
"""By which shares that add up to 1 may exceed it."""


@dataclass(frozen=True)
class Statements:
    """What the user says of the runs: what is compared, which values are good, and how the data were split."""

    metric: str | None = None
    """What the variants are compared by; None: the only metric that there is."""
    baseline: Stated = None
    """One, or one for each variant that is compared; None: all pairs are."""
    good: str | float | Mapping[str, str | float] | None = None
    """"lower", "higher", "none" or a target number: of the metric, or by metric; None: not said."""
    split: str | None = None
    """SAME or REDRAWN; None: not said."""
    test_share: float | None = None
    train_share: float | None = None
    question: str = ""

    def __post_init__(self) -> None:
        """Raises ``ConfigError``."""
        if self.split is not None:
            require_choice("--split", self.split, (REDRAWN, SAME))
        shares = {"--test-share": self.test_share, "--train-share": self.train_share}
        for key, share in shares.items():
            if share is None:
                continue
            require(is_number(share) and 0 < share < 1, key, share, "a share of the rows, between 0 and 1")
            if self.split == SAME:
                raise ConfigError(f"{key}={share:g}: it corrects the test for splits that every seed draws anew, and with --split {SAME} none does. Leave it out.")  # fmt: skip
        if self.train_share is not None:
            require(self.test_share is not None, "--train-share", self.train_share, "given together with --test-share")
            total = self.train_share + (self.test_share or 0.0)
            require(total <= 1 + ROUNDING, "--train-share", self.train_share, "at most what is left by --test-share")


def results_of(runs: ForeignRuns, said: Statements, experiment: str = "imported") -> Results:
    """The results, marked as imported; raises a ``SeedbedError`` where the runs and what is said of them do not fit."""
    names = _names(runs)
    metric = _metric(runs, said, names)
    _check_variants(runs, said, metric)
    curves = [
        (run.variant, run.seed, step, names[label], value)
        for run in runs.runs
        for label, step, value in sorted(run.points, key=lambda point: (point[0], point[1]))
    ]
    imported = Imported(runs.source, runs.digest, said.split, said.test_share, said.train_share, runs.steps)
    config = {
        "question": said.question,
        "seeds": runs.seeds,
        "monitor": _drawn({name for *_, name, _ in curves}, names[metric]),
        "report": {"metric": names[metric], "baseline": said.baseline},
    }
    return Results(
        experiment=experiment,
        config=config,
        variants=tuple(runs.variants),
        cells=_cells(runs, names, experiment),
        curves=pd.DataFrame(curves, columns=list(CURVE_COLUMNS)),
        data={"imported": asdict(imported), "notes": [*runs.notes, *_gaps(runs), *_partly_measured(runs)]},
        notes={variant: [] for variant in runs.variants},
        labels={name: label for label, name in names.items() if label != name},
        declared=_declared(said, metric, runs.labels),
    )


def _names(runs: ForeignRuns) -> dict[str, str]:
    """Label -> the one name of each metric, of final values and curves."""
    labels = [*runs.labels, *(label for run in runs.runs for label, _, _ in run.points)]
    if long := [label for label in labels if len(metric_name(label)) > LONGEST]:
        raise DataError(
            f"{runs.source}: the metric {long[0][:40]!r}... has a name of more than {LONGEST} characters. Shorten it."
        )
    try:
        return metric_names(dict.fromkeys(labels))
    except TrackingError as error:
        raise DataError(f"{runs.source}: {error}") from error


# ---- checks ----------------------------------------------------------------------------------------------------------


def _metric(runs: ForeignRuns, said: Statements, names: Mapping[str, str]) -> str:
    """The label of the metric that the variants are compared by."""
    labels = runs.labels
    if not labels:
        raise DataError(f"{runs.source} has no value of any metric: there is nothing to compare.")
    if said.metric is None:
        if len(labels) > 1:
            raise ConfigError(f"{runs.source} has {len(labels)} metrics, {', '.join(labels)}: say which one the variants are compared by, such as --metric {labels[0]}.")  # fmt: skip
        return labels[0]
    wanted = [label for label in labels if said.metric in (label, names[label])]
    if not wanted:
        raise ConfigError(
            f"--metric {said.metric}: {runs.source} has no such metric, {near_misses(said.metric, labels)}"
        )
    return wanted[0]


def _check_variants(runs: ForeignRuns, said: Statements, metric: str) -> None:
    """There are two variants, each with a value of the metric, and baselines are among them."""
    variants = runs.variants
    if len(variants) < 2:
        raise DataError(
            f"{runs.source} has one variant alone, {variants[0]!r} (by {runs.variant_key}): there is nothing to compare. Add "
            "the runs of another one, or say what tells the variants apart with --variant-key."
        )
    baselines = Baselines.of(said.baseline, "--baseline")
    for name in (*baselines.own, *baselines.names):
        if name not in variants:
            raise ConfigError(f"--baseline {name}: {runs.source} has no such variant, {near_misses(name, variants)}")
    for variant in variants:
        own = [run for run in runs.runs if run.variant == variant]
        if any(run.status != "FINISHED" or has_value(run, metric) for run in own):
            continue
        others = list(dict.fromkeys(label for run in own for label in run.values if has_value(run, label)))
        raise DataError(
            f"{runs.source}: no run of variant {variant!r} has a value of {metric}; it has {', '.join(others) or 'no metric'}"
            f" (first: {own[0].place}). Compare by what all variants have (--metric), leave the variant out, or write inf "
            "where its runs diverged."
        )


def _gaps(runs: ForeignRuns) -> list[str]:
    """A sentence on the cells that are absent."""
    there = {(run.variant, run.seed) for run in runs.runs}
    absent = {variant: [str(seed) for seed in runs.seeds if (variant, seed) not in there] for variant in runs.variants}
    lacking = {variant: seeds for variant, seeds in absent.items() if seeds}
    if not lacking:
        return []
    count = sum(map(len, lacking.values()))
    said = "; ".join(
        f"{variant} lacks seed{'s' if len(seeds) > 1 else ''} {_shortened(seeds)}" for variant, seeds in lacking.items()
    )
    return [f"{count} of {len(runs.variants) * len(runs.seeds)} cells {'is' if count == 1 else 'are'} absent: {said}."]


def _shortened(seeds: Sequence[str], most: int = 10) -> str:
    return listed(seeds) if len(seeds) <= most else f"{', '.join(seeds[:most])}, ... ({len(seeds)} in all)"


def _partly_measured(runs: ForeignRuns) -> list[str]:
    """A sentence on the metrics that some variants lack."""
    lacking = {
        label: [
            variant
            for variant in runs.variants
            if not any(has_value(run, label) for run in runs.runs if run.variant == variant)
        ]
        for label in runs.labels
    }
    said = [f"{label} (not in {listed(variants)})" for label, variants in lacking.items() if variants]
    return [f"Not measured in all variants: {'; '.join(said)}."] if said else []


# ---- what is said of metrics -----------------------------------------------------------------------------------------


def _declared(said: Statements, metric: str, labels: Sequence[str]) -> Declared:
    if said.good is None:
        return {}
    given = dict(said.good) if isinstance(said.good, Mapping) else {metric: said.good}
    declared: Declared = {}
    for label, good in given.items():
        if metric_name(label) not in map(metric_name, labels):
            raise ConfigError(f"--good {label}={good}: there is no such metric, {near_misses(label, labels)}")
        name = metric_name(label).rpartition("/")[2]
        entry = Metric(name, _good(label, good))
        if declared.setdefault(name, entry) != entry:
            raise ConfigError(
                f"--good: {name} of other rows is said to be good otherwise. It is one metric: say it once."
            )
    return by_name(declared.values())


def _good(label: str, good: Any) -> Good:
    """Which values are good; raises ``ConfigError``."""
    if good == "none":
        return None
    if good in ("lower", "higher"):
        return str(good)  # type: ignore[return-value]
    try:
        target = float(good)
    except (TypeError, ValueError):
        target = math.nan
    if not math.isfinite(target):
        raise ConfigError(
            f"--good {label}={good}: give lower, higher, none, or the number that the best values are near to."
        )
    return target


def _drawn(curves: set[str], metric: str) -> str | None:
    """The curve that a report shows: that of the metric, on whichever rows, else the first one of validation rows."""
    own = metric.rpartition("/")[2]
    order = [
        metric,
        f"val/{own}",
        f"val_{own.removeprefix('test_')}",
        *sorted(name for name in curves if "val" in name),
    ]
    return next((name for name in [*order, *sorted(curves)] if name in curves), None)


# ---- cells -----------------------------------------------------------------------------------------------------------


def _cells(runs: ForeignRuns, names: Mapping[str, str], experiment: str) -> pd.DataFrame:
    """One row for each variant and seed that occur, whether such a run is there or not."""
    by_cell = {(run.variant, run.seed): run for run in runs.runs}
    metrics = sorted(names[label] for label in runs.labels)
    rows = [
        _row(experiment, variant, seed, by_cell.get((variant, seed)), names)
        for variant in runs.variants
        for seed in runs.seeds
    ]
    cells = pd.DataFrame(rows, columns=[*CELL_COLUMNS, *metrics])
    return cells.astype(dict.fromkeys(metrics, float))


def _row(experiment: str, variant: str, seed: int, run: ForeignRun | None, names: Mapping[str, str]) -> dict[str, Any]:
    values = {} if run is None else {names[label]: value for label, value in run.values.items() if bool(finite(value))}
    points = [] if run is None else run.points
    status = "MISSING" if run is None else run.status
    content = json.dumps([variant, seed, status, sorted(values.items()), sorted(points)])
    fingerprint = f"{IMPORTED_MARK}{hashlib.sha256(content.encode()).hexdigest()}"
    outcome = "ok" if status == "FINISHED" else ""
    identity = (experiment, variant, seed, status, fingerprint, outcome, "", "")
    return dict(zip(CELL_COLUMNS, identity, strict=True)) | values
