"""What of an earlier report a new one in its place would not have."""

from __future__ import annotations

from seedbed.report.formatting import listed
from seedbed.report.record import Covered

MOST_NAMED = 5


def what_would_be_lost(there: Covered, new: Covered, *, narrowed: bool) -> str:
    """What of the report that is ``there`` the ``new`` one lacks, as a clause; "" where it may take its place.

    The new one lacks other cells only where its launch was ``narrowed`` to some of the file's.
    """
    if new.overrides and new.overrides != there.overrides:
        return f"this launch is of another recipe ({', '.join(new.overrides)})"
    lost = there.cells - new.cells
    if not narrowed or not lost:
        return ""
    for place, one in ((0, "data set"), (1, "variant")):
        kept = {cell[place] for cell in new.cells}
        if names := sorted({str(cell[place]) for cell in lost} - kept):
            return f"this launch lacks {one}{'s' if len(names) > 1 else ''} {_named(names)}"
    return f"this launch lacks {len(lost)} of its {len(there.cells)} cells"


def _named(names: list[str]) -> str:
    more = [f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return listed([*names[:MOST_NAMED], *more])
