"""The metrics that a config names, and those that its task measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.utils import get_class

from seedbed.checks import is_number, require, shown
from seedbed.config.keys import is_task
from seedbed.config.lightning_modules import why_no_task
from seedbed.config.signatures import hydra_says_nothing, look_up
from seedbed.errors import ConfigError, near_misses
from seedbed.metrics import wanted_of_own


def metrics_of(task: Mapping[str, Any]) -> list[str]:
    """Names of the task's metrics, the user's own among them."""
    target = task.get("_target_")
    try:
        with hydra_says_nothing():
            kind = get_class(str(target))
    except (ValueError, ImportError, AttributeError) as error:
        raise ConfigError(
            f"task._target_={target}: not a task class of seedbed's kind: {' '.join(str(error).split())}"
        ) from error
    if not is_task(kind):
        raise ConfigError(f"task._target_={target}: {why_no_task(kind)}")
    built_in = list(kind.metric_names(task))  # type: ignore[attr-defined]
    own = task.get("own_metrics") or {}
    for name, entry in own.items():
        place = f"task.own_metrics.{name}"
        require(name not in built_in, place, entry, "called otherwise: the task has a metric of that name")
        wanted = wanted_of_own(name, [other for other in (*built_in, *own) if other != name])
        require(not wanted, place, entry, wanted)
        shape = isinstance(entry, dict) and isinstance(entry.get("function"), dict)
        known = shape and set(entry) <= {"function", "lower_is_better", "bounds"}
        require(
            known,
            place,
            entry,
            "{function: {_target_: ..., _partial_: true}}, with lower_is_better and bounds as options",
        )
        better, bounds = entry.get("lower_is_better", False), entry.get("bounds")
        require(isinstance(better, bool), f"{place}.lower_is_better", better, "true or false")
        ends = isinstance(bounds, list) and len(bounds) == 2 and all(end is None or is_number(end) for end in bounds)
        require(
            bounds is None or ends, f"{place}.bounds", bounds, "two numbers, each of them null where there is no end"
        )
    return [*built_in, *own]


def test_part(split: Mapping[str, Any]) -> tuple[str, bool | None]:
    """What says whether a split sets test rows apart, for a message, and whether it does; None where only its rows say it."""
    target = split.get("_target_")
    kind = look_up(target)
    key = getattr(kind, "TESTED_BY", "test")
    if key in split:
        return f"split.{key}={split[key]}", bool(split[key])
    return f"{str(target).rpartition('.')[2]} sets none apart", False if key is None else None


def check_metric(metric: str, known: Sequence[str], split: str, tested: bool | None) -> None:
    """``report.metric`` is one of the final values, which are of test rows where there are some, else of validation rows."""
    if tested is None:
        require_known("report.metric", metric, [f"{side}/{each}" for side in ("test", "val") for each in known])
        return
    side, name = ("test" if tested else "val"), metric.rpartition("/")[2]
    if name in known and metric == f"{'val' if tested else 'test'}/{name}":
        why = f"with {split}, final values are those of test rows" if tested else f"there are no test rows ({split})"
        raise ConfigError(f"report.metric={metric}: {why}. Write report.metric={side}/{name}, or change the split.")
    require_known("report.metric", metric, [f"{side}/{each}" for each in known])


def require_known(key: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(f"{key}={shown(value)}: there is no such name, {near_misses(str(value), known)}")
