"""Sentences and cells about a search and its trials, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from seedbed.report.formatting import PLUS_MINUS, count_word, listed, mean_text, number, places
from seedbed.report.searches.trials import (
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
    reasons,
    tied,
    trials_that_are,
    winners,
)
from seedbed.results import Search, Trial
from seedbed.statistics import Summary

SHOWN = 10
"""Trials in the table of the best."""
LONGEST_FRONT = 20
"""Trials of a Pareto front in its table."""
MOST_REASONS = 8


def about_search(search: Search) -> list[str]:
    """Sentences on what was searched, how, on which rows, and how many trials there were."""
    keys = count_word(len(search.space))
    return [
        f"`{search.study}` searched {keys} setting{'' if len(search.space) == 1 else 's'} of `{search.variant}` with "
        f"{search.sampler}{_pruning(search)}.",
        f"{_objective(search)} Every trial trains {_seeds(search.seeds)}.",
        _rows_of_trials(search),
        f"{trial_counts(search)[0].upper()}{trial_counts(search)[1:]}. Pruned and failed trials cannot win.",
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


def trial_counts(search: Search) -> str:
    """ "30 of 50 trials: 20 complete, 7 pruned and 3 failed; 28 different points"."""
    total, wanted = len(search.trials), search.trials_wanted
    counts = {outcome: len(trials_that_are(search, outcome)) for outcome in (COMPLETE, PRUNED, FAILED, UNFINISHED)}
    said = [f"{count} {outcome}" for outcome, count in counts.items() if count or outcome != UNFINISHED]
    points = distinct_points(search)
    trials = f"{total} trial{'' if total == 1 else 's'}" + (f" of {wanted} wanted" if wanted > total else "")
    repeats = sum(trial.same_as is not None for trial in search.trials)
    taken = f", as {repeats} took the values of an earlier trial of the same point" if repeats else ""
    return f"{trials}: {listed(said)}; {points} different point{'' if points == 1 else 's'}{taken}"


def first_reasons(search: Search, outcome: str) -> list[tuple[int, str]]:
    """The most frequent ones, and the others as one."""
    counted = reasons(search, outcome)
    rest = sum(count for count, _ in counted[MOST_REASONS:])
    return [*counted[:MOST_REASONS], *([(rest, "other reasons")] if rest else [])]


def all_reasons(search: Search) -> list[tuple[str, int, str]]:
    return [(outcome, *reason) for outcome in (FAILED, PRUNED) for reason in first_reasons(search, outcome)]


def shown_trials(search: Search) -> list[Trial]:
    """The best trials; with several objectives, the Pareto front from one end to the other."""
    first = leaders(search)
    if len(search.metrics) == 1:
        return first[:SHOWN]
    best = {trial.number for trial in winners(search)}
    return [trial for trial in first if trial.number in best][:LONGEST_FRONT]


def trials_header(search: Search) -> list[str]:
    """Headings of all columns but those of the settings."""
    bound = [f"{search.metrics[0]}, worse end"] if is_bound(search) else []
    return ["trial", f"{search.metrics[0]} {PLUS_MINUS} std", "n", *bound, *search.metrics[1:], *_costs(search)]


def _costs(search: Search) -> list[str]:
    """The trial's own time has another name where the seconds of training are an objective."""
    return ["whole trial (s)" if "seconds" in search.metrics else "seconds", "epochs"]


def trials_cells(search: Search, trials: Sequence[Trial]) -> list[list[str]]:
    """One list for each trial: what stands below ``trials_header``, without the first."""
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


def what_the_best_are(search: Search) -> str:
    return "best" if len(search.metrics) == 1 else "on the Pareto front"


def about_columns(search: Search) -> str:
    """What the columns of the table are."""
    worse = "; worse end: of the mean's 95 % interval, the objective" if is_bound(search) else ""
    return f"mean {PLUS_MINUS} sample std over n seeds, validation rows{worse}"


def no_winner(search: Search) -> str:
    return "" if winners(search) else "No trial is complete, so there is no best one."


def cut_off(search: Search) -> str:
    """Says that the table does not show all trials, and where all stand; "" where it does."""
    shown, total = len(shown_trials(search)), len(search.trials)
    every = len(leaders(search) if len(search.metrics) == 1 else winners(search))
    what = "complete points" if len(search.metrics) == 1 else "points of the front"
    return f"{shown} of {every} {what} are shown; all {total} trials stand in trials.csv." if shown < every else ""


def tie(search: Search) -> str:
    """Says that others are as good as the best trial; "" where none is."""
    count, every = tied(search), len(leaders(search))
    if count < 2:
        return ""
    what = f"{'worse end of ' if is_bound(search) else ''}{search.metrics[0]}"
    taken = f"the first of them, trial {winners(search)[0].number}, is taken"
    if count == every:
        return f"All {count_word(count)} points have the same {what}, so that the search tells nothing: {taken}."
    return f"{count_word(count).capitalize()} points share the best {what}: {taken}."


def about_trials(search: Search) -> str:
    shown, every = shown_trials(search), leaders(search)
    how = f"{about_columns(search)[0].upper()}{about_columns(search)[1:]}."
    if len(search.metrics) == 1:
        of = f"The {count_word(len(shown))} best of {len(every)} complete points" if len(shown) < len(every) else (
            "All complete points" if len(every) > 1 else "The one complete point"
        )  # fmt: skip
        said = [
            f"{of}, the best bold.",
            tie(search),
            how,
            "Numbers are rounded here. None of these differences was tested.",
        ]
        return " ".join(filter(None, [*said, _all_trials(shown, every)]))
    rest = len(winners(search)) - len(shown)
    left = f" {rest} more are left out here: all trials stand in trials.csv." if rest else ""
    return (
        "The Pareto front: no other trial is at least as good in every objective and ahead in one. There is no single "
        f"winner; which of them to take is a choice between the objectives.{left} {how} None of these differences was tested."
    )


def _all_trials(shown: Sequence[Trial], every: Sequence[Trial]) -> str:
    return "All trials stand in trials.csv." if len(shown) < len(every) else ""


def too_good(search: Search) -> str:
    """Says in one plain sentence that the value of a winner is too good."""
    many = len(complete_trials(search))
    if many < 2:
        return "One complete trial alone: nothing was chosen among others, but only fresh seeds say what it is worth."
    picked = "it was picked" if len(search.metrics) == 1 else "they were picked"
    which = "best of" if len(search.metrics) == 1 else "trials on the front of"
    return (
        f"The values of the {which} {many} complete trials are too good by chance, as {picked} for being good on these very "
        "seeds and validation rows: only fresh seeds say what the settings are worth."
    )
