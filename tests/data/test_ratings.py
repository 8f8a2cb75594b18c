"""The table of ratings: vocabularies, titles told apart, repeated pairs, and made-up ratings."""

import numpy as np
import pytest

from seedbed.data.ratings import RatingTable, check_duplicates, rating_table, told_apart, vocabulary
from seedbed.data.synthetic_ratings import SyntheticRatings
from seedbed.errors import ConfigError


def table_of(
    rows: list[tuple[int, int, float, int]], *, times: bool = True, duplicates: str = "latest", **more
) -> RatingTable:
    """A table of (user, item, rating, time), users and items by their rows."""
    users, items, ratings, timestamps = zip(*rows, strict=True)
    return rating_table(
        name="made_up",
        digest="",
        users=np.array(users, dtype=np.int32),
        items=np.array(items, dtype=np.int32),
        ratings=np.array(ratings, dtype=np.float32),
        timestamps=np.array(timestamps, dtype=np.int64) if times else None,
        user_names=tuple(f"u{n}" for n in range(1, max(users) + 1)),
        item_names=tuple(f"i{n}" for n in range(1, max(items) + 1)),
        duplicates=duplicates,
        counts={"rows_in_file": len(rows)},
        **more,
    )


def test_the_vocabulary_has_the_distinct_ids_only():
    rows, ids = vocabulary(np.array([900, 10, 2, 10], dtype=np.int32))
    assert (rows.dtype, rows.tolist(), ids.tolist()) == (np.int32, [3, 2, 1, 2], [2, 10, 900])


def test_equal_titles_are_told_apart():
    titles = ["Emma (1996)", "Heat (1995)", "Emma (1996)"]
    assert told_apart(titles, [11, 12, 13]) == ("Emma (1996) [11]", "Heat (1995)", "Emma (1996) [13]")


def test_what_a_table_says_of_itself():
    table = table_of([(1, 1, 3.5, 5), (2, 3, 0.5, 6)])
    assert (table.user_rows, table.item_rows, table.rating_range) == (3, 4, (0.5, 3.5))
    assert table.counts == {"rows_in_file": 2, "rows": 2, "users": 2, "items": 3}
    assert table.pair_numbers is None


@pytest.mark.parametrize(
    ("rows", "times", "left"),
    [
        ([(1, 1, 3, 1), (1, 1, 5, 2), (1, 2, 4, 1)], True, [5, 4]),
        ([(1, 1, 5, 2), (1, 1, 3, 1), (1, 2, 4, 1)], True, [5, 4]),  # the latest, not the last
        ([(1, 1, 5, 2), (1, 1, 3, 1), (1, 2, 4, 1)], False, [3, 4]),  # the last
        ([(1, 1, 5, 2), (1, 2, 4, 1), (1, 1, 3, 2), (1, 1, 1, 1)], True, [4, 3]),  # of equal times, the last
    ],
)
def test_of_several_ratings_the_latest_stays(rows, times, left):
    table = table_of(rows, times=times)
    assert table.ratings.tolist() == left
    assert table.counts["duplicates_dropped"] == len(rows) - 2
    assert "left out (data.duplicates=latest)" in table.notes[-1]


def test_all_ratings_may_be_kept():
    table = table_of([(1, 1, 3, 1), (1, 2, 4, 1), (1, 1, 5, 2)], duplicates="keep")
    assert table.ratings.tolist() == [3, 4, 5]
    assert table.pair_numbers.tolist() == [0, 1, 0]
    assert table.counts["duplicates_kept"] == 1
    assert table.notes == ("1 row of a user and an item that another row has too: kept (data.duplicates=keep).",)


def test_folds_have_the_numbers_of_the_rows_that_stay():
    folds = {"u1": np.array([0, 2]), "u2": np.array([1, 3])}
    table = table_of([(1, 1, 3, 1), (1, 1, 5, 2), (1, 2, 4, 1), (2, 1, 1, 1)], folds=folds)
    assert {fold: rows.tolist() for fold, rows in table.folds.items()} == {"u1": [1], "u2": [0, 2]}


def test_another_choice_is_refused():
    with pytest.raises(ConfigError, match=r"data.duplicates=last: .*did you mean 'latest'"):
        check_duplicates("last")


# ---- made-up ratings -------------------------------------------------------------------------------------------------

SMALL = {"ratings": 6000, "users": 200, "items": 120, "factors": 2, "noise": 0.1}


def test_made_up_ratings_have_the_shape_asked_for():
    table = SyntheticRatings(**SMALL).load()
    assert len(table.ratings) == len(table.users) == len(table.items) == len(table.timestamps) == 6000
    assert set(table.users.tolist()) == set(range(1, 201))
    assert set(table.items.tolist()) == set(range(1, 121))
    assert set(table.ratings.tolist()) <= set(np.arange(0.5, 5.5, 0.5).tolist())
    assert table.pair_numbers is None
    assert (table.users.dtype, table.ratings.dtype) == (np.int32, np.float32)
    times_rated = np.bincount(table.items)[1:]
    assert times_rated.max() > 1.5 * np.median(times_rated)


def test_half_of_all_pairs_can_be_had():
    table = SyntheticRatings(ratings=60, users=12, items=10).load()
    assert len(set(zip(table.users.tolist(), table.items.tolist(), strict=True))) == 60


def test_made_up_ratings_repeat_and_the_digest_is_that_of_the_arguments():
    first, again, other = (SyntheticRatings(**SMALL, seed=seed).load() for seed in (1, 1, 2))
    assert np.array_equal(first.ratings, again.ratings)
    assert first.digest == again.digest
    assert not np.array_equal(first.ratings, other.ratings)
    assert first.digest != other.digest != SyntheticRatings(**{**SMALL, "noise": 0.2}, seed=2).load().digest


def test_made_up_ratings_can_be_learnt():
    """Mean, biases and the two factors explain more than biases alone, which explain more than the mean."""
    table = SyntheticRatings(**SMALL).load()
    ratings, seen = np.zeros((200, 120)), np.zeros((200, 120), dtype=bool)
    ratings[table.users - 1, table.items - 1] = table.ratings
    seen[table.users - 1, table.items - 1] = True
    fitted = np.full_like(ratings, table.ratings.mean())
    errors = [(ratings - fitted)[seen].std()]
    for rank in (1, 4):
        for _ in range(60):  # each gap is filled by the fit
            left, values, right = np.linalg.svd(np.where(seen, ratings, fitted), full_matrices=False)
            fitted = (left[:, :rank] * values[:rank]) @ right[:rank]
        errors.append((ratings - fitted)[seen].std())
    assert errors[2] < 0.6 * errors[1] < 0.6 * errors[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"ratings": 5, "users": 6, "items": 2}, "data.ratings=5: .* between 6"),
        ({"ratings": 7, "users": 6, "items": 2}, "half of all pairs"),
        ({"factors": 0}, "data.factors=0"),
        ({"noise": -1.0}, "data.noise=-1"),
    ],
)
def test_what_cannot_be_made_is_refused(arguments, said):
    with pytest.raises(ConfigError, match=said):
        SyntheticRatings(**arguments)
