"""Trains the chunks of a stack of dot products by the compiled steps, each seed by itself on the cores side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from seedbed.compiled import kernels
from seedbed.compiled.kernels import Batches, Objective, Rates, Tables
from seedbed.compiled.rules import Rule, rule_of
from seedbed.compiled.tables import new_batches, new_rates, new_tables, with_room
from seedbed.models.rating import DotProduct
from seedbed.stacking.engines import SeedSteps, StepsTaken
from seedbed.stacking.layers import SigmoidRange, StackedNetwork
from seedbed.stacking.module import StackedModule
from seedbed.tasks.rating import Rating
from seedbed.threads import own_cores

KINDS = {
    "adam": kernels.ADAM, "sgd": kernels.SGD, "adagrad": kernels.ADAGRAD, "rmsprop": kernels.RMSPROP,
    "keras_rmsprop": kernels.KERAS_RMSPROP,
}  # fmt: skip
COLUMNS = {
    "lr": kernels.LR, "shrink": kernels.SHRINK, "l2": kernels.L2, "momentum": kernels.MOMENTUM,
    "nesterov": kernels.NESTEROV, "first_share": kernels.FIRST_SHARE, "second_kept": kernels.SECOND_KEPT,
    "second_share": kernels.SECOND_SHARE, "root_kept": kernels.ROOT_KEPT, "root_scale": kernels.ROOT_SCALE,
    "eps": kernels.EPS,
}  # fmt: skip
SHARED_FROM = 6_000_000
"""Numbers in a seed's tables, weights and moments, from which on threads that would be idle share its steps; each waits for the others three times
a step, about a tenth of a millisecond."""


@dataclass
class Learner:
    """What belongs to one seed."""

    tables: Tables
    weights: tuple[np.ndarray, ...]
    """The seed's slices of the stacked parameters, whose memory they share: factors of users and items, biases of both."""
    taken: int = 0
    """Steps."""


class CompiledEngine:
    """The steps of all seeds of a module; it holds the moments, and leaves the weights where the network has them."""

    def __init__(self, module: StackedModule) -> None:
        assert isinstance(module, Rating)
        assert isinstance(module.network, StackedNetwork)
        network = module.network.network
        assert isinstance(network, DotProduct)
        rule = rule_of(module.seed_optimizer.optimizer)
        assert isinstance(rule, Rule)
        self.rule, self.kind = rule, KINDS[rule.name]
        self.threads = own_cores()
        self.pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None
        # What a seed trains on is in its vocabulary, so that task.vocabulary=train changes no row of a batch.
        self.ratings = tuple(values.numpy() for values in (module.users, module.items, module.ratings))
        self.objective = _objective(network.scale, module.clip_norm)
        self.learners = [self._learner(network, position) for position in range(module.seeds)]

    def _learner(self, network: DotProduct, position: int) -> Learner:
        layers = (network.user_factors, network.item_factors, network.user_bias, network.item_bias)
        weights = tuple(_slice(layer, position) for layer in layers)
        users, factors = weights[0].shape
        tables = new_tables(users, len(weights[1]), factors, biased=network.user_bias is not None)
        tables.state[:, 2 * tables.width :][:, : factors + tables.biased] = self.rule.initial
        return Learner(tables, weights)

    def take_weights(self) -> None:
        """Begin with the weights that the network has now."""
        for learner in self.learners:
            kernels.load(learner.tables, *learner.weights)

    def train(self, steps: Sequence[SeedSteps]) -> list[StepsTaken]:
        """Take these steps, each seed its own; the network has the new weights afterwards."""
        if self.pool is None:
            return [self._train(of_seed, 1) for of_seed in steps]
        largest = max(self.learners[of_seed.position].tables.state.size for of_seed in steps)
        if len(steps) < self.threads and largest >= SHARED_FROM:
            return [self._train(of_seed, self.threads) for of_seed in steps]
        return list(self.pool.map(lambda of_seed: self._train(of_seed, 1), steps))

    def _train(self, steps: SeedSteps, parts: int) -> StepsTaken:
        learner = self.learners[steps.position]
        count, batch = steps.index.shape
        tables = learner.tables = with_room(learner.tables, batch)
        batches, sums = new_batches(steps.counts, batch), np.zeros(count)
        numbers, rates = np.ascontiguousarray(steps.index), self._rates(steps, learner.taken)
        if parts == 1:
            kernels.look_up(numbers, *self.ratings, tables, batches, 0, 1)
            kernels.train(self.kind, tables, batches, self.objective, rates, sums)
        else:
            self._each(parts, kernels.look_up, numbers, *self.ratings, tables, batches)
            self._share(tables, batches, rates, sums, parts)
        kernels.store(tables, *learner.weights)
        learner.taken += len(sums)
        means = (sums / steps.counts).astype(np.float32)
        return StepsTaken(float(sums.sum()), int(steps.counts.sum()), float(means[-1]), bool(np.isfinite(means).all()))

    def _rates(self, steps: SeedSteps, taken: int) -> Rates:
        rates = new_rates(len(steps.counts))
        for name, values in self.rule.rates(steps.lrs, steps.momenta, taken).items():
            rates.steps[:, COLUMNS[name]] = values
        if self.kind == kernels.ADAM:
            kernels.plan(rates)
        return rates

    def _share(self, tables: Tables, batches: Batches, rates: Rates, sums: np.ndarray, parts: int) -> None:
        """Take the steps in several threads, each of which waits after each part of a step until all are done."""
        kind, objective = self.kind, self.objective
        for step in range(len(sums)):
            self._each(parts, kernels.catch_up, kind, tables, batches, rates, step)
            self._each(parts, kernels.compare, tables, batches, objective, step)
            sums[step] = kernels.total_loss(batches, step)
            self._each(parts, kernels.update, kind, tables, batches, objective, rates, step)
        self._each(parts, kernels.finish, kind, tables, rates)

    def _each(self, parts: int, kernel: Callable[..., None], *arguments: Any) -> None:
        assert self.pool is not None
        others = [self.pool.submit(kernel, *arguments, part, parts) for part in range(1, parts)]
        kernel(*arguments, 0, parts)
        for other in others:
            other.result()


def _objective(scale: nn.Module, clip_norm: float | None) -> Objective:
    low, high = (scale.low, scale.high) if isinstance(scale, SigmoidRange) else (0.0, 1.0)
    ranged = isinstance(scale, SigmoidRange)
    return Objective(ranged, np.float32(low), np.float32(high - low), float(clip_norm or 0.0))


def _slice(layer: nn.Module | None, position: int) -> np.ndarray:
    """A seed's part of a stacked embedding; (0, 1) where there is none."""
    if layer is None:
        return np.zeros((0, 1), np.float32)
    weight = layer.weight
    assert isinstance(weight, torch.Tensor)
    part: np.ndarray = weight.detach()[position].numpy()
    return part
