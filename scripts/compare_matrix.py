"""Times steps on a whole matrix of ratings by plain autograd beside those with gradients in closed form.

``scripts/compare_matrix`` sets up what this needs; its --help states the choices that decide the figures.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch
from timing import (
    add_json,
    count,
    data_of,
    keep_figures,
    others_cpu_seconds,
    positive,
    print_disturbance,
    print_machine,
)
from torch import Tensor

from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError, SeedbedError
from seedbed.models.matrix import MatrixFactorization
from seedbed.running.planning import plan_experiment
from seedbed.stacking.matrix import AllCells
from seedbed.stacking.optimizers import SeedOptimizer
from seedbed.tasks.matrix import RatingMatrix
from seedbed.torch_random import global_stream
from seedbed.training.devices import torch_device
from seedbed.training.planned import PlannedVariant
from seedbed.training.progress import Display


def main() -> None:
    # The help is the calling script's, which answers without the imports above.
    parser = argparse.ArgumentParser(prog="compare_matrix", add_help=False)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--variant", default="all_cells")
    parser.add_argument("--seeds", type=positive, default=10)
    parser.add_argument("--steps", type=positive, default=20)
    parser.add_argument("--repeats", type=positive, default=3)
    add_json(parser)
    try:
        compare(parser.parse_intermixed_args())
    except SeedbedError as error:
        print(f"compare_matrix: {error}", file=sys.stderr)
        sys.exit(2)


def compare(options: argparse.Namespace) -> None:
    planned = plan(options)
    plain, closed = PlainWay(planned), ClosedWay(planned)
    print_machine()
    print(
        f"task      {planned.table.name}, variant {planned.name}, {options.steps} steps; closed: {count(planned.rows)}"
    )
    plain.take(options.steps)
    closed.take(options.steps)
    print(
        f"largest difference of the first seed's weights after {options.steps} steps: {difference(plain, closed):.1e}"
    )
    sides: list[tuple[str, Callable[[int], None], int]] = [
        ("plain", plain.take, 1),
        ("closed", closed.take, len(planned.rows)),
    ]
    times: dict[str, list[float]] = {name: [] for name, _, _ in sides}
    others, start = others_cpu_seconds(), time.perf_counter()
    for repeat in range(options.repeats):
        # Turns are taken, so that a machine that grows slower or faster does not favour one side.
        for name, take, seeds in sides if repeat % 2 else reversed(sides):
            times[name].append(1000 * seconds_of(take, options.steps) / options.steps / seeds)
            print(f"repeat {repeat + 1}  {name:6}  {times[name][-1]:7.2f} ms a step and seed", flush=True)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratios = [one / other for one, other in zip(times["plain"], times["closed"], strict=True)]
    print(f"median plain {medians['plain']:.2f}, closed {medians['closed']:.2f} ms a step and seed")
    print(f"ratio {medians['plain'] / medians['closed']:.2f} (repeats {min(ratios):.2f} to {max(ratios):.2f})")
    disturbed = max(0.0, others_cpu_seconds() - others) / (time.perf_counter() - start)
    print_disturbance(disturbed)
    keep_figures(options.json, times, disturbed)


def plan(options: argparse.Namespace) -> PlannedVariant:
    asked = [f"variant={options.variant}", f"seeds={options.seeds}", *options.overrides]
    _, [planned] = plan_experiment(load_experiment("matrix_factorization", asked), Display(quiet=True))
    if not issubclass(planned.trainer.task, RatingMatrix):
        raise ConfigError(f"variant={options.variant}: its task is not task=matrix. Name one of matrix_factorization.")
    return planned


def seconds_of(take: Callable[[int], None], steps: int) -> float:
    start = time.perf_counter()
    take(steps)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


class ClosedWay:
    """All seeds at once, by the task's own loss."""

    def __init__(self, planned: PlannedVariant) -> None:
        self.device = torch_device(planned.trainer.settings)
        module, _, _, _ = planned.trainer.builder.stack(data_of(planned), self.device)
        assert isinstance(module, RatingMatrix)
        self.module = module.to(self.device).train()
        self.optimizer = SeedOptimizer(module.network, module.seeds, module.optimizer_factory)
        self.index = torch.zeros(module.seeds, 1, dtype=torch.int32, device=self.device)

    def take(self, steps: int) -> None:
        for _ in range(steps):
            self.optimizer.clear_gradients()
            losses, weights = self.module.step_losses(self.index, None)
            torch.autograd.backward((losses / weights).sum())
            self.optimizer.hand_over_gradients([True] * self.module.seeds, None)
            self.optimizer.optimizer.step()

    def weights(self) -> dict[str, Tensor]:
        return self.module.network.plain_state(0)


class PlainWay:
    """The first seed by autograd, as one would write it."""

    def __init__(self, planned: PlannedVariant) -> None:
        device, first = torch_device(planned.trainer.settings), data_of(planned)[0]
        with global_stream(first.seed, "weights"):
            network = planned.trainer.parts.network()
        assert isinstance(network, MatrixFactorization)
        self.network = network.to(device)
        self.optimizer = planned.trainer.parts.make_optimizer(list(network.parameters()))
        module, _, _, _ = planned.trainer.builder.stack([first], device)
        assert isinstance(module, RatingMatrix)
        train = first.rows.train
        self.users, self.items = ((column[train] - 1).long().to(device) for column in (module.users, module.items))
        self.values = (module.ratings[train] / module.largest).to(device)
        self.matrix = torch.zeros(module.errors.shape, device=device)
        self.matrix[self.users, self.items] = self.values
        self.of_all = isinstance(module.errors, AllCells)

    def take(self, steps: int) -> None:
        for _ in range(steps):
            self.optimizer.zero_grad()
            torch.autograd.backward(self._loss())
            self.optimizer.step()

    def _loss(self) -> Tensor:
        users, items = self.network.sides()
        if self.of_all:
            return ((torch.sigmoid(users @ items.T) - self.matrix) ** 2).mean()
        return ((torch.sigmoid((users[self.users] * items[self.items]).sum(-1)) - self.values) ** 2).mean()

    def weights(self) -> dict[str, Tensor]:
        return self.network.state_dict()


def difference(plain: PlainWay, closed: ClosedWay) -> float:
    theirs = closed.weights()
    return max(float((value - theirs[name]).abs().max()) for name, value in plain.weights().items())


if __name__ == "__main__":
    main()
