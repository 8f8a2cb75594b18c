"""What ``search`` in a config says, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BruteForceSampler

from seedbed.checks import is_from_zero, is_positive, is_whole, require, require_choice
from seedbed.config.building import build
from seedbed.config.experiment import Experiment
from seedbed.config.keys import refuse_unknown_argument
from seedbed.config.metric_checks import metrics_of
from seedbed.errors import ConfigError
from seedbed.metrics import Declared, find
from seedbed.paths import expanded
from seedbed.recorded import SECONDS
from seedbed.search.samplers import SamplerChoice
from seedbed.search.space import MOST_POINTS, Space, read_points
from seedbed.tracking.databases import is_postgresql, is_sqlite, sqlite_address, with_driver, without_password

OBJECTIVES = ("mean", "bound")


@dataclass(frozen=True)
class SearchSettings:
    """The keys of ``search`` in a config, checked against the space that is searched."""

    metrics: tuple[str, ...]
    lower_is_better: tuple[bool, ...]
    objective: str
    holdout: float
    trials: int
    """Trials in all; no more than the space has points where each is tried."""
    first: tuple[dict[str, Any], ...]
    """Points to try before any other."""
    seconds: float | None
    """After which no further trial starts; None: no limit."""
    fresh_seeds: int
    study: str
    storage: str
    sampler: SamplerChoice
    pruner: BasePruner

    @classmethod
    def of(cls, experiment: Experiment, variant: str, space: Space) -> SearchSettings:
        """Those of an experiment, whose ``variant`` is searched; raises ``ConfigError``."""
        config, search = experiment.config, experiment.config["search"]
        metrics = _metrics(search["metrics"], experiment)
        require_choice("search.objective", search["objective"], OBJECTIVES)
        require(search["objective"] == "mean" or len(experiment.seeds) > 1, "search.objective", search["objective"],
                "mean where there is one seed: it has no interval")  # fmt: skip
        holdout = search["holdout"]
        require(is_from_zero(holdout) and 0 < holdout < 1, "search.holdout", holdout, "a share between 0 and 1")
        for key in ("seed", "fresh_seeds"):
            require(
                search[key] == 0 or is_whole(search[key]), f"search.{key}", search[key], "0 or a whole number from 1 on"
            )
        trials = search["trials"]
        few = trials is None or (is_whole(trials) and trials <= MOST_POINTS)
        require(few, "search.trials", trials, f"a whole number from 1 to {MOST_POINTS}, or null")
        seconds = search["seconds"]
        require(seconds is None or is_positive(seconds), "search.seconds", seconds, "a positive number, or null")
        first = read_points(search["first"], space)
        for key in ("sampler", "pruner"):
            refuse_unknown_argument(search[key], f"search.{key}")
        make_sampler = build(search["sampler"], "search.sampler")
        exhaustive = space.size is not None and (trials is None or space.size <= trials)
        sampler = SamplerChoice.of(BruteForceSampler if exhaustive else make_sampler, search["seed"])
        if trials is None and space.size is None and sampler.kind is not BruteForceSampler:
            raise ConfigError(
                "search.trials=null means every point of the space, and this one has infinitely many. Give a number."
            )
        sampler.check(space, len(metrics))
        pruner = build(search["pruner"], "search.pruner")
        require(isinstance(pruner, BasePruner), "search.pruner", search["pruner"], "one of optuna.pruners")
        if len(metrics) > 1 and not isinstance(pruner, NopPruner):
            raise ConfigError(
                f"search.metrics={list(metrics)}: a trial is pruned by one objective. Use search/pruner=none, or one metric."
            )
        if SECONDS in metrics and not isinstance(pruner, NopPruner):
            raise ConfigError(
                "search.metrics=seconds is known at the end only, so nothing can be pruned by it. Use search/pruner=none."
            )
        declared = metrics_of(config["task"])
        return cls(
            metrics=metrics,
            lower_is_better=tuple(_is_minimised(metric, declared) for metric in metrics),
            objective=search["objective"],
            holdout=float(holdout),
            trials=min(count for count in (trials, space.size if exhaustive else None) if count is not None),
            first=first,
            seconds=seconds,
            fresh_seeds=search["fresh_seeds"],
            study=str(search["study"] or "/".join(filter(None, (experiment.name, experiment.data_set, variant)))),
            storage=_storage(search["storage"], experiment.project),
            sampler=sampler,
            pruner=pruner,
        )

    @property
    def prunes(self) -> bool:
        return not isinstance(self.pruner, NopPruner)


def storage_of(search: Mapping[str, Any], project: Path) -> str:
    """The storage of a project's studies: a database's address, or a journal file."""
    return _storage(search["storage"], project)


def _storage(given: Any, project: Path) -> str:
    if given is None:
        return sqlite_address(project / "optuna.db")
    text = str(given)
    if "://" in text:
        known = is_sqlite(text) or is_postgresql(text)
        require(known, "search.storage", without_password(text), "a PostgreSQL server or SQLite: trials need a lock that several processes share")  # fmt: skip
        return with_driver(text)
    require(text.endswith(".journal"), "search.storage", text, "null, a URL such as postgresql://user@host/name, or a file NAME.journal")  # fmt: skip
    return str((project / expanded(text)).resolve())


def _metrics(given: Any, experiment: Experiment) -> tuple[str, ...]:
    """The metrics to optimize, on validation rows; what is given may be one or several."""
    known = [*(f"val/{name}" for name in metrics_of(experiment.config["task"])), SECONDS]
    if given is None:
        return (f"val/{experiment.report.metric.split('/', 1)[-1]}",)
    metrics = tuple(map(str, given if isinstance(given, list) else [given]))
    for metric in metrics:
        if metric.startswith("test/"):
            raise ConfigError(
                f"search.metrics={metric}: a search that looks at test rows leaves none to test what it found. Use "
                f"val/{metric.removeprefix('test/')}."
            )
        require_choice("search.metrics", metric, known)
    require(len(set(metrics)) == len(metrics) > 0, "search.metrics", given, "one metric, or several different ones")
    return metrics


def _is_minimised(label: str, declared: Declared) -> bool:
    """Whether a search looks for the least of a metric; time is a cost here, though it only describes a run."""
    metric = find(declared, label)
    if label == SECONDS:
        return True
    if not metric.is_ranked:
        raise ConfigError(
            f"search.metrics={label}: none of its values is declared better than another, so there is nothing to "
            "optimize. Use another metric, such as val/loss."
        )
    if metric.target is not None:
        raise ConfigError(
            f"search.metrics={label}: a search looks for the lowest or the highest mean, and values of this metric are good "
            f"near {metric.target:g}. Use a metric of your own that gives the distance, with good: lower."
        )
    return metric.lower_is_better
