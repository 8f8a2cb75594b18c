"""Recovery from a quote that is never closed, or closed by a later record: it costs its own record, and no other.

The first line of a record that does not fit is taken for the broken one, with such lines after it as are none by
themselves; the next line that begins a record is read as CSV again.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

SWALLOWS = "a field opens with a quote that is not closed before the next record"
UNCLOSED = "a field opens with a quote that is never closed"
MISPLACED = "a quote is closed in the midst of its field"
QUOTE_FAULTS = (SWALLOWS, UNCLOSED, MISPLACED)
KNOWN_BY = 2000  # lines that the columns are known by
FEWEST = 6  # lines that a column can be known by
MISFITS = 0.05  # share of a column's values that may be of another kind, such as those of lines within a text
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")

Parsed = tuple[int, int, list[str] | None, str]
"""First and last line of a record (from 1), and its fields, or None and what is wrong with it."""


def plain(lines: Iterable[str]) -> Iterator[str]:
    """Lines as the csv module takes them: it refuses a carriage return outside of quotes, which is but text here."""
    return (f"{line}\n".replace("\r", " ") for line in lines)


def is_blank(fields: Sequence[str]) -> bool:
    """Whether a record is but a blank line."""
    return not fields or (len(fields) == 1 and not fields[0].strip(" \t"))


def fault(error: csv.Error) -> str:
    """What is wrong with a record, for people."""
    return UNCLOSED if str(error) == "unexpected end of data" else MISPLACED


def number_of_fields(fields: Sequence[str]) -> str:
    """What is wrong with a record of another width, for people."""
    return f"{len(fields)} field{'' if len(fields) == 1 else 's'}"


def any_swallowed(lines: Sequence[str], over_lines: Sequence[tuple[int, int]], delimiter: str, width: int) -> bool:
    """Whether one of the records over several lines (from 1) looks like several records."""
    columns = _Columns(lines, delimiter, width, over_lines)
    return any(columns.are_records(lines[first - 1 : last]) for first, last in over_lines)


@dataclass
class QuoteEvidence:
    """How quotes are used in a text."""

    enclose: int = 0
    """Sound records with a quote that encloses a field."""
    stray: int = 0
    """Records with a quote that does not, sound ones or not."""

    def says_csv(self, *, fits_as_text: bool, often_unquoted: bool) -> bool:
        """Whether so many quotes enclose fields that one which does not is a fault."""
        times = (4 if often_unquoted else 2) if fits_as_text else 1
        return self.enclose > times * self.stray


class Recovery:
    """The records of a text by CSV quoting, line by line where a record does not fit."""

    def __init__(
        self,
        lines: Sequence[str],
        delimiter: str,
        width: int,
        over_lines: Sequence[tuple[int, int]] = (),
        *,
        swallows: bool,
    ) -> None:
        """``over_lines`` are first and last line (from 1) of records of the right width that span several.

        ``swallows``: one whose lines look like records too is a broken one.
        """
        self._lines, self._delimiter, self._width, self._swallows = lines, delimiter, width, swallows
        self._columns = _Columns(lines, delimiter, width, over_lines)
        self._opens = re.compile(f'(?:^|{re.escape(delimiter)})"')
        self.evidence = QuoteEvidence()
        self.records: list[Parsed] = list(self._all())

    def _all(self) -> Iterator[Parsed]:
        at = 0
        while at < len(self._lines):
            for first, last, fields, fault_of_quotes in self._from(at):
                why = fault_of_quotes or self._fault(first, last, fields)
                end = self._end_of_broken(first, last) if why else last
                if why == MISPLACED and end < last:
                    why = SWALLOWS
                if why:
                    yield first + 1, end + 1, None, why
                elif not is_blank(fields):
                    yield first + 1, last + 1, fields, ""
                self._count(first, last, why, swallows=end < last)
                at = end + 1
                if end < last:
                    break  # what it had swallowed is read anew
            else:
                return

    def _from(self, at: int) -> Iterator[tuple[int, int, list[str], str]]:
        """Records from a line (from 0) on, blank ones too, and what is wrong with their quotes."""
        reader = csv.reader(plain(islice(self._lines, at, None)), delimiter=self._delimiter, strict=True)
        while True:
            first = at + reader.line_num
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield first, at + reader.line_num - 1, [], fault(error)
            else:
                yield first, at + reader.line_num - 1, fields, ""

    def _fault(self, first: int, last: int, fields: list[str]) -> str:
        """What is wrong with a record whose quotes are in order."""
        if is_blank(fields):
            return ""
        if len(fields) != self._width:
            return number_of_fields(fields)
        swallows = self._swallows and last > first and self._columns.are_records(self._lines[first : last + 1])
        return SWALLOWS if swallows else ""

    def _end_of_broken(self, first: int, last: int) -> int:
        """The last line of a broken record: the one before the next that begins a record."""
        end = first
        while end < last and not self._begins(end + 1):
            end += 1
        return end

    def _begins(self, at: int) -> bool:
        """Whether a line begins a record, a sound one or one that is broken itself."""
        line = self._lines[at]
        if not line.strip():
            return False
        _, _, fields, _ = next(self._from(at))
        if self._columns.fit(fields) and (self._columns.known or not self._closes(line)):
            return True
        return self._columns.begins(line)

    def _closes(self, line: str) -> bool:
        """Whether the line's first quote ends a field, as in the last line of a field over several."""
        before = line.partition('"')[0]
        return before != line and bool(before) and not before.endswith(self._delimiter)

    def _count(self, first: int, last: int, why: str, *, swallows: bool) -> None:
        """Note how a record uses quotes."""
        line = self._lines[first]
        if why:
            self.evidence.stray += why in QUOTE_FAULTS or swallows
        elif last > first or self._opens.search(line):
            self.evidence.enclose += 1
        else:
            self.evidence.stray += '"' in line


