"""Footnotes on variants whose numbers came about differently, so that no table puts them side by side without a word."""

from __future__ import annotations

from seedbed.results import Results

MARKS = "¹²³⁴⁵⁶⁷⁸⁹"


def footnotes(results: Results) -> tuple[dict[str, str], list[str]]:
    """The mark of each variant that has one, and the notes in the order of their marks.

    Variants that agree in all circumstances (data, recipe version, selection) with most others have none.
    """
    of_all = {variant: results.circumstances.get(variant, {}) for variant in results.variants}
    usual = {
        what: max(values, key=values.count)
        for what in dict.fromkeys(what for of_one in of_all.values() for what in of_one)
        for values in [[of_one[what] for of_one in of_all.values() if what in of_one]]
    }
    marks: dict[str, str] = {}
    notes: list[str] = []
    for variant, of_one in of_all.items():
        unusual = [
            f"{what} {value} (the others: {usual[what]})" for what, value in of_one.items() if value != usual[what]
        ]
        if unusual:
            note = f"{'; '.join(unusual)}."
            if note not in notes:
                notes.append(note)
            marks[variant] = mark(notes.index(note))
    return marks, [f"{mark(place)} {note[0].upper()}{note[1:]}" for place, note in enumerate(notes)]


def mark(place: int) -> str:
    """¹ for the first."""
    return MARKS[place] if place < len(MARKS) else f"({place + 1})"
