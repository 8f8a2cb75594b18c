"""A table of rows with labels or targets, ready for a network, and how two of them are found to be the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from seedbed.data.network_inputs import NetworkInputs, Vectors
from seedbed.data.text_forms import compared, folded

Progress = Callable[[int, int], None]
"""Called with (done, total)."""
TextEncoder = Callable[[Sequence[str], Progress | None], np.ndarray]
"""Turns n texts into (n, F) features, of the type that the table's ``inputs`` take."""


class Dataset(Protocol):
    """What every table says of itself, whatever its rows are."""

    @property
    def name(self) -> str:
        """The data set; a subset or another edition has a name of its own."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of the source (hex)."""
        ...

    @property
    def counts(self) -> Mapping[str, int]:
        """What the report says about the rows."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the report, such as that a subset is in use."""
        ...

    @property
    def made_with(self) -> Mapping[str, str]:
        """What decides the values and stands in no config, such as an encoder's name with its version."""
        ...


@dataclass(frozen=True)
class ByColumn:
    """N rows with a value for each column, as one seed sees them: numbers as they are scaled, categories by number."""

    values: np.ndarray
    """(N, C) of the features' type, numbers first."""
    categorical: tuple[int, ...]
    """Positions of the columns of categories."""
    encode: Callable[[np.ndarray], np.ndarray]
    """(M, C) such rows -> (M, F) features."""

    def of(self, rows: np.ndarray) -> ByColumn:
        """These rows alone."""
        return replace(self, values=self.values[rows])


@dataclass(frozen=True)
class Prepared:
    """All rows of a table as one seed sees them, after what was fitted to its training rows."""

    features: np.ndarray
    """(N, F), of the type that the table's ``inputs`` take: float32 for vectors, float64 where the table's features are."""
    encode: TextEncoder | None = None
    """Further texts, by what was fitted; None where the data are no texts."""
    by_column: ByColumn | None = None
    """The rows before categories were encoded, where there are any."""


class Preparation(Protocol):
    """What must be fitted to a seed's training rows, and to no others, before a network sees any row."""

    @property
    def inputs(self) -> NetworkInputs:
        """What a network sees of what it gives under every seed."""
        ...

    def fit(self, table: Table, train: np.ndarray) -> Prepared:
        """Fit to the rows with the numbers ``train`` (n,) and apply to all rows."""
        ...


