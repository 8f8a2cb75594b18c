"""Brings home what was tracked in another store: its runs with all that belongs to them, each cell once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from seedbed.errors import TrackingError
from seedbed.paths import expanded
from seedbed.tracking import databases
from seedbed.tracking.client import PARENT, STORE, ProjectClient, usable
from seedbed.tracking.names import (
    EXPERIMENT,
    KIND,
    MERGED_FROM,
    MERGED_WHOLE,
    ON_DATA_SET,
    RANGE_TESTS,
    ROUNDING,
    SEARCH,
    SEARCHES,
    TAG,
    WITHIN,
    from_store,
    in_store,
)
from seedbed.tracking.pages import SHARED_VIEW
from seedbed.tracking.processes import this_process
from seedbed.tracking.runs import true_status
from seedbed.tracking.store import OLDEST_FIRST, Store, opened, store_uri

if TYPE_CHECKING:
    from mlflow.entities import Experiment, Run

# Those above come first, so that those below can be put below their copies.
KINDS = ("launch", "search", ON_DATA_SET, "variant", "seed", "lr_find", ROUNDING)
# Tags that hold the id of another run.
OF_RUNS = (PARENT, *(f"{TAG}{name}" for name in ("launch", WITHIN, SEARCH)))
CELLS = "cells.json"

Progress = Callable[[int, int], None]
"""Is told how many runs of how many are there."""


@dataclass
class Merged:
    """What a merge did to one experiment."""

    experiment: str
    """What seedbed calls it."""
    cells: int = 0
    """Finished cells that were brought."""
    there: int = 0
    """Finished cells of the other store that were there already."""
    launches: int = 0
    """Launches that were brought."""
    running: int = 0
    """Launches and searches that still run, and were left for another time."""
    seeds: set[int] = field(default_factory=set)
    """The seeds of all finished cells that are there now."""


def other_store(named: str, project: Path) -> tuple[str, Path]:
    """Address and project folder of a store that is named by its project folder, its file or its address.

    Raises ``TrackingError`` where there is no store, and where it is the project's own.
    """
    place = expanded(named)
    folder = place if place.is_dir() else place.parent
    is_address = "://" in named
    uri, of = (named, project) if is_address else (databases.sqlite_address((folder / STORE).absolute()), folder)
    uri = databases.with_driver(uri)
    if not is_address and not (folder / STORE).is_file():
        raise TrackingError(f"{named}: there is no {STORE} in {folder}. Name the project folder that holds it.")
    if uri == store_uri(project):
        raise TrackingError(f"{named} is this project's own store. Name the one that is to be brought here.")
    return uri, of.absolute()


def merge(uri: str, of: Path, project: Path, progress: Progress) -> list[Merged]:
    """Copy what is not here yet from the store at ``uri``, of the project folder ``of``; what was copied is not copied again.

    A cell, which is a variant under a seed, is known by its fingerprint: one that is finished here is not brought, and the
    launches that are brought find it. After an interrupt the same call goes on.
    """
    source = opened(uri, of, "name the project folder or the address of one")
    target = opened(store_uri(project), project, "", create=True)
    with usable(uri):
        experiments = {each.experiment_id: each for each in source.search_experiments() if each.name != "Default"}
        # Launches name the searches whose best trials they test.
        order = sorted(experiments.values(), key=lambda each: not each.name.endswith((SEARCHES, RANGE_TESTS)))
        every = {each.name: source.runs([each.experiment_id], "", OLDEST_FIRST) for each in order}
    runs = {name: own for name, found in every.items() if (own := [run for run in found if _kind(run) in KINDS])}
    total, copied = sum(map(len, runs.values())), 0
    ids: dict[str, str] = {}
    merged = []
    for experiment in (each for each in order if each.name in runs):
        one = _Merge(source, target, experiment, ids)
        for _ in one.copy(runs[experiment.name]):
            copied += 1
            progress(copied, total)
        merged.append(one.done)
    return merged


class _Merge:
    """The merge of one experiment; ``ids`` says which run of here is which of there."""

    def __init__(
        self, source: ProjectClient, target: ProjectClient, experiment: Experiment, ids: dict[str, str]
    ) -> None:
        self.source, self.target, self.experiment, self.ids = source, target, experiment, ids
        name = experiment.tags.get(f"{TAG}{EXPERIMENT}", experiment.name)
        self.store = Store(target.uri, target.project, name, tracked_as=experiment.name)
        self.store.repair()
        self.done = Merged(name)

    def copy(self, runs: Sequence[Run]) -> Iterator[None]:
        """Copy these runs of the other store; steps once for each."""
        there = {}
        for run in self.target.runs([self.store.experiment_id], "", OLDEST_FIRST):
            if MERGED_FROM in (tags := from_store(run.data.tags)):
                there[tags[MERGED_FROM]] = (run.info.run_id, MERGED_WHOLE in tags)
        cells = self.store.cells()
        running = self._running(runs)
        for run in sorted(runs, key=_level):
            yield
            if run.info.run_id in running:
                continue
            tags = from_store(run.data.tags)
            copy, is_whole = there.get(run.info.run_id, ("", False))
            cell = cells.get(tags.get("fingerprint", "")) if run.info.status == "FINISHED" else None
            if copy and not is_whole:  # that merge was interrupted
                self.target.delete_run(copy)
            self.done.there += cell is not None
            if is_whole or cell is not None:
                self.ids[run.info.run_id] = copy if is_whole or cell is None else cell.id
                continue
            self.ids[run.info.run_id] = self._copied(run)
            self.done.launches += tags[KIND] == "launch"
            self.done.cells += tags[KIND] == "seed" and run.info.status == "FINISHED"
        for run in runs:
            if _kind(run) == "variant" and run.info.run_id not in running:
                self._list_cells(run.info.run_id)
        self._show_views()
        self.done.seeds = {cell.seed for cell in self.store.cells().values()}

    def _running(self, runs: Sequence[Run]) -> set[str]:
        """The launches and searches that still run, with all runs below them."""
        alive = {run.info.run_id for run in runs if PARENT not in run.data.tags and true_status(run) == "RUNNING"}
        self.done.running = len(alive)
        for run in sorted(runs, key=_level):
            if run.data.tags.get(PARENT) in alive:
                alive.add(run.info.run_id)
        return alive

    def _copied(self, run: Run) -> str:
        """Copy one run; returns the id of the copy."""
        tags = self._mapped(run.data.tags)
        # Until it is whole it is a run of this process, so that one left by a crash is known for what it is.
        of_process = in_store(this_process())
        begun = {**tags, **of_process, **in_store({MERGED_FROM: run.info.run_id})}
        copy = str(
            self.target.create_run(self.store.experiment_id, run.info.start_time, begun, run.info.run_name).info.run_id
        )
        points = self.source.points(run.info.run_id, run.data.metrics)
        metrics = [(point.key, point.value, point.timestamp, point.step) for point in points]
        self.target.write(copy, metrics, list(run.data.params.items()), {})
        if run.inputs is not None and run.inputs.dataset_inputs:
            self.target.log_inputs(copy, run.inputs.dataset_inputs)
        self._copy_files(run.info.run_id, copy)
        self.target.set_terminated(copy, true_status(run), run.info.end_time)
        of_its_own = {name: tags[name] for name in of_process if name in tags}
        self.target.write(copy, [], [], {**of_its_own, **in_store({MERGED_WHOLE: "yes"})})
        return copy

    def _mapped(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Tags whose ids of runs are those of the copies."""
        return {name: self.ids.get(text, text) if name in OF_RUNS else text for name, text in tags.items()}

    def _copy_files(self, run_id: str, copy: str) -> None:
        if not self.source.list_artifacts(run_id):
            return
        with tempfile.TemporaryDirectory() as folder:
            self.source.download_artifacts(run_id, "", folder)
            (Path(folder) / CELLS).unlink(missing_ok=True)
            self.target.log_artifacts(copy, folder)

    def _list_cells(self, run_id: str) -> None:
        """Copy a variant's list of its cells, which names the runs of seeds, when these are here."""
        copy = self.ids[run_id]
        there, here = (
            {file.path for file in client.list_artifacts(of)}
            for client, of in ((self.source, run_id), (self.target, copy))
        )
        if CELLS in there - here:
            with tempfile.TemporaryDirectory() as folder, self.source.file(run_id, CELLS) as listed:
                named = Path(folder) / CELLS
                named.write_text(self._with_ids(listed.read_text("utf-8")), "utf-8")
                self.target.log_artifact(copy, str(named))

    def _with_ids(self, text: str) -> str:
        for there, here in self.ids.items():
            text = text.replace(there, here)
        return text

    def _show_views(self) -> None:
        """Have MLflow's page open as it does there, where it has no view of a launch yet."""
        if not self.store.views():
            views = {name: text for name, text in self.experiment.tags.items() if name.startswith(SHARED_VIEW)}
            self.store.show({name.removeprefix(SHARED_VIEW): self._with_ids(text) for name, text in views.items()})


