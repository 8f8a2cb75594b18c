"""What a seed says of its test rows, and of its validation rows, as one compressed file of its run.

Worker processes make it, which import no MLflow: ``kept_scores.py`` finds it in the store.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np

from seedbed.errors import TrackingError

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
    from_weights: bool = False
    """Whether they were computed later, from what was kept of the seed."""

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
    def read(cls, path: Path, *, from_weights: bool = False) -> Self:
        """Read such a file; raises ``TrackingError`` for one that is damaged."""
        try:
            with np.load(path) as stored:
                return cls({name: stored[name] for name in stored.files}, from_weights)
        except (OSError, ValueError, BadZipFile, EOFError) as error:
            raise TrackingError(
                f"{path} cannot be read: {error}. Delete the run, and run the experiment again."
            ) from error
