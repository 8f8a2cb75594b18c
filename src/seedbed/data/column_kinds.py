"""Columns of a file, and what their values look like: numbers, dates, labels, texts or names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seedbed.data.labels import MOST_CLASSES, look_alikes
from seedbed.data.numbers import MISSING_WORDS, number
from seedbed.data.text_forms import seen, unseen_in

MOSTLY = 0.9
"""Share of the values from which on a column is of a kind, and the others are named."""
ROWS_OF_A_CLASS = 4
"""In a column of labels a value occurs so often, on average."""
EARLIEST = 500_000_000
"""Seconds since 1970 that are taken for a time: in the year 1985."""
SHOWN = 30
"""Characters of a value that are shown."""
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{2}.*)?")


def _is_whole(text: str) -> bool:
    value = number(text)
    return value is not None and value.is_integer() and text.lstrip("+-").replace(".0", "").isdigit()


COMMA = "numbers with a decimal comma"
KINDS: dict[str, Callable[[str], object]] = {
    "whole numbers": _is_whole,
    "numbers": lambda text: number(text) is not None,
    COMMA: lambda text: number(text, "comma") is not None,
    "dates": _DATE.fullmatch,
}


@dataclass(frozen=True)
class FileColumn:
    """A column of the file, before anything is made of it."""

    name: str
    kind: str
    """One of ``KINDS``, "text" or "no values"."""
    rows: int
    values: int
    """Rows that have one."""
    counts: Counter[str]
    """How often each value occurs, as a reader sees it."""
    others: tuple[str, ...]
    """Values of another kind than most, each once, in the order of the file."""
    words: float
    """Words of a value, on average."""
    unseen: tuple[str, ...]
    """Characters that are not seen, as "U+200B"."""

    @property
    def could_be_labels(self) -> bool:
        """Few values, each in several rows."""
        return 2 <= len(self.counts) <= min(MOST_CLASSES, max(2, self.values // ROWS_OF_A_CLASS))

    @property
    def could_be_texts(self) -> bool:
        return self.kind == "text" and self.words >= 2 and not self.could_be_labels

    @property
    def could_be_names(self) -> bool:
        """Whether the values could name users or items: each occurs in several rows, and there are more than classes."""
        return self.kind in ("text", "whole numbers") and self.words < 6 and 2 <= len(self.counts) <= self.values // 2

    @property
    def could_be_times(self) -> bool:
        """Dates, or seconds since 1970 of this century or the years before it."""
        return self.kind == "dates" or (self.kind == "whole numbers" and min(map(_value, self.counts)) > EARLIEST)

    @property
    def has_numbers(self) -> bool:
        return "numbers" in self.kind

    @property
    def look_alikes(self) -> list[str]:
        """Sentences that name labels which look alike, for a column that could hold labels."""
        return look_alikes(list(self.counts.elements())) if self.could_be_labels and self.kind == "text" else []

    def examples(self, most: int = 3) -> str:
        """The most frequent values, with how often each occurs where any does so twice."""
        frequent = self.counts.most_common(most)
        often = bool(frequent) and frequent[0][1] > 1
        shown = [f"{cut(value)!r}{f' ({times})' if often else ''}" for value, times in frequent]
        return ", ".join(shown) + (", ..." if len(self.counts) > most else "")


def _value(text: str) -> float:
    return number(text) or 0.0


def column(name: str, strings: Sequence[str]) -> FileColumn:
    """What the N strings of a column, "" where there is no value, look like."""
    counts = Counter(map(seen, strings))
    del counts[""]
    absent = {value: times for value, times in counts.items() if value.casefold() in MISSING_WORDS}
    kind, others = _kind(counts - Counter(absent))
    if kind != "text":  # in a text, NA and its like may be words
        counts -= Counter(absent)
    values = counts.total()
    words = sum(len(value.split()) * times for value, times in counts.items()) / max(values, 1)
    unseen = dict.fromkeys(sign for text in dict.fromkeys(strings) if not text.isascii() for sign in unseen_in(text))
    return FileColumn(name, kind, len(strings), values, counts, others, words, tuple(unseen))


def cut(value: str, most: int = SHOWN) -> str:
    """A value as it is shown where there is little room."""
    return value if len(value) <= most else f"{value[: most - 3]}..."


def _kind(counts: Counter[str]) -> tuple[str, tuple[str, ...]]:
    """The kind that most values are of, of equals the narrowest, and the values that are not."""
    if not counts:
        return "no values", ()
    others = {kind: tuple(value for value in counts if not fits(value)) for kind, fits in KINDS.items()}
    amiss = {kind: sum(map(counts.__getitem__, values)) for kind, values in others.items()}
    best = min(amiss, key=lambda kind: amiss[kind])
    return (best, others[best]) if amiss[best] <= (1 - MOSTLY) * counts.total() else ("text", ())
