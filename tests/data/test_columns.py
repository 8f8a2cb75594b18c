"""Columns that are no numbers: what they are taken for, by their values and by data.columns, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from seedbed.data.columns import Column, ColumnKinds
from seedbed.data.feature_csv import FeatureCsv
from seedbed.data.files.reading import Declared, Reading
from seedbed.data.files.records import open_records
from seedbed.data.network_inputs import EncodedColumns, Vectors
from seedbed.data.numbers import MissingValues
from seedbed.data.table import Table
from seedbed.errors import SeedbedError

Load = Callable[..., Table]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load columns as a file of features: ``load(city=[...], age=[...])``; labels take turns where none are given."""

    def load(settings: dict[str, Any] | None = None, **columns: list[Any]) -> Table:
        rows = len(next(iter(columns.values())))
        columns.setdefault("label", [*"uv"] * rows)
        lines = [";".join(columns), *(";".join(map(str, row)) for row in zip(*columns.values(), strict=False))]
        (tmp_path / "rows.csv").write_text("\n".join(lines))
        return FeatureCsv(
            path=str(tmp_path / "rows.csv"), label="label", delimiter="semicolon", **settings or {}
        ).load()

    return load


def kinds(table: Table) -> dict[str, str]:
    """The kinds of the columns that are no numbers."""
    columns = [] if table.preparation is None else table.preparation.transformers.layout.columns  # type: ignore[attr-defined]
    return {column.name: column.kind for column in columns if column.kind != "number"}


def refused(load: Load, *arguments: Any, **columns: list[Any]) -> str:
    with pytest.raises(SeedbedError) as error:
        load(*arguments, **columns)
    assert "\n" not in str(error.value)
    return str(error.value)


# ---- what is found ---------------------------------------------------------------------------------------------------

CITIES = ["Rome", "Oslo", "Rome", "Oslo"]


def test_kinds_are_found_and_said(load: Load) -> None:
    table = load(city=CITIES, age=[1, 2.5, 3, 4], smoker=["Yes", "no", "yes", "no"], won=["True", "False"] * 2)
    assert kinds(table) == {"city": "category", "smoker": "boolean", "won": "boolean"}
    assert table.features.tolist() == [[1, 1, 1, 1], [0, 2.5, 0, 0], [1, 3, 1, 1], [0, 4, 0, 0]]
    assert table.columns == ("city", "age", "smoker", "won")
    assert (
        "Columns taken as categories: city (2 values); as booleans: smoker (no/yes), won (false/true). Another kind: "
        "data.columns.NAME=number, category or boolean." in table.notes
    )
    assert table.inputs == EncodedColumns(width=6, numbers=1, categories=3)


def test_equal_rows_are_equal_in_all_columns(load: Load) -> None:
    table = load(city=["Rome", "Oslo", "Rome", "Rome\u200b"], age=[1, 1, 1, 1])
    assert table.groups.tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    "values",
    [
        ["20-29", "30-39", "30-39", "20-29"],
        ["Q1", "Q2", "Q2", "Q1"],
        ["[0-10)", "[10-20)", "[0-10)", "[10-20)"],
        ["1 year", "10+ years", "1 year", "10+ years"],
        ["f", "m", "m", "f"],
        ["none", "some", "none", "some"],
    ],
)
def test_texts_that_are_no_numbers_are_categories(load: Load, values: list[str]) -> None:
    assert kinds(load(a=values)) == {"a": "category"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["1.5", "2", "x", "2"], "'a' (such as 'x' in line 4)"),
        (["x", "y", "x", "7"], "'a' (such as 'x' in line 2)"),
        (["1,500", "2,250", "1,500", "2,250"], "data.decimal=comma"),
        (["1.000,5", "x", "x", "1.000,5"], "not numeric: 'a'"),
        (["1 000", "2 000"] * 2, "not numeric: 'a'"),
        (["50%", "60%"] * 2, "not numeric: 'a'"),
        (["$5", "$7"] * 2, "not numeric: 'a'"),
        (["5 €", "7 €"] * 2, "not numeric: 'a'"),
        (["(5)", "(7)"] * 2, "not numeric: 'a'"),
        (["1e39", "x"] * 2, "not numeric: 'a'"),
        (["4/5", "3/5"] * 2, "not numeric: 'a'"),
        (["٣", "٤"] * 2, "not numeric: 'a'"),
        (["5 kg", "7 kg"] * 2, "'5 kg' in line 2: numbers with a unit)"),
        (["2020-01-31", "2020-02-01"] * 2, "dates)"),
        (["31.12.2020", "1.1.2021"] * 2, "such as the days since a date"),
        (["10:30", "11:45"] * 2, "dates)"),
        (["ab", "cd", "ef", "ab"], "3 different texts in 4 rows). Leave them out with data.exclude=[a]"),
        (["ab", "cd", "ef", "ab"], "or train on the texts: data=text_csv"),
    ],
)
def test_what_may_be_numbers_and_what_nearly_always_differs_is_refused(
    load: Load, values: list[str], said: str
) -> None:
    assert said in refused(load, a=values)


