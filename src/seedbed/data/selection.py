"""What a search may see of a split: rows to train on and rows to choose by, and none that test the choice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from seedbed.data.splits import Rows
from seedbed.errors import ConfigError


class SelectionSplit:
    """A split without its test rows; where it has none, rows held out of the training rows validate instead.

    In that case the split's validation rows, which test the choice later, are left out.
    """

    def __init__(self, *, split: Any, holdout: float) -> None:
        """``holdout`` is a share of each seed's training rows."""
        self.split, self.holdout = split, holdout

    def rows(self, table: Any, seed: int) -> Rows:
        """The rows of one seed, none of them for tests; raises as ``split`` does, and ``ConfigError`` (see there)."""
        rows: Rows = self.split.rows(table, seed)
        if len(rows.test):
            return replace(rows, test=rows.test[:0])
        if not hasattr(self.split, "hold_out"):
            raise ConfigError(
                f"split: {type(self.split).__name__} gives no test rows, and does not say how to hold out others "
                "(hold_out(table, train, share, seed)). Set split.test: a choice needs rows that it did not see."
            )
        train, val = self.split.hold_out(table, rows.train, self.holdout, seed)
        if len(val) == 0:
            raise ConfigError(
                f"search.holdout={self.holdout:g} of the {len(rows.train)} training rows of seed {seed} is not one. "
                "Raise it, or set split.test."
            )
        return Rows(train, val, rows.test[:0])
