"""What a seed says of its test rows, as one compressed file of its run."""

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


@dataclass(frozen=True)
class Scores:
    """Arrays over N test rows by name, of which ``rows`` are the numbers of these in the table."""

    arrays: Mapping[str, np.ndarray]
    """Each (N, ...); of ``task=regression``, predictions and targets (N,) in the units of the latter."""

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
