"""Launches: finding the one that is meant, and what is recorded of it."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from seedbed.config.code import Code
from seedbed.config.recipe import FILES_OF_DATA, can_change_results
from seedbed.errors import TrackingError, near_misses
from seedbed.metrics import Declared, from_plain
from seedbed.paths import project_folder
from seedbed.tracking.client import usable
from seedbed.tracking.databases import without_password
from seedbed.tracking.names import (
    CODE,
    CONFIG,
    DATA,
    ENVIRONMENT,
    INAPPLICABLE,
    METRICS,
    NOTES,
    ON_DATA_SET,
    OVERRIDES,
    PLAN,
)
from seedbed.tracking.params import is_cut_text
from seedbed.tracking.runs import Launch, launch_of
from seedbed.tracking.store import LATEST_FIRST, NothingTracked, Store, of_kind, opened, store_uri

Plan = dict[str, list[tuple[int, str]]]
"""Seed and fingerprint of each cell, by variant."""


def launch_name() -> str:
    """What a launch that begins now is called."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


# ---- finding one -----------------------------------------------------------------------------------------------------


def find_launch(
    store: Store, run_id: str | None = None, back: int = 0, *, of_search: bool = False, data_set: str | None = None
) -> Launch:
    """A launch on one data set, as ``find_any_launch`` finds it; of one over several, what it did on ``data_set``.

    Of searches, each of which is on one data set, the latest on ``data_set`` is found. Raises ``TrackingError`` also where the
    data set is not said, and needed.
    """
    launch = find_any_launch(store, run_id, back, of_search=of_search, searched=data_set if of_search else None)
    return on_data_set(store, launch, data_set)


def on_data_set(store: Store, launch: Launch, data_set: str | None) -> Launch:
    """What a launch did on one data set: itself where it is about one; raises ``TrackingError`` where it is unclear which."""
    about = f"Launch {launch.id[:8]} of {store.experiment!r}"
    if not launch.data_sets:
        if data_set is not None and data_set != launch.data_set:
            over = f"is on data set {launch.data_set!r}" if launch.data_set else "is not over several data sets"
            raise TrackingError(f"--data-set {data_set}: {about} {over}. Leave it out, or name another launch.")
        return launch
    if data_set is None and len(launch.data_sets) > 1:
        raise TrackingError(
            f"{about} is over {len(launch.data_sets)} data sets, and this is about one. Name it with --data-set: "
            f"{', '.join(launch.data_sets)}."
        )
    wanted = launch.data_sets[0] if data_set is None else data_set
    if wanted not in launch.data_sets:
        if earlier := next((other.id[:8] for other in store.launches() if wanted in other.data_sets), None):
            raise TrackingError(
                f"--data-set {wanted}: {about} has no such data set; launch {earlier} has: ask for that one."
            )
        raise TrackingError(
            f"--data-set {wanted}: {about} has no such data set, {near_misses(wanted, launch.data_sets)}"
        )
    found = next((part for part in store.on_data_sets(launch.id) if part.data_set == wanted), None)
    if found is None:
        raise TrackingError(f"{about} ended before it began with data set {wanted!r}. Run it again.")
    return found


def parts_of(store: Store, launch: Launch, data_set: str | None = None) -> list[Launch]:
    """What a launch did on each of its data sets, in their order, or on one; the launch itself where it is about one.

    Raises ``TrackingError`` as ``on_data_set``, and where it ended before it had begun with all of them.
    """
    if data_set is not None or not launch.data_sets:
        return [on_data_set(store, launch, data_set)]
    parts = {part.data_set: part for part in store.on_data_sets(launch.id)}
    if not launch.readable or not all(name in parts for name in launch.data_sets):
        raise TrackingError(
            f"Launch {launch.id[:8]} of {store.experiment!r} ended before its first variant: nothing is recorded of it. Run "
            "it again."
        )
    return [parts[name] for name in launch.data_sets]


def find_any_launch(
    store: Store, run_id: str | None = None, back: int = 0, *, of_search: bool = False, searched: str | None = None
) -> Launch:
    """A launch by its id or the start of it; else the latest, or the one so many ``back`` from it.

    The latest is one of a search's best trials only where ``of_search`` asks for it, and then no other: of a search on the data
    set ``searched``, if there is one. It may be over several data sets; by an id, what it did on one of them is found too.
    """
    launches = store.launches()
    if not launches:
        raise TrackingError(
            f"No launch of {store.experiment!r} is in {store.uri}. Run 'seedbed run {store.experiment}' first."
        )
    if run_id is not None:
        return _named([*launches, *store.on_data_sets()], run_id, store.experiment)
    candidates = [launch for launch in launches if launch.readable and (launch.search is not None) == of_search]
    if on_it := [launch for launch in candidates if searched is not None and launch.data_set == searched]:
        candidates = on_it
    if len(candidates) <= back:
        raise _no_launch(store, len(candidates), back, of_search=of_search)
    return candidates[back]


