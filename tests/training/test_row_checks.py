"""How many rows there must be to train on; batches of a single row are tested in ``tests/stacking/test_single_rows.py``."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from seedbed.errors import ConfigError
from seedbed.training.row_checks import check_rows
from seedbed.training.stack_trainer import StackTrainer
from tests.stacking.test_against_reference import TABLE, config, rows_of


def test_a_batch_is_not_padded_to_far_more_rows_than_there_are() -> None:
    def check(batch_size: int) -> None:
        trainer = StackTrainer(config(batch_size=batch_size), TABLE)
        check_rows(trainer.parts, trainer.traits, {0: rows_of(0)})

    with pytest.raises(ConfigError, match=r"trainer.batch_size=5000000: there are \d+ training rows.*Give \d+ for"):
        check(5_000_000)
    check(1000)


@pytest.mark.parametrize(("limit", "fits"), [(0.1, False), (0.2, True), (1, True), (1.0, True), (None, True)])
def test_an_epoch_is_one_batch_at_least(limit: float | None, fits: bool) -> None:
    """Of 84 rows, which are 6 batches of 16; a strategy may make more of them."""
    trainer = StackTrainer(config(limit_train_batches=limit), TABLE)
    check_rows(trainer.parts, trainer.traits, {0: rows_of(0)}, all_train=False)
    with (
        nullcontext()
        if fits
        else pytest.raises(ConfigError, match=r"limit_train_batches=0.1: an epoch of seed 0 has 6 batches")
    ):
        check_rows(trainer.parts, trainer.traits, {0: rows_of(0)})
