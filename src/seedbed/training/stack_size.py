"""How many seeds of a variant to stack: as set, or measured, and no more than fit into memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import psutil
import torch

from seedbed.garbage import give_back
from seedbed.stacking.batches import ShuffledBatches
from seedbed.stacking.engines import COMPILED
from seedbed.stacking.measure import fastest_stack, is_worth_measuring
from seedbed.stacking.module import StackedModule
from seedbed.tasks.base import SeedData
from seedbed.torch_random import global_stream
from seedbed.training import devices
from seedbed.training.parts import VariantParts
from seedbed.training.stacks import StackBuilder

T = TypeVar("T")

# What a seed of a stack takes beside the data: weights, gradients, two moments, the first weights of this epoch and the
# last, those of the best one and of the network it was made from; numbers of its rows in their order, and what is kept
# of an evaluated row.
COPIES_OF_PARAMETERS = 8
BYTES_OF_A_ROW = 32
# Stack sizes found by measurement in this process, by what decides the time of a step.
_MEASURED: dict[str, int] = {}


def seeds_in_memory(parts: VariantParts) -> int | None:
    """How many seeds' rows to hold at a time, None for all: rows that are prepared for each seed add up."""
    of_a_seed = parts.task.bytes_of_a_seed(parts.table)
    return max(1, int(0.5 * psutil.virtual_memory().available / of_a_seed)) if of_a_seed else None


def seeds_at_once(builder: StackBuilder, data: Sequence[SeedData]) -> int:
    """How many of these seeds to stack: as set, or measured; 1 where the network has no stacked form."""
    wanted = builder.parts.settings["seeds_at_once"]
    if len(data) == 1 or not builder.traits.is_stackable:
        return 1
    if wanted != "auto":
        return min(int(wanted), len(data))
    device = devices.torch_device(builder.parts.settings)
    fitting = data[: _that_fit(builder.parts, data[0], device)]
    if len(fitting) == 1 or builder.engine(data) == COMPILED:  # whose seeds train apart, so that no size is faster
        return len(fitting)
    return _fastest(builder, fitting, device)


def _fastest(builder: StackBuilder, data: Sequence[SeedData], device: torch.device) -> int:
    """The size of the fastest stack of these seeds, measured where it is worth the time; else all of them."""
    seeds, key = [item.seed for item in data], deciding_time(builder.parts, len(data))
    if key not in _MEASURED:
        if not is_worth_measuring(len(seeds), builder.steps(data[0])):
            return len(seeds)
        by_seed = {item.seed: item for item in data}

        def some(chosen: Sequence[int]) -> tuple[StackedModule, ShuffledBatches]:
            stack = builder.stack([by_seed[seed] for seed in chosen], device)
            return stack.module, stack.batches

        _MEASURED[key] = fastest_stack(some, seeds, device)
        give_back()  # of the stacks that were measured
    return _MEASURED[key]


def deciding_time(parts: VariantParts, seeds: int, *more: Any) -> str:
    """What decides the time of a step, and ``more``.

    The sampling of rows does not matter for it, so that one measurement serves all variants. Nor do learning rate and
    decay, of which a search tries many.
    """
    optimizer = {key: value for key, value in parts.config["optimizer"].items() if not isinstance(value, float)}
    settings = {key: value for key, value in parts.settings.items() if key != "max_epochs"}
    arguments = repr(parts.task.network_arguments(parts.table))
    shape = [parts.config["model"], parts.config["task"], optimizer, settings, arguments, seeds, more]
    return json.dumps(shape, sort_keys=True)


def _that_fit(parts: VariantParts, data: SeedData, device: torch.device) -> int:
    """How many seeds like this one fit into half of the memory that is free to the device."""
    if device.type == "cuda":
        kept_by_pytorch = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        free = torch.cuda.mem_get_info(device)[0] + kept_by_pytorch
    else:
        free = psutil.virtual_memory().available // len(devices.numbers(parts.settings))
    return max(1, int(0.5 * free / bytes_of_a_seed(parts, data)))


def bytes_of_a_seed(parts: VariantParts, data: SeedData) -> int:
    """What a seed of a stack takes beside the table."""
    with global_stream(0, "trial"):
        parameters = sum(parameter.nbytes for parameter in parts.network().parameters())
    rows = sum(len(side) for side in (data.rows.train, data.rows.val, data.rows.test))
    return COPIES_OF_PARAMETERS * parameters + BYTES_OF_A_ROW * rows


def groups_of(items: Sequence[T], size: int | None) -> list[Sequence[T]]:
    """Consecutive groups of at most ``size``; None: one group of all. Empty for no items."""
    step = size or max(len(items), 1)
    return [items[start : start + step] for start in range(0, len(items), step)]
