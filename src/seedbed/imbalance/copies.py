"""Counts of changed copies of rows, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

COPIES, UNCHANGED, EMPTIED = "copies", "unchanged", "emptied"


def said_of_copies(counts: Sequence[Mapping[str, int]]) -> list[str]:
    """What the report says of the changed copies of several seeds; [] where all is as it should be."""
    total = {what: sum(of_seed.get(what, 0) for of_seed in counts) for what in (COPIES, UNCHANGED, EMPTIED)}
    if not total[UNCHANGED]:
        return []
    seeds = sum(COPIES in of_seed for of_seed in counts)
    emptied = f", in {total[EMPTIED]} of them because nothing would have been left" if total[EMPTIED] else ""
    return [
        f"{total[UNCHANGED]} of {total[COPIES]} copies ({seeds} seed{'' if seeds == 1 else 's'}) are unchanged, letter case and "
        f"blanks aside{emptied}."
    ]
