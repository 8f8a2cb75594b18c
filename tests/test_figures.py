"""The bytes of a picture."""

from __future__ import annotations

import io

from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

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


def test_a_quick_picture_has_fewer_pixels_and_no_room_for_labels_without_a_text() -> None:
    def width(labels: str) -> float:
        """Of the first panel."""
        figure = panels()
        figure.axes[0].set_ylabel(labels)
        figures.rendered(lambda: figure, "png", quick=True)
        return figure.axes[0].get_position().width

    whole, quick = (Image.open(io.BytesIO(figures.rendered(panels, "png", quick=quick))) for quick in (False, True))
    assert (whole.size, quick.size) == ((480, 320), (330, 220))
    assert figures.rendered(panels, "png", quick=True) == figures.rendered(panels, "png", quick=True)
    assert width("") > width("a label")
