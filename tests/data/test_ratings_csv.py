"""Ratings from any file: ids, rows that are left out and counted, timestamps, and errors that name the key."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies

from seedbed.data.ratings_csv import RatingsCsv, _named
from seedbed.data.sources import sha256
from seedbed.data.splits import Rows
from seedbed.errors import ConfigError, DataError
from seedbed.imbalance.base import Strategy
from seedbed.tasks.rating import Rating
from seedbed.tasks.retrieval import Retrieval

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
    bad = ",tea,3,1\nbob,  ,3,1\nbob,x,-,1\nbob,y,NaN,1\nbob,z,n/a,1\n,,,\nann,tea,4,None\n"
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
    assert "3 rows left out: no rating." in table.notes
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
    with pytest.raises(DataError, match=r"data.rating=stars: no row .* 2 rows of 2 have no rating; .*'NA', ''"):
        load("who,what,stars\na,b,NA\nc,d,\n")
    with pytest.raises(DataError, match=r"data.rating=stars: 2 of 2 .*'good' in record 1.*name another"):
        load("who,what,stars\na,b,good\nc,d,bad\n")
    with pytest.raises(DataError, match=r"data.timestamp=when: .*'soon'.*ISO 8601"):
        load("who,what,stars,when\na,b,1,soon\n", timestamp="when")
    with pytest.raises(ConfigError, match=r"data\.path is not set"):
        RatingsCsv()


# ---- numbers ---------------------------------------------------------------------------------------------------------


def column(*values: str, count: int = 0) -> str:
    """A file of ratings with these values, after ``count`` good ones."""
    stars = ["4"] * count + list(values)
    return "\n".join(["who;what;stars", *(f"u{row % 7};i{row};{value}" for row, value in enumerate(stars))]) + "\n"


def test_decimal_commas_are_no_missing_values(load):
    written = column(*["3,5"] * 90, count=30)
    with pytest.raises(DataError, match=r"90 of 120 .*'3,5' in record 31\. .*data\.decimal=comma"):
        load(written)
    table = load(written, decimal="comma")
    assert (table.ratings[-1], table.counts["rows"]) == (3.5, 120)


@pytest.mark.parametrize("value", ["4/5", "4 stars", "★★★★", "2024-01-05", "1.234,5", "50%", "$5", "1 000", "٣", "５", "true", "0x1F", "1_0", "inf", "1e99"])  # fmt: skip
def test_what_is_no_number_is_named_with_a_remedy_that_works(load, value):
    with pytest.raises(DataError, match="can't be read as numbers") as error:
        load(column(value, value, count=50))
    assert f"{value!r} in record 51" in str(error.value)
    assert "data.missing_values=" in str(error.value)
    table = load(column(value, value, count=50), missing_values=[value])
    assert (table.counts["rows"], table.counts["dropped_without_rating"]) == (50, 2)


def test_a_few_unreadable_ratings_are_counted_apart_from_missing_ones(load):
    table = load(column("4 stars", "", "NA", count=500))
    assert (table.counts["dropped_unreadable_rating"], table.counts["dropped_without_rating"]) == (1, 2)
    assert "1 row left out: a rating that can't be read ('4 stars' in record 501)." in table.notes


def test_numbers_with_a_type_of_their_own_have_no_decimal_comma(load):
    lines = "".join(f'{{"who": "u{row}", "what": "i", "stars": {row}.5}}\n' for row in range(3))
    assert load(lines, "r.jsonl", decimal="comma").ratings.tolist() == [0.5, 1.5, 2.5]


def test_values_that_stand_for_no_rating(load):
    written = column(*map(str, range(1, 11)), "-1", "99", "99.0")
    table = load(written)
    hint = "Among ratings from 1 to 10, -1 (1 row) and 99 (2 rows) may stand for no rating. They count as ratings; data.missing_values=[-1,99] takes them as missing."
    assert hint in table.notes
    table = load(written, missing_values=[-1, 99])
    assert (table.rating_range, table.counts["dropped_without_rating"]) == ((1, 10), 3)
    assert "3 values are taken as missing (data.missing_values=[-1,99])." in table.notes
    for wrong in (99, "99", [[1]], {"a": 1}):
        with pytest.raises(ConfigError, match=r"data\.missing_values"):
            load(written, missing_values=wrong)


def test_timestamps_that_cannot_be_read(load):
    with pytest.raises(DataError, match=r"data\.timestamp=when: 1 of 3 .*'soon' in record 2.*ISO 8601"):
        load("who,what,stars,when\na,b,1,1\na,c,1,soon\na,d,1,3\n", timestamp="when")
    with pytest.raises(DataError, match=r"data\.timestamp=when.*data\.decimal=comma"):
        load("who;what;stars;when\na;b;1;1,5\na;c;1;2,5\n", timestamp="when")
    table = load("who;what;stars;when\na;b;1;1,5\na;c;1;2,5\n", timestamp="when", decimal="comma")
    assert table.timestamps.tolist() == [1, 2]


# ---- names -----------------------------------------------------------------------------------------------------------


def test_names_that_look_equal_are_one(load):
    table = load("who,what,stars\nRené,tea,1\nRene\u0301,milk,2\nRené\u200b,ale,3\nrené,ale,3\n\u200b,tea,4\n")
    assert table.user_names == ("René", "rené"), "letter case is kept apart"
    assert (table.counts["joined_user_names"], table.counts["dropped_without_user"]) == (2, 1)
    assert any("2 users differ from another one only in invisible characters" in note for note in table.notes)
    assert table.made_with == {"look-alikes": "joined"}
    assert load(ROWS).made_with == {}, "the fingerprints of other files stay"


def test_ids_keep_their_zeros_and_signs(load):
    table = load("who,what,stars\n7,a,1\n007,a,2\n7.0,b,3\n+7,a,1\n")
    assert table.user_names == ("+7", "007", "7")


def test_names_with_unseen_characters_are_one_user(examine):
    name = strategies.text(strategies.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=6)

    def holds(names, at, character):
        twins = [*names, *(one[: at % len(one)] + character + one[at % len(one) :] for one in names)]
        found = _named(twins)
        assert found.codes[: len(names)].tolist() == found.codes[len(names) :].tolist()

    unseen = strategies.sampled_from(["\u200b", "\ufeff", "\u00ad", "\u2060"])
    examine(holds, names=strategies.lists(name, min_size=1), at=strategies.integers(0, 5), character=unseen)


# ---- interactions ----------------------------------------------------------------------------------------------------


def test_without_a_column_of_ratings_each_row_is_an_interaction(load):
    table = load(ROWS, rating=None)
    assert table.ratings.tolist() == [1, 1, 1]
    assert any("each row counts as one interaction" in note for note in table.notes)
    assert "data.rating is not set: name the column" in table.unrated
    assert "'who', 'what', 'stars', 'when'" in table.unrated
    assert load(ROWS).unrated == ""


def test_tasks_that_predict_ratings_need_them(load):
    table = load(ROWS, rating=None)
    rows = Rows(np.array([0, 1]), np.array([2]), np.array([], dtype=int))
    with pytest.raises(ConfigError, match=r"data\.rating is not set.*task=retrieval"):
        Rating.check(table, rows, Strategy())
    Retrieval.check(table, rows, Strategy())


def test_texts_that_stand_for_no_user_are_left_out_and_numbers_are_users(load):
    table = load("who,what,stars\nnan,tea,1\n99,tea,2\nbob,tea,99\nbob,milk,-0\n", missing_values=["nan", 99])
    assert table.user_names == ("99", "bob")
    assert "1 row left out: no user." in table.notes
    assert not np.signbit(table.ratings).any()


def test_values_that_are_all_unreadable_are_not_called_missing(load):
    with pytest.raises(DataError, match="Is that the column") as error:
        load("who,what,stars\na,b,4/5\na,c,3/5\n")
    assert "missing_values" not in str(error.value)
