"""Made-up results on several data sets, and what stands in a picture of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import BboxBase

from seedbed.report.benchmark.analysis import BenchmarkAnalysis, analyse_benchmark
from seedbed.results import CURVE_COLUMNS, Benchmark, Results
from tests.declared import DECLARED
from tests.report.conftest import make_cells, make_config

METRIC = "test/f1"
LONG = "gradient_boosting_with_smote_and_threshold"


def made_up(variants: int, data_sets: int, seeds: int = 5, long: bool = False, **report: Any) -> BenchmarkAnalysis:
    """Later variants are better by a little more, and not on all data sets; ``long`` names differ at their ends."""
    names = ["none", *(f"{LONG}_{place}" if long else f"strategy_{place}" for place in range(1, variants))]
    sets = [f"{'abalone-17_vs_7-8-9-10-' if long else 'set'}{place}" for place in range(data_sets)]
    given = {"metric": METRIC, "baseline": "none"} | report
    config = make_config(variants={name: [] for name in names}, report=given, published={})
    draw = np.random.default_rng(7)
    gains = np.linspace(0, 0.05, variants)
    of_each = {}
    for place, name in enumerate(sets):
        means = draw.uniform(0.3, 0.9) + gains * draw.uniform(-0.4, 1.6) + draw.normal(0, 0.01, variants)
        values = means[:, None] + draw.normal(0, 0.02, seeds) + draw.normal(0, 0.008, (variants, seeds))
        of_each[name] = one(name, names, values, config, rows=int(150 * 1.13**place), features=4 + place % 40)
    return analyse_benchmark(Benchmark("made_up", of_each, tuple(names), {}, launch="first"))


def one(
    name: str, variants: Sequence[str], values: Any, config: dict[str, Any], *, rows: int = 150, features: int = 4
) -> Results:
    """What ran on one data set: (variants, seeds) values."""
    rare = max(5, rows // (3 + sum(map(ord, name)) % 37))
    cells = make_cells({key: {METRIC: of_one.tolist()} for key, of_one in zip(variants, np.array(values), strict=True)})
    return Results(
        experiment="made_up",
        config=config,
        variants=tuple(variants),
        cells=cells.assign(fingerprint=name + cells["fingerprint"]),
        curves=pd.DataFrame(columns=list(CURVE_COLUMNS)),
        data={
            "name": name,
            "digest": "0" * 64,
            "classes": ["no", "yes"],
            "counts": {"rows": rows, "rows_no": rows - rare, "rows_yes": rare, "features": features},
            "split": {"train": rows - 2 * (rows // 5), "val": rows // 5, "test": rows // 5},
        },
        launches=[{"id": "first", "started": "2026-01-01 12:00:00", "command": "seedbed run made_up"}],
        declared=DECLARED,
    )


def texts(figure: Figure) -> list[str]:
    """All texts that are drawn in a figure."""
    return [text.get_text() for text in _drawn(figure)]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Texts that stand on each other; with "", those that the figure's edge cuts."""
    # Two pixels less on each side: the boxes have room for letters that do not stand there.
    boxes = [(text.get_text(), text.get_window_extent().padded(-2)) for text in _drawn(figure)]
    outside = [(text, "") for text, box in boxes if not _within(box, figure.bbox)]
    pairs = itertools.combinations(boxes, 2)
    return outside + [(first, second) for (first, one), (second, other) in pairs if one.overlaps(other)]


def _within(box: BboxBase, whole: BboxBase) -> bool:
    return bool(box.x0 >= whole.x0 and box.x1 <= whole.x1 and box.y0 >= whole.y0 and box.y1 <= whole.y1)


def _drawn(figure: Figure) -> list[Text]:
    """The texts that are drawn: not those of ticks beyond the ends of an axis."""
    found: dict[int, Text] = {}
    draw = Text.draw

    def noted(text: Text, renderer: Any, *args: Any) -> None:
        found[id(text)] = text
        draw(text, renderer, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", noted)
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return [text for text in found.values() if text.get_visible() and text.get_text().strip()]
