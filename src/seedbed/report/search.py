"""What a search found, and what its best settings are worth on fresh seeds: a section of the page, and its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from seedbed.report.analysis import NO_VERDICT, UNTESTED, Analysis, Difference, difference_text
from seedbed.report.formatting import (
    NOTHING,
    PLUS_MINUS,
    count_word,
    interval_text,
    latex,
    listed,
    markdown,
    markdown_table,
    mean_text,
    number,
    places,
    prose,
)
from seedbed.report.latex import TABLE, items, table
from seedbed.report.pictures import Picture
from seedbed.report.pictures.search import (
    front_figure,
    history_figure,
    importance_figure,
    parallel_figure,
    slices_figure,
)
from seedbed.report.table import aligned
from seedbed.report.trials import (
    COMPLETE,
    FAILED,
    PRUNED,
    UNFINISHED,
    complete_trials,
    distinct_points,
    is_bound,
    leaders,
    mean_of,
    number_or_none,
    point_text,
    reasons,
    settings_text,
    short_keys,
    tied,
    trials_that_are,
    winners,
)
from seedbed.results import Results, Search, Trial
from seedbed.statistics import Summary, summary

SEARCH = "search"
SHOWN = 10
"""Trials in the table of the best."""
LONGEST_FRONT = 20
"""Trials of a Pareto front in its table."""
MOST_REASONS = 8
LEAST_TRIALS = 4
"""Fewer complete trials say nothing about the importance of parameters."""


def search_part(analysis: Analysis) -> tuple[str, list[Picture]]:
    """The section and its pictures; nothing where the launch does not test what a search found."""
    search = analysis.results.search
    if search is None:
        return "", []
    drawn, importances = _drawn(search)
    images = {picture.name: f"![{markdown(picture.caption)}]({picture.name}.png)" for picture in drawn}
    parts = ["## Search", _paragraph(about_search(search)), _space_table(search), *_markdown_reasons(search)]
    parts += [images[HISTORY]] if HISTORY in images else []
    parts += _fresh_part(analysis, search)
    parts += _best_part(search, images)
    parts += _parameters_part(search, images, importances)
    parts += [f"### Repeat the search\n\n```\n{search.command}\n```"] if search.command else []
    return "\n\n".join(parts), drawn


def search_pictures(search: Search) -> list[Picture]:
    """What there is to draw of a search alone."""
    return _drawn(search)[0]


def search_text(search: Search) -> str:
    """The end of a search for a terminal: counts, the best trials, why trials failed, and the values of the best."""
    keys, names = list(search.space), short_keys(list(search.space))
    lines = [f"search of {search.variant} ({search.study}): {_counts(search)}"]
    if shown := _table_trials(search):
        best = {trial.number for trial in winners(search)}
        header = [*_header(search), *(names[key] for key in keys)]
        rows = [
            [f"{trial.number}{' *' if trial.number in best else ''}", *cells, *point_text(trial, keys)]
            for trial, cells in zip(shown, _cells(search, shown), strict=True)
        ]
        lines += [aligned([header, *rows]), f"* {_what_the_best_are(search)}; {_columns(search)}."]
        lines += [_cut_off(search)] if _cut_off(search) else []
    lines += [
        f"{outcome}: {count} x {reason}"
        for outcome in (FAILED, PRUNED)
        for count, reason in _first_reasons(search, outcome)
    ]
    lines += [f"best, trial {trial.number}: {settings_text(trial.params)}" for trial in winners(search)[:LONGEST_FRONT]]
    lines += [
        sentence.replace("`", "") for sentence in (_tie(search), _no_winner(search) or _too_good(search)) if sentence
    ]
    return "\n".join(lines)


# ---- what was searched -----------------------------------------------------------------------------------------------


def about_search(search: Search) -> list[str]:
    """Sentences on what was searched, how, on which rows, and how many trials there were."""
    keys = count_word(len(search.space))
    return [
        f"`{search.study}` searched {keys} setting{'' if len(search.space) == 1 else 's'} of `{search.variant}` with "
        f"{search.sampler}{_pruning(search)}.",
        f"{_objective(search)} Every trial trains {_seeds(search.seeds)}.",
        _rows_of_trials(search),
        f"{_counts(search)[0].upper()}{_counts(search)[1:]}. Pruned and failed trials cannot win.",
    ]


def _pruning(search: Search) -> str:
    if search.pruner in ("", "NopPruner"):
        return ", without pruning"
    return f", and stopped trials early by {search.pruner} on {search.metrics[0]}"


def _objective(search: Search) -> str:
    what = listed(
        f"`{metric}` ({'lower' if lower else 'higher'} is better)"
        for metric, lower in zip(search.metrics, search.lower_is_better, strict=True)
    )
    several = len(search.metrics) > 1
    how = "the means over the seeds" if several else "the mean over the seeds"
    if is_bound(search):
        how = (
            f"the worse end of the 95 % interval of {how}, so that a mean that is good by luck of few seeds counts less"
        )
    return f"Objective{'s' if several else ''}: {what}, {how}."


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]} alone"
    ordered = sorted(seeds)
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"the {count_word(len(ordered))} seeds {ordered[0]} to {ordered[-1]}"
    return f"the {count_word(len(ordered))} seeds {listed(map(str, ordered))}"


def _rows_of_trials(search: Search) -> str:
    if search.holdout is None:
        return "Trials are judged on validation rows alone; no trial has seen a test row of its seeds."
    return (
        f"The experiment has no test rows, so {100 * search.holdout:.3g} % of each seed's training rows were held out of "
        "training and validated the trials instead: no trial saw the experiment's own validation rows of its seeds, and "
        "each trained on fewer rows than the experiment does."
    )


def _counts(search: Search) -> str:
    """ "30 of 50 trials: 20 complete, 7 pruned and 3 failed; 28 different points"."""
    total, wanted = len(search.trials), search.trials_wanted
    counts = {outcome: len(trials_that_are(search, outcome)) for outcome in (COMPLETE, PRUNED, FAILED, UNFINISHED)}
    said = [f"{count} {outcome}" for outcome, count in counts.items() if count or outcome != UNFINISHED]
    points = distinct_points(search)
    trials = f"{total} trial{'' if total == 1 else 's'}" + (f" of {wanted} wanted" if wanted > total else "")
    repeats = sum(trial.same_as is not None for trial in search.trials)
    taken = f", as {repeats} took the values of an earlier trial of the same point" if repeats else ""
    return f"{trials}: {listed(said)}; {points} different point{'' if points == 1 else 's'}{taken}"


def _first_reasons(search: Search, outcome: str) -> list[tuple[int, str]]:
    """The most frequent ones, and the others as one."""
    found = reasons(search, outcome)
    rest = sum(count for count, _ in found[MOST_REASONS:])
    return [*found[:MOST_REASONS], *([(rest, "other reasons")] if rest else [])]


def _all_reasons(search: Search) -> list[tuple[str, int, str]]:
    return [(outcome, *found) for outcome in (FAILED, PRUNED) for found in _first_reasons(search, outcome)]


def _space_table(search: Search) -> str:
    return markdown_table(
        ["setting", "values to be tried"], [[_code(key), markdown(values)] for key, values in search.space.items()]
    )


def _markdown_reasons(search: Search) -> list[str]:
    found = _all_reasons(search)
    rows = [[outcome, str(count), markdown(reason)] for outcome, count, reason in found]
    return [markdown_table(["trials that", "how many", "why"], rows)] if rows else []


# ---- the best trials -------------------------------------------------------------------------------------------------


def _table_trials(search: Search) -> list[Trial]:
    """The best trials; with several objectives, the Pareto front from one end to the other."""
    first = leaders(search)
    if len(search.metrics) == 1:
        return first[:SHOWN]
    best = {trial.number for trial in winners(search)}
    return [trial for trial in first if trial.number in best][:LONGEST_FRONT]


def _header(search: Search) -> list[str]:
    """Of all columns but those of the settings."""
    bound = [f"{search.metrics[0]}, worse end"] if is_bound(search) else []
    return ["trial", f"{search.metrics[0]} {PLUS_MINUS} std", "n", *bound, *search.metrics[1:], *_costs(search)]


def _costs(search: Search) -> list[str]:
    """The trial's own time has another name where the seconds of training are an objective."""
    return ["whole trial (s)" if "seconds" in search.metrics else "seconds", "epochs"]


