"""Masks by integer arithmetic: what the algorithm's definition gives, spread evenly, and no two streams alike."""

from __future__ import annotations

import pytest
import torch

from seedbed.randomness import derive
from seedbed.torch_random import keep_mask

MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15


def mixed(z: int) -> int:
    """splitmix64's finalizer as published, on Python's integers."""
    z &= MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def test_masks_are_those_of_splitmix64() -> None:
    keys, draws = [derive(seed, "dropout", "1") for seed in (0, 5)], [0, 17]
    found = keep_mask(torch.tensor(keys), torch.tensor(draws), 50, 0.6)
    for row, (key, draw) in enumerate(zip(keys, draws, strict=True)):
        start = mixed(key + GAMMA * draw)
        expected = [(mixed(start + GAMMA * i) & (2**63 - 1)) < int(0.6 * 2.0**63) for i in range(50)]
        assert found[row].tolist() == expected


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_the_share_is_the_probability(probability: float) -> None:
    keys = torch.tensor([derive(seed, "dropout", "2") for seed in range(4)])
    mask = keep_mask(keys, torch.zeros(4, dtype=torch.int64), 100_000, probability).double()
    error = (probability * (1 - probability) / 100_000) ** 0.5
    assert mask.mean(1).tolist() == pytest.approx([probability] * 4, abs=4.5 * error)
    # Neighbouring elements, seeds and draws say nothing about each other.
    later = keep_mask(keys, torch.ones(4, dtype=torch.int64), 100_000, probability).double()
    pairs = [(mask[0, :-1], mask[0, 1:]), (mask[0], mask[1]), (mask[0], later[0])]
    for first, second in pairs:
        assert abs(float(torch.corrcoef(torch.stack([first, second]))[0, 1])) < 0.015


def test_a_seed_has_the_same_masks_alone_and_among_others() -> None:
    keys, draws = torch.tensor([11, 22, 33]), torch.tensor([4, 5, 6])
    among = keep_mask(keys, draws, 64, 0.5)
    assert torch.equal(keep_mask(keys[1:2], draws[1:2], 64, 0.5)[0], among[1])
