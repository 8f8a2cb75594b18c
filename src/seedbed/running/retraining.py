"""Trains recorded cells again: from what is recorded of them, on the data and by the code of today."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, TypeVar
from uuid import uuid4

from seedbed.config.building import build
from seedbed.config.code import Code
from seedbed.config.experiment import Variant
from seedbed.config.lightning_modules import trains_modules
from seedbed.config.recipe import RECIPE_VERSION
from seedbed.cores import available_cores
from seedbed.data.table import Dataset
from seedbed.errors import ConfigError, TrackingError, near_misses
from seedbed.imbalance.building import strategy_of
from seedbed.own_modules.planned import ModulePlanner, PlannedModule, unlike
from seedbed.own_modules.served_rows import from_plain
from seedbed.own_modules.training import train_apart
from seedbed.recorded import SECONDS
from seedbed.running.cell_checks import CellValues, measured_then
from seedbed.running.planning import load_table, plan_variant
from seedbed.stacking.engines import COMPILED, TORCH
from seedbed.tracking.aggregates import is_curve
from seedbed.tracking.launches import (
    Plan,
    parts_of,
    read_config,
    read_data,
    read_environment,
    read_notes,
    read_plan,
    refuse_imported,
)
from seedbed.tracking.names import metric_names
from seedbed.tracking.runs import Launch, SeedRun
from seedbed.tracking.store import Store
from seedbed.training.devices import numbers
from seedbed.training.environment import environment
from seedbed.training.epoch_progress import ShownStack
from seedbed.training.parts import task_class
from seedbed.training.planned import PlannedCells, PlannedVariant
from seedbed.training.progress import Display
from seedbed.training.seed_results import SeedResult
from seedbed.training.workers import Workers, train_in_worker

CELLS = 5
"""How many cells are trained again where nobody says."""
CHOSEN_EPOCH = "chosen epoch"
_T = TypeVar("_T")


# ---- what is recorded ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FinishedCell:
    """A trained cell of a launch."""

    run: SeedRun
    data_set: str
    """The one of several data sets that it is on; "" where the launch is about one."""

    @property
    def name(self) -> str:
        """Variant and seed, after the data set where there are several."""
        return f"{name_on(self.data_set, self.run.variant)}, seed {self.run.seed}"


def name_on(data_set: str, variant: str) -> str:
    """What a variant is called on one of several data sets; its own name where ``data_set`` is ""."""
    return f"{data_set}: {variant}" if data_set else variant


def finished_cells(
    store: Store, launch: Launch, variant: str | None, data_set: str | None = None
) -> list[FinishedCell]:
    """Trained cells of the launch, wherever they were trained: the first seed of each variant, then the second ...

    Of several data sets, they take turns: the first cell of the first one, the second of the next, so that a few cells are on
    many data sets and of many variants. With ``data_set``, those on that one only.
    """
    if not launch.readable:
        raise TrackingError(f"Launch {launch.id} ended before its first variant: there is nothing to verify.")
    refuse_imported(store, launch, "verify")
    parts = parts_of(store, launch, data_set)
    plans = [read_plan(store, part.id) for part in parts]
    if variant is not None and not any(variant in plan for plan in plans):
        raise ConfigError(
            f"--variant {variant}: launch {launch.id[:8]} of {store.experiment!r} has no such variant, "
            f"{near_misses(variant, {name for plan in plans for name in plan})}"
        )
    several = len(parts) > 1
    by_part = [
        [(fingerprint, part.data_set if several else "") for fingerprint in _by_rank(plan, variant)]
        for part, plan in zip(parts, plans, strict=True)
    ]
    planned: dict[str, str] = {}
    for fingerprint, name in _in_turns(by_part):
        planned.setdefault(fingerprint, name)  # two variants, or data sets, may share a cell
    trained = store.cells(planned)
    if not trained:
        raise TrackingError(
            f"Launch {launch.id[:8]} of {store.experiment!r} has no trained cell to verify"
            f"{f' of variant {variant!r}' if variant else ''}. Look at 'seedbed status {store.experiment}'."
        )
    return [FinishedCell(trained[of], name) for of, name in planned.items() if of in trained]


def _by_rank(plan: Plan, variant: str | None) -> list[str]:
    """The fingerprints of the first seed of each variant, then of the second ..."""
    planned = [cells for name, cells in plan.items() if variant in (None, name)]
    return [cell[1] for of_one_rank in zip_longest(*planned) for cell in of_one_rank if cell is not None]


def _in_turns(lists: Sequence[Sequence[_T]]) -> list[_T]:
    """All members of all lists: one of each list in turn, each list beginning at another of its members."""
    turned = [[*items[at % len(items) :], *items[: at % len(items)]] for at, items in enumerate(lists) if items]
    return [
        item for turn in range(max(map(len, turned), default=0)) for items in turned for item in items[turn : turn + 1]
    ]


@dataclass
class RecordedStack:
    """Seeds that were trained together, and those of them that are to be compared."""

    variant: str
    seeds: tuple[int, ...]
    threads: int
    config: dict[str, Any]
    launch: str
    environment: dict[str, str]
    """The environment of the launch that trained it."""
    guessed: str = ""
    """A note that the seeds are guessed, as they are not recorded; "" where they are."""
    cells: list[SeedRun] = field(default_factory=list)
    data_set: str = ""
    """The one of several data sets that it is on; "" where the launch is about one."""

    @property
    def name(self) -> str:
        """The variant, after the data set where there are several."""
        return name_on(self.data_set, self.variant)


def stacks_of(store: Store, chosen: Sequence[FinishedCell]) -> list[RecordedStack]:
    """One stack for all cells that were trained in it."""
    stacks: dict[tuple[str, tuple[int, ...]], RecordedStack] = {}
    for finished in chosen:
        cell, seeds = finished.run, _seeds_of_stack(store, finished.run)
        if (cell.variant_run, seeds) not in stacks:
            stacks[cell.variant_run, seeds] = _stack(store, seeds, finished)
        stacks[cell.variant_run, seeds].cells.append(cell)
    return list(stacks.values())


def _stack(store: Store, seeds: tuple[int, ...], finished: FinishedCell) -> RecordedStack:
    cell = finished.run
    config = read_config(store, cell.variant_run)
    if not trains_modules(config):
        # One process trains one stack at a time, however many devices there were; it needs not all of them. What took
        # the steps then takes them again, on a CPU where that was compiled code.
        cpu = {"accelerator": "cpu"} if cell.engine == COMPILED else {}
        config["trainer"] = config["trainer"] | {"devices": 1, "engine": cell.engine or TORCH} | cpu
    recorded = read_environment(store, cell.launch)
    threads = cell.threads or recorded["threads"]
    # More threads than cores would take turns, and each wait for the others.
    at_most = min(int(threads), available_cores())
    known = bool(cell.stack) or len(seeds) == 1
    guessed = "" if known else f"stack: {len(seeds)} seeds recorded, taken for {', '.join(map(str, seeds))} now"
    then = recorded | {"threads": threads}
    return RecordedStack(cell.variant, seeds, at_most, config, cell.launch, then, guessed, data_set=finished.data_set)


def _seeds_of_stack(store: Store, cell: SeedRun) -> tuple[int, ...]:
    """The seeds trained with a cell, in their order: the size of a stack changes how sums are rounded.

    Earlier versions recorded the size only: then seeds of the same size are taken in groups, by rising seed.
    """
    if cell.stack:
        return cell.stack
    size = cell.seeds_at_once
    beside = {other.seed for other in store.seeds(cell.variant_run) if other.seeds_at_once == size}
    alike = sorted({*beside, cell.seed})
    start = alike.index(cell.seed) // size * size
    return tuple(alike[start : start + size])


# ---- what it is today ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PreparedStack:
    """A stack with the data of today, or why these cannot be used."""

    stack: RecordedStack
    planned: PlannedCells | None
    changed: tuple[str, ...]
    """What is not as it was when the stack was trained."""
    code: tuple[str, ...] = ()
    """Modules and packages that are others than those by which it was trained."""

    @property
    def failure(self) -> str:
        if self.planned is not None:
            return ""
        return f"NOT COMPARABLE, and not trained: {'; '.join(self.changed)}. Put back what it was trained on."


def prepare_stacks(store: Store, stacks: Sequence[RecordedStack], display: Display) -> list[PreparedStack]:
    """Load and split the data: everything that can be wrong is found here, before any training."""
    tables: dict[str, Dataset] = {}
    prepared: list[PreparedStack] = []
    with display.doing("Preparing the cells") as progress:
        for stack in stacks:
            progress(len(prepared), len(stacks))
            prepared.append(_prepare(store, stack, tables, display))
    return prepared


def _prepare(store: Store, stack: RecordedStack, tables: dict[str, Dataset], display: Display) -> PreparedStack:
    config = stack.config
    if trains_modules(config):
        return _prepare_module(stack, display)
    key = json.dumps(config["data"], sort_keys=True)
    if key not in tables:
        tables[key] = load_table(config["data"], display)
    table = tables[key]
    if changed := _changed_data(store, stack, table):
        return PreparedStack(stack, None, tuple(changed))
    try:
        split, strategy = build(config["split"], "split"), strategy_of(config)
        rows = {seed: split.rows(table, seed) for seed in stack.seeds}
        planned = plan_variant(Variant(stack.variant, (), config), table, rows, strategy)
    except KeyError as error:
        raise ConfigError(
            f"The recorded config of variant {stack.variant!r} (launch {stack.launch[:8]}) lacks the key {error}, which "
            f"this version of seedbed needs: it was recorded by another one. Train it again: seedbed run {store.experiment}"
        ) from error
    now_other = (*_changed_recipe(store, stack, planned), *_changed_environment(stack))
    return PreparedStack(stack, planned, now_other, tuple(_changed_code(stack, planned)))


def _prepare_module(stack: RecordedStack, display: Display) -> PreparedStack:
    """A seed that a user's own module trains: whether its data module serves the rows that are recorded is looked at."""
    (cell,) = stack.cells
    (planned,) = ModulePlanner(stack.seeds, display, logs=False).plan([Variant(stack.variant, (), stack.config)])
    if changed := unlike(planned.rows[cell.seed], from_plain(cell.rows)):
        return PreparedStack(stack, None, (f"the rows that are served as {', '.join(changed)} are others",))
    recipe = [] if planned.recipes[cell.seed] == cell.recipe else _why_other_recipe(stack)
    return PreparedStack(stack, planned, (*recipe, *_changed_environment(stack)), tuple(_changed_code(stack, planned)))


