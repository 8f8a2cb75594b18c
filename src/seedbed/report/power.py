"""How many seeds a difference takes, from the spread that was seen: the answer of ``seedbed power``."""

from __future__ import annotations

from collections.abc import Sequence

from seedbed.report.analysis import LEVEL, Analysis, Difference
from seedbed.report.formatting import NOTHING, count_word, number
from seedbed.report.imported import imported_sentences
from seedbed.report.render.terminal import aligned
from seedbed.statistics import detectable_difference, power, seeds_needed

SEEDS_SHOWN = (5, 10, 20, 50, 100)


def power_text(analysis: Analysis, wanted: float = 0.8) -> str:
    """A row for each comparison: the spread of its differences, and what so many seeds would find.

    With a ``rope``, how many seeds it takes to detect that difference; else which difference 5, 10, ... seeds find.
    """
    rows = [row for row in analysis.family if row.comparison.std is not None]
    if not rows:
        why = "; ".join(dict.fromkeys(row.comparison.words for row in analysis.family)) or "one variant alone"
        how = "Train" if analysis.results.imported is None else "Import"
        return (
            f"{analysis.results.experiment}: the spread of the differences is not known ({why}). {how} two seeds of two "
            "variants at least."
        )
    table = _seeds_for_the_rope(analysis, wanted) if analysis.rope else _differences_by_seeds(analysis, wanted)
    first = [*imported_sentences(analysis.results, analysis.metric), analysis.exploratory, analysis.uncompared]
    said = "".join(f"{sentence}\n".replace("`", "") for sentence in first if sentence)
    return f"{analysis.results.experiment}, {analysis.label()}\n{said}{aligned(table)}\n{_about(analysis, wanted)}"


def _level(analysis: Analysis) -> float:
    """The level that Holm's method asks of the smallest p-value of the family."""
    return LEVEL / _tests(analysis)


def _tests(analysis: Analysis) -> int:
    """The comparisons of the family that can be tested, each recipe once."""
    return len([row for row in analysis.once if row.comparison.std is not None])


def _correction(analysis: Analysis) -> float:
    return analysis.test_to_train if analysis.design == "resampled" else 0.0


def _seeds_for_the_rope(analysis: Analysis, wanted: float) -> list[Sequence[str]]:
    """Table of how many seeds each comparison needs to detect a difference of the size of the rope."""
    assert analysis.rope is not None
    correction, level = _correction(analysis), _level(analysis)
    rows: list[Sequence[str]] = [
        ["difference", "std", "seeds now", f"finds {analysis.rope:g} now in", f"seeds for {analysis.rope:g}"]
    ]
    for row in analysis.family:
        std, n = row.comparison.std, row.comparison.n
        if std is None:
            rows.append([_name(analysis, row), NOTHING, str(n), NOTHING, NOTHING])
            continue
        needed = seeds_needed(analysis.rope, std, correction=correction, level=level, wanted=wanted)
        chance = power(analysis.rope, std, n, correction=correction, level=level)
        out_of_reach = "no number: more data" if correction else "more than 10000"
        shown = out_of_reach if needed is None else str(needed)
        rows.append([_name(analysis, row), analysis.show(std), str(n), f"{100 * chance:.0f} %", shown])
    return rows


def _differences_by_seeds(analysis: Analysis, wanted: float) -> list[Sequence[str]]:
    """Table of the difference that each comparison detects, by number of seeds."""
    correction, level = _correction(analysis), _level(analysis)
    now = max(row.comparison.n for row in analysis.family)
    counts = sorted({*SEEDS_SHOWN, now})
    header = ["difference", "std", *(f"{count} seeds{' (now)' if count == now else ''}" for count in counts)]
    rows: list[Sequence[str]] = [header]
    for row in analysis.family:
        std = row.comparison.std
        detectable = [
            NOTHING
            if std is None
            else number(
                detectable_difference(std, count, correction=correction, level=level, wanted=wanted), analysis.decimals
            )
            for count in counts
        ]
        rows.append([_name(analysis, row), NOTHING if std is None else analysis.show(std), *detectable])
    return rows


def _name(analysis: Analysis, row: Difference) -> str:
    return row.variant if analysis.baseline else f"{row.variant} − {row.other}"


def _about(analysis: Analysis, wanted: float) -> str:
    than = " of a variant to its baseline" if analysis.baselines.own else analysis.to_baseline
    shown = (
        f"How many seeds find a true difference{than} of {analysis.rope:g}"
        if analysis.rope
        else f"The true difference{than} that so many seeds find"
    )
    tests = count_word(_tests(analysis))
    family = f"at {_level(analysis):.2g}, {LEVEL} shared among {tests} comparisons (the first step of Holm's method)"
    text = f"{shown} in {100 * wanted:.0f} of 100 experiments, {family if _tests(analysis) > 1 else f'at {LEVEL}'}."
    text += " std: of the paired differences seen, itself uncertain with few seeds."
    for row in analysis.once:
        if row.test.lost and row.comparison.std is not None:
            text += f"\n{_name(analysis, row)}: on {row.survivors} alone; a verdict counts the others as the worst."
    if analysis.design == "resampled":
        why = "Every seed draws its own split of one data set, so"
        why = (
            why
            if analysis.design_is_known
            else "As the test allows for splits of one data set that every seed redraws,"
        )
        text += f"\n{why} there is a difference that no number of seeds finds: only more data does."
    if not analysis.rope:
        text += "\nHow many seeds does the smallest difference worth having take? --difference D"
    return text
