"""Columns of a file that are no numbers: which hold categories, an order, or true and false, and the number of each value."""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from seedbed.checks import shown
from seedbed.data.files.reading import Records
from seedbed.data.labels import clean_label
from seedbed.data.numbers import MISSING_WORDS, MissingValues, Numbers, number, read_numbers
from seedbed.data.table import rows_of
from seedbed.data.text_forms import bare, seen
from seedbed.errors import ConfigError, DataError, near_misses
from seedbed.quoting import override

NUMBER, CATEGORY, BOOLEAN, ORDERED = "number", "category", "boolean", "ordered"
KINDS = (NUMBER, CATEGORY, BOOLEAN)
"""What ``data.columns`` can name; an order is given as its values."""
BOOLEANS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"), ("0", "1"))
TRUTH = {text: place for pair in BOOLEANS for place, text in enumerate(pair)}
AMBIGUOUS = frozenset({"none", "nil", "-", "--", "–", "—", "."})
"""Of a column of numbers they stand for no value, among texts they may well be one."""
ABSENT = MISSING_WORDS - AMBIGUOUS
MOST_CATEGORIES = 1000
"""Of one column: each is an input of the network."""
MOST_DISTINCT = 0.5
"""The share of a column's values from which on distinct ones are names or texts, of which a network can learn nothing."""
NAMED = 10
"""The most columns, or values, that a sentence names."""
DATES, DIFFERENT = "dates", "different text"
UNKNOWN = -1
"""The number of a value that is none of the column's."""
_DATE = re.compile(
    r"\d{4}([-/])\d{1,2}(\1\d{1,2}([T ]\d{1,2}:\d{2}.*)?)?|\d{1,2}(?P<sign>[-/.])\d{1,2}(?P=sign)\d{2,4}( \d{1,2}:\d{2}.*)?"
    r"|\d{1,2}:\d{2}(:\d{2})?(\.\d+)?|\d{1,2}[- ][A-Za-z]{3,9}[- ]\d{2,4}|[A-Za-z]{3,9} \d{1,2},? \d{4}"
)
_LIKE_A_NUMBER = re.compile(r"\(?[-+−]?\s*[$€£¥]?\s*[-+−]?\d[\d\s_'’.,/]*(?:[eE][-+]?\d+)?[%‰$€£¥]?\)?")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_WITH_UNIT = re.compile(r"[-+−]?[$€£¥]?\s?#[^#]+")


@dataclass(frozen=True)
class Column:
    """A column of features, and what its values are."""

    name: str
    kind: str = NUMBER
    values: tuple[str, ...] = ()
    """Of a category all, sorted; of an order as it is; false and true; () of numbers."""
    gaps: bool = False
    """Of a category, whether some rows have none, which is one more."""

    @property
    def size(self) -> int:
        """How many categories there are, that of rows without a value among them."""
        return len(self.values) + self.gaps

    def numbers_of(self, written: Sequence[str], missing: MissingValues) -> np.ndarray:
        """The place of each value among ``values``, (N,) float64: NaN where there is none, ``UNKNOWN`` for another one."""
        codes, distinct = pd.factorize(np.array(written, dtype=object))
        places = TRUTH if self.kind == BOOLEAN else {value: place for place, value in enumerate(self.values)}
        forms = (form_of(text).casefold() if self.kind == BOOLEAN else form_of(text) for text in distinct)
        found = [
            math.nan if is_absent(text, missing) else places.get(form, UNKNOWN)
            for text, form in zip(distinct, forms, strict=True)
        ]
        return np.array(found, dtype=np.float64)[codes]

    def description(self) -> dict[str, Any]:
        """As JSON, from which ``Column(**description)`` is made again."""
        return {"name": self.name, "kind": self.kind, "values": list(self.values), "gaps": self.gaps}


@dataclass(frozen=True)
class NoCategory:
    """Why a column of texts is not taken for one of categories."""

    why: str
    """ "" where it holds numbers that cannot all be read."""
    few: bool
    """Whether it could be one, where the user says so: it has few values."""


@dataclass(frozen=True)
class Read:
    """What was made of the columns that a file does not have as numbers, by position."""

    columns: dict[int, Column]
    """Those that are none."""
    values: dict[int, np.ndarray]
    """(N,) float64 of each, as ``Column.numbers_of`` gives them."""
    numbers: dict[int, Numbers]
    """The others, some of whose values are none that can be read."""
    refused: dict[int, NoCategory]
    named_missing: int = 0
    notes: tuple[str, ...] = ()
    made_with: dict[str, str] = field(default_factory=dict)


def form_of(text: str) -> str:
    """What a reader sees of a value; 1.0, as a whole number is written once some rows had none, is 1."""
    return clean_label(seen(text))


