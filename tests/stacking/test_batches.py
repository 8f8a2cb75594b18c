"""How many batches a seed has in its epochs; what is in them is tested against seeds that are trained alone."""

from __future__ import annotations

import numpy as np
import pytest

from seedbed.stacking.batches import ShuffledBatches


def batches(limit: float | None, most_steps: int | None) -> ShuffledBatches:
    """Of three seeds that have 2, 6 and 4 batches of at most 10 rows."""
    rows = [np.arange(count) for count in (11, 60, 39)]
    made = ShuffledBatches(rows, [1, 2, 3], batch_size=10, steps_per_chunk=4)
    made.limit(limit, most_steps)
    return made


def counts(made: ShuffledBatches, epochs: int) -> list[list[list[int]]]:
    """The rows of each step, by epoch and seed."""
    taken = [np.concatenate([chunk.host_counts for chunk in made]) for _ in range(epochs)]
    return [[of_seed[of_seed > 0].tolist() for of_seed in epoch.T] for epoch in taken]


@pytest.mark.parametrize(
    ("limit", "steps"), [(None, [2, 6, 4]), (1.0, [2, 6, 4]), (1, [1, 1, 1]), (3, [2, 3, 3]), (0.5, [1, 3, 2]), (9, [2, 6, 4])]
)  # fmt: skip
def test_each_seed_has_its_first_batches(limit: float | None, steps: list[int]) -> None:
    made = batches(limit, None)
    assert made.steps_of_seeds == steps
    whole = counts(batches(None, None), 1)[0]
    assert counts(made, 2) == [[own[:count] for own, count in zip(whole, steps, strict=True)]] * 2


def test_each_seed_takes_its_own_steps_in_as_many_epochs_as_that_takes() -> None:
    first, second, third = counts(batches(None, 5), 3)
    assert first == [[10, 1], [10] * 5, [10, 10, 10, 9]]
    assert second == [[10, 1], [], [10]]
    assert third == [[10], [], []]
