"""SMOTE in the form that the columns ask for gives what that form gives by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC

from seedbed.data.network_inputs import EncodedColumns, NetworkInputs, Vectors
from seedbed.errors import ConfigError
from seedbed.imbalance.base import TrainingRows
from seedbed.imbalance.resample import Resample
from seedbed.imbalance.smote_by_columns import SmoteByColumns
from tests.imbalance.test_resample import by_column, counts_of


def numbers() -> TrainingRows:
    features = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    return TrainingRows(features, np.repeat([0, 1], [45, 15]), ("no", "yes"), None, np.arange(60), 1)


@pytest.mark.parametrize(
    ("rows", "inputs", "sampler"),
    [
        (numbers(), Vectors(3), SMOTE(k_neighbors=4)),
        (by_column(2, 3), EncodedColumns(9, 2, 3), SMOTENC("auto", k_neighbors=4)),
        (by_column(0, 3), EncodedColumns(9, 0, 3), SMOTEN(k_neighbors=4)),
    ],
)
def test_it_makes_the_rows_of_the_form_that_fits(rows: TrainingRows, inputs: NetworkInputs, sampler: Any) -> None:
    strategy = SmoteByColumns(k_neighbors=4)
    strategy.check(counts_of(rows))
    strategy.check_inputs(inputs)
    made, theirs = strategy.apply(rows, 3, None), Resample(sampler).apply(rows, 3, None)
    assert made.features is not None
    assert theirs.features is not None
    assert np.array_equal(made.features, theirs.features)
    assert made.labels is not None
    assert made.labels.tolist() == [1] * len(made.labels)


def test_too_few_rows_are_refused_with_its_own_key() -> None:
    with pytest.raises(ConfigError, match=r"imbalance\.k_neighbors=5: .* Set imbalance\.k_neighbors to at most 2"):
        SmoteByColumns().check({"no": 50, "yes": 3})