def _cells(search: Search, trials: Sequence[Trial]) -> list[list[str]]:
    """One list for each trial: what stands below ``_header``, without the first."""
    decimals = places(mean_of(trial) for trial in trials)
    others = range(0 if is_bound(search) else 1, len(search.metrics))
    return [
        [
            mean_text(mean_of(trial), decimals),
            str(trial.n),
            *(number(trial.values[place], decimals if place == 0 else _decimals(trials, place)) for place in others),
            number(number_or_none(trial.seconds), 1),
            str(trial.epochs),
        ]
        for trial in trials
    ]


def _decimals(trials: Sequence[Trial], place: int) -> int:
    return places(Summary(1, trial.values[place], None, None, None, 0) for trial in trials)


def _what_the_best_are(search: Search) -> str:
    return "best" if len(search.metrics) == 1 else "on the Pareto front"


def _columns(search: Search) -> str:
    """What the columns of the table are."""
    worse = "; worse end: of the mean's 95 % interval, the objective" if is_bound(search) else ""
    return f"mean {PLUS_MINUS} sample std over n seeds, validation rows{worse}"


def _no_winner(search: Search) -> str:
    return "" if winners(search) else "No trial is complete, so there is no best one."


def _cut_off(search: Search) -> str:
    """That the table is not of all trials, and where all are; "" where it is."""
    shown, total = len(_table_trials(search)), len(search.trials)
    found = len(leaders(search) if len(search.metrics) == 1 else winners(search))
    what = "complete points" if len(search.metrics) == 1 else "points of the front"
    return f"{shown} of {found} {what} are shown; all {total} trials stand in trials.csv." if shown < found else ""


