"""Files of Weka and KEEL, whose header declares the columns in lines that begin with @attribute."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from seedbed.data.files.delimited import DelimitedRecords, Dialect
from seedbed.data.files.reading import BadRecord, Declared, Found, Reading, Records, Target, numbered
from seedbed.errors import DataError, near_misses

MISSING = ("?", "<null>")
COMMENT = "%"
KINDS = {"real": "real", "numeric": "real", "integer": "integer", "string": "string", "date": "date"}
CLASS = "class"  # the name by which an attribute of labels goes, in any letter case
SHOWN = 10  # declared values that an error names
_KEYWORD = re.compile(r"@(\w+)(.*)")
_QUOTED = r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\""""
_NAME = re.compile(rf"\s*(?:{_QUOTED}|([^\s{{]+))\s*")
_VALUE = re.compile(rf"\s*(?:{_QUOTED}|([^,]*))\s*(?:(,)|$)")
_RANGE = re.compile(r"\[\s*([^\s,]+)\s*,\s*([^\s,]+)\s*\]")
_CELL = re.compile(rf"\s*(\d+)\s+(?:{_QUOTED}|([^,]*))\s*(?:(,)|$)")
_WEIGHT = re.compile(r",\s*\{\s*[\d.eE+-]+\s*\}$")
_ESCAPED = re.compile(r"\\(.)")
_COMMENT_BEHIND = re.compile(r"\s%.*")
_QUOTING = re.compile(r"""['"{\\\0]""")  # a line without these is parted by its commas alone
_LOOSE = re.compile(r"[\s?<]")  # of blanks around values, or of values that are missing


@dataclass
class Header:
    """What stands above @data."""

    names: list[str] = field(default_factory=list)
    declared: list[Declared] = field(default_factory=list)
    outputs: list[tuple[int, str]] = field(default_factory=list)
    """The names after @outputs, each with its line."""
    start: int = 0
    """The number of lines down to @data."""

    @cached_property
    def of_sparse(self) -> list[str]:
        """What a sparse record has where it names no value: 0, or the first value of a nominal attribute."""
        by_kind = {"real": "0", "integer": "0"}
        return [each.values[0] if each.kind == "nominal" else by_kind.get(each.kind, "") for each in self.declared]


class ArffRecords(DelimitedRecords):
    """Records whose columns are declared."""

    def __init__(self, path: Path, header: Header, how: str, found: Found, rows: Mapping[int, str]) -> None:
        """``rows`` are the records as lines of CSV, by the number of their line in the file."""
        text = "\n".join([_csv_line(header.names), *rows.values(), ""])
        super().__init__(path, header.names, how, found, text, Dialect(",", csv.QUOTE_MINIMAL, True), len(rows))
        self.declared = dict(enumerate(header.declared))
        self.target = _target(header)
        self._lines = list(rows)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        return (*super().notes, *self._beyond_ranges())

    def place(self, row: int) -> str:
        return numbered([self.line(row)])

    def line(self, row: int) -> int:
        """The line of a record, which is counted from 0."""
        return self._lines[row]

    def _beyond_ranges(self) -> list[str]:
        """A sentence where values lie outside of the range that is declared for them: it may be that of a part of the rows."""
        ranges = {at: each.range for at, each in self.declared.items() if each.range is not None}
        frame = self.numbers(list(ranges)) if ranges else pd.DataFrame()
        said = []
        for at, (least, greatest) in ranges.items():
            column = frame[at]
            if not pd.api.types.is_numeric_dtype(column):
                continue  # said where its values are to be numbers
            beyond = column[(column < least) | (column > greatest)]
            if len(beyond):
                first = int(beyond.index[0])
                said.append(
                    f"{self.columns[at]!r}: {len(beyond)} value{'' if len(beyond) == 1 else 's'} outside of the declared range "
                    f"[{least:g}, {greatest:g}], such as {beyond.iloc[0]:g} in {self.place(first)}. Kept as written."
                )
        return said


def is_arff(text: str) -> bool:
    """Whether the first line that is neither blank nor a comment names a relation or an attribute."""
    lines = (line.strip() for line in text[:100_000].split("\n"))
    first = next((line for line in lines if line and not line.startswith(COMMENT)), "")
    return re.match(r"@(relation|attribute)\b", first, re.IGNORECASE) is not None


