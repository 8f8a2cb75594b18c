"""Mini-batches of all seeds as index tensors into rows that lie on the device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seedbed.data.splits import narrow
from seedbed.torch_random import torch_generator

Draw = Callable[[int], np.ndarray]
"""The row numbers of one seed at pass 0, 1, ..., in their order; as many at each."""


@dataclass
class Chunk:
    """K consecutive steps of S seeds: one Lightning batch, so that its loop costs little per optimizer step.

    ``index`` is (K, S, B), row numbers padded with 0, and ``counts`` (K, S) how many of the B rows are real: a seed
    whose count is 0 takes no step. ``host_counts`` are the same numbers where Python can read them without waiting
    for a device.
    """

    index: Tensor
    counts: Tensor
    host_counts: np.ndarray


def _widest(numbers: Sequence[Tensor]) -> torch.dtype:
    return torch.int64 if any(of_seed.dtype == torch.int64 for of_seed in numbers) else torch.int32


@dataclass
class Part:
    """Rows to evaluate: ``index`` and ``mask`` (S, B), of N from number ``start`` on."""

    index: Tensor
    mask: Tensor
    start: int
    rows: int
    """N."""


def rows_in_batches(rows: int, batch_size: int, smallest: int) -> int:
    """The number of rows that are in batches when a last one of fewer than ``smallest`` rows is dropped."""
    last = rows % batch_size
    return rows - last if last < smallest else rows


class ShuffledBatches:
    """Every seed's training rows in that seed's own order, drawn anew each epoch; iterate once per epoch.

    ``draw`` gives the rows of each epoch themselves where they are not the same ones at all.
    Seeds of unequal size have unequal numbers of batches: the shorter ones rest at the end of the epoch. The last batch of
    an epoch may be smaller than ``batch_size``; it is dropped where it has fewer than ``smallest`` rows, which are others
    in every epoch. ``limit`` leaves more batches out. The order is drawn on the host, so that it is the same for every
    device, and goes to ``device`` once per epoch.
    """

    def __init__(
        self,
        rows: Sequence[np.ndarray],
        seeds: Sequence[int],
        *,
        batch_size: int,
        steps_per_chunk: int,
        device: torch.device | str = "cpu",
        draw: Sequence[Draw] | None = None,
        smallest: int = 1,
    ) -> None:
        self.rows = [torch.from_numpy(narrow(of_seed)) for of_seed in rows]
        self.seeds, self.batch_size, self.steps_per_chunk = tuple(seeds), batch_size, steps_per_chunk
        self.device, self.draw = device, draw
        self.epoch = 0
        self.rows_of_seeds = [rows_in_batches(len(of_seed), batch_size, smallest) for of_seed in self.rows]
        """That a seed takes in an epoch."""
        self.most_steps: int | None = None
        """That a seed takes in all its epochs; None: no limit."""
        self._count()

    def limit(self, batches: float | None, most_steps: int | None) -> None:
        """Take of each epoch of a seed the first ``batches`` alone, a fraction of them where it is no whole number, and of all epochs ``most_steps``.

        As ``limit_train_batches`` and ``max_steps`` of Lightning, for each seed by itself. None, and 1.0, are no limit.
        """
        if batches is not None:
            kept = [int(steps * batches) if isinstance(batches, float) else batches for steps in self.steps_of_seeds]
            most = [count * self.batch_size for count in kept]
            self.rows_of_seeds = [min(rows) for rows in zip(self.rows_of_seeds, most, strict=True)]
        self.most_steps = most_steps
        self._count()

    def _count(self) -> None:
        self.steps_of_seeds = [math.ceil(rows / self.batch_size) for rows in self.rows_of_seeds]
        self.steps = max(self.steps_of_seeds)

    def __len__(self) -> int:
        return math.ceil(self.steps / self.steps_per_chunk)

    def __iter__(self) -> Iterator[Chunk]:
        drawn, host_counts = self._plan(self.epoch)
        index, counts = drawn.to(self.device), torch.from_numpy(host_counts).to(self.device)
        self.epoch += 1
        for start in range(0, self.steps, self.steps_per_chunk):
            chunk = slice(start, start + self.steps_per_chunk)
            yield Chunk(index[chunk], counts[chunk], host_counts[chunk])

    def _plan(self, epoch: int) -> tuple[Tensor, np.ndarray]:
        index = torch.zeros(self.steps * self.batch_size, len(self.seeds), dtype=_widest(self.rows))
        counts = np.zeros((self.steps, len(self.seeds)), dtype=np.int64)
        for position, rows in enumerate(self._rows_in(epoch)):
            index[:rows, position] = self._in_order(position, epoch)[:rows]
            starts = np.arange(self.steps) * self.batch_size
            counts[:, position] = np.clip(rows - starts, 0, self.batch_size)
        shaped = index.view(self.steps, self.batch_size, len(self.seeds)).transpose(1, 2)
        return shaped.contiguous(), counts

    def _rows_in(self, epoch: int) -> list[int]:
        """That each seed takes in an epoch: as many as ever, until it has taken all of its steps."""
        if self.most_steps is None:
            return self.rows_of_seeds
        left = [max(0, self.most_steps - epoch * steps) for steps in self.steps_of_seeds]
        return [min(rows, steps * self.batch_size) for rows, steps in zip(self.rows_of_seeds, left, strict=True)]

    def _in_order(self, position: int, epoch: int) -> Tensor:
        """The rows of one seed as it takes them in an epoch."""
        if self.draw is not None:
            return torch.from_numpy(self.draw[position](epoch))
        rows = self.rows[position]
        generator = torch_generator(self.seeds[position], "order", epoch)
        order = torch.randperm(len(rows), generator=generator, dtype=rows.dtype)  # the same in 32 bits as in 64
        return rows.index_select(0, order)


def in_balance(epoch: int, *, rows: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Of (N,) rows with these labels, N rows in the order in which an epoch takes them: any K in succession have as many of each class.

    The rows of a class follow one another in a shuffled order, in a new one when all were taken. The classes take turns,
    in an order that is drawn for each epoch too, and decides which of them have one row more.
    """
    generator = torch_generator(seed, "balanced", epoch)
    present = np.unique(labels)
    turns = present[torch.randperm(len(present), generator=generator).numpy()]
    drawn = np.empty(len(rows), dtype=rows.dtype)
    for turn, label in enumerate(turns):
        own, places = rows[labels == label], drawn[turn :: len(turns)]
        rounds = max(1, math.ceil(len(places) / len(own)))
        orders = [torch.randperm(len(own), generator=generator).numpy() for _ in range(rounds)]
        drawn[turn :: len(turns)] = own[np.concatenate(orders)[: len(places)]]
    return drawn


