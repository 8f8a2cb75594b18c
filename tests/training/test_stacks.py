"""What a stack of seeds is trained on."""

from __future__ import annotations

import torch

from seedbed.training.stack_trainer import StackTrainer
from tests.stacking.test_against_reference import TABLE, config, data_of


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    """With the same rows for all, each seed and each epoch shuffles anew, and the same seed repeats its orders."""
    trainer = StackTrainer(config(batch_size=8), TABLE)

    def orders(seeds: list[int]) -> list[list[int]]:
        _, batches, *_ = trainer.builder.stack(data_of(seeds), torch.device("cpu"))
        epochs = [torch.cat([chunk.index for chunk in batches]) for _ in range(2)]
        return [epoch[:, position].flatten().tolist() for epoch in epochs for position in range(len(seeds))]

    drawn = orders([0, 1, 2])
    assert len({tuple(order) for order in drawn}) == 6
    assert orders([0, 1, 2]) == drawn
    assert orders([1]) == [drawn[1], drawn[4]]
