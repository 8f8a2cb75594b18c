"""The style of all figures, and how one becomes the bytes of a file."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Literal

from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

Kind = Literal["png", "svg"]

# Blue and vermilion of Okabe and Ito's palette, and greys: apart in greyscale, and for all kinds of colour vision.
BLUE, LIGHT_BLUE, VERMILION = "#0b4f8a", "#9ecae9", "#d55e00"
BLACK, DARK_GREY, GREY, LIGHT_GREY, GRID = "#1a1a1a", "#4a5560", "#9a9a9a", "#d9d9d9", "#e6e6e6"
# For lines of many kinds, each also with a marker of its own: Okabe and Ito's, the yellow darkened to be seen on white.
PALETTE = (BLUE, VERMILION, "#009e73", "#cc79a7", "#56b4e9", "#b8860b", BLACK, GREY)
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "svg.hashsalt": "seedbed",  # the ids inside an SVG are random without it
}


def rendered(figure_of: Callable[[], Figure], kind: Kind) -> bytes:
    """What ``figure_of`` draws, in the style of all figures; the same figure gives the same bytes."""
    with style.context(["default", _STYLE], after_reset=True):
        figure = figure_of()
        stream = io.BytesIO()
        if kind == "png":
            FigureCanvasAgg(figure).print_figure(stream, format="png", dpi=160, metadata={"Software": None})
        else:
            FigureCanvasSVG(figure).print_figure(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


LONGEST_NAME = 34


def short(name: str) -> str:
    """A name as it fits beside an axis; the middle of a long one is left out, as names differ at their ends."""
    if len(name) > LONGEST_NAME:
        half = LONGEST_NAME // 2
        name = f"{name[: half - 1]}…{name[-half:]}"
    return plain(name)


def plain(text: str) -> str:
    """Without Matplotlib's own markup: two dollar signs would start a formula."""
    return text.replace("$", r"\$")