class FixedBatches:
    """Every seed's validation or test rows in order, in one pass, for evaluation.

    ``draw`` gives the rows of each pass, one after each epoch, where they are not the same ones; iterate once per epoch.
    A last batch of fewer than ``smallest`` rows is joined to the one before.
    """

    def __init__(
        self,
        rows: Sequence[np.ndarray],
        *,
        batch_size: int,
        device: torch.device | str = "cpu",
        draw: Sequence[Draw] | None = None,
        smallest: int = 1,
    ) -> None:
        self.batch_size, self.device, self.draw, self.smallest = batch_size, device, draw, smallest
        self.epoch = 0
        self.index, self.mask = self._padded(rows)

    def __len__(self) -> int:
        rows = self.index.shape[1]
        return math.ceil(max(rows_in_batches(rows, self.batch_size, self.smallest), min(rows, 1)) / self.batch_size)

    def __iter__(self) -> Iterator[Part]:
        if self.draw is not None:
            self.index, self.mask = self._padded([of_seed(self.epoch) for of_seed in self.draw])
            self.epoch += 1
        rows, batches = self.index.shape[1], len(self)
        for number in range(batches):
            start = number * self.batch_size
            stop = rows if number == batches - 1 else start + self.batch_size
            yield Part(self.index[:, start:stop], self.mask[:, start:stop], start, rows)

    def _padded(self, rows: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """Row numbers and which of them are real, two (S, B)."""
        numbers = [torch.from_numpy(narrow(of_seed)) for of_seed in rows]
        longest = max(len(of_seed) for of_seed in numbers)
        index = torch.zeros(len(rows), longest, dtype=_widest(numbers))
        mask = torch.zeros(len(rows), longest, dtype=torch.bool)
        for position, of_seed in enumerate(numbers):
            index[position, : len(of_seed)] = of_seed
            mask[position, : len(of_seed)] = True
        return index.to(self.device), mask.to(self.device)
