"""What is trained, running, failed or missing, read from the tracking store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

from seedbed import tracking
from seedbed.config.code import reread
from seedbed.config.compose import experiment_names
from seedbed.errors import TrackingError
from seedbed.paths import expanded, make_importable
from seedbed.tracking import (
    STATES,
    Cell,
    NothingTracked,
    Plan,
    Store,
    find_launch,
    launch_row,
    open_project_store,
    read_plan,
    sweep_launches,
    true_status,
)
from seedbed.tracking.other_code import outdated


def project_status(config_dir: str | PathLike[str] | None = None) -> str:
    """One line for each experiment that can be run."""
    lines = []
    for name in experiment_names(config_dir):
        try:
            store = open_project_store(name, config_dir)
        except NothingTracked:
            lines.append(f"{name}: nothing trained yet")
            continue
        except TrackingError as error:
            lines.append(f"{name}: {error}")
            continue
        launches = store.launches()
        plural = "es" if len(launches) != 1 else ""
        lines.append(f"{name}: {len(store.cells())} cells trained in {len(launches)} launch{plural}")
    return "\n".join(lines)


def experiment_status(name: str, config_dir: str | PathLike[str] | None = None) -> str:
    """The cells of the latest launch by variant, or of its whole sweep by job; then all launches, and all searches.

    Below the cells stand those that were made by other code than today's.
    """
    if config_dir is not None:
        make_importable(expanded(config_dir).resolve())
    reread()
    searches = _search_lines(name, config_dir)
    try:
        return "\n".join([*_all_launch_lines(open_project_store(name, config_dir)), *searches])
    except TrackingError:
        if searches:
            return "\n".join(searches[1:])
        raise


def _all_launch_lines(store: Store) -> list[str]:
    only_searched = all(tracking.SEARCH in run.data.tags for run in store.launches())
    latest = find_launch(store, of_search=only_searched)
    of_sweep = f"{tracking.SWEEP}_jobs" in latest.data.tags
    lines = _sweep_lines(store, latest) if of_sweep else _launch_lines(store, latest)
    lines += ["", "Launches, latest first"]
    for row in map(launch_row, store.launches()):
        lines.append(f"{row['id'][:8]}  {row['started']}  {row['status']:8}  {row['command']}")
    return lines


def _search_lines(name: str, config_dir: str | PathLike[str] | None) -> list[str]:
    """A line for each search: what became of it, and its trials that were trained."""
    try:
        store = open_project_store(f"{name}{tracking.SEARCHES}", config_dir)
    except TrackingError:
        return []
    lines = ["", "Searches, latest first"]
    for run in store.searches():
        trials = Counter(
            "pruned" if trial.data.tags.get(tracking.OUTCOME) == tracking.PRUNED else STATES[true_status(trial)]
            for trial in store.children(run.info.run_id)
        )
        wanted = run.data.tags.get(f"{tracking.TAG}trials", "?")
        counts = ", ".join(f"{count} {state}" for state, count in trials.items()) or "none"
        row = launch_row(run)
        lines.append(f"{row['id'][:8]}  {row['started']}  {true_status(run):8}  {run.info.run_name}: trials trained: {counts}; {wanted} wanted  {row['command']}")  # fmt: skip
    return lines


def _launch_lines(store: Store, latest: Any) -> list[str]:
    plan = read_plan(store.run(latest.info.run_id))
    finished = _finished(store, [plan])
    counts = _cell_counts(store, latest.info.run_id, plan, finished)
    return [
        f"Latest launch {latest.info.run_id[:8]}",
        *_table("variant", [(variant, (), counts[variant]) for variant in plan]),
        *_outdated(store, [latest.info.run_id], plan, finished),
    ]


def _outdated(
    store: Store, launches: Iterable[str], variants: Iterable[str], finished: Mapping[str, Cell]
) -> list[str]:
    """Which cells of the launches' recipes were made by other code than today's."""
    begun = [cell for launch in launches for cell in store.unfinished(launch)]
    recipes = {cell.recipe for cell in [*finished.values(), *begun]}
    return outdated(store.cells_of_recipes(recipes), variants)


def _sweep_lines(store: Store, latest: Any) -> list[str]:
    """One line a job: what it sets, what became of it, and its cells."""
    launches = sweep_launches(store, latest.data.tags[tracking.SWEEP])
    plans = {
        number: read_plan(store.run(run.info.run_id))
        for number, run in launches.items()
        if tracking.READABLE in run.data.tags
    }
    finished = _finished(store, plans.values())
    rows = []
    for number, run in sorted(launches.items()):
        of_variants = _cell_counts(store, run.info.run_id, plans.get(number, {}), finished)
        values = json.loads(tracking.from_parts(run.data.tags, f"{tracking.SWEEP}_values"))
        about = (
            STATES[true_status(run)],
            run.info.run_id[:8],
            " ".join(f"{key}={value}" for key, value in values.items()),
        )
        rows.append((str(number), about, sum(of_variants.values(), Counter[str]())))
    variants = {variant for plan in plans.values() for variant in plan}
    of_sweep = [run.info.run_id for run in launches.values()]
    jobs = int(latest.data.tags[f"{tracking.SWEEP}_jobs"])
    lines = [
        f"Latest launch {latest.info.run_id[:8]}, of a sweep of {jobs} job{'s' if jobs != 1 else ''}",
        *_table("job", rows),
    ]
    if absent := jobs - len(launches):
        lines.append(f"{absent} job{'s have' if absent != 1 else ' has'} not started, or failed before training.")
    return [*lines, *_outdated(store, of_sweep, variants, finished)]


def _table(first: str, rows: Sequence[tuple[str, Sequence[str], Counter[str]]]) -> list[str]:
    """A line for each row: its name, the counts of the kinds that occur, and what else there is to say in front."""
    kinds = ["trained", "diverged", "running", "failed", "killed", "missing"]
    shown = [kind for kind in kinds if kind == "trained" or any(count[kind] for _, _, count in rows)]
    more = ["state", "launch", "sets"][: len(rows[0][1])]
    cells = [[first, *more[:2], *shown, *more[2:]]]
    for name, about, count in rows:
        cells.append([name, *about[:2], *(str(count[kind]).rjust(len(kind)) for kind in shown), *about[2:]])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _finished(store: Store, plans: Iterable[Plan]) -> dict[str, Cell]:
    return store.cells(fingerprint for plan in plans for cells in plan.values() for _, fingerprint in cells)


def _cell_counts(store: Store, launch: str, plan: Plan, finished: Mapping[str, Cell]) -> dict[str, Counter[str]]:
    """How many cells of each kind, by variant."""
    others = {(cell.variant, cell.seed): cell.status.lower() for cell in store.unfinished(launch)}
    counts: dict[str, Counter[str]] = {}
    for variant, cells in plan.items():
        counts[variant] = Counter()
        for seed, fingerprint in cells:
            cell = finished.get(fingerprint)
            kind = others.get((variant, seed), "missing") if cell is None else "trained" if cell.usable else "diverged"
            counts[variant][kind] += 1
    return counts
