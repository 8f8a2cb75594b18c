"""Lists that seeds rank, of hand-made scores and factors."""

from __future__ import annotations

import numpy as np
import pytest

from seedbed.trained.rankings import most_alike, nearest, top

NONE_SEEN = np.zeros(4, dtype=bool)


def test_the_highest_means_come_first_with_spread_and_votes() -> None:
    scores = np.array([[1.0, 4.0, 3.0, 2.0], [1.0, 5.0, 2.0, 5.5], [1.0, 3.0, 4.0, 1.5]], dtype=np.float32)
    first, second = top(scores, NONE_SEEN, 2)
    assert (first.item, second.item) == (1, 2)  # means 1, 4, 3, 3: of equal ones the lower
    assert (first.score.mean, first.score.std) == (4.0, 1.0)
    assert (first.seeds, second.seeds) == (3, 2)  # the second seed's own list is 3, 1


def test_equal_scores_give_the_lower_items_in_every_list() -> None:
    found = top(np.ones((3, 4)), NONE_SEEN, 2)
    assert [(row.item, row.seeds) for row in found] == [(0, 3), (1, 3)]


def test_what_was_seen_takes_no_place() -> None:
    scores = np.array([[9.0, 1.0, 3.0, 2.0], [9.0, 1.0, 2.0, 3.0]])
    found = top(scores, np.array([True, False, False, False]), 2)
    assert [(row.item, row.seeds) for row in found] == [(2, 2), (3, 2)]


def test_more_than_there_are_gives_each_that_is_left_once() -> None:
    scores = np.arange(8.0).reshape(2, 4)
    found = top(scores, np.array([False, True, False, False]), 10)
    assert [(row.item, row.seeds) for row in found] == [(3, 2), (2, 2), (0, 2)]
    assert top(scores, ~NONE_SEEN, 10) == []


def test_one_seed_has_no_spread() -> None:
    (row,) = top(np.array([[1.0, 2.0, 3.0, 0.0]]), NONE_SEEN, 1)
    assert (row.item, row.score.mean, row.score.std, row.seeds) == (2, 3.0, None, 1)


def test_nearest_is_by_direction_and_leaves_the_item_itself_out() -> None:
    one = [[1.0, 0.0], [100.0, 100.0], [0.1, 0.0], [0.0, 0.0], [-5.0, 0.0]]
    other = [[0.0, 2.0], [0.0, 0.1], [7.0, 0.0], [0.0, 0.0], [0.0, -1.0]]
    found = nearest(np.array([one, other]), 0, 9)
    assert [row.item for row in found] == [1, 2, 3, 4]
    assert [row.score.mean for row in found] == pytest.approx([(0.5**0.5 + 1) / 2, 0.5, 0.0, -1.0])
    assert found[1].score.std == pytest.approx(0.5**0.5)
    assert [row.seeds for row in nearest(np.array([one, other]), 0, 1)] == [1]


def test_most_alike_is_by_product_relative_to_the_items_own() -> None:
    one = [[2.0, 0.0], [3.0, 9.0], [1.0, 0.0], [0.0, 5.0]]
    other = [[0.0, 1.0], [0.0, 1.0], [0.0, 2.0], [1.0, -1.0]]
    found = most_alike(np.array([one, other]), 0, 9)
    assert [row.item for row in found] == [1, 2, 3]
    assert [row.score.mean for row in found] == pytest.approx([(1.5 + 1) / 2, (0.5 + 2) / 2, (0 - 1) / 2])
    assert [row.seeds for row in most_alike(np.array([one, other]), 0, 1)] == [1]
    assert most_alike(np.zeros((1, 3, 2)), 0, 1)[0].score.mean == 0