def _named(launches: Sequence[Launch], run_id: str, experiment: str) -> Launch:
    matches = [launch for launch in launches if launch.id.startswith(run_id)]
    if len(matches) != 1:
        known = ", ".join(launch.id[:8] for launch in launches[:10])
        raise TrackingError(f"--run {run_id}: {len(matches)} launches of {experiment!r} have that id. Known: {known}.")
    return matches[0]


def _no_launch(store: Store, count: int, back: int, *, of_search: bool) -> TrackingError:
    """Why there is no launch so many ``back`` among ``count``."""
    name = store.experiment
    if not of_search and only_searched(store):
        return TrackingError(
            f"{name!r} was not run by itself, only searched: 'seedbed report {name} --search' "
            f"reports that, 'seedbed run {name}' runs it."
        )
    if of_search:
        return TrackingError(
            f"No search of {name!r} has tested what it found: with search.fresh_seeds=0 no search does; what "
            f"it found is in its output and in 'seedbed ui {name}.search'. To continue a search that was stopped, type "
            "its command again."
        )
    if count:
        return TrackingError(
            f"{name}~{back}: {name!r} has {count} launch{'es' if count != 1 else ''} that can be read, "
            f"so ~{count - 1} is the first. 'seedbed status {name}' lists them."
        )
    return TrackingError(f"No launch of {name!r} got as far as its first variant. Run it again.")


def launched_experiments(config_dir: str | os.PathLike[str] | None = None) -> dict[str, bool]:
    """The experiments of the project's store that have launches, and whether they are imports; {} where there is no store."""
    project = project_folder(config_dir)
    uri = store_uri(project)
    try:
        client = opened(uri, project, "import results first")
    except NothingTracked:
        return {}
    with usable(uri):
        names = client.experiment_names()
        runs = client.runs(list(names), of_kind("launch"), LATEST_FIRST) if names else []
    launches = {names[launch.experiment_id]: bool(launch.imported) for launch in map(launch_of, runs)}
    return dict(sorted(launches.items()))


def refuse_imported(store: Store, launch: Launch, asked: str) -> None:
    """Raise ``TrackingError`` for an import, of which there is nothing to train again and no network to ask."""
    if launch.imported:
        raise TrackingError(
            f"Launch {launch.id[:8]} of {store.experiment!r} was imported from {launch.imported}: seedbed did not train it, "
            f"and has neither its recipe nor its weights: there is nothing to {asked}. 'seedbed report "
            f"{store.experiment}' and 'seedbed power {store.experiment}' work on it."
        )


def only_searched(store: Store) -> bool:
    """Whether all launches that can be read are those which test what searches found."""
    readable = [launch for launch in store.launches() if launch.readable]
    return bool(readable) and all(launch.search is not None for launch in readable)


def find_tracked(
    asked: str, config_dir: str | os.PathLike[str] | None = None, run_id: str | None = None
) -> tuple[Store, Launch]:
    """The launch meant by an experiment's NAME (its latest), by NAME~1 (the one before), or by an id or its start.

    An id is looked for in all experiments of the store; ``run_id`` is one of the experiment NAME. The launch may be over several
    data sets; by an id, what it did on one of them is found too.
    """
    project = project_folder(config_dir)
    uri = store_uri(project)
    client = opened(uri, project, "run an experiment first, with 'seedbed run NAME'")
    with usable(uri):
        names = client.experiment_names()
        name, back = _counted_back(asked)
        if name not in names.values():
            kinds = {kind: client.runs(list(names), of_kind(kind), LATEST_FIRST) for kind in ("launch", ON_DATA_SET)}
            launches, parts = ([launch_of(run) for run in runs] for runs in kinds.values())
            launch = _by_id(asked, launches, parts, names, without_password(uri))
            name, run_id = names[launch.experiment_id], launch.id
    store = Store(uri, project, name, create=False)
    return store, find_any_launch(store, run_id, back)


def _counted_back(asked: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.+)~(\d+)", asked)
    return (match[1], int(match[2])) if match else (asked, 0)


def _by_id(
    asked: str, launches: Sequence[Launch], parts: Sequence[Launch], names: Mapping[str, str], uri: str
) -> Launch:
    """The one of the launches, or of their ``parts`` on data sets, whose id begins so."""
    matches = [launch for launch in [*launches, *parts] if launch.id.startswith(asked)]
    if len(matches) == 1:
        return matches[0]
    known = ", ".join(f"{launch.id[:8]} ({names[launch.experiment_id]})" for launch in (matches or launches)[:10])
    if matches:
        raise TrackingError(f"{asked}: {len(matches)} launches in {uri} have that id: {known}. Give more of it.")
    raise TrackingError(
        f"{asked!r} is neither an experiment that has been run nor a launch in {uri}: "
        f"{near_misses(asked, names.values())} Launches, the latest first: {known or 'none'}. Give the name of an "
        "experiment that has been run, or the id of a launch or the start of it, as 'seedbed status NAME' lists them."
    )


def jobs_of_sweep(store: Store, launch: Launch) -> list[Launch]:
    """The launches of the sweep that this one belongs to, in the order in which their values were given; [] of none."""
    if launch.sweep is None:
        return []
    jobs = [
        (other.sweep.number, other.started, other)
        for other in store.launches()
        if other.readable and other.sweep and other.sweep.id == launch.sweep.id
    ]
    return [job for _, _, job in sorted(jobs, key=lambda job: job[:2])]


