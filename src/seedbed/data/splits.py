"""Splits: which rows train, validate and test one seed; stratified by class, with equal rows kept together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np

from seedbed.checks import is_whole, require, require_choice
from seedbed.data.table import Table, rows_of
from seedbed.errors import ConfigError, DataError
from seedbed.quoting import override
from seedbed.randomness import numpy_generator

SIDES = ("train", "val", "test")
SHOWN = 10  # classes that a note names


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

    @property
    def sizes(self) -> dict[str, int]:
        """Rows of each side; the corrected resampled t-test takes its ratio of test rows to training rows from them."""
        return {"train": len(self.train), "val": len(self.val), "test": len(self.test)}


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


def notes_on_classes(table: Table, parts: dict[str, np.ndarray]) -> tuple[str, ...]:
    """A sentence for each part, of row numbers, that lacks a class: what is measured there says nothing of it."""
    if table.targets is not None:
        return ()
    rows_of_class = np.bincount(table.labels, minlength=len(table.classes))
    notes = []
    for name, rows in parts.items():
        absent = np.flatnonzero(np.bincount(table.labels[rows], minlength=len(table.classes)) == 0)
        if len(absent):
            listed = ", ".join(f"{table.classes[at]!r} ({rows_of(rows_of_class[at])})" for at in absent[:SHOWN])
            more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
            notes.append(
                f"The {name} part has none of class{'es' if len(absent) > 1 else ''} {listed}{more}: metrics of a class without "
                "rows are undefined there and left out, and means over the classes are over the others."
            )
    return tuple(notes)


FEWEST_STRATA = 2


def check_strata(strata: int | None) -> int | None:
    """Raise ``ConfigError`` for a ``split.strata`` that cannot be."""
    fits = strata is None or (is_whole(strata) and strata >= FEWEST_STRATA)
    require(fits, "split.strata", strata, "null, or a number of ranges of the targets from 2 on, such as 10")
    return strata


def in_strata(table: Table, strata: int | None) -> Table:
    """The table with what each side of a split gets its share of in the place of classes.

    Of targets, that is so many ranges, each with about as many rows (equal targets are in one range), or all rows where
    ``strata`` is None. Raises ``ConfigError`` for strata of a table that has classes.
    """
    if table.targets is None:
        if strata is not None:
            raise ConfigError(
                f"split.strata={strata}: {table.name} has classes, and every side gets its share of each. Leave it out: it is "
                "for targets (task=regression)."
            )
        return table
    if strata is None:
        return replace(table, classes=("",))
    ends = np.quantile(table.targets, np.arange(1, strata) / strata)
    _, numbers = np.unique(np.searchsorted(ends, table.targets), return_inverse=True)
    ranges = [table.targets[numbers == number] for number in range(numbers.max() + 1)]
    names = tuple(f"from {each.min():g} to {each.max():g}" for each in ranges)
    return replace(table, labels=numbers.astype(np.int64), classes=names)


class Split(ABC):
    """Which rows of a table train, validate and test under each seed; one of a user's derives from it."""

    per_seed: bool = True
    """Whether each seed draws rows of its own; otherwise all seeds share one split."""
    has_test_rows: bool | None = None
    """Whether there are test rows, whose values are then the final ones; None: only the rows themselves say it."""
    TESTED_BY: ClassVar[str] = "test"
    """The argument by which a user says whether there are test rows, where there is one, for messages."""

    @property
    def population(self) -> str | None:
        """What redrawn splits speak of, as a noun phrase for reports; None: what those of such tables speak of."""
        return None

    @abstractmethod
    def rows(self, table: Any, seed: int) -> Rows:
        """The rows of one seed; the same each time. Raises ``DataError`` for a table that cannot be split so."""

    def hold_out(self, table: Any, train: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Part row numbers (N,) that train into those to train on and those to choose by, where no rows are for tests.

        A search chooses by the latter: about a ``share`` of the rows, taken as the split itself takes rows. Raises
        ``ConfigError`` where a split does not say how.
        """
        raise ConfigError(
            f"split: {type(self).__name__} gives no test rows, and does not say how to hold out others "
            "(hold_out(table, train, share, seed)). Set split.test: choosing needs rows that training did not see."
        )


class GroupStratifiedSplit(Split):
    """Shares the rows of each class out to three sides, and never parts the rows of a group.

    Of targets, all rows are one class, or each range of them (``strata``). Each class hits its rounded share of every side
    exactly wherever it has enough groups of a single row: the larger groups are dealt out first, at random in proportion to
    the shares where they fit, and single rows fill up.
    """

    def __init__(
        self,
        *,
        train: float = 0.7,
        val: float = 0.1,
        test: float = 0.2,
        per_seed: bool = True,
        seed: int = 0,
        rare_classes: str = "error",
        strata: int | None = None,
    ) -> None:
        """Shares of the rows; ``per_seed`` draws a split for each seed, otherwise ``seed`` draws one for all.

        ``rare_classes`` "allow" lets validation and test rows lack a class that has too few rows for all sides.
        ``strata``: into how many ranges targets are put, of each of which every side gets its share. Raises
        ``ConfigError`` for shares that cannot be.
        """
        require_choice("split.rare_classes", rare_classes, ("error", "allow"))
        self.rare_classes = rare_classes
        self.shares = np.array([train, val, test], dtype=float)
        self.has_test_rows = test > 0
        self.per_seed = per_seed
        self.seed = seed
        self.strata = check_strata(strata)
        self._check_shares()

    def rows(self, table: Table, seed: int) -> Rows:
        """The rows of one seed; raises ``DataError`` when a side that should have rows lacks a class that it may not lack."""
        table = in_strata(table, self.strata)
        drawn_with = seed if self.per_seed else self.seed
        side_of_row = _dealt(table, self.shares, drawn_with)
        self._check_classes(table, side_of_row, drawn_with)
        train, val, test = (np.flatnonzero(side_of_row == side) for side in range(len(SIDES)))
        parts = {"validation": val, "test": test}
        return Rows(
            train, val, test, notes=notes_on_classes(table, {name: rows for name, rows in parts.items() if len(rows)})
        )

    def _check_shares(self) -> None:
        given = ", ".join(f"split.{side}={share:g}" for side, share in zip(SIDES, self.shares, strict=True))
        if not np.all(self.shares >= 0):
            raise ConfigError(f"{given}: a share cannot be below 0. Give shares such as 0.7, 0.1 and 0.2.")
        if abs(self.shares.sum() - 1) > 1e-9:
            raise ConfigError(f"{given} add up to {self.shares.sum():.10g}, not to 1. {self._complete()}")
        if not self.shares[0] > 0:
            raise ConfigError(f"{given}: split.train must be above 0.")

    def _complete(self) -> str:
        """What makes the shares add up to 1."""
        _, val, test = self.shares
        rest = 1 - val - test
        if test == 0 and rest > 0:
            return (
                f"split.test=0 means that no rows test, and that final values are those of the validation rows: then set "
                f"split.train={rest:.10g} and report.metric=val/... too. To test, give it a share, such as split.test=0.2."
            )
        return f"Set split.train={rest:.10g}, or change another." if rest > 0 else "Change one of them."

    def _check_classes(self, table: Table, side_of_row: np.ndarray, seed: int) -> None:
        for side, label in _lacking(table, side_of_row, self.shares):
            if self.rare_classes == "allow" and SIDES[side] != "train":
                continue  # said in the notes
            rows = np.flatnonzero(table.labels == label)
            groups = len(np.unique(table.groups[rows]))
            if table.targets is not None:
                of_range = f" with targets {table.classes[label]}" if table.classes[label] else ""
                fewer = f"Lower split.strata={self.strata}, or use" if self.strata else "Use"
                raise DataError(
                    f"{table.name}: the {SIDES[side]} split of seed {seed} has no row{of_range} "
                    f"(split.{SIDES[side]}={self.shares[side]:g} of {rows_of(len(rows))}, {groups} distinct). {fewer} data with "
                    "more of them."
                )
            raise DataError(
                f"{table.name}: class {table.classes[label]!r} has no row in the {SIDES[side]} split of "
                f"seed {seed} (split.{SIDES[side]}={self.shares[side]:g} of its {rows_of(len(rows))}, {groups} distinct). {self._remedy(table, seed)}"
            )

    def _remedy(self, table: Table, seed: int) -> str:
        """What gives every side a row of every class: other shares, where there are some, or fewer classes."""
        needed = int(np.count_nonzero(self.shares))
        if few := classes_of_few(table, needed):
            return (
                f"No shares can help: a class needs {needed} distinct rows, one for each side. {leave_out(table, few)} "
                f"{TO_ALLOW}"
            )
        shares = self._shares_for_all(table, seed)
        if shares is not None:
            said = " ".join(f"split.{side}={share:g}" for side, share in zip(SIDES, shares, strict=True))
            return f"Set {said}, or use data with more of it."
        return "Use data with more of it."

    def _shares_for_all(self, table: Table, seed: int) -> np.ndarray | None:
        """The nearest shares, in steps of 0.05, that give every side a row of every class under this seed."""
        steps = np.arange(1, 20) / 20
        vals, tests = (steps if share else steps[:1] * 0 for share in self.shares[1:])
        candidates = [np.round([1 - val - test, val, test], 2) for val in vals for test in tests if val + test < 0.7]
        candidates.sort(key=lambda shares: float(np.abs(shares - self.shares).sum()))
        rows = np.bincount(table.labels, minlength=len(table.classes))
        enough = [
            shares for shares in candidates if all((rounded(shares * count) > 0)[shares > 0].all() for count in rows)
        ]
        return next((few for few in enough[:5] if not _lacking(table, _dealt(table, few, seed), few)), None)


def _dealt(table: Table, shares: np.ndarray, seed: int) -> np.ndarray:
    """The side of every row, (N,)."""
    members = members_of(table.groups, table.labels, len(table.classes))
    targets = np.array([rounded(shares * rows) for rows in members.sum(axis=0)])
    side_of_row: np.ndarray = deal(members, targets, shares, numpy_generator(seed, "split"))[table.groups]
    return side_of_row


def _lacking(table: Table, side_of_row: np.ndarray, shares: np.ndarray) -> list[tuple[int, int]]:
    """Each side that has a share, and a class of which it has no row."""
    return [
        (int(side), int(label))
        for side in np.flatnonzero(shares)
        for label in np.flatnonzero(np.bincount(table.labels[side_of_row == side], minlength=len(table.classes)) == 0)
    ]


def classes_of_few(table: Table, needed: int, among: np.ndarray | None = None) -> list[str]:
    """Names of the classes with fewer distinct rows than ``needed``, of the rows ``among`` or all."""
    rows = np.arange(len(table.labels)) if among is None else among
    pairs = np.unique(np.stack([table.groups[rows], table.labels[rows]]), axis=1)
    counts = np.bincount(pairs[1], minlength=len(table.classes))
    return [name for name, count in zip(table.classes, counts, strict=True) if count < needed]


TO_ALLOW = "Or let validation and test rows lack a class (it trains all the same): split.rare_classes=allow."


def leave_out(table: Table, classes: Sequence[str]) -> str:
    """How to go on without these classes, for an error."""
    if table.dropped_classes is None or len(table.classes) - len(classes) < 2:
        return "Use data with more of it."
    them = "it" if len(classes) == 1 else "them"
    dropped = override("data.drop_classes", [*table.dropped_classes, *classes])
    return f"Leave {them} out, {dropped}, or use data with more of {them}."


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
    draw = rng.random()  # drawn in either case, so that later groups do not depend on this one
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
