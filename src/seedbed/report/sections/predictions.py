"""What was predicted of the test rows, beside what is true of them: of a regression whose seeds have recorded it."""

from __future__ import annotations

from functools import partial

from seedbed.report.blocks import Block, Figure, Heading, Paragraph, Plain, Words
from seedbed.report.evidence import Evidence
from seedbed.report.formatting import listed
from seedbed.report.pictures.picture import Picture
from seedbed.report.pictures.predictions import predictions_figure
from seedbed.results import Predicted


def section(evidence: Evidence) -> list[Block]:
    """The picture, and what is in it; [] where nothing is recorded."""
    predicted = evidence.results.predicted
    if predicted is None:
        return []
    return [Heading("Predictions"), Paragraph(_about(predicted)), *map(Figure, pictures(evidence))]


def pictures(evidence: Evidence) -> list[Picture]:
    """Predictions against targets, a panel a variant."""
    predicted = evidence.results.predicted
    if predicted is None:
        return []
    caption = f"Predictions of {predicted.target} against targets, on the test rows of all seeds"
    return [Picture("predictions", caption, partial(predictions_figure, predicted))]


def _about(predicted: Predicted) -> Words:
    said: list[Words] = [
        "Of each test row of each seed, the prediction against the target, ",
        Plain(predicted.target),
        "; the darker a square, the more rows lie in it. Where seeds draw their own splits, a row may be in the test rows of "
        "several.",
    ]
    beyond = {name: counted.beyond for name, counted in predicted.variants.items() if counted.beyond}
    if beyond:
        numbers = [f"{count} of {name}" for name, count in beyond.items()]
        said += [" Predictions beyond the axes are drawn at their edge: ", Plain(listed(numbers)), "."]
    if predicted.lacking:
        seeds = [f"{count} of {name}" for name, count in predicted.lacking.items()]
        said += [
            " Left out are seeds whose predictions are not recorded, or cannot be read: they were trained with "
            "`tracking.scores=false`, with more test rows than `tracking.scores=auto` keeps, or by a version of seedbed that did "
            "not record them: ",
            Plain(listed(seeds)),
            ".",
        ]
    return tuple(said)