# ---- what is recorded of one -----------------------------------------------------------------------------------------


def read_plan(store: Store, launch: str) -> Plan:
    """The cells that were asked for by the launch with this id."""
    plan: Plan = json.loads(store.run(launch).text(PLAN))
    return plan


def read_config(store: Store, run_id: str) -> dict[str, Any]:
    """The resolved config of a launch or a variant's run, with the files of the data where these are now.

    They are recorded as absolute paths; of a project that was moved, a file is looked for in the project.
    """
    config = read_recorded_config(store, run_id)
    data = config.get("data")
    if not isinstance(data, dict):
        return config
    for key in FILES_OF_DATA:
        path = data.get(key)
        if isinstance(path, str) and path and not Path(path).exists():
            parts = Path(path).parts[1:]
            moved = (store.project.joinpath(*parts[start:]) for start in range(len(parts)))
            data[key] = str(next((place for place in moved if place.exists()), path))
    return config


def read_recorded_config(store: Store, run_id: str) -> dict[str, Any]:
    """The resolved config of a launch or a variant's run, as it was when that began."""
    # libyaml's is eight times as fast; PyYAML may come without it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    config: dict[str, Any] = yaml.load(store.run(run_id).text(CONFIG), Loader=loader)
    return config


def read_data(store: Store, launch: str) -> dict[str, Any]:
    """What a launch recorded of the data of its first variant."""
    data: dict[str, Any] = json.loads(store.run(launch).text(DATA))
    return data


def read_inapplicable(store: Store, part: str) -> dict[str, str]:
    """The variants that do not apply to a data set, each with the reason; ``part`` is the id of what a launch did on it."""
    inapplicable: dict[str, str] = json.loads(store.run(part).text(INAPPLICABLE))
    return inapplicable


def read_notes(store: Store, launch: str) -> dict[str, list[str]]:
    """Sentences about what each variant of a launch did."""
    notes: dict[str, list[str]] = json.loads(store.run(launch).text(NOTES))
    return notes


def read_environment(store: Store, launch: str) -> dict[str, str]:
    """Machine and versions of a launch."""
    environment: dict[str, str] = json.loads(store.run(launch).text(ENVIRONMENT))
    return environment


def read_metrics(store: Store, launch: str) -> Declared | None:
    """What a launch declared of its metrics; None where it is from before this was recorded."""
    if METRICS not in store.files(launch):
        return None
    return from_plain(json.loads(store.run(launch).text(METRICS)))


def read_codes(store: Store, launch: str) -> dict[str, Code] | None:
    """The code of each variant of a launch; None where the launch is from before this was recorded."""
    if CODE not in store.files(launch):
        return None
    return {variant: Code(**code) for variant, code in json.loads(store.run(launch).text(CODE)).items()}


def overrides_of(store: Store, launch: Launch) -> list[str]:
    """The overrides of a launch: from a file of its own where a param would cut them, else from the command's tag."""
    given = launch.params.get("overrides", "[]")
    if not is_cut_text(given):
        return _listed(given)
    if OVERRIDES in store.files(launch.id):
        return _listed(store.run(launch.id).text(OVERRIDES))
    words = shlex.split(launch.command)[3:]  # of seedbed run NAME
    return words[: words.index("--config-dir")] if "--config-dir" in words else words


def recipe_overrides(store: Store, launch: Launch) -> list[str]:
    """The overrides of a launch but those that only say which cells are asked for, or how they are shown."""
    task = {"task": {"_target_": launch.params.get("task._target_")}}
    return [text for text, key in _not_restated(store, launch).items() if can_change_results(key, task)]


def asks_otherwise(store: Store, launch: Launch) -> list[str]:
    """The overrides by which a launch is about other cells than its experiment's file, or about some of them only.

    They change the recipe, name other files of data, or pick variants, data sets or seeds. More seeds than the file's ask the
    same question, as does another way to show results. Which data sets a launch was on does not matter to what it did on one.
    """
    picks = {"variant", "seeds", *(f"data.{key}" for key in FILES_OF_DATA)} | (
        {"data_sets"} if launch.data_sets else set()
    )
    # A launch over several data sets has its overrides on each of them.
    recorded = next(iter(store.on_data_sets(launch.id)), launch) if launch.data_sets else launch
    recipe = set(recipe_overrides(store, recorded))
    return [text for text, key in _not_restated(store, recorded).items() if key in picks or text in recipe]


def _not_restated(store: Store, launch: Launch) -> dict[str, str]:
    """The overrides of a launch that say something else than its experiment's file, each with its key, dotted."""
    restated = launch.params.get("restated", "[]")
    as_they_stand = set() if is_cut_text(restated) else set(_listed(restated))
    given = [text for text in overrides_of(store, launch) if text not in as_they_stand]
    return {text: text.split("=", 1)[0].lstrip("+~").replace("/", ".") for text in given}


def _listed(text: str) -> list[str]:
    listed: list[str] = json.loads(text)
    return listed
