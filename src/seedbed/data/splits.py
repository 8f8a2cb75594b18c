"""Splits: which rows train, validate and test one seed; stratified, with equal rows kept together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from seedbed.data.table import Table
from seedbed.errors import ConfigError, DataError
from seedbed.randomness import numpy_generator

SIDES = ("train", "val", "test")


class Passes(Protocol):
    """Rows that are drawn anew for every pass over them; as many of them at each."""

    def train(self, epoch: int) -> np.ndarray:
        """Row numbers of the training pass of an epoch, from 0 on, in their order."""
        ...

    def val(self, epoch: int) -> np.ndarray:
        """Row numbers of the validation pass after it."""
        ...


@dataclass(frozen=True)
class Rows:
    """Row numbers of a table, sorted whole numbers; no row is on two sides, unless ``passes`` draw them."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    passes: Passes | None = None
    """Where rows are drawn anew at every pass: ``train`` and ``val`` are those of the first ones."""
    notes: tuple[str, ...] = ()
    """Sentences for the report."""


def narrow(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers in 32 bits where these hold them: of many millions of rows they are most of what a seed needs."""
    fits = len(numbers) == 0 or (numbers.min() >= -(2**31) and numbers.max() < 2**31)
    return numbers.astype(np.int32 if fits else np.int64, copy=False)


def same_rows(one: Rows, other: Rows) -> bool:
    """Whether both put every row on the same side."""
    sides = all(np.array_equal(getattr(one, side), getattr(other, side)) for side in SIDES)
    return one is other or (sides and one.passes == other.passes)


def none_of(classes: Sequence[str], present: np.ndarray) -> str:
    """The classes of which no row is ``present`` (C,), for a sentence."""
    absent = [repr(name) for name, there in zip(classes, present, strict=True) if not there]
    return f"none of class{'es' if len(absent) > 1 else ''} {', '.join(absent)}"


class GroupStratifiedSplit:
    """Shares the rows of each class out to three sides, and never parts the rows of a group.

    Each class hits its rounded share of every side exactly wherever it has enough groups of a single row: the
    larger groups are dealt out first, at random in proportion to the shares where they fit, and single rows
    fill up.
    """

    def __init__(
        self, *, train: float = 0.7, val: float = 0.1, test: float = 0.2, per_seed: bool = True, seed: int = 0
    ) -> None:
        """Shares of the rows; ``per_seed`` draws a split for each seed, otherwise ``seed`` draws one for all.

        Raises ``ConfigError`` for shares that cannot be.
        """
        self.shares = np.array([train, val, test], dtype=float)
        self.per_seed = per_seed
        self.seed = seed
        self._check_shares()

    def rows(self, table: Table, seed: int) -> Rows:
        """The rows of one seed; raises ``DataError`` when a side that should have rows lacks a class."""
        drawn_with = seed if self.per_seed else self.seed
        members = members_of(table.groups, table.labels, len(table.classes))
        targets = np.array([rounded(self.shares * rows) for rows in members.sum(axis=0)])
        side_of_group = deal(members, targets, self.shares, numpy_generator(drawn_with, "split"))
        side_of_row = side_of_group[table.groups]
        self._check_classes(table, side_of_row, drawn_with)
        train, val, test = (np.flatnonzero(side_of_row == side) for side in range(len(SIDES)))
        return Rows(train, val, test)

    def _check_shares(self) -> None:
        given = ", ".join(f"split.{side}={share:g}" for side, share in zip(SIDES, self.shares, strict=True))
        if not np.all(self.shares >= 0):
            raise ConfigError(f"{given}: a share cannot be below 0. Give shares such as 0.7, 0.1 and 0.2.")
        if abs(self.shares.sum() - 1) > 1e-9:
            raise ConfigError(f"{given} add up to {self.shares.sum():.10g}, not to 1. Change one of them.")
        if not (self.shares[0] > 0 and self.shares[2] > 0):
            raise ConfigError(f"{given}: split.train and split.test must be above 0.")

    def _check_classes(self, table: Table, side_of_row: np.ndarray, seed: int) -> None:
        for side in np.flatnonzero(self.shares):
            present = np.bincount(table.labels[side_of_row == side], minlength=len(table.classes))
            for label in np.flatnonzero(present == 0):
                rows = np.flatnonzero(table.labels == label)
                groups = len(np.unique(table.groups[rows]))
                raise DataError(
                    f"{table.name}: class {table.classes[label]!r} has no row in the {SIDES[side]} split of "
                    f"seed {seed} (split.{SIDES[side]}={self.shares[side]:g} of its {len(rows)} rows, which "
                    f"are {groups} distinct ones). Raise split.{SIDES[side]}, or use data with more of it."
                )


def members_of(groups: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Rows of each class in each group, (G, C); a group number that no row has is a row of zeros."""
    members = np.zeros((int(groups.max()) + 1, classes), dtype=np.int64)
    np.add.at(members, (groups, labels), 1)
    return members


def rounded(exact: np.ndarray) -> np.ndarray:
    """Whole numbers with the same sum, by largest remainder (the first of equals)."""
    whole: np.ndarray = np.floor(exact).astype(np.int64)
    # 0.7 * 10 is not exactly 7: without rounding, noise would decide between equal remainders.
    remainders = np.round(exact - whole, 9)
    missing = round(exact.sum()) - int(whole.sum())
    whole[np.argsort(-remainders, kind="stable")[:missing]] += 1
    return whole


def deal(members: np.ndarray, targets: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A side for every group, (G,), so that each class comes to its ``targets`` (C, sides)."""
    sides = np.zeros(len(members), dtype=np.int64)
    room = targets.copy()
    sizes = members.sum(axis=1)
    large = rng.permutation(np.flatnonzero(sizes > 1))
    for group in large[np.argsort(-sizes[large], kind="stable")]:  # the largest first, while there is room
        sides[group] = _side_for(members[group], room, targets, shares, rng)
        room[:, sides[group]] -= members[group]
    single = sizes == 1
    for label, label_room in enumerate(room):
        singles = rng.permutation(np.flatnonzero(single & (members[:, label] == 1)))
        sides[singles] = np.repeat(np.arange(len(shares)), _fitted(label_room, len(singles)))
    return sides


def _side_for(
    group: np.ndarray, room: np.ndarray, targets: np.ndarray, shares: np.ndarray, rng: np.random.Generator
) -> int:
    """Draw a side with room for the group, in proportion to the shares; else the side that lacks most."""
    fits = (room >= group[:, None]).all(axis=0) & (shares > 0)
    draw = rng.random()  # drawn in either case, so that later groups do not hang on this one
    if fits.any():
        upto = np.cumsum(shares * fits)
        return int(np.searchsorted(upto, draw * upto[-1], side="right"))
    stratum = int(group.argmax())  # the label of most of its rows, the first of equals
    empty = room[stratum] == targets[stratum]
    return int(np.lexsort((room[stratum], empty & (room[stratum] > 0), shares > 0))[-1])


def _fitted(room: np.ndarray, rows: int) -> np.ndarray:
    """``room``, cut where large groups have overrun a side, so that it adds up to ``rows``."""
    counts = room.clip(min=0)
    for _ in range(int(counts.sum()) - rows):
        counts[counts.argmax()] -= 1
    return counts
