"""What is trained, running, failed or missing, read from the tracking store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike

from seedbed.config.code import reread
from seedbed.config.folders import experiment_names
from seedbed.errors import TrackingError
from seedbed.paths import expanded, make_importable
from seedbed.tracking.launches import (
    Plan,
    find_any_launch,
    launched_experiments,
    parts_of,
    read_inapplicable,
    read_plan,
)
from seedbed.tracking.names import SEARCHES
from seedbed.tracking.other_code import outdated
from seedbed.tracking.runs import Launch, SeedRun
from seedbed.tracking.store import NothingTracked, Store, open_project_store

NOT_APPLYING = "does not apply"
"""What the cells are counted as that a variant would have on a data set to which it does not apply."""


def project_status(config_dir: str | PathLike[str] | None = None) -> str:
    """One line for each experiment that was trained or imported, then those that can be run besides."""
    launched = launched_experiments(config_dir)
    imported = [name for name, is_import in launched.items() if is_import]
    lines, untrained = [], []
    for name in sorted({*experiment_names(config_dir), *launched} - {*imported}):
        try:
            store = open_project_store(name, config_dir)
        except NothingTracked:
            untrained.append(f"{name}: nothing trained yet")
            continue
        except TrackingError as error:
            lines.append(f"{name}: {error}")
            continue
        launches = store.launches()
        plural = "es" if len(launches) != 1 else ""
        lines.append(f"{name}: {len(store.cells())} cells trained in {len(launches)} launch{plural}")
    return "\n".join([*lines, *_import_lines(imported, config_dir), *untrained])


def _import_lines(imported: Sequence[str], config_dir: str | PathLike[str] | None) -> list[str]:
    """One line for each experiment whose results were trained elsewhere."""
    lines = []
    for name in imported:
        store = open_project_store(name, config_dir)
        latest = store.launches()[0]
        lines.append(
            f"{name}: {len(store.cells())} cells imported, the latest from {latest.imported}; not trained here"
        )
    return lines


def experiment_status(name: str, config_dir: str | PathLike[str] | None = None) -> str:
    """The cells of the latest launch by variant, or by data set, or of its whole sweep by job; then all launches, and all searches.

    Of an experiment over several data sets, those that its file asks for come first. Below the cells stand those that were
    made by other code than today's.
    """
    if config_dir is not None:
        make_importable(expanded(config_dir).resolve())
    reread()
    searches = _search_lines(name, config_dir)
    try:
        return "\n".join([*_all_launch_lines(open_project_store(name, config_dir), config_dir), *searches])
    except TrackingError:
        if searches:
            return "\n".join(searches[1:])
        raise


def _listed_lines(
    store: Store, latest: Launch, finished: Mapping[str, SeedRun], config_dir: str | PathLike[str] | None
) -> list[str]:
    from seedbed.cli.listed_cells import listed_cells  # reads the experiment's file, for which Hydra is imported

    return listed_cells(store, latest, finished, config_dir)


def _all_launch_lines(store: Store, config_dir: str | PathLike[str] | None) -> list[str]:
    only_searched = all(launch.search is not None for launch in store.launches())
    latest = find_any_launch(store, of_search=only_searched)
    finished = store.cells()
    lines = _listed_lines(store, latest, finished, config_dir) if store.on_data_sets() else []
    if latest.sweep is not None and latest.sweep.jobs is not None:
        lines += _sweep_lines(store, latest, finished, latest.sweep.id, latest.sweep.jobs)
    elif latest.data_sets:
        lines += _data_set_lines(store, latest, finished)
    else:
        lines += _launch_lines(store, latest, finished)
    lines += ["", "Launches, latest first"]
    for row in (launch.row for launch in store.launches()):
        lines.append(f"{row['id'][:8]}  {row['started']}  {row['status']:8}  {row['command']}")
    return lines


def _search_lines(name: str, config_dir: str | PathLike[str] | None) -> list[str]:
    """A line for each search: what became of it, and its trials that were trained."""
    try:
        store = open_project_store(f"{name}{SEARCHES}", config_dir)
    except TrackingError:
        return []
    lines = ["", "Searches, latest first"]
    for run in store.searches():
        trials = Counter(trial.state for trial in store.variants(run.id))
        wanted = "?" if run.trials is None else run.trials
        counts = ", ".join(f"{count} {state}" for state, count in trials.items()) or "none"
        row = run.row
        lines.append(f"{row['id'][:8]}  {row['started']}  {row['status']:8}  {run.name}: trials trained: {counts}; {wanted} wanted  {row['command']}")  # fmt: skip
    return lines


def _launch_lines(store: Store, latest: Launch, finished: Mapping[str, SeedRun]) -> list[str]:
    plan = read_plan(store, latest.id)
    counts = _cell_counts(store, latest.id, plan, finished)
    rows = [(variant, (), counts[variant]) for variant in plan]
    if latest.imported:
        about = f"Latest launch {latest.id[:8]}, imported from {latest.imported}: these cells were not trained here"
        return [about, *_table("variant", rows, "imported")]
    return [
        f"Latest launch {latest.id[:8]}",
        *_table("variant", rows),
        *_outdated(store, [latest.id], [plan], finished),
    ]


def _outdated(
    store: Store, launches: Iterable[str], plans: Sequence[Plan], finished: Mapping[str, SeedRun]
) -> list[str]:
    """Which cells of the launches' recipes were made by other code than today's."""
    planned = [fingerprint for plan in plans for cells in plan.values() for _, fingerprint in cells]
    done = [finished[fingerprint] for fingerprint in planned if fingerprint in finished]
    begun = [cell for launch in launches for cell in store.unfinished(launch)]
    recipes = {cell.recipe for cell in [*done, *begun]}
    variants = {variant for plan in plans for variant in plan}
    return outdated([cell for cell in finished.values() if cell.recipe in recipes], variants)


def _data_set_lines(store: Store, latest: Launch, finished: Mapping[str, SeedRun]) -> list[str]:
    """One line a data set: what became of it, and its cells, those of variants that do not apply to it among them."""
    parts = parts_of(store, latest)
    plans = {part.data_set: read_plan(store, part.id) for part in parts}
    rows, left_out = [], dict[str, list[str]]()
    for part in parts:
        plan, inapplicable = plans[part.data_set], read_inapplicable(store, part.id)
        counts = sum(_cell_counts(store, part.id, plan, finished).values(), Counter[str]())
        seeds = {seed for cells in plan.values() for seed, _ in cells}
        counts[NOT_APPLYING] = len(inapplicable) * len(seeds)
        rows.append((part.data_set, (part.state, part.id[:8]), counts))
        for variant in inapplicable:
            left_out.setdefault(variant, []).append(part.data_set)
    return [
        f"Latest launch {latest.id[:8]}, over {len(parts)} data set{'s' if len(parts) != 1 else ''}",
        *_table("data set", rows),
        *(f"{variant} does not apply to {', '.join(names)}." for variant, names in left_out.items()),
        *_outdated(store, [part.id for part in parts], list(plans.values()), finished),
    ]


def _sweep_lines(store: Store, latest: Launch, finished: Mapping[str, SeedRun], sweep: str, jobs: int) -> list[str]:
    """One line a job: what it sets, what became of it, and its cells."""
    launches = store.launches_of_sweep(sweep)
    parts = {number: parts_of(store, launch) for number, launch in launches.items() if launch.readable}
    plans = {part.id: read_plan(store, part.id) for of_job in parts.values() for part in of_job}
    rows = []
    for number, launch in sorted(launches.items()):
        counts = [_cell_counts(store, part.id, plans[part.id], finished) for part in parts.get(number, ())]
        values = launch.sweep.values if launch.sweep else {}
        about = (launch.state, launch.id[:8], " ".join(f"{key}={value}" for key, value in values.items()))
        rows.append((str(number), about, sum((of for each in counts for of in each.values()), Counter[str]())))
    of_sweep = [*(launch.id for launch in launches.values()), *plans]
    lines = [
        f"Latest launch {latest.id[:8]}, of a sweep of {jobs} job{'s' if jobs != 1 else ''}",
        *_table("job", rows),
    ]
    if absent := jobs - len(launches):
        lines.append(f"{absent} job{'s have' if absent != 1 else ' has'} not started, or failed before training.")
    return [*lines, *_outdated(store, of_sweep, list(plans.values()), finished)]


def _table(first: str, rows: Sequence[tuple[str, Sequence[str], Counter[str]]], always: str = "trained") -> list[str]:
    """A line for each row: its name, the counts of the kinds that occur, and what else there is to say in front."""
    kinds = ["trained", "imported", "diverged", "running", "failed", "killed", "missing", NOT_APPLYING]
    shown = [kind for kind in kinds if kind == always or any(count[kind] for _, _, count in rows)]
    more = ["state", "launch", "sets"][: len(rows[0][1])]
    cells = [[first, *more[:2], *shown, *more[2:]]]
    for name, about, count in rows:
        cells.append([name, *about[:2], *(str(count[kind]).rjust(len(kind)) for kind in shown), *about[2:]])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _cell_counts(store: Store, launch: str, plan: Plan, finished: Mapping[str, SeedRun]) -> dict[str, Counter[str]]:
    """How many cells of each kind, by variant."""
    others = {(cell.variant, cell.seed): cell.status.lower() for cell in store.unfinished(launch)}
    counts: dict[str, Counter[str]] = {}
    for variant, cells in plan.items():
        counts[variant] = Counter()
        for seed, fingerprint in cells:
            cell = finished.get(fingerprint)
            kind = others.get((variant, seed), "missing") if cell is None else "trained" if cell.usable else "diverged"
            kind = "imported" if cell is not None and cell.imported else kind
            counts[variant][kind] += 1
    return counts
