"""Ratings from any file: ids, rows that are left out and counted, timestamps, and errors that name the key."""

import numpy as np
import pandas as pd
import pytest

from seedbed.data.ratings_csv import RatingsCsv
from seedbed.data.sources import sha256
from seedbed.errors import ConfigError, DataError

COLUMNS = {"user": "who", "item": "what", "rating": "stars"}
ROWS = "who,what,stars,when\nbob,tea,3.5,20\nann,milk,5,10\nbob,milk,1,30\n"


@pytest.fixture
def load(tmp_path):
    """Load ``content`` as a file of ratings."""

    def load(content: str, name="reviews.csv", **settings):
        (tmp_path / name).write_text(content)
        return RatingsCsv(path=str(tmp_path / name), **{**COLUMNS, **settings}).load()

    return load


def test_a_table_of_ratings(load, tmp_path):
    table = load(ROWS, timestamp="when")
    assert (table.user_names, table.item_names) == (("ann", "bob"), ("milk", "tea"))
    assert (table.users.tolist(), table.items.tolist()) == ([2, 1, 2], [2, 1, 1])
    assert (table.ratings.tolist(), table.timestamps.tolist()) == ([3.5, 5, 1], [20, 10, 30])
    assert table.counts == {"rows_in_file": 3, "rows": 3, "users": 2, "items": 2}
    assert (table.name, table.digest) == ("reviews", sha256(tmp_path / "reviews.csv"))
    kinds = [values.dtype for values in (table.users, table.items, table.ratings, table.timestamps)]
    assert kinds == [np.int32, np.int32, np.float32, np.int32]
    assert "read as delimited text" in table.notes[0]
    assert load(ROWS).timestamps is None


def test_whole_numbers_are_sorted_by_value(load):
    table = load("who,what,stars\n10,b2,1\n9,b10,1\n900,b2,1\n")
    assert (table.user_names, table.item_names) == (("9", "10", "900"), ("b10", "b2"))
    assert (table.users.tolist(), table.user_rows) == ([2, 1, 3], 4)


def test_ids_are_cleaned(load):
    table = load("who,what,stars\n 1.0 ,a,1\n1,b,2\n2,a ,3\n")
    assert (table.user_names, table.item_names) == (("1", "2"), ("a", "b"))
    assert table.users.tolist() == [1, 1, 2]


def test_rows_without_what_is_needed_are_left_out_and_counted(load):
    bad = ",tea,3,1\nbob,  ,3,1\nbob,x,good,1\nbob,y,NaN,1\nbob,z,inf,1\n,,,\nann,tea,4,never\n"
    table = load(ROWS + bad, timestamp="when")
    assert table.ratings.tolist() == [3.5, 5, 1]
    dropped = {"dropped_without_user": 2, "dropped_without_item": 1, "dropped_without_rating": 3}
    assert table.counts == {
        "rows_in_file": 10,
        **dropped,
        "dropped_without_timestamp": 1,
        "rows": 3,
        "users": 2,
        "items": 2,
    }
    assert "3 rows left out: no rating, or none that is a finite number." in table.notes
    assert table.item_names == ("milk", "tea"), "items of rows that are left out are not in the vocabulary"


def test_the_latest_of_several_ratings_stays(load):
    repeats = "who,what,stars,when\nu1,i1,5,2\nu1,i1,3,1\nu1,i2,4,1\n"
    table = load(repeats, timestamp="when")
    assert (table.ratings.tolist(), table.counts["duplicates_dropped"]) == ([5, 4], 1)
    assert load(repeats).ratings.tolist() == [3, 4], "without timestamps, the last in the file"
    assert load(repeats, duplicates="keep").counts["duplicates_kept"] == 1


def test_timestamps_may_be_dates(load):
    table = load("who,what,stars,when\na,b,1,1970-01-02\na,c,1,1970-01-01T00:01:00Z\n", timestamp="when")
    assert table.timestamps.tolist() == [86_400, 60]


def test_other_formats(load, tmp_path):
    tsv = load("a\tb\t4.5\n", name="reviews.tsv", user=0, item=1, rating=2, header=False)
    assert (tsv.user_names, tsv.ratings.tolist()) == (("a",), [4.5])
    lines = load('{"who": 7, "what": "x", "stars": 2}\n{"who": 8, "what": "x", "stars": null}\n', name="r.jsonl")
    assert (lines.user_names, lines.counts["dropped_without_rating"]) == (("7",), 1)
    path = tmp_path / "reviews.parquet"
    when = pd.to_datetime(["1970-01-01 00:00:05", "1970-01-01 00:00:07.5"], format="ISO8601")
    pd.DataFrame({"who": [1, 2], "what": ["x", "y"], "stars": [1.5, 2], "when": when}).to_parquet(path)
    table = RatingsCsv(path=str(path), timestamp="when", **COLUMNS).load()
    assert (table.ratings.tolist(), table.timestamps.tolist()) == ([1.5, 2], [5, 7])


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"rating": "star"}, DataError, "data.rating=star: .* no such column, did you mean 'stars'"),
        ({"timestamp": "then"}, DataError, "data.timestamp=then: .* no such column"),
        ({"item": None}, ConfigError, "data.item is not set: .*'who', 'what', 'stars', 'when'"),
        ({"item": "who"}, ConfigError, "data.user=who, data.item=who, .* two of them are one column"),
        ({"duplicates": "first"}, ConfigError, "data.duplicates=first"),
        ({"rating": "what"}, ConfigError, "two of them are one column"),
    ],
)
def test_wrong_columns_are_named(load, settings, error, said):
    with pytest.raises(error, match=said):
        load(ROWS, **settings)


def test_a_file_without_any_good_row_is_refused(load):
    with pytest.raises(DataError, match=r"data.rating=stars: no row .* 2 rows of 2 have no rating; .*'good', 'bad'"):
        load("who,what,stars\na,b,good\nc,d,bad\n")
    with pytest.raises(DataError, match=r"data.timestamp=when: .*'soon'.*ISO 8601"):
        load("who,what,stars,when\na,b,1,soon\n", timestamp="when")
    with pytest.raises(ConfigError, match=r"data\.path is not set"):
        RatingsCsv()
