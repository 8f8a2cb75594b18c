"""Whether ranks and verdicts hang on single data sets: without each of them, and without the easiest and hardest third."""

from __future__ import annotations

from collections.abc import Sequence

from seedbed.data_set_statistics import Standing, Thirds, leave_one_out, without_thirds
from seedbed.report.benchmark.analysis import BenchmarkAnalysis
from seedbed.report.benchmark.evidence import BenchmarkEvidence
from seedbed.report.benchmark.words import MOST_NAMED, code, counted, named
from seedbed.report.blocks import Block, Bullets, Heading, Number, Plain, TableBlock, Words
from seedbed.report.formatting import count_word, listed, number

LEAST = 3
"""Fewer data sets leave too little behind for a ranking without one of them to say anything."""


def section(evidence: BenchmarkEvidence) -> list[Block]:
    """The ranks without some of the data sets, and which verdicts change; [] of few data sets, or without a direction."""
    analysis = evidence.analysis
    if not analysis.declared.is_ranked or len(analysis.of_each) < LEAST or not analysis.pairs:
        return []
    thirds = _thirds(analysis)
    sentences = [
        *_best(analysis),
        *_best_without_thirds(analysis, thirds),
        *_verdicts(analysis),
        *_verdicts_without_thirds(analysis, thirds),
    ]
    if not sentences:
        return []
    return [Heading("How steady the ranking is"), Bullets(sentences), *_table(analysis, thirds)]


def _standings(analysis: BenchmarkAnalysis) -> Sequence[Standing]:
    if len(analysis.common) < LEAST or len(analysis.ranked) < 2:
        return ()
    return leave_one_out(analysis.block, lower_is_better=analysis.declared.lower_is_better)


def _thirds(analysis: BenchmarkAnalysis) -> Thirds | None:
    """None where the values of two data sets can't be compared: only a metric with two ends has hard and easy ones."""
    if len(analysis.common) < LEAST or len(analysis.ranked) < 2 or None in analysis.declared.bounds:
        return None
    return without_thirds(analysis.block, lower_is_better=analysis.declared.lower_is_better)


def _first(analysis: BenchmarkAnalysis, ranks: Sequence[float]) -> list[str]:
    """The variants with the best of these average ranks."""
    rounded = [round(rank, 9) for rank in ranks]
    return [name for name, rank in zip(analysis.ranked, rounded, strict=True) if rank == min(rounded)]


def _best(analysis: BenchmarkAnalysis) -> list[str]:
    """Whether the best average rank stays where it is without any one data set."""
    standings = _standings(analysis)
    if not standings:
        return []
    best = _first(analysis, analysis.ranking.ranks)
    others = {
        analysis.common[standing.left_out[0]]: first
        for standing in standings
        if (first := _first(analysis, standing.ranks)) != best
    }
    if not others:
        return [
            f"Whichever of the {counted(len(standings))} is left out, the best average rank stays with {named(best)}."
        ]
    groups: dict[str, list[str]] = {}
    for data_set, first in others.items():
        groups.setdefault(named(first), []).append(data_set)
    told = "; ".join(f"without {_one_of(data_sets)} it is that of {first}" for first, data_sets in groups.items())
    kept = len(standings) - len(others)
    if not kept:
        return [f"Whichever data set is left out, the best average rank does not stay with {named(best)}: {told}."]
    return [
        f"The best average rank stays with {named(best)} whichever of {count_word(kept)} of the {counted(len(standings))} is left "
        f"out; {told}."
    ]


def _one_of(data_sets: Sequence[str]) -> str:
    """ "`a`", or "`a` or `b`"."""
    if len(data_sets) == 1:
        return code(data_sets[0])
    return f"any single one of {named(data_sets)}"


def _best_without_thirds(analysis: BenchmarkAnalysis, thirds: Thirds | None) -> list[str]:
    if thirds is None:
        return []
    told = []
    best = _first(analysis, analysis.ranking.ranks)
    for which, standing in (("easiest", thirds.without_easiest), ("hardest", thirds.without_hardest)):
        first = _first(analysis, standing.ranks)
        same = "stays with" if first == best else "is that of"
        told.append(f"without the {which} third ({named(_names(analysis, standing))}) it {same} {named(first)}")
    return [f"The best average rank: {'; '.join(told)}. Easy data sets are those with a good median over the variants."]


