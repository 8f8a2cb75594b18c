"""What a search may see of a split: rows to train on and rows to choose by, and none that test the choice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from seedbed.data.splits import Rows, Split
from seedbed.errors import ConfigError


class SelectionSplit(Split):
    """A split without its test rows; where it has none, rows held out of the training rows validate instead.

    In that case the split's validation rows, which test the choice later, are left out.
    """

    has_test_rows = False

    def __init__(self, *, split: Split, holdout: float) -> None:
        """``holdout`` is a share of each seed's training rows."""
        self.split, self.holdout, self.per_seed = split, holdout, split.per_seed

    def rows(self, table: Any, seed: int) -> Rows:
        """The rows of one seed, none of them for tests; raises as ``split`` does, and ``ConfigError`` (see there)."""
        rows = self.split.rows(table, seed)
        if len(rows.test):
            return replace(rows, test=rows.test[:0])
        train, val = self.split.hold_out(table, rows.train, self.holdout, seed)
        if len(val) == 0:
            raise ConfigError(
                f"search.holdout={self.holdout:g} of the {len(rows.train)} training rows of seed {seed} is less than one. "
                "Raise it, or set split.test."
            )
        return Rows(train, val, rows.test[:0])
