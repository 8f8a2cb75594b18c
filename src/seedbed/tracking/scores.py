"""What a seed says of its test rows, and of its validation rows, as one compressed file of its run."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np

from seedbed.errors import TrackingError
from seedbed.tracking.names import SCORES
from seedbed.tracking.runs import SeedRun
from seedbed.tracking.store import Store

ROWS = "rows"
VALIDATION = "val_"
"""Stands before the names of arrays over validation rows."""


def named(arrays: Mapping[str, np.ndarray], side: str) -> dict[str, np.ndarray]:
    """The arrays of a side under the names that they have in the file."""
    return {(f"{VALIDATION}{name}" if side == "val" else name): values for name, values in arrays.items()}


@dataclass(frozen=True)
class Scores:
    """Arrays over N test rows by name, of which ``rows`` are the numbers of these in the table; over validation rows too."""

    arrays: Mapping[str, np.ndarray]
    """Each (N, ...); of ``task=regression``, predictions and targets (N,) in the units of the latter; of a classification
    labels, predicted labels and, in float32, logits or decision values, where there are such."""

    def of(self, side: str) -> dict[str, np.ndarray]:
        """The arrays of a side, "val" or "test", by their names without it; {} where it has none."""
        if side == "val":
            return {n.removeprefix(VALIDATION): a for n, a in self.arrays.items() if n.startswith(VALIDATION)}
        return {name: values for name, values in self.arrays.items() if not name.startswith(VALIDATION)}

    def content(self) -> bytes:
        """As a .npz file."""
        stream = io.BytesIO()
        np.savez_compressed(stream, **dict(self.arrays))  # type: ignore[arg-type]
        return stream.getvalue()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read such a file; raises ``TrackingError`` for one that is damaged."""
        try:
            with np.load(path) as stored:
                return cls({name: stored[name] for name in stored.files})
        except (OSError, ValueError, BadZipFile, EOFError) as error:
            raise TrackingError(
                f"{path} cannot be read: {error}. Delete the run, and run the experiment again."
            ) from error


def kept_scores(store: Store, cell: SeedRun) -> Scores:
    """What was kept of a cell; nothing where it was not, or is damaged: a report can do without."""
    if SCORES not in store.files(cell.id):
        return Scores({})
    try:
        with store.file(cell.id, SCORES) as path:
            return Scores.read(path)
    except TrackingError:
        return Scores({})