def _kind(run: Run) -> str | None:
    return from_store(run.data.tags).get(KIND)


def _level(run: Run) -> int:
    return KINDS.index(_kind(run) or "")


def said_of(merged: Sequence[Merged], can_be_run: Collection[str], project: Path) -> list[str]:
    """What a merge did, in a line for each experiment, and what to do with it; some experiments ``can_be_run`` here."""
    lines = []
    for one in merged:
        running = (
            f"; {one.running} still running are left out: type the command again when they have finished"
            if one.running
            else ""
        )
        lines.append(
            f"{one.experiment}: {_count(one.cells, 'cell')} and {_count(one.launches, 'launch', 'launches')} brought, "
            f"{_count(one.there, 'cell')} were here already{running}."
        )
        if not one.cells or one.experiment.endswith((SEARCHES, RANGE_TESTS)):
            continue
        if one.experiment not in can_be_run:
            lines.append(
                f"  seedbed report, status and ui {one.experiment} work here. To run it here too, copy experiments/{one.experiment}.yaml "
                f"and the modules that it names to {project}, and add --config-dir {project} to the command."
            )
        else:
            listed = sorted(one.seeds)
            seeds = str(len(listed)) if listed == list(range(len(listed))) else f"'{listed}'".replace(" ", "")
            lines.append(
                f"  A report on all seeds: seedbed run {one.experiment} seeds={seeds}, which trains only what is missing, "
                f"then seedbed report {one.experiment}."
            )
    return lines or ["There is nothing in that store."]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
