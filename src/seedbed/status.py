"""What is trained, running, failed or missing, read from the tracking store."""

from __future__ import annotations

from collections import Counter
from os import PathLike

from seedbed.errors import TrackingError
from seedbed.experiment import experiment_names
from seedbed.tracking import NothingTracked, Store, find_launch, launch_row, open_project_store, read_plan


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
    """The cells of the latest launch by variant, then all launches."""
    store = open_project_store(name, config_dir)
    latest = find_launch(store)
    counts = _cell_counts(store, latest.info.run_id)
    kinds = ["trained", "diverged", "running", "failed", "killed", "missing"]
    shown = [kind for kind in kinds if kind == "trained" or any(count[kind] for count in counts.values())]
    width = max(len(variant) for variant in counts)
    lines = [f"Latest launch {latest.info.run_id[:8]}", "  ".join(["variant".ljust(width), *shown])]
    for variant, count in counts.items():
        lines.append("  ".join([variant.ljust(width), *(str(count[kind]).rjust(len(kind)) for kind in shown)]))
    lines += ["", "Launches, latest first"]
    for row in map(launch_row, store.launches()):
        lines.append(f"{row['id'][:8]}  {row['started']}  {row['status']:8}  {row['command']}")
    return "\n".join(lines)


def _cell_counts(store: Store, launch: str) -> dict[str, Counter[str]]:
    plan = read_plan(store.run(launch))
    finished = store.cells(fingerprint for cells in plan.values() for _, fingerprint in cells)
    others = {(cell.variant, cell.seed): cell.status.lower() for cell in store.unfinished(launch)}
    counts: dict[str, Counter[str]] = {}
    for variant, cells in plan.items():
        counts[variant] = Counter()
        for seed, fingerprint in cells:
            cell = finished.get(fingerprint)
            kind = others.get((variant, seed), "missing") if cell is None else "trained" if cell.usable else "diverged"
            counts[variant][kind] += 1
    return counts
