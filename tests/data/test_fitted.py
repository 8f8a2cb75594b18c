"""What transformers have learnt, through JSON and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn import preprocessing
from sklearn.base import clone

from seedbed.data.fitted import learnt, transformer_of, with_learnt
from seedbed.errors import ConfigError

ROWS = np.random.default_rng(0).normal([3, -40, 0], [1, 25, 0.1], size=(60, 3)).astype(np.float32)


@pytest.mark.parametrize(
    "scaler",
    [
        preprocessing.StandardScaler(),
        preprocessing.MinMaxScaler(),
        preprocessing.RobustScaler(),
        preprocessing.QuantileTransformer(n_quantiles=10),
    ],
)
@pytest.mark.parametrize("missing", ["drop", "median"])
def test_what_was_learnt_gives_the_same_to_the_last_bit(scaler: Any, missing: str) -> None:
    transformer = transformer_of(missing, scaler)
    assert transformer is not None
    train, others = ROWS[:40].copy(), ROWS[40:].copy()
    if missing == "median":
        train[3, 1] = others[5, 2] = np.nan
    fitted = clone(transformer).fit(train)
    again = with_learnt(transformer, json.loads(json.dumps(learnt(fitted))))
    assert np.array_equal(again.transform(others), fitted.transform(others))
    assert not np.array_equal(again.transform(others), others), "it does something"


def test_a_transformer_inside_another_is_refused() -> None:
    transformer = transformer_of("drop", preprocessing.PowerTransformer())
    assert transformer is not None
    with pytest.raises(
        ConfigError, match=r"PowerTransformer\._scaler is a StandardScaler.*StandardScaler, or with none"
    ):
        learnt(clone(transformer).fit(ROWS))
