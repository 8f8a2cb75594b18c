"""What the trials of a search say: which count, which lead, and how their settings are written."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seedbed.report.files import csv_text
from seedbed.report.formatting import NOTHING
from seedbed.results import Search, Trial
from seedbed.statistics import Summary, finite

LONGEST_REASON = 160
COMPLETE, PRUNED, FAILED, UNFINISHED = "complete", "pruned", "failed", "unfinished"
_OUTCOMES = {"COMPLETE": COMPLETE, "PRUNED": PRUNED, "FAIL": FAILED}


def outcome(search: Search, trial: Trial) -> str:
    """How a trial ended; one that is complete has a finite value for each objective, else it has failed."""
    ended = _OUTCOMES.get(trial.state, UNFINISHED)
    whole = len(trial.values) == len(search.metrics) and bool(finite(trial.values).all())
    return FAILED if ended == COMPLETE and not whole else ended


def trials_that_are(search: Search, wanted: str) -> list[Trial]:
    """The trials of one outcome, in their order."""
    return [trial for trial in search.trials if outcome(search, trial) == wanted]


def complete_trials(search: Search) -> list[Trial]:
    """The trials that can win."""
    return trials_that_are(search, COMPLETE)


def winners(search: Search) -> list[Trial]:
    """The best trial; with several objectives, all on the Pareto front. None that was pruned or failed."""
    complete = {trial.number: trial for trial in complete_trials(search)}
    return [complete[number] for number in search.best if number in complete]


def leaders(search: Search) -> list[Trial]:
    """The complete trials, those with the best first objective first; of trials of one point, the earliest."""
    sign = 1 if search.lower_is_better[0] else -1
    # The best trials lead where others tie with them.
    first = {number: place for place, number in enumerate(search.best)}
    alone = [trial for trial in complete_trials(search) if trial.same_as is None or trial.number in first]
    return sorted(alone, key=lambda trial: (sign * trial.values[0], first.get(trial.number, len(first)), trial.number))


def tied(search: Search) -> int:
    """How many points are as good as the best one, it among them; 0 where there is no single objective, or no best."""
    if len(search.metrics) > 1 or not winners(search):
        return 0
    best = winners(search)[0].values[0]
    return sum(trial.values[0] == best for trial in leaders(search))


def distinct_points(search: Search) -> int:
    """How many points of the space were tried."""
    return len({json.dumps(trial.params, sort_keys=True, default=str) for trial in search.trials if trial.params})


def reasons(search: Search, wanted: str) -> list[tuple[int, str]]:
    """Why trials of one outcome ended so, with how many of them, the most frequent first."""
    counts = Counter(_reason(trial) for trial in trials_that_are(search, wanted))
    return [(count, reason) for reason, count in counts.most_common()]


def _reason(trial: Trial) -> str:
    """Why a trial ended so, in one line of at most ``LONGEST_REASON`` letters."""
    said = " ".join(trial.reason.split())
    if not said:
        return "a value that is not finite" if trial.state == "COMPLETE" else "no reason recorded"
    return said if len(said) <= LONGEST_REASON else f"{said[:LONGEST_REASON]} …"


def number_or_none(value: float | None) -> float | None:
    """``value`` where it is a finite number."""
    return None if value is None or not finite(value) else float(value)


def mean_of(trial: Trial) -> Summary:
    """Mean and spread of the first metric over a trial's seeds, as far as they are known."""
    mean = number_or_none(trial.mean)
    std = None if mean is None or trial.n < 2 else number_or_none(trial.std)
    return Summary(trial.n, mean, std, None, None, 0)


def is_bound(search: Search) -> bool:
    """Whether the objective is the worse end of the mean's interval, not the mean itself."""
    return search.objective == "bound"


# ---- as text ---------------------------------------------------------------------------------------------------------


def value_text(value: Any) -> str:
    """A searched value in a table or beside an axis: four digits of a number, others as they are typed."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return _typed(value)


def settings_text(params: Mapping[str, Any]) -> str:
    """All values in full, as overrides that can be typed: "optimizer.lr=0.01 model.dropout=0.2"."""
    return shlex.join(f"{key}={_typed(value)}" for key, value in params.items())


def _typed(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)


def point_text(trial: Trial, keys: Iterable[str]) -> list[str]:
    """The trial's value of each key; "-" where it has none."""
    return [value_text(trial.params[key]) if key in trial.params else NOTHING for key in keys]


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """Each key's last parts, as many as tell it from the others: "optimizer.lr" -> "lr"."""
    parts = {key: key.split(".") for key in keys}
    names = {}
    for key in keys:
        lengths = range(1, len(parts[key]) + 1)
        ends = (".".join(parts[key][-length:]) for length in lengths)
        names[key] = next((end for end in ends if _tells_apart(end, key, keys)), key)
    return names


def _tells_apart(end: str, key: str, keys: Sequence[str]) -> bool:
    return not any(other == end or other.endswith(f".{end}") for other in keys if other != key)


def trials_csv(search: Search) -> str:
    """One row a trial, in their order, with every searched setting and objective in full."""
    keys = list(search.space)
    objectives = [f"objective {metric}" for metric in search.metrics]
    header = ["trial", "outcome", *keys, *objectives, "mean", "std", "n", "seconds", "epochs", "same_as", "reason"]
    rows = []
    for trial in search.trials:
        values: Sequence[float | None] = trial.values or [None] * len(search.metrics)
        rest = [trial.mean, trial.std, trial.n, trial.seconds, trial.epochs, trial.same_as, trial.reason]
        settings = [trial.params.get(key) for key in keys]
        rows.append([trial.number, outcome(search, trial), *settings, *values, *rest])
    return csv_text(header, rows)
