"""Every seed as a dot, and what else describes them."""

from __future__ import annotations

from seedbed.report.analysis import Analysis
from seedbed.report.beyond_bounds import note_on_intervals
from seedbed.report.blocks import Block, Figure, Heading, Math, Number, Paragraph, Plain, TableBlock, Words
from seedbed.report.evidence import Evidence
from seedbed.report.footnotes import marked
from seedbed.report.formatting import interval_text, number, single_places
from seedbed.report.pictures.picture import Picture
from seedbed.report.pictures.seeds import seeds_figure
from seedbed.report.trained_alone import rounding_text
from seedbed.statistics import (
    LEAST_BOOTSTRAPPED,
    POPULATION,
    RESPLITS,
    Interval,
    Summary,
    bootstrap_interval,
    interquartile_mean,
    median,
)


def section(evidence: Evidence) -> list[Block]:
    """The picture, medians and further intervals, and what rounding makes of a seed where it was measured."""
    analysis = evidence.analysis
    names = marked(analysis.results)
    table = TableBlock(
        _header(analysis),
        [
            [Plain(names[variant]), *_cells(analysis, variant, summary)]
            for variant, summary in analysis.summaries.items()
        ],
        caption=(Plain(analysis.label()), " over the seeds"),
        about=_about(analysis),
        notes=note_on_intervals(_populations(analysis), analysis.declared.bounds),
        name="every_seed",
    )
    rounding = rounding_text(analysis)
    return [
        Heading("Every seed"),
        *map(Figure, pictures(evidence)),
        table,
        *([Paragraph(rounding)] if rounding else []),
    ]


def pictures(evidence: Evidence) -> list[Picture]:
    """A dot a seed."""
    analysis = evidence.analysis
    return [Picture("seeds", f"{analysis.label()} of every seed", lambda: seeds_figure(analysis))]


def _is_resampled(analysis: Analysis) -> bool:
    return analysis.design == "resampled"


def _header(analysis: Analysis) -> list[Words]:
    header: list[Words] = [
        "variant",
        Math("n"),
        "median",
        "interquartile mean",
        "sample std",
        f"95 % BCa, {analysis.runs}",
    ]
    about = analysis.population_name if analysis.design_is_known else "corrected"
    return [*header, *([f"95 %, {about}"] if _is_resampled(analysis) else [])]


def _cells(analysis: Analysis, variant: str, summary: Summary) -> list[Words]:
    values, decimals = analysis.results.values(variant, analysis.metric), analysis.decimals
    single = decimals if summary.n != 1 or summary.mean is None else single_places(summary.mean)
    of_middle = [number(median(values), single), number(interquartile_mean(values), single)]
    intervals = [bootstrap_interval(values), *([analysis.population(variant)] if _is_resampled(analysis) else [])]
    shown = [*of_middle, number(summary.std, decimals), *(interval_text(interval, decimals) for interval in intervals)]
    return [Number(str(summary.n)), *map(Number, shown)]


def _populations(analysis: Analysis) -> dict[str, Interval | None]:
    """The corrected interval of each variant, where the table has them."""
    if not _is_resampled(analysis):
        return {}
    return {variant: analysis.population(variant) for variant in analysis.summaries}


def _about(analysis: Analysis) -> str:
    about = (
        f"Intervals of the mean: by the bootstrap (expanded BCa, seeded; from {LEAST_BOOTSTRAPPED} seeds on), which does "
        f"not take the values for normal, about {analysis.runs}"
    )
    if not _is_resampled(analysis):
        return f"{about}. All seeds {analysis.shared}, so nothing is said about {POPULATION}."
    return (
        f"{about}; and corrected for the overlap of training sets (Nadeau and Bengio 2003), about "
        f"{analysis.population_name}{_about_population(analysis)}."
    )


def _about_population(analysis: Analysis) -> str:
    """Says what an interval about the population holds; of ratings, what it says nothing of."""
    if analysis.population_name == RESPLITS:
        return ": ratings of one user are not independent draws, so nothing is said about other users or items"
    if analysis.population_name != POPULATION:
        return ""
    shares = ", with the same shares of the classes" if analysis.results.data.get("classes") else ""
    return f": where the expected value over other data sets like this one lies{shares}"
