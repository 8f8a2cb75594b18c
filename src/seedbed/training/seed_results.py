"""What comes out of training one seed: its curves, final metrics and weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from seedbed.data.splits import Rows
from seedbed.imbalance.adjustment import Adjustment
from seedbed.recorded import LR, SECONDS
from seedbed.stacking.module import StackedModule
from seedbed.tracking.scores import ROWS, Scores, named

CurvePoints = list[tuple[str, int, float]]
"""Metric, epoch, value."""


@dataclass(frozen=True)
class FoundRate:
    """The learning rate that a seed's own range test has suggested, or why it is ``lr_finder.fallback``."""

    lr: float
    why_fallback: str
    """"" where it is none."""
    seconds: float
    """What the test took."""


@dataclass(frozen=True)
class SeedResult:
    """One cell's result; ``weights`` is an ordinary network's state."""

    seed: int
    outcome: str
    epoch: int
    curves: CurvePoints
    metrics: dict[str, float]
    weights: dict[str, Tensor]
    found_rate: FoundRate | None = None
    """Under ``optimizer.lr=auto``."""
    error: str = ""
    """Why the result cannot be used though the seed was trained; "" where it can."""
    scores: Scores | None = None
    """What it says of its test rows, where that is kept."""
    adjustment: Adjustment | None = None
    """What acts on its scores, where something does."""
    estimator: Any = None
    """What was fitted in place of a network that has weights."""
    warnings: tuple[str, ...] = ()
    """What the fit of an estimator warned of."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What stands on the seed's run beside the outcome."""

    @classmethod
    def of(
        cls,
        module: StackedModule,
        position: int,
        seed: int,
        epoch: int,
        seconds: float,
        found_rate: FoundRate | None = None,
        rows: Rows | None = None,
    ) -> SeedResult:
        """The result of the seed at ``position`` of a stack that was fitted, and tested where there are test rows.

        ``rows`` are the numbers of its rows in the table, where their scores may be kept.
        """
        measured = {**module.final_validation, **module.test_metrics}
        finals = {name: float(values[position]) for name, values in measured.items()}
        # Without test rows, the last values of the validation's curves are the final ones.
        diverged = position in module.diverged_at or (
            module.can_diverge and not np.isfinite(finals.get("test/loss", 0.0))
        )
        adjustment: Adjustment | None = module.adjustments[position] if module.adjustments and not diverged else None
        # A metric that these rows do not define, such as AUROC on one class, is left out.
        finals = {name: value for name, value in finals.items() if np.isfinite(value)}
        return cls(
            seed=seed,
            outcome="diverged" if diverged else "ok",
            epoch=epoch,
            curves=curve_points(module.history, position),
            metrics={}
            if diverged
            else {
                **finals,
                **(adjustment.values if adjustment else {}),
                **({LR: found_rate.lr} if found_rate else {}),
                SECONDS: seconds + (found_rate.seconds if found_rate else 0),
            },
            weights=module.network.plain_state(position),
            found_rate=found_rate,
            adjustment=adjustment,
            scores=None if diverged or rows is None else _scores(module, position, rows),
        )

    def recorded_points(self, epochs: int, written: Collection[int] = ()) -> CurvePoints:
        """What is to be written of it: its curves but for the epochs ``written`` before, and its final metrics.

        These stand at the epoch after the last of ``epochs``: at 0, and so beside a curve's first point, where nobody said how
        many there are.
        """
        curves = [point for point in self.curves if point[1] not in written]
        return [*curves, *((name, epochs, value) for name, value in self.metrics.items())]


def _scores(module: StackedModule, position: int, rows: Rows) -> Scores | None:
    """What was kept of one seed, its padding left out; None where nothing was."""
    kept = {side: scores for side, scores in module.kept_scores.items() if scores}
    arrays: dict[str, np.ndarray] = {}
    for side, scores in kept.items():
        numbers: np.ndarray = getattr(rows, side)
        of_seed = {name: values[position, : len(numbers)] for name, values in scores.items()}
        arrays |= named({ROWS: numbers, **of_seed}, side)
    return Scores(arrays) if arrays else None


def curve_points(history: Sequence[Mapping[str, np.ndarray]], position: int, first: int = 0) -> CurvePoints:
    """One seed's curves from epoch ``first`` on, without the epochs in which it no longer trained."""
    return [
        (name, epoch, float(values[position]))
        for epoch, metrics in enumerate(history)
        if epoch >= first
        for name, values in metrics.items()
        if np.isfinite(values[position])
    ]
