"""The squared error of a logistic product over the cells of a matrix, for S seeds at once, with its gradients in closed form.

With sides u (U, F) and m (I, F), a cell's value is p = sigmoid(u . m), its error (p - x)^2 and the derivative of that by
u . m is 2 (p - x) p (1 - p). What autograd would keep for its way back, a few matrices of all cells for each seed, never
leaves the processor's cache here: loss and gradients are found in one pass over blocks.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

CELLS_AT_ONCE = 200_000
"""Of a dense block, for each thread: in 32 bits, two of them go through the cache of one core."""
RATED_AT_ONCE = 8192
ON_A_GPU = 64
"""So many times as much: there a block should keep the whole device busy."""

Sides = tuple[Tensor, Tensor]


class Cells(NamedTuple):
    """The filled cells of one seed's matrix, N of them, each at most once."""

    users: np.ndarray
    """(N,): rows from 0 on."""
    items: np.ndarray
    """(N,): columns from 0 on."""
    values: np.ndarray
    """(N,) float32."""


class CellErrors(nn.Module):
    """Sums of squared errors (S,) by the sides (S, U, F) and (S, I, F); ``counts`` (S,) says over how many cells each.

    Seeds may have different cells, and different numbers of them. The result takes part in autograd; its gradients are
    those that autograd would find, without second derivatives.
    """

    counts: Tensor
    values: Tensor

    def __init__(self, cells: Sequence[Cells], shape: tuple[int, int]) -> None:
        """``shape``: U and I, at least those of the cells."""
        super().__init__()
        self.shape = shape
        self.sizes = [len(of_seed.values) for of_seed in cells]
        self._keep("values", np.concatenate([of_seed.values for of_seed in cells]))

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        return cast(Tensor, cast(Any, _ClosedForm).apply(users, items, self))

    @abstractmethod
    def errors_and_gradients(self, users: Tensor, items: Tensor) -> tuple[Tensor, Sides]:
        """The sums (S,) in 64 bits, and their gradients by either side."""

    def _keep(self, name: str, values: np.ndarray) -> None:
        self.register_buffer(name, torch.from_numpy(values), persistent=False)