def arff(path: Path, text: str, found: Found, reading: Reading) -> Records:
    """The records of such a file; raises ``DataError``."""
    lines = text.split("\n")
    header = _header(path, lines)
    how = f"{path.name} was read as ARFF (or KEEL): encoding {found.encoding}, names from its @attribute lines."
    found = replace(found, format="ARFF")
    rows, bad = _rows(lines, header)
    records = ArffRecords(path, header, how, found, rows)
    if wrong := _undeclared(records) if rows else {}:
        by_line = {records.line(row): why for row, why in wrong.items()}
        bad += [BadRecord(line, line, why) for line, why in by_line.items()]
        bad.sort(key=lambda each: each.first)
        rows = {line: row for line, row in rows.items() if line not in by_line}
        records = ArffRecords(path, header, how, found, rows)
    if bad and not reading.drops:
        more = f" (and {len(bad) - 1} more such records)" if len(bad) > 1 else ""
        raise DataError(
            f"{path}, {bad[0].place}: {bad[0].why}{more}. Fix the line, or leave such records out: data.bad_lines=drop."
        )
    if not rows:
        raise DataError(f"{path} has no record below @data. ({how})")
    records.with_dropped(bad)
    return records


# ---- the header ------------------------------------------------------------------------------------------------------


def _header(path: Path, lines: Sequence[str]) -> Header:
    header = Header()
    for number, line in enumerate(lines, 1):
        if (match := _KEYWORD.match(line.strip())) is None:
            continue
        keyword, rest = match[1].lower(), match[2]
        if keyword == "attribute":
            name, declared = _attribute(f"{path}, line {number}", rest)
            header.names.append(name)
            header.declared.append(declared)
        elif keyword in ("output", "outputs"):
            header.outputs += [(number, name) for name in _fields(_without_comment(rest)) or ()]
        elif keyword == "data":
            if not header.names:
                raise DataError(f"{path}: no @attribute stands above @data. Add one for each column.")
            _check_outputs(path, header)
            header.start = number
            return header
    raise DataError(f"{path} has no line @data. It may have been cut off: get it again.")


def _attribute(place: str, rest: str) -> tuple[str, Declared]:
    """The name of an attribute, and what follows it."""
    match = _NAME.match(rest)
    if match is None or not rest[:1].isspace():
        raise DataError(f"{place}: an @attribute has no name. Fix it, or write the table as CSV.")
    name = _unescaped(_matched(match)).strip()
    return name, _declared(f"{place}: attribute {name!r}", rest[match.end() :])


def _declared(attribute: str, written: str) -> Declared:
    if written.startswith("{"):
        end = written.rfind("}")
        values = _fields(written[1:end]) if end > 0 else None
        if values is None:
            raise DataError(f"{attribute} has values whose quote or brace is not closed. Fix the line.")
        return Declared("nominal", tuple(values))
    word = re.match(r"\w*", written)
    kind = word[0].lower() if word else ""
    if kind == "relational":
        raise DataError(f"{attribute}: an @attribute of type relational is not read. Write the table as CSV.")
    if kind not in KINDS:
        types = f"{', '.join(KINDS)}, or its values in braces, such as {{yes, no}}"
        what = f"is of type {kind!r}, {near_misses(kind, KINDS)} Write" if kind else "has no type. Write"
        raise DataError(f"{attribute} {what} {types}.")
    limits = _RANGE.match(written[len(kind) :].strip())
    return Declared(KINDS[kind], range=None if limits is None else _limits(limits[1], limits[2]))


def _limits(least: str, greatest: str) -> tuple[float, float] | None:
    try:
        return float(least), float(greatest)
    except ValueError:
        return None


def _check_outputs(path: Path, header: Header) -> None:
    for number, name in header.outputs:
        if name not in header.names:
            raise DataError(
                f"{path}, line {number}: @outputs names {name!r}, which is not an attribute, {near_misses(name, header.names)}"
            )


def _target(header: Header) -> Target | None:
    """By @outputs, else the only attribute of the name class, else the last attribute, as in Weka."""
    if header.outputs:
        named = {name for _, name in header.outputs}
        places = [at for at, name in enumerate(header.names) if name in named]
        return Target(places[0], "which @outputs names") if len(places) == 1 else None
    places = [at for at, name in enumerate(header.names) if name.lower() == CLASS]
    if len(places) == 1:
        return Target(places[0], "by its name")
    return Target(len(header.names) - 1, "the last attribute")


def _without_comment(text: str) -> str:
    return _COMMENT_BEHIND.sub("", text)


# ---- the records -----------------------------------------------------------------------------------------------------


