"""The results of a launch, read from the store as data frames: all that a report needs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from seedbed.errors import TrackingError
from seedbed.imbalance.copies import said_of_copies
from seedbed.metrics import Declared
from seedbed.results import CELL_COLUMNS, CURVE_COLUMNS, Benchmark, Job, Results, Search, Trial
from seedbed.statistics import finite
from seedbed.tracking.aggregates import final_metrics, is_curve
from seedbed.tracking.imports import read_imported
from seedbed.tracking.launches import (
    Plan,
    jobs_of_sweep,
    parts_of,
    read_data,
    read_environment,
    read_inapplicable,
    read_metrics,
    read_notes,
    read_plan,
    read_recorded_config,
    recipe_overrides,
)
from seedbed.tracking.names import SEARCH_RECORD
from seedbed.tracking.predicted import read_predicted
from seedbed.tracking.runs import Launch, SeedRun
from seedbed.tracking.scored import read_scored
from seedbed.tracking.store import Store

Notes = dict[str, list[str]]
"""Sentences by variant."""


def read_results(
    store: Store,
    launch: Launch,
    *,
    curves: bool = True,
    jobs: bool = False,
    predicted: bool = False,
    scored: bool = False,
) -> Results:
    """All that a report needs of a launch: its cells wherever they were trained, curves, data and environment.

    ``jobs``: of a job of a sweep, the others too; ``predicted``: predictions of test rows, ``scored``: what scores of two
    classes say, where they are recorded. Raises ``TrackingError`` where the launch recorded nothing to read.
    """
    if not launch.readable:
        raise TrackingError(f"Launch {launch.id} ended before its first variant: there is nothing to report.")
    if launch.imported:
        return read_imported(store, launch, curves=curves)
    of_sweep = jobs_of_sweep(store, launch) if jobs else []
    plans = {job.id: read_plan(store, job.id) for job in [*of_sweep, launch]}
    wanted = {fingerprint for of_job in plans.values() for cells in of_job.values() for _, fingerprint in cells}
    finished = store.cells(wanted)
    results = _of_launch(store, launch, finished, curves=curves, predicted=predicted, scored=scored)
    if launch.data_set and launch.above:  # and is none that tests what a search found
        results.data["inapplicable"] = read_inapplicable(store, launch.id)
    return replace(results, jobs=[_job(store, job, plans[job.id], finished) for job in of_sweep])


def read_benchmark(
    store: Store, launch: Launch, progress: Callable[[int, int], None] = lambda done, total: None
) -> Benchmark:
    """The results of a launch over several data sets, without curves; raises ``TrackingError`` as ``read_results``.

    ``progress`` gets the number of data sets that are read, and of all.
    """
    parts = parts_of(store, launch)
    finished, known = store.cells(), [*store.launches(), *store.on_data_sets()]
    of_parts = {}
    for number, part in enumerate(parts):
        progress(number, len(parts))
        of_parts[part.data_set] = _of_launch(store, part, finished, known)
    applying = {variant for results in of_parts.values() for variant in results.variants}
    return Benchmark(
        experiment=store.experiment,
        data_sets=of_parts,
        variants=tuple(variant for variant in next(iter(of_parts.values())).config["variants"] if variant in applying),
        inapplicable={part.data_set: read_inapplicable(store, part.id) for part in parts},
        sources={part.data_set: part.source for part in parts if part.source},
        launch=launch.id,
        command=launch.command,
    )


def _of_launch(
    store: Store,
    launch: Launch,
    finished: Mapping[str, SeedRun],
    known: Sequence[Launch] | None = None,
    *,
    curves: bool = False,
    predicted: bool = False,
    scored: bool = False,
) -> Results:
    """The results of a launch, or of what it did on one data set, with its cells among the ``finished`` ones by fingerprint.

    ``known`` are all launches, and what they did on data sets, where these were read before.
    """
    plan = read_plan(store, launch.id)
    own = {
        fingerprint: cell for cells in plan.values() for _, fingerprint in cells if (cell := finished.get(fingerprint))
    }
    points = _points(store, plan, own) if curves else []
    used = {cell.launch for cell in own.values()} | {launch.id}
    config = read_recorded_config(store, launch.id)
    declared, by_launch = _declared(store, launch, config)
    data = read_data(store, launch.id)
    target = str(data.get("target") or "") if predicted else ""
    return Results(
        experiment=store.experiment,
        config=config,
        declared=declared,
        declared_by_launch=by_launch,
        variants=tuple(plan),
        cells=_cell_frame(store, launch.id, plan, finished),
        curves=pd.DataFrame(points, columns=list(CURVE_COLUMNS)),
        data=data,
        notes=_with_notes_on_copies(_with_notes_on_rates(read_notes(store, launch.id), plan, own), plan, own),
        circumstances=_circumstances(plan, own),
        environment=read_environment(store, launch.id),
        engines=_engines(plan, own),
        search=_search_tested_by(store, launch),
        labels={name: label for cell in own.values() for name, label in cell.labels.items()},
        overrides=recipe_overrides(store, launch),
        launch=launch.id,
        launches=[other.row for other in _launches(store, used, known)],
        rounding=store.trained_alone(own),
        predicted=read_predicted(store, plan, own, target) if target else None,
        scored=read_scored(store, plan, own, data) if scored else None,
    )


def _launches(store: Store, used: Collection[str], known: Sequence[Launch] | None) -> list[Launch]:
    """The launches with these ids, or what they did on one data set; oldest first."""
    found = [launch for launch in (store.launches() if known is None else known) if launch.id in used]
    if known is None and len(found) < len(used):
        found += [part for part in store.on_data_sets() if part.id in used]
    found.reverse()  # the latest came first, which counts for launches of one moment
    return sorted(found, key=lambda launch: launch.started)


def _declared(store: Store, launch: Launch, config: Mapping[str, Any]) -> tuple[Declared, bool]:
    """The metrics that a launch's tasks declare, and whether the launch recorded that itself."""
    recorded = read_metrics(store, launch.id)
    if recorded is not None:
        return recorded, True
    from seedbed.config.declared_metrics import declared_today  # which imports Hydra and the tasks

    return declared_today(config), False


