"""How fast stacks of seeds train: short measurements, since that depends on the network and on the machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch

from seedbed.garbage import give_back
from seedbed.stacking.batches import FixedBatches, ShuffledBatches
from seedbed.stacking.module import StackedModule
from seedbed.stacking.optimizers import SeedOptimizer

TURNS, STEPS = 4, 2
LOOP_SECONDS = 5e-4
"""Of a step, whatever it trains: Lightning's loop and ours, which are not measured, and paid once for all seeds."""
# What begins and ends a fit is paid once for a stack, too: a larger one is preferred when it is about as fast.
ABOUT_AS_FAST = 1.05
# A measurement is worth its time where the training takes this many times as many steps of seeds.
WORTH = 5


def stack_sizes(seeds: int) -> list[int]:
    """The sizes that are tried: 1, 2, 5, 10, 20, 50, ... and all."""
    sizes = [size * 10**power for power in range(6) for size in (1, 2, 5)]
    return [size for size in sizes if size < seeds] + [seeds]


def is_worth_measuring(seeds: int, steps: int) -> bool:
    """Whether the training of so many seeds, each by so many ``steps``, is long beside the measurement."""
    return seeds * steps >= WORTH * sum(stack_sizes(seeds)) * TURNS * (1 + STEPS)


def fastest_stack(
    build: Callable[[Sequence[int]], tuple[StackedModule, ShuffledBatches]],
    seeds: Sequence[int],
    device: torch.device,
) -> int:
    """The stack size with the least time per seed and optimizer step.

    ``build`` gives a module and its batches for some of the seeds; copies are trained for a few steps and dropped.
    """
    steppers: dict[int, Stepper] = {}
    times: dict[int, list[float]] = {}
    for size in stack_sizes(len(seeds)):
        try:
            steppers[size] = _stepper(*build(seeds[:size]), device)
            times[size] = [steppers[size](STEPS)]
        except torch.OutOfMemoryError:
            steppers.pop(size, None)
            if not steppers:
                raise
            give_back()  # for the turns of those that fit
            break  # larger stacks will not fit either
    # In turns, so that a machine that is slow for a while is so for all.
    for _ in range(TURNS - 1):
        for size, take in steppers.items():
            times[size].append(take(STEPS))
    per_seed = {size: (min(times[size]) + LOOP_SECONDS) / size for size in steppers}
    best = min(per_seed.values())
    return max(size for size, seconds in per_seed.items() if seconds <= best * ABOUT_AS_FAST)


def seconds_of_epoch(
    module: StackedModule, batches: ShuffledBatches, validation: FixedBatches, share: int
) -> tuple[float, float]:
    """Seconds of an epoch on a CPU, of steps and validation, with PyTorch's threads as they are, and with ``share`` of them."""
    threads, step = torch.get_num_threads(), _stepper(module, batches, torch.device("cpu"))

    def seconds(number: int) -> float:
        torch.set_num_threads(number)
        return batches.steps * (step(STEPS) + LOOP_SECONDS) + _validation(module, validation)

    try:
        rounds = [(seconds(threads), seconds(share)) for _ in range(TURNS)]
    finally:
        torch.set_num_threads(threads)
    return min(whole for whole, _ in rounds), min(part for _, part in rounds)


def _validation(module: StackedModule, validation: FixedBatches) -> float:
    module.eval()
    start = time.perf_counter()
    with torch.inference_mode():
        module.measured(validation)
    seconds = time.perf_counter() - start
    module.train()
    return seconds


Stepper = Callable[[int], float]
"""Runs one step to warm up and then so many that are timed; returns seconds per step."""


def _stepper(module: StackedModule, batches: ShuffledBatches, device: torch.device) -> Stepper:
    module.to(device).train()
    optimizer = SeedOptimizer(module.network, module.seeds, module.optimizer_factory)
    index = next(iter(batches)).index[0]
    everyone = [True] * module.seeds

    def step() -> None:
        optimizer.clear_gradients()
        losses, weights = module.step_losses(index, None)
        torch.autograd.backward((losses / weights).sum())
        optimizer.hand_over_gradients(everyone, module.clip_norm)
        optimizer.optimizer.step()

    def now() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    def steps(count: int) -> float:
        try:
            step()  # which makes the optimizer's state anew
            start = now()
            for _ in range(count):
                step()
            return (now() - start) / count
        finally:
            optimizer.clear()  # gradients and state, which take three times as much as the weights while others are measured

    return steps
