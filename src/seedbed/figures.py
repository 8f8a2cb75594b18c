"""The style of all figures, and how one becomes the bytes of a file."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
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


def rendered(figure_of: Callable[[], Figure], kind: Kind, *, quick: bool = False) -> bytes:
    """What ``figure_of`` draws, in the style of all figures; the same figure gives the same bytes.

    ``quick``: a PNG in less time, for a screen: of fewer pixels, and less compressed.
    """
    with style.context(["default", _STYLE], after_reset=True):
        figure = figure_of()
        stream = io.BytesIO()
        if kind == "png":
            canvas = FigureCanvasAgg(figure)
            figure.dpi = 110 if quick else 160
            _lay_out(figure)
            compression = {"compress_level": 1} if quick else {}
            canvas.print_png(stream, metadata={"Software": None}, pil_kwargs=compression)  # type: ignore[no-untyped-call]
        else:
            svg, of_images = FigureCanvasSVG(figure), figure.dpi
            figure.dpi = svg.fixed_dpi
            _lay_out(figure)
            figure.dpi = of_images
            svg.print_svg(stream, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    return stream.getvalue()


def _lay_out(figure: Figure) -> None:
    """Place all of a figure for the dots per inch that it has now.

    ``print_figure`` would place it twice, and draw it twice, of which the first one is thrown away.
    """
    _without_empty_labels(figure)
    if layout := figure.get_layout_engine():
        layout.execute(figure)
        figure.set_layout_engine(None)


def _without_empty_labels(figure: Figure) -> None:
    """Keep Matplotlib from looking for the place of labels without a text, among the ticks of all axes that share theirs."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if not axis.label.get_text():
                axis.label.set_visible(False)
                axis.set_label_coords(0, 0)


LONGEST_NAME = 34


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """A name as it fits beside an axis; the middle of a long one is left out, as names differ at their ends."""
    if len(name) > longest:
        half = longest // 2
        name = f"{name[: half - 1]}…{name[-half:]}"
    return plain(name)


def short_names(names: Sequence[str], longest: int = LONGEST_NAME) -> dict[str, str]:
    """Names as they fit beside an axis, still apart: of long ones, words that all share are left out first.

    Then the middle, as far as all names stay different.
    """
    if max(map(len, names), default=0) <= longest:
        return {name: plain(name) for name in names}
    bare = _without_shared_words(names)
    for length in range(longest, max(longest, *map(len, bare)) + 1):
        shortened = [short(name, length) for name in bare]
        if len(set(shortened)) == len(set(names)):
            return dict(zip(names, shortened, strict=True))
    return {name: plain(name) for name in names}


def _without_shared_words(names: Sequence[str]) -> list[str]:
    """The names with "…" for the words that all have at one place; where they have several lengths, for the first ones."""
    words = [re.split(r"(?<=_)", name) for name in names]
    counts = {len(of) for of in words}
    shared = [len(set(column)) == 1 for column in zip(*words, strict=False)]
    if len(counts) > 1:
        shared = [all(shared[: place + 1]) for place in range(len(shared))]
    kept = [["…" if place < len(shared) and shared[place] else word for place, word in enumerate(of)] for of in words]
    return [re.sub("…+", "…", "".join(of)) for of in kept] if not all(shared) else list(names)


def plain(text: str) -> str:
    """The text without Matplotlib's markup: two dollar signs would start a formula."""
    return text.replace("$", r"\$")
