"""KEEL's imbalanced data sets by name: what each is, where it comes from and the digest of its file."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class KeelSet:
    """One data set of two classes, as its file has it."""

    name: str
    source: str
    """The data set that it was made from, by keeping or joining classes: sets of one source share rows."""
    rows: int
    rare: int
    """Rows of the rarer class, whatever the file calls it."""
    label: str
    """The column of classes."""
    section: str
    """The part of KEEL's repository that has it."""
    packaged: str
    """Where the package has it, in its folder of such files."""
    size: int
    """Bytes."""
    digest: str
    """SHA-256."""

    @property
    def file(self) -> str:
        return f"{self.name}.dat"

    @property
    def ratio(self) -> float:
        """Rows of the more frequent class to one of the rarer."""
        return (self.rows - self.rare) / self.rare


def _read() -> dict[str, KeelSet]:
    with Path(__file__).with_name("keel.csv").open(encoding="utf-8", newline="") as file:
        return {line["name"]: _of_line(line) for line in csv.DictReader(file)}


def _of_line(line: Mapping[str, str]) -> KeelSet:
    name = line["name"]
    return KeelSet(
        name=name,
        source=line["source"],
        rows=int(line["rows"]),
        rare=int(line["rare"]),
        label=line["label"],
        section=line["section"],
        packaged=line["packaged"] or f"{name}/{name}.dat",
        size=int(line["size"]),
        digest=line["sha256"],
    )


SETS = _read()
"""Of two classes with a ratio of at least 1.5, where KEEL's own list of imbalanced data sets begins."""
