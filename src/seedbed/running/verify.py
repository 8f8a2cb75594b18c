"""Trains chosen cells again, from what is recorded of them, and compares what comes out with what was recorded."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from os import PathLike
from typing import Any

from mlflow.entities import Run

from seedbed import tracking
from seedbed.config.code import Code, reread
from seedbed.config.experiment import RECIPE_VERSION, Variant, build
from seedbed.cores import available_cores
from seedbed.data.table import Dataset
from seedbed.errors import ConfigError, TrackingError, near_misses
from seedbed.paths import expanded, make_importable
from seedbed.results import SECONDS, TrainedAlone
from seedbed.running.planning import load_table, plan_variant
from seedbed.tracking import TAG, Cell, Store
from seedbed.training.devices import accelerator, numbers
from seedbed.training.environment import environment
from seedbed.training.planned import PlannedVariant
from seedbed.training.progress import Display
from seedbed.training.seed_results import SeedResult
from seedbed.training.workers import Workers, train_in_worker

CELLS = 5
TOLERANCE = 1e-3
"""Allowed where bits cannot be asked for and nothing was measured."""
SLACK = 2
"""Allowed is so many times the largest difference that rounding made of a few cells: others may go further."""
SHOWN = 3
"""Differing values of a cell that are named, the largest first."""
CHOSEN_EPOCH = "chosen epoch"


# ---- what is found ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """A value that is not the recorded one; None: there is none on that side."""

    what: str
    recorded: float | str | None
    now: float | str | None

    @property
    def size(self) -> float:
        """Relative to the recorded value, but absolute where that is below 1; infinite where one side has none."""
        if not isinstance(self.recorded, float) or not isinstance(self.now, float):
            return math.inf
        return abs(self.now - self.recorded) / max(1.0, abs(self.recorded))

    def __str__(self) -> str:
        recorded, now = ("nothing" if value is None else str(value) for value in (self.recorded, self.now))
        return f"{self.what}: {recorded} recorded, {now} now"


def metric_of(what: str) -> str:
    """The metric of a compared value: "val/mse epoch 3" is one of "val/mse"."""
    return what.split(" epoch ", maxsplit=1)[0]


@dataclass(frozen=True)
class Allowance:
    """How far values may be from their records."""

    tolerance: float = 0.0
    """0: every value must be the recorded one, bit for bit."""
    measured: tuple[tuple[str, float], ...] = ()
    """By metric, where it is more: what rounding was measured to make of seeds trained alone, with ``SLACK``."""
    reason: str = ""
    """A sentence on what is allowed and why."""

    def of(self, difference: Difference) -> float:
        return max(self.tolerance, dict(self.measured).get(metric_of(difference.what), 0.0))

    def __str__(self) -> str:
        return "what rounding makes" if self.measured else f"{self.tolerance:g}"


BITS = Allowance()


@dataclass(frozen=True)
class Check:
    """What came of training one cell again."""

    name: str
    """Variant and seed."""
    values: int = 0
    """How many were compared."""
    differences: tuple[Difference, ...] = ()
    """The largest first."""
    changed: tuple[str, ...] = ()
    """What is not as it was when the cell was trained: entries of the environment, data, recipe."""
    allowance: Allowance = BITS
    failure: str = ""
    """Why nothing could be compared."""
    code: tuple[str, ...] = ()
    """Modules and packages that are others than those by which the cell was trained."""

    @property
    def identical(self) -> bool:
        return not self.failure and not self.differences

    @property
    def verified(self) -> bool:
        return not self.failure and not self.beyond

    @property
    def beyond(self) -> list[Difference]:
        """What differs by more than is allowed."""
        return [difference for difference in self.differences if difference.size > self.allowance.of(difference)]

    def __str__(self) -> str:
        if self.failure:
            return f"{self.name}: {self.failure}"
        name = f"{self.name}, of other code" if self.code else self.name
        if self.identical:
            return f"{name}: identical ({self.values} values)"
        if self.verified:
            largest = self.differences[0]
            return f"{name}: within {self.allowance} (largest difference {largest.size:.2g}, {largest.what})"
        beyond = self.beyond
        named = "; ".join(map(str, beyond[:SHOWN])) + (f"; {len(beyond) - SHOWN} more" if len(beyond) > SHOWN else "")
        return f"{name}: DIFFERS in {len(beyond)} of {self.values} values: {named}"


@dataclass(frozen=True)
class Verification:
    """Which launch was looked at, and what came of each chosen cell."""

    about: str
    checks: tuple[Check, ...]

    @property
    def verified(self) -> bool:
        return all(check.verified for check in self.checks)

    def __str__(self) -> str:
        return "\n".join([self.about, "", *map(str, self.checks), "", *self._changed(), self._summary()])

    def _changed(self) -> list[str]:
        """What has changed since the cells were trained, and what follows for the comparison."""
        kinds = dict.fromkeys((check.changed, check.allowance) for check in self.checks if not check.failure)
        several = len({changed for changed, _ in kinds}) > 1
        lines = self._other_code()
        for changed in dict.fromkeys(changed for changed, _ in kinds):
            if changed:
                lines.append(self._of(changed) if several else "Not as it was when these cells were trained:")
                lines += [f"  {entry}" for entry in changed]
            if any(allowance != BITS for also, allowance in kinds if also == changed):
                lines.append(
                    "Therefore sums may be rounded otherwise" if changed else "A GPU adds up in no fixed order"
                )
                lines[-1] += ", and training amplifies what differs. Allowed, of a value where it is above 1:"
                reasons = [allowance.reason for also, allowance in kinds if also == changed]
                lines += [f"  {reason}" for reason in reasons if reason]
        return [*lines, ""] if lines else []

    def _other_code(self) -> list[str]:
        """Which cells were trained by other code than today's, which was asked whether it gives the same values."""
        lines = []
        for code in dict.fromkeys(check.code for check in self.checks if check.code):
            names = "; ".join(check.name for check in self.checks if check.code == code)
            lines.append(f"Trained by other code than today's, which may give other values: {names}. Changed since:")
            lines += [f"  {entry}" for entry in code]
        return lines

    def _of(self, changed: tuple[str, ...]) -> str:
        names = "; ".join(check.name for check in self.checks if check.changed == changed)
        return f"Not as it was when {names} were trained:"

    def _summary(self) -> str:
        of_all = f"of {len(self.checks)} cell{'s' if len(self.checks) != 1 else ''}"
        identical = sum(check.identical for check in self.checks)
        near = sum(check.verified and not check.identical for check in self.checks)
        wrong = len(self.checks) - identical - near
        parts = [(identical, "bit for bit")] if identical or not near else []
        parts += [(near, f"within {self._most_allowed()}")] if near else []
        said = [f"{parts[0][0]} {of_all} repeat{'s' if parts[0][0] == 1 else ''} {parts[0][1]}"]
        said += [f"{count} {how}" for count, how in parts[1:]]
        said += [f"{wrong} do{'es' if wrong == 1 else ''} not"] if wrong else []
        return ", ".join(said) + "."

    def _most_allowed(self) -> Allowance:
        return max((check.allowance for check in self.checks), key=lambda of: (bool(of.measured), of.tolerance))


