"""What pictures of pairs over data sets have in common: which pairs are drawn, and what stands above each."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from matplotlib.axes import Axes

from seedbed.figures import BLACK, BLUE, DARK_GREY, VERMILION, short_names
from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.pairs import OverDataSets
from seedbed.report.formatting import p_text
from seedbed.report.paired_tests import BETTER, HIGHER, LOWER, WORSE, Difference

MOST_PAIRS = 12
"""Pairs that the pictures of a page have room for."""
LONGEST = 26
"""Characters of a name above a panel."""
_COLOURS = {BETTER: BLUE, HIGHER: BLUE, WORSE: VERMILION, LOWER: VERMILION}
T = TypeVar("T")


def drawn_pairs(analysis: BenchmarkAnalysis) -> list[OverDataSets]:
    """The pairs with a difference; of very many, those told apart over data sets, then those with the smallest p-values."""
    rows = [row for row in analysis.family if row.pair.differences]
    first = sorted(rows, key=lambda row: (not row.told_apart, 2.0 if row.test.p is None else row.test.p))
    kept = {id(row) for row in first[:MOST_PAIRS]}
    return [row for row in rows if id(row) in kept]


def left_out(analysis: BenchmarkAnalysis) -> str:
    """How many pairs ``drawn_pairs`` lacks, as a sentence; "" where it lacks none."""
    whole, drawn = sum(bool(row.pair.differences) for row in analysis.family), len(drawn_pairs(analysis))
    kept = f"the {drawn} that are told apart or have the smallest p"
    return f"{whole - drawn} of {whole} pairs are left out here, all but {kept}." if whole > drawn else ""


def parts(items: Sequence[T], most: int) -> list[Sequence[T]]:
    """The items in as few parts of at most ``most`` as there can be, of about equal length."""
    count = -(-len(items) // max(1, most))
    ends = [round(place * len(items) / count) for place in range(count + 1)]
    return [items[start:end] for start, end in itertools.pairwise(ends)]


def names_of(analysis: BenchmarkAnalysis) -> dict[tuple[str, str], str]:
    """What is compared in a panel, by pair: the variant alone where all have one baseline."""
    short = short_names(analysis.benchmark.variants, LONGEST)
    alone = analysis.baseline is not None
    return {(one, other): short[one] if alone else f"{short[one]}\n− {short[other]}" for one, other in analysis.pairs}


def head(axes: Axes, name: str, said: str, shade: str) -> None:
    """A name above a panel, and a line about it below the name."""
    for text, above, size, of in ((said, 6, 8, shade), (name, 18, 9, BLACK)):
        axes.annotate(
            text, (0, 1), (0, above), xycoords="axes fraction", textcoords="offset points", fontsize=size, color=of
        )  # fmt: skip


def verdict(row: OverDataSets) -> str:
    """The verdict over data sets, with p after Holm."""
    if row.p is None:
        return row.verdict
    p = p_text(row.p)
    said = f"p {p if p.startswith('<') else f'= {p}'}"
    return f"{row.verdict}, {said}" if row.told_apart else said


def colour(row: OverDataSets | Difference | None) -> str:
    """Of what is better, of what is worse, and of what is not told apart."""
    return DARK_GREY if row is None else _COLOURS.get(row.verdict, DARK_GREY)


def dots(axes: Axes, points: Iterable[tuple[float, float, Difference | None]], size: float) -> None:
    """The points of data sets: filled where its own test tells the two apart, a square where runs were lost."""
    alike: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for x, y, own in points:
        shade = colour(own)
        face = shade if own is not None and own.told_apart else "white"
        marker = "s" if own is not None and own.test.lost else "o"
        alike.setdefault((marker, shade, face), []).append((x, y))
    for (marker, shade, face), spots in alike.items():
        across, along = zip(*spots, strict=True)
        axes.plot(across, along, marker, color=shade, markerfacecolor=face, markersize=size, zorder=3)


def direction(analysis: BenchmarkAnalysis) -> str:
    """What is drawn along the axis of differences."""
    better = f" ({analysis.declared.better})" if analysis.declared.is_ranked else ""
    to = f" to {analysis.baseline}" if analysis.baseline else ""
    return f"difference{to} on {analysis.label()}{better}"


def notes_on_points(analysis: BenchmarkAnalysis, rows: Sequence[OverDataSets]) -> list[str]:
    """What the points of data sets say, as sentences."""
    notes = ["Filled: told apart by the data set's own test, after Holm's correction."]
    if any(row.pair.lost_on for row in rows):
        notes.append("Squares: of the seeds that did not diverge or fail alone.")
    if analysis.rope:
        notes.append(f"Grey: differences up to {analysis.rope:g}, too small to matter.")
    return [*notes, *filter(None, [left_out(analysis)])]


def on_one(analysis: BenchmarkAnalysis, row: OverDataSets, data_set: str) -> Difference | None:
    """The ordinary comparison of a pair on a data set; None where there is none."""
    rows: Mapping[tuple[str, str], Difference] = analysis.on_each.get(data_set, {})
    return rows.get((row.variant, row.other))