@dataclass(frozen=True)
class Table:
    """N rows, each with a label or with a target, all from one file."""

    name: str
    """The data set; a subset or another edition has a name of its own."""
    digest: str
    """SHA-256 of the source file (hex)."""
    features: np.ndarray
    """(N, ...): float32 (N, F) for vectors, uint8 (N, C, H, W) for pictures; with a ``preparation``, what that starts from."""
    labels: np.ndarray
    """(N,) int64, index into ``classes``; zeros where there are ``targets``."""
    classes: tuple[str, ...]
    """Sorted labels; () where there are ``targets``."""
    groups: np.ndarray
    """(N,) int64: rows of the same normalised text, or of equal features, share a number; a split never parts them."""
    texts: tuple[str, ...] | None
    """The raw messages, where the data are texts."""
    counts: dict[str, int]
    """What the report says about the rows: see ``count_rows``."""
    notes: tuple[str, ...]
    """Sentences for the report, such as that a subset is in use."""
    encode: TextEncoder | None = None
    """How further texts become features; None where the data are no texts, or with a ``preparation``."""
    preparation: Preparation | None = None
    """What is fitted to each seed's training rows; None where the features serve all seeds as they are."""
    made_with: Mapping[str, str] = field(default_factory=dict)
    """What decides the features and stands in no config, such as the encoder's name with its version."""
    columns: tuple[str, ...] = ()
    """(F,) names of the columns of a file of numbers that ``features`` holds; () where they come from texts."""
    of_features: NetworkInputs | None = None
    """What a network sees of ``features``; None: they are vectors. A ``preparation`` says that itself."""

    parts: np.ndarray | None = None
    """(N,) int8: the side (0 trains, 1 validates, 2 tests) for which each row is published; None where none is."""
    exact: np.ndarray | None = None
    """``features`` in the float64 of their file, for estimators; None where float32 is all there is."""
    stored: Path | None = None
    """The .npy file that ``features`` are mapped from, if they are: then only its name goes to another process."""
    positive_class: str | None = None
    """Of two classes the one that metrics are about, where the user has chosen it."""
    dropped_classes: tuple[str, ...] | None = None
    """What ``data.drop_classes`` leaves out; None where the data have no such setting."""
    targets: np.ndarray | None = None
    """(N,) float64, the numbers to predict; None where the rows have labels."""
    target_name: str = ""
    """What the targets are called, such as "price"."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "features": self.features if self.stored is None else None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state if state["stored"] is None else {**state, "features": mapped(state["stored"])})

    @property
    def inputs(self) -> NetworkInputs:
        """What a network sees of a row."""
        if self.preparation is not None:
            return self.preparation.inputs
        return self.of_features or Vectors(self.features.shape[1])

    @property
    def outcomes(self) -> np.ndarray:
        """(N,) what is to be predicted: the targets, or the labels."""
        return self.labels if self.targets is None else self.targets

    @property
    def minority(self) -> int:
        """Index of the rarest class (the first of equals)."""
        return int(np.bincount(self.labels, minlength=len(self.classes)).argmin())

    @property
    def positive(self) -> int:
        """Index of the class that precision, recall and F1 of two classes are about: the chosen one, else the rarest."""
        return self.minority if self.positive_class is None else self.classes.index(self.positive_class)


def mapped(path: Path) -> np.ndarray:
    """The array of a .npy file, whose pages all processes share and none writes back."""
    array: np.ndarray = np.load(path, mmap_mode="c")  # not "r": PyTorch warns of an array that it must not write to
    return array


def normalise(text: str, *, case_sensitive: bool = False) -> str:
    """The form in which messages are compared: what is seen of them (``seedbed.data.text_forms``), letter case folded."""
    return compared(text) if case_sensitive else folded(text)


def look_alike_texts(texts: Sequence[str], groups: np.ndarray, *, case_sensitive: bool = False) -> list[int]:
    """Rows whose text equals another one of its group only by what is not seen, or by variants of a character.

    Of each group, those that have another form than its first row when blanks and letter case alone are normalised.
    """
    first: dict[int, str] = {}
    rows = []
    for row, (text, group) in enumerate(zip(texts, groups.tolist(), strict=True)):
        plain = " ".join(text.split())
        plain = plain if case_sensitive else plain.casefold()
        if first.setdefault(group, plain) != plain:
            rows.append(row)
    return rows


def group_numbers(keys: Iterable[Hashable]) -> np.ndarray:
    """Number the distinct keys 0, 1, ... in order of first appearance, (N,) int64."""
    numbers: dict[Hashable, int] = {}
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


def rows_of(count: int) -> str:
    """The count with its noun, for a sentence."""
    return f"{count} row{'' if count == 1 else 's'}"


def count_notes(counts: Mapping[str, int], first_dropped: str) -> list[str]:
    """A sentence for each count of a reader that is not zero; ``first_dropped`` is the first bad line."""
    said = {
        "dropped_bad_lines": f"left out: another number of fields than the header, or no record (first: {first_dropped})",
        "dropped_without_text": "left out: no text",
        "dropped_without_label": "left out: no label",
        "dropped_without_target": "left out: no target",
        "dropped_with_missing": "left out: a missing value (data.missing=drop)",
        "dropped_without_user": "left out: no user",
        "dropped_without_item": "left out: no item",
        "dropped_without_rating": "left out: no rating",
        "dropped_without_timestamp": "left out: no timestamp",
        "joined_overflow": "put together again: part of the text was in columns without a name",
    }
    return [f"{rows_of(rows)} {said[what]}." for what, rows in counts.items() if rows and what in said]
