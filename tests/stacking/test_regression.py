"""Metrics of predicted numbers: those of scikit-learn, for all seeds at once."""

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_absolute_error, mean_squared_error, median_absolute_error, r2_score

from seedbed.stacking.regression import REGRESSION, regression_metrics


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_the_metrics_are_scikit_learns(scale: float) -> None:
    """Of seeds with different numbers of rows, an even and an odd one; the padding holds what must not count."""
    rng = np.random.default_rng(5)
    targets = rng.normal(40, 3, (3, 12)) * scale
    predicted = targets + rng.normal(0.5, 2, (3, 12)) * scale
    counts, stds = [12, 7, 2], np.array([2.0, 3.0, 4.0]) * scale
    mask = torch.arange(12) < torch.tensor(counts).unsqueeze(1)
    padded = np.where(mask.numpy(), predicted, np.nan)
    found = regression_metrics(torch.tensor(padded), torch.tensor(targets), mask, torch.tensor(stds))
    assert list(found) == [metric.name for metric in REGRESSION]
    for seed, count in enumerate(counts):
        true, said = targets[seed, :count], predicted[seed, :count]
        mse = mean_squared_error(true, said)
        assert {name: float(values[seed]) for name, values in found.items()} == pytest.approx(
            {
                "loss": mse / stds[seed] ** 2,
                "rmse": np.sqrt(mse),
                "mae": mean_absolute_error(true, said),
                "r2": r2_score(true, said),
                "median_absolute_error": median_absolute_error(true, said),
            },
            rel=1e-9,
        )


def test_r2_of_targets_that_are_all_the_same_is_undefined() -> None:
    values = torch.tensor([[1.0, 2.0], [3.0, 4.0], [0.0, 9.0]])
    targets = torch.tensor([[0.1, 0.1], [0.1, 0.2], [5.0, 7.0]])
    mask = torch.tensor([[True, True], [True, True], [True, False]])
    found = regression_metrics(values, targets, mask, torch.ones(3))
    assert found["r2"].isnan().tolist() == [True, False, True]
    assert found["mae"].isfinite().all()
