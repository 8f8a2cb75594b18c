"""The metrics that a config names, and those that its task measures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hydra.utils import get_class
from omegaconf import OmegaConf

from seedbed.checks import is_number, require, shown
from seedbed.config.building import build
from seedbed.config.keys import is_task
from seedbed.config.lightning_modules import why_no_task
from seedbed.config.signatures import hydra_says_nothing, look_up
from seedbed.data.splits import Split
from seedbed.errors import ConfigError, near_misses
from seedbed.metrics import Declared, Metric, by_name, wanted_of_own
from seedbed.paths import resources


def metrics_of(task: Mapping[str, Any]) -> Declared:
    """What is declared of the task's metrics, by name, the user's own among them."""
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
    declared = kind.declared_metrics({**task, "own_metrics": None})  # type: ignore[attr-defined]
    if undeclared := [metric for metric in declared if not isinstance(metric, Metric)]:
        raise ConfigError(
            f"task._target_={target}: its METRICS hold {undeclared[0]!r}, which does not say which values are good. Give "
            f"seedbed.metrics.Metric({undeclared[0]!r}, good='higher'), or good='lower', a number or None."
        )
    own = task.get("own_metrics") or {}
    replaced = {name for name in own if name in kind.LATER_METRICS}  # type: ignore[attr-defined]
    built_in = [metric.name for metric in declared if metric.name not in replaced]
    require(not own or kind.TAKES_OWN_METRICS, "task.own_metrics", list(own),  # type: ignore[attr-defined]
            f"left out: {kind.__name__} computes none but its own metrics, and Classification and Regression take those of a user")  # fmt: skip
    for name, entry in own.items():
        place = f"task.own_metrics.{name}"
        require(name not in built_in, place, entry, "a different name: the task has a metric of that name")
        wanted = wanted_of_own(name, [other for other in (*built_in, *own) if other != name])
        require(not wanted, place, entry, wanted)
        shape = isinstance(entry, dict) and isinstance(entry.get("function"), dict)
        known = shape and set(entry) <= {"function", "good", "lower_is_better", "bounds"}
        require(
            known,
            place,
            entry,
            "{function: {_target_: ..., _partial_: true}}, with good and bounds as options",
        )
        good, better, bounds = entry.get("good"), entry.get("lower_is_better", False), entry.get("bounds")
        require(good in (None, "lower", "higher", "none") or is_number(good), f"{place}.good", good, "lower, higher, none, or the number that values are to be near")  # fmt: skip
        require(isinstance(better, bool), f"{place}.lower_is_better", better, "true or false")
        require(
            not {"good", "lower_is_better"} <= set(entry),
            place,
            entry,
            "given good or the older lower_is_better, not both",
        )
        ends = isinstance(bounds, list) and len(bounds) == 2 and all(end is None or is_number(end) for end in bounds)
        require(
            bounds is None or ends, f"{place}.bounds", bounds, "two numbers, each of them null where there is no end"
        )
    return by_name(kind.declared_metrics(task))  # type: ignore[attr-defined]


def check_watched(config: Mapping[str, Any], metrics: Declared) -> None:
    """Check that the values of ``monitor`` are ranked if it chooses epochs; raises ``ConfigError``."""
    monitor, name = config["monitor"], str(config["monitor"]).rpartition("/")[2]
    chosen = [f"{key}={config[key]}" for key, idle in (("select", "last"), ("patience", None)) if config[key] != idle]
    if chosen and not metrics[name].is_ranked:
        own = f", or say which of its values are good: task.own_metrics.{name}.good" if name in (config["task"].get("own_metrics") or {}) else ""  # fmt: skip
        raise ConfigError(
            f"monitor={monitor}: {' and '.join(chosen)} by it, and none of its values is declared better than another. Watch another "
            f"metric, such as monitor=val/loss{own}."
        )


def test_part(split: Mapping[str, Any]) -> tuple[str, bool | None]:
    """What says whether a split sets test rows apart, for a message, and whether it does; None where only its rows say it."""
    built = build(split, "split")
    if not isinstance(built, Split):
        raise ConfigError(
            f"split._target_={split.get('_target_')} gives no split, but {type(built).__name__}. Derive the class from "
            "seedbed.data.splits.Split, which documents what is asked of it."
        )
    key, tested = built.TESTED_BY, built.has_test_rows
    if key in split:
        return f"split.{key}={split[key]}", tested
    return f"{type(built).__name__}{'' if tested else ' sets none apart'}", tested


def check_metric(metric: str, known: Collection[str], task: str, split: str, tested: bool | None) -> None:
    """``report.metric`` is one of the final values, which are of test rows where there are some, else of validation rows.

    ``task`` is the class of one variant's task, which has the metrics ``known``; another variant's may have others.
    """
    if tested is None:
        _require_measured(metric, [f"{side}/{each}" for side in ("test", "val") for each in known], task)
        return
    side, name = ("test" if tested else "val"), metric.rpartition("/")[2]
    if name in known and metric == f"{'val' if tested else 'test'}/{name}":
        why = f"with {split}, final values are those of test rows" if tested else f"there are no test rows ({split})"
        raise ConfigError(f"report.metric={metric}: {why}. Write report.metric={side}/{name}, or change the split.")
    _require_measured(metric, [f"{side}/{each}" for each in known], task)


def _require_measured(metric: str, known: Sequence[str], task: str) -> None:
    if metric not in known:
        others = _tasks_that_measure(metric.rpartition("/")[2])
        if others and metric.rpartition("/")[2] not in {each.rpartition("/")[2] for each in known}:
            raise ConfigError(
                f"report.metric={metric}: it is a metric of task={', '.join(others)}, and {task} measures others: "
                f"{', '.join(each for each in known if each.startswith(known[0].partition('/')[0]))}."
            )
        raise ConfigError(f"report.metric={metric}: {task} measures nothing of that name, {near_misses(metric, known)}")


def _tasks_that_measure(name: str) -> list[str]:
    """seedbed's tasks that have a metric of this name under their usual settings."""
    paths = sorted((resources() / "conf" / "task").glob("*.yaml"))
    kinds = {path.stem: look_up(OmegaConf.select(OmegaConf.load(path), "_target_")) for path in paths}
    return [task for task, kind in kinds.items() if name in {each.name for each in getattr(kind, "METRICS", ())}]


def require_known(key: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(f"{key}={shown(value)}: there is no such name, {near_misses(str(value), known)}")
