"""Trains chosen cells again as they were recorded, and compares what comes out with the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from seedbed.config.code import reread
from seedbed.errors import ConfigError
from seedbed.paths import expanded, make_importable
from seedbed.results import TrainedAlone
from seedbed.running.cell_checks import BITS, Allowance, CellCheck, Verification, differing
from seedbed.running.retraining import (
    CELLS,
    PreparedStack,
    RecordedStack,
    epochs_of,
    finished_cells,
    name_on,
    prepare_stacks,
    recorded_values,
    stacks_of,
    train_again,
    values_now,
)
from seedbed.tracking.launches import find_tracked, parts_of, read_plan
from seedbed.tracking.runs import Launch
from seedbed.tracking.store import Store
from seedbed.training.devices import accelerator
from seedbed.training.progress import Display
from seedbed.training.seed_results import SeedResult
from seedbed.training.workers import Workers

TOLERANCE = 1e-3
"""Allowed where bits cannot be asked for and nothing was measured."""
SLACK = 2
"""Allowed is so many times the largest difference that rounding made of a few cells: others may go further."""


def verify(
    name: str,
    run: str | None = None,
    *,
    cells: int | None = CELLS,
    variant: str | None = None,
    data_set: str | None = None,
    tolerance: float | None = None,
    config_dir: str | PathLike[str] | None = None,
    display: Display | None = None,
) -> Verification:
    """Train so many ``cells`` (None: all) of a launch again and compare every recorded value but the time.

    ``name`` and ``run`` name the launch: see ``tracking.launches.find_tracked``. Of one over several data sets they are cells of
    all, or those on ``data_set``. On a CPU with the same versions, hardware,
    threads and stack values must be the recorded ones bit for bit. Otherwise they may differ by ``tolerance``; None: by
    twice what ``train_alone.measure_rounding`` has recorded of the variant, and at least by ``TOLERANCE``. Nothing is
    written to the store. Raises a ``SeedbedError`` for what cannot be found, and for data that are not there.
    """
    if tolerance is not None and not tolerance >= 0:
        raise ConfigError(f"--tolerance {tolerance}: it must be a number from 0 on.")
    if config_dir is not None:
        make_importable(expanded(config_dir).resolve())
    reread()
    store, launch = find_tracked(name, config_dir, run)
    display = display or Display(quiet=True)
    with display:
        finished = finished_cells(store, launch, variant, data_set)
        chosen = finished if cells is None else finished[:cells]
        stacks = prepare_stacks(store, stacks_of(store, chosen), display)
        parts = parts_of(store, launch, data_set)
        allowances = _allowances(store, parts, tolerance)
        checks = _train_and_compare(store, stacks, allowances, display)
    on = f" on {launch.data_set or data_set}" if len(parts) == 1 and (launch.data_set or data_set) else ""
    over = f", on {len({cell.data_set for cell in chosen})} of {len(parts)} data sets" if len(parts) > 1 else ""
    about = (
        f"{store.experiment}{on}, launch {launch.id[:8]}: {len(chosen)} of {len(finished)} trained cells again{over}."
    )
    return Verification(about, tuple(checks[cell.run.id] for cell in chosen))


def _allowances(store: Store, parts: Sequence[Launch], tolerance: float | None) -> dict[str, Allowance]:
    """What is allowed where bits cannot be asked for, by the fingerprint of each cell of a launch, or of its parts on data sets."""
    plans = [(part, read_plan(store, part.id)) for part in parts]
    every = [fingerprint for _, plan in plans for cells in plan.values() for _, fingerprint in cells]
    alone = {cell.fingerprint: cell for cell in store.trained_alone(every)} if tolerance is None else {}
    allowances: dict[str, Allowance] = {}
    for part, plan in plans:
        command = f"seedbed verify {store.experiment} --alone{f' --data-set {part.data_set}' if part.above else ''}"
        for variant, cells in plan.items():
            fingerprints = [fingerprint for _, fingerprint in cells]
            name = name_on(part.data_set if len(parts) > 1 else "", variant)
            if tolerance is None:
                allowed = _measured_allowance(name, [alone[of] for of in fingerprints if of in alone], command)
            else:
                allowed = Allowance(tolerance, reason=f"{name}: {tolerance:g}, as --tolerance says.")
            allowances |= dict.fromkeys(fingerprints, allowed)
    return allowances


def _measured_allowance(variant: str, alone: Sequence[TrainedAlone], command: str) -> Allowance:
    largest: dict[str, float] = {}
    for cell in alone:
        for metric, size in cell.largest.items():
            largest[metric] = max(size, largest.get(metric, 0.0))
    measured = tuple((metric, SLACK * size) for metric, size in largest.items() if SLACK * size > TOLERANCE)
    return Allowance(TOLERANCE, measured, _reason(variant, len(alone), measured, command))


def _reason(variant: str, cells: int, measured: Sequence[tuple[str, float]], command: str) -> str:
    if not cells:
        return f"{variant}: {TOLERANCE:g}. How far rounding moves it has not been measured, and may be further: '{command}' does."
    of_cells = f"{cells} cell{'' if cells == 1 else 's'} trained alone ('{command}')"
    if not measured:
        return f"{variant}: {TOLERANCE:g}, as rounding moved {of_cells} by less."
    sizes = ", ".join(f"{metric} {size:.2g}" for metric, size in measured)
    return f"{variant}: twice as far as rounding moved {of_cells}: {sizes}; all else {TOLERANCE:g}."


def _allowance(prepared: PreparedStack, otherwise: Allowance) -> Allowance:
    """What is allowed of the cells of a stack: nothing but the same bits where these can be asked for."""
    settings = prepared.stack.config["trainer"]
    repeats = settings.get("deterministic") is True or _is_on_cpu(settings)
    return BITS if repeats and not prepared.changed else otherwise


def _is_on_cpu(settings: Mapping[str, Any]) -> bool:
    # Lightning's own names of others than CPU and GPU, which task=lightning takes, are no CPU.
    return settings["accelerator"] in ("auto", "cpu", "gpu", "cuda") and accelerator(settings) == "cpu"


def _train_and_compare(
    store: Store, stacks: Sequence[PreparedStack], allowances: Mapping[str, Allowance], display: Display
) -> dict[str, CellCheck]:
    """What came of each cell, by its run."""
    checks: dict[str, CellCheck] = {}
    display.begin(sum(epochs_of(prepared.stack) for prepared in stacks if prepared.planned))
    with Workers() as workers:
        for number, prepared in enumerate(stacks, 1):
            now: dict[int, SeedResult] = {}
            failure = prepared.failure
            if prepared.planned is not None:
                _show(prepared.stack, f"{number} of {len(stacks)}", display)
                try:
                    results = train_again(prepared.stack, prepared.planned, workers, display)
                    now = {result.seed: result for result in results}
                except Exception as error:  # what fails today and did not then is a finding, and the others count
                    failure = f"FAILED: {type(error).__name__}: {error}"
            for cell in prepared.stack.cells:
                name = f"{name_on(prepared.stack.data_set, cell.variant)}, seed {cell.seed}"
                if failure or prepared.planned is None:
                    checks[cell.id] = CellCheck(name, failure=failure)
                else:
                    recorded = recorded_values(store, cell)
                    values, differences = differing(recorded, values_now(now[cell.seed], prepared.planned, recorded))
                    allowance = _allowance(prepared, allowances[cell.fingerprint])
                    checks[cell.id] = CellCheck(
                        name, values, differences, prepared.changed, allowance, code=prepared.code
                    )
    return checks


def _show(stack: RecordedStack, position: str, display: Display) -> None:
    together = (
        f"seeds {', '.join(map(str, stack.seeds))} together" if len(stack.seeds) > 1 else f"seed {stack.seeds[0]}"
    )
    display.say(f"Training {stack.name} again, {together}, as then (stack {position}) ...")
