"""What a network sees of numbers and categories: fitted to training rows alone, of one width, the same from JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from seedbed.data.columns import Column
from seedbed.data.fitted import transformer_of
from seedbed.data.mixed_features import ColumnTransformers, OneHot


@pytest.mark.parametrize("train", [[0, 1, 0, 1], [0, 0, 1, 2], [0, 1, 2, 3], [3, 3, 3, 3]])
def test_categories_become_what_scikit_learn_makes_of_them_in_columns_that_do_not_change(train: list[int]) -> None:
    """Rare and unknown ones share an input, where training rows have rare ones; the inputs of others are always 0."""
    codes, others = np.array(train)[:, None], np.arange(-1, 5)[:, None]
    theirs = OneHotEncoder(min_frequency=2, handle_unknown="infrequent_if_exist", sparse_output=False).fit(codes)
    made = OneHot([4]).fit(codes).transform(others)
    used = made.any(axis=0)
    assert made.shape == (6, 5)
    assert np.array_equal(made[:, used], theirs.transform(others))


def mixed() -> tuple[ColumnTransformers, np.ndarray]:
    """Not fitted, and 30 rows (30, 4) with gaps in each column."""
    columns = [
        Column("city", "category", ("Bonn", "Oslo", "Rome"), gaps=True),
        Column("age"),
        Column("smoker", "boolean", ("no", "yes")),
        Column("size", "ordered", ("s", "m", "l")),
    ]
    draw = np.random.default_rng(0)
    draws = [draw.integers(3, size=30), draw.normal(40, 9, 30), draw.random(30) < 0.3, draw.integers(3, size=30)]
    values = np.stack([np.asarray(each, dtype=np.float32) for each in draws], axis=1)
    values[[0, 11, 12], [0, 1, 2]] = np.nan
    return ColumnTransformers.of(columns, transformer_of("median", StandardScaler())), values


def test_numbers_and_orders_are_scaled_and_the_rest_is_0_and_1() -> None:
    unfitted, values = mixed()
    train = np.arange(20)
    features = unfitted.fitted(values[train], np.zeros(20)).transform(values)
    assert (features.shape, features.dtype) == ((30, 8), np.float32)
    expected = clone(transformer_of("median", StandardScaler())).fit(values[train][:, [1, 3]])  # type: ignore[arg-type]
    assert np.array_equal(features[:, :2], expected.transform(values[:, [1, 3]]))
    assert set(np.unique(features[:, 2:])) == {0, 1}
    assert features[12, 2] == (np.nanmean(values[train, 2]) > 0.5), "that of most training rows"
    assert np.array_equal(features[1:, 3:6], np.eye(3)[values[1:, 0].astype(int)])
    assert features[0, 3:].tolist() == [0, 0, 0, 0, 1], "one training row without a city is no known category"


def test_what_was_learnt_gives_the_same_from_json() -> None:
    unfitted, values = mixed()
    fitted = unfitted.fitted(values[:20], np.zeros(20))
    again = unfitted.with_learnt(json.loads(json.dumps(fitted.learnt())))
    others = np.array([[-1, 30, 1, 2], [np.nan, np.nan, np.nan, np.nan]], dtype=np.float32)
    for rows in (values, others):
        assert np.array_equal(again.transform(rows), fitted.transform(rows))


def test_one_kind_alone() -> None:
    _, values = mixed()
    for at, column in enumerate(mixed()[0].layout.columns):
        alone = ColumnTransformers.of([column], None)
        fitted = alone.fitted(values[:20, [at]], np.zeros(20))
        assert len(fitted.transform(values[:, [at]])) == 30
        assert alone.with_learnt(json.loads(json.dumps(fitted.learnt()))).by_column(values[:, [at]]).shape == (30, 1)