def _points(store: Store, plan: Plan, cells: Mapping[str, SeedRun]) -> list[tuple[str, int, int, str, float]]:
    """The rows of the curves' data frame."""
    points: list[tuple[str, int, int, str, float]] = []
    for variant, planned in plan.items():
        for seed, fingerprint in planned:
            if cell := cells.get(fingerprint):
                names = [name for name in cell.metrics if is_curve(name)]
                ends = _end_of_curves(cell)
                points += [
                    (variant, seed, step, name, value)
                    for name, step, value in store.curves(cell.id, names)
                    if ends is None or step < ends
                ]
    return points


def _end_of_curves(cell: SeedRun) -> int | None:
    """The step of the values that count where something acts on the scores after training: they are no points of the curves.

    None where nothing does.
    """
    acts = any(name.startswith("imbalance.after.") for name in cell.params)
    return int(cell.params["trainer.max_epochs"]) if acts else None


# ---- cells -----------------------------------------------------------------------------------------------------------


def _cell_frame(store: Store, launch: str, plan: Plan, finished: Mapping[str, SeedRun]) -> pd.DataFrame:
    """One row a cell of the plan: CELL_COLUMNS and the final metrics."""
    failed = {(cell.variant, cell.seed) for cell in store.unfinished(launch) if cell.status == "FAILED"}
    rows: list[dict[str, Any]] = []
    for variant, planned in plan.items():
        for seed, fingerprint in planned:
            cell = finished.get(fingerprint)
            status = cell.status if cell else "FAILED" if (variant, seed) in failed else "MISSING"
            values = (
                store.experiment,
                variant,
                seed,
                status,
                fingerprint,
                cell.outcome if cell else "",
                cell.launch if cell else "",
                cell.id if cell else "",
            )
            rows.append(dict(zip(CELL_COLUMNS, values, strict=True)) | (_sound(cell.metrics) if cell else {}))
    cells = pd.DataFrame(rows)
    return cells[[*CELL_COLUMNS, *sorted(str(column) for column in cells if column not in CELL_COLUMNS)]]


