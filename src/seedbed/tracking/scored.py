"""The kept scores of two classes, of all seeds of a launch: what pictures and comparisons need of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from seedbed.recorded import DECISIONS, LABELS, LOGITS, PREDICTED
from seedbed.results import MEASURES, Band, OfScores, Results, Scored
from seedbed.tracking.kept_scores import kept_scores
from seedbed.tracking.launches import Plan
from seedbed.tracking.names import ESTIMATOR, WEIGHTS
from seedbed.tracking.runs import SeedRun
from seedbed.tracking.scores import Scores
from seedbed.tracking.store import Store
from seedbed.tracking.two_classes import Cuts, Floats, Truth, brier, f1_of, platt, reliability, tuned_threshold

POINTS = 101
"""Of a grid: shares from 0 to 1, or thresholds."""
REACH = 7.0
"""The log-odds between which thresholds lie: from 0.0009 to 0.9991."""
COLUMNS = 20
"""Of a histogram."""
MIDDLE = (10, 90)
"""Percentiles over the seeds that are the ends of a band."""
DIGITS = 4
"""Of what is drawn."""


def read_scored(
    store: Store,
    plan: Plan,
    cells: Mapping[str, SeedRun],
    data: Mapping[str, Any],
    computed: Mapping[str, Scores] | None = None,
) -> Scored | None:
    """What was kept of the seeds that ended well; None where nothing was, or there are not two classes.

    ``computed`` are scores by the id of the run that may not be in the store.
    """
    if not _of_two_classes(data):
        return None
    place = list(data["classes"]).index(data["minority"])
    kept = {
        variant: {
            seed: kept_scores(store, cell, computed)
            for seed, fingerprint in planned
            if (cell := cells.get(fingerprint)) and cell.usable
        }
        for variant, planned in plan.items()
    }
    return summarised(kept, place, str(data["minority"]))


def _of_two_classes(data: Mapping[str, Any]) -> bool:
    classes = data.get("classes") or ()
    return len(classes) == 2 and data.get("minority") in classes


def why_no_scores(results: Results) -> str:
    """Why pictures and comparisons of scores can be made of no seed, as a part of a sentence; "" where they can."""
    if results.imported is not None:
        return "seedbed did not train these seeds, and does not have their weights"
    classes = results.data.get("classes")
    if not classes:
        return "only a classification has scores of rows, and this is another task"
    if not _of_two_classes(results.data):
        return f"its pictures and comparisons are of two classes, and these data have {len(classes)}"
    return ""


def could_be_scored(store: Store, results: Results) -> str:
    """A sentence on how to compute the scores of seeds that have kept none but their weights; "" where there are none."""
    if why_no_scores(results) or not (results.scored is None or results.scored.lacking):
        return ""
    usable = [cell for cell in store.cells(results.cells["fingerprint"]).values() if cell.usable]
    without = [cell for cell in usable if not kept_scores(store, cell).arrays]
    count = sum(bool({WEIGHTS, ESTIMATOR} & store.files(cell.id)) for cell in without)
    if not count:
        return ""
    seeds = "1 seed has" if count == 1 else f"{count} seeds have"
    return (
        f"{seeds} kept no scores of rows, for pictures of thresholds and what rebalancing changed: --scores computes them "
        "from the weights."
    )


def summarised(kept: Mapping[str, Mapping[int, Scores]], place: int, positive: str) -> Scored | None:
    """Of scores by variant and seed; ``place`` is the number of the class that they are of."""
    variants, lacking, from_weights = {}, {}, {}
    for variant, by_seed in kept.items():
        read = {seed: of_seed for seed, scores in by_seed.items() if (of_seed := _seed(scores, place))}
        if read:
            variants[variant] = _summary(list(read), list(read.values()))
        if len(read) < len(by_seed):
            lacking[variant] = len(by_seed) - len(read)
        if later := sum(by_seed[seed].from_weights for seed in read):
            from_weights[variant] = later
    return Scored(positive, POINTS, REACH, variants, lacking, from_weights) if variants else None


class _Seed(NamedTuple):
    """One seed's measures, in the order of ``MEASURES``, and curves."""

    measures: tuple[float, ...]
    precision: Floats
    recall: Floats
    f1: Floats | None
    expected: Floats
    observed: Floats
    histogram: Floats


