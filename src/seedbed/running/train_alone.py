"""Trains recorded seeds again, each alone instead of in its stack, and measures how far rounding takes their results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike

from seedbed.errors import TrackingError
from seedbed.paths import expanded, make_importable
from seedbed.recorded import SECONDS
from seedbed.report.analysis import analyse
from seedbed.report.trained_alone import Rounding, rounding_of
from seedbed.results import TrainedAlone
from seedbed.running.cell_checks import differing, metric_of
from seedbed.running.retraining import (
    CELLS,
    FinishedCell,
    PreparedStack,
    RecordedStack,
    epochs_of,
    finished_cells,
    prepare_stacks,
    recorded_values,
    stacks_of,
    train_again,
    values_now,
)
from seedbed.statistics import finite
from seedbed.tracking.aggregates import final_metrics
from seedbed.tracking.launches import find_tracked, on_data_set
from seedbed.tracking.names import metric_names
from seedbed.tracking.reading import read_results
from seedbed.tracking.runs import Launch, SeedRun
from seedbed.tracking.store import Store
from seedbed.training.progress import Display
from seedbed.training.seed_results import SeedResult
from seedbed.training.workers import Workers


@dataclass(frozen=True)
class RoundingMeasurement:
    """How far the chosen cells end from their records when they are trained alone."""

    about: str
    variants: tuple[Rounding, ...]
    changed: tuple[str, ...]
    """What else is not as it was when they were trained."""
    failures: tuple[str, ...]
    recorded: bool = True
    """Whether anything was; what was trained while something else had changed is not, as rounding may not be all."""

    def __str__(self) -> str:
        changed = ["", "Apart from the stack, this has changed since:", *(f"  {entry}" for entry in self.changed)]
        but = ", but for the cells for which something else is not as it was" if self.changed else ""
        end = [f"Recorded{but}: reports of these cells say it, and 'seedbed verify' allows for it."]
        if not self.recorded:
            end = [
                "Not recorded, as the differences may be more than rounding. Measure them on what the cells were trained on."
            ]
        end = end if self.variants else []
        lines = [self.about, "", *map(str, self.variants), *self.failures]
        return "\n".join([*lines, *(changed if self.changed else []), "", *end]).rstrip()


def measure_rounding(
    name: str,
    run: str | None = None,
    *,
    cells: int | None = CELLS,
    variant: str | None = None,
    data_set: str | None = None,
    config_dir: str | PathLike[str] | None = None,
    display: Display | None = None,
) -> RoundingMeasurement:
    """Train so many ``cells`` (None: all) of a launch again, each seed alone, and record what comes out beside the record.

    ``name`` and ``run`` name the launch: see ``tracking.launches.find_tracked``; of one over several data sets, ``data_set`` says
    which. Cells that were trained alone are left out.
    Raises a ``SeedbedError`` for what cannot be found, and where no cell was trained in a stack of several seeds.
    """
    if config_dir is not None:
        make_importable(expanded(config_dir).resolve())
    store, found = find_tracked(name, config_dir, run)
    launch = on_data_set(store, found, data_set)
    display = display or Display(quiet=True)
    with display:
        stacked = _stacked(store, finished_cells(store, launch, variant), launch)
        chosen = stacked if cells is None else stacked[:cells]
        prepared = prepare_stacks(store, chosen, display)
        alone, failures = _train_alone(store, prepared, display)
    unlike = {each.stack.cells[0].fingerprint for each in prepared if each.changed}
    by_rounding = [cell for cell in alone if cell.fingerprint not in unlike]
    if by_rounding:
        store.record_trained_alone(launch, by_rounding)
    analysis = analyse(read_results(store, launch, curves=False))
    on = f" on {launch.data_set}" if launch.data_set else ""
    about = (
        f"{store.experiment}{on}, launch {launch.id[:8]}: {len(chosen)} of {len(stacked)} cells that were trained in a "
        f"stack, again and each seed alone. Differences in {analysis.metric}:"
    )
    changed = dict.fromkeys(entry for each in prepared if each.planned for entry in each.changed)
    variants = tuple(rounding_of(alone, analysis.metric, analysis.summaries))
    return RoundingMeasurement(about, variants, tuple(changed), tuple(failures), bool(by_rounding))


def _stacked(store: Store, finished: Sequence[FinishedCell], launch: Launch) -> list[RecordedStack]:
    """A stack of one for each cell that was trained beside other seeds, in the order of the cells."""
    alone = {
        cell.id: replace(stack, seeds=(cell.seed,), guessed="", cells=[cell])
        for stack in stacks_of(store, finished)
        if len(stack.seeds) > 1
        for cell in stack.cells
    }
    if not alone:
        raise TrackingError(
            f"Launch {launch.id[:8]} of {store.experiment!r}: each of its {len(finished)} trained cells was trained "
            "alone, so there is no stack to compare with. Cells of a launch with several seeds and trainer.seeds_at_once "
            "above 1 have one."
        )
    return [alone[cell.run.id] for cell in finished if cell.run.id in alone]


def _train_alone(
    store: Store, stacks: Sequence[PreparedStack], display: Display
) -> tuple[list[TrainedAlone], list[str]]:
    """What came of each cell, and what failed."""
    alone: list[TrainedAlone] = []
    failures: list[str] = []
    display.begin(sum(epochs_of(prepared.stack) for prepared in stacks if prepared.planned))
    with Workers() as workers:
        for number, prepared in enumerate(stacks, 1):
            stack = prepared.stack
            (cell,) = stack.cells
            name = f"{cell.variant}, seed {cell.seed}"
            if failure := prepared.failure or _other_recipe(prepared, cell):
                failures.append(f"{name}: {failure}")
                continue
            assert prepared.planned is not None
            display.say(f"Training {name}, alone (cell {number} of {len(stacks)}) ...")
            try:
                (result,) = train_again(stack, prepared.planned, workers, display)
                alone.append(_compared(store, cell, result, prepared))
            except Exception as error:  # the others count
                failures.append(f"{name}: FAILED: {type(error).__name__}: {error}")
    return alone, failures


def _other_recipe(prepared: PreparedStack, cell: SeedRun) -> str:
    """Why a difference would not be one of rounding."""
    assert prepared.planned is not None
    if prepared.planned.fingerprints[cell.seed] == cell.fingerprint:
        return ""
    changed = "; ".join([*prepared.changed, *(f"code: {entry}" for entry in prepared.code)])
    return f"NOT COMPARABLE, and not trained: {changed}. The difference would not be rounding alone."


def _compared(store: Store, cell: SeedRun, result: SeedResult, prepared: PreparedStack) -> TrainedAlone:
    assert prepared.planned is not None
    recorded = recorded_values(store, cell)
    _, differences = differing(recorded, values_now(result, prepared.planned, recorded))
    largest: dict[str, float] = {}
    for difference in differences:
        if math.isfinite(difference.size):
            largest.setdefault(metric_of(difference.what), difference.size)  # the largest comes first
    return TrainedAlone(
        cell.variant,
        cell.seed,
        cell.fingerprint,
        stacked=_finals(cell.metrics),
        alone=_finals(_last_values(result)),
        outcomes=(cell.outcome, result.outcome),
        largest=largest,
    )


def _last_values(result: SeedResult) -> dict[str, float]:
    """The last value of each metric, by the store's names."""
    last = {label: value for label, _, value in result.curves} | dict(result.metrics)
    names = metric_names(last)
    return {names[label]: value for label, value in last.items()}


def _finals(metrics: dict[str, float]) -> dict[str, float]:
    finals = final_metrics(metrics)
    return {name: value for name, value in finals.items() if name != SECONDS and bool(finite(value))}
