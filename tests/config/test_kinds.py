"""Data, tasks, splits and models that do not go together."""

from __future__ import annotations

import pytest

from tests.config.refusals import assert_refused, first_override


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["split=folds"], ["split: Folds is for ratings", "SmsSpam gives labelled rows", "split=as_published, fixed, official, per_seed"]),
        (["model=two_tower"], ["model: TwoTower is for ratings", "model=lenet, mlp, pixel_mlp, recurrent"]),
        (["task=rating"], ["task: Rating is for ratings", "task=classification"]),
        (["data=ratings_csv"], ["gives ratings", "task=cold_start, matrix, rating, retrieval"]),
    ],
    ids=first_override,
)  # fmt: skip
def test_what_is_for_another_kind_of_table_is_refused(overrides: list[str], said: list[str]) -> None:
    assert_refused(overrides, said)
