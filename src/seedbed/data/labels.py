"""Class labels of a file: cleaned, checked, sorted and numbered."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from seedbed.errors import DataError

MOST_CLASSES = 100
_WHOLE = re.compile(r"([-+]?\d+)\.0+")


def clean_label(value: str) -> str:
    """Without blanks at the ends; 1.0, as a whole number is written once some rows had none, becomes 1."""
    label = value.strip()
    whole = _WHOLE.fullmatch(label)
    return whole[1] if whole else label


def classes_of(labels: Sequence[str], place: str) -> tuple[str, ...]:
    """The distinct labels, sorted; by value where all are numbers.

    Raises ``DataError`` when ``place``, the column they come from, cannot be one of classes.
    """
    counts = Counter(labels)
    if not counts:
        raise DataError(
            f"{place}: no row has all that is needed, each lacks a value. Name other columns or another file."
        )
    if len(counts) == 1:
        raise DataError(
            f"{place} holds one class only, {labels[0]!r} in all {len(labels)} rows. Name the column of "
            "labels, or a file with rows of at least two classes."
        )
    if len(counts) > MOST_CLASSES or len(counts) > max(2, len(labels) / 2):
        examples = ", ".join(repr(label) for label, _ in counts.most_common(5))
        raise DataError(
            f"{place} holds {len(counts)} different values in {len(labels)} rows, such as {examples}. Is it the column "
            f"of labels? Name one with at most {MOST_CLASSES} classes, each in several rows."
        )
    numbers = [_number(label) for label in counts]
    if all(math.isfinite(number) for number in numbers):
        return tuple(label for _, label in sorted(zip(numbers, counts, strict=True)))
    return tuple(sorted(counts))


def label_numbers(labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Index of every label in ``classes``, (N,) int64."""
    number = {label: index for index, label in enumerate(classes)}
    return np.array([number[label] for label in labels], dtype=np.int64)


def _number(label: str) -> float:
    try:
        return float(label)
    except ValueError:
        return math.nan