def _changed_code(stack: RecordedStack, planned: PlannedCells) -> list[str]:
    """What is other code today than that which trained the stack."""
    trained_by = stack.cells[0].code
    if trained_by is not None:
        return trained_by.changed(planned.code)
    return [f"{name} (then not recorded)" for name in Code().changed(planned.code)]


def _changed_data(store: Store, stack: RecordedStack, table: Dataset) -> list[str]:
    """How the data are others than those that the stack was trained on."""
    recorded = stack.cells[0].data_digest
    if recorded != table.digest:
        return [f"data {table.name}: SHA-256 {recorded[:16]} recorded, {table.digest[:16]} now"]
    # What is recorded of a launch is about its first variant.
    if read_config(store, stack.launch)["data"] != stack.config["data"]:
        return []
    made_with = read_data(store, stack.launch).get("made_with", dict(table.made_with))
    return _changed_entries(made_with, table.made_with, "data made with ")


def _changed_recipe(store: Store, stack: RecordedStack, planned: PlannedVariant) -> list[str]:
    """Why the fingerprint of a cell, but for the code, is another one today."""
    if all(planned.recipes[cell.seed] == cell.recipe for cell in stack.cells):
        return []
    notes = read_notes(store, stack.launch).get(stack.variant, [])
    described = {"strategy": " ".join(notes)}, {"strategy": " ".join([*planned.described, *planned.notes])}
    return _changed_entries(*described) or _why_other_recipe(stack)


