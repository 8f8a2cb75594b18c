"""What looks odd about a column of ratings, timestamps or names: values that stand for none, two scales, lost digits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np

from seedbed.data.labels import NO_LABEL
from seedbed.data.table import rows_of
from seedbed.quoting import override

STARS, MARKS = (5, 10), (50, 100)
"""Ends of scales that people rate on, short and long ones."""
_SCIENTIFIC = re.compile(r"[-+]?\d+(?:[.,]\d+)?[eE]\+?\d+")
UNITS = ((1e17, "nanoseconds"), (1e14, "microseconds"), (1e11, "milliseconds"))
"""From these numbers on, timestamps of our days are no seconds: 1e11 seconds are 3000 years."""


def scale_notes(ratings: np.ndarray) -> list[str]:
    """Sentences about ratings (N,) that need a look; none for any range of theirs as such.

    A value stands for none, by its looks, where it is the only negative one beside three or more others; where it is
    written in nines only (99) and is farther from the next than all others are from each other; or where it is 0 and
    more frequent than all others, which begin at 0.5 or above and end at 10 or below. Two scales are mixed, by their
    looks, where the greatest rating is 50 or 100 and each unit up to 5 (or 10) has more than ten times as many ratings
    as one beyond, where at least one rating in a hundred lies.
    """
    values, counts = np.unique(ratings, return_counts=True)
    if len(values) == 1:
        return [f"All {rows_of(len(ratings))} have the rating {values[0]:g}: there is nothing to be learned from them."]
    placeholders = _placeholders(values, counts)
    if placeholders:
        listed = " and ".join(f"{values[at]:g} ({rows_of(counts[at])})" for at in placeholders)
        others = np.delete(values, placeholders)
        named = override("data.missing_values", [f"{values[at]:g}" for at in placeholders])
        return [
            f"Among ratings from {others[0]:g} to {others[-1]:g}, {listed} may stand for no rating. They count as ratings; "
            f"{named} takes them as missing."
        ]
    return _two_scales(values, counts)


def time_notes(times: np.ndarray) -> list[str]:
    """A sentence where timestamps (N,) look like other units than seconds."""
    typical = float(np.median(np.abs(times)))
    for least, unit in UNITS:
        if typical >= least:
            return [f"The timestamps look like {unit}: they count as they are, and splits go by their order alone."]
    return []


def name_notes(what: str, names: Iterable[str]) -> list[str]:
    """Sentences about the user or item (``what``) of each row: numbers that have lost digits, and what stands for none."""
    counts = Counter(names)
    notes = []
    cut = {name: rows for name, rows in counts.items() if _SCIENTIFIC.fullmatch(name)}
    if cut:
        notes.append(
            f"{rows_of(sum(cut.values()))} name their {what} by a number in scientific notation, such as {next(iter(cut))!r}: "
            f"digits that told {what}s apart may be lost. Write the file again with whole numbers or texts there."
        )
    absent = {name: rows for name, rows in counts.items() if name in NO_LABEL}
    if absent:
        listed = " and ".join(f"{name!r} ({rows_of(rows)})" for name, rows in absent.items())
        notes.append(
            f"{listed} may stand for no {what}, but {'is taken for one' if len(absent) == 1 else 'are taken for such'}: "
            f"{override('data.missing_values', list(absent))} leaves such rows out."
        )
    return notes


def _placeholders(values: np.ndarray, counts: np.ndarray) -> list[int]:
    """Positions, among the sorted distinct values, of those that may stand for no rating."""
    positions, rest = [], np.arange(len(values))
    if np.count_nonzero(values < 0) == 1 and len(values) > 3:
        positions.append(0)
        rest = rest[1:]
    while len(rest) > 3 and _is_nines(values[rest[-1]]):
        others = values[rest[:-1]]
        if values[rest[-1]] - others[-1] <= others[-1] - others[0]:
            break
        positions.append(int(rest[-1]))
        rest = rest[:-1]
    others = values[rest[1:]]
    of_stars = len(others) > 2 and others[0] >= 0.5 and others[-1] <= 10
    if of_stars and values[rest[0]] == 0 and counts[rest[0]] > counts[rest[1:]].sum():
        positions.append(int(rest[0]))
    return sorted(positions)


def _is_nines(value: float) -> bool:
    return value.is_integer() and set(str(int(value))) == {"9"}


def _two_scales(values: np.ndarray, counts: np.ndarray) -> list[str]:
    if values[-1] not in MARKS or values[0] < 0:
        return []
    for end in STARS:
        within, beyond = counts[values <= end].sum(), counts[values > end].sum()
        denser = within / end > 10 * beyond / (values[-1] - end)
        if values[-1] >= 10 * end and denser and beyond >= 0.01 * counts.sum():
            return [
                f"The ratings may be of two scales: {rows_of(within)} lie from {values[0]:g} to {end}, and "
                f"{rows_of(beyond)} beyond, up to {values[-1]:g}. They count as they are."
            ]
    return []
