"""Records of a text whose fields are parted by a delimiter; delimiter and quoting are found where not given."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import pandas as pd

from seedbed.data.files import broken_quotes
from seedbed.data.files.broken_quotes import Parsed, is_blank
from seedbed.data.files.reading import (
    BLANKS,
    DELIMITERS,
    LISTED,
    LONGEST_DELIMITER,
    BadRecord,
    Found,
    Reading,
    Records,
)
from seedbed.errors import DataError
from seedbed.quoting import override

OFTEN_UNQUOTED = ("\t", "|")
SAMPLE = 200_000  # characters of a file that a delimiter is judged by
SHORT_SAMPLE = 20_000  # and that lines above a header are looked for in
MOST_ABOVE = 30  # lines above a header that are looked for
COMMENTS = ("#", "%")  # what a line above a header may begin with
DOUBLED = ("::", "||", ";;", ",,", "\t\t")
# Stand for a delimiter of several characters where a text is parsed: the first that the text does not hold.
_STAND_INS = "\x1f\x1e\x1d\x1c\x01\x02\x03\x04\x05\x06\x07"
_BLANKS = re.compile(r'("(?:[^"\n]|"")*"(?=[ \t\n]|$))|[ \t]+')
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|\?|nan|na", re.IGNORECASE)
_SEPARATOR = re.compile(r'"?sep=(\\t|.)"?[ \t]*(?:\n|$)', re.IGNORECASE)
NUL = "holds a NUL character"
_SIGNS = re.compile(r"""(?:[^\w\s"'.]|[\x1c-\x1f])+""")  # of which a rarer delimiter may consist
# Why hardly a record fits, where fields are quoted in another way than CSV has it.
_OTHER_QUOTES = (
    (re.compile(r"""(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\n])""", re.MULTILINE), "fields stand in single quotes: write double ones in the file"),
    (re.compile(r'\\"'), 'a backslash stands before quotes within fields: double such quotes in the file ("")'),
    (re.compile(r"""(?:[,;\t|]) +"[^"\n]*"(?=[,;\t|\n])"""), "blanks stand before the quotes that enclose fields: take them out of the file"),
)  # fmt: skip


@dataclass(frozen=True)
class Dialect:
    """How fields and records of a text are parted."""

    delimiter: str
    """One character."""
    quoting: int
    """``csv.QUOTE_NONE``, or ``csv.QUOTE_MINIMAL`` for CSV quoting."""
    header: bool
    """Whether the first record names the columns."""
    written: str = ""
    """The delimiter as the file has it, where ``delimiter`` stands for it."""


@dataclass
class Scan:
    """What one way of reading finds in a text: its records and the lines that do not fit."""

    header: list[str] = field(default_factory=list)
    """The first record, of ``width`` fields."""
    header_line: int = 0
    width: int = 0
    records: int = 0
    """Records of that width, the first one included."""
    over_lines: list[tuple[int, int]] = field(default_factory=list)
    """First and last line of those that span several."""
    bad: list[BadRecord] = field(default_factory=list)
    """Every other record."""

    @property
    def lines_amiss(self) -> int:
        return sum(bad.last - bad.first + 1 for bad in self.bad)


class DelimitedRecords(Records):
    """Records of a text whose every record has one field for each column."""

    def __init__(
        self, path: Path, columns: Sequence[str], how: str, found: Found, text: str, dialect: Dialect, rows: int
    ) -> None:
        super().__init__(path, columns, how, found)
        self.delimiter = {"": dialect.delimiter, BLANKS: " "}.get(dialect.written, dialect.written)
        self._text, self._dialect, self._rows = text, dialect, rows

    def strings(self, positions: Sequence[int]) -> list[list[str]]:
        frame = self._read(positions, dtype=str, na_filter=False)
        columns = [frame[position].tolist() for position in positions]
        if self._dialect.written:  # a delimiter within quotes is a part of the value
            stand_in = self._dialect.delimiter
            columns = [[value.replace(stand_in, self.delimiter) for value in values] for values in columns]
        return columns

    def numbers(self, positions: Sequence[int], decimal: str = ".") -> pd.DataFrame:
        return self._read(positions, na_values=["?"], decimal=decimal, low_memory=False)[list(positions)]

    def place(self, row: int) -> str:
        """The line of a record, where each record is a line, and none was left out above it."""
        return f"line {self._line_of[row]}" if self._line_of and not self.dropped else super().place(row)

    @cached_property
    def _line_of(self) -> list[int]:
        """The line of each record; [] where some take several."""
        lines = [number for number, line in enumerate(_lines(self._text), 1) if line.strip()]
        below = lines[int(self._dialect.header) :]
        return below if len(below) == self._rows else []

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
                "the other of csv and none, or write the file again."
            )
        frame.columns = pd.Index(wanted)
        return frame


