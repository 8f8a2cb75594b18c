"""How a file of records is to be read, what was found in it, and the records that come of it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from seedbed.checks import require_choice
from seedbed.data.text_forms import same_form
from seedbed.errors import ConfigError, DataError, near_misses

FORMATS = ("auto", "csv", "tsv", "parquet", "jsonl")
DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
DELIMITED = "delimited text"
BLANKS = "blanks"  # any number of spaces and tabs between two fields
LONGEST_DELIMITER = 8
QUOTINGS = ("auto", "csv", "none")
LISTED = 20  # dropped records and lines that are named one by one
ENCODINGS = ("auto", "utf-8", "utf-16", "latin-1", "cp1250", "cp1251", "cp1252", "shift_jis", "gb18030", "big5")


@dataclass(frozen=True)
class Reading:
    """How a file is read, ``auto`` where that is to be found; the fields are keys of the data configs.

    Encoding: a byte order mark decides; else UTF-8 where at least four of five sequences outside ASCII are valid
    UTF-8; else, where the file is mostly ASCII and its other letters look Western European, Windows-1252 (Latin-1
    where it has bytes that Windows-1252 lacks); else charset-normalizer's best guess, where that is sure.

    Delimiter: the one that gives the columns asked for; of several, the one under which the first lines have the
    header's number of fields most often, then the one with most columns.

    Quoting: ``csv`` reads a field that opens with a quote up to the closing one, over line ends (RFC 4180); under
    ``none`` a quote is a character like any other, and each line is a record. Where only one of them gives every
    record the header's number of fields, it is that one, unless most quotes enclose fields: then a quote that does not
    is a fault. Where both do, it is ``csv``, except between tabs or pipes, which are often written without a thought
    of quotes: there ``csv`` only where every field that opens with a quote also closes on its line. Where neither
    does, it is the one with fewer lines amiss.
    """

    format: str = "auto"
    encoding: str = "auto"
    delimiter: str = "auto"
    """A name out of ``DELIMITERS``, "blanks", or the characters themselves."""
    quoting: str = "auto"
    bad_lines: str = "error"
    """What happens to records with another number of fields than the header: "error" or "drop".

    With "drop", bytes that are not of the file's encoding are replaced by U+FFFD.
    """
    header: bool = True
    """Whether the first line names the columns; otherwise they are named 0, 1, ..."""
    skip_lines: int = 0
    """How many lines stand above the header, or above the records where there is none."""

    def __post_init__(self) -> None:
        """Raises ``ConfigError``."""
        choices = {"format": FORMATS, "quoting": QUOTINGS, "bad_lines": ("error", "drop")}
        for key, known in choices.items():
            require_choice(f"data.{key}", getattr(self, key), known)
        if not _is_delimiter(self.delimiter):
            raise ConfigError(
                f"data.delimiter={self.delimiter!r}: give auto, {', '.join(DELIMITERS)}, {BLANKS}, or the characters "
                "that stand between two fields, such as ':' or '::'."
            )
        if not isinstance(self.header, bool):
            raise ConfigError(f"data.header={self.header}: give true, or false where the file has no header line.")
        if isinstance(self.skip_lines, bool) or not isinstance(self.skip_lines, int) or self.skip_lines < 0:
            raise ConfigError(
                f"data.skip_lines={self.skip_lines}: give the number of lines above the header, a whole number from 0 on."
            )
        try:
            "a".encode("utf-8" if self.encoding == "auto" else self.encoding)
        except (LookupError, TypeError, ValueError) as error:
            raise ConfigError(
                f"data.encoding={self.encoding}: Python knows no such text encoding, "
                f"{near_misses(str(self.encoding), ENCODINGS)}"
            ) from error

    @property
    def drops(self) -> bool:
        """Whether what cannot be read is left out."""
        return self.bad_lines == "drop"


def _is_delimiter(given: object) -> bool:
    if not isinstance(given, str) or not 0 < len(given) <= max(LONGEST_DELIMITER, len("semicolon")):
        return False
    if given in ("auto", BLANKS, *DELIMITERS):
        return True
    # Letters would be a name misspelt.
    return len(given) <= LONGEST_DELIMITER and not re.search(r'["\n\r\0]|\w\w', given)


@dataclass(frozen=True)
class BadRecord:
    """A record that was left out, and why."""

    first: int
    last: int
    """Its first and last line, as an editor counts them; of a JSON array, its number among the elements."""
    why: str
    unit: str = "line"

    @property
    def place(self) -> str:
        """The place in words, for messages."""
        return f"{self.unit} {self.first}" if self.first == self.last else f"{self.unit}s {self.first} to {self.last}"


@dataclass(frozen=True)
class Replaced:
    """Bytes that encode no character and were read as U+FFFD."""

    count: int
    lines: tuple[int, ...]
    """The lines that hold them (of a JSON array, the elements), sorted, each once."""
    key: str
    """The name of the count in the data section."""
    what: str
    """What is replaced, as in "3 bytes"."""
    unit: str = "line"

    def sentence(self) -> str:
        """A sentence for the report."""
        where = numbered(self.lines, self.unit)
        return f"{self.what} {'was' if self.count == 1 else 'were'} replaced by U+FFFD, the replacement character ({where})."


@dataclass(frozen=True)
class Found:
    """What was found in a file, and what was given of how to read it."""

    format: str
    """``DELIMITED``, "Parquet" or another."""
    encoding: str = ""
    """Of a text, with where it is from: "utf-16 (from its byte order mark)"."""
    delimiter: str = ""
    quoting: str = ""
    header: bool = True
    skipped_lines: int = 0
    dropped: tuple[BadRecord, ...] = ()
    replaced: tuple[Replaced, ...] = ()

    def dropped_sentences(self) -> list[str]:
        """A line of text for each dropped record, ``LISTED`` at most, and how many more there are."""
        said = [f"{bad.place}: {bad.why}" for bad in self.dropped[:LISTED]]
        more = len(self.dropped) - len(said)
        return [*said, f"and {more} more"] if more else said


@dataclass(frozen=True)
class Declared:
    """What a file's own header says of a column."""

    kind: str
    """ "real", "integer", "nominal", "string" or "date"."""
    values: tuple[str, ...] = ()
    """Those that a nominal column may have, in their order there; every value of it is one of them, or "" for none."""
    range: tuple[float, float] | None = None
    """Least and greatest value of a numeric column, where they are given."""


