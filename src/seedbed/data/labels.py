"""Class labels of a file: cleaned, checked, sorted and numbered."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from seedbed.data.table import rows_of
from seedbed.data.text_forms import LOOK_ALIKES, bare, folded, named_in_file, seen, unseen_in
from seedbed.errors import ConfigError, DataError, near_misses
from seedbed.quoting import override

MOST_CLASSES = 100
NO_LABEL = frozenset({"nan", "NaN", "NAN", "NA", "N/A", "n/a", "null", "NULL", "None", "<NA>", "#N/A", "NaT"})
"""What programs write for no value; as people may name a class so, it is one, and said."""
_WHOLE = re.compile(r"([-+]?\d+)\.0+")


def clean_label(value: str) -> str:
    """The label without blanks at its ends; 1.0, as a whole number is written once some rows had none, becomes 1."""
    label = value.strip()
    whole = _WHOLE.fullmatch(label)
    return whole[1] if whole else label


@dataclass(frozen=True)
class Labels:
    """The N labels of a file, settled: what is one class has one name."""

    names: list[str]
    """(N,) "" where there is none."""
    left_out: np.ndarray
    """(N,) booleans: whether the class is one of ``drop_classes``."""
    counts: dict[str, int]
    notes: tuple[str, ...]
    made_with: dict[str, str]
    """For ``Table.made_with``."""
    what: ClassVar[str] = "label"

    @property
    def absent(self) -> np.ndarray:
        """(N,) booleans: whether there is none."""
        return np.array([not name for name in self.names], dtype=bool)


@dataclass(frozen=True)
class LabelRules:
    """Which labels are one class, which are left out and which class is positive; the fields are keys of the data configs.

    Labels that differ only in what is not seen of them (zero-width characters, composed and decomposed letters, blanks)
    are one class in any case.
    """

    labels: Mapping[Any, Any] | Sequence[Any] | None = None
    """The class that a label of the file belongs to, by the label; or pairs of both, which may have any characters."""
    join_labels: bool = False
    """Whether labels that look alike are one class: those that differ in letter case or in stops and quotes around them."""
    drop_classes: Sequence[Any] | None = ()
    """Classes whose rows are left out."""
    positive: Any = None
    """Of two classes, the one that precision, recall, F1, AUROC and average precision are about; None: the rarer one."""

    def __post_init__(self) -> None:
        """Raises ``ConfigError``."""
        if not isinstance(self.join_labels, bool):
            raise ConfigError(f"data.join_labels={self.join_labels}: give true or false.")
        if not (self.labels is None or isinstance(self.labels, Mapping) or _are_pairs(self.labels)):
            raise ConfigError(
                f"data.labels={self.labels}: give the class of each label that is to be another one, as in "
                "data.labels={spam.: spam}."
            )
        for label, name in dict(self.labels or {}).items():
            if isinstance(name, Mapping | list | tuple):
                raise ConfigError(f"data.labels: {label!r} is given {name}. Name one class for each label.")
        if isinstance(self.drop_classes, str) or not isinstance(self.drop_classes or (), Sequence):
            raise ConfigError(f"data.drop_classes={self.drop_classes}: give a list, such as data.drop_classes=[other].")
        if isinstance(self.positive, Mapping | list | tuple):
            raise ConfigError(f"data.positive={self.positive}: name one class.")

    @property
    def dropped(self) -> tuple[str, ...]:
        """``drop_classes`` as texts."""
        return tuple(map(_text, self.drop_classes or ()))

    def settled(self, written: Sequence[str], place: str) -> Labels:
        """The class of each label of a file; raises ``ConfigError`` for a label or class that is not there."""
        cleaned = [clean_label(label) for label in written]
        names, joined = _one_name(cleaned, _shown)
        counts, notes = {}, []
        if joined:
            counts["joined_labels"] = len(joined)
            notes.append(_of_unseen(cleaned, names, joined))
        notes += _of_blanks(written)
        altered, written = names != cleaned, names
        names = self._mapped(names, place, notes)
        if self.join_labels:
            names = self._joined(names, notes)
        else:
            notes += look_alikes(names)
        notes += self._absent(names)
        left_out = self._left_out(names, place)
        self._refuse_no_choice(written, [name for name, gone in zip(names, left_out, strict=True) if not gone], place)
        if left_out.any():
            counts["dropped_of_classes"] = int(left_out.sum())
            gone = ", ".join(repr(name) for name in dict.fromkeys(np.array(names, dtype=object)[left_out].tolist()))
            notes.append(f"{rows_of(left_out.sum())} of {gone} left out (data.drop_classes).")
        return Labels(names, left_out, counts, tuple(notes), dict(LOOK_ALIKES) if altered else {})

    def positive_class(self, classes: Sequence[str], place: str) -> str | None:
        """The positive class that was asked for; raises ``ConfigError`` where there is none of that name."""
        if self.positive is None:
            return None
        wanted = _class_named(self.positive, classes, "data.positive", place)
        if len(classes) != 2:
            raise ConfigError(
                f"data.positive={self.positive}: {place} has {len(classes)} classes, whose precision, recall and F1 are "
                "means over all. Leave it out, or leave all but two classes out with data.drop_classes."
            )
        return wanted

    def _absent(self, names: Sequence[str]) -> list[str]:
        """A sentence on classes that may be rows without a label, as programs write them."""
        counts = Counter(name for name in names if name in NO_LABEL and name not in self.dropped)
        if not counts:
            return []
        listed = " and ".join(f"{name!r} ({rows_of(rows)})" for name, rows in counts.items())
        leave_out = override("data.drop_classes", [*self.dropped, *counts])
        return [
            f"{listed} may stand for no label, but {'is a class' if len(counts) == 1 else 'are classes'}: {leave_out} leaves such rows out."
        ]

    def _mapped(self, names: list[str], place: str, notes: list[str]) -> list[str]:
        if not self.labels:
            return names
        there = set(names) - {""}
        target = {
            _class_named(label, there, "data.labels", place): clean_label(_text(name))
            for label, name in (self.labels.items() if isinstance(self.labels, Mapping) else self.labels)
        }
        if empty := [label for label, name in target.items() if not name]:
            raise ConfigError(f"data.labels: {empty[0]!r} has no class. Name one, or use data.drop_classes.")
        counts = Counter(names)
        notes += [
            f"{rows_of(counts[label])} of {label!r} count as {name!r} (data.labels)." for label, name in target.items()
        ]
        return [target.get(name, name) for name in names]

    def _joined(self, names: list[str], notes: list[str]) -> list[str]:
        new, changed = _one_name(names, _alike)
        counts = Counter(names[row] for row in changed)
        target = {names[row]: new[row] for row in changed}
        notes += [
            f"{rows_of(rows)} of {label!r} count as {target[label]!r} (data.join_labels)."
            for label, rows in counts.items()
        ]
        return new

    def _refuse_no_choice(self, written: Sequence[str], kept: Sequence[str], place: str) -> None:
        """Raise ``ConfigError`` where the settings leave fewer than two of a file's classes."""
        there, left = set(written) - {""}, set(kept) - {""}
        settings = {"labels": self.labels, "join_labels": self.join_labels, "drop_classes": self.dropped}
        given = [f"data.{key}" for key, value in settings.items() if value]
        if given and len(left) < 2 <= len(there):
            few = f"only {next(iter(left))!r}" if left else "none"
            raise ConfigError(
                f"{' and '.join(given)}: of the {len(there)} labels of {place} {few} is left as a class. Keep two classes or more."
            )

    def _left_out(self, names: Sequence[str], place: str) -> np.ndarray:
        there = set(names) - {""}
        gone = {_class_named(each, there, "data.drop_classes", place) for each in self.drop_classes or ()}
        return np.array([name in gone for name in names], dtype=bool)


