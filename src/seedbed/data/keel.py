"""KEEL's imbalanced data sets: two classes each, of rows of numbers and categories.

Source: Alcalá-Fdez et al. 2011, "KEEL Data-Mining Software Tool: Data Set Repository, Integration of Algorithms and
Experimental Analysis Framework".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from seedbed.data.feature_csv import FeatureCsv
from seedbed.data.published.keel import KeelFiles, checked_set
from seedbed.data.table import Progress, Table


class Keel(KeelFiles):
    """One set as a table; nothing is read before ``locate`` or ``load``."""

    def __init__(
        self,
        *,
        name: str | None = None,
        root: str | None = None,
        features: Sequence[str | int] | None = None,
        exclude: Sequence[str | int] = (),
        columns: Mapping[Any, Any] | None = None,
        missing: str = "drop",
        scaler: Any = None,
        positive: Any = None,
    ) -> None:
        """The arguments are the keys of ``conf/data/keel.yaml``, those but the first two as in ``feature_csv.yaml``.

        Raises ``ConfigError``.
        """
        self.chosen = checked_set(name)
        super().__init__(name=name, root=root)
        self.settings = {
            "label": self.chosen.label,
            "features": features,
            "exclude": exclude,
            "columns": columns,
            "missing": missing,
            "scaler": scaler,
            "positive": positive,
        }
        self._table_of(self.chosen.file)  # settings can be wrong, and are checked before a download

    @property
    def source(self) -> str:
        """The data set that this one was made from: results on two sets of one source are not independent."""
        return self.chosen.source

    def load(self, progress: Progress | None = None) -> Table:
        """Read and check the rows; raises ``ConfigError`` and ``DataError``."""
        table = self._table_of(str(self.locate().path)).load(progress)
        return replace(table, name=self.chosen.name, notes=tuple(_notes(table)))

    def _table_of(self, path: str) -> FeatureCsv:
        return FeatureCsv(path=path, **self.settings)


def _notes(table: Table) -> list[str]:
    """Those on the rows; how the file is read is known, as its digest is."""
    notes = [note for note in table.notes if " was read as " not in note]
    if table.positive is not None and table.classes[table.positive] == "negative":
        notes.append(
            "The positive class, of precision, recall, F1 and AUROC, is the one that the file calls 'negative'."
        )
    return notes