def _rows(lines: Sequence[str], header: Header) -> tuple[dict[int, str], list[BadRecord]]:
    """The records as lines of CSV, by the number of their line, and those that are none."""
    rows: dict[int, str] = {}
    bad = []
    for number, written in enumerate(lines[header.start :], header.start + 1):
        line = written.strip()
        if not line or line.startswith(COMMENT):
            continue
        if line.count(",") == len(header.names) - 1 > 0 and not _QUOTING.search(line):  # most are so
            rows[number] = _without_blanks(line) if _LOOSE.search(line) else line
            continue
        fields, why = _record(line, header)
        if fields is None:
            bad.append(BadRecord(number, number, why))
        else:
            rows[number] = _csv_line(fields)
    return rows, bad


def _without_blanks(line: str) -> str:
    values = map(str.strip, line.split(","))
    return ",".join(["" if value in MISSING else value for value in values])


def _csv_line(fields: Sequence[str]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(fields)
    return written.getvalue()


def _record(line: str, header: Header) -> tuple[list[str] | None, str]:
    """The values of a line, "" where there is none; None where it is no record, and why."""
    width = len(header.names)
    if "\0" in line:
        return None, "it holds a NUL character"
    if line.startswith("{"):
        return _sparse_record(line, header.of_sparse)
    fields = _fields(line if "," in line else re.sub(r"\t+", ",", line))
    if fields is None:
        return None, "a quote is not closed"
    if len(fields) == width:
        return fields, ""
    if len(fields) == width + 1 and _WEIGHT.search(line):
        return None, "it has a weight in braces at its end, which is not read"
    return None, f"it has {len(fields)} value{'' if len(fields) == 1 else 's'}, but {width} attributes are named"


def _sparse_record(line: str, values: Sequence[str]) -> tuple[list[str] | None, str]:
    """A record that names the positions, from 0 on, of the values that are not as in ``values``."""
    if _WEIGHT.search(line):
        return None, "it has a weight in braces at its end, which is not read"
    if not line.endswith("}"):
        return None, "the brace of a sparse record is not closed"
    fields, inner, at, last = list(values), line[1:-1], 0, -1
    while inner[at:].strip():
        match = _CELL.match(inner, at)
        if match is None or (match[4] or "").startswith(("'", '"')):
            return None, f"a sparse record has {inner[at:].strip()[:30]!r}, where a position and a value are needed"
        position = int(match[1])
        if position >= len(fields):
            return (
                None,
                f"a sparse record has a value at position {position}, but {len(fields)} attributes are named, from 0 on",
            )
        if position <= last:
            return None, f"a sparse record has position {position} after {last}, where they must rise"
        fields[position] = _value(match[2], match[3], match[4])
        at, last = match.end(), position
        if match[5] is None:
            break
    return fields, ""


def _undeclared(records: Records) -> dict[int, str]:
    """The records with a nominal value that is not declared, by number, and why they are none."""
    nominal = [at for at, declared in records.declared.items() if declared.kind == "nominal"]
    wrong: dict[int, str] = {}
    for at, values in zip(nominal, records.strings(nominal) if nominal else [], strict=True):
        declared = records.declared[at].values
        if others := set(values) - {*declared, ""}:
            whys = {value: _why_undeclared(records.columns[at], value, declared) for value in others}
            for row, value in enumerate(values):
                if value in whys:
                    wrong.setdefault(row, whys[value])
    return wrong


def _why_undeclared(name: str, value: str, declared: Sequence[str]) -> str:
    shown = ", ".join(map(repr, declared[:SHOWN])) + (", ..." if len(declared) > SHOWN else "")
    return f"{name!r} is {value!r}, but its @attribute declares {shown}"


# ---- values ----------------------------------------------------------------------------------------------------------


def _fields(line: str) -> list[str] | None:
    """The values of a line, "" where there is none; None where a quote is not closed."""
    fields, at = [], 0
    while True:
        match = _VALUE.match(line, at)
        if match is None or (match[3] or "").startswith(("'", '"')):
            return None
        fields.append(_value(match[1], match[2], match[3]))
        if match[4] is None:
            return fields
        at = match.end()


def _value(single: str | None, double: str | None, bare: str | None) -> str:
    """A value by what stands in single quotes, in double quotes or in none."""
    if bare is not None:
        stripped = bare.strip()
        return "" if stripped in MISSING else stripped
    return _unescaped(single if single is not None else double or "")


def _matched(match: re.Match[str]) -> str:
    return next(group for group in match.groups()[:3] if group is not None)


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(r"\1", value)
