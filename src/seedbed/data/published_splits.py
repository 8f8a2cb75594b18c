"""Splits of tables that are published in parts: the published test rows test, the others train and validate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from seedbed.checks import is_number, is_whole, require, require_choice
from seedbed.data.splits import (
    SIDES,
    Rows,
    Split,
    check_strata,
    classes_of_few,
    deal,
    in_strata,
    leave_out,
    members_of,
    narrow,
    none_of,
    notes_on_classes,
    rounded,
)
from seedbed.data.table import Table
from seedbed.errors import ConfigError, DataError
from seedbed.randomness import numpy_generator

TRAIN, VAL, TEST = range(len(SIDES))
AUTO_VAL = 0.1


class OfficialSplit(Split):
    """The published test part tests; the published validation part validates or, where there is none, some training rows.

    These are drawn for each class, or range of the targets, in proportion to its training rows, and equal rows stay on one
    side; but rows of the published parts stay where they are, also where a test row equals a training row.
    """

    has_test_rows = True

    def __init__(
        self,
        *,
        val: int | float | str = "auto",
        test: Literal["published"] = "published",
        per_seed: bool = True,
        seed: int = 0,
        strata: int | None = None,
    ) -> None:
        """``val`` is a share or a number of the published training rows, or "auto": the published part, else a tenth.

        ``per_seed`` draws the validation rows for each seed, otherwise ``seed`` draws them once for all; ``strata`` is
        that of ``GroupStratifiedSplit``. Raises ``ConfigError``.
        """
        share = is_number(val) and 0 < val < 1  # type: ignore[operator]
        require(
            val == "auto" or share or is_whole(val),
            "split.val",
            val,
            "a share of the training rows such as 0.1, a number of them such as 5000, or auto",
        )
        require_choice("split.test", test, ("published",))
        self.val, self.per_seed, self.seed, self.strata = val, per_seed, seed, check_strata(strata)

    def rows(self, table: Table, seed: int) -> Rows:
        """The rows of one seed; raises ``ConfigError`` and ``DataError`` where the table's parts do not suit."""
        table = in_strata(table, self.strata)
        parts = published_parts(table, "official")
        train, val, test = (np.flatnonzero(parts == side) for side in range(len(SIDES)))
        if len(val) and self.val != "auto":
            raise ConfigError(
                f"split.val={self.val}: {table.name} has a published validation part of {len(val)} rows. Set "
                "split.val=auto, or use split=per_seed, which draws from all rows."
            )
        if len(val) == 0:
            train, val = self._drawn(table, train, seed if self.per_seed else self.seed)
        present = np.bincount(table.labels[train], minlength=len(table.classes)) > 0
        if not present.all() and table.targets is None:
            raise DataError(
                f"{table.name}: the published training part has {none_of(table.classes, present)}, so that nothing can learn "
                "to tell it from others. Use split=per_seed, which draws from all rows, or leave the class out."
            )
        notes = notes_on_classes(table, {"validation": val, "test": test})
        return Rows(narrow(train), narrow(val), narrow(test), notes=notes)

    def _drawn(self, table: Table, rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Part the published training rows into those that train and those that validate."""
        labels, classes = table.labels[rows], len(table.classes)
        groups = np.unique(table.groups[rows], return_inverse=True)[1]
        wanted = AUTO_VAL if self.val == "auto" else self.val
        count = wanted if isinstance(wanted, int) else round(float(wanted) * len(rows))
        if not 0 < count < len(rows):
            raise DataError(f"split.val={self.val}: of the {len(rows)} training rows of {table.name}, that leaves a side "
                            "without any. Change it.")  # fmt: skip
        of_class = np.bincount(labels, minlength=classes)
        held = rounded(count * of_class / len(rows))
        shares = np.array([1 - count / len(rows), count / len(rows)])
        side_of_group = deal(
            members_of(groups, labels, classes),
            np.stack([of_class - held, held], axis=1),
            shares,
            numpy_generator(seed, "split"),
        )
        side = side_of_group[groups]
        for number, name in enumerate(("training", "validation")):
            present = np.bincount(labels[side == number], minlength=classes)
            if (present == 0).any() and table.targets is None:
                label = table.classes[int(present.argmin())]
                few = classes_of_few(table, 2, rows)
                remedy = (
                    f"No split.val can help: a class needs two distinct training rows. {leave_out(table, few)}"
                    if few
                    else f"{'Lower' if number == 0 else 'Raise'} split.val, or use data with more of it."
                )
                raise DataError(
                    f"{table.name}: class {label!r} has no {name} row under seed {seed} (split.val={self.val} of "
                    f"{int(of_class[present.argmin()])} training rows of that class). {remedy}"
                )
        return rows[side == 0], rows[side == 1]


class AsPublished(Split):
    """Rows as a published TensorFlow pipeline deals them out, where the shuffle stands before the validation part is taken.

    ``dataset.shuffle(buffer)`` then ``take(val)`` and ``skip(val)``, each followed by ``batch(batch_size,
    drop_remainder=True)``: the shuffle is drawn anew for every pass, so that the rows that validate after one epoch
    train in others, and in the same one. The first whole batches of the test part test, in the order of the files.
    """

    has_test_rows = True

    def __init__(
        self,
        *,
        val: int = 5000,
        test: Literal["published"] = "published",
        buffer: int = 10_000,
        batch_size: int | None = None,
    ) -> None:
        """Raises ``ConfigError``."""
        require(is_whole(val), "split.val", val, "a number of rows, such as 5000")
        require(is_whole(buffer), "split.buffer", buffer, "a number of rows, such as 10000")
        require(is_whole(batch_size), "split.batch_size", batch_size, "that of the trainer: ${trainer.batch_size}")
        require_choice("split.test", test, ("published",))
        assert batch_size is not None
        self.val, self.buffer, self.batch_size = val, buffer, batch_size

    def rows(self, table: Table, seed: int) -> Rows:
        """The rows of one seed; raises ``DataError`` where the parts of the table are too small."""
        parts = published_parts(table, "as_published")
        rows, test = narrow(np.flatnonzero(parts == TRAIN)), narrow(np.flatnonzero(parts == TEST))
        sizes = {"train": len(rows) - self.val, "validate": min(self.val, len(rows)), "test": len(test)}
        for what, size in sizes.items():
            if size < self.batch_size:
                raise DataError(
                    f"{table.name}: {max(size, 0)} rows to {what} are not a whole batch of {self.batch_size} "
                    f"(split.val={self.val} of {len(rows)} training rows). Lower split.val or trainer.batch_size."
                )
        passes = ReshuffledPasses(seed, self.val, self.buffer, self.batch_size, rows)
        return Rows(
            np.sort(passes.train(0)),
            np.sort(passes.val(0)),
            _whole_batches(test, self.batch_size),
            passes,
            (self._note(passes, sizes), *notes_on_classes(table, {"test": _whole_batches(test, self.batch_size)})),
        )

    def _note(self, passes: ReshuffledPasses, sizes: dict[str, int]) -> str:
        batches = {what: size // self.batch_size * self.batch_size for what, size in sizes.items()}
        return (
            "ROWS MIX as published (split=as_published): every training pass and every validation pass shuffles the "
            f"training part anew (buffer {self.buffer}) before the first {self.val} rows are taken to validate and the "
            f"others to train, so that validation does not measure performance on unseen rows. Under seed {passes.seed}, "
            f"{passes.trained(0)} of the {batches['validate']} rows that validate after the first epoch have trained in it, "
            f"and {passes.trained(1)} of those after the second. Batches that are not whole are dropped: "
            f"{batches['train']} of {sizes['train']} rows train, {batches['validate']} of {sizes['validate']} validate and "
            f"{batches['test']} of {sizes['test']} test."
        )


@dataclass(frozen=True)
class ReshuffledPasses:
    """The passes of one seed, each with a shuffle of its own; see ``AsPublished``."""

    seed: int
    held: int
    """The first so many rows of a shuffle are taken to validate."""
    buffer: int
    batch_size: int
    rows: np.ndarray = field(compare=False)
    """Numbers of the rows that are shuffled, in the order in which they are read."""

    def train(self, epoch: int) -> np.ndarray:
        return _whole_batches(self._shuffled("train", epoch)[self.held :], self.batch_size)

    def val(self, epoch: int) -> np.ndarray:
        return _whole_batches(self._shuffled("val", epoch)[: self.held], self.batch_size)

    def trained(self, epoch: int) -> int:
        """How many of the rows that validate after an epoch have trained in it or before."""
        trained = np.concatenate([self.train(number) for number in range(epoch + 1)])
        return int(np.isin(self.val(epoch), trained).sum())

    def _shuffled(self, side: str, epoch: int) -> np.ndarray:
        return buffer_shuffled(self.rows, self.buffer, numpy_generator(self.seed, "pass", side, epoch))


def buffer_shuffled(rows: np.ndarray, buffer: int, rng: np.random.Generator) -> np.ndarray:
    """``rows`` (N,) by the rule of ``tf.data.Dataset.shuffle``.

    A buffer holds the first rows. As long as rows come, one that is drawn from the buffer leaves it, and the next row
    takes its place; at the end, those that are left follow in random order.
    """
    size = min(buffer, len(rows))
    places = rng.integers(size, size=len(rows) - size)  # of the buffer, as rows come
    comes = size + np.arange(len(places))  # the row that takes each of these places
    leaves = places.copy()  # at first, the row of a place is that of its number
    by_place = np.argsort(places, kind="stable")
    again = np.flatnonzero(places[by_place][1:] == places[by_place][:-1]) + 1
    leaves[by_place[again]] = comes[by_place[again - 1]]
    left = np.arange(size)
    left[places] = comes  # of several in one place, NumPy keeps the last
    return np.concatenate([rows[leaves], rows[rng.permutation(left)]])


def published_parts(table: Any, name: str) -> np.ndarray:
    """The part of every row; raises ``DataError`` for a table that is published without test rows."""
    parts: np.ndarray | None = getattr(table, "parts", None)
    if parts is None or not (parts == TEST).any() or not (parts == TRAIN).any():
        raise DataError(
            f"split={name}: {table.name} has no published test part. Use split=per_seed, which draws one; of pictures of "
            "your own (data=image_folder), the folders train/ and test/ are such parts."
        )
    return parts


def _whole_batches(rows: np.ndarray, size: int) -> np.ndarray:
    return rows[: len(rows) // size * size]
