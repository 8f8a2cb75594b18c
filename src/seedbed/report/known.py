"""How well newcomers are predicted by how many of their ratings are known: a section of the page, and its figure."""

from __future__ import annotations

from dataclasses import replace

from seedbed.report.analysis import Analysis
from seedbed.report.footnotes import marked
from seedbed.report.formatting import PLUS_MINUS, markdown, markdown_table, mean_text, places
from seedbed.report.pictures import Picture
from seedbed.report.pictures.known import known_figure

KNOWN = "known"


def metrics_by_known(analysis: Analysis) -> dict[int, str]:
    """The RMSE's name for each number of known ratings, on the report's side; {} without several."""
    known = (analysis.results.config.get("task") or {}).get("known") or []
    side = analysis.metric.split("/", maxsplit=1)[0]
    names = {int(count): f"{side}/rmse_at_{count}" for count in known}
    there = {count: name for count, name in names.items() if name in analysis.results.metrics}
    return there if len(there) > 1 else {}


def known_part(analysis: Analysis) -> tuple[str, list[Picture]]:
    """The section and its picture; nothing where no numbers of known ratings were compared."""
    metrics = metrics_by_known(analysis)
    if not metrics:
        return "", []
    of_counts = {count: replace(analysis, metric=metric) for count, metric in metrics.items()}
    side = str((analysis.results.config.get("task") or {}).get("side"))
    caption = f"RMSE by how many ratings of a new {side} are known"
    picture = Picture(KNOWN, KNOWN, caption, lambda: known_figure(of_counts, side))
    return f"## By known ratings\n\n![{caption}]({KNOWN}.png)\n\n{_about(of_counts, side)}\n\n{_table(of_counts)}", [
        picture
    ]


def _about(of_counts: dict[int, Analysis], side: str) -> str:
    first = next(iter(of_counts.values()))
    commands = f"`seedbed report {first.results.experiment} --metric {first.metric}` tests these values for one number."
    return (
        f"RMSE of the ratings of {side}s that were not trained on, mean {PLUS_MINUS} sample std over the seeds, by how many "
        f"ratings of each are known. The same ratings are predicted for every number. The best of a column is bold. {commands}"
    )


def _table(of_counts: dict[int, Analysis]) -> str:
    results = next(iter(of_counts.values())).results
    names, decimals = marked(results), places(found for of in of_counts.values() for found in of.summaries.values())
    best = {count: of.best() for count, of in of_counts.items()}

    def cell(variant: str, count: int) -> str:
        text = mean_text(of_counts[count].summaries[variant], decimals)
        return f"**{text}**" if variant in best[count] else text

    rows = [[markdown(names[variant]), *(cell(variant, count) for count in of_counts)] for variant in results.variants]
    return markdown_table(["variant", *map(str, of_counts)], rows)
