"""Rows of numbers from any file: columns, missing and infinite values, and what is fitted to each seed's rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer, StandardScaler

from seedbed.data.feature_csv import FeatureCsv
from seedbed.data.splits import Rows
from seedbed.errors import ConfigError, DataError
from seedbed.imbalance.base import Strategy
from seedbed.imbalance.text_augment import TextAugment
from seedbed.tasks.classification import Classification


@pytest.fixture
def load(tmp_path):
    """Load ``content`` as a file of features."""

    def load(content: str, name="patients.csv", **settings):
        path = tmp_path / name
        path.write_text(content)
        return FeatureCsv(path=str(path), **{"label": "y", **settings}).load()

    return load


ROWS = "a,b,y\n1,10,no\n2,20,no\n1,10,yes\n4,40,no\n-0.0,5,yes\n0,5,yes\n"


def refused(load, *arguments, error=DataError, **settings) -> str:
    with pytest.raises(error) as caught:
        load(*arguments, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_table_of_features(load):
    table = load(ROWS)
    assert (table.features.dtype, table.inputs.width, table.preparation, table.texts) == (np.float32, 2, None, None)
    assert table.features.tolist() == [[1, 10], [2, 20], [1, 10], [4, 40], [0, 5], [0, 5]]
    assert (table.classes, table.labels.tolist()) == (("no", "yes"), [0, 0, 1, 0, 1, 1])
    assert table.groups.tolist() == [0, 1, 0, 2, 3, 3], "equal rows stay on one side of a split"
    assert table.counts == {
        "rows": 6,
        "rows_no": 3,
        "rows_yes": 3,
        "duplicates": 2,
        "label_conflicts": 1,
        "features": 2,
        "rows_in_file": 6,
    }


# ---- columns ---------------------------------------------------------------------------------------------------------


def test_columns_are_chosen(load):
    assert load(ROWS, features=["b"]).features[:2].tolist() == [[10], [20]]
    assert load(ROWS, features=["b", "a"]).features[:2].tolist() == [[10, 1], [20, 2]]
    assert load(ROWS, exclude=["a"]).features[:2].tolist() == [[10], [20]]


def test_a_row_number_without_a_name_is_no_feature(load):
    table = load(",a,y\n0,1,0\n1,2,1\n")
    assert table.features.tolist() == [[1], [2]]
    assert "columns without a name" in table.notes[1]


def test_a_file_that_says_what_is_to_be_predicted_needs_no_label(load):
    content = "@relation r\n@attribute y {p,n}\n@attribute a real\n@attribute b real\n@outputs y\n@data\np,1,2\nn,3,4\n"
    table = load(content, label=None)
    assert (table.classes, table.columns, table.features.tolist()) == (("n", "p"), ("a", "b"), [[1, 2], [3, 4]])
    assert "data.label is not set: it is 'y', which @outputs names." in table.notes
    assert "data.label is not set: name the column" in refused(
        load, content.replace("@outputs y", "@outputs y, a"), label=None, error=ConfigError
    )
    message = refused(load, content.replace("3,4", "3,x"), label=None)
    assert "'b' (such as 'x' in line 8)" in message


def test_columns_by_number(load):
    assert load("1,2,a\n3,4,b\n", header=False, label=2, exclude=[0]).features.tolist() == [[2], [4]]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"label": None}, ConfigError, "data.label is not set"),
        ({"label": "Y"}, DataError, "data.label=Y"),
        ({"features": ["bb"]}, DataError, "data.features=bb"),
        ({"exclude": ["c"]}, DataError, "data.exclude=c"),
        ({"features": ["y"]}, ConfigError, "names y, which is data.label"),
        ({"exclude": ["a", "b"]}, ConfigError, "leave no feature"),
        ({"features": []}, ConfigError, "leave no feature"),
    ],
)
def test_columns_that_cannot_be(load, settings, error, message):
    said = refused(load, ROWS, error=error, **settings)
    assert message in said
    assert "'a', 'b', 'y'" in said or "which is" in said


# ---- values ----------------------------------------------------------------------------------------------------------


def test_columns_that_are_not_numeric_are_named_with_the_remedy(load):
    message = refused(load, "a,city,b,y\n1,Rome,x,0\n2,,3,1\n")
    assert "'city' (such as 'Rome' in line 2: 1 different text in 1 row), 'b' (such as 'x' in line 2)" in message
    assert "data.exclude=[city,b]" in message
    assert load("a,city,b,y\n1,Rome,x,0\n2,,3,1\n", exclude=["city", "b"]).inputs.width == 1


def test_the_remedy_holds_what_is_left_out_already_and_fits_a_shell(load):
    message = refused(load, "a,home town,b,y\n1,Rome,x,0\n2,Paris,3,1\n", exclude=["b"])
    assert "\"data.exclude=[b,'home town']\"" in message


def test_decimal_commas(load):
    content = "a;y\n1,5;0\n2,25;1\n"
    assert "data.decimal=comma" in refused(load, content, decimal="point")
    given, found = load(content, decimal="comma"), load(content)
    assert given.features.tolist() == found.features.tolist() == [[1.5], [2.25]]
    assert (given.made_with, found.made_with) == ({}, {"decimal": "comma"}), "found, it has a fingerprint of its own"
    assert len(found.notes) == len(given.notes) + 1
    assert "decimal comma (found" in found.notes[1]


@pytest.mark.parametrize(
    ("content", "features"),
    [
        ("a\tb\ty\n1\t1,500\t0\n2\t0,25\t1\n", [[1, 1.5], [2, 0.25]]),  # 0,25 shows what 1,500 is
        ('a,b,y\n"1,5",1e3,0\n"2,5",,1\n"2,75",NA,1\n"4,5",-1e-3,1\n', [[1.5, 1e3], [4.5, -1e-3]]),
        ("a;b;y\n1.500;1e-3;0\n2.5;3;1\n", [[1.5, 1e-3], [2.5, 3]]),
    ],
)
def test_the_decimal_sign_is_found(load, content, features):
    assert load(content).features == pytest.approx(np.array(features, np.float32))


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("a;y\n1,500;0\n2,250;1\n3;1\n", ["column 'a' has '1,500' in line 2", "data.decimal=comma", "take it out"]),
        ("a;b;y\n1,5;1.5;0\n2,5;2;1\n", ["'a' has '1,5' in line 2", "'b' '1.5' in line 2", "in one way"]),
        ("a;y\n1,5;0\n2;1\n2.5;1\n", ["'a' has '1,5' in line 2", "'a' '2.5' in line 4", "in one way"]),
        ("a;b;y\n1,5;Rome;0\n2,5;Oslo;1\n", ["not numeric: 'b' (such as 'Rome' in line 2", "data.exclude=[b]"]),
        ("a;y\n1,5;0\nfew;1\n", ["'a' (such as '1,5' in line 2)"]),
    ],
)
def test_a_decimal_sign_that_cannot_be_told(load, content, parts):
    message = refused(load, content)
    assert [part for part in parts if part not in message] == [], message


def test_numbers_are_read_as_in_ratings(load):
    message = refused(load, "a;y\n1;0\n2;1\nx_9;0\n")
    assert "'a' (such as 'x_9' in line 4)" in message
    assert "data.missing_values=[x_9]" in message
    table = load("a;y\n1;0\n2;1\n-;0\nN.A.;1\n3;0\n")
    assert (table.features.tolist(), table.counts["dropped_with_missing"]) == ([[1], [2], [3]], 2)
    for value in ("1_000", "1 000", "٣", "50%", "4/5"):
        assert repr(value) in refused(load, f"a;y\n1;0\n2;1\n{value};0\n")


def test_values_that_stand_for_none(load):
    content = "a,b,y\n1,99,0\n2,3,1\n-1,4,0\n4,none given,1\n5,6,0\n"
    table = load(content, missing_values=[-1, 99, "None given"])
    assert table.features.tolist() == [[2, 3], [5, 6]]
    assert "3 values are taken as missing (data.missing_values=[-1,99,None given])." in table.notes
    assert load(content, missing_values=[99, "none given"], missing="median").counts["rows"] == 5


def test_labels_go_by_the_same_rules_as_those_of_texts(load):
    content = "a,y\n" + "".join(f"{row},{label}\n" for row, label in enumerate(["x", "X", "x", "z", "z", "q"]))
    table = load(content, join_labels=True, drop_classes=["q"], positive="x")
    assert (table.classes, table.counts["rows_in_file"], table.counts["dropped_of_classes"]) == (("x", "z"), 6, 1)
    assert (table.minority, table.positive) == (1, 0)
    assert table.dropped_classes == ("q",)


GAPS = "a,b,y\n1,,0\n2,4,1\n,NA,0\n4,8,1\n5,?,\n"


def test_rows_with_a_missing_value_are_dropped_and_counted(load):
    table = load(f"{GAPS}6,9,0\n")
    assert table.features.tolist() == [[2, 4], [4, 8], [6, 9]]
    assert (table.counts["dropped_with_missing"], table.counts["dropped_without_label"]) == (2, 1)
    assert "2 rows left out: a missing value (data.missing=drop)." in table.notes
    assert "values_filled" not in table.counts


@pytest.mark.parametrize(("missing", "value"), [("median", 4), ("mean", 5)])
def test_missing_values_come_from_training_rows_alone(load, missing, value):
    table = load("a,y\n,0\n1,0\n4,1\n10,1\n1000,0\n", missing=missing)
    assert table.inputs.width == 1
    assert table.counts["values_filled"] == 1
    said = f"1 missing value in 1 column is filled with the {missing} of each seed's training rows (data.missing={missing})."
    assert said in table.notes
    prepared = table.preparation.fit(table, np.array([1, 2, 3]))
    assert prepared.features.ravel().tolist() == [value, 1, 4, 10, 1000]


def test_a_column_that_is_empty_in_a_seed_s_training_rows_stays(load):
    table = load("a,b,y\n1,,0\n2,,1\n3,7,0\n", missing="median")
    assert table.preparation.fit(table, np.array([0, 1])).features.tolist() == [[1, 0], [2, 0], [3, 7]]


def test_nothing_is_left(load):
    message = refused(load, "a,b,y\n1,,0\n,2,1\n,3,1\n")
    assert "no row is left" in message
    assert "data.missing=median" in message
    assert "data.exclude=[a]" in message


def test_a_column_without_any_value(load):
    assert "data.exclude=[b]" in refused(load, "a,b,y\n1,,0\n2,,1\n", missing="mean")
    assert "data.exclude=[b]" in refused(load, '{"a":1,"b":null,"y":0}\n{"a":2,"b":null,"y":1}\n', "a.jsonl")


@pytest.mark.parametrize("value", ["inf", "-inf", "1e39"])
def test_infinite_values_name_column_and_record(load, value):
    message = refused(load, f"a,b,y\n1,2,0\n3,{value},1\n")
    for part in ("column 'b'", "line 3", "data.exclude=[b]"):
        assert part in message


def test_values_with_types(tmp_path):
    numbers = pd.array([1, None, 3, 4], dtype="Int64")
    frame = pd.DataFrame({"a": numbers, "b": [True, False, True, False], "y": pd.Categorical([*"uvuv"])})
    frame.to_parquet(tmp_path / "a.parquet")
    table = FeatureCsv(path=str(tmp_path / "a.parquet"), label="y").load()
    assert (table.features.tolist(), table.classes) == ([[1, 1], [3, 1], [4, 0]], ("u", "v"))


def test_labels_are_read_as_they_stand(load):
    assert load("a,y\n1,NA\n2,01\n3,NA\n4,01\n").classes == ("01", "NA")


# ---- scaling ---------------------------------------------------------------------------------------------------------

WIDE = "a,b,c,y\n" + "".join(f"{row},{row * row % 7},3,{row % 2}\n" for row in range(12))


def test_the_scaler_is_fitted_to_training_rows_alone(load):
    table = load(WIDE, scaler=StandardScaler())
    train = np.array([0, 1, 2, 3])
    features = table.preparation.fit(table, train).features
    expected = StandardScaler().fit(table.features[train]).transform(table.features)
    assert features.dtype == np.float32
    assert np.allclose(features, expected)
    assert not features[:, 2].any(), "a constant column is 0, not NaN"


def test_each_seed_trains_on_what_was_fitted_to_its_own_rows(load):
    table = load(WIDE, scaler=StandardScaler())
    for train in (np.arange(6), np.arange(6, 12)):
        rest = np.setdiff1d(np.arange(12), train)
        data = Classification.seed_data(table, Rows(train, rest[:3], rest[3:]), Strategy(), seed=0)
        assert np.allclose(data.features[train].mean(axis=0), 0, atol=1e-6)


def test_a_scaler_may_change_the_number_of_columns(load):
    assert load(WIDE, scaler=PCA(n_components=2)).inputs.width == 2


def test_a_scaler_may_look_at_training_labels(load):
    table = load("a,b,y\n0,1,u\n1,2,u\n7,1,v\n8,2,v\n0,9,v\n", scaler=SelectKBest(k=1))
    assert table.preparation.fit(table, np.arange(4)).features.ravel().tolist() == [0, 1, 7, 8, 0]


def test_a_scaler_must_give_every_seed_as_many_columns(load):
    table = load("a,b,y\n0,0,u\n1,0,v\n2,0,u\n0,9,v\n", scaler=PCA(n_components=0.999))
    with pytest.raises(ConfigError, match="1 columns for the training rows of one seed and 2 for all rows"):
        table.preparation.fit(table, np.arange(3))


def test_a_scaler_that_draws_is_repeatable(load):
    scaler = QuantileTransformer(n_quantiles=4, subsample=8)
    first, again = (load(WIDE, scaler=scaler) for _ in range(2))
    train = np.arange(12)
    assert np.array_equal(first.preparation.fit(first, train).features, again.preparation.fit(again, train).features)


@pytest.mark.parametrize(
    ("scaler", "message"),
    [
        (FunctionTransformer(lambda x: np.full_like(x, np.inf)), "not finite numbers"),
        (PCA(n_components=9), "cannot transform"),
        ("std", "str is no"),
    ],
)
def test_scalers_that_cannot_be(load, scaler, message):
    assert message in refused(load, WIDE, error=ConfigError, scaler=scaler)


# ---- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{"missing": "mode"}, {"decimal": ","}, {"path": None}, {"quoting": "no"}])
def test_settings_that_cannot_be(settings):
    with pytest.raises(ConfigError, match=f"data.{next(iter(settings))}"):
        FeatureCsv(**{"path": "patients.csv", "label": "y", **settings})


def test_features_are_no_texts_to_augment(load):
    with pytest.raises(ConfigError, match="no texts"):
        Classification.seed_data(
            load(ROWS), Rows(np.arange(4), np.arange(4, 5), np.arange(5, 6)), TextAugment(), seed=0
        )