class AllCells(CellErrors):
    """Over every cell of the matrix; one that is not filled counts as 0."""

    places: Tensor
    """(N,) int64 of all seeds, one after another: a cell's number, row by row."""
    squares: Tensor
    """(S,): sums over the filled cells."""

    def __init__(self, cells: Sequence[Cells], shape: tuple[int, int]) -> None:
        ordered = [_ordered(of_seed, shape) for of_seed in cells]
        super().__init__([of_seed for _, of_seed in ordered], shape)
        self._keep("places", np.concatenate([places for places, _ in ordered]))
        self._keep("counts", np.full(len(cells), shape[0] * shape[1], dtype=np.int64))
        self._keep("squares", np.array([np.square(of_seed.values, dtype=np.float64).sum() for of_seed in cells]))
        of_rows = np.arange(shape[0] + 1) * shape[1]
        starts = np.cumsum([0, *self.sizes])
        # Where each user's cells begin, kept on the host: no block waits for the device.
        self._begins = [
            (start + np.searchsorted(places, of_rows)).tolist()
            for start, (places, _) in zip(starts, ordered, strict=False)
        ]

    def errors_and_gradients(self, users: Tensor, items: Tensor) -> tuple[Tensor, Sides]:
        # On its side the items' gradient takes a third less time to add to, as the items take to multiply by.
        users_gradient, items_gradient = (
            torch.empty_like(users),
            items.new_zeros(len(items), items.shape[2], items.shape[1]),
        )
        height = min(self.shape[0], max(1, _at_once(CELLS_AT_ONCE, users) // self.shape[1]))
        predicted, slopes = (users.new_empty(height, self.shape[1]) for _ in range(2))
        errors = []
        for seed, sides in enumerate(zip(users, items, users_gradient, items_gradient, strict=True)):
            of_users, of_items, by_users, by_items = sides
            columns = of_items.T.contiguous()
            for top in range(0, self.shape[0], height):
                rows = slice(top, min(top + height, self.shape[0]))
                some, block, slope = of_users[rows], predicted[: rows.stop - top], slopes[: rows.stop - top]
                torch.mm(some, columns, out=block)
                errors.append(self._error_and_slopes(seed, rows, block, slope))
                torch.mm(slope, of_items, out=by_users[rows])
                by_items.addmm_(some.T, slope)
        sums = torch.stack(errors).view(len(users), -1).sum(1, dtype=torch.float64) + self.squares
        return sums, (users_gradient.mul_(2), items_gradient.mul_(2).transpose(1, 2).contiguous())

    def _error_and_slopes(self, seed: int, rows: slice, predicted: Tensor, slopes: Tensor) -> Tensor:
        """The error of a block (b, I) whose logits are in ``predicted``; half its derivatives by these go to ``slopes``.

        The error is that without ``squares``. First as if every cell were empty: p^2, and p^2 (1 - p); then the filled ones are put right.
        """
        predicted.sigmoid_()
        torch.mul(predicted, predicted, out=slopes)
        error = slopes.sum()
        slopes.addcmul_(slopes, predicted, value=-1)  # overwritten below where a cell is filled
        filled = slice(self._begins[seed][rows.start], self._begins[seed][rows.stop])
        places, values = self.places[filled] - rows.start * self.shape[1], self.values[filled]
        at = predicted.view(-1).index_select(0, places)
        slopes.view(-1).scatter_(0, places, _slope(at, values))
        return error - 2 * torch.dot(values, at)


class RatedCells(CellErrors):
    """Over the filled cells alone."""

    users: Tensor
    """(N,) int32: rows of all seeds' users, one seed after another; ``items`` likewise."""
    items: Tensor
    by_item: Tensor
    """(N,) int64: the order of the cells by item."""
    users_by_item: Tensor
    user_begins: Tensor
    """(S * U,) int32: where the cells of each user begin; ``item_begins`` (S * I,) likewise, in order of the items."""
    item_begins: Tensor

    def __init__(self, cells: Sequence[Cells], shape: tuple[int, int]) -> None:
        ordered = [_ordered(of_seed, shape)[1] for of_seed in cells]
        super().__init__(ordered, shape)
        users, items = (
            np.concatenate([of_seed[side] + seed * shape[side] for seed, of_seed in enumerate(ordered)])
            for side in (0, 1)
        )
        by_item = np.argsort(items, kind="stable")
        self._keep("counts", np.array(self.sizes, dtype=np.int64))
        self._keep("by_item", by_item)
        for name, numbers in (
            ("users", users),
            ("items", items),
            ("users_by_item", users[by_item]),
            ("user_begins", np.searchsorted(users, np.arange(len(cells) * shape[0]))),
            ("item_begins", np.searchsorted(items[by_item], np.arange(len(cells) * shape[1]))),
        ):
            self._keep(name, numbers.astype(np.int32))

    def errors_and_gradients(self, users: Tensor, items: Tensor) -> tuple[Tensor, Sides]:
        of_users, of_items = users.flatten(0, 1), items.flatten(0, 1)
        predicted = self._logits(of_users, of_items).sigmoid_()
        squares = (predicted - self.values).square_()
        sums = torch.stack([of_seed.sum(dtype=torch.float64) for of_seed in torch.split(squares, self.sizes)])
        slopes = _slope(predicted, self.values).mul_(2)
        gradients = (
            _weighted_sums(of_items, self.items, self.user_begins, slopes),
            _weighted_sums(of_users, self.users_by_item, self.item_begins, slopes.index_select(0, self.by_item)),
        )
        return sums, (gradients[0].view_as(users), gradients[1].view_as(items))

    def _logits(self, users: Tensor, items: Tensor) -> Tensor:
        """(N,), in pieces whose factors stay in the cache."""
        logits, ones = torch.empty_like(self.values), users.new_ones(users.shape[1])
        size = _at_once(RATED_AT_ONCE, users)
        for start in range(0, len(logits), size):
            piece = slice(start, start + size)
            factors = users.index_select(0, self.users[piece]).mul_(items.index_select(0, self.items[piece]))
            torch.mv(factors, ones, out=logits[piece])  # faster than a sum over so short an axis
        return logits


class _ClosedForm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, users: Tensor, items: Tensor, errors: CellErrors) -> Tensor:
        with torch.autocast(users.device.type, enabled=False):
            sums, gradients = errors.errors_and_gradients(users, items)
        ctx.save_for_backward(*gradients)
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        users, items = ctx.saved_tensors
        scale = gradient.view(-1, 1, 1).to(users.dtype)
        return users * scale, items * scale, None


def _slope(predicted: Tensor, values: Tensor) -> Tensor:
    """Half the derivative of a filled cell's error by its logit."""
    return (predicted - values).mul_(predicted).mul_(1 - predicted)


def _weighted_sums(rows: Tensor, numbers: Tensor, begins: Tensor, weights: Tensor) -> Tensor:
    """(R, F) ``rows``, (N,) ``numbers`` of rows and their ``weights`` -> (B, F): a sum for each run that begins there."""
    return functional.embedding_bag(numbers, rows, begins, mode="sum", per_sample_weights=weights)


def _ordered(cells: Cells, shape: tuple[int, int]) -> tuple[np.ndarray, Cells]:
    """The number of each cell, row by row, and the cells in that order."""
    places = cells.users.astype(np.int64) * shape[1] + cells.items
    order = np.argsort(places)
    return places[order], Cells(
        cells.users[order].astype(np.int64), cells.items[order].astype(np.int64), cells.values[order]
    )


def _at_once(cells: int, sides: Tensor) -> int:
    return cells * (ON_A_GPU if sides.is_cuda else torch.get_num_threads())
