"""Metrics of a classification that were not recorded, computed from scores: those that were kept of its seeds, or from weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seedbed.config.building import build
from seedbed.config.experiment import load_first
from seedbed.config.folders import experiment_names
from seedbed.errors import ConfigError
from seedbed.metrics import Metric, by_name
from seedbed.paths import make_importable, project_folder
from seedbed.recorded import DECISIONS, LABELS, LOGITS, PREDICTED
from seedbed.results import CELL_COLUMNS, Results
from seedbed.stacking.layers import OneSeed
from seedbed.stacking.metrics import probabilities
from seedbed.tasks.classification import Classification
from seedbed.tracking.kept_scores import kept_scores
from seedbed.tracking.scores import Scores
from seedbed.tracking.store import Store
from seedbed.trained.from_weights import ScoresFromWeights
from seedbed.trained.loading import seed_or_seeds
from seedbed.training.parts import task_class

Arrays = Mapping[str, np.ndarray]


def with_metric(
    store: Store,
    results: Results,
    label: str,
    config_dir: str | PathLike[str] | None = None,
    from_weights: ScoresFromWeights | None = None,
) -> Results:
    """The results with the values of a metric, "test/brier", of all seeds that ended well.

    It is one that the task declares today, or a user's own that stands in the experiment's file as it is now. The results
    are as they were where it is recorded, or is no such metric. ``from_weights`` computes the scores of seeds that have kept
    none. Raises ``ConfigError`` where scores are not there.
    """
    side, _, name = label.rpartition("/")
    if label in results.metrics or side != "test" or results.imported is not None:
        return results
    make_importable(project_folder(config_dir))
    kind = task_class(results.config)
    if not issubclass(kind, Classification) or kind.scores is not Classification.scores:
        return results
    settings = _settings(results, config_dir)
    declared = by_name(kind.declared_metrics(settings))
    if name not in declared:
        return results
    measure = _measure(settings, results, declared[name])
    cells = store.cells(results.cells["fingerprint"])
    sound = results.cells[(results.cells["status"] == "FINISHED") & (results.cells["outcome"] != "diverged")]
    from_weights = from_weights or ScoresFromWeights(store)
    scores = {of: kept_scores(store, cells[of], from_weights.scores) for of in dict.fromkeys(sound["fingerprint"])}
    if without := [cells[fingerprint] for fingerprint, of in scores.items() if not of.arrays]:
        from_weights.compute(without)
        scores |= {cell.fingerprint: from_weights.scores.get(cell.id, Scores({})) for cell in without}
    kept = {fingerprint: of_cell.of("test") for fingerprint, of_cell in scores.items()}
    lacking = {fingerprint for fingerprint, arrays in kept.items() if not arrays}
    _check(label, declared[name], results, lacking, kept, list(from_weights.sentences()))
    values = {fingerprint: measure(arrays) for fingerprint, arrays in kept.items()}
    column = results.cells["fingerprint"].map(values).astype(float)
    finals = sorted([*results.metrics, label])
    return replace(
        results,
        cells=results.cells.assign(**{label: column})[[*CELL_COLUMNS, *finals]],
        declared=results.declared | {name: declared[name]},
        declared_by_launch=True,
        notes=_with_notes(results, label, {fingerprint for fingerprint, of in scores.items() if of.from_weights}),
    )


def _with_notes(results: Results, label: str, later: set[str]) -> dict[str, list[str]]:
    """The notes on the variants, and on those with seeds whose scores were computed later."""
    variants = [str(variant) for variant in results.cells.loc[results.cells["fingerprint"].isin(later), "variant"]]
    counts = {variant: variants.count(variant) for variant in dict.fromkeys(variants)}
    said = {
        variant: f"{label} of {count} {seed_or_seeds(count)} is of scores that were computed after training, from the weights."
        for variant, count in counts.items()
    }
    return {**results.notes, **{of: [*results.notes.get(of, ()), sentence] for of, sentence in said.items()}}


def _settings(results: Results, config_dir: str | PathLike[str] | None) -> dict[str, Any]:
    """Those of the launch's task, with a user's metrics of today."""
    settings = dict(results.config["task"])
    if results.search is None and results.experiment in experiment_names(config_dir):
        today = load_first(results.experiment, [], config_dir).config["task"].get("own_metrics") or {}
        settings["own_metrics"] = {**today, **(settings.get("own_metrics") or {})}
    return settings


def _check(
    label: str,
    metric: Metric,
    results: Results,
    lacking: set[str],
    kept: Mapping[str, Arrays],
    said: Sequence[str],
) -> None:
    """Raise ``ConfigError`` where the seeds have not what it is computed from; ``said`` is what came of their weights."""
    if lacking:
        cells = results.cells[results.cells["fingerprint"].isin(lacking)]
        of = ", ".join(f"{count} of {variant}" for variant, count in cells["variant"].value_counts(sort=False).items())
        raise ConfigError(
            f"--metric {label}: it was not recorded, and can't be computed, as {_seeds(len(lacking))} kept no scores ({of}): "
            "tracking.scores was false, or auto with more than 100000 rows, or they were trained by a version that kept none. "
            f"{' '.join(said)} "
            "These cells are not trained again: run them in another store (MLFLOW_TRACKING_URI), with tracking.scores=true."
        )
    enough = {"labels": {LOGITS, DECISIONS, PREDICTED}, "scores": {LOGITS, DECISIONS}}.get(str(metric.needs), {LOGITS})
    without = {fingerprint for fingerprint, arrays in kept.items() if not enough & set(arrays)}
    if without:
        names = dict.fromkeys(results.cells.loc[results.cells["fingerprint"].isin(without), "variant"])
        raise ConfigError(
            f"--metric {label}: it is computed from {metric.needs or 'probabilities'}, and {', '.join(map(repr, names))} gave none. Use "
            "another metric, or run variants that give them: variant=NAME."
        )


def _seeds(count: int) -> str:
    return "one seed has" if count == 1 else f"{count} seeds have"


def _measure(settings: Mapping[str, Any], results: Results, metric: Metric) -> Callable[[Arrays], float]:
    """What computes the metric of one seed's kept arrays."""
    classes = list(results.data["classes"])
    positive = classes.index(results.data["minority"]) if len(classes) == 2 else None
    task: Classification = build(settings, "task")(
        OneSeed(nn.Identity()),
        None,
        seeds=1,
        features=torch.zeros(1, 1),
        labels=torch.zeros(1, dtype=torch.long),
        class_weights=None,
        minority=positive,
    )

    def measure(arrays: Arrays) -> float:
        logits = _logits(arrays, len(classes), positive)
        labels, predicted = (torch.from_numpy(arrays[name].astype(np.int64))[None] for name in (LABELS, PREDICTED))
        scores = logits if DECISIONS in arrays else probabilities(logits)
        values = task.metrics(logits, labels, torch.ones_like(labels, dtype=torch.bool), predicted, scores)
        value = float(values[metric.name])
        return value if math.isfinite(value) else math.nan

    return measure


def _logits(arrays: Arrays, classes: int, positive: int | None) -> Tensor:
    """(1, N, C): of two classes those whose difference was kept; 0 where only labels were."""
    given = arrays.get(LOGITS, arrays.get(DECISIONS))
    if given is None:
        return torch.zeros(1, len(arrays[LABELS]), classes, dtype=torch.float64)
    values = torch.from_numpy(given.astype(np.float64))
    if positive is None:
        return values[None]
    logits = torch.zeros(len(values), classes, dtype=torch.float64)
    logits[:, positive] = values
    return logits[None]