def equal_classes_note(labels: np.ndarray, classes: Sequence[str], positive: str | None) -> list[str]:
    """What is to be said where the rarer of two classes is so by name only."""
    counts = np.bincount(labels, minlength=len(classes))
    if positive is not None or len(classes) != 2 or counts[0] != counts[1]:
        return []
    return [
        f"{classes[0]!r} and {classes[1]!r} have {rows_of(counts[0])} each: precision, recall, F1, AUROC and average "
        f"precision are those of {classes[0]!r}, the first by name. The other class: {override('data.positive', classes[1])}."
    ]


def classes_of(labels: Sequence[str], place: str) -> tuple[str, ...]:
    """The distinct labels, sorted; by value where all are numbers.

    Raises ``DataError`` when ``place``, the column they come from, cannot be one of classes.
    """
    counts = Counter(labels)
    if not counts:
        raise DataError(f"{place}: every row lacks a value that is needed. Name other columns or another file.")
    if len(counts) == 1:
        raise DataError(
            f"{place} holds one class only, {labels[0]!r} in all {len(labels)} rows. Name the column of "
            "labels, or a file with rows of at least two classes."
        )
    if len(counts) > MOST_CLASSES or len(counts) > max(2, len(labels) / 2):
        examples = ", ".join(repr(label) for label, _ in counts.most_common(5))
        raise DataError(
            f"{place} holds {len(counts)} different values in {len(labels)} rows, such as {examples}. Is it the column "
            f"of labels? Name one with at most {MOST_CLASSES} classes, each in several rows."
        )
    numbers = [_number(label) for label in counts]
    if all(math.isfinite(number) for number in numbers):
        return tuple(label for _, label in sorted(zip(numbers, counts, strict=True)))
    return tuple(sorted(counts))


