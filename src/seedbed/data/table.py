"""A table of labelled rows, ready for a network, and how two messages are found to be the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Table:
    """N labelled rows, all from one file."""

    name: str
    """The data set; a subset or another edition has a name of its own."""
    digest: str
    """SHA-256 of the source file (hex)."""
    features: np.ndarray
    """(N, F) float32."""
    labels: np.ndarray
    """(N,) int64, index into ``classes``."""
    classes: tuple[str, ...]
    """Sorted labels."""
    groups: np.ndarray
    """(N,) int64: rows of the same normalised text share a number, and a split never parts them."""
    texts: tuple[str, ...] | None
    """The raw messages, where the data are texts."""
    counts: dict[str, int]
    """What the report says about the rows: see ``count_rows``."""
    notes: tuple[str, ...]
    """Sentences for the report, such as that a subset is in use."""

    @property
    def minority(self) -> int:
        """Index of the rarest class (the first of equals)."""
        return int(np.bincount(self.labels, minlength=len(self.classes)).argmin())


def normalise(text: str, *, case_sensitive: bool = False) -> str:
    """The form in which messages are compared: single blanks, none at the ends, letter case folded."""
    words = " ".join(text.split())
    return words if case_sensitive else words.casefold()


def group_numbers(keys: Iterable[str]) -> np.ndarray:
    """Number the distinct keys 0, 1, ... in order of first appearance, (N,) int64."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def count_rows(labels: np.ndarray, groups: np.ndarray, classes: Sequence[str]) -> dict[str, int]:
    """Count rows, rows of each class (``rows_ham``), duplicates and label conflicts.

    ``duplicates`` are rows minus groups, ``label_conflicts`` the groups that carry more than one label.
    """
    distinct_labels = np.unique(np.stack([groups, labels]), axis=1)[0]
    conflicts = np.count_nonzero(np.bincount(distinct_labels) > 1)
    by_class = np.bincount(labels, minlength=len(classes))
    return {
        "rows": len(labels),
        **{f"rows_{name}": int(rows) for name, rows in zip(classes, by_class, strict=True)},
        "duplicates": len(labels) - len(np.unique(groups)),
        "label_conflicts": int(conflicts),
    }