def _tie(search: Search) -> str:
    """That others are as good as the best trial; "" where none is."""
    count, every = tied(search), len(leaders(search))
    if count < 2:
        return ""
    what = f"{'worse end of ' if is_bound(search) else ''}{search.metrics[0]}"
    taken = f"the first of them, trial {winners(search)[0].number}, is taken"
    if count == every:
        return f"All {count_word(count)} points have the same {what}, so that the search tells nothing: {taken}."
    return f"{count_word(count).capitalize()} points share the best {what}: {taken}."


def _about_table(search: Search) -> str:
    shown, found = _table_trials(search), leaders(search)
    how = f"{_columns(search)[0].upper()}{_columns(search)[1:]}."
    if len(search.metrics) == 1:
        of = f"The {count_word(len(shown))} best of {len(found)} complete points" if len(shown) < len(found) else (
            "All complete points" if len(found) > 1 else "The one complete point"
        )  # fmt: skip
        said = [
            f"{of}, the best bold.",
            _tie(search),
            how,
            "Numbers are rounded here. None of these differences was tested.",
        ]
        return " ".join(filter(None, [*said, _all_trials(shown, found)]))
    rest = len(winners(search)) - len(shown)
    left = f" {rest} more are left out here: all trials stand in trials.csv." if rest else ""
    return (
        "The Pareto front: no other trial is at least as good in every objective and ahead in one. There is no single "
        f"winner; which of them to take is a choice between the objectives.{left} {how} None of these differences was tested."
    )


def _all_trials(shown: Sequence[Trial], found: Sequence[Trial]) -> str:
    return "All trials stand in trials.csv." if len(shown) < len(found) else ""


def _best_part(search: Search, images: Mapping[str, str]) -> list[str]:
    title = "### Best trials" if len(search.metrics) == 1 else "### Pareto front"
    if none := _no_winner(search):
        return [title, none]
    shown, keys = _table_trials(search), list(search.space)
    best = {trial.number for trial in winners(search)} if len(search.metrics) == 1 else set()
    rows = []
    for trial, cells in zip(shown, _cells(search, shown), strict=True):
        texts = [str(trial.number), *cells, *map(markdown, point_text(trial, keys))]
        rows.append([f"**{text}**" for text in texts] if trial.number in best else texts)
    header = [*map(markdown, _header(search)), *map(_code, keys)]
    parts = [title, prose(_about_table(search)), *([images[FRONT]] if FRONT in images else [])]
    parts.append(markdown_table(header, rows))
    in_full = "\n".join(
        f"trial {trial.number}: {settings_text(trial.params)}" for trial in winners(search)[:LONGEST_FRONT]
    )
    return [*parts, f"In full:\n\n```\n{in_full}\n```"]