@dataclass(frozen=True)
class Target:
    """The column that is to be predicted, by a file's own header."""

    at: int
    """Its position."""
    why: str
    """A clause for notes: "which @outputs names"."""


def numbered(numbers: Sequence[int], unit: str = "line", most: int = 5) -> str:
    """Lines for a sentence: "line 3", or "lines 3, 5, 8, ... (17 in all)"."""
    shown = ", ".join(map(str, numbers[:most]))
    more = f", ... ({len(numbers)} in all)" if len(numbers) > most else ""
    return f"{unit}{'' if len(numbers) == 1 else 's'} {shown}{more}"


class Records(ABC):
    """The records of one file: named columns, whose values are read as strings or as numbers."""

    def __init__(self, path: Path, columns: Sequence[str], how: str, found: Found) -> None:
        self.path = path
        self.columns = tuple(columns)
        """Names as in the header, "" where it has none."""
        self.how = how
        """A sentence for the report: what was found and what was given."""
        self.found = found
        self.delimiter = ","
        self.declared: Mapping[int, Declared] = {}
        """What the file itself says of its columns, by position; {} in formats without such declarations."""
        self.target: Target | None = None

    @property
    def dropped(self) -> int:
        """Records left out since they have another number of fields than the header, or are none."""
        return len(self.found.dropped)

    @property
    def first_dropped(self) -> str:
        """The place of the first dropped record."""
        return self.found.dropped[0].place if self.found.dropped else ""

    @property
    def counts(self) -> dict[str, int]:
        """Counts for the data section, of what was replaced."""
        return {replaced.key: replaced.count for replaced in self.found.replaced}

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the report: how the file was read, and what was replaced."""
        return (self.how, *(replaced.sentence() for replaced in self.found.replaced))

    @property
    def made_with(self) -> dict[str, str]:
        """Value for ``Dataset.made_with``: {} if earlier releases read the same; they lost digits of typed values."""
        as_before = self.found.format == DELIMITED and not (self.found.dropped or self.found.replaced)
        as_before = as_before and not self.found.delimiter.endswith(" '")  # a blank in the delimiter was not found
        return {} if as_before else {"reading": "2"}

    def with_dropped(self, dropped: Sequence[BadRecord]) -> None:
        """Note the records that were left out."""
        self.found = replace(self.found, dropped=tuple(dropped))

    def target_notes(self, key: str) -> list[str]:
        """What is to be said where the file names the column that config key ``key`` leaves open."""
        if self.target is None:
            return []
        return [f"{key} is not set: it is {self.columns[self.target.at]!r}, {self.target.why}."]

    @abstractmethod
    def strings(self, positions: Sequence[int]) -> list[list[str]]:
        """The values of some columns as they are in the file, "" where there is none."""

    @abstractmethod
    def numbers(self, positions: Sequence[int], decimal: str = ".") -> pd.DataFrame:
        """Some columns, numeric where all their values are; labelled by position. NaN where there is no value."""

    def place(self, row: int) -> str:
        """Where a record stands, counted from 0, for messages."""
        return f"record {row + 1}"

    def positions(self, name: str) -> list[int]:
        """The positions of the columns called ``name``, or else of those whose names are the same text in another form."""
        exact = [position for position, column in enumerate(self.columns) if column == name]
        return exact or [position for position, column in enumerate(self.columns) if same_form(column, name)]

    def position(self, name: str, key: str) -> int:
        """The position of column ``name``, which config key ``key`` asks for; raises ``DataError``."""
        positions = self.positions(name)
        if len(positions) == 1:
            return positions[0]
        if positions:
            raise DataError(f"{key}={name}: {self.path} has {len(positions)} columns of that name. Rename one of them.")
        misses = near_misses(name, filter(None, self.columns))
        hint = f", {misses}" if misses.startswith("did") else "."
        raise DataError(
            f"{key}={name}: {self.path} has no such column{hint} Its columns are {self.listed()}. ({self.how} Where "
            "that is wrong, set data.delimiter, data.quoting, data.skip_lines or, for a file without a header line, "
            "data.header=false.)"
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
