"""What the kept scores of two classes say of each variant, as pictures."""

from __future__ import annotations

from functools import partial

from seedbed.report.blocks import Block, Figure, Heading, Paragraph, Plain, Words
from seedbed.report.evidence import Evidence
from seedbed.report.formatting import listed
from seedbed.report.pictures.picture import Picture
from seedbed.report.pictures.scores import (
    precision_recall_figure,
    reliability_figure,
    roc_figure,
    thresholds_figure,
)
from seedbed.results import Scored


def section(evidence: Evidence) -> list[Block]:
    """The pictures, and how to read them; [] where no scores are kept."""
    scored = evidence.results.scored
    if scored is None:
        return []
    return [Heading("Scores and thresholds"), Paragraph(_about(scored)), *map(Figure, pictures(evidence))]


def pictures(evidence: Evidence) -> list[Picture]:
    """Reliability and F1 over the threshold where scores are probabilities; precision over recall, and ROC."""
    scored = evidence.results.scored
    if scored is None:
        return []
    baselines, of = evidence.analysis.baselines, f"of {scored.positive} on test rows, by variant"
    drawn = [
        Picture("precision_recall", f"Precision over recall {of}", partial(precision_recall_figure, scored, baselines)),
        Picture("roc", f"ROC curve {of}", partial(roc_figure, scored, baselines)),
    ]
    if not any(variant.f1 for variant in scored.variants.values()):
        return drawn
    return [
        Picture("reliability", f"Reliability of the probabilities {of}", partial(reliability_figure, scored)),
        *drawn,
        Picture("f1_by_threshold", f"F1 over the threshold {of}", partial(thresholds_figure, scored, baselines)),
    ]


def _about(scored: Scored) -> Words:
    said: list[Words] = [
        "Of the test rows, for the class ",
        Plain(scored.positive),
        ": lines are means over the seeds, bands the middle 80 % of them. An orange point is the mean of where the predicted labels "
        "lie. In the picture of thresholds there is one for each seed: at the threshold with the highest F1 on its validation "
        "rows, the F1 on its test rows. Reliability is shown in bins of equally many rows.",
    ]
    without = [name for name, variant in scored.variants.items() if variant.f1 is None]
    if without:
        said += [" Without probabilities, and so without reliability and thresholds: ", Plain(listed(without)), "."]
    if scored.from_weights:
        later = [f"{count} of {name}" for name, count in scored.from_weights.items()]
        said += [" Scores of these seeds were computed after training, from their weights: ", Plain(listed(later)), "."]
    if scored.lacking:
        seeds = [f"{count} of {name}" for name, count in scored.lacking.items()]
        said += [
            " Left out are seeds without scores, or without test rows of both classes: ",
            Plain(listed(seeds)),
            ". Scores are kept where they are trained with `tracking.scores=true`, or `auto` and up to 100000 rows.",
        ]
    return tuple(said)