def _parameters_part(search: Search, images: Mapping[str, str], importances: _Importances | str) -> list[str]:
    """The pictures over the parameters, and how important these are."""
    parts = []
    if isinstance(importances, str):
        parts.append(f"Importance of the settings: left out, as {importances}.")
    elif IMPORTANCE in images:
        parts += [images[IMPORTANCE], prose(_ABOUT_IMPORTANCE)]
    parts += [images[name] for name in (SLICES, PARALLEL) if name in images]
    return ["### Settings", *parts] if parts else []


_ABOUT_IMPORTANCE = (
    "Importance by fANOVA (Hutter, Hoos and Leyton-Brown 2014): the share of the objective's variance over the space that "
    "each setting alone explains in a random forest fitted to the complete trials. It is an estimate from few trials that "
    "were not drawn evenly, and was not tested."
)


# ---- what the best settings are worth --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Fresh:
    """A variant of the launch that tests a search's findings."""

    variant: str
    trial: Trial | None
    """Whose settings it has; None for the variant as it stands."""
    validation: Summary
    """The search's first metric on fresh seeds."""
    difference: Difference | None
    """To the variant as it stands; None where the report does not compare the two."""


def tested(analysis: Analysis, search: Search) -> list[_Fresh]:
    """The variant as it stands, then those with the best trials' settings, as far as they are in this launch."""
    best = {trial.number: trial for trial in winners(search)}
    trial_of: dict[str, Trial | None] = {search.variant: None}
    trial_of |= {name: best[of] for name, of in zip(search.tuned, search.best, strict=False) if of in best}
    return [
        _Fresh(
            name,
            trial,
            summary(fresh_values(analysis.results, name, search.metrics[0])),
            None if trial is None else _difference(analysis, name, search.variant),
        )
        for name, trial in trial_of.items()
        if name in analysis.results.variants
    ]


def fresh_values(results: Results, variant: str, metric: str) -> pd.Series[float]:
    """Values by seed of a metric that the search used: the final ones, or those of the curve at the tested epoch."""
    if metric in results.metrics:
        return results.values(variant, metric)
    epochs = _tested_epochs(results, variant, metric)
    curves = results.curves
    there = curves[(curves["variant"] == variant) & (curves["metric"] == metric)]
    sound = set(results.sound_seeds(variant))
    found = {
        seed: value
        for seed, epoch, value in zip(there["seed"], there["epoch"], there["value"], strict=True)
        if seed in sound and epochs.get(seed) == epoch
    }
    return pd.Series(found, dtype=float)


def _tested_epochs(results: Results, variant: str, metric: str) -> dict[int, int]:
    """The epoch whose weights were tested, by seed: the last, or the best by the monitored metric."""
    best = results.config.get("select") == "best"
    name = str(results.config.get("monitor")) if best else metric
    curves = results.curves[(results.curves["variant"] == variant) & (results.curves["metric"] == name)]
    found: dict[int, int] = {}
    for seed, curve in curves.sort_values("epoch").groupby("seed"):
        place = int(np.argmin(results.metric(name).cost(curve["value"]))) if best else len(curve) - 1
        found[int(str(seed))] = int(curve["epoch"].iloc[place])
    return found


def _difference(analysis: Analysis, variant: str, other: str) -> Difference | None:
    """The report's own comparison of the two, the way round that is asked for, with the p-value that Holm's method left."""
    for row in analysis.family:
        if (row.variant, row.other) == (variant, other):
            return row
        if (row.variant, row.other) == (other, variant):
            return analysis.turned(row)
    return None


def fresh_sentences(analysis: Analysis, search: Search, rows: Sequence[_Fresh]) -> list[str]:
    """How good the best looked in the search, what it is worth on fresh seeds, and what these numbers are about."""
    found = [row for row in rows if row.trial is not None]
    if not found:
        return [_no_winner(search) or "This launch has none of the variants with the best trials' settings."]
    return [
        _too_good(search),
        *(_shrinkage(search, row) for row in found),
        *(_against(analysis, search, row) for row in found),
        *_about_rows(analysis, search),
        *_seen_seeds(analysis, search),
    ]