def _names(analysis: BenchmarkAnalysis, standing: Standing) -> list[str]:
    return [analysis.common[place] for place in standing.left_out]


# ---- verdicts --------------------------------------------------------------------------------------------------------


def _verdicts(analysis: BenchmarkAnalysis) -> list[str]:
    """Which verdicts over data sets change without one of them."""
    data_sets = list(analysis.of_each)
    now = [row.verdict for row in analysis.family]
    changed: dict[tuple[int, str], list[str]] = {}
    for data_set in data_sets:
        for place, row in enumerate(analysis.family_without((data_set,))):
            if row.verdict != now[place]:
                changed.setdefault((place, row.verdict), []).append(data_set)
    if not analysis.tested:
        return []
    if not changed:
        return [f"No verdict changes whichever of the {counted(len(data_sets))} is left out."]
    told = [_changed(analysis, place, verdict, names) for (place, verdict), names in changed.items()]
    shown = told[:MOST_NAMED]
    more = f"; and {count_word(len(told) - len(shown))} more changes" if len(told) > len(shown) else ""
    count = len({place for place, _ in changed})
    others = len(now) - count
    rest = (
        f" The {'other verdict stays' if others == 1 else f'other {count_word(others)} verdicts stay'} whichever of them is left out."
        if others
        else ""
    )
    return [f"Verdicts that hang on single data sets: {'; '.join(shown)}{more}.{rest}"]


def _changed(analysis: BenchmarkAnalysis, place: int, verdict: str, data_sets: Sequence[str]) -> str:
    row = analysis.family[place]
    return f"{code(row.variant)} against {code(row.other)} is '{verdict}' without {_one_of(data_sets)} (with all: '{row.verdict}')"


def _verdicts_without_thirds(analysis: BenchmarkAnalysis, thirds: Thirds | None) -> list[str]:
    if thirds is None or not analysis.tested:
        return []
    told = []
    for which, standing in (("easiest", thirds.without_easiest), ("hardest", thirds.without_hardest)):
        family = analysis.family_without(tuple(_names(analysis, standing)))
        changed = [
            f"{code(row.variant)} against {code(row.other)} is '{row.verdict}'"
            for row, whole in zip(family, analysis.family, strict=True)
            if row.verdict != whole.verdict
        ]
        shown = listed(changed[:MOST_NAMED]) + (
            f" and {count_word(len(changed) - MOST_NAMED)} more" if len(changed) > MOST_NAMED else ""
        )
        told.append(f"without the {which} third {shown if changed else 'no verdict changes'}")
    fewer = " With fewer data sets, less can be told apart." if any("is '" in text for text in told) else ""
    return [f"W{'; '.join(told)[1:]}.{fewer}"]


# ---- the ranks in numbers --------------------------------------------------------------------------------------------


def _table(analysis: BenchmarkAnalysis, thirds: Thirds | None) -> list[Block]:
    standings = _standings(analysis)
    if not standings:
        return []
    header: list[Words] = ["variant", "average rank", "without one data set"]
    header += ["without the easiest third", "without the hardest third"] if thirds else []
    rows: list[list[Words]] = []
    for place, variant in enumerate(analysis.ranked):
        without = [standing.ranks[place] for standing in standings]
        texts = [number(analysis.ranking.ranks[place], 2), f"{number(min(without), 2)} to {number(max(without), 2)}"]
        if thirds:
            texts += [number(standing.ranks[place], 2) for standing in thirds]
        rows.append([Plain(variant), *map(Number, texts)])
    return [
        TableBlock(
            header,
            rows,
            caption="Average ranks without some of the data sets",
            about=f"Average ranks on {counted(len(analysis.common))}, and without some of them; of those without one, the lowest and the highest.",
            name="steadiness",
        )
    ]
