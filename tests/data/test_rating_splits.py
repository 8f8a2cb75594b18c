"""Splits of ratings: sizes, published rows, pairs kept together, order in time, and errors that name the key."""

import logging

import numpy as np
import pytest
from hypothesis import strategies

from seedbed.data.rating_splits import ByTime, Folds, HeldOut, LeaveNOut, PermutationSplit, RandomSplit
from seedbed.data.ratings import RatingTable
from seedbed.data.splits import Rows
from seedbed.errors import ConfigError, DataError
from tests.data.test_ratings import table_of


def distinct(rows: int) -> RatingTable:
    return table_of([(1 + n % 7, 1 + n // 7, 3, (n * 37) % 101) for n in range(rows)])


def sides(rows: Rows) -> list[list[int]]:
    return [rows.train.tolist(), rows.val.tolist(), rows.test.tolist()]


def assert_sound(table: RatingTable, rows: Rows) -> None:
    """Every row once, and sorted."""
    parts = (rows.train, rows.val, rows.test)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(table.ratings)))
    for part in parts:
        assert part.dtype == np.int32
        assert np.all(np.diff(part) > 0)


@pytest.mark.parametrize(
    "split",
    [
        RandomSplit(val=0.25, test=0.1),
        RandomSplit(val=0.25, test=0.1, keep_pairs_together=False),
        PermutationSplit(),
        LeaveNOut(),
        LeaveNOut(order="random"),
        ByTime(),
        HeldOut(at_least=7, val=0.3),
        HeldOut(at_least=7, val=0.3, side="item"),
    ],
)
def test_every_row_is_on_one_side(split):
    table = distinct(53)
    assert_sound(table, split.rows(table, 3))


# ---- at random -------------------------------------------------------------------------------------------------------


def test_shares_are_rounded_down():
    rows = RandomSplit(val=0.29, test=0.1).rows(distinct(99), 0)
    assert list(map(len, sides(rows))) == [62, 28, 9]
    assert len(RandomSplit(val=0.2).rows(distinct(99), 0).test) == 0


def test_each_seed_draws_its_own_split_or_all_share_one():
    table = distinct(99)
    first, again, other = (sides(RandomSplit().rows(table, seed)) for seed in (0, 0, 1))
    assert first == again != other
    fixed = RandomSplit(per_seed=False, seed=1)
    assert sides(fixed.rows(table, 0)) == sides(fixed.rows(table, 5)) == other
    smaller = distinct(50)
    assert_sound(smaller, fixed.rows(smaller, 0))


@pytest.mark.parametrize("seed", range(10))
def test_ratings_of_a_pair_stay_together(seed):
    table = table_of([(1 + n % 3, 1 + n % 4, 3, n) for n in range(30)], duplicates="keep")
    rows = RandomSplit(val=0.3, test=0.2).rows(table, seed)
    assert_sound(table, rows)
    pairs = [set(table.pair_numbers[side].tolist()) for side in (rows.train, rows.val, rows.test)]
    assert sum(map(len, pairs)) == 12 == len(set.union(*pairs))
    assert 0 < len(rows.val) <= 9


def test_no_pair_is_on_two_sides_nor_held_out_of_its_training_rows(examine):
    numbers = strategies.integers(1, 4)
    rated = strategies.lists(strategies.tuples(numbers, numbers, numbers, numbers), max_size=40)

    def holds(rated: list[tuple[int, int, int, int]], seed: int) -> None:
        of_each_pair = [(1 + n // 5, 1 + n % 5, 3, n) for n in range(20)]
        table = table_of([*of_each_pair, *rated, *of_each_pair], duplicates="keep")
        split = RandomSplit(val=0.3, test=0.2)
        rows = split.rows(table, seed)
        kept, held = split.hold_out(table, rows.train, 0.3, seed)
        assert np.array_equal(np.sort(np.concatenate([kept, held])), rows.train)
        pairs = table.users * 10 + table.items
        parts = [set(pairs[part].tolist()) for part in (kept, held, rows.val, rows.test)]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 20

    examine(holds, rated=rated, seed=strategies.integers(0, 4))


def test_ratings_of_a_pair_can_be_parted():
    table = table_of([(1, 1, 3, n) for n in range(10)] + [(1, 2, 3, 0)], duplicates="keep")
    rows = RandomSplit(val=0.5, keep_pairs_together=False).rows(table, 0)
    assert len(rows.val) == 5


def test_latest_leaves_no_pair_on_both_sides():
    table = table_of([(1, 1, 3, 1), (1, 1, 5, 2), (1, 2, 4, 1)])
    rows = RandomSplit(val=0.5).rows(table, 0)
    assert list(map(len, sides(rows))) == [1, 1, 0]
    assert table.items[rows.train] != table.items[rows.val]


def test_the_published_permutation():
    """The first rows that fastai 0.7 draws from 100004 ratings, and a small case of NumPy's own."""
    order = np.random.RandomState(42).permutation(100_004)
    assert order[:5].tolist() == [19090, 99678, 18455, 35755, 66536]
    table = table_of([(1 + n // 1000, 1 + n % 1000, 3, 0) for n in range(100_004)])
    rows = PermutationSplit(val=0.2, seed=42).rows(table, 7)
    assert (len(rows.val), len(rows.test)) == (20_000, 0)
    assert np.array_equal(rows.val, np.sort(order[:20_000]))


# ---- by user and by time ---------------------------------------------------------------------------------------------

# Users 1 and 2 rate four and two items; times are not sorted.
OF_USERS = [(1, 1, 3, 40), (2, 1, 3, 9), (1, 2, 3, 10), (1, 3, 3, 30), (2, 2, 3, 1), (1, 4, 3, 20)]


def test_the_last_ratings_of_each_user_are_left_out():
    assert sides(LeaveNOut(n=1, val=1).rows(table_of(OF_USERS[:1] + OF_USERS[2:4]), 0)) == [[1], [2], [0]]
    assert sides(LeaveNOut(n=0, val=1).rows(table_of(OF_USERS), 0)) == [[2, 3, 4, 5], [0, 1], []]


def test_users_with_few_ratings_only_train(caplog):
    with caplog.at_level(logging.INFO):
        rows = LeaveNOut(n=1, val=1).rows(table_of(OF_USERS), 0)
    assert sides(rows) == [[1, 2, 4, 5], [3], [0]]
    assert "1 of 2 users have fewer than 3 ratings" in caplog.text
    with pytest.raises(DataError, match=r"none of its 2 users has the 5 ratings that split.n=3"):
        LeaveNOut(n=3, val=1).rows(table_of(OF_USERS), 0)


def test_ratings_of_each_user_can_be_drawn():
    table = distinct(70)
    draws = [LeaveNOut(order="random").rows(table, seed) for seed in range(5)]
    for rows in draws:
        assert np.bincount(table.users[rows.test])[1:].tolist() == [1] * 7
        assert np.bincount(table.users[rows.val])[1:].tolist() == [1] * 7
    assert len({tuple(rows.test) for rows in draws}) > 1
    by_time = LeaveNOut(order="time")
    assert sides(by_time.rows(table, 0)) == sides(by_time.rows(table, 1))


def test_by_time_sorts():
    table = table_of([(1, n + 1, 3, time) for n, time in enumerate([50, 10, 40, 10, 30, 20, 60, 70, 0, 90])])
    assert sides(ByTime(val=0.2, test=0.1).rows(table, 0)) == [[0, 1, 2, 3, 4, 5, 8], [6, 7], [9]]
    equal = table_of([(1, n + 1, 3, 5) for n in range(10)])
    assert sides(ByTime(val=0.2, test=0.1).rows(equal, 0)) == [list(range(7)), [7, 8], [9]]
    assert sides(ByTime(val=0.2, test=0).rows(equal, 0)) == [list(range(8)), [8, 9], []]


@pytest.mark.parametrize(("split", "key"), [(ByTime(), "split=by_time"), (LeaveNOut(), "split.order=time")])
def test_time_needs_timestamps(split, key):
    with pytest.raises(DataError, match=rf"{key}: made_up has no timestamps.*split(\.order)?=random"):
        split.rows(table_of(OF_USERS * 3, times=False, duplicates="keep"), 0)


@pytest.mark.parametrize("side", ["user", "item"])
def test_whoever_is_held_out_has_no_rating_on_another_side(side, caplog):
    table = table_of([(1 + n % 10, 1 + n // 10, 3, n) for n in range(100)] + [(11, 11, 3, 0)])
    ids = table.users if side == "user" else table.items
    split = HeldOut(side=side, val=0.2, test=0.3, at_least=2)
    with caplog.at_level(logging.INFO):
        drawn = [split.rows(table, seed) for seed in range(5)]
    assert caplog.text.count(f"1 of 11 {side}s have fewer than 2 ratings, and only train") == 1
    for rows in drawn:
        assert_sound(table, rows)
        train, val, test = (set(ids[part].tolist()) for part in (rows.train, rows.val, rows.test))
        assert (len(train), len(val), len(test)) == (6, 2, 3)
        assert train.isdisjoint(val | test)
        assert val.isdisjoint(test)
        assert 11 in train
    assert len({tuple(rows.test) for rows in drawn}) > 1
    fixed = HeldOut(side=side, val=0.2, test=0.3, at_least=2, per_seed=False, seed=1)
    assert sides(fixed.rows(table, 4)) == sides(drawn[1])
    kept, held = split.hold_out(table, drawn[0].train, 0.4, 0)
    assert np.array_equal(np.sort(np.concatenate([kept, held])), drawn[0].train)
    assert len(set(ids[held].tolist())) == 2
    assert set(ids[kept].tolist()).isdisjoint(ids[held].tolist())
    with pytest.raises(
        DataError,
        match=rf"split.val=0.2 of its 0 {side}s with split.at_least=11 ratings or more is less than one. Lower",
    ) as refused:
        HeldOut(side=side, val=0.2, at_least=11).rows(table, 0)
    advised = int(str(refused.value).partition("split.at_least to ")[2].rstrip("."))
    assert len(HeldOut(side=side, val=0.2, at_least=advised).rows(table, 0).val) > 0


# ---- folds -----------------------------------------------------------------------------------------------------------


def test_the_test_part_of_a_fold_validates():
    table = table_of(OF_USERS, folds={"u1": np.array([1, 4]), "u2": np.array([0, 5])})
    assert sides(Folds(fold=2).rows(table, 0)) == [[1, 2, 3, 4], [0, 5], []]
    with pytest.raises(DataError, match=r"fold u3 \(split.fold=3\).*u3.test"):
        Folds(fold=3).rows(table, 0)
    with pytest.raises(ConfigError, match=r"split\.fold=6"):
        Folds(fold=6)


# ---- what cannot be --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        (RandomSplit, {"val": 0}, "split.val=0"),
        (RandomSplit, {"val": float("nan")}, "split.val=nan"),
        (RandomSplit, {"test": -0.1}, "split.test=-0.1"),
        (RandomSplit, {"val": 0.5, "test": 0.5}, "leave nothing to train on"),
        (ByTime, {"val": 0.9, "test": 0.2}, "leave nothing to train on"),
        (PermutationSplit, {"val": 1.0}, "split.val=1.0"),
        (LeaveNOut, {"n": 0, "val": 0}, "split.n=0, split.val=0"),
        (LeaveNOut, {"n": 0.5}, "split.n=0.5"),
        (HeldOut, {"side": "users"}, "split.side=users: .*'user'"),
        (HeldOut, {"at_least": 0}, "split.at_least=0"),
        (HeldOut, {"val": 0.9}, "leave nothing to train on"),
        (LeaveNOut, {"order": "tim"}, "split.order=tim: .*'time'"),
    ],
)
def test_impossible_shares_are_refused(kind, arguments, said):
    with pytest.raises(ConfigError, match=said):
        kind(**arguments)


def test_a_share_that_is_no_row_is_refused():
    with pytest.raises(DataError, match=r"split.test=0.1 of its 6 ratings"):
        ByTime(val=0.2, test=0.1).rows(table_of(OF_USERS), 0)