def _seed(scores: Scores, place: int) -> _Seed | None:
    """None where no scores were kept, or the test rows are of one class."""
    test = scores.of("test")
    positive: Truth = test.get(LABELS, np.empty(0)) == place
    if not {LOGITS, DECISIONS} & set(test) or positive.all() or not positive.any():
        return None
    given, calibrated = _values(test), LOGITS in test
    # Thresholds are of probabilities where there are such.
    values = expit(given) if calibrated else given
    cuts, shares = Cuts.of(given, positive), np.linspace(0, 1, POINTS)
    by_value = Cuts(expit(cuts.values) if calibrated else cuts.values, cuts.hits, cuts.alarms)
    predicted: Truth = test[PREDICTED] == place
    hits, alarms = int((predicted & positive).sum()), int((predicted & ~positive).sum())
    recalibrated, threshold = _by_validation(scores.of("val"), given, place)
    measures = (
        cuts.auroc,
        cuts.average_precision,
        brier(values, positive) if calibrated else math.nan,
        math.nan if recalibrated is None else brier(recalibrated, positive),
        hits / max(1, hits + alarms),
        hits / int(positive.sum()),
        alarms / int((~positive).sum()),
        f1_of(predicted, positive),
        f1_of(values >= threshold, positive) if math.isfinite(threshold) else math.nan,
        threshold,
        _positive_rows(scores.of("val"), place),
    )
    expected, observed = reliability(values, positive) if calibrated else (np.empty(0), np.empty(0))
    return _Seed(
        measures,
        cuts.precision_at(shares),
        cuts.recall_at(shares),
        by_value.f1_at(expit(np.linspace(-REACH, REACH, POINTS))) if calibrated else None,
        expected,
        observed,
        np.histogram(np.sqrt(values), COLUMNS, (0, 1))[0] if calibrated else np.empty(0),
    )


def _values(of_side: Mapping[str, np.ndarray]) -> Floats:
    """The scores as they were kept."""
    return np.asarray(of_side[LOGITS if LOGITS in of_side else DECISIONS], dtype=np.float64)


def _positive_rows(of_side: Mapping[str, np.ndarray], place: int) -> float:
    return float((of_side[LABELS] == place).sum()) if LABELS in of_side else 0.0


def _by_validation(val: Mapping[str, np.ndarray], test: Floats, place: int) -> tuple[Floats | None, float]:
    """Probabilities of the test rows by what recalibrates those to validate on, and the threshold tuned on these."""
    if not val:
        return None, math.nan
    given, positive = _values(val), val[LABELS] == place
    threshold = tuned_threshold(expit(given) if LOGITS in val else given, positive)
    if LOGITS in val:
        # Of a forest's probability of 0 the log-odds are any number; so many rows know nothing below half a row in all of them.
        most = math.log(2 * len(given) + 1)
        given, test = given.clip(-most, most), test.clip(-most, most)
    slope, intercept = platt(given, positive)
    return (None if math.isnan(slope) else expit(slope * test + intercept)), threshold


def _summary(seeds: list[int], read: Sequence[_Seed]) -> OfScores:
    columns = zip(*(of_seed.measures for of_seed in read), strict=True)
    measures = {name: [round(value, 8) for value in column] for name, column in zip(MEASURES, columns, strict=True)}
    precision, recall = _band([of_seed.precision for of_seed in read]), _band([of_seed.recall for of_seed in read])
    f1 = [of_seed.f1 for of_seed in read if of_seed.f1 is not None]
    if len(f1) < len(read):
        return OfScores(seeds, measures, precision, recall)
    bins = min(len(of_seed.expected) for of_seed in read)
    return OfScores(
        seeds,
        measures,
        precision,
        recall,
        _band(f1),
        _rounded(np.mean([of_seed.expected[:bins] for of_seed in read], axis=0)),
        _band([of_seed.observed[:bins] for of_seed in read]),
        np.sum([of_seed.histogram for of_seed in read], axis=0).astype(int).tolist(),
    )


def _band(curves: Sequence[Floats]) -> Band:
    low, high = np.percentile(curves, MIDDLE, axis=0)
    return Band(_rounded(np.mean(curves, axis=0)), _rounded(low), _rounded(high))


def _rounded(values: Floats) -> list[float]:
    rounded: list[float] = np.round(values, DIGITS).tolist()
    return rounded