# ---- the straight line -----------------------------------------------------------------------------------------------


def verify(
    asked: str,
    run: str | None = None,
    *,
    cells: int | None = CELLS,
    variant: str | None = None,
    tolerance: float | None = None,
    config_dir: str | PathLike[str] | None = None,
    display: Display | None = None,
) -> Verification:
    """Train so many ``cells`` (None: all) of a launch again and compare every recorded value but the time.

    ``asked`` and ``run`` name the launch: see ``tracking.find_tracked``. On a CPU with the same versions, hardware,
    threads and stack values must be the recorded ones bit for bit. Otherwise they may differ by ``tolerance``; None: by
    twice what ``rounding.measure_rounding`` has recorded of the variant, and at least by ``TOLERANCE``. Nothing is
    written to the store. Raises a ``SeedbedError`` for what cannot be found, and for data that are not there.
    """
    if tolerance is not None and not tolerance >= 0:
        raise ConfigError(f"--tolerance {tolerance}: it must be a number from 0 on.")
    if config_dir is not None:
        make_importable(expanded(config_dir).resolve())
    reread()
    store, launch = tracking.find_tracked(asked, config_dir, run)
    display = display or Display(quiet=True)
    with display:
        finished = finished_cells(store, launch, variant)
        chosen = finished if cells is None else finished[:cells]
        tables: dict[str, Dataset] = {}
        stacks = [prepare(store, stack, tables, display) for stack in stacks_of(store, chosen)]
        allowances = _allowances(store, launch, tolerance)
        checks = _train_and_compare(store, stacks, allowances, display)
    about = (
        f"{store.experiment}, launch {launch.info.run_id[:8]}: {len(chosen)} of {len(finished)} trained cells again."
    )
    return Verification(about, tuple(checks[cell.run_id] for cell in chosen))


