"""Words that the sentences about several data sets share."""

from __future__ import annotations

from collections.abc import Sequence

from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.pairs import OverDataSets
from seedbed.report.formatting import count_word, listed, number, signed

MOST_NAMED = 6
"""Data sets, or variants, that a sentence names; of more, it gives the number of the others."""


def code(name: str) -> str:
    """A name as it is typed, for a sentence."""
    return f"`{name.replace('`', '')}`"


def named(names: Sequence[str]) -> str:
    """ "`a`, `b` and `c`"; of very many, the first ones "and nine more"."""
    shown = names if len(names) <= MOST_NAMED + 1 else names[:MOST_NAMED]
    more = len(names) - len(shown)
    return listed([*map(code, shown), *([f"{count_word(more)} more"] if more else [])])


def counted(count: int, one: str = "data set") -> str:
    """ "one data set", "12 data sets"."""
    return f"{count_word(count)} {one}{'' if count == 1 else 's'}"


def difference_text(analysis: BenchmarkAnalysis, row: OverDataSets) -> str:
    """Estimate and interval, "+0.0120 [0.0090, 0.0150]", as far as there are any."""
    text, interval = signed(row.test.estimate, analysis.decimals), row.test.interval
    if interval is None:
        return text
    return f"{text} [{number(interval.low, analysis.decimals)}, {number(interval.high, analysis.decimals)}]"


def reason(row: OverDataSets) -> str:
    """Why there is no test of a pair."""
    return row.test.words if row.test.n else "there is no data set on which both have a value"


def said(row: OverDataSets) -> str:
    """The verdict as a table says it."""
    return f"{row.verdict} ({reason(row)})" if row.test.p is None else row.verdict
