"""Imports: results that were trained elsewhere, as a launch that is marked and whose cells no plan can match."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from seedbed.metrics import as_plain
from seedbed.results import CELL_COLUMNS, CURVE_COLUMNS, Results
from seedbed.tracking.aggregates import aggregated, mean_curves
from seedbed.tracking.launches import launch_name, read_data, read_metrics, read_notes, read_plan, read_recorded_config
from seedbed.tracking.names import (
    CONFIG,
    DATA,
    ENVIRONMENT,
    IMPORTED,
    IMPORTED_CELLS,
    IMPORTED_CURVES,
    METRICS,
    NOTES,
    PLAN,
    READABLE,
)
from seedbed.tracking.params import to_yaml
from seedbed.tracking.runs import Launch, SeedRun
from seedbed.tracking.store import Store
from seedbed.tracking.tracked_run import TrackedRun, ending

Points = dict[tuple[str, int], list[tuple[str, int, float]]]
"""Name, step and value of each point of the curves of a variant and seed."""


def read_imported(store: Store, launch: Launch, *, curves: bool = True) -> Results:
    """The results of an import, as they were imported."""
    cells = json.loads(store.run(launch.id).text(IMPORTED_CELLS))
    points = json.loads(store.run(launch.id).text(IMPORTED_CURVES)) if curves else []
    frame = pd.DataFrame(cells["rows"], columns=cells["columns"])
    used = {*frame["launch"], launch.id}
    return Results(
        experiment=store.experiment,
        config=read_recorded_config(store, launch.id),
        variants=tuple(read_plan(store, launch.id)),
        cells=frame.astype({name: float for name in frame if name not in CELL_COLUMNS}),
        curves=pd.DataFrame(points, columns=list(CURVE_COLUMNS)),
        data=read_data(store, launch.id),
        notes=read_notes(store, launch.id),
        launch=launch.id,
        launches=[other.row for other in reversed(store.launches()) if other.id in used],
        labels=cells["labels"],
        declared=read_metrics(store, launch.id) or {},
    )


def record_import(
    store: Store,
    results: Results,
    tags: Mapping[str, str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> str:
    """Write imported results as a launch with a run for each variant and each new cell; returns the id of the launch.

    ``tags`` are those of the launch, beside where it comes from. Cells that were imported before are not written again.
    ``progress`` gets the number of cells that are done, and of all.
    """
    assert results.imported is not None
    mark = {IMPORTED: results.imported.source}
    known = store.cells(results.cells["fingerprint"])
    points = _points(results)
    with ending(store.start(launch_name(), "launch", {**tags, **mark})) as launch:
        seeds = sorted(set(results.cells["seed"].tolist()))
        launch.log(params={"seeds": seeds, "variants": list(results.variants), "imported": results.imported.source})
        rows: list[dict[str, Any]] = []
        for variant in results.variants:
            for row in _record_variant(store, launch, mark, results, variant, known, points):
                rows.append(row)
                progress(len(rows), len(results.cells))
        columns = [*CELL_COLUMNS, *results.metrics]
        cells = {
            "columns": columns,
            "rows": [[row[name] for name in columns] for row in rows],
            "labels": results.labels,
        }
        plan = {
            variant: [[row["seed"], row["fingerprint"]] for row in rows if row["variant"] == variant]
            for variant in results.variants
        }
        launch.artifact(IMPORTED_CELLS, json.dumps(cells))
        launch.artifact(IMPORTED_CURVES, json.dumps(results.curves[list(CURVE_COLUMNS)].to_numpy(object).tolist()))
        launch.artifact(PLAN, json.dumps(plan))
        launch.artifact(METRICS, json.dumps(as_plain(results.declared)))
        launch.artifact(CONFIG, to_yaml(results.config))
        launch.artifact(DATA, json.dumps(results.data))
        launch.artifact(NOTES, json.dumps(results.notes))
        launch.artifact(ENVIRONMENT, "{}")  # that of this machine has no part in them
        launch.log(tags={READABLE: "yes"})
    return launch.id


def _points(results: Results) -> Points:
    points: Points = {}
    for variant, seed, step, name, value in results.curves[list(CURVE_COLUMNS)].itertuples(index=False, name=None):
        points.setdefault((variant, int(seed)), []).append((name, int(step), float(value)))
    return points


def _record_variant(
    store: Store,
    launch: TrackedRun,
    mark: Mapping[str, str],
    results: Results,
    variant: str,
    known: Mapping[str, SeedRun],
    points: Points,
) -> Iterator[dict[str, Any]]:
    """Write the run of a variant, with its means, and below it those of its cells; yields the cells, with their runs."""
    tags = {"variant": variant, "launch": launch.id, **mark}
    cells = results.cells_of(variant).astype(object).where(results.cells_of(variant).notna(), None)
    rows = []
    with ending(store.start(variant, "variant", tags, parent=launch.id)) as run:
        for row in map(dict, cells.to_dict("records")):
            own = points.get((variant, row["seed"]), [])
            there = known.get(row["fingerprint"])
            if row["status"] != "MISSING":
                place = (
                    (there.launch, there.id)
                    if there
                    else (launch.id, _record_cell(store, run, tags, results, row, own))
                )
                row["launch"], row["run"] = place
            rows.append({str(name): value for name, value in row.items()})
            yield rows[-1]
        finals = [_finals(results, row, points.get((variant, row["seed"]), [])) for row in rows]
        curves = mean_curves(point for (of, _), own in points.items() if of == variant for point in own)
        drawn = {name for name, _, _ in curves}
        last = max((step for _, step, _ in curves), default=0)
        run.log(curves=[*curves, *((name, last, value) for name, value in aggregated(finals, drawn).items())])


def _record_cell(
    store: Store,
    variant: TrackedRun,
    tags: Mapping[str, str],
    results: Results,
    row: Mapping[Any, Any],
    points: list[tuple[str, int, float]],
) -> str:
    """Write the run of a cell; returns its id."""
    seed = {"seed": str(row["seed"]), "fingerprint": str(row["fingerprint"])}
    run = store.start(f"seed {row['seed']} {row['variant']}", "seed", {**tags, **seed}, parent=variant.id)
    drawn, last = {name for name, _, _ in points}, max((step for _, step, _ in points), default=0)
    finals = [(name, last, value) for name, value in _finals(results, row, points).items() if name not in drawn]
    run.log(params={"variant": row["variant"], "seed": row["seed"]}, curves=[*points, *finals])
    run.end(str(row["status"]))
    return run.id


def _finals(results: Results, row: Mapping[Any, Any], points: list[tuple[str, int, float]]) -> dict[str, float]:
    """Final values by what runs call them: one that is not the end of its curve stands beside it, as ``final/...``."""
    ends = {name: value for name, _, value in sorted(points, key=lambda point: point[1])}
    finals = {name: float(row[name]) for name in results.metrics if row[name] is not None}
    return {name if ends.get(name, value) == value else f"final/{name}": value for name, value in finals.items()}
