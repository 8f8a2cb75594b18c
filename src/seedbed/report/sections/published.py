"""The numbers and curves that the source published, beside ours."""

from __future__ import annotations

from collections.abc import Sequence

from seedbed.report.blocks import Block, Brief, Figure, Heading, Math, Number, Paragraph, Plain, TableBlock, Words
from seedbed.report.departures import departures
from seedbed.report.evidence import Evidence
from seedbed.report.footnotes import marked
from seedbed.report.formatting import NOTHING, PLUS_MINUS, mean_text, number, places
from seedbed.report.pictures.picture import Picture
from seedbed.report.pictures.published import published_figure
from seedbed.report.published import (
    CURVE_CONFIDENCE,
    WIDEST,
    PublishedCurve,
    PublishedNumber,
    counts_of,
    published_curves,
)
from seedbed.results import Results
from seedbed.statistics import CONFIDENCE


def section(evidence: Evidence) -> list[Block]:
    """The curves as wholes, then every number by itself; [] where the source published none."""
    numbers, results = evidence.numbers, evidence.results
    if not numbers:
        return []
    curves = published_curves(results)
    return [
        Heading("Published numbers"),
        Paragraph(_about_numbers(numbers, results)),
        *map(Figure, pictures(evidence)),
        *([_curves_table(curves, results)] if curves else []),
        _numbers_table(numbers, results, about="Every number by itself:" if curves else ""),
    ]


def pictures(evidence: Evidence) -> list[Picture]:
    """Picture of the published numbers in the prediction intervals of ours; [] if there are no intervals."""
    numbers = evidence.numbers
    if all(number.place is None for number in numbers):
        return []
    caption = "Published numbers in the prediction intervals of ours"
    return [Picture("published", caption, lambda: published_figure(numbers))]


def _about_numbers(numbers: Sequence[PublishedNumber], results: Results) -> str:
    """How numbers are judged, and what became of them."""
    judged = any(row.verdict for row in numbers)
    counts = f"Of the published numbers, {counts_of([row.verdict for row in numbers])}. " if judged else ""
    return (
        f"{counts}The interval is the 95 % prediction interval for one more run of ours, mean {PLUS_MINUS} t(0.975, n−1) s "
        f"√(1 + 1/n){departures(results)}. {PLUS_MINUS} % is half its width over the published value: above "
        f"{100 * WIDEST:g} %, or where it is wider than the metric's range from chance level to the best published value, it "
        "is too wide to tell. z is the published number's distance from our mean in our sample standard deviations s."
    )


def _about_curves(curves: Sequence[PublishedCurve]) -> Words:
    """How curves are judged, and what became of them."""
    counts = counts_of([curve.verdict for curve in curves]).replace("in the interval", "within ours", 1)
    throughout = sum(curve.above == curve.epochs for curve in curves)
    beneath = sum(curve.above == 0 for curve in curves)
    one_sided = f" Above our mean at every epoch: {throughout} of {len(curves)}; nowhere above it: {beneath}."
    return (
        f"A curve is judged as one, since its epochs go together. Of the published curves, {counts}.{one_sided} A curve is "
        f"compatible with ours where its mean over the epochs lies in the {100 * CURVE_CONFIDENCE:g} % prediction interval of "
        "our seeds' means, and its largest ",
        Math("|z|"),
        " over the epochs does not pass the limit below which that of one more curve of "
        f"ours stays in {100 * CURVE_CONFIDENCE:g} % of cases (parametric bootstrap with the correlation of our seeds over "
        f"the epochs, seeded). Together, the two refuse a curve made in the way of ours in {100 * (1 - CONFIDENCE):g} % of "
        "cases at most.",
    )


def _numbers_table(numbers: Sequence[PublishedNumber], results: Results, about: str) -> TableBlock:
    names = marked(results)
    rows = [
        [
            Plain(names[row.variant]),
            Plain(row.metric + ("" if row.epoch is None else f", epoch {row.epoch + 1}")),
            Number(f"{row.value:g}"),
            Number(mean_text(row.ours, places([row.ours]))),
            Brief(f"n={row.ours.n}", str(row.ours.n)),
            Number(number(row.z, 2)),
            Number(_half_width_text(row)),
            _verdict(row.verdict),
        ]
        for row in numbers
    ]
    header: list[Words] = ["variant", "metric", "published", "ours", Math("n"), Math("z"), f"{PLUS_MINUS} %", "verdict"]
    return TableBlock(header, rows, caption="Published numbers beside ours", about=about, name="published")


def _curves_table(curves: Sequence[PublishedCurve], results: Results) -> TableBlock:
    names = marked(results)
    header: list[Words] = ["variant", "metric", "mean of it", "of ours", Math("z"), f"{PLUS_MINUS} %"]
    header += [Brief("largest z", ("largest ", Math("|z|"))), "limit", "above", "verdict"]
    rows = [[Plain(names[curve.variant] + _label(curve)), *_curve_cells(curve)] for curve in curves]
    return TableBlock(
        header, rows, caption="Published curves, each as one", about=_about_curves(curves), name="published_curves"
    )


def _label(curve: PublishedCurve) -> str:
    """What the source calls the curve."""
    return f" ({curve.label})" if curve.label else ""


def _curve_cells(curve: PublishedCurve) -> list[Words]:
    decimals = places([curve.mean.ours])
    at = NOTHING if curve.at_epoch is None else f"{number(curve.largest_z, 2)} (epoch {curve.at_epoch + 1})"
    return [
        Plain(f"{curve.metric}, {curve.epochs} epoch{'' if curve.epochs == 1 else 's'}"),
        Number(number(curve.mean.value, decimals)),
        Number(mean_text(curve.mean.ours, decimals)),
        Number(number(curve.mean.z, 2)),
        Number(_half_width_text(curve.mean)),
        Number(at),
        Number(number(curve.limit, 2)),
        Number(f"{curve.above} of {curve.epochs}"),
        _verdict(curve.verdict),
    ]


def _half_width_text(row: PublishedNumber) -> str:
    """Half the width of the interval in percent of the published value."""
    return NOTHING if row.half_width is None else number(100 * row.half_width, 1)


def _verdict(verdict: str | None) -> Words:
    text = verdict or NOTHING
    return Brief(text, text.removeprefix("interval "))
