"""Losses over a matrix in closed form against autograd on the whole of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from seedbed.stacking import matrix
from seedbed.stacking.matrix import AllCells, CellErrors, Cells, RatedCells

USERS, ITEMS, WIDTH = 23, 17, 5
KINDS = {"all": AllCells, "rated": RatedCells}


def cells_of(seed: int) -> Cells:
    """Each seed has its own cells, and its own number of them, in no order."""
    rng = np.random.default_rng(seed)
    places = rng.permutation(USERS * ITEMS)[: 150 - 40 * seed]
    values = rng.integers(1, 6, len(places)).astype(np.float32) / 5
    return Cells(places // ITEMS, places % ITEMS, values)


def sides(seeds: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(seeds, rows, WIDTH, generator=draw, dtype=torch.float64).to(dtype).requires_grad_()
        for rows in (USERS, ITEMS)
    )  # type: ignore[return-value]


def by_autograd(kind: str, cells: list[Cells], users: Tensor, items: Tensor) -> Tensor:
    wanted, counted = torch.zeros(len(cells), USERS, ITEMS), torch.zeros(len(cells), USERS, ITEMS)
    for seed, of_seed in enumerate(cells):
        wanted[seed, of_seed.users, of_seed.items] = torch.from_numpy(of_seed.values)
        counted[seed, of_seed.users, of_seed.items] = 1
    squares = (torch.sigmoid(torch.bmm(users, items.transpose(1, 2))) - wanted) ** 2
    return (squares if kind == "all" else squares * counted).sum((1, 2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 2e-6), (torch.float64, 1e-12)])
def test_loss_and_gradients_are_those_of_autograd(
    kind: str, dtype: torch.dtype, close: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over several blocks, the last of which is smaller, and with a share of its own for each seed's loss."""
    monkeypatch.setattr(matrix, "CELLS_AT_ONCE", 5 * ITEMS)
    monkeypatch.setattr(matrix, "RATED_AT_ONCE", 64)
    cells, shares = [cells_of(seed) for seed in range(3)], torch.tensor([1.0, 0.25, 0.0], dtype=torch.float64)
    errors: CellErrors = KINDS[kind](cells, (USERS, ITEMS)).to(dtype)
    found, wanted = sides(3, dtype), sides(3, dtype)
    sums, expected = errors(*found), by_autograd(kind, cells, *wanted)
    (sums * shares).sum().backward()
    (expected * shares).sum().backward()
    np.testing.assert_allclose(sums.detach(), expected.detach(), rtol=close)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        scale = float(theirs.grad.abs().max())
        np.testing.assert_allclose(ours.grad, theirs.grad, rtol=close, atol=close * scale)
        assert not ours.grad[2].any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_seeds_loss_is_the_one_that_it_has_alone(kind: str) -> None:
    users, items = (side.detach() for side in sides(3, torch.float64))
    together = KINDS[kind]([cells_of(seed) for seed in range(3)], (USERS, ITEMS)).double()(users, items)
    for seed in range(3):
        alone = KINDS[kind]([cells_of(seed)], (USERS, ITEMS)).double()
        assert float(alone(users[[seed]], items[[seed]])) == pytest.approx(float(together[seed]), rel=1e-12)


def test_counts_are_of_the_cells_that_the_loss_is_over() -> None:
    cells = [cells_of(seed) for seed in range(3)]
    assert AllCells(cells, (USERS, ITEMS)).counts.tolist() == [USERS * ITEMS] * 3
    assert RatedCells(cells, (USERS, ITEMS)).counts.tolist() == [150, 110, 70]