def _allowances(store: Store, launch: Run, tolerance: float | None) -> dict[str, Allowance]:
    """What is allowed where bits cannot be asked for, by the fingerprint of each cell of the launch."""
    plan = tracking.read_plan(store.run(launch.info.run_id))
    found: dict[str, Allowance] = {}
    for variant, cells in plan.items():
        prints = [print_ for _, print_ in cells]
        if tolerance is None:
            alone = store.trained_alone(prints)
            allowed = _measured_allowance(variant, alone, f"seedbed verify {store.experiment} --alone")
        else:
            allowed = Allowance(tolerance, reason=f"{variant}: {tolerance:g}, as --tolerance says.")
        found |= dict.fromkeys(prints, allowed)
    return found


def _measured_allowance(variant: str, alone: Sequence[TrainedAlone], command: str) -> Allowance:
    largest: dict[str, float] = {}
    for cell in alone:
        for metric, size in cell.largest.items():
            largest[metric] = max(size, largest.get(metric, 0.0))
    measured = tuple((metric, SLACK * size) for metric, size in largest.items() if SLACK * size > TOLERANCE)
    return Allowance(TOLERANCE, measured, _reason(variant, len(alone), measured, command))


def _reason(variant: str, cells: int, measured: Sequence[tuple[str, float]], command: str) -> str:
    if not cells:
        return f"{variant}: {TOLERANCE:g}. How far rounding takes it is not measured, and may be further: '{command}' does."
    of_cells = f"{cells} cell{'' if cells == 1 else 's'} trained alone ('{command}')"
    if not measured:
        return f"{variant}: {TOLERANCE:g}, and rounding made less of {of_cells}."
    sizes = ", ".join(f"{metric} {size:.2g}" for metric, size in measured)
    return f"{variant}: twice what rounding made of {of_cells}: {sizes}; all else {TOLERANCE:g}."


def finished_cells(store: Store, launch: Run, variant: str | None) -> list[Cell]:
    """Trained cells of the launch, wherever they were trained: the first seed of each variant, then the second ..."""
    if tracking.READABLE not in launch.data.tags:
        raise TrackingError(f"Launch {launch.info.run_id} ended before its first variant: there is nothing to verify.")
    plan = tracking.read_plan(store.run(launch.info.run_id))
    if variant is not None and variant not in plan:
        raise ConfigError(
            f"--variant {variant}: launch {launch.info.run_id[:8]} of {store.experiment!r} has no such variant, "
            f"{near_misses(variant, plan)}"
        )
    planned = [cells for name, cells in plan.items() if variant in (None, name)]
    prints = [cell[1] for of_one_rank in zip_longest(*planned) for cell in of_one_rank if cell is not None]
    found = store.cells(prints)
    if not found:
        raise TrackingError(
            f"Launch {launch.info.run_id[:8]} of {store.experiment!r} has no trained cell to verify"
            f"{f' of variant {variant!r}' if variant else ''}. Look at 'seedbed status {store.experiment}'."
        )
    return [found[print_] for print_ in dict.fromkeys(prints) if print_ in found]  # two variants may share a cell


# ---- what is recorded ------------------------------------------------------------------------------------------------


@dataclass
class Stack:
    """Seeds that were trained together, and those of them that are to be compared."""

    variant: str
    seeds: tuple[int, ...]
    threads: int
    config: dict[str, Any]
    launch: str
    environment: dict[str, str]
    """Of the launch that trained it."""
    guessed: str = ""
    """That it is not recorded which seeds these were; "" where it is."""
    cells: list[tuple[Cell, Run]] = field(default_factory=list)


def stacks_of(store: Store, chosen: Sequence[Cell]) -> list[Stack]:
    """One stack for all cells that were trained in it."""
    stacks: dict[tuple[str, tuple[int, ...]], Stack] = {}
    for cell in chosen:
        run = store.client.get_run(cell.run_id)
        variant_run = run.data.tags[tracking.PARENT]
        seeds = _seeds_of_stack(store, variant_run, cell, run)
        if (variant_run, seeds) not in stacks:
            stacks[variant_run, seeds] = _stack(store, variant_run, seeds, cell, run)
        stacks[variant_run, seeds].cells.append((cell, run))
    return list(stacks.values())


def _stack(store: Store, variant_run: str, seeds: tuple[int, ...], cell: Cell, run: Run) -> Stack:
    config = tracking.read_config(store, variant_run)
    # One process trains one stack at a time, however many devices there were; it needs not all of them.
    config["trainer"] = config["trainer"] | {"devices": 1}
    recorded: dict[str, str] = json.loads(store.run(cell.launch).text(tracking.ENVIRONMENT))
    threads = run.data.tags.get(tracking.THREADS, recorded["threads"])
    # More threads than cores would take turns, and each wait for the others.
    at_most = min(int(threads), available_cores())
    known = tracking.STACK in run.data.tags or len(seeds) == 1
    guessed = "" if known else f"stack: {len(seeds)} seeds recorded, taken for {', '.join(map(str, seeds))} now"
    return Stack(cell.variant, seeds, at_most, config, cell.launch, recorded | {"threads": threads}, guessed)


