"""Targets of pictures: a file with a column of names of picture files and one of numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seedbed.data.files.records import Reading, open_records
from seedbed.data.numbers import MissingValues
from seedbed.data.table import count_notes
from seedbed.data.targets import Targets, read_targets
from seedbed.errors import ConfigError, DataError, readable

SHOWN = 3
"""Names that an error lists."""


@dataclass(frozen=True)
class ListedTargets:
    """The pictures of a folder that a file names, with the target of each."""

    names: tuple[str, ...]
    """(N,) in the folder, with "/" between their parts."""
    targets: Targets
    """(N,)"""
    counts: dict[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class TargetFile:
    """A file of targets of pictures; nothing is read before ``read``."""

    path: Path
    target: str
    """The column of numbers."""
    file: str | None = None
    """The column of names; None: the first of the others."""
    decimal: str = "point"
    missing: MissingValues = field(default_factory=MissingValues)

    def read(self, folder: Path) -> ListedTargets:
        """The rows with a target, by name; raises ``DataError`` for a picture that is not in the folder, or named twice."""
        records = open_records(self.path, Reading(), [self.target, *([self.file] if self.file else [])])
        target_at = records.position(self.target, "data.target")
        others = [at for at in range(len(records.columns)) if at != target_at]
        if self.file is None and not others:
            raise DataError(
                f"data.targets={self.path} has the column {self.target!r} alone. It needs one with the names of the "
                "picture files beside it."
            )
        file_at = others[0] if self.file is None else records.position(self.file, "data.file")
        if file_at == target_at:
            raise ConfigError(
                f"data.file and data.target are both {self.target}. Name two columns of {records.listed()}."
            )
        targets = read_targets(records, self.target, self.decimal, self.missing)
        names = [self._in_folder(name, folder) for name in records.strings([file_at])[0]]
        kept = np.flatnonzero(~targets.absent)
        place = f"{self.path}: column {records.columns[file_at]!r}"
        self._check(names, folder, place)
        without = {"dropped_without_target": len(names) - len(kept)}
        notes = (*count_notes(without, ""), *self.missing.notes(targets.named_missing))
        counts = {what: rows for what, rows in without.items() if rows}
        return ListedTargets(tuple(names[row] for row in kept), targets.of_rows(kept), counts, notes)

    @staticmethod
    def _in_folder(name: str, folder: Path) -> str:
        """The name as in the folder, also of a path that leads through it."""
        written = name.strip().replace("\\", "/").removeprefix("./")
        for start in (f"{folder.as_posix()}/", f"{folder.name}/"):
            if written.startswith(start) and not (folder / written).is_file():
                return written.removeprefix(start)
        return written

    @staticmethod
    def _check(names: list[str], folder: Path, place: str) -> None:
        absent = [name for name in names if not name or not (folder / name).is_file()]
        if absent:
            listed = ", ".join(repr(readable(name)) for name in absent[:SHOWN])
            raise DataError(
                f"{place} names {len(absent)} of {len(names)} pictures that are not in {folder}, such as {listed}. Write "
                "names as they stand in data.path, or name the column that holds them: data.file=COLUMN."
            )
        if len(set(names)) < len(names):
            twice = next(name for number, name in enumerate(names) if name in names[:number])
            raise DataError(f"{place} names {readable(twice)!r} twice. Give each picture one target.")
