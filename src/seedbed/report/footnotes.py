"""Footnotes on variants whose numbers came about differently, so that no table puts them side by side without a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seedbed.report.formatting import SUPERSCRIPTS
from seedbed.results import Results


def footnotes(results: Results) -> tuple[dict[str, str], dict[str, str]]:
    """The mark of each variant that has one, and the note of each mark, in their order.

    Variants that agree in all circumstances (data, recipe version, selection) with most others have none.
    """
    of_all = {variant: results.circumstances.get(variant, {}) for variant in results.variants}
    usual = _usual(list(of_all.values()))
    marks: dict[str, str] = {}
    mark_of: dict[str, str] = {}
    for variant, of_one in of_all.items():
        unusual = [f"{what} {value} (most: {usual[what]})" for what, value in of_one.items() if value != usual[what]]
        if unusual:
            text = "; ".join(unusual)
            marks[variant] = mark_of.setdefault(f"{text[0].upper()}{text[1:]}.", _mark(len(mark_of)))
    return marks, {mark: note for note, mark in mark_of.items()}


def marked(results: Results) -> dict[str, str]:
    """The name of each variant, with its mark where it has one."""
    marks, _ = footnotes(results)
    return {variant: variant + marks.get(variant, "") for variant in results.variants}


def quoted(results: Results) -> dict[str, str]:
    """The name of each variant as a sentence says it: between backticks, its mark behind them."""
    marks, _ = footnotes(results)
    return {variant: f"`{variant}`{marks.get(variant, '')}" for variant in results.variants}


def note_lines(results: Results) -> list[str]:
    """Each note behind its mark."""
    _, notes = footnotes(results)
    return [f"{mark} {note}" for mark, note in notes.items()]


def _usual(of_all: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The value that most have, of each circumstance."""
    names = dict.fromkeys(what for of_one in of_all for what in of_one)
    values = {what: [of_one[what] for of_one in of_all if what in of_one] for what in names}
    return {what: max(of_name, key=of_name.count) for what, of_name in values.items()}


def _mark(place: int) -> str:
    """¹ for the first."""
    return "".join(SUPERSCRIPTS[int(digit)] for digit in str(place + 1))
