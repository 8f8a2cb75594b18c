"""Room for what the kernels work on."""

from __future__ import annotations

import numpy as np

from seedbed.compiled import kernels
from seedbed.compiled.kernels import Batches, Rates, Tables

ALIGNED = 64
"""Bytes of a cache line."""


def new_tables(users: int, items: int, factors: int, *, biased: bool) -> Tables:
    width = -(-(factors + 1) // kernels.REGISTER) * kernels.REGISTER
    rows = users + items
    return Tables(
        state=_aligned(rows, 3 * width),
        taken=np.full(rows, -1, np.int32),
        place=np.full(rows, -1, np.int32),
        gradients=_aligned(1, width),
        width=width,
        factors=factors,
        items=users,
        biased=biased,
    )


def with_room(tables: Tables, batch: int) -> Tables:
    """The tables, with room for the gradients of a batch of so many ratings, and a row of zeros."""
    if len(tables.gradients) > 2 * batch:
        return tables
    return tables._replace(gradients=_aligned(2 * batch + 1, tables.gradients.shape[1]))


def new_batches(counts: np.ndarray, batch: int) -> Batches:
    """Room for batches of so many ratings."""
    steps = len(counts)
    return Batches(
        counts,
        np.empty((steps, 2, batch), np.int32),
        np.empty((steps, batch), np.float32),
        np.empty(batch, np.float32),
    )


def new_rates(steps: int) -> Rates:
    """Room for what so many steps are taken with."""
    return Rates(
        np.zeros((steps, kernels.COLUMNS), np.float32),
        np.zeros((steps, kernels.LONGEST, kernels.EPSILON + 1), np.float32),
        np.ones(steps, np.int64),
    )


def _aligned(rows: int, width: int) -> np.ndarray:
    """Zeros whose rows begin where a vector register can be filled by one access to memory."""
    size = rows * width * 4
    raw = np.zeros(size + ALIGNED, np.uint8)
    start = -raw.ctypes.data % ALIGNED
    return raw[start : start + size].view(np.float32).reshape(rows, width)
