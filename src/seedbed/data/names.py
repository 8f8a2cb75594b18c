"""Finds the row of a user or an item by its name, as people write it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from seedbed.data.text_forms import folded, seen
from seedbed.errors import DataError, near_misses


class Names:
    """The names of a vocabulary's rows from 1 on."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def __len__(self) -> int:
        return len(self.names)

    def name(self, row: int) -> str:
        return self.names[row - 1]

    def find(self, wanted: str, place: str) -> int | None:
        """The row of a name as it stands, else as it is seen, else without regard to letter case; None where there is none.

        Raises a ``DataError`` that names ``place`` where several rows are meant.
        """
        for form, rows in (
            (wanted, self._as_written),
            (seen(wanted), self._as_seen),
            (folded(wanted), self._folded),
        ):
            matches = rows.get(form, [])
            if len(matches) == 1:
                return matches[0]
            if matches:
                several = " and ".join(repr(self.name(row)) for row in matches[:3])
                raise DataError(f"{place} {wanted!r} could be {several}. Write the name as it stands there.")
        return None

    def row(self, wanted: str, place: str, unknown: str) -> int:
        """The row of a name; an unknown one is a ``DataError`` that says ``unknown`` and which names look like it."""
        row = self.find(wanted, place)
        if row is None:
            raise DataError(f"{place} {wanted!r}: {unknown}, {near_misses(wanted, self.names)}")
        return row

    @cached_property
    def _as_written(self) -> dict[str, list[int]]:
        return _rows_by(self.names)

    @cached_property
    def _as_seen(self) -> dict[str, list[int]]:
        return _rows_by(map(seen, self.names))

    @cached_property
    def _folded(self) -> dict[str, list[int]]:
        return _rows_by(map(folded, self.names))


def _rows_by(names: Iterable[str]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names, 1):
        rows.setdefault(name, []).append(row)
    return rows
