"""Metrics of predicted numbers, of S seeds at once, by the definitions of scikit-learn.

Every function takes a leading seed axis and a mask of the rows that count, and returns one value per seed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seedbed.metrics import FROM_ZERO, Bounds, Metric, alike

REGRESSION = (
    *alike(("loss", "rmse", "mae"), "lower", FROM_ZERO, "predictions"),
    Metric("r2", "higher", Bounds(None, 1.0), "predictions"),
    Metric("median_absolute_error", "lower", FROM_ZERO, "predictions"),
)
"""What ``task=regression`` measures, in its order."""
OF_SPREAD = ("r2",)
"""Undefined where all rows have the same target."""


def regression_metrics(predicted: Tensor, targets: Tensor, mask: Tensor, scale: Tensor) -> dict[str, Tensor]:
    """All metrics of S seeds: (S, N) predictions, targets and mask -> {name: (S,)}, in float64.

    ``scale`` (S,) is what the loss is divided by the square of: the standard deviation of a seed's training targets. All
    else is in the targets' own units. R2 is NaN where all targets are the same, in which case scikit-learn gives 0 or 1.
    """
    predicted, targets = predicted.double(), targets.double()
    errors, count = predicted - targets, mask.sum(1)
    mse = _sum(errors**2, mask) / count
    means = _sum(targets, mask) / count
    spread = _sum((targets - means.unsqueeze(1)) ** 2, mask)
    lowest, highest = targets.masked_fill(~mask, torch.inf).amin(1), targets.masked_fill(~mask, -torch.inf).amax(1)
    r2 = (1 - _sum(errors**2, mask) / spread).masked_fill(lowest >= highest, torch.nan)
    values = (mse / scale**2, mse.sqrt(), _sum(errors.abs(), mask) / count, r2, median(errors.abs(), mask))
    return {metric.name: value for metric, value in zip(REGRESSION, values, strict=True)}


def median(values: Tensor, mask: Tensor) -> Tensor:
    """(S, N) -> (S,): the median of what the mask holds, the mean of the middle two of an even number; NaN of nothing."""
    rising, count = values.masked_fill(~mask, torch.inf).sort(dim=1).values, mask.sum(1, keepdim=True)
    middle = [rising.gather(1, ((count - less) // 2).clamp(min=0)).squeeze(1) for less in (1, 0)]
    return ((middle[0] + middle[1]) / 2).masked_fill(count.squeeze(1) == 0, torch.nan)


def _sum(values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, values, 0).sum(1)
