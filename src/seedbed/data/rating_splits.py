"""Splits of ratings: which rows train, validate and test one seed, by chance, by user or by time."""

from __future__ import annotations

import logging
import math
from abc import abstractmethod

import numpy as np

from seedbed.checks import is_whole, require, require_choice
from seedbed.data.ratings import RatingTable
from seedbed.data.splits import Rows, Split, narrow
from seedbed.errors import ConfigError, DataError
from seedbed.randomness import numpy_generator

_log = logging.getLogger(__name__)

ORDERS = ("time", "random")
HELD_OUT = ("user", "item")
FOLDS = 5
FEWEST_HELD_OUT_FROM = 3
"""Users, or items, of which one can validate, one test and one train."""


class RatingSplit(Split):
    """A split of a table of ratings."""

    per_seed = False
    """Whether each seed has rows of its own; otherwise all share one ``Rows``, which is drawn once."""
    seed = 0
    """What those rows are drawn with."""
    _shared: tuple[RatingTable, Rows] | None = None

    def rows(self, table: RatingTable, seed: int) -> Rows:
        """The rows of one seed; raises ``DataError`` for a table that cannot be split so."""
        if self.per_seed:
            return self._draw(table, seed)
        if self._shared is None or self._shared[0] is not table:
            self._shared = table, self._draw(table, self.seed)
        return self._shared[1]

    def hold_out(self, table: RatingTable, train: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Part training rows into those to train on and a ``share`` to choose by, as this split would.

        By chance, and rows of the same user and item stay together, unless the split has a rule of its own.
        """
        rng = numpy_generator(seed if self.per_seed else self.seed, "holdout")
        pairs = table.pair_numbers
        if pairs is None:
            return _last(rng.permutation(train), share)
        _, pair_of_row = np.unique(pairs[train], return_inverse=True)
        place = rng.permutation(int(pair_of_row.max()) + 1)[pair_of_row]
        order = np.argsort(place, kind="stable")
        kept = _kept(len(order), share)
        held = place > place[order[kept - 1]]  # the pair at the border stays to train on
        return narrow(train[~held]), narrow(train[held])

    @abstractmethod
    def _draw(self, table: RatingTable, seed: int) -> Rows: ...


class RandomSplit(RatingSplit):
    """Rows drawn at random: the first of a permutation validate, the next test, the rest trains."""

    def __init__(
        self,
        *,
        val: float = 0.2,
        test: float = 0.0,
        per_seed: bool = True,
        seed: int = 0,
        keep_pairs_together: bool = True,
    ) -> None:
        """Shares of the rows, rounded down; ``per_seed`` draws a split for each seed, otherwise ``seed`` draws one.

        ``keep_pairs_together`` never parts rows of the same user and item, which makes a share smaller by a few rows.
        Raises ``ConfigError`` for shares that cannot be.
        """
        self.val, self.test = _checked(val, test)
        self.has_test_rows = test > 0
        self.per_seed = per_seed
        self.seed = seed
        self.keep_pairs_together = keep_pairs_together

    def _draw(self, table: RatingTable, seed: int) -> Rows:
        rng = numpy_generator(seed, "split")
        val, test = _sizes(table, self.val, self.test)
        pairs = table.pair_numbers if self.keep_pairs_together else None
        if pairs is None:
            return _cut(rng.permutation(len(table.ratings)), val, test)
        sizes = np.bincount(pairs)
        order = rng.permutation(len(sizes))
        filled = np.cumsum(sizes[order])
        side_of_pair = np.zeros(len(sizes), dtype=np.int8)
        side_of_pair[order[filled <= val + test]] = 2
        side_of_pair[order[filled <= val]] = 1
        return _by_side(side_of_pair[pairs])


class PermutationSplit(RatingSplit):
    """The first rows of NumPy's older permutation validate, under every seed, as published with fastai 0.7."""

    has_test_rows = False

    def __init__(self, *, val: float = 0.2, seed: int = 42) -> None:
        """``val`` is a share of the rows, rounded down. Raises ``ConfigError``."""
        self.val, _ = _checked(val, 0.0)
        self.seed = seed

    def _draw(self, table: RatingTable, seed: int) -> Rows:
        val, _ = _sizes(table, self.val, 0.0)
        return _cut(np.random.RandomState(seed).permutation(len(table.ratings)), val, 0)


class LeaveNOut(RatingSplit):
    """Leave-n-out: n ratings of each user test, ``val`` validate and the others train."""

    TESTED_BY = "n"

    def __init__(self, *, n: int = 1, val: int = 1, order: str = "time", per_seed: bool = True, seed: int = 0) -> None:
        """``order``: "time" tests the last n ratings and validates those before; "random" draws them.

        Under "random", ``per_seed`` draws for each seed, otherwise ``seed`` draws for all. A user with fewer than
        n + val + 1 ratings only trains. Raises ``ConfigError``.
        """
        if not all(isinstance(number, int) and number >= 0 for number in (n, val)) or n + val == 0:
            raise ConfigError(
                f"split.n={n}, split.val={val}: give whole numbers of ratings per user, not both 0. Set "
                "split.n=1 split.val=1 to test the last rating and validate the one before."
            )
        require_choice("split.order", order, ORDERS)
        self.n, self.has_test_rows = n, n > 0
        self.val = val
        self.order = order
        self.per_seed = per_seed and order == "random"
        self.seed = seed

    def _draw(self, table: RatingTable, seed: int) -> Rows:
        if self.order == "time":
            rank = _timestamps(table, "split.order=time", "set split.order=random")
        else:
            rank = numpy_generator(seed, "split").permutation(len(table.users))
        numbers = np.bincount(table.users, minlength=table.user_rows)  # of ratings of each user
        enough = numbers > self.n + self.val
        self._count(table, enough)
        ordered = np.lexsort((rank, table.users))  # stable: of equal times, the last in the file is the last
        users = table.users[ordered]
        from_end = np.cumsum(numbers)[users] - 1 - np.arange(len(ordered))  # 0 for the last rating of a user
        side = np.where(from_end < self.n, 2, np.where(from_end < self.n + self.val, 1, 0)) * enough[users]
        side_of_row = np.empty(len(ordered), dtype=np.int8)
        side_of_row[ordered] = side
        return _by_side(side_of_row)

    def hold_out(self, table: RatingTable, train: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Set apart a ``share`` of the training ratings; under order=time the last one of each user with several, at any share."""
        if self.order != "time":
            return super().hold_out(table, train, share, seed)
        users = table.users[train]
        ordered = np.lexsort((_timestamps(table, "split.order=time", "set split.order=random")[train], users))
        last = np.append(users[ordered][1:] != users[ordered][:-1], True)
        several = np.bincount(users, minlength=table.user_rows)[users[ordered]] > 1
        held = np.zeros(len(train), dtype=bool)
        held[ordered[last & several]] = True
        return narrow(train[~held]), narrow(train[held])

    def _count(self, table: RatingTable, enough: np.ndarray) -> None:
        few = len(table.user_names) - int(np.count_nonzero(enough))
        least = self.n + self.val + 1
        if few == len(table.user_names):
            raise DataError(
                f"{table.name}: none of its {few} users has the {least} ratings that split.n={self.n} and "
                f"split.val={self.val} ask for. Lower one of them, or use split=random."
            )
        if few:
            _log.info("%s: %d of %d users have fewer than %d ratings, and only train", table.name, few,
                      len(table.user_names), least)  # fmt: skip


class ByTime(RatingSplit):
    """The latest ratings of all test, those before validate and the earliest train, under every seed."""

    def __init__(self, *, val: float = 0.1, test: float = 0.1) -> None:
        """Shares of the rows, rounded down. Raises ``ConfigError`` for shares that cannot be."""
        self.val, self.test = _checked(val, test)
        self.has_test_rows = test > 0

    def _draw(self, table: RatingTable, seed: int) -> Rows:
        val, test = _sizes(table, self.val, self.test)
        latest_last = self._by_time(table)
        train = len(latest_last) - val - test
        return _cut(np.roll(latest_last, -train), val, test)

    def hold_out(self, table: RatingTable, train: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The latest training rows are those to choose by."""
        latest_last = self._by_time(table)
        return _last(latest_last[np.isin(latest_last, train)], share)

    @staticmethod
    def _by_time(table: RatingTable) -> np.ndarray:
        return np.argsort(_timestamps(table, "split=by_time", "take split=random"), kind="stable")


class Folds(RatingSplit):
    """A published fold: its test part validates and the rest trains, under every seed."""

    has_test_rows = False

    def __init__(self, *, fold: int = 1) -> None:
        """``fold`` is 1 to 5. Raises ``ConfigError``."""
        if fold not in range(1, FOLDS + 1):
            raise ConfigError(
                f"split.fold={fold}: the published folds have the numbers 1 to {FOLDS}. Name one of them."
            )
        self.fold = int(fold)

    def _draw(self, table: RatingTable, seed: int) -> Rows:
        name = f"u{self.fold}"
        if name not in table.folds:
            raise DataError(
                f"{table.name}: the published fold {name} (split.fold={self.fold}) is not there. Only movielens_100k has "
                f"folds: put {name}.test of its archive beside u.data, or use split=random."
            )
        side = np.zeros(len(table.ratings), dtype=np.int8)
        side[table.folds[name]] = 1
        return _by_side(side)


class HeldOut(RatingSplit):
    """Held-out users or items: all ratings of some test, all of others validate, and those of the rest train."""

    def __init__(
        self,
        *,
        side: str = "user",
        val: float = 0.1,
        test: float = 0.2,
        at_least: int = 20,
        per_seed: bool = True,
        seed: int = 0,
    ) -> None:
        """``side`` is "user" or "item". Shares of those that have ``at_least`` ratings, rounded down; the others train.

        ``per_seed`` draws for each seed, otherwise ``seed`` draws for all. Raises ``ConfigError``.
        """
        require_choice("split.side", side, HELD_OUT)
        require(is_whole(at_least), "split.at_least", at_least, "a whole number of ratings from 1 on")
        self.side = side
        self.val, self.test = _checked(val, test)
        self.has_test_rows = test > 0
        self.at_least = at_least
        self._counted: RatingTable | None = None  # said once, and not for each seed again
        self.per_seed = per_seed
        self.seed = seed

    @property
    def population(self) -> str:
        """The users, or items, behind the table: those with enough ratings, where others are not held out."""
        enough = f"with at least {self.at_least} ratings behind these data"
        return f"the {self.side}s {enough if self.at_least > 1 else 'behind these ratings'}"

    def _draw(self, table: RatingTable, seed: int) -> Rows:
        ids, rng = self._ids(table), numpy_generator(seed, "split")
        numbers = np.bincount(ids)
        enough = np.flatnonzero(numbers >= self.at_least)
        val, test = self._sizes(table, len(enough))
        known = int(np.count_nonzero(numbers))
        few = known - len(enough)
        if few and self._counted is not table:
            self._counted = table
            _log.info("%s: %d of %d %ss have fewer than %d ratings, and only train", table.name, few, known, self.side,
                      self.at_least)  # fmt: skip
        order = rng.permutation(enough)
        side_of_id = np.zeros(len(numbers), dtype=np.int8)
        side_of_id[order[:val]] = 1
        side_of_id[order[val : val + test]] = 2
        return _by_side(side_of_id[ids])

    def hold_out(self, table: RatingTable, train: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """A share of the users, or items, that train and have ``at_least`` ratings there, with all their ratings."""
        ids = self._ids(table)[train]
        numbers = np.bincount(ids)
        enough = np.flatnonzero(numbers >= self.at_least)
        order = numpy_generator(seed if self.per_seed else self.seed, "holdout").permutation(enough)
        held = np.isin(ids, order[_kept(len(order), share) :])
        return narrow(train[~held]), narrow(train[held])

    def _ids(self, table: RatingTable) -> np.ndarray:
        return table.users if self.side == "user" else table.items

    def _sizes(self, table: RatingTable, enough: int) -> tuple[int, int]:
        """How many validate and test; raises ``DataError`` for none where a share asks for some."""
        for key, share in (("val", self.val), ("test", self.test)):
            if share > 0 and int(share * enough) == 0:
                raise DataError(
                    f"{table.name}: split.{key}={share:g} of its {enough} {self.side}s with split.at_least="
                    f"{self.at_least} ratings or more is less than one. {self._more_held_out(table, key, share, enough)}"
                )
        return int(self.val * enough), int(self.test * enough)

    def _more_held_out(self, table: RatingTable, key: str, share: float, enough: int) -> str:
        """What makes the share one user, or item, at least."""
        numbers = np.sort(np.bincount(self._ids(table)))[::-1]
        wanted = math.ceil(1 / share)
        ways = []
        if wanted <= len(numbers) and numbers[wanted - 1] > 0:
            ways.append(f"lower split.at_least to {numbers[wanted - 1]}")
        if enough >= FEWEST_HELD_OUT_FROM:
            ways.append(f"raise split.{key} above {1 / enough:.2g}")
        said = ", or ".join(ways) or f"use ratings of more {self.side}s"
        return f"{said[0].upper()}{said[1:]}."


def _checked(val: float, test: float) -> tuple[float, float]:
    """The shares; raises ``ConfigError`` for ones that cannot be."""
    given = f"split.val={val}, split.test={test}"
    if not (val > 0 and test >= 0):
        raise ConfigError(f"{given}: split.val must be above 0 and split.test not below it. Give shares such as 0.1.")
    if not val + test < 1:
        raise ConfigError(f"{given} leave nothing to train on: together they must be below 1. Lower one of them.")
    return val, test


def _sizes(table: RatingTable, val: float, test: float) -> tuple[int, int]:
    """Rows that validate and rows that test; raises ``DataError`` for none where a share asks for some."""
    rows = len(table.ratings)
    for key, share in (("val", val), ("test", test)):
        if share > 0 and int(share * rows) == 0:
            raise DataError(
                f"{table.name}: split.{key}={share:g} of its {rows} ratings is less than one. Raise split.{key}, or use more "
                "data."
            )
    return int(val * rows), int(test * rows)


def _timestamps(table: RatingTable, key: str, remedy: str) -> np.ndarray:
    if table.timestamps is None:
        raise DataError(
            f"{key}: {table.name} has no timestamps. Name their column in data.timestamp where the file has one, or "
            f"{remedy}."
        )
    return table.timestamps


def _cut(order: np.ndarray, val: int, test: int) -> Rows:
    """The first rows in ``order`` validate, the next test, the rest trains."""
    parts = np.split(narrow(order), [val, val + test])
    validate, tested, train = (np.sort(part) for part in parts)
    return Rows(train, validate, tested)


def _last(order: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers in ``order`` without the last ``share`` of them, and those, both sorted."""
    kept = _kept(len(order), share)
    return narrow(np.sort(order[:kept])), narrow(np.sort(order[kept:]))


def _kept(rows: int, share: float) -> int:
    return rows - int(share * rows)


def _by_side(side: np.ndarray) -> Rows:
    """Rows by the number of their side, (N,): 0 trains, 1 validates, 2 tests."""
    train, val, test = (narrow(np.flatnonzero(side == number)) for number in range(3))
    return Rows(train, val, test)