def _sound(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in final_metrics(metrics).items() if bool(finite(value))}


def _circumstances(plan: Plan, finished: Mapping[str, SeedRun]) -> dict[str, dict[str, str]]:
    return {
        variant: _common([finished[of] for _, of in planned if of in finished]) for variant, planned in plan.items()
    }


def _common(cells: Sequence[SeedRun]) -> dict[str, str]:
    """The circumstances of a variant's cells; where they differ, all of them."""
    names = dict.fromkeys(name for cell in cells for name in cell.circumstances)
    values = {
        name: dict.fromkeys(cell.circumstances[name] for cell in cells if name in cell.circumstances) for name in names
    }
    return {name: " and ".join(of_name) for name, of_name in values.items()}


def _engines(plan: Plan, finished: Mapping[str, SeedRun]) -> dict[str, dict[str, int]]:
    """By variant, how many of its cells each engine has trained; variants of which that is not recorded are left out."""
    engines = {
        variant: Counter(finished[of].engine for _, of in planned if of in finished and finished[of].engine)
        for variant, planned in plan.items()
    }
    return {variant: dict(counts) for variant, counts in engines.items() if counts}


# ---- notes -----------------------------------------------------------------------------------------------------------


def _with_notes_on_rates(notes: Notes, plan: Plan, finished: Mapping[str, SeedRun]) -> Notes:
    """Adds what the mean of the rates that the seeds of a variant have found does not say."""
    noted = dict(notes)
    for variant, planned in plan.items():
        cells = [cell for _, fingerprint in planned if (cell := finished.get(fingerprint))]
        if fallen_back := [cell for cell in cells if cell.lr_fallback]:
            listed = ", ".join(str(cell.seed) for cell in fallen_back)
            said = (
                f"{len(fallen_back)} of {len(cells)} seeds found no learning rate by their range test and trained with "
                f"lr_finder.fallback={fallen_back[0].lr} (seeds: {listed})."
            )
            noted[variant] = [*noted.get(variant, ()), said]
        finds = any("lr" in cell.metrics for cell in cells) or bool(fallen_back)
        if finds and (diverged := [cell for cell in cells if cell.outcome == "diverged"]):
            rates = ", ".join(f"seed {cell.seed} at {float(cell.lr):.2g}" for cell in diverged)
            noted[variant] = [*noted.get(variant, ()), f"Diverged at the rate that it trained with: {rates}."]
    return noted


def _with_notes_on_copies(notes: Notes, plan: Plan, finished: Mapping[str, SeedRun]) -> Notes:
    """Adds how many changed copies of texts are unchanged."""
    noted = dict(notes)
    for variant, planned in plan.items():
        cells = [cell for _, fingerprint in planned if (cell := finished.get(fingerprint))]
        if said := said_of_copies([cell.copies for cell in cells]):
            noted[variant] = [*noted.get(variant, ()), *said]
    return noted


# ---- sweeps and searches ---------------------------------------------------------------------------------------------


def _job(store: Store, launch: Launch, plan: Plan, finished: Mapping[str, SeedRun]) -> Job:
    cells = _cell_frame(store, launch.id, plan, finished)
    values = launch.sweep.values if launch.sweep else {}
    return Job(launch.id, values, tuple(plan), cells, _circumstances(plan, finished))


def _search_tested_by(store: Store, launch: Launch) -> Search | None:
    """The search whose best trials the launch has tested, as it stood then."""
    if launch.search is None:
        return None
    recorded = json.loads(store.run(launch.id).text(SEARCH_RECORD))
    return Search(**{**recorded, "trials": [Trial(**trial) for trial in recorded["trials"]]})
