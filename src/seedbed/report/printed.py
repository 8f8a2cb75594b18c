"""What commands print at their end: the table of a run, and the best trials of a search."""

from __future__ import annotations

from seedbed.config.baselines import Stated
from seedbed.errors import ConfigError
from seedbed.report.analysis import Analysis, Difference, analyse, difference_text
from seedbed.report.answer import summary_sentences
from seedbed.report.blocks import Block, Number, Paragraph, Plain, TableBlock, Words
from seedbed.report.claims import Claim, claims_of_source
from seedbed.report.footnotes import marked, note_lines
from seedbed.report.formatting import mean_text
from seedbed.report.render.terminal import printed
from seedbed.report.searches.fresh_seeds import judged_by_validation
from seedbed.report.searches.trials import FAILED, PRUNED, point_text, settings_text, short_keys, winners
from seedbed.report.searches.words import (
    LONGEST_FRONT,
    about_columns,
    cut_off,
    first_reasons,
    no_winner,
    shown_trials,
    tie,
    too_good,
    trial_counts,
    trials_cells,
    trials_header,
    what_the_best_are,
)
from seedbed.results import Results, Search, Trial


def table_text(results: Results, metric: str | None = None, baseline: Stated = None) -> str:
    """``text_of`` the analysis; raises ConfigError for a metric or baseline that the experiment does not have."""
    return text_of(analyse(results, metric, baseline))


def text_of(analysis: Analysis) -> str:
    """Variant, mean ± sample std, n, difference to the baseline and verdict, then the answer in a sentence."""
    results = analysis.results
    claims, unread = _claims(results)
    sentences = [*note_lines(results), *summary_sentences(analysis, claims), judged_by_validation(analysis), *unread]
    return printed(
        [Paragraph(Plain(results.experiment)), _variants(analysis), *map(Paragraph, filter(None, sentences))]
    )


def _variants(analysis: Analysis) -> TableBlock:
    header: list[Words] = ["variant", Plain(f"{analysis.label()} ± std"), "n"]
    if analysis.baselines.own:
        header.append("baseline")
    if analysis.baselines.names:
        header += [Plain(f"difference{analysis.to_baseline} [95 %]"), "verdict (Holm)"]
    against = {row.variant: row for row in analysis.family} if analysis.baselines.names else {}
    names = marked(analysis.results)
    rows = [
        [
            Plain(names[variant]),
            Number(mean_text(summary, analysis.decimals)),
            Plain(analysis.count(variant)),
            *_against(analysis, variant, against.get(variant)),
        ]
        for variant, summary in analysis.summaries.items()
    ]
    return TableBlock(header, rows)


def _claims(results: Results) -> tuple[list[Claim], list[str]]:
    """The source's claims; where one cannot be read, why: what was trained is shown all the same."""
    try:
        return claims_of_source(results), []
    except ConfigError as error:
        return [], [f"The claims of the source are not checked: {error}"]


def _against(analysis: Analysis, variant: str, row: Difference | None) -> list[Words]:
    """Difference to the baseline and verdict, after the baseline's name where each has its own; that of others has no row."""
    own: list[Words] = [Plain(row.other if row else "")] if analysis.baselines.own else []
    if row is None:
        return [*own, "baseline"] if variant in analysis.baselines.names else []
    return [*own, Number(difference_text(analysis, row)), Plain(analysis.said(row))]


# ---- a search --------------------------------------------------------------------------------------------------------


def search_text(search: Search) -> str:
    """Counts, the best trials, why trials failed, and the values of the best."""
    return printed(
        [
            Paragraph(Plain(f"search of {search.variant} ({search.study}): {trial_counts(search)}")),
            *_best_trials(search),
            *_reasons(search),
            *_in_full(search),
            *map(Paragraph, filter(None, [tie(search), no_winner(search) or too_good(search)])),
        ]
    )


def _best_trials(search: Search) -> list[Block]:
    if not (shown := shown_trials(search)):
        return []
    keys = list(search.space)
    names, best = short_keys(keys), {trial.number for trial in winners(search)}
    rows = [
        list(map(Plain, [_numbered(trial, best), *cells, *point_text(trial, keys)]))
        for trial, cells in zip(shown, trials_cells(search, shown), strict=True)
    ]
    header = [*map(Plain, trials_header(search)), *(Plain(names[key]) for key in keys)]
    notes = [Plain(f"* {what_the_best_are(search)}; {about_columns(search)}."), Plain(cut_off(search))]
    return [TableBlock(header, rows, notes=[note for note in notes if note.text])]


def _numbered(trial: Trial, best: set[int]) -> str:
    """The number of a trial, with a star where it is one of the best."""
    return f"{trial.number}{' *' if trial.number in best else ''}"


def _reasons(search: Search) -> list[Block]:
    return [
        Paragraph(Plain(f"{outcome}: {count} x {reason}"))
        for outcome in (FAILED, PRUNED)
        for count, reason in first_reasons(search, outcome)
    ]


def _in_full(search: Search) -> list[Block]:
    return [
        Paragraph(Plain(f"best, trial {trial.number}: {settings_text(trial.params)}"))
        for trial in winners(search)[:LONGEST_FRONT]
    ]
