"""Records from a file of any common format; encoding, delimiter and quoting are found where they are not given."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import charset_normalizer
import numpy as np
import pandas as pd
import pyarrow as pa

from seedbed.checks import require_choice
from seedbed.errors import ConfigError, DataError, near_misses

FORMATS = ("auto", "csv", "tsv", "parquet", "jsonl")
SUFFIXES = {
    ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
QUOTINGS = ("auto", "csv", "none")
OFTEN_UNQUOTED = ("\t", "|")
SAMPLE = 200_000  # characters of a file that a delimiter is judged by
MOSTLY_ASCII = 0.9  # share of ASCII bytes from which on the others are taken for Western European letters
CONTROL_SHARE = 0.02  # share of control characters from which on a file is not text
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),  # before UTF-16, whose mark begins theirs
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF8, "utf-8"),
)  # fmt: skip
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\v\f\r")


@dataclass(frozen=True)
class Reading:
    """How a file is read, ``auto`` where that is to be found; the fields are keys of the data configs.

    Encoding: a byte order mark decides; else UTF-8 where the file is valid UTF-8; else, where it is mostly ASCII,
    Windows-1252 (Latin-1 where it has bytes that Windows-1252 lacks); else charset-normalizer's best guess.

    Delimiter: the one that gives the columns asked for; of several, the one under which the first lines have the
    header's number of fields most often, then the one with most columns.

    Quoting: ``csv`` reads a field that opens with a quote up to the closing one, over line ends (RFC 4180); under
    ``none`` a quote is a character like any other, and each line is a record. Where only one of them gives every
    record the header's number of fields, it is that one. Where both do, it is ``csv``, except between tabs or pipes,
    which are often written without a thought of quotes: there ``csv`` only where every field that opens with a quote
    also closes on its line. Where neither does, it is the one with fewer lines amiss.
    """

    format: str = "auto"
    encoding: str = "auto"
    delimiter: str = "auto"
    """A name out of ``DELIMITERS``, or the character."""
    quoting: str = "auto"
    bad_lines: str = "error"
    """What happens to records with another number of fields than the header: "error" or "drop"."""
    header: bool = True
    """Whether the first line names the columns; otherwise they are named 0, 1, ..."""

    def __post_init__(self) -> None:
        """Raises ``ConfigError``."""
        choices = {"format": FORMATS, "quoting": QUOTINGS, "bad_lines": ("error", "drop")}
        for key, known in choices.items():
            require_choice(f"data.{key}", getattr(self, key), known)
        if self.delimiter not in ("auto", *DELIMITERS) and (len(str(self.delimiter)) != 1 or self.delimiter in '"\n\r'):
            raise ConfigError(
                f"data.delimiter={self.delimiter!r}: give auto, {', '.join(DELIMITERS)}, or a single character."
            )
        if not isinstance(self.header, bool):
            raise ConfigError(f"data.header={self.header}: give true, or false where the file has no header line.")
        try:
            "a".encode("utf-8" if self.encoding == "auto" else self.encoding)
        except (LookupError, TypeError) as error:
            known = ("auto", "utf-8", "utf-16", "latin-1", "cp1250", "cp1251", "cp1252", "shift_jis", "gb18030", "big5")
            raise ConfigError(
                f"data.encoding={self.encoding}: Python knows no such text encoding, "
                f"{near_misses(str(self.encoding), known)}"
            ) from error


class Records(ABC):
    """The records of one file: named columns, whose values are read as strings or as numbers."""

    def __init__(self, path: Path, columns: Sequence[str], how: str) -> None:
        self.path = path
        self.columns = tuple(columns)
        """Names as in the header, "" where it has none."""
        self.how = how
        """A sentence for the report: what was found and what was given."""
        self.delimiter = ","
        self.dropped = 0
        """Records left out since they have another number of fields than the header."""
        self.first_dropped = ""
        """Where the first of them is."""

    @abstractmethod
    def strings(self, positions: Sequence[int]) -> list[list[str]]:
        """The values of some columns as they are in the file, "" where there is none."""

    @abstractmethod
    def numbers(self, positions: Sequence[int], decimal: str = ".") -> pd.DataFrame:
        """Some columns, numeric where all their values are; labelled by position. NaN where there is no value."""

    def position(self, name: str, key: str) -> int:
        """Where column ``name``, asked for by config key ``key``, is; raises ``DataError``."""
        found = [position for position, column in enumerate(self.columns) if column == name]
        if len(found) == 1:
            return found[0]
        if found:
            raise DataError(f"{key}={name}: {self.path} has {len(found)} columns of that name. Rename one of them.")
        misses = near_misses(name, filter(None, self.columns))
        hint = f", {misses}" if misses.startswith("did") else "."
        raise DataError(
            f"{key}={name}: {self.path} has no such column{hint} Its columns are {self.listed()}. ({self.how} Where "
            "that is wrong, set data.delimiter, data.quoting or, for a file without a header line, data.header=false.)"
        )

    def listed(self) -> str:
        """The columns, for people."""
        names = [repr(column) for column in self.columns]
        if len(names) > 20:  # the last ones too: labels often stand there
            names[15:-5] = [f"{len(names) - 20} more"]
        return ", ".join(names)

    def unnamed(self) -> list[int]:
        """Columns without a name, or with the one that pandas gives to such a column."""
        return [at for at, column in enumerate(self.columns) if not column or re.fullmatch(r"Unnamed: \d+", column)]


def open_records(path: Path, reading: Reading, wanted: Sequence[str] = ()) -> Records:
    """Open a file, gzip or zip archives of one file included, and check every record.

    ``wanted`` are columns that help to tell the delimiter. Raises ``DataError`` for what cannot be read and, unless
    ``reading.bad_lines`` is "drop", for a record with more or fewer fields than the header.
    """
    content, inner = _unpacked(path)
    kind = reading.format
    if kind == "auto":
        kind = "parquet" if content.startswith(b"PAR1") else SUFFIXES.get(Path(inner).suffix.lower(), "csv")
    if kind == "parquet":
        return _parquet(path, content)
    encoding, text = _decoded(path, content, reading.encoding)
    if not text.strip():
        raise DataError(f"{path} is empty. Name a file that holds a header line and records.")
    if kind == "jsonl":
        return _json(path, text, encoding, reading)
    # One kind of line end; a carriage return alone ends lines only where nothing else does.
    text = text.replace("\r\n", "\n")
    text = text if "\n" in text else text.replace("\r", "\n")
    return _delimited(path, text, encoding, reading, "tab" if kind == "tsv" else "auto", wanted)


# ---- bytes and characters --------------------------------------------------------------------------------------------


def _unpacked(path: Path) -> tuple[bytes, str]:
    """The file's content and name; of an archive, those of the file in it."""
    content = _content(path)
    name = path.name
    try:
        if content.startswith(b"\x1f\x8b"):
            return gzip.decompress(content), name.removesuffix(".gz")
        if content.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                name = _only_member(path, archive)
                return archive.read(name), name
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path}: the archive cannot be unpacked ({error}). Get it again, or unpack it.") from error
    return content, name


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        misses = near_misses(path.name, siblings)
        raise DataError(
            f"data.path={path}: there is no such file"
            f"{f', {misses}' if misses.startswith('did') else '. Name the file that holds the records.'}"
        ) from error
    except IsADirectoryError as error:
        files = sorted(file.name for file in path.iterdir() if file.is_file())
        holds = f" It holds {', '.join(files[:10])}{', ...' if len(files) > 10 else ''}." if files else ""
        raise DataError(f"data.path={path} is a folder: name a file.{holds}") from error
    except OSError as error:
        raise DataError(
            f"data.path={path} cannot be read: {error.strerror or error}. Check its permissions."
        ) from error


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    names = archive.namelist()
    if "[Content_Types].xml" in names:
        raise DataError(f"{path} is an office document, not a table of text. Export it as CSV (UTF-8) and name that.")
    members = [name for name in names if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if len(members) != 1:
        raise DataError(
            f"{path} holds {len(members)} files ({', '.join(members[:10])}): unpack it, and name the one that is meant."
        )
    return members[0]


def _decoded(path: Path, content: bytes, given: str) -> tuple[str, str]:
    """The encoding, as the report says it, and the text without a byte order mark."""
    marked = next((encoding for mark, encoding in _BOMS if content.startswith(mark)), None)
    if given != "auto":
        encoding, said = given, f"{given} (given)"
    elif marked:
        encoding, said = marked, f"{marked} (from its byte order mark)"
    else:
        encoding = said = _found_encoding(path, content)
    try:
        text = content.decode(encoding)
    except UnicodeError as error:
        at = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = content.count(b"\n", 0, at) + 1
        raise DataError(
            f"{path}, line {line}: {content[at : at + 1]!r} is not {encoding} "
            f"(data.encoding={given}). Set data.encoding to the file's own, such as cp1252, or to auto."
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(
            f"{path}, line {line} holds a NUL character: it is no text, or has another encoding than {encoding} "
            f"(data.encoding={given}). Name a text file, or set data.encoding."
        )
    return said, text.removeprefix("\ufeff")


def _found_encoding(path: Path, content: bytes) -> str:
    controls = len(content) - len(content.translate(None, _CONTROLS))
    if b"\0" in content or controls > CONTROL_SHARE * len(content):
        raise DataError(
            f"{path} begins {content[:16]!r} and holds bytes that no text has. Name a text file or Parquet; where it is "
            "text in UTF-16 without a byte order mark, set data.encoding=utf-16-le."
        )
    if _decodes(content, "utf-8"):
        return "utf-8"
    if np.mean(np.frombuffer(content, dtype=np.uint8) < 128) >= MOSTLY_ASCII:
        return "cp1252" if _decodes(content, "cp1252") else "latin-1"
    best = charset_normalizer.from_bytes(content).best()
    if best is None:
        raise DataError(f"{path}: its encoding cannot be told. Set data.encoding, such as data.encoding=cp1251.")
    return best.encoding


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


# ---- delimited text --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dialect:
    """How fields and records of a text are parted."""

    delimiter: str
    quoting: int
    """``csv.QUOTE_NONE``, or ``csv.QUOTE_MINIMAL`` for CSV quoting."""
    header: bool = True


@dataclass
class Scan:
    """What one way of reading finds in a text: its records and the lines that do not fit."""

    header: list[str] = field(default_factory=list)
    """The first record, of ``width`` fields."""
    header_line: int = 0
    width: int = 0
    records: int = 0
    """Records of that width, the first one included."""
    over_lines: int = 0
    """How many of them span several lines."""
    bad: list[tuple[int, int, str]] = field(default_factory=list)
    """First line, last line and fault of every other record."""

    @property
    def lines_amiss(self) -> int:
        return sum(last - first + 1 for first, last, _ in self.bad)


class DelimitedRecords(Records):
    """Records of a text whose every record has one field for each column."""

    def __init__(self, path: Path, columns: Sequence[str], how: str, text: str, dialect: Dialect, rows: int) -> None:
        super().__init__(path, columns, how)
        self.delimiter = dialect.delimiter
        self._text, self._dialect, self._rows = text, dialect, rows

    def strings(self, positions: Sequence[int]) -> list[list[str]]:
        frame = self._read(positions, dtype=str, na_filter=False)
        return [frame[position].tolist() for position in positions]

    def numbers(self, positions: Sequence[int], decimal: str = ".") -> pd.DataFrame:
        return self._read(positions, na_values=["?"], decimal=decimal, low_memory=False)[list(positions)]

    def _read(self, positions: Sequence[int], **options: object) -> pd.DataFrame:
        wanted = sorted(set(positions))
        frame: pd.DataFrame = pd.read_csv(
            io.BytesIO(self._text.encode()),
            encoding="utf-8",
            sep=self._dialect.delimiter,
            quoting=self._dialect.quoting,
            lineterminator="\n",
            header=0 if self._dialect.header else None,
            index_col=False,
            usecols=wanted,
            **options,  # type: ignore[call-overload]
        )
        if len(frame) != self._rows:  # two parsers read it: none may lose a row unseen
            raise DataError(
                f"{self.path}: {self._rows} records were counted, but {len(frame)} read. Set data.quoting to "
                "the other of csv and none, or write the file anew."
            )
        frame.columns = pd.Index(wanted)
        return frame


def _delimited(
    path: Path, text: str, encoding: str, reading: Reading, usual: str, wanted: Sequence[str]
) -> DelimitedRecords:
    delimiter = reading.delimiter if reading.delimiter != "auto" else usual
    delimiter = DELIMITERS.get(delimiter, delimiter)
    if delimiter == "auto":
        delimiter = _found_delimiter(path, text, reading, wanted)
    quoting, scan = _found_quoting(text, delimiter, reading.quoting)
    dialect = Dialect(delimiter, quoting, reading.header)
    how = _said(path, text, encoding, reading, dialect, scan)
    columns = _columns(scan, reading)
    if scan.bad:
        _refuse_bad(path, text, reading, dialect, scan)
        text = _without(text, scan)
    rows = scan.records - reading.header
    if rows < 1:
        raise DataError(f"{path} has no record below its header line. ({how})")
    records = DelimitedRecords(path, columns, how, text, dialect, rows)
    records.dropped = len(scan.bad)
    records.first_dropped = f"line {scan.bad[0][0]}" if scan.bad else ""
    return records


Parsed = tuple[int, int, list[str] | None, str]
"""First and last line of a record, and its fields, or None and what is wrong with it."""


def _parsed(text: str, dialect: Dialect) -> Iterator[Parsed]:
    """Records without the blank lines between them."""
    lines = text.split("\n")  # not splitlines(): what only Unicode takes for a line end is text
    if dialect.quoting == csv.QUOTE_NONE or '"' not in text:
        for number, line in enumerate(lines, 1):
            if not _blank(fields := line.split(dialect.delimiter)):
                yield number, number, fields, ""
        return
    # The csv module refuses a carriage return outside of quotes, which is but text here.
    plain = (f"{line}\n".replace("\r", " ") for line in lines)
    reader = csv.reader(plain, delimiter=dialect.delimiter, strict=True)
    while True:
        first = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield first, reader.line_num, None, str(error)
        else:
            if not _blank(fields):
                yield first, reader.line_num, fields, ""


def _blank(fields: Sequence[str]) -> bool:
    return not fields or (len(fields) == 1 and not fields[0].strip(" \t"))


def _scanned(text: str, dialect: Dialect) -> Scan:
    scan = Scan()
    with _fields_of_any_size(text):
        for first, last, fields, fault in _parsed(text, dialect):
            if fields is not None and scan.width in (0, len(fields)):
                if not scan.records:
                    scan.header, scan.header_line, scan.width = fields, first, len(fields)
                scan.records += 1
                scan.over_lines += last > first
            else:
                scan.bad.append((first, last, fault or f"{len(fields or ())} fields"))
    return scan


@contextmanager
def _fields_of_any_size(text: str) -> Iterator[None]:
    before = csv.field_size_limit(max(len(text), 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _found_delimiter(path: Path, text: str, reading: Reading, wanted: Sequence[str]) -> str:
    sample = text if len(text) <= SAMPLE else text[: text.rfind("\n", 0, SAMPLE) + 1] or text[:SAMPLE]
    judged = []
    for delimiter in DELIMITERS.values():
        _, scan = _found_quoting(sample, delimiter, reading.quoting)
        if scan.width > 1:
            fits = set(wanted) <= set(_columns(scan, reading))
            judged.append((fits, -scan.lines_amiss, scan.width, delimiter))
    if not judged:
        start = text.lstrip().split("\n", 1)[0][:60]
        raise DataError(
            f"{path} begins {start!r}: no {', '.join(DELIMITERS)} parts it into columns. Set data.delimiter to the "
            "character that does, or name a file with a column of labels."
        )
    return max(judged, key=lambda found: found[:3])[3]


def _columns(scan: Scan, reading: Reading) -> list[str]:
    return [name.strip() for name in scan.header] if reading.header else [str(at) for at in range(scan.width)]


def _found_quoting(text: str, delimiter: str, given: str) -> tuple[int, Scan]:
    """The rule is in ``Reading``'s docstring."""
    plain, quoted = Dialect(delimiter, csv.QUOTE_NONE), Dialect(delimiter, csv.QUOTE_MINIMAL)
    if given == "none" or (given == "auto" and '"' not in text):
        return plain.quoting, _scanned(text, plain)
    by_quotes = _scanned(text, quoted)
    if given == "csv" or (not by_quotes.bad and delimiter not in OFTEN_UNQUOTED):
        return quoted.quoting, by_quotes
    by_lines = _scanned(text, plain)
    if by_quotes.lines_amiss != by_lines.lines_amiss:
        fits = by_quotes.lines_amiss < by_lines.lines_amiss
    else:
        fits = delimiter not in OFTEN_UNQUOTED or not (by_quotes.over_lines or by_quotes.bad)
    return (quoted.quoting, by_quotes) if fits else (plain.quoting, by_lines)


def _said(path: Path, text: str, encoding: str, reading: Reading, dialect: Dialect, scan: Scan) -> str:
    names = {character: name for name, character in DELIMITERS.items()}
    delimiter = names.get(dialect.delimiter, repr(dialect.delimiter))
    if reading.quoting == "auto" and '"' not in text:
        quoting = "no quotes"
    elif dialect.quoting == csv.QUOTE_NONE:
        quoting = "quotes are text"
    else:
        over = scan.over_lines
        spans = f"{over} record{' spans' if over == 1 else 's span'} several lines" if over else "one record a line"
        quoting = f"quotes enclose fields ({spans})"
    given = {key: " (given)" if getattr(reading, key) != "auto" else "" for key in ("delimiter", "quoting")}
    header = "" if reading.header else ", no header line"
    return (
        f"{path.name} was read as delimited text: encoding {encoding}, delimiter {delimiter}{given['delimiter']}, "
        f"{quoting}{given['quoting']}{header}."
    )


def _refuse_bad(path: Path, text: str, reading: Reading, dialect: Dialect, scan: Scan) -> None:
    """Raise for records that do not fit, unless they are to be dropped and dropping them is safe."""
    first, last, fault = scan.bad[0]
    unclosed = next((bad for bad in scan.bad if bad[2] == "unexpected end of data"), None)
    if reading.bad_lines == "drop" and not unclosed and first > scan.header_line:
        return
    now, other = ("none", "csv") if dialect.quoting == csv.QUOTE_NONE else ("csv", "none")
    if unclosed:  # all that follows the quote would be one record
        raise DataError(
            f"{path}, line {unclosed[0]}: a field opens with a quote that is never closed. Mend the line, or let "
            "quotes be text: data.quoting=none."
        )
    lines = f"line {first}" if first == last else f"lines {first} to {last}"
    expected = f"the {'header' if reading.header else 'first line'} has {scan.width}"
    more = f" (and {len(scan.bad) - 1} more such records)" if len(scan.bad) > 1 else ""
    more += (
        ". Is the first line the header? If not, delete what stands above it."
        if reading.header and len(scan.bad) > scan.records
        else "."
    )
    what = f"{fault}, but {expected}" if fault.endswith(" fields") else f"{fault}; {expected} fields"
    quotes = f", read quotes the other way (data.quoting={other}; it was {now})" if '"' in text else ""
    raise DataError(
        f"{path}, {lines}: {what}{more} Mend the line{quotes}, or leave such records out: data.bad_lines=drop."
    )


def _without(text: str, scan: Scan) -> str:
    """The text without its bad records."""
    gone = {number for first, last, _ in scan.bad for number in range(first, last + 1)}
    return "\n".join(line for number, line in enumerate(text.split("\n"), 1) if number not in gone)


# ---- formats with types ----------------------------------------------------------------------------------------------


class TypedRecords(Records):
    """Records whose values have types of their own."""

    def __init__(self, path: Path, frame: pd.DataFrame, how: str) -> None:
        super().__init__(path, [str(name).strip() for name in frame.columns], how)
        if frame.empty:
            raise DataError(f"{path} has no records. ({how})")
        self._frame = frame.set_axis(range(frame.shape[1]), axis=1)

    def strings(self, positions: Sequence[int]) -> list[list[str]]:
        columns = [self._frame[position] for position in positions]
        return [
            ["" if missing else str(value) for value, missing in zip(column.tolist(), column.isna(), strict=True)]
            for column in columns
        ]

    def numbers(self, positions: Sequence[int], decimal: str = ".") -> pd.DataFrame:
        return self._frame[list(positions)]


def _parquet(path: Path, content: bytes) -> TypedRecords:
    try:
        frame = pd.read_parquet(io.BytesIO(content))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} is no sound Parquet file ({' '.join(str(error).split())}). Write it anew.") from error
    return TypedRecords(path, frame, f"{path.name} was read as Parquet.")


def _json(path: Path, text: str, encoding: str, reading: Reading) -> TypedRecords:
    """JSON lines, or one array of objects."""
    found, bad = [], []
    if text.lstrip().startswith("["):
        try:
            found = list(enumerate(json.loads(text), 1))
        except json.JSONDecodeError as error:
            raise DataError(f"{path} is no sound JSON: {error}. Mend it, or write one object a line.") from error
        bad = [(number, "is no object") for number, value in found if not isinstance(value, dict)]
        kind, unit = "a JSON array", "element"
    else:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                try:
                    found.append((number, json.loads(line)))
                except json.JSONDecodeError as error:
                    bad.append((number, f"is no JSON ({error.msg})"))
        bad += [(number, "is no object") for number, value in found if not isinstance(value, dict)]
        kind, unit = "JSON lines", "line"
    if bad and reading.bad_lines != "drop":
        number, fault = min(bad)
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise DataError(
            f"{path}, {unit} {number} {fault}{more}: each {unit} must be an object such as "
            '{"text": "...", "label": "..."}. Mend it, or leave such ones out: data.bad_lines=drop.'
        )
    frame = pd.DataFrame.from_records([value for _, value in found if isinstance(value, dict)])
    records = TypedRecords(path, frame, f"{path.name} was read as {kind}: encoding {encoding}.")
    records.dropped = len(bad)
    records.first_dropped = f"{unit} {min(bad)[0]}" if bad else ""
    return records