def _seeds_of_stack(store: Store, variant_run: str, cell: Cell, run: Run) -> tuple[int, ...]:
    """The seeds trained with a cell, in their order: the size of a stack changes how sums are rounded.

    Earlier versions recorded the size only: then seeds of the same size are taken in groups, by rising seed.
    """
    if stack := run.data.tags.get(tracking.STACK):
        return tuple(map(int, stack.split(",")))
    size = int(run.data.params.get(tracking.AT_ONCE, 1))
    alike = [
        int(other.data.tags[f"{TAG}seed"])
        for other in store.children(variant_run)
        if other.data.params.get(tracking.AT_ONCE) == str(size)
    ]
    alike = sorted({*alike, cell.seed})
    start = alike.index(cell.seed) // size * size
    return tuple(alike[start : start + size])


# ---- what it is now --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prepared:
    """A stack with the data of today, or why these cannot be used."""

    stack: Stack
    planned: PlannedVariant | None
    changed: tuple[str, ...]
    """What is not as it was when the stack was trained."""
    code: tuple[str, ...] = ()
    """Modules and packages that are others than those by which it was trained."""

    @property
    def failure(self) -> str:
        if self.planned is not None:
            return ""
        return f"NOT COMPARABLE, and not trained: {'; '.join(self.changed)}. Put back what it was trained on."

    def allowance(self, otherwise: Allowance) -> Allowance:
        """Nothing but the same bits where these can be asked for."""
        settings = self.stack.config["trainer"]
        repeats = accelerator(settings) == "cpu" or settings["deterministic"] is True
        return BITS if repeats and not self.changed else otherwise


def prepare(store: Store, stack: Stack, tables: dict[str, Dataset], display: Display) -> Prepared:
    """Load and split the data: everything that can be wrong is found here, before any training."""
    config = stack.config
    key = json.dumps(config["data"], sort_keys=True)
    if key not in tables:
        tables[key] = load_table(config["data"], display)
    table = tables[key]
    if changed := _changed_data(store, stack, table):
        return Prepared(stack, None, tuple(changed))
    try:
        split, strategy = build(config["split"], "split"), build(config["imbalance"], "imbalance")
        rows = {seed: split.rows(table, seed) for seed in stack.seeds}
        planned = plan_variant(Variant(stack.variant, (), config), table, rows, strategy)
    except KeyError as error:
        raise ConfigError(
            f"The recorded config of variant {stack.variant!r} (launch {stack.launch[:8]}) lacks the key {error}, which "
            f"this version of seedbed needs: it was recorded by another one. Train it anew: seedbed run {store.experiment}"
        ) from error
    now_other = (*_changed_recipe(store, stack, planned), *_changed_environment(stack))
    return Prepared(stack, planned, now_other, tuple(_changed_code(stack, planned)))


def _changed_code(stack: Stack, planned: PlannedVariant) -> list[str]:
    """What is other code today than that which trained the stack."""
    trained_by = stack.cells[0][0].code
    if trained_by is not None:
        return trained_by.changed(planned.code)
    return [f"{name} (then not recorded)" for name in Code().changed(planned.code)]


def _changed_data(store: Store, stack: Stack, table: Dataset) -> list[str]:
    """How the data are others than those that the stack was trained on."""
    recorded, launch = stack.cells[0][1].data.tags[tracking.DATA_DIGEST], store.run(stack.launch)
    if recorded != table.digest:
        return [f"data {table.name}: SHA-256 {recorded[:16]} recorded, {table.digest[:16]} now"]
    # What is recorded of a launch is about its first variant.
    if tracking.read_config(store, stack.launch)["data"] != stack.config["data"]:
        return []
    made_with = json.loads(launch.text(tracking.DATA)).get("made_with", dict(table.made_with))
    return _changed_entries(made_with, table.made_with, "data made with ")


def _changed_recipe(store: Store, stack: Stack, planned: PlannedVariant) -> list[str]:
    """Why the fingerprint of a cell, but for the code, is another one today."""
    if all(planned.recipes[cell.seed] == cell.recipe for cell, _ in stack.cells):
        return []
    notes = json.loads(store.run(stack.launch).text(tracking.NOTES)).get(stack.variant, [])
    described = {"strategy": " ".join(notes)}, {"strategy": " ".join(planned.strategy.describe())}
    recipe = stack.cells[0][1].data.tags.get(tracking.RECIPE, "none")
    reasons = [
        *_changed_entries(*described),
        *_changed_entries({"recipe version": recipe}, {"recipe version": str(RECIPE_VERSION)}),
    ]
    return reasons or ["fingerprint: this version of seedbed gives another one to the recorded config"]