def is_absent(text: str, missing: MissingValues) -> bool:
    """Whether a text stands for no value, in a column of texts."""
    shown = seen(text)
    return shown in missing or shown.casefold() in ABSENT


class ColumnKinds:
    """What columns are taken for: what ``data.columns`` says, else what the file itself declares, else what they look like."""

    def __init__(self, given: Mapping[Any, Any] | None = None) -> None:
        """Raises ``ConfigError``."""
        if given is not None and not isinstance(given, Mapping):
            raise ConfigError(
                f"data.columns={shown(given)}: give the kind of each column, as in data.columns.zip=category."
            )
        self.given = {name: _checked(name, kind) for name, kind in _flat(given or {}).items()}

    def read(self, records: Records, frame: pd.DataFrame, decimal: str, missing: MissingValues) -> Read:
        """The columns of the features that are no numbers in ``frame``, which ``Records.numbers`` gave, or are not to be.

        Raises ``ConfigError`` and ``DataError``.
        """
        chosen: list[int] = list(frame)  # type: ignore[arg-type]
        asked = self._positions(records, chosen)
        declared = {at: each.kind for at, each in records.declared.items() if at in chosen and at not in asked}
        nominal = dict.fromkeys((at for at, kind in declared.items() if kind == "nominal"), CATEGORY)
        numeric = {at for at, kind in declared.items() if kind in ("real", "integer")}
        numeric |= {at for at, kind in asked.items() if kind == NUMBER}
        to_be = {at: kind for at, kind in asked.items() if kind != NUMBER} | nominal
        texts = [at for at in chosen if at not in to_be and not pd.api.types.is_numeric_dtype(frame[at])]
        written = _strings(records, [*to_be, *texts])
        columns = {at: _as_asked(records, at, kind, written[at], missing) for at, kind in to_be.items()}
        numbers = {at: read_numbers(written[at], decimal, missing) for at in texts}
        refused: dict[int, NoCategory] = {}
        for at in texts:
            if declared.get(at) == "date":
                refused[at] = NoCategory(DATES, few=False)
            elif numbers[at].unreadable.any() and at not in numeric:
                found = _found(records.columns[at], written[at], missing)
                if isinstance(found, Column):
                    columns[at] = found
                    del numbers[at]
                else:
                    refused[at] = found
        if columns:  # a file of numbers alone may have true and false for some
            written |= _strings(records, [at for at in chosen if at not in asked and _may_be_truth(frame[at])])
            columns |= _truths(records, {at: written[at] for at in written if at not in columns and at not in numbers})
        return Read(
            columns,
            {at: column.numbers_of(written[at], missing) for at, column in columns.items()},
            numbers,
            refused,
            sum(seen(text) in missing for at in columns for text in written[at]) if missing.given else 0,
            tuple(note for at, column in columns.items() for note in _notes(column, written[at], missing)),
            {"columns": "declared"} if nominal else {},
        )

    def _positions(self, records: Records, chosen: Sequence[int]) -> dict[int, str | tuple[str, ...]]:
        asked = {records.position(name, "data.columns"): kind for name, kind in self.given.items()}
        for at in asked:
            if at not in chosen:
                features = [records.columns[each] for each in chosen]
                name = records.columns[at]
                raise ConfigError(
                    f"data.columns.{name}: {name!r} is not a feature here, {near_misses(name, features)} Leave it out."
                )
        return asked


def kept_values(columns: Sequence[Column], values: np.ndarray) -> tuple[tuple[Column, ...], np.ndarray]:
    """The columns as the rows (N, C) that are left have them: with their categories alone, and with gaps where there are any."""
    if not any(column.kind == CATEGORY for column in columns):
        return tuple(columns), values
    kept, values = list(columns), values.copy()
    for at, column in enumerate(columns):
        if column.kind == CATEGORY:
            there, codes = np.unique(values[:, at], return_inverse=True)  # NaN comes last
            present = there[~np.isnan(there)].astype(int)
            gaps = len(present) < len(there)
            kept[at] = replace(column, values=tuple(column.values[code] for code in present), gaps=gaps)
            values[:, at] = np.where(np.isnan(values[:, at]), np.nan, codes)
    return tuple(kept), values


def kind_notes(columns: Sequence[Column]) -> list[str]:
    """A sentence on what the columns were taken for; [] of numbers alone."""
    of_kinds = {
        "categories": [f"{each.name} ({len(each.values)} values)" for each in columns if each.kind == CATEGORY],
        "booleans": [f"{each.name} ({'/'.join(each.values)})" for each in columns if each.kind == BOOLEAN],
        "ordered": [f"{each.name} ({' < '.join(each.values)})" for each in columns if each.kind == ORDERED],
    }
    said = [f"as {what}: {_listed(names)}" for what, names in of_kinds.items() if names]
    return (
        [f"Columns taken {'; '.join(said)}. Another kind: data.columns.NAME=number, category or boolean."]
        if said
        else []
    )