def test_numbers_that_are_categories_have_to_be_called_so(load: Load) -> None:
    said = refused(load, doors=["2", "3", "5more"] * 4)
    assert "data.columns.doors=category" in said
    table = load({"columns": {"doors": "category"}}, doors=["2", "10", "5more"] * 4)
    assert table.preparation.transformers.layout.columns[0].values == ("2", "10", "5more")  # type: ignore[union-attr]
    assert "'data.columns={my doors: category}'" in refused(load, **{"my doors": ["2", "3", "5more"] * 4})


def test_a_file_of_numbers_is_read_as_before(load: Load) -> None:
    table = load({"scaler": StandardScaler()}, a=[1, 2, 3, 4], won=["True", "False"] * 2)
    assert table.inputs == Vectors(2)
    assert not [note for note in table.notes if note.startswith("Columns taken")]
    assert table.features.tolist() == [[1, 1], [2, 0], [3, 1], [4, 0]]
    assert table.made_with == {}


# ---- what is set -----------------------------------------------------------------------------------------------------


def test_kinds_are_set(load: Load) -> None:
    sizes = ["small", "large", "medium", "small"]
    settings = {"columns": {"zip": "category", "size": ["small", "medium", "large"], "flag": "boolean"}}
    table = load(settings, zip=["01", "1.0", "1", "01"], size=sizes, flag=[1, 0, 0, 1])
    assert kinds(table) == {"zip": "category", "size": "ordered", "flag": "boolean"}
    assert table.features.tolist() == [[0, 0, 1], [1, 2, 0], [1, 1, 0], [0, 0, 1]]
    assert any("as ordered: size (small < medium < large)" in note for note in table.notes)


def test_a_name_with_a_dot_in_it(load: Load) -> None:
    assert kinds(load({"columns": {"a": {"b": "category"}}}, **{"a.b": [1, 2, 1, 2]})) == {"a.b": "category"}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"city": "number"}, "not numeric: 'city' (such as 'Rome' in line 2)"),
        ({"city": "boolean"}, "data.columns.city: "),
        ({"city": "boolean"}, "'Rome' in line 2, which is none of true/false, yes/no, t/f, 1/0"),
        ({"city": ["Rome", "Paris"]}, "'Oslo' in line 3, which is not in the order [Rome, Paris]"),
        ({"city": ["Rome", "Rome"]}, "an order has two values or more, each once"),
        ({"city": "categry"}, "data.columns.city=categry: there is no such kind of column, did you mean 'category'"),
        ({"city": "ordered"}, "give its values in their order, as in data.columns.city=[small,medium,large]"),
        ({"city": "date"}, "days since a day"),
        ({"citi": "category"}, "data.columns=citi: "),
        ({"citi": "category"}, "did you mean 'city'?"),
        ({"label": "category"}, "data.columns.label: 'label' is not a feature here"),
    ],
)
def test_settings_that_cannot_be(load: Load, columns: dict[str, Any], said: str) -> None:
    assert said in refused(load, {"columns": columns}, city=CITIES, age=[1, 2, 3, 4])


# ---- missing values --------------------------------------------------------------------------------------------------

