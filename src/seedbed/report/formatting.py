"""How a number is written: one rule for the terminal, Markdown, LaTeX and figures, so that all agree."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seedbed.statistics import Comparison, Interval, Summary

NOTHING = "-"
PLUS_MINUS = "±"

_COUNT_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


LARGE, SMALL, MOST_DECIMALS = 1e6, 1e-4, 8
"""Numbers from ``LARGE`` on are written with a power of ten, and those below ``SMALL`` that so many decimals do not show."""


def places(summaries: Iterable[Summary]) -> int:
    """Decimals of a column of means and spreads: two digits of the smallest spread, and at least four.

    A column with values from 10 on has two, and one with values from ``LARGE`` on may have less than none: -3 shows
    thousands. Where all values are below ``SMALL``, there are as many as it takes.
    """
    shown = [summary for summary in summaries if summary.mean is not None]
    largest = max((abs(summary.mean or 0.0) for summary in shown), default=0.0)
    smallest = min((summary.std for summary in shown if summary.std), default=None)
    needed = 1 - _exponent(smallest) if smallest else 0
    if largest >= LARGE and smallest:
        return min(2, needed)
    if largest >= 10:
        return 2
    return max(4, needed) if 0 < largest < SMALL else min(MOST_DECIMALS, max(4, needed))


def single_places(value: float) -> int:
    """Decimals of a single run: three digits, as its spread is not known; at least three below 10."""
    if value == 0:
        return 3
    needed = 2 - _exponent(value)
    if abs(value) >= LARGE or abs(value) < SMALL:
        return needed
    return min(MOST_DECIMALS, max(2 if abs(value) >= 10 else 3, needed))


def number(value: float | None, decimals: int) -> str:
    """``value`` with so many decimals; "-" where there is none, never "nan" and never "-0.0000".

    Very large and very small numbers have a power of ten, "1.23e+07", and the digits that these decimals leave of them.
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    is_small = decimals > MOST_DECIMALS and abs(value) < SMALL
    if value != 0 and (abs(value) >= LARGE or is_small or decimals < 0):
        return _with_power(value, decimals)
    decimals = min(MOST_DECIMALS, max(0, decimals))
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def _with_power(value: float, decimals: int) -> str:
    wanted = _exponent(value) + decimals
    mantissa, _, power = f"{value:.{min(MOST_DECIMALS, max(1, wanted))}e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.') if wanted > MOST_DECIMALS else mantissa}e{power}"


def _exponent(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def mean_text(summary: Summary, decimals: int, plus_minus: str = PLUS_MINUS) -> str:
    """Mean and spread: "0.9890 ± 0.0031"; "0.900 (n=1)" for a single run, "-" for none."""
    if summary.mean is None:
        return NOTHING
    if summary.std is None:
        return f"{number(summary.mean, single_places(summary.mean))} (n=1)"
    return f"{number(summary.mean, decimals)} {plus_minus} {number(summary.std, decimals)}"


def interval_text(interval: Summary | Interval | None, decimals: int) -> str:
    """ "[0.9871, 0.9893]"; "-" where there is no spread."""
    ends = () if interval is None else (interval.low, interval.high)
    if interval is None or not all(end is not None and math.isfinite(end) for end in ends):
        return NOTHING
    return f"[{number(interval.low, decimals)}, {number(interval.high, decimals)}]"


def shown_mean(summary: Summary, decimals: int) -> float | None:
    """The mean as a reader sees it: what decides ties for the best value."""
    if summary.mean is None:
        return None
    return float(number(summary.mean, single_places(summary.mean) if summary.std is None else decimals))


def p_text(p: float | None) -> str:
    """A p-value: "0.023", "< 0.001"; "-" where no test was made."""
    if p is None:
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def exact(value: object) -> str:
    """A value for a CSV file: the shortest text that reads back as the same number; empty for none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(float(value))
    return "" if value is None else str(value)


def count_word(count: int) -> str:
    """3 -> "three", 12 -> "12"."""
    return _COUNT_WORDS[count] if count < len(_COUNT_WORDS) else str(count)


def listed(words: Iterable[str]) -> str:
    """One sentence part of several: "a", "a and b", "a, b and c"."""
    *head, last = list(words) or [NOTHING]
    return f"{', '.join(head)} and {last}" if head else last


SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"


def difference_words(comparison: Comparison, decimals: int) -> str:
    """Difference and interval, "-0.0120 [-0.0150, -0.0090]", as far as there are any; "-" without a pair."""
    text = signed(comparison.difference, decimals)
    if comparison.low is None:
        return text
    return f"{text} [{number(comparison.low, decimals)}, {number(comparison.high, decimals)}]"


def signed(value: float | None, decimals: int) -> str:
    """A number with its sign; "-" for None."""
    text = number(value, decimals)
    return f"+{text}" if value is not None and value > 0 and float(text) else text
