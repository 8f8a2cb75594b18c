"""Files of Weka and KEEL, whose names of columns stand in lines that begin with @attribute."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from seedbed.data.files.delimited import DelimitedRecords, Dialect
from seedbed.data.files.reading import BadRecord, Found, Reading, Records, numbered
from seedbed.errors import DataError

_ATTRIBUTE = re.compile(r"""@attribute\s+(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^\s{]+))\s*(.*)""", re.IGNORECASE)
_VALUE = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:(,)|$)""")
_ESCAPED = re.compile(r"\\(.)")
MISSING = ("?", "<null>")
COMMENT = "%"


def is_arff(text: str) -> bool:
    """Whether the first line that is neither blank nor a comment names a relation or an attribute."""
    lines = (line.strip() for line in text[:100_000].split("\n"))
    first = next((line for line in lines if line and not line.startswith(COMMENT)), "")
    return re.match(r"@(relation|attribute)\b", first, re.IGNORECASE) is not None


def arff(path: Path, text: str, found: Found, reading: Reading) -> Records:
    """The records of such a file; raises ``DataError``."""
    lines = text.split("\n")
    names, start = _header(path, lines)
    rows, bad = _rows(path, lines, start, len(names))
    if bad and not reading.drops:
        more = f" (and {len(bad) - 1} more such records)" if len(bad) > 1 else ""
        raise DataError(
            f"{path}, {bad[0].place}: {bad[0].why}, but {len(names)} attributes are named{more}. Mend the line, or leave "
            "such records out: data.bad_lines=drop."
        )
    how = f"{path.name} was read as ARFF (or KEEL): encoding {found.encoding}, names from its @attribute lines."
    if not rows:
        raise DataError(f"{path} has no record below @data. ({how})")
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([names, *rows])
    # Without a value, a record of one column would be a blank line.
    content = written.getvalue()
    records = DelimitedRecords(
        path, names, how, replace(found, format="ARFF"), content, Dialect(",", csv.QUOTE_MINIMAL, True), len(rows)
    )
    records.with_dropped(bad)
    return records


def _header(path: Path, lines: Sequence[str]) -> tuple[list[str], int]:
    """The names of the columns, and where the first line below @data is (from 0)."""
    names: list[str] = []
    for at, line in enumerate(line.strip() for line in lines):
        if re.match(r"@data\b", line, re.IGNORECASE):
            if not names:
                raise DataError(f"{path}: no @attribute stands above @data. Add one for each column.")
            return names, at + 1
        if re.match(r"@attribute\b", line, re.IGNORECASE):
            attribute = _ATTRIBUTE.match(line)
            if attribute is None or attribute[4].casefold().startswith("relational"):
                why = "of type relational is not read" if attribute else "has no name"
                raise DataError(f"{path}, line {at + 1}: an @attribute {why}. Mend it, or write the table as CSV.")
            names.append(_unescaped(next(name for name in attribute.groups()[:3] if name is not None)).strip())
    raise DataError(f"{path} has no line @data. It may have been cut off: get it again.")


def _rows(path: Path, lines: Sequence[str], start: int, width: int) -> tuple[list[list[str]], list[BadRecord]]:
    rows, bad = [], []
    for number, line in enumerate((line.strip() for line in lines[start:]), start + 1):
        if not line or line.startswith(COMMENT):
            continue
        if line.startswith("{"):
            raise DataError(
                f"{path}, {numbered([number])} is a sparse record of ARFF ({line[:30]!r}), which is not read. Write all values "
                "of a record, such as by Weka's filter SparseToNonSparse."
            )
        fields = _fields(line if "," in line else re.sub(r"\t+", ",", line))
        if fields is not None and len(fields) == width and "\0" not in line:
            rows.append(fields)
        else:
            bad.append(BadRecord(number, number, _fault(fields, line)))
    return rows, bad


def _fault(fields: Sequence[str] | None, line: str) -> str:
    if "\0" in line:
        return "it holds a NUL character"
    return "a quote is not closed" if fields is None else f"it has {len(fields)} value{'' if len(fields) == 1 else 's'}"


def _fields(line: str) -> list[str] | None:
    """The values of a line, "" where there is none; None where a quote is not closed."""
    fields, at = [], 0
    while True:
        value = _VALUE.match(line, at)
        if value is None or (value[3] or "").startswith(("'", '"')):
            return None
        if value[3] is None:
            fields.append(_unescaped(value[1] if value[1] is not None else value[2]))
        else:
            bare = value[3].strip()
            fields.append("" if bare in MISSING else bare)
        if value[4] is None:
            return fields
        at = value.end()


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(r"\1", value)
