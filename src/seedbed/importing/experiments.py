"""Runs from an MLflow experiment, in which params or tags name variant and seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from seedbed.errors import DataError, near_misses
from seedbed.importing.runs import (
    FAILED,
    FINISHED,
    NAMED,
    ForeignRun,
    ForeignRuns,
    Keys,
    each_once,
    is_reserved,
    left_out,
    seed_of,
    variant_of,
)
from seedbed.statistics import finite
from seedbed.tracking.foreign_runs import StoredExperiment, StoredRun

SHORT = 8
"""Characters of a run's id in messages."""


def read_experiment(
    name: str,
    uri: str,
    project: Path,
    *,
    keys: Keys | None = None,
    query: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ForeignRuns:
    """The runs of experiment ``name`` in the store at ``uri``, those that a ``query`` in MLflow's grammar finds.

    ``keys`` are called as a param or a tag is. Runs without them, and those that neither finished nor failed, are left
    out; a failed one too where another one of its variant and seed finished. ``progress`` gets the number of runs that are
    read, and of all. Raises ``DataError`` for keys that no run
    has, and for two finished runs of one variant and seed.
    """
    keys = keys or Keys()
    experiment = StoredExperiment(uri, project, name)
    source = f"MLflow experiment {name!r}"
    stored = experiment.runs(query)
    if not stored:
        found = f" that --filter {query!r} finds" if query else ""
        raise DataError(f"{source} has no run{found}. Name another one.")
    _check_keys(stored, source, keys)
    named = [run for run in stored if _text(run, keys.variant) and _text(run, keys.seed)]
    ended = [run for run in named if run.status in (FINISHED, FAILED)]
    if not ended:
        raise DataError(f"{source} has no run that has ended and names variant and seed. Wait for one to finish.")
    runs: list[ForeignRun] = []
    for run in ended:
        runs.append(_run(experiment, run, source, keys))
        progress(len(runs), len(ended))
    finished = {(run.variant, run.seed) for run in runs if run.status == FINISHED}
    kept = [run for run in runs if run.status == FINISHED or (run.variant, run.seed) not in finished]
    notes = [
        *_runs_left_out([run for run in stored if run not in named], "without a variant or a seed"),
        *_runs_left_out([run for run in named if run not in ended], "that did not end"),
        *_count(len(runs) - len(kept), "that failed, and was repeated by one that finished"),
        *left_out(
            sorted({label for run in stored for label in run.metrics if is_reserved(label)}),
            "what seedbed's own tables call otherwise",
        ),
    ]
    return ForeignRuns(source, "", keys.variant, each_once(kept, source), notes, "step")


def _text(run: StoredRun, key: str) -> str:
    """What a run says by that name, in a param or else a tag; "" where it says nothing."""
    return run.params.get(key) or run.tags.get(key) or ""


def _check_keys(runs: Sequence[StoredRun], source: str, keys: Keys) -> None:
    params = sorted({key for run in runs for key in run.params})
    tags = sorted({key for run in runs for key in run.tags})
    for option, key in (("--variant-key", keys.variant), ("--seed-key", keys.seed)):
        if any(_text(run, key) for run in runs):
            continue
        misses = near_misses(key, [*params, *tags])
        close = f", {misses}" if misses.startswith("did") else "."
        raise DataError(
            f"{source}: no run has a param or tag {key!r}{close} There are the params {', '.join(params) or 'none'}, and the "
            f"tags {', '.join(tags) or 'none'}. Name the one that says it with {option}."
        )


def _run(experiment: StoredExperiment, run: StoredRun, source: str, keys: Keys) -> ForeignRun:
    place = f"run {run.id[:SHORT]}"
    return ForeignRun(
        variant_of(_text(run, keys.variant), source, place),
        seed_of(_text(run, keys.seed), source, place),
        {label: value if finite(value) else math.inf for label, value in run.metrics.items() if not is_reserved(label)},
        place,
        run.status,
        [point for point in experiment.points(run) if finite(point[2]) and not is_reserved(point[0])],
    )


def _runs_left_out(runs: Sequence[StoredRun], which: str) -> list[str]:
    ids = ", ".join(run.id[:SHORT] for run in runs[:NAMED]) + (", ..." if len(runs) > NAMED else "")
    return [f"{sentence[:-1]}: {ids}." for sentence in _count(len(runs), which)]


def _count(count: int, which: str) -> list[str]:
    return [f"Left out: {count} run{'' if count == 1 else 's'} {which}."] if count else []