def label_numbers(labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Index of every label in ``classes``, (N,) int64."""
    number = {label: index for index, label in enumerate(classes)}
    return np.array([number[label] for label in labels], dtype=np.int64)


def _one_name(names: Sequence[str], form: Callable[[str], str]) -> tuple[list[str], list[int]]:
    """The names with one for all of the same form, the one written most often; and the rows that get another one."""
    chosen = named_in_file(names, form)
    new = [chosen[name] for name in names]
    return new, [row for row, (old, name) in enumerate(zip(names, new, strict=True)) if name not in (old, "")]


def _of_unseen(cleaned: Sequence[str], names: Sequence[str], rows: Sequence[int]) -> str:
    first = next((row for row in rows if unseen_in(cleaned[row])), rows[0])
    what = (unseen_in(cleaned[first]) or unseen_in(names[first]) or ["blanks"])[0]
    return (
        f"{rows_of(len(rows))} with labels that differ from others in the file only in invisible characters (such as {what} in "
        f"record {first + 1}): joined with {', '.join(repr(name) for name in dict.fromkeys(names[row] for row in rows))}."
    )


def _of_blanks(written: Sequence[str]) -> list[str]:
    """A sentence where some labels differ from others only in blanks at their ends."""
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    for label, rows in Counter(written).items():
        forms[label.strip()][label] = rows
    rarer = {form: rows for label, each in forms.items() if label for form, rows in each.most_common()[1:]}
    if not rarer:
        return []
    return [
        f"{rows_of(sum(rarer.values()))} with labels that differ from others only in blanks at their ends (such as "
        f"{next(iter(rarer))!r}): joined with these."
    ]


def _shown(label: str) -> str:
    return clean_label(seen(label))


def _alike(label: str) -> str:
    form = bare(label)
    return str(Fraction(form)) if math.isfinite(_number(form)) else form


TO_JOIN = "data.join_labels=true joins them, data.labels={...} says which belong together."


def look_alikes(names: Sequence[str], to_join: str = TO_JOIN) -> list[str]:
    """A sentence where classes look alike, with a way to join them."""
    counts = Counter(name for name in names if name)
    by_form: dict[str, list[str]] = defaultdict(list)
    for name, _ in counts.most_common():
        by_form[_alike(name)].append(name)
    alike = [same for same in by_form.values() if len(same) > 1]
    if not alike:
        return []
    shown = "; ".join(", ".join(f"{name!r} ({rows_of(counts[name])})" for name in same) for same in alike[:3])
    more = f"; and {len(alike) - 3} more sets" if len(alike) > 3 else ""
    return [f"Classes that look alike: {shown}{more}. Each counts as a class of its own; {to_join}"]


def _class_named(wanted: Any, names: Iterable[str], key: str, place: str) -> str:
    """The name as it stands there, else the only one that looks like it; raises ``ConfigError``."""
    there, label = sorted(names), clean_label(_text(wanted))
    for form in (str, seen, folded):
        matches = [name for name in there if form(name) == form(label)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            several = " and ".join(map(repr, matches[:3]))
            raise ConfigError(f"{key}: {label!r} could be {several} of {place}. Write it as it stands there.")
    raise ConfigError(f"{key}: {place} has no label {label!r}, {near_misses(label, there)}")


def _are_pairs(given: Any) -> bool:
    is_list = isinstance(given, Sequence) and not isinstance(given, str)
    return is_list and all(
        isinstance(pair, Sequence) and not isinstance(pair, str) and len(pair) == 2 for pair in given
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _number(label: str) -> float:
    try:
        return float(label)
    except ValueError:
        return math.nan