GAPS = ["Rome", "", "Oslo", "NA", "Rome", "?", "Oslo", "Rome", "Oslo"]


def test_rows_without_a_category_are_dropped_as_those_without_a_number(load: Load) -> None:
    table = load(city=GAPS)
    assert (table.counts["rows"], table.counts["dropped_with_missing"]) == (6, 3)
    assert table.inputs.width == 3  # type: ignore[attr-defined]


def test_or_they_are_of_a_category_of_their_own(load: Load) -> None:
    table = load({"missing": "median", "missing_values": ["rome"]}, city=GAPS)
    assert np.isnan(table.features[:, 0]).sum() == 6
    assert "6 missing values in 1 column are taken as a category of their own (data.missing=median)." in table.notes
    assert "values_filled" not in table.counts
    assert "3 values are taken as missing (data.missing_values=[rome])." in table.notes
    assert table.inputs.width == 3, "Oslo, no value, any other"  # type: ignore[attr-defined]


def test_values_that_are_filled_are_counted_and_said(load: Load) -> None:
    smoker, age = ["yes", "", "no", "no"] * 2, [1, "", "", 2.5] * 2
    table = load({"missing": "mean"}, city=CITIES * 2, smoker=smoker, age=age)
    assert table.counts["values_filled"] == 6
    assert (
        "6 missing values in 2 columns are filled with the mean of each seed's training rows, booleans with the more "
        "frequent of both (data.missing=mean)." in table.notes
    )


def test_a_word_that_may_be_a_category_or_none_is_one_and_is_said(load: Load) -> None:
    notes = load(alcohol=["none", "much", "none", "much"]).notes
    assert any("'none' (2 rows) may stand for no value" in note and "[none]" in note for note in notes)


def test_categories_that_look_alike_are_said(load: Load) -> None:
    notes = load(city=["Rome", "rome", "Rome", "rome"]).notes
    assert any("look alike: 'Rome' (2 rows), 'rome' (2 rows)" in note for note in notes)


def test_categories_are_those_of_the_rows_that_are_left(load: Load) -> None:
    table = load(city=["Rome", "Oslo", "Bonn", "Bonn", "Rome", "Oslo"], label=["u", "v", "", "", "u", "v"])
    assert table.features.tolist() == [[1], [0], [1], [0]]
    assert table.preparation.transformers.layout.columns[0].values == ("Oslo", "Rome")  # type: ignore[union-attr]


# ---- types and declarations ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow", "rows.jsonl"])
def test_columns_with_types(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame(
        {
            "city": pd.Categorical([*CITIES, None, "Rome"]),
            "won": pd.array([True, False, None, True, False, True], dtype="boolean"),
            "age": [1.5, 2, 3, 4, 5, 6],
            "label": [*"uvuvuv"],
        }
    )
    write = {".parquet": frame.to_parquet, ".arrow": frame.to_feather, ".jsonl": lambda path: frame.to_json(path, orient="records", lines=True)}  # fmt: skip
    write[Path(name).suffix](tmp_path / name)
    table = FeatureCsv(path=str(tmp_path / name), label="label", missing="mean").load()
    assert kinds(table) == {"city": "category", "won": "boolean"}
    assert np.nan_to_num(table.features, nan=9).tolist() == [
        [1, 1, 1.5],
        [0, 0, 2],
        [1, 9, 3],
        [0, 1, 4],
        [9, 0, 5],
        [1, 1, 6],
    ]


def test_what_a_file_declares_counts_where_nothing_is_set(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b,c\n1,x,1\n2,y,2\n1,x,1\n2,y,2\n")
    records = open_records(path, Reading())
    records.declared = {0: Declared("nominal", ("1", "2")), 1: Declared("real"), 2: Declared("nominal", ("1", "2"))}
    frame = records.numbers([0, 1, 2])
    read = ColumnKinds({"c": "number"}).read(records, frame, "point", MissingValues())
    assert read.columns == {0: Column("a", "category", ("1", "2"))}
    assert read.numbers[1].unreadable.all(), "no categories, as the file says that these are numbers"
    assert read.made_with == {"columns": "declared"}