def delimited(path: Path, text: str, found: Found, reading: Reading, usual: str, wanted: Sequence[str]) -> Records:
    """The records of a text with line feeds for line ends; ``usual`` is the delimiter by the file's name, or auto."""
    text, stated = _without_separator_line(text, reading)
    delimiter = reading.delimiter if reading.delimiter != "auto" else stated or usual
    delimiter = DELIMITERS.get(delimiter, delimiter)
    if delimiter == "auto":
        delimiter = _found_delimiter(path, text, reading, wanted)
    text, dialect = _parted(path, text, delimiter, reading)
    quoting, scan = _found_quoting(text, dialect, reading)
    dialect = replace(dialect, quoting=quoting)
    found, how = _said(path, text, found, reading, dialect, scan, stated)
    columns = _columns(scan, reading.header)
    if scan.bad:
        _refuse_bad(path, text, reading, dialect, scan)
        text = _without(text, scan)
    rows = scan.records - reading.header
    if rows < 1:
        raise DataError(f"{path} has no record below its header line. ({how})")
    records = DelimitedRecords(path, columns, how, found, text, dialect, rows)
    records.with_dropped(scan.bad)
    return records


# ---- parsing ---------------------------------------------------------------------------------------------------------


def _lines(text: str) -> list[str]:
    return text.split("\n")  # not splitlines(): what only Unicode takes for a line end is text


def _parsed(lines: Sequence[str], dialect: Dialect) -> Iterator[Parsed]:
    """Records without the blank lines between them."""
    if dialect.quoting == csv.QUOTE_NONE:
        for number, line in enumerate(lines, 1):
            if not is_blank(fields := line.split(dialect.delimiter)):
                yield number, number, fields, ""
        return
    reader = csv.reader(broken_quotes.plain(lines), delimiter=dialect.delimiter, strict=True)
    while True:
        first = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield first, reader.line_num, None, broken_quotes.fault(error)
        else:
            if not is_blank(fields):
                yield first, reader.line_num, fields, ""


def _scanned(text: str, records: Iterator[Parsed]) -> Scan:
    """What the records of a text are, as one way of parsing it has them."""
    scan = Scan()
    with _fields_of_any_size(text):
        for first, last, fields, fault in records:
            if fields is not None and scan.width in (0, len(fields)):
                if not scan.records:
                    scan.header, scan.header_line, scan.width = fields, first, len(fields)
                scan.records += 1
                if last > first:
                    scan.over_lines.append((first, last))
            else:
                scan.bad.append(BadRecord(first, last, fault or broken_quotes.number_of_fields(fields or ())))
    return scan if "\0" not in text else _without_nuls(text, scan)


def _without_nuls(text: str, scan: Scan) -> Scan:
    """The scan with every record that holds a NUL character among the bad ones."""
    ends = dict(scan.over_lines)
    starts = {line: first for first, last in scan.over_lines for line in range(first, last + 1)}
    known = {line for bad in scan.bad for line in range(bad.first, bad.last + 1)}
    lines = _lines(text)
    hold = {starts.get(number, number) for number, line in enumerate(lines, 1) if "\0" in line}
    named = [
        replace(bad, why=NUL) if any("\0" in line for line in lines[bad.first - 1 : bad.last]) else bad
        for bad in scan.bad
    ]
    with_nul = [BadRecord(first, ends.get(first, first), NUL) for first in sorted(hold - known)]
    gone = {bad.first for bad in with_nul}
    return replace(
        scan,
        header_line=len(text) if scan.header_line in gone else scan.header_line,  # no header is left
        records=scan.records - len(with_nul),
        over_lines=[lines for lines in scan.over_lines if lines[0] not in gone],
        bad=sorted([*named, *with_nul], key=lambda bad: bad.first),
    )


