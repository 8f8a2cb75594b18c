"""What a page says of seeds that were trained alone and in their stack."""

from __future__ import annotations

import pandas as pd
import pytest

from seedbed.report.analysis import analyse
from seedbed.report.trained_alone import rounding_of, rounding_text
from seedbed.results import CELL_COLUMNS, Results, TrainedAlone

METRIC = "val/mse"


def results(rounding: list[TrainedAlone]) -> Results:
    rows = [
        ("made_up", variant, seed, "FINISHED", f"{variant}{seed}", "ok", "l", "r", value)
        for variant in ("dots", "nn")
        for seed, value in enumerate((0.80, 0.81, 0.82))
    ]
    cells = pd.DataFrame(rows, columns=[*CELL_COLUMNS, METRIC])
    return Results("made_up", {"report": {"metric": METRIC}}, ("dots", "nn"), cells, pd.DataFrame(), rounding=rounding)


def alone(variant: str, seed: int, difference: float | None, outcomes: tuple[str, str] = ("ok", "ok")) -> TrainedAlone:
    now = {} if difference is None else {METRIC: 0.8 + difference}
    return TrainedAlone(variant, seed, f"{variant}{seed}", {METRIC: 0.8}, now, outcomes, {})


def test_nothing_is_said_where_nothing_was_measured() -> None:
    assert rounding_text(analyse(results([]))) == ""


def test_the_largest_difference_and_its_share_of_the_spread() -> None:
    cells = [
        alone("dots", 0, 0.0),
        alone("nn", 0, 0.009),
        alone("nn", 1, -0.001),
        alone("nn", 2, None, ("ok", "diverged")),
    ]
    text = rounding_text(analyse(results(cells)))
    assert text == (
        "Seeds trained alone instead of in their stack end up to 0.009 away (`seedbed verify made_up --alone`, 4 cells): "
        "rounding, which training amplifies, up to 0.9 of the sample std (of `nn`). Those of `dots` end at the same value. "
        "One of them diverged on one side only."
    )


def test_equal_to_the_bit() -> None:
    text = rounding_text(analyse(results([alone("dots", 0, 0.0)])))
    assert text.startswith("Seeds trained alone instead of in their stack end at the same val/mse (")


def test_each_variant_in_words() -> None:
    analysis = analyse(results([alone("dots", 0, 0.0), alone("nn", 0, 0.009), alone("nn", 1, -0.001)]))
    dots, nn = rounding_of(analysis.results.rounding, METRIC, analysis.summaries)
    assert str(dots) == "dots: no difference in 1 cell"
    assert str(nn) == "nn: rounding: 0.009 at most in 2 cells, typically 0.005, 0.9 of the std over seeds 0.01"
    assert nn.share == pytest.approx(0.9)