class _Columns:
    """What the columns hold, by the lines that are records by themselves: numbers, or one of few values."""

    def __init__(
        self, lines: Sequence[str], delimiter: str, width: int, over_lines: Sequence[tuple[int, int]] = ()
    ) -> None:
        self._delimiter, self._width = delimiter, width
        early = takewhile(lambda lines: lines[0] <= KNOWN_BY, over_lines)
        within = {number for first, last in early for number in range(first - 1, last)}
        known_by = list(islice(enumerate(lines), 1, KNOWN_BY))
        rows = self._rows(line for at, line in known_by if at not in within)
        if len(rows) < FEWEST:  # one of these records may have swallowed most of the lines
            rows = self._rows(line for _, line in known_by)
        self.known: dict[int, frozenset[str] | None] = {}
        """By the place of a column: its values, or None where they are numbers; other columns are not there."""
        for at, values in enumerate(zip(*rows, strict=True)) if len(rows) >= FEWEST else ():
            self._know(at, [value.strip() for value in values])

    def _rows(self, lines: Iterable[str]) -> list[list[str]]:
        alone = (self._alone(line) for line in lines)
        return [fields for fields in alone if fields is not None and len(fields) == self._width]

    def _know(self, at: int, values: Sequence[str]) -> None:
        numbers = sum(bool(_NUMBER.fullmatch(value)) for value in values)
        often = {value: count for value, count in Counter(values).items() if value and count > 1}
        enough = len(values) - max(2, MISFITS * len(values))
        if numbers >= enough:
            self.known[at] = None
        elif len(often) <= len(values) / 3 and sum(often.values()) >= enough:
            self.known[at] = frozenset(often)

    def fit(self, fields: Sequence[str] | None) -> bool:
        """Whether these are the fields of a record."""
        if fields is None or len(fields) != self._width:
            return False
        return all(self._fits(at, fields[at]) for at in self.known)

    def begins(self, line: str) -> bool:
        """Whether a line that is no record looks like a broken one of its own, and not like the end of another."""
        fields = [part.strip('" ') for part in line.split(self._delimiter)]
        if 0 in self.known:
            return self._fits(0, fields[0])
        return bool(self.known) and (self.fit(fields) or self.fit(self._alone(f'{line}"')))

    def are_records(self, lines: Sequence[str]) -> bool:
        """Whether the first line of a record looks like one by itself, and so do at least half of the others."""
        others = lines[1:]
        # A number before a comma is not enough: texts have lists.
        if len(self.known) < 2 and not any(self.known.values()):
            return False
        if 2 * sum(map(self._may_be_record, others)) < len(others):
            return False
        return self.fit(self._alone(f'{lines[0]}"')) and 2 * sum(map(self._is_record, others)) >= len(others)

    def _is_record(self, line: str) -> bool:
        return self.fit(self._alone(line)) or self.begins(line)

    def _may_be_record(self, line: str) -> bool:
        """False for most lines that are none, without parsing them."""
        first, *others = line.split(self._delimiter)
        return len(others) + 1 >= self._width and (0 not in self.known or '"' in first or self._fits(0, first))

    def _fits(self, at: int, value: str) -> bool:
        values, value = self.known[at], value.strip()
        return bool(_NUMBER.fullmatch(value)) if values is None else value in values

    def _alone(self, line: str) -> list[str] | None:
        if '"' not in line:
            return line.split(self._delimiter)
        reader = csv.reader(plain([line]), delimiter=self._delimiter, strict=True)
        try:
            return next(reader, None)
        except csv.Error:
            return None
