"""Splits that keep to published parts, and the published pipeline whose parts mix."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seedbed.data.published_splits import TEST, TRAIN, VAL, AsPublished, OfficialSplit, buffer_shuffled
from seedbed.data.splits import Rows, same_rows
from seedbed.data.table import Table
from seedbed.errors import ConfigError, DataError


def table(train: tuple[int, ...] = (60, 40), val: int = 0, test: int = 20, groups: Any = None) -> Table:
    """So many training rows of each class, then rows to validate and to test, of each class in turn."""
    labels = [*np.repeat(np.arange(len(train)), train), *np.arange(val + test) % len(train)]
    rows = len(labels)
    return Table(
        name="made_up",
        digest="d" * 64,
        features=np.zeros((rows, 1), dtype=np.float32),
        labels=np.array(labels, dtype=np.int64),
        classes=tuple("abc"[: len(train)]),
        groups=np.arange(rows) if groups is None else np.array(groups),
        texts=None,
        counts={},
        notes=(),
        parts=np.repeat([TRAIN, VAL, TEST], [sum(train), val, test]).astype(np.int8),
    )


def of_class(found: Table, rows: np.ndarray) -> list[int]:
    return np.bincount(found.labels[rows], minlength=len(found.classes)).tolist()


def test_the_published_test_part_tests_and_some_training_rows_validate() -> None:
    found = table()
    seeds = [OfficialSplit(val=10).rows(found, seed) for seed in range(3)]
    for rows in seeds:
        assert rows.test.tolist() == list(range(100, 120))
        assert sorted([*rows.train, *rows.val]) == list(range(100))
        assert of_class(found, rows.val) == [6, 4]
    assert not same_rows(seeds[0], seeds[1])
    assert same_rows(seeds[0], OfficialSplit(val=0.1).rows(found, 0))
    fixed = OfficialSplit(val=10, per_seed=False)
    assert same_rows(fixed.rows(found, 1), seeds[0])
    assert same_rows(fixed.rows(found, 2), seeds[0])


def test_a_number_of_validation_rows_is_met_where_the_classes_do_not_divide_it() -> None:
    assert len(OfficialSplit(val=7).rows(table((33, 33, 34)), 0).val) == 7


def test_equal_rows_stay_on_one_side_of_the_training_part_and_test_rows_where_they_are() -> None:
    groups = np.arange(120)
    groups[[1, 3, 5]] = 0
    groups[110] = 0
    found = table(groups=groups)
    sides = set()
    for seed in range(20):
        rows = OfficialSplit(val=0.3).rows(found, seed)
        held = np.isin([0, 1, 3, 5], rows.val)
        assert held.all() or not held.any()
        sides.add(bool(held.any()))
        assert 110 in rows.test
    assert sides == {True, False}


def test_a_published_validation_part_validates() -> None:
    rows = OfficialSplit().rows(table(val=8), 0)
    assert rows.val.tolist() == list(range(100, 108))
    assert len(rows.train) == 100
    with pytest.raises(ConfigError, match=r"split.val=0.1: made_up has a published validation part of 8 rows"):
        OfficialSplit(val=0.1).rows(table(val=8), 0)


@pytest.mark.parametrize("split", [OfficialSplit(), AsPublished(val=8, batch_size=4)])
def test_a_table_without_a_published_test_part_is_refused(split: Any) -> None:
    for parts in (None, np.zeros(120, dtype=np.int8)):
        with pytest.raises(DataError, match=r"made_up has no published test part. Use split=per_seed"):
            split.rows(replace(table(), parts=parts), 0)


@pytest.mark.parametrize(("val", "error"), [(100, "leaves a side without any"), (1, "class 'b' has no validation row")])
def test_a_side_without_rows_or_without_a_class_is_refused(val: int, error: str) -> None:
    with pytest.raises(DataError, match=error):
        OfficialSplit(val=val).rows(table(), 0)


@pytest.mark.parametrize("val", [0, 1.5, -1, "some", True, None])
def test_a_wrong_number_of_validation_rows_is_refused(val: Any) -> None:
    with pytest.raises(ConfigError, match=r"split\.val="):
        OfficialSplit(val=val)


# ---- the published pipeline ------------------------------------------------------------------------------------------


def by_hand(rows: list[int], buffer: int, rng: np.random.Generator) -> list[int]:
    """One row after another, as tf.data's shuffle takes them, from the same draws."""
    held, coming = rows[:buffer], rows[buffer:]
    given = []
    for place, row in zip(rng.integers(len(held), size=len(coming)), coming, strict=True):
        given.append(held[place])
        held[place] = row
    return [*given, *(held[place] for place in rng.permutation(len(held)))]


