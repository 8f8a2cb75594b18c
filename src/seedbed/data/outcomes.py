"""What is to be predicted of the rows of a table: the classes that they belong to, or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from seedbed.data.labels import LabelRules, Labels, classes_of, equal_classes_note, label_numbers
from seedbed.data.table import count_rows
from seedbed.data.targets import Targets, refuse_constant, target_notes


@dataclass(frozen=True)
class Outcomes:
    """Labels or targets of N rows; the fields are those of a ``Table``."""

    labels: np.ndarray
    classes: tuple[str, ...] = ()
    targets: np.ndarray | None = None
    target_name: str = ""
    positive_class: str | None = None
    dropped_classes: tuple[str, ...] | None = None

    @classmethod
    def of_labels(
        cls,
        names: Sequence[str],
        classes: tuple[str, ...],
        positive: str | None = None,
        dropped: tuple[str, ...] | None = None,
    ) -> Self:
        """Of the label of each row, one of ``classes``."""
        return cls(label_numbers(names, classes), classes, positive_class=positive, dropped_classes=dropped)

    @classmethod
    def of_targets(cls, targets: Targets) -> Self:
        """Of the target of each row; raises ``DataError`` where they are all the same."""
        refuse_constant(targets)
        zeros = np.zeros(len(targets.values), dtype=np.int64)
        return cls(zeros, targets=targets.values, target_name=targets.name)

    @classmethod
    def of_rows(cls, read: Labels | Targets, rows: np.ndarray, rules: LabelRules, place: str) -> Self:
        """Of the rows with these numbers; raises ``DataError`` where there is nothing to tell apart."""
        if isinstance(read, Targets):
            return cls.of_targets(read.of_rows(rows))
        names = [read.names[row] for row in rows]
        classes = classes_of(names, place)
        return cls.of_labels(names, classes, rules.positive_class(classes, place), rules.dropped)

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a ``Table``, by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def values(self) -> np.ndarray:
        """(N,) what is to be predicted."""
        return self.labels if self.targets is None else self.targets

    def counts(self, groups: np.ndarray) -> dict[str, int]:
        """Count the rows, those of each class, duplicates and, of labels, conflicts between these."""
        if self.targets is None:
            return count_rows(self.labels, groups, self.classes)
        return {"rows": len(groups), "duplicates": len(groups) - len(np.unique(groups))}

    @property
    def notes(self) -> list[str]:
        """Sentences for the report."""
        if self.targets is None:
            return equal_classes_note(self.labels, self.classes, self.positive_class)
        return target_notes(self.target_name, self.targets)
