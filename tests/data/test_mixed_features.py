"""What a network sees of numbers and categories: fitted to training rows alone, of one width, the same from JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from imblearn.over_sampling import SMOTENC
from sklearn.base import clone
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from seedbed.data.columns import Column
from seedbed.data.feature_csv import FeatureCsv
from seedbed.data.fitted import transformer_of
from seedbed.data.mixed_features import ColumnTransformers, OneHot
from seedbed.data.splits import Rows
from seedbed.imbalance.resample import Resample
from seedbed.randomness import derive
from seedbed.tasks.classification import Classification


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


def test_smote_nc_sees_scaled_numbers_and_categories_of_the_training_rows_alone(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    lines = [
        f"{draw.normal(row % 4 == 0):.3f},{draw.choice(['Rome', 'Oslo', 'Bonn', ''])},{'ill' if row % 4 == 0 else 'well'}"
        for row in range(80)
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["age,city,state", *lines]))
    data = FeatureCsv(path=str(tmp_path / "rows.csv"), label="state", missing="median", scaler=StandardScaler())
    table, train = data.load(), np.arange(60)
    rows = Rows(train, np.arange(60, 70), np.arange(70, 80))
    found = Classification.seed_data(table, rows, Resample(SMOTENC("auto", k_neighbors=3)), 7)
    ages = table.features[:, [0]]
    scaled = StandardScaler().fit(ages[train]).transform(ages)
    codes = np.nan_to_num(table.features[:, [1]], nan=3)
    own = SMOTENC([1], k_neighbors=3, random_state=derive(7, "resample") % 2**32)
    made, labels = own.fit_resample(np.concatenate([scaled, codes], axis=1)[train], table.labels[train])
    assert found.resampled.labels is not None
    assert found.resampled.labels.tolist() == labels[60:].tolist() == [0] * 30
    expected = np.concatenate([made[60:, :1], made[60:, 1:] == np.arange(4), np.zeros((30, 1))], axis=1)
    assert np.array_equal(found.resampled.features, expected.astype(np.float32))  # type: ignore[arg-type]