@pytest.mark.parametrize(("count", "buffer"), [(12, 3), (12, 1), (12, 12), (12, 50), (200, 20)])
def test_a_buffer_shuffles_as_by_hand(count: int, buffer: int) -> None:
    rows = list(range(100, 100 + count))
    for seed in range(5):
        shuffled = buffer_shuffled(np.array(rows), buffer, np.random.default_rng(seed))
        assert sorted(shuffled) == rows
        if buffer == 1:
            assert shuffled.tolist() == rows
        # No row comes before the buffer can have read it.
        assert all(row - 100 < place + buffer for place, row in enumerate(shuffled))
        if buffer < count:
            assert shuffled.tolist() == by_hand(rows, buffer, np.random.default_rng(seed))


def passes_of(seed: int) -> Rows:
    return AsPublished(val=20, buffer=30, batch_size=8).rows(table(), seed)


def test_every_pass_takes_and_skips_after_a_shuffle_of_its_own() -> None:
    rows = passes_of(0)
    assert rows.passes is not None
    train, val = [[getattr(rows.passes, side)(epoch) for epoch in range(3)] for side in ("train", "val")]
    assert {len(drawn) for drawn in train} == {80}
    assert {len(drawn) for drawn in val} == {16}
    assert all(len(set(drawn.tolist())) == len(drawn) for drawn in (*train, *val))
    assert len({tuple(drawn) for drawn in (*train, *val)}) == 6
    assert max(np.concatenate(val)) < 20 + 30  # what is taken first was read first
    mixed = sum(np.isin(val[epoch], train[epoch]).sum() for epoch in range(3))
    assert 0 < mixed < 48
    assert rows.test.tolist() == list(range(100, 116))  # whole batches of the 20, in their order
    assert (rows.train.tolist(), rows.val.tolist()) == (sorted(train[0]), sorted(val[0]))
    assert f"{np.isin(val[0], train[0]).sum()} of the 16 rows that validate after the first epoch" in rows.notes[0]
    assert "80 of 80 rows train, 16 of 20 validate and 16 of 20 test" in rows.notes[0]


def test_a_seed_draws_its_passes_alone() -> None:
    one, again, other = passes_of(1), passes_of(1), passes_of(2)
    assert one.passes
    assert again.passes
    assert other.passes
    assert one.passes.train(4).tolist() == again.passes.train(4).tolist() != other.passes.train(4).tolist()
    assert same_rows(one, again)
    assert not same_rows(one, other)
    assert not same_rows(one, replace(one, passes=None))


def test_a_part_that_is_no_whole_batch_is_refused() -> None:
    with pytest.raises(DataError, match="20 rows to test are not a whole batch of 32"):
        AsPublished(val=50, batch_size=32).rows(table(), 0)
    with pytest.raises(DataError, match="0 rows to train"):
        AsPublished(val=500, batch_size=8).rows(table(), 0)
    with pytest.raises(ConfigError, match=r"split\.batch_size=null"):
        AsPublished(batch_size=None)


# ---- parts that lack a class -----------------------------------------------------------------------------------------


def test_a_published_part_that_lacks_a_class_is_noted() -> None:
    found = table(val=8)
    labels = found.labels.copy()
    labels[found.parts == VAL] = 0
    rows = OfficialSplit().rows(replace(found, labels=labels), 0)
    assert len(rows.notes) == 1
    assert rows.notes[0].startswith(
        "The validation part has none of class 'b' (50 rows): metrics of a class without rows are"
    )
    labels[found.parts == TEST] = 1
    assert len(OfficialSplit().rows(replace(found, labels=labels), 0).notes) == 2
    assert OfficialSplit().rows(found, 0).notes == ()


def test_a_published_training_part_that_lacks_a_class_is_refused() -> None:
    found = table(val=8)
    labels = found.labels.copy()
    labels[found.parts == TRAIN] = 0
    with pytest.raises(DataError, match=r"the published training part has none of class 'b'.*split=per_seed"):
        OfficialSplit().rows(replace(found, labels=labels), 0)


def test_the_published_pipeline_notes_a_test_part_that_lacks_a_class() -> None:
    found = table()
    labels = found.labels.copy()
    labels[found.parts == TEST] = 0
    rows = AsPublished(val=8, batch_size=4).rows(replace(found, labels=labels), 0)
    assert rows.notes[-1].startswith("The test part has none of class 'b'")
