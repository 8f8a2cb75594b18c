"""How well newcomers are predicted by how many of their ratings are known."""

from __future__ import annotations

from dataclasses import replace

from seedbed.report.analysis import Analysis
from seedbed.report.blocks import Block, Figure, Heading, InlineCode, Number, Plain, TableBlock, bold_if
from seedbed.report.evidence import Evidence
from seedbed.report.footnotes import marked
from seedbed.report.formatting import PLUS_MINUS, mean_text, places
from seedbed.report.pictures.cold_start import cold_start_figure
from seedbed.report.pictures.picture import Picture


def metrics_by_profile(analysis: Analysis) -> dict[int, str]:
    """The RMSE's name for each number of known ratings, on the report's side; {} without several."""
    known = (analysis.results.config.get("task") or {}).get("known") or []
    side = analysis.metric.split("/", maxsplit=1)[0]
    names = {int(count): f"{side}/rmse_at_{count}" for count in known}
    there = {count: name for count, name in names.items() if name in analysis.results.metrics}
    return there if len(there) > 1 else {}


def section(evidence: Evidence) -> list[Block]:
    """A column a number of known ratings; [] where no such numbers were compared."""
    analysis = evidence.analysis
    metrics = metrics_by_profile(analysis)
    if not metrics:
        return []
    of_counts = {count: replace(analysis, metric=metric) for count, metric in metrics.items()}
    side = str((analysis.results.config.get("task") or {}).get("side"))
    caption = f"RMSE by how many ratings of a new {side} are known"
    picture = Picture("known", caption, lambda: cold_start_figure(of_counts, side))
    return [Heading("By known ratings"), Figure(picture), _table(of_counts, side, caption)]


def _table(of_counts: dict[int, Analysis], side: str, caption: str) -> TableBlock:
    results = next(iter(of_counts.values())).results
    names = marked(results)
    decimals = places(summary for each in of_counts.values() for summary in each.summaries.values())
    best = {count: each.best() for count, each in of_counts.items()}
    rows = [
        [
            Plain(names[variant]),
            *(
                bold_if(variant in best[count], Number(mean_text(each.summaries[variant], decimals)))
                for count, each in of_counts.items()
            ),
        ]
        for variant in results.variants
    ]
    return TableBlock(
        ["variant", *map(str, of_counts)], rows, caption=caption, about=_about(of_counts, side), name="known_ratings"
    )


def _about(of_counts: dict[int, Analysis], side: str) -> tuple[str | InlineCode, ...]:
    first = next(iter(of_counts.values()))
    return (
        f"RMSE of the ratings of {side}s that were not trained on, mean {PLUS_MINUS} sample std over the seeds, by how many "
        "ratings of each are known. The same ratings are predicted for every number. The best of a column is bold. ",
        InlineCode(f"seedbed report {first.results.experiment} --metric {first.metric}"),
        " tests these values for one number.",
    )
