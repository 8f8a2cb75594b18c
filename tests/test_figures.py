"""The bytes of a picture."""

from __future__ import annotations

import io

from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from seedbed import figures


def panels() -> Figure:
    figure = Figure(figsize=(3, 2), layout="constrained")
    for axes in figure.subplots(1, 2):
        axes.plot([1, 2, 1000], label="a line")
        axes.set(xlabel="epoch", ylabel="a long name of a metric", title="a title")
        axes.legend()
    return figure


def test_a_picture_has_the_layout_that_matplotlib_gives_it() -> None:
    stream = io.BytesIO()
    with style.context(["default", figures._STYLE], after_reset=True):
        FigureCanvasAgg(panels()).print_figure(stream, format="png", dpi=160, metadata={"Software": None})
    assert figures.rendered(panels, "png") == stream.getvalue()
