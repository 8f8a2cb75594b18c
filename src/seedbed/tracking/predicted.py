"""Predictions of all test rows of a launch beside their targets, counted in a grid that a picture is drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from seedbed.recorded import PREDICTIONS, TARGETS
from seedbed.results import Counted, Predicted
from seedbed.tracking.kept_scores import kept_scores
from seedbed.tracking.launches import Plan
from seedbed.tracking.runs import SeedRun
from seedbed.tracking.store import Store

CELLS = 48
"""Of a side of the grid."""
WITHIN = (0.1, 99.9)
"""Percentiles of all predictions between which the grid lies at least; it holds all targets."""


def read_predicted(store: Store, plan: Plan, cells: Mapping[str, SeedRun], target: str) -> Predicted | None:
    """What was recorded of the seeds that ended well; None where nothing was. ``target`` is the name of the targets."""
    of_variants, lacking = {}, {}
    for variant, planned in plan.items():
        usable = [cell for _, fingerprint in planned if (cell := cells.get(fingerprint)) and cell.usable]
        read = [arrays for cell in usable if (arrays := _read(store, cell))]
        of_variants[variant] = read
        if len(read) < len(usable):
            lacking[variant] = len(usable) - len(read)
    return counted(of_variants, target, lacking)


def _read(store: Store, cell: SeedRun) -> tuple[np.ndarray, np.ndarray] | None:
    """Targets and predictions (N,) of one seed; None where they are not there."""
    arrays = kept_scores(store, cell).of("test")
    return (arrays[TARGETS], arrays[PREDICTIONS]) if {TARGETS, PREDICTIONS} <= set(arrays) else None


def counted(
    of_variants: Mapping[str, Sequence[tuple[np.ndarray, np.ndarray]]], target: str, lacking: Mapping[str, int]
) -> Predicted | None:
    """Targets and predictions of each seed of each variant, counted on the same axes; None where there are none."""
    joined = {
        variant: (np.concatenate([targets for targets, _ in seeds]), np.concatenate([said for _, said in seeds]))
        for variant, seeds in of_variants.items()
        if seeds
    }
    if not joined:
        return None
    low, high = _ends(joined.values())
    variants = {variant: _count(*arrays, low, high, len(of_variants[variant])) for variant, arrays in joined.items()}
    return Predicted(target, low, high, CELLS, variants, dict(lacking))


def _ends(joined: Iterable[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    arrays = list(joined)
    ends = [np.percentile(predictions, WITHIN) for _, predictions in arrays]
    low = min(*(float(targets.min()) for targets, _ in arrays), *(float(each[0]) for each in ends))
    high = max(*(float(targets.max()) for targets, _ in arrays), *(float(each[1]) for each in ends))
    return low, high if high > low else low + 1


def _count(targets: np.ndarray, predictions: np.ndarray, low: float, high: float, seeds: int) -> Counted:
    beyond = int(((predictions < low) | (predictions > high)).sum())
    columns, rows = (
        ((values - low) / (high - low) * CELLS).astype(np.int64).clip(0, CELLS - 1)
        for values in (targets, np.clip(predictions, low, high))
    )
    places, counts = np.unique(columns * CELLS + rows, return_counts=True)
    return Counted((places // CELLS).tolist(), (places % CELLS).tolist(), counts.tolist(), seeds, beyond)