def _why_other_recipe(stack: RecordedStack) -> list[str]:
    recipe = stack.cells[0].recipe_version or "none"
    reasons = _changed_entries({"recipe version": recipe}, {"recipe version": str(RECIPE_VERSION)})
    return reasons or ["fingerprint: this version of seedbed computes a different one for the recorded config"]


def _changed_environment(stack: RecordedStack) -> list[str]:
    """Entries that earlier versions did not record are not known to have changed."""
    now = environment() | {"threads": str(stack.threads)}
    changed = _changed_entries(stack.environment, {key: now[key] for key in now if key in stack.environment})
    return [*changed, *([stack.guessed] if stack.guessed else [])]


def _changed_entries(recorded: Mapping[str, str], now: Mapping[str, str], before: str = "") -> list[str]:
    return [
        f"{before}{key}: {recorded.get(key, 'none')} recorded, {now.get(key, 'none')} now"
        for key in {**recorded, **now}
        if recorded.get(key) != now.get(key)
    ]


# ---- training and values ---------------------------------------------------------------------------------------------


def train_again(
    stack: RecordedStack, planned: PlannedCells, workers: Workers, display: Display
) -> Sequence[SeedResult]:
    """Train the stack in a process of its own, which has trained nothing else, with as many threads as then."""
    shown = ShownStack(display, stack.name, epochs_of(stack) // len(stack.seeds), len(stack.seeds))
    try:
        if isinstance(planned, PlannedModule):
            return [train_apart(planned, seed, stack.threads, workers) for seed in stack.seeds]
        assert isinstance(planned, PlannedVariant)
        task, settings = planned.trainer.task, planned.trainer.settings
        data = [planned.seed_data(seed, display) for seed in stack.seeds]
        pool = workers.pool(settings, numbers(settings)[:1], stack.threads)
        table, name = task.for_training(planned.table), uuid4().hex
        with workers.hearing(name, lambda word: shown.hear(word.tests, word.epochs)):
            results, _ = pool.submit(train_in_worker, stack.config, table, data, planned.code, name).result()
        return results
    finally:
        shown.done(shown.epochs)


def epochs_of(stack: RecordedStack) -> int:
    """Of all seeds; 0 where their number is not known beforehand."""
    return max(int(stack.config["trainer"].get("max_epochs") or 0), 0) * len(stack.seeds)


def recorded_values(store: Store, cell: SeedRun) -> CellValues:
    """What is recorded of a cell; earlier versions did not record the chosen epoch."""
    chosen = {} if cell.chosen_epoch is None else {CHOSEN_EPOCH: cell.chosen_epoch}
    return {"outcome": cell.outcome, **chosen, **_named(store.values(cell))}


def values_now(result: SeedResult, planned: PlannedCells, recorded: CellValues) -> CellValues:
    """What a cell has now, to be held against what is recorded of it."""
    points = [
        point for point in result.recorded_points(planned.epochs) if math.isfinite(point[2]) and point[0] != SECONDS
    ]
    names = metric_names(dict.fromkeys(name for name, _, _ in points))
    values = {(names[label], epoch): value for label, epoch, value in points}
    now = {"outcome": result.outcome, CHOSEN_EPOCH: float(result.epoch), **_named(values)}
    return measured_then(recorded, now, task_class(planned.variant.config).LATER_METRICS)


def _named(values: Mapping[tuple[str, int], float]) -> CellValues:
    """Epochs as the store counts them, from 0; a final metric has none."""
    return {f"{name} epoch {at}" if is_curve(name) else name: value for (name, at), value in values.items()}