@contextmanager
def _fields_of_any_size(text: str) -> Iterator[None]:
    before = csv.field_size_limit(max(len(text), 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _columns(scan: Scan, header: bool) -> list[str]:
    return [name.strip() for name in scan.header] if header else [str(at) for at in range(scan.width)]


def _without(text: str, scan: Scan) -> str:
    """The text without its bad records."""
    gone = {number for bad in scan.bad for number in range(bad.first, bad.last + 1)}
    return "\n".join(line for number, line in enumerate(_lines(text), 1) if number not in gone)


# ---- the delimiter ---------------------------------------------------------------------------------------------------


def _without_separator_line(text: str, reading: Reading) -> tuple[str, str | None]:
    """The text without a first line such as "sep=;", which Excel reads, and the delimiter that it states."""
    start = len(text) - len(text.lstrip("\n"))
    line = _SEPARATOR.match(text, start)
    if line is None or reading.delimiter != "auto":
        return text, None
    return f"{text[:start]}\n{text[line.end() :]}", "\t" if line[1] == "\\t" else line[1]


def _parted(path: Path, text: str, delimiter: str, reading: Reading) -> tuple[str, Dialect]:
    """The text with one character for delimiter, and its dialect with the quoting left open."""
    if len(delimiter) == 1 and delimiter.isascii():
        return text, Dialect(delimiter, csv.QUOTE_MINIMAL, reading.header)
    stand_in = next((character for character in _STAND_INS if character not in text), None)
    if stand_in is None:
        raise DataError(f"{path} holds too many control characters to be parted by {delimiter!r}. Take them out.")
    if delimiter == BLANKS:
        outside_quotes = reading.quoting != "none" and '"' in text
        lines = (line.strip(" \t") for line in _lines(text))
        if outside_quotes:
            text = "\n".join(_BLANKS.sub(lambda match: match[1] or stand_in, line) for line in lines)
        else:
            text = "\n".join(re.sub(r"[ \t]+", stand_in, line) for line in lines)
    else:
        text = text.replace(delimiter, stand_in)
    return text, Dialect(stand_in, csv.QUOTE_MINIMAL, reading.header, delimiter)


def _found_delimiter(path: Path, text: str, reading: Reading, wanted: Sequence[str]) -> str:
    best = _best_delimiter(path, _sample(text, SAMPLE), reading, wanted)
    if best is None:
        start = text.lstrip().split("\n", 1)[0][:60]
        above = _lines_above(path, text, reading)
        more = f" Where lines stand above the header, skip them: {above}." if above else ""
        likely = _other_delimiter(path, _sample(text, SHORT_SAMPLE), reading)
        such = "" if likely is None else f", such as {likely}"
        raise DataError(
            f"{path} begins {start!r}: no {', '.join(DELIMITERS)} parts it into columns. Set data.delimiter to the "
            f"characters that do{such}, or to {BLANKS}, or name a file with a column of labels.{more}"
        )
    return best


def _other_delimiter(path: Path, sample: str, reading: Reading) -> str | None:
    """The setting of a rarer delimiter that parts all lines into as many columns; None where there is none."""
    first = sample.lstrip().split("\n", 1)[0]
    runs = dict.fromkeys(run for run in _SIGNS.findall(first) if len(run) <= LONGEST_DELIMITER)
    judged = []
    for characters in dict.fromkeys([*runs, *(character for run in runs for character in run)]):
        parted, dialect = _parted(path, sample, characters, reading)
        _, scan = _found_quoting(parted, dialect, reading)
        if scan.width > 1 and scan.records > 1 and not scan.bad:
            judged.append((len(characters), scan.width, characters))
    if not judged:
        return None
    characters = max(judged)[2]
    if characters.isprintable():
        return override("data.delimiter", characters)
    return "data.delimiter=$'" + "".join(f"\\x{ord(character):02x}" for character in characters) + "'"


def _best_delimiter(path: Path, sample: str, reading: Reading, wanted: Sequence[str]) -> str | None:
    """None where nothing parts the text into columns."""
    judged = []
    for delimiter in _candidates(sample):
        parted, dialect = _parted(path, sample, delimiter, reading)
        _, scan = _found_quoting(parted, dialect, reading)
        if scan.width > 1:
            fits = set(wanted) <= set(_columns(scan, reading.header))
            judged.append((fits, -scan.lines_amiss, scan.width, delimiter))
    best = max(judged, key=lambda candidate: candidate[:3]) if judged else None
    mostly_amiss = best is None or -2 * best[1] > sample.count("\n")
    if mostly_amiss and _is_aligned(path, sample, reading):
        return BLANKS
    return best[3] if best else None


def _candidates(sample: str) -> list[str]:
    """Delimiters that may part the text: two equal characters in place of one that is always doubled."""
    candidates = list(DELIMITERS.values())
    first = sample.lstrip("\n").split("\n", 1)[0]
    # A blank before a quote makes it one of the text, unless it is a part of the delimiter.
    candidates += [f"{each} " for each in candidates if f'{each} "' in sample and f"{each} " in first]
    for pair in DOUBLED:
        doubled = sample.count(pair)
        often = first.count(pair) > (1 if pair[0] in DELIMITERS.values() else 0)
        if often and sample.count(pair[0]) == 2 * doubled:
            candidates = [pair, *(delimiter for delimiter in candidates if delimiter != pair[0])]
        elif pair == "::" and often:
            candidates.append(pair)
    return candidates


def _is_aligned(path: Path, sample: str, reading: Reading) -> bool:
    """Whether blanks part every line into as many fields, and a column of numbers says that these are no words."""
    parted, dialect = _parted(path, sample, BLANKS, reading)
    _, scan = _found_quoting(parted, dialect, reading)
    rows = [fields for _, _, fields, _ in _parsed(_lines(parted), dialect) if fields is not None][reading.header :]
    if scan.width < 2 or scan.bad or not rows:
        return False
    return any(all(_NUMBER.fullmatch(value) for value in column) for column in zip(*rows, strict=True))


def _sample(text: str, size: int) -> str:
    return text if len(text) <= size else text[: text.rfind("\n", 0, size) + 1] or text[:size]


# ---- lines above the header ------------------------------------------------------------------------------------------


def _lines_above(path: Path, text: str, reading: Reading) -> str:
    """The settings that skip what stands above a header, where skipping some lines makes all fit; else ""."""
    sample = _sample(text, SHORT_SAMPLE)
    lines = _lines(sample)
    for skipped in range(reading.skip_lines + 1, min(len(lines) - 2, MOST_ABOVE)):
        if not lines[skipped].strip() or lines[skipped].startswith(COMMENTS):
            continue
        rest = "\n" * skipped + "\n".join(lines[skipped:])
        delimiter = DELIMITERS.get(reading.delimiter, reading.delimiter)
        if delimiter == "auto":
            delimiter = _best_delimiter(path, rest, reading, ()) or ""
        if not delimiter:
            continue
        parted, dialect = _parted(path, rest, delimiter, reading)
        _, scan = _found_quoting(parted, dialect, reading)
        if scan.width > 1 and scan.records > 1 and not scan.bad:
            no_header = reading.header and any(_NUMBER.fullmatch(name.strip()) for name in scan.header)
            return f"data.skip_lines={skipped}{' data.header=false' if no_header else ''}"
    return ""


# ---- quoting ---------------------------------------------------------------------------------------------------------


def _found_quoting(text: str, dialect: Dialect, reading: Reading) -> tuple[int, Scan]:
    """The rule is in ``Reading``'s docstring."""
    plain, quoted = replace(dialect, quoting=csv.QUOTE_NONE), replace(dialect, quoting=csv.QUOTE_MINIMAL)
    if reading.quoting == "none" or (reading.quoting == "auto" and '"' not in text):
        return plain.quoting, _scanned(text, _parsed(_lines(text), plain))
    by_quotes, evidence = _by_quotes(text, quoted, reading)
    often_unquoted = dialect.delimiter in OFTEN_UNQUOTED
    if reading.quoting == "csv" or (not by_quotes.bad and not often_unquoted):
        return quoted.quoting, by_quotes
    by_lines = _scanned(text, _parsed(_lines(text), plain))
    if evidence is not None and evidence.says_csv(fits_as_text=not by_lines.bad, often_unquoted=often_unquoted):
        fits = True
    elif by_quotes.lines_amiss != by_lines.lines_amiss:
        fits = by_quotes.lines_amiss < by_lines.lines_amiss
    else:
        fits = not often_unquoted or not (by_quotes.over_lines or by_quotes.bad)
    return (quoted.quoting, by_quotes) if fits else (plain.quoting, by_lines)


def _by_quotes(text: str, dialect: Dialect, reading: Reading) -> tuple[Scan, broken_quotes.QuoteEvidence | None]:
    """The scan by CSV quoting, in which a broken quote costs its own record alone."""
    lines = _lines(text)
    scan = _scanned(text, _parsed(lines, dialect))
    if scan.width < 2:
        return scan, None
    trusted = reading.quoting == "csv" and not reading.drops
    with _fields_of_any_size(text):
        if scan.bad:
            suspected = True
        elif scan.over_lines and not trusted:
            suspected = broken_quotes.any_swallowed(lines, scan.over_lines, dialect.delimiter, scan.width)
        else:
            suspected = False
        if not suspected:
            return scan, None
        # The header's width, as the first pass has it, may be that of a record which a quote has spoilt.
        recovered = broken_quotes.Recovery(lines, dialect.delimiter, scan.width, scan.over_lines, swallows=not trusted)
    return _scanned(text, iter(recovered.records)), recovered.evidence


# ---- what is said ----------------------------------------------------------------------------------------------------


def _said(
    path: Path, text: str, found: Found, reading: Reading, dialect: Dialect, scan: Scan, stated: str | None
) -> tuple[Found, str]:
    names = {character: name for name, character in DELIMITERS.items()}
    written = dialect.written or dialect.delimiter
    delimiter = "any number of blanks" if written == BLANKS else names.get(written, repr(written))
    if stated:
        delimiter += " (its first line says so)"
    if reading.quoting == "auto" and '"' not in text:
        quoting = "no quotes"
    elif dialect.quoting == csv.QUOTE_NONE:
        quoting = "quotes are text"
    else:
        over = len(scan.over_lines)
        spans = f"{over} record{' spans' if over == 1 else 's span'} several lines" if over else "one record a line"
        quoting = f"quotes enclose fields ({spans})"
    delimiter, quoting = (
        f"{value}{' (given)' if getattr(reading, key) != 'auto' else ''}"
        for key, value in (("delimiter", delimiter), ("quoting", quoting))
    )
    header = "" if reading.header else ", no header line"
    skipped = (
        "" if not reading.skip_lines else f", {reading.skip_lines} line{'s' if reading.skip_lines > 1 else ''} skipped"
    )
    found = replace(
        found, delimiter=delimiter, quoting=quoting, header=reading.header, skipped_lines=reading.skip_lines
    )
    return found, (
        f"{path.name} was read as delimited text: encoding {found.encoding}, delimiter {delimiter}, "
        f"{quoting}{header}{skipped}."
    )


def _refuse_bad(path: Path, text: str, reading: Reading, dialect: Dialect, scan: Scan) -> None:
    """Raise for records that do not fit, unless they are to be dropped and their header is not among them."""
    bad = scan.bad[0]
    if reading.drops and bad.first > scan.header_line:
        return
    expected = f"the {'header' if reading.header else 'first line'} has {scan.width}"
    what = f"{bad.why}, but {expected}" if re.fullmatch(r"\d+ fields?", bad.why) else bad.why
    more = f" (and {len(scan.bad) - 1} more such records)" if len(scan.bad) > 1 else ""
    mostly = len(scan.bad) > scan.records
    question = ""
    other_quotes = _other_quotes(text, dialect, scan) if mostly else None
    if other_quotes:
        raise DataError(f"{path}, {bad.place}: {what}{more}. It seems that {other_quotes}.")
    if reading.header and mostly:
        above = _lines_above(path, text, reading) if not dialect.written else ""
        remedy = f"skip what stands above it: {above}" if above else "delete what stands above it"
        question = f" Is the first line the header? If not, {remedy}."
        if _header_lacks_names(scan):
            by_number = f"data.skip_lines={scan.header_line} data.header=false"
            name_all = f"name all columns in it, or go by their numbers from 0 on: {by_number}."
            question = (
                f" Is the first line the header? If so, {name_all}"
                if above == by_number
                else f"{question} If it is, {name_all}"
            )
    if mostly:
        question += _decimal_commas(text, dialect, scan)
    remedies = ["Fix the line", *_other_quoting(text, reading, dialect, scan)]
    if bad.why == broken_quotes.SWALLOWS and _fits(text, dialect, replace(reading, quoting="csv"), scan):
        remedies.append("let the lines be one record (data.quoting=csv)")
    left = scan.records - reading.header
    can_drop = bad.first > scan.header_line and left > 0
    drop = ", or leave such records out: data.bad_lines=drop" if can_drop else ""
    raise DataError(f"{path}, {bad.place}: {what}{more}.{question} {', '.join(remedies)}{drop}.")


def _header_lacks_names(scan: Scan) -> bool:
    """Whether all records have as many fields as each other and more than the header."""
    widths = {bad.why for bad in scan.bad}
    fields = re.fullmatch(r"(\d+) fields", next(iter(widths)))
    return len(widths) == 1 and scan.records == 1 and fields is not None and int(fields[1]) > scan.width


def _decimal_commas(text: str, dialect: Dialect, scan: Scan) -> str:
    """A sentence where the surplus fields of the first bad lines may be the decimals of numbers; else ""."""
    if dialect.written or dialect.delimiter != ",":
        return ""
    lines = _lines(text)
    fields = [lines[each.first - 1].split(",") for each in scan.bad[:LISTED]]
    pairs = [_parted_numbers(each) for each in fields]
    if not all(0 < len(each) - scan.width <= len(of_line) for each, of_line in zip(fields, pairs, strict=True)):
        return ""
    at = pairs[0][0]
    return (
        f" Fields {at + 1} and {at + 2} of line {scan.bad[0].first} look like one number with a decimal comma "
        f"({fields[0][at].strip()},{fields[0][at + 1].strip()}): if so, export the table with semicolons between the fields."
    )


def _parted_numbers(fields: Sequence[str]) -> list[int]:
    """The places, none twice, at which a whole number is followed by digits."""
    places: list[int] = []
    for at, (whole, digits) in enumerate(pairwise(map(str.strip, fields))):
        if at - 1 not in places and re.fullmatch(r"[-+]?[0-9]+", whole) and re.fullmatch(r"[0-9]+", digits):
            places.append(at)
    return places


def _other_quotes(text: str, dialect: Dialect, scan: Scan) -> str | None:
    """How fields seem to be quoted where most bad records are quoted otherwise than in CSV; None where they are not."""
    if dialect.written:
        return None
    lines = _lines(text)
    bad = ["\n".join(lines[each.first - 1 : each.last]) + "\n" for each in scan.bad]
    return next((why for way, why in _OTHER_QUOTES if 2 * sum(map(bool, map(way.search, bad))) > len(bad)), None)


def _other_quoting(text: str, reading: Reading, dialect: Dialect, scan: Scan) -> list[str]:
    """The remedy of reading quotes the other way, where all records fit then."""
    if '"' not in text:
        return []
    now, other = ("none", "csv") if dialect.quoting == csv.QUOTE_NONE else ("csv", "none")
    fits = _fits(text, dialect, replace(reading, quoting=other), scan)
    return [f"read quotes the other way (data.quoting={other}; it was {now})"] if fits else []


def _fits(text: str, dialect: Dialect, reading: Reading, scan: Scan) -> bool:
    """Whether all records fit where they are read so, without dropping any."""
    _, strict = _found_quoting(text, dialect, replace(reading, bad_lines="error"))
    return not strict.bad and strict.width == scan.width
