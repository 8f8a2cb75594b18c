"""Footnotes on variants whose numbers came about differently, so that no table puts them side by side without a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seedbed.results import Results

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def footnotes(results: Results) -> tuple[dict[str, str], list[str]]:
    """The mark of each variant that has one, and the notes in the order of their marks.

    Variants that agree in all circumstances (data, recipe version, selection) with most others have none.
    """
    of_all = {variant: results.circumstances.get(variant, {}) for variant in results.variants}
    usual = common_circumstances(list(of_all.values()))
    marks: dict[str, str] = {}
    notes: list[str] = []
    for variant, of_one in of_all.items():
        unusual = [f"{what} {value} (most: {usual[what]})" for what, value in of_one.items() if value != usual[what]]
        if unusual:
            note = f"{'; '.join(unusual)}."
            if note not in notes:
                notes.append(note)
            marks[variant] = mark(notes.index(note))
    return marks, [f"{mark(place)} {note[0].upper()}{note[1:]}" for place, note in enumerate(notes)]


def marked(results: Results) -> dict[str, str]:
    """The name of each variant, with its mark where it has one."""
    marks, _ = footnotes(results)
    return {variant: variant + marks.get(variant, "") for variant in results.variants}


def common_circumstances(of_all: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The value that most have, of each circumstance."""
    names = dict.fromkeys(what for of_one in of_all for what in of_one)
    values = {what: [of_one[what] for of_one in of_all if what in of_one] for what in names}
    return {what: max(of_name, key=of_name.count) for what, of_name in values.items()}


def mark(place: int) -> str:
    """¹ for the first."""
    return str(place + 1).translate(_SUPERSCRIPTS)
