"""What a search found, and what its best settings are worth on fresh seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from seedbed.report.analysis import Analysis
from seedbed.report.blocks import (
    Block,
    Brief,
    Bullets,
    Figure,
    Heading,
    InlineCode,
    Listing,
    Number,
    Paragraph,
    Plain,
    TableBlock,
    Words,
    bold_if,
    pictures_of,
)
from seedbed.report.evidence import Evidence
from seedbed.report.formatting import listed
from seedbed.report.pictures.picture import Picture
from seedbed.report.pictures.search import (
    front_figure,
    history_figure,
    importance_figure,
    parallel_figure,
    slices_figure,
)
from seedbed.report.searches.fresh_seeds import fresh_cells, fresh_header, fresh_sentences, fresh_variants
from seedbed.report.searches.importances import parameter_importances
from seedbed.report.searches.trials import (
    complete_trials,
    number_or_none,
    point_text,
    settings_text,
    short_keys,
    winners,
)
from seedbed.report.searches.words import (
    LONGEST_FRONT,
    about_search,
    about_trials,
    all_reasons,
    no_winner,
    shown_trials,
    trials_cells,
    trials_header,
)
from seedbed.results import Search, Trial


def section(evidence: Evidence) -> list[Block]:
    """The search, its trials, and the test of its best settings; [] where the launch does not test what a search found."""
    search = evidence.results.search
    if search is None:
        return []
    return [
        Heading("Search"),
        *_about(search),
        *_history(search),
        *_fresh_seeds(evidence.analysis, search),
        *_best_trials(search),
        *_settings(search),
        *_repeat(search),
    ]


def search_pictures(search: Search) -> list[Picture]:
    """What there is to draw of a search alone."""
    return pictures_of([*_history(search), *_best_trials(search), *_settings(search)])


# ---- what was searched -----------------------------------------------------------------------------------------------


def _about(search: Search) -> list[Block]:
    space: list[list[Words]] = [[InlineCode(key), Plain(str(values))] for key, values in search.space.items()]
    caption: Words = ("What was searched of ", Plain(search.variant))
    why: list[list[Words]] = [[outcome, str(count), Plain(reason)] for outcome, count, reason in all_reasons(search)]
    reasons = (
        [TableBlock(["trials that", "how many", "why"], why, caption="Trials that cannot win", name="search_failures")]
        if why
        else []
    )
    return [
        Bullets(about_search(search)),
        TableBlock(["setting", "values to be tried"], space, caption, name="search_space"),
        *reasons,
    ]


def _history(search: Search) -> list[Block]:
    if not _valued(search):
        return []
    caption = f"Every trial of the search: {listed(search.metrics)}"
    return [Figure(Picture("search_history", caption, partial(history_figure, search)))]


def _valued(search: Search) -> list[Trial]:
    """The trials that have a mean."""
    return [trial for trial in search.trials if number_or_none(trial.mean) is not None]


def _repeat(search: Search) -> list[Block]:
    return [Heading("Repeat the search", level=3), Listing(search.command)] if search.command else []


# ---- what the best settings are worth --------------------------------------------------------------------------------


def _fresh_seeds(analysis: Analysis, search: Search) -> list[Block]:
    rows = fresh_variants(analysis, search)
    blocks: list[Block] = [Heading("Fresh seeds", level=3), Bullets(fresh_sentences(analysis, search, rows))]
    if not rows:
        return blocks
    cells = [list(map(Plain, row)) for row in fresh_cells(analysis, search, rows)]
    caption = "The best settings of the search on fresh seeds, beside the variant as it stands"
    return [
        *blocks,
        TableBlock(list(map(Plain, fresh_header(analysis, search))), cells, caption, name="search_fresh_seeds"),
    ]


# ---- the best trials -------------------------------------------------------------------------------------------------


def _best_trials(search: Search) -> list[Block]:
    title = "Best trials" if len(search.metrics) == 1 else "Pareto front"
    heading = Heading(title, level=3)
    if none := no_winner(search):
        return [heading, Paragraph(none)]
    in_full = [f"trial {trial.number}: {settings_text(trial.params)}" for trial in winners(search)[:LONGEST_FRONT]]
    return [
        heading,
        Paragraph(about_trials(search)),
        *_front(search),
        _trials_table(search, title),
        Paragraph("In full:"),
        Listing("\n".join(in_full)),
    ]


def _front(search: Search) -> list[Block]:
    if len(search.metrics) == 1 or not complete_trials(search):
        return []
    return [Figure(Picture("search_front", "Pareto front", partial(front_figure, search)))]


def _trials_table(search: Search, title: str) -> TableBlock:
    shown, keys = shown_trials(search), list(search.space)
    best = {trial.number for trial in winners(search)} if len(search.metrics) == 1 else set()
    rows = [
        [bold_if(trial.number in best, cell) for cell in _cells(trial, cells, keys)]
        for trial, cells in zip(shown, trials_cells(search, shown), strict=True)
    ]
    names = short_keys(keys)
    header: list[Words] = [
        *map(Plain, trials_header(search)),
        *(Brief(InlineCode(key), Plain(names[key])) for key in keys),
    ]
    return TableBlock(header, rows, caption=title, name="search_trials")


def _cells(trial: Trial, cells: Sequence[str], keys: Sequence[str]) -> Iterator[Words]:
    yield from map(Number, [str(trial.number), *cells])
    yield from map(Plain, point_text(trial, keys))


# ---- the settings ----------------------------------------------------------------------------------------------------


def _settings(search: Search) -> list[Block]:
    """How important the settings are, and the pictures over them."""
    blocks = [*_importance(search), *map(Figure, _over_settings(search))]
    return [Heading("Settings", level=3), *blocks] if blocks else []


def _importance(search: Search) -> list[Block]:
    importances = parameter_importances(search)
    if isinstance(importances, str):
        return [Paragraph(f"Importance of the settings: left out, as {importances}.")]
    drawn = partial(importance_figure, search, importances)
    return [
        Figure(Picture("search_importance", "Importance of the settings, estimated", drawn)),
        Paragraph(
            "Importance by fANOVA (Hutter, Hoos and Leyton-Brown 2014): the share of the objective's variance over the "
            "space that each setting alone explains in a random forest fitted to the complete trials. It is an estimate "
            "from few trials that were not drawn evenly, and was not tested."
        ),
    ]


def _over_settings(search: Search) -> Iterator[Picture]:
    if len(_valued(search)) > 1:
        caption = f"{search.metrics[0]} over each setting"
        yield Picture("search_settings", caption, partial(slices_figure, search))
    if len(complete_trials(search)) > 1 and len(search.space) > 1:
        yield Picture("search_parallel", "Settings of all trials", partial(parallel_figure, search))
