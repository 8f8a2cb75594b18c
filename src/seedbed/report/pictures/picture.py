"""A picture of a report, and its files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seedbed.figures import Kind

KINDS: tuple[Kind, ...] = ("png", "svg")


@dataclass(frozen=True)
class Picture:
    """One figure, and what it is called."""

    name: str
    """The name of its files, without their endings."""
    caption: str
    """What it shows, for those who cannot see it and for a paper."""
    figure: Callable[[], Figure]


def file_name(metric: str) -> str:
    """ "test/f1 (%)" -> "f1_": the name of the metric's picture."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", metric.rsplit("/", 1)[-1])


def files_of(drawn: Iterable[Picture], kinds: Iterable[Kind] = KINDS, *, quick: bool = False) -> dict[str, bytes]:
    """Each picture in each kind, by the name of its file; ``quick`` as in ``figures.rendered``."""
    from seedbed.figures import rendered  # Matplotlib is imported where something is drawn

    kinds = tuple(kinds)
    return {
        f"{picture.name}.{kind}": rendered(picture.figure, kind, quick=quick) for picture in drawn for kind in kinds
    }