def _too_good(search: Search) -> str:
    """That the value of a winner is too good, in one plain sentence."""
    many = len(complete_trials(search))
    if many < 2:
        return "One complete trial alone: nothing was chosen among others, but only fresh seeds say what it is worth."
    picked = "it was picked" if len(search.metrics) == 1 else "they were picked"
    which = "best of" if len(search.metrics) == 1 else "trials on the front of"
    return (
        f"The values of the {which} {many} complete trials are too good by chance, as {picked} for being good on these very "
        "seeds and validation rows: only fresh seeds say what the settings are worth."
    )


def _shrinkage(search: Search, row: _Fresh) -> str:
    """The same validation metric in the search and on fresh seeds."""
    assert row.trial is not None
    seen, fresh, metric = mean_of(row.trial), row.validation, search.metrics[0]
    decimals = places([seen, fresh])
    in_search = f"Trial {row.trial.number} had `{metric}` {_with_count(seen, decimals)} in the search"
    if seen.mean is None:
        return f"Trial {row.trial.number} has no mean of `{metric}` to compare."
    if fresh.mean is None:
        return (
            f"{in_search}; `{row.variant}`, which has its settings, has no `{metric}` on fresh seeds to set beside it."
        )
    gap = fresh.mean - seen.mean
    size = number(abs(gap), decimals)
    way = "the same" if not float(size) else f"{size} {'higher' if gap > 0 else 'lower'}"
    better = f" ({'lower' if search.lower_is_better[0] else 'higher'} is better)"
    where = " on the experiment's own validation rows" if search.holdout is not None else ""
    return (
        f"{in_search}; `{row.variant}`, which has its settings, has {_with_count(fresh, decimals)} on fresh seeds{where}: "
        f"{way}{better if float(size) else ''}."
    )


def _with_count(found: Summary, decimals: int) -> str:
    text = mean_text(found, decimals)
    return text if text.endswith("(n=1)") or found.mean is None else f"{text} (n={found.n})"


def _against(analysis: Analysis, search: Search, row: _Fresh) -> str:
    """The verdict of the paired test on the report's metric."""
    label = f"`{analysis.label().replace('`', '')}`"
    if search.variant not in analysis.results.variants:
        return f"`{search.variant}` as it stands is not in this launch, so `{row.variant}` stands beside nothing."
    if row.difference is None:
        return f"This report does not compare `{row.variant}` with `{search.variant}`: its baseline is `{analysis.baseline}`."
    comparison = row.difference.comparison
    if row.difference.verdict == UNTESTED:
        return f"On {label}, `{row.variant}` and `{search.variant}` as it stands were not tested: {comparison.words}."
    shown = difference_text(analysis, row.difference)
    pairs = f"{comparison.n} fresh seed{'' if comparison.n == 1 else 's'}"
    if row.difference.told_apart:
        lost = f" ({row.difference.lost} counted as the worst)" if row.difference.test.lost else ""
        return (
            f"On {label} and {pairs}, `{row.variant}` is {row.difference.verdict} than `{search.variant}` as it stands: "
            f"difference {shown}{lost}."
        )
    if row.difference.verdict == NO_VERDICT:
        return (
            f"On {label}, `{row.variant}` against `{search.variant}` as it stands: difference {shown}, "
            f"{analysis.said(row.difference)}. The search has not been shown to help."
        )
    return (
        f"On {label} and {pairs}, `{row.variant}` can't be told apart from `{search.variant}` as it stands: difference "
        f"{shown}. The search has not been shown to help."
    )


def _about_rows(analysis: Analysis, search: Search) -> list[str]:
    """Whether the search saw the rows that this report is about."""
    side = analysis.metric.split("/", maxsplit=1)[0]
    validated = side == "val"
    other_rows = (
        "The two values of it are on different rows and training sets: the search validated on held-out training rows and "
        "trained on the rest, this launch trains on all and validates on the experiment's own validation rows."
    )
    found = [other_rows] if search.holdout is not None else []
    if analysis.design == "resampled":
        does = "validate" if validated else "test"
        return [
            *found,
            f"Every seed draws its own split of one data set, so rows that {does} here have trained or validated under the "
            "search's seeds: these numbers are about fresh splits of the same data set, not about data that the search "
            "never saw.",
        ]
    if validated and search.holdout is None:
        return [
            f"All seeds {analysis.shared}, and the search chose by these same validation rows: these numbers are too good as "
            "well. Ask for a test metric."
        ]
    rows = "validation rows that this report is about" if validated else "test rows"
    said = f"All seeds {analysis.shared}, and the search saw none of the {rows}."
    if search.holdout is None:
        said += f" It chose by the validation rows, so `{search.metrics[0]}` is still too good on fresh seeds."
    return [*found, said]


