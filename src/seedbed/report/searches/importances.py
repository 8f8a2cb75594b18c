"""How important the searched settings are, by fANOVA."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

from seedbed.report.formatting import count_word
from seedbed.report.searches.trials import complete_trials
from seedbed.results import Search, Trial

LEAST_TRIALS = 4
"""Fewer complete trials say nothing about the importance of parameters."""

Importances: TypeAlias = dict[str, dict[str, float]]
"""Each parameter's share of the variance, by metric."""


def parameter_importances(search: Search) -> Importances | str:
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


def _fanova(search: Search, trials: Sequence[Trial]) -> Importances | str:
    """fANOVA importances of a study rebuilt in memory, or why there are none."""
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
        shares: Importances = {}
        for place, metric in enumerate(search.metrics):
            evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
            shares[metric] = evaluator.evaluate(study, target=partial(_value_at, place))
    return shares


def _value_at(place: int, trial: Any) -> float:
    return float(trial.values[place])


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Silences Optuna's line on every study that it makes."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
