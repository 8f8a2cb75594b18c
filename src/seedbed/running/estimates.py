"""How long what is missing of a plan would train, and in how much memory: from earlier cells, or measured in a few steps."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean

import torch

from seedbed.compiled.starting import compile_steps
from seedbed.data.dry import DryRun
from seedbed.models.estimators import FittedEstimator
from seedbed.models.fits import starts_others
from seedbed.own_modules.planned import PlannedModule
from seedbed.own_modules.short_fits import module_times, parameters_of_module
from seedbed.recorded import SECONDS
from seedbed.stacking.engines import COMPILED
from seedbed.tasks.base import SeedData
from seedbed.threads import own_cores
from seedbed.tracking.runs import SeedRun
from seedbed.training.devices import accelerator, numbers
from seedbed.training.memory import resident
from seedbed.training.planned import PlannedCells, PlannedVariant
from seedbed.training.progress import Display
from seedbed.training.seed_fits import SECONDS_TO_START as SECONDS_TO_START_FITS
from seedbed.training.short_fits import fit_times, seconds_of_fit
from seedbed.training.stack_size import groups_of, seeds_at_once, seeds_in_memory
from seedbed.training.stacks_at_once import SECONDS_TO_START, stacks_at_once

MEASURED, EARLIER = "measured", "earlier runs"
PROCESSES, COMPILING, FIRST = "processes that start", "compiled steps", "the first fit"
"""What is paid once."""
SECONDS_OF_A_RECORD = 0.05
"""That records of a cell take beside its training, which they slow down."""
SIDES = ("train", "val", "test")


@dataclass(frozen=True)
class Estimate:
    """What is known beforehand of the missing cells of a variant."""

    rows: Mapping[str, int]
    """Of each side, under the first seed."""
    trains_on: int | None
    """Rows, where a strategy makes others of those to train on; None: these rows, or not known."""
    parameters: int | None
    """That a seed learns; None: not known, or of a model that has none."""
    epochs: int
    """0: not known, or none."""
    seconds: float | None
    """Of all missing cells; 0.0 where none is missing, None where it cannot be known."""
    source: str
    """MEASURED, EARLIER, or "" where there is nothing to say."""
    at_most: bool
    """Whether early stopping may end it sooner."""
    memory: int
    """Bytes of this process at most, where it was measured; 0 where it was not."""
    gpu_memory: int = 0
    in_stacks: bool = False
    """Whether its seeds train in stacks."""
    at_once: int = 1
    """How many stacks, or seeds that train apart, there are at a time."""
    of_stacks: tuple[float, ...] = ()
    """Seconds of each stack, where they train in processes beside those of other variants."""
    beside_stacks: float = 0.0
    """Seconds of what this process does meanwhile."""
    why_unknown: str = ""


def seconds_of_all(estimates: Sequence[Estimate]) -> float:
    """Of all that is known: in processes, each stack begins in the first that is free."""
    apart = [each for each in estimates if each.of_stacks]
    alone = sum(each.seconds or 0.0 for each in estimates if not each.of_stacks)
    ends = [0.0] * max((each.at_once for each in apart), default=1)
    for seconds in (seconds for each in apart for seconds in each.of_stacks):
        ends[ends.index(min(ends))] += seconds
    return alone + max(*ends, sum(each.beside_stacks for each in apart))


@dataclass
class Estimates:
    """Estimates the variants of a plan one after the other, in the order in which they would train."""

    recorded: Iterable[SeedRun]
    dry: DryRun
    display: Display
    once: dict[str, float] = field(default_factory=dict)
    """Seconds that are paid once, whatever trains, by what they are for."""

    def __post_init__(self) -> None:
        host = socket.gethostname()
        self._earlier: dict[str, list[SeedRun]] = {}
        for cell in self.recorded:
            if cell.usable and not cell.imported and cell.host == host and cell.metrics.get(SECONDS):
                self._earlier.setdefault(cell.recipe, []).append(cell)

    def of(self, planned: PlannedCells, missing: Sequence[int], beside: int) -> Estimate:
        """Of the seeds ``missing`` of a variant, while so many others wait ``beside`` it whose seeds train in stacks."""
        if missing:
            self.display.say_once("Measuring a few steps ...")
        try:
            if isinstance(planned, PlannedModule):
                return self._of_module(planned, missing)
            assert isinstance(planned, PlannedVariant)
            return self._of_variant(planned, missing, beside)
        except Exception as error:  # what fails here would fail a seed, and not the run
            if not missing:
                return replace(_nothing_known(planned), seconds=0.0)
            said = f"{type(error).__name__}: {' '.join(str(error).split())}"
            return replace(_nothing_known(planned), why_unknown=said)

    def _cells(self, planned: PlannedCells) -> list[SeedRun]:
        """Earlier cells of the recipe, under whatever seed and code."""
        return [cell for recipe in planned.recipes.values() for cell in self._earlier.get(recipe, ())]

    # ---- seeds in stacks, and models that are fitted -----------------------------------------------------------------

    def _of_variant(self, planned: PlannedVariant, missing: Sequence[int], beside: int) -> Estimate:
        seed = missing[0] if missing else next(iter(planned.rows))
        data, preparing = self._prepared(planned, seed)
        known = replace(
            _nothing_known(planned),
            trains_on=_trained_on(planned, data),
            parameters=_parameters(planned),
            seconds=0.0,
        )
        if not missing:
            return known
        if not planned.trainer.traits.takes_steps:
            return self._of_fits(planned, data, missing, preparing, known)
        return self._of_stacks(planned, data, missing, beside, preparing, known)

    def _prepared(self, planned: PlannedVariant, seed: int) -> tuple[SeedData, float]:
        """The rows of a seed, and the seconds that a run takes to prepare them."""
        noted, start = len(self.dry.ahead), time.perf_counter()
        data = planned.seed_data(seed, self.display)
        seconds = time.perf_counter() - start
        seconds += sum(each.seconds - each.spent for each in self.dry.since(noted))
        del self.dry.ahead[noted:]  # counted here, for each seed
        return data, seconds

    def _of_stacks(
        self,
        planned: PlannedVariant,
        data: SeedData,
        missing: Sequence[int],
        beside: int,
        preparing: float,
        known: Estimate,
    ) -> Estimate:
        builder = planned.trainer.builder
        held = groups_of(missing, seeds_in_memory(builder.parts))[0]
        like = [replace(data, seed=seed) for seed in held]
        start = time.perf_counter()  # what is measured to choose them is measured by the run, too
        size, device_count = seeds_at_once(builder, like), len(numbers(planned.trainer.settings))
        if device_count > 1:
            size = min(size, math.ceil(len(like) / device_count))
        stacks = groups_of(like, size)
        at_once = min(device_count, len(stacks))
        if device_count == 1:
            at_once = stacks_at_once(builder, stacks, beside, started=PROCESSES in self.once)
        apart, choosing = at_once > 1, time.perf_counter() - start
        is_cpu = accelerator(planned.trainer.settings) == "cpu"
        threads = max(1, torch.get_num_threads() // at_once) if is_cpu else torch.get_num_threads()
        if builder.engine(like) == COMPILED and COMPILING not in self.once:
            start = time.perf_counter()
            compile_steps()
            self.once[COMPILING] = time.perf_counter() - start
        times = fit_times(planned, data, [item.seed for item in stacks[0]], threads)
        if cells := self._cells(planned):
            fit = mean(cell.metrics[SECONDS] for cell in cells) * times.seeds
        else:
            fit = times.recorded(known.epochs, builder.steps(data))
        if apart:
            self.once[PROCESSES] = SECONDS_TO_START
        self.once[FIRST] = max(self.once.get(FIRST, 0.0), times.first)
        of_main = choosing + len(missing) * (preparing + SECONDS_OF_A_RECORD)
        of_stacks = tuple((fit + times.around) * len(stack) / times.seeds for stack in groups_of(missing, size))
        prepared = (len(held) - 1) * builder.parts.task.bytes_of_a_seed(planned.table)
        return replace(
            known,
            seconds=max(of_main, sum(of_stacks) / at_once) if apart else of_main + sum(of_stacks),
            source=EARLIER if cells else MEASURED,
            at_most=not cells and planned.variant.config["patience"] is not None,
            memory=(times.memory + prepared) + (times.memory * at_once if apart else 0),
            gpu_memory=times.gpu_memory,
            in_stacks=True,
            at_once=at_once,
            of_stacks=of_stacks if apart else (),
            beside_stacks=of_main if apart else 0.0,
        )

    def _of_fits(
        self, planned: PlannedVariant, data: SeedData, missing: Sequence[int], preparing: float, known: Estimate
    ) -> Estimate:
        if cells := self._cells(planned):
            fit = whole = mean(cell.metrics[SECONDS] for cell in cells)
            memory = resident()
        else:
            fit, whole, memory = seconds_of_fit(planned, data)
        network, rest, cores = planned.trainer.parts.network(), len(missing) - 1, own_cores()
        processes = min(cores, rest)
        alone = not isinstance(network, FittedEstimator) or starts_others(network.estimator)
        if alone or processes < 2 or fit * rest * (1 - 1 / processes) <= SECONDS_TO_START_FITS:
            processes = 1
        others = rest * (fit / processes + whole - fit)
        return replace(
            known,
            seconds=whole + others + len(missing) * (preparing + SECONDS_OF_A_RECORD),
            source=EARLIER if cells else MEASURED,
            memory=memory,
            at_once=processes,
        )

    # ---- modules of a user's -----------------------------------------------------------------------------------------

    def _of_module(self, planned: PlannedModule, missing: Sequence[int]) -> Estimate:
        seed = missing[0] if missing else next(iter(planned.fingerprints))
        known = replace(_nothing_known(planned), parameters=parameters_of_module(planned, seed), seconds=0.0)
        if not missing:
            return known
        cells, memory = self._cells(planned), resident()
        at_once = min(planned.at_once, len(missing))
        if cells:
            seconds: float | None = mean(cell.metrics[SECONDS] for cell in cells)
        elif planned.processes:
            return replace(known, seconds=None, why_unknown="Lightning trains it in processes of its own")
        else:
            times = module_times(planned, seed)
            seconds, memory = times.seconds, times.memory
        if seconds is None:
            return replace(known, seconds=None, memory=memory, why_unknown="how long an epoch is shows when it is over")
        return replace(
            known,
            seconds=seconds * math.ceil(len(missing) / at_once) + len(missing) * SECONDS_OF_A_RECORD,
            source=EARLIER if cells else MEASURED,
            at_most=not cells and (_may_stop(planned) or (planned.finds_at_once and len(missing) > 2)),
            memory=memory * (at_once + 1 if at_once > 1 else 1),
            at_once=at_once,
        )


def _nothing_known(planned: PlannedCells) -> Estimate:
    """What the plan says by itself."""
    if isinstance(planned, PlannedModule):
        rows = dict(planned.sizes)
    else:
        assert isinstance(planned, PlannedVariant)
        rows = dict(next(iter(planned.rows.values())).sizes)
    takes_steps = not isinstance(planned, PlannedVariant) or planned.trainer.traits.takes_steps
    return Estimate(
        rows={side: rows[side] for side in SIDES if side in rows},
        trains_on=None,
        parameters=None,
        epochs=planned.epochs if takes_steps else 0,
        seconds=None,
        source="",
        at_most=False,
        memory=0,
    )


def _trained_on(planned: PlannedVariant, data: SeedData) -> int | None:
    """Rows of a seed that its strategy has made of those to train on; None where they are these."""
    rows = len(planned.trainer.task.stack_data(planned.table, [data]).train[0])
    return None if rows == len(data.rows.train) else rows


def _parameters(planned: PlannedVariant) -> int | None:
    trainer = planned.trainer
    return trainer.builder.parameters if trainer.traits.takes_steps else None


def _may_stop(planned: PlannedModule) -> bool:
    callbacks = planned.variant.config["callbacks"].values()
    return any("EarlyStopping" in str(node.get("_target_")) for node in callbacks)
