"""A validation metric after each epoch, ours and the source's."""

from __future__ import annotations

from seedbed.report.blocks import Block, Figure, Heading
from seedbed.report.evidence import Evidence
from seedbed.report.pictures.curves import curve_metric, curves_figure, curves_of_the_source
from seedbed.report.pictures.picture import Picture


def section(evidence: Evidence) -> list[Block]:
    """The picture; [] where no metric was recorded after each epoch."""
    return [Heading("Curves"), *map(Figure, drawn)] if (drawn := pictures(evidence)) else []


def pictures(evidence: Evidence) -> list[Picture]:
    """The curves of all variants."""
    metric = curve_metric(evidence.results, evidence.numbers)
    if metric is None:
        return []
    of_source, imported = curves_of_the_source(evidence.numbers, metric), evidence.results.imported
    caption = f"{metric} after each epoch, ours{' and published' if of_source else ''}"
    if imported is not None:
        caption = f"{metric} by {imported.steps}"
    return [Picture("curves", caption, lambda: curves_figure(evidence.results, metric, of_source))]