def _seen_seeds(analysis: Analysis, search: Search) -> list[str]:
    """A warning where seeds are not fresh."""
    both = sorted(set(search.seeds) & {int(seed) for seed in analysis.results.cells["seed"]})
    if not both:
        return []
    which = f"Seed {both[0]} is" if len(both) == 1 else f"Seeds {listed(map(str, both))} are"
    return [f"{which} not fresh: the search used {'it' if len(both) == 1 else 'them'} too."]


def _fresh_header(analysis: Analysis, search: Search) -> list[str]:
    metric, label = search.metrics[0], analysis.label()
    rows = "validation rows" if search.holdout is None else "held-out training rows"
    header = ["variant", "settings", f"in the search: {metric}, {rows}"]
    if analysis.metric != metric:
        header.append(f"fresh seeds: {metric}")
    own = ", the experiment's validation rows" if search.holdout is not None and analysis.metric == metric else ""
    return [*header, f"fresh seeds: {label}{own}", "95 % interval", "n", "difference [95 %]", "verdict (Holm)"]


def _fresh_cells(analysis: Analysis, search: Search, rows: Sequence[_Fresh]) -> list[list[str]]:
    seen = [Summary(0, None, None, None, None, 0) if row.trial is None else mean_of(row.trial) for row in rows]
    decimals = places([*seen, *(row.validation for row in rows)])
    cells = []
    for row, in_search in zip(rows, seen, strict=True):
        found = analysis.summaries[row.variant]
        again = [] if analysis.metric == search.metrics[0] else [_with_count(row.validation, decimals)]
        cells.append(
            [
                row.variant,
                "as it stands" if row.trial is None else f"trial {row.trial.number}",
                _with_count(in_search, decimals),
                *again,
                mean_text(found, analysis.decimals),
                interval_text(found, analysis.decimals),
                analysis.count(row.variant),
                NOTHING if row.difference is None else difference_text(analysis, row.difference),
                _verdict_text(analysis, row),
            ]
        )
    return cells


def _verdict_text(analysis: Analysis, row: _Fresh) -> str:
    if row.trial is None:
        return NOTHING
    return "not compared" if row.difference is None else analysis.said(row.difference)


def _fresh_part(analysis: Analysis, search: Search) -> list[str]:
    rows = tested(analysis, search)
    parts = ["### Fresh seeds", _paragraph(fresh_sentences(analysis, search, rows))]
    if rows:
        cells = [list(map(markdown, row)) for row in _fresh_cells(analysis, search, rows)]
        parts.append(markdown_table(list(map(markdown, _fresh_header(analysis, search))), cells))
    return parts