def _changed_environment(stack: Stack) -> list[str]:
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


# ---- training and comparing ------------------------------------------------------------------------------------------


def _train_and_compare(
    store: Store, stacks: Sequence[Prepared], allowances: Mapping[str, Allowance], display: Display
) -> dict[str, Check]:
    """What came of each cell, by its run."""
    checks: dict[str, Check] = {}
    display.begin(sum(epochs_of(prepared.stack) for prepared in stacks if prepared.planned))
    with Workers() as workers:
        for number, prepared in enumerate(stacks, 1):
            results: list[SeedResult] = []
            failure = prepared.failure
            if prepared.planned is not None:
                _show(prepared.stack, f"{number} of {len(stacks)}", display)
                try:
                    results = train_again(prepared.stack, prepared.planned, workers, display)
                except Exception as error:  # what fails today and did not then is a finding, and the others count
                    failure = f"FAILED: {type(error).__name__}: {error}"
                display.at(prepared.stack.variant, *_position(prepared.stack), epochs_of(prepared.stack))
            by_seed = {result.seed: result for result in results}
            for cell, run in prepared.stack.cells:
                name = f"{cell.variant}, seed {cell.seed}"
                if failure:
                    checks[cell.run_id] = Check(name, failure=failure)
                else:
                    now = values_now(by_seed[cell.seed], prepared.stack.config)
                    found = differing(recorded_values(store, cell, run), now)
                    allowance = prepared.allowance(allowances[cell.fingerprint])
                    checks[cell.run_id] = Check(name, *found, prepared.changed, allowance, code=prepared.code)
    return checks


def train_again(stack: Stack, planned: PlannedVariant, workers: Workers, display: Display) -> list[SeedResult]:
    """In a process of its own, which has trained nothing else, with as many threads as then."""
    task, settings = planned.trainer.task, planned.trainer.settings
    data = [planned.seed_data(seed, display) for seed in stack.seeds]
    pool = workers.pool(settings, numbers(settings)[:1], stack.threads)
    return pool.submit(train_in_worker, stack.config, task.for_training(planned.table), data, planned.code).result()


def _show(stack: Stack, position: str, display: Display) -> None:
    together = (
        f"seeds {', '.join(map(str, stack.seeds))} together" if len(stack.seeds) > 1 else f"seed {stack.seeds[0]}"
    )
    display.say(f"Training {stack.variant} again, {together}, as then (stack {position}) ...")
    display.at(stack.variant, *_position(stack), 0)


def _position(stack: Stack) -> tuple[int, int, int]:
    """Epoch, epochs and seeds for the display, which hears of a stack when it begins and when it is trained."""
    epochs = int(stack.config["trainer"]["max_epochs"])
    return epochs, epochs, len(stack.seeds)


def epochs_of(stack: Stack) -> int:
    return int(stack.config["trainer"]["max_epochs"]) * len(stack.seeds)


Values = dict[str, float | str]


def recorded_values(store: Store, cell: Cell, run: Run) -> Values:
    values = store.values(run)
    chosen = run.data.params.get(tracking.CHOSEN_EPOCH)
    return {"outcome": cell.outcome, **({CHOSEN_EPOCH: float(chosen)} if chosen else {}), **_named(values)}


def values_now(result: SeedResult, config: Mapping[str, Any]) -> Values:
    points = [point for point in result.recorded_points(config) if math.isfinite(point[2]) and point[0] != SECONDS]
    names = tracking.metric_names(dict.fromkeys(name for name, _, _ in points))
    values = {(names[label], epoch): value for label, epoch, value in points}
    return {"outcome": result.outcome, CHOSEN_EPOCH: float(result.epoch), **_named(values)}


def _named(values: Mapping[tuple[str, int], float]) -> Values:
    """Epochs as the store counts them, from 0; a final metric has none."""
    return {f"{name} epoch {at}" if tracking.is_curve(name) else name: value for (name, at), value in values.items()}


def differing(recorded: Values, now: Values) -> tuple[int, tuple[Difference, ...]]:
    """How many values there are, and those that differ, the largest difference first."""
    every = dict.fromkeys([*recorded, *now])
    found = [
        Difference(what, recorded.get(what), now.get(what)) for what in every if recorded.get(what) != now.get(what)
    ]
    return len(every), tuple(sorted(found, key=lambda difference: -difference.size))