def gap_notes(columns: Sequence[Column], values: np.ndarray, missing: str) -> tuple[int, list[str]]:
    """How many values of the rows (N, C) that are left are filled by ``data.missing``, and a sentence on each treatment."""
    gaps = list(zip(columns, map(int, np.isnan(values).sum(axis=0)), strict=True))
    filled = [count for column, count in gaps if count and column.kind != CATEGORY]
    own = [count for column, count in gaps if count and column.kind == CATEGORY]
    notes = []
    if filled:
        booleans = any(count and column.kind == BOOLEAN for column, count in gaps)
        notes.append(
            f"{_missing(filled)} filled with the {missing} of each seed's training rows"
            f"{', booleans with the more frequent of both' if booleans else ''} (data.missing={missing})."
        )
    if own:
        notes.append(f"{_missing(own)} taken as a category of their own (data.missing={missing}).")
    return sum(filled), notes


def _missing(of_columns: Sequence[int]) -> str:
    values, verb = ("missing value", "is") if sum(of_columns) == 1 else ("missing values", "are")
    return f"{sum(of_columns)} {values} in {len(of_columns)} column{'' if len(of_columns) == 1 else 's'} {verb}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


# ---- settings --------------------------------------------------------------------------------------------------------


def _flat(given: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """By the name of the column: of one with a dot in it, Hydra makes a mapping in a mapping."""
    flat: dict[str, Any] = {}
    for name, kind in given.items():
        flat |= _flat(kind, f"{prefix}{name}.") if isinstance(kind, Mapping) else {f"{prefix}{name}": kind}
    return flat


def _checked(name: str, kind: Any) -> str | tuple[str, ...]:
    place = f"data.columns.{name}={shown(kind)}"
    if isinstance(kind, str) and kind in KINDS:
        return kind
    if isinstance(kind, Sequence) and not isinstance(kind, str):
        order = tuple(form_of(_text(value)) for value in kind)
        if len(set(order)) < len(order) or len(order) < 2 or "" in order:
            raise ConfigError(f"{place}: an order has two values or more, each once, as in [small, medium, large].")
        return order
    if kind in (ORDERED, "date", "text"):
        remedy = {
            ORDERED: f"give its values in their order, as in data.columns.{name}=[small,medium,large].",
            "date": "turn dates into numbers in the file, such as days since a day, or leave the column out with data.exclude.",
            "text": "leave the column out with data.exclude, or train on it with data=text_csv.",
        }
        raise ConfigError(f"{place}: {remedy[kind]}")
    raise ConfigError(
        f"{place}: there is no such kind of column, {near_misses(shown(kind), KINDS)} An order is given as its values, as in "
        "[small,medium,large]."
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _strings(records: Records, positions: Sequence[int]) -> dict[int, list[str]]:
    return dict(zip(positions, records.strings(positions), strict=True)) if positions else {}


def _as_asked(
    records: Records, at: int, kind: str | tuple[str, ...], written: Sequence[str], missing: MissingValues
) -> Column:
    """The column as it is set or declared; raises ``DataError`` for a value that it cannot have."""
    name, counts = records.columns[at], _counts(written, missing)
    if not counts:
        raise DataError(f"{records.path}: column {name!r} has no value. Leave it out with data.exclude.")
    if kind == CATEGORY:
        if len(counts) > MOST_CATEGORIES:
            raise DataError(
                f"{records.path}: column {name!r} has {len(counts)} values, and a category at most {MOST_CATEGORIES}. Join "
                "rare ones in the file, or leave it out with data.exclude."
            )
        return _category(name, counts)
    if kind == BOOLEAN:
        column = Column(name, BOOLEAN, _pair(counts) or BOOLEANS[0])
        remedy = f"none of true/false, yes/no, t/f, 1/0. A column of any values: {setting(name, CATEGORY)}."
    else:
        column = Column(name, ORDERED, tuple(kind))
        remedy = f"not in the order [{', '.join(kind)}]. Add it there, or fix the file."
    others = np.flatnonzero(column.numbers_of(written, missing) == UNKNOWN)
    if len(others):
        row = int(others[0])
        raise DataError(
            f"data.columns.{name}: {records.path} has {written[row].strip()[:40]!r} in {records.place(row)}, which is {remedy}"
        )
    return column


def setting(name: str, kind: str) -> str:
    """What sets the kind of a column: an override as a shell takes it, where Hydra has one for such a name."""
    if re.fullmatch(r"[\w-]+", name, re.ASCII):
        return f"data.columns.{name}={kind}"
    if re.fullmatch(r"[\w /+.%*@?|-]+", name, re.ASCII):
        return shlex.quote(f"data.columns={{{name}: {kind}}}")
    return f"{name!r}: {kind} under data.columns in a copy of the experiment's file"


# ---- what columns look like ------------------------------------------------------------------------------------------


def _counts(written: Sequence[str], missing: MissingValues) -> Counter[str]:
    """How often each value occurs, as a reader sees it."""
    counts: Counter[str] = Counter()
    for text, times in Counter(written).items():
        if not is_absent(text, missing):
            counts[form_of(text)] += times
    return counts


def _found(name: str, written: Sequence[str], missing: MissingValues) -> Column | NoCategory:
    """The column, as boolean or of categories, or why it is neither.

    A text that could be a number is never taken for a category: of a column of numbers in which some are written otherwise
    it would make one of as many categories.
    """
    counts = _counts(written, missing)
    rows = counts.total()
    few = len(counts) <= min(MOST_CATEGORIES, MOST_DISTINCT * rows)
    if 2 * sum(times for text, times in counts.items() if _is_date(text)) >= rows:
        return NoCategory(DATES, few)
    if any(_is_like_a_number(text) for text in counts):
        return NoCategory("", few)
    if _have_unit(counts):
        return NoCategory("numbers with a unit", few)
    if (pair := _pair(counts)) and len(counts) > 1:
        return Column(name, BOOLEAN, pair)
    return _category(name, counts) if few else NoCategory(_differing(len(counts), rows), few)


def _differing(texts: int, rows: int) -> str:
    return f"{texts} {DIFFERENT}{'' if texts == 1 else 's'} in {rows_of(rows)}"


def _pair(counts: Iterable[str]) -> tuple[str, str] | None:
    """The words for false and true that all the values are among; None where there are none."""
    folded = {text.casefold() for text in counts}
    return next((pair for pair in BOOLEANS if folded <= set(pair)), None)


def _is_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None and number(text) is None


def _have_unit(counts: Iterable[str]) -> bool:
    """Whether all values are numbers with the same sign or word before or after them, such as 5 kg and 7 kg."""
    distinct = list(counts)
    shapes = {_DIGITS.sub("#", text) for text in distinct}
    return len(distinct) > 1 and len(shapes) == 1 and _WITH_UNIT.fullmatch(shapes.pop()) is not None


def _is_like_a_number(text: str) -> bool:
    """Whether it is a number, or written in a way that is not read: with the other decimal sign, a currency, a separator."""
    return any(number(text, sign) is not None for sign in ("point", "comma")) or bool(_LIKE_A_NUMBER.fullmatch(text))


def _category(name: str, counts: Iterable[str]) -> Column:
    return Column(name, CATEGORY, tuple(sorted(counts, key=_order)))


def _order(text: str) -> tuple[bool, float, str]:
    """Numbers by their value, before other texts."""
    value = number(text)
    return value is None, value or 0.0, text


def _may_be_truth(column: pd.Series[Any]) -> bool:
    """Whether a column that is read as numbers has 0 and 1 alone."""
    return bool(pd.api.types.is_numeric_dtype(column) and column.dropna().isin([0, 1]).all())


def _truths(records: Records, written: Mapping[int, Sequence[str]]) -> dict[int, Column]:
    """Of columns that are read as numbers, those that the file has as true and false."""
    words = {at: {text.casefold() for text in dict.fromkeys(strings)} for at, strings in written.items()}
    return {
        at: Column(records.columns[at], BOOLEAN, BOOLEANS[0])
        for at, there in words.items()
        if there & {"true", "false"}
    }


def _notes(column: Column, written: Sequence[str], missing: MissingValues) -> list[str]:
    """What catches the eye in a column of categories."""
    if column.kind != CATEGORY:
        return []
    counts = _counts(written, missing)
    notes = []
    if words := [text for text in counts if text.casefold() in AMBIGUOUS]:
        listed = " and ".join(f"{word!r} ({rows_of(counts[word])})" for word in words)
        named = override("data.missing_values", [*missing.given, *words])
        notes.append(
            f"In column {column.name!r}, {listed} may stand for no value, but count{'s' if len(words) == 1 else ''} as a "
            f"category: {named} takes such values as missing."
        )
    alike: dict[str, list[str]] = {}
    for text, _ in counts.most_common():
        alike.setdefault(bare(text), []).append(text)
    for same in [same for same in alike.values() if len(same) > 1][:3]:
        listed = ", ".join(f"{text!r} ({rows_of(counts[text])})" for text in same)
        notes.append(f"Categories of column {column.name!r} that look alike: {listed}. Each counts as one of its own.")
    return notes