def _paragraph(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {prose(sentence)}" for sentence in sentences)


def _code(key: str) -> str:
    """A key in a Markdown table: a bar would end the cell."""
    return f"`{key.replace('`', '').replace('|', chr(92) + '|')}`"


# ---- the same in LaTeX -----------------------------------------------------------------------------------------------


def search_latex(analysis: Analysis) -> str:
    """The section of a LaTeX document, without the pictures; nothing where the launch tests no search."""
    search = analysis.results.search
    if search is None:
        return ""
    rows = tested(analysis, search)
    sentences = [*about_search(search), *fresh_sentences(analysis, search, rows)]
    sentences += [
        f"{count} trial{'' if count == 1 else 's'} {outcome}: {reason}."
        for outcome, count, reason in _all_reasons(search)
    ]
    space = [[latex(key), latex(values)] for key, values in search.space.items()]
    parts = [
        r"\subsection*{Search}",
        items(latex(sentence.replace("`", "")) for sentence in sentences),
        table(TABLE, f"What was searched of {latex(search.variant)}.", ["setting", "values to be tried"], space),
    ]
    if rows:
        cells = [_latex_cells(row) for row in _fresh_cells(analysis, search, rows)]
        caption = "The best settings of the search on fresh seeds, beside the variant as it stands."
        parts.append(table(TABLE, caption, _latex_cells(_fresh_header(analysis, search)), cells))
    if winners(search):
        parts.append(_latex_trials(search))
    return "\n\n".join(parts)


def _latex_trials(search: Search) -> str:
    shown, keys = _table_trials(search), list(search.space)
    names = short_keys(keys)
    best = {trial.number for trial in winners(search)} if len(search.metrics) == 1 else set()
    rows = []
    for trial, cells in zip(shown, _cells(search, shown), strict=True):
        texts = _latex_cells([str(trial.number), *cells, *point_text(trial, keys)])
        # \boldmath, as \textbf alone leaves the plus-minus sign thin.
        rows.append([rf"\textbf{{\boldmath {text}}}" for text in texts] if trial.number in best else texts)
    header = _latex_cells([*_header(search), *(names[key] for key in keys)])
    return table(TABLE, latex(_about_table(search)), header, rows)


def _latex_cells(texts: Iterable[str]) -> list[str]:
    return [latex(text) for text in texts]


# ---- the pictures ----------------------------------------------------------------------------------------------------

HISTORY, FRONT, IMPORTANCE = "search_history", "search_front", "search_importance"
SLICES, PARALLEL = "search_settings", "search_parallel"

_Importances = dict[str, dict[str, float]]
"""Each parameter's share of the variance, by metric."""


def _drawn(search: Search) -> tuple[list[Picture], _Importances | str]:
    """The pictures; and the importances, or why there are none."""
    importances = parameter_importances(search)
    complete = complete_trials(search)
    valued = [trial for trial in search.trials if number_or_none(trial.mean) is not None]
    metric = search.metrics[0]
    found: list[tuple[bool, str, str, Callable[[], Figure]]] = [
        (
            bool(valued),
            HISTORY,
            f"Every trial of the search: {listed(search.metrics)}",
            partial(history_figure, search),
        ),
        (len(search.metrics) > 1 and bool(complete), FRONT, "Pareto front", partial(front_figure, search)),
    ]
    if not isinstance(importances, str):
        drawn = partial(importance_figure, search, importances)
        found.append((True, IMPORTANCE, "Importance of the settings, estimated", drawn))
    found += [
        (len(valued) > 1, SLICES, f"{metric} over each setting", partial(slices_figure, search)),
        (
            len(complete) > 1 and len(search.space) > 1,
            PARALLEL,
            "Settings of all trials",
            partial(parallel_figure, search),
        ),
    ]
    return [Picture(SEARCH, name, caption, figure) for there, name, caption, figure in found if there], importances


def parameter_importances(search: Search) -> _Importances | str:
    """Each parameter's share of the variance by metric, by fANOVA with a fixed seed; or why there is none.

    Of trials of one point, the first alone counts.
    """
    trials = [
        trial for trial in complete_trials(search) if trial.same_as is None and set(search.space) <= set(trial.params)
    ]
    if len(search.space) < 2:
        return "a single setting was searched"
    if len(trials) < LEAST_TRIALS:
        return (
            f"that takes {count_word(LEAST_TRIALS)} complete trials at least, and there are {count_word(len(trials))}"
        )
    constant = [
        metric for place, metric in enumerate(search.metrics) if len({trial.values[place] for trial in trials}) < 2
    ]
    if constant:
        return f"all trials have the same {constant[0]}"
    return _fanova(search, trials)


def _fanova(search: Search, trials: Sequence[Trial]) -> _Importances | str:
    """On a study that is made again in memory."""
    import optuna  # noqa: PLC0415 - a report without a search needs no Optuna

    distributions = {key: optuna.distributions.json_to_distribution(search.distributions[key]) for key in search.space}
    with _quiet(optuna):
        study = optuna.create_study(
            directions=["minimize" if lower else "maximize" for lower in search.lower_is_better]
        )
        for trial in trials:
            params: dict[str, Any] = {key: trial.params[key] for key in search.space}
            try:
                made = optuna.trial.create_trial(params=params, distributions=distributions, values=trial.values)
            except ValueError as error:  # such as a point outside of the space, which someone added by hand
                return f"trial {trial.number} does not fit the space ({error})"
            study.add_trial(made)
        found: _Importances = {}
        for place, metric in enumerate(search.metrics):
            evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
            found[metric] = evaluator.evaluate(study, target=partial(_value_at, place))
    return found


def _value_at(place: int, trial: Any) -> float:
    return float(trial.values[place])


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Without Optuna's line on every study that it makes."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
