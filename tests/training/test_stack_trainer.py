"""Many fits in one process, and what Lightning's loop costs; what a seed is trained and measured on."""

from __future__ import annotations

import gc
import pickle
import time
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from torch import nn

from seedbed.data.network_inputs import Vectors
from seedbed.data.table import Prepared, Table
from seedbed.imbalance.base import Strategy
from seedbed.imbalance.resample import Resample
from seedbed.stacking.layers import StackedNetwork
from seedbed.tasks.classification import Classification
from seedbed.training.stack_trainer import StackTrainer
from seedbed.training.stacks import StackBuilder
from tests.stacking.reference import made_up_table
from tests.stacking.test_against_reference import TABLE, config, curve, data_of, rows_of, train


@pytest.mark.slow
def test_many_trainers_in_one_process_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning's Trainer keeps its module: twenty fits must not pile up, nor hand over what a callback remembers."""
    modules: list[weakref.ref[Any]] = []
    trainer = StackTrainer(config(max_epochs=1, patience=1), TABLE)
    build = StackBuilder.stack

    def remembered(*args: Any) -> Any:
        stack = build(*args)
        modules.append(weakref.ref(stack.module))
        return stack

    monkeypatch.setattr(StackBuilder, "stack", remembered)
    data = data_of([0, 1])
    trainer.train(data)
    before = psutil.Process().memory_info().rss
    results = [trainer.train(data) for _ in range(20)]
    gc.collect()
    assert len(modules) == 21
    assert [module for module in modules if module() is not None] == []
    assert psutil.Process().memory_info().rss - before < 50e6
    assert all(again[0].curves == results[0][0].curves for again in results)


def test_test_rows_are_measured_without_what_only_steps_need(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    test_step = Classification.test_step

    def looking(module: Any, *args: Any) -> None:
        optimizer = module.trainer.optimizers[0] if module.trainer.optimizers else module.seed_optimizer.optimizer
        gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
        held.append(len(optimizer.state) + len(module._at_start) + len(gradients))
        test_step(module, *args)

    monkeypatch.setattr(Classification, "test_step", looking)
    StackTrainer(config(max_epochs=1), TABLE).train(data_of([0, 1]))
    assert held
    assert set(held) == {0}


def test_the_best_weights_and_those_that_the_next_epoch_begins_with_are_one_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copies: list[int] = []
    copy = StackedNetwork.seed_state

    def counting(network: StackedNetwork, position: int) -> dict[str, Any]:
        copies.append(position)
        return copy(network, position)

    monkeypatch.setattr(StackedNetwork, "seed_state", counting)
    results = StackTrainer(config(max_epochs=3, select="best"), TABLE).train(data_of([0, 1]))
    losses = [curve(result, "val/loss") for result in results]
    assert all((np.diff(of_seed) < 0).all() for of_seed in losses)  # every epoch is the best yet
    assert sorted(copies) == [0] * 4 + [1] * 4  # before the first epoch, and after each


@pytest.mark.slow
def test_the_loop_costs_little_even_on_a_tiny_network() -> None:
    """Lightning's own loop takes about four times a plain one's time here; chunks of steps must stay below that kind."""
    table = made_up_table(rows=1000, features=4)
    settings = config(
        model={"_target_": "seedbed.models.mlp.mlp", "_partial_": True, "hidden": []}, batch_size=1,
        max_epochs=2, steps_per_chunk=50, precision="32-true",
    )  # fmt: skip
    data = [Classification.seed_data(table, rows_of_table(table), Strategy(), 0)]
    features, labels = torch.from_numpy(table.features), torch.from_numpy(table.labels)

    def plain() -> None:
        network = nn.Linear(4, 2)
        optimizer = torch.optim.AdamW(network.parameters(), fused=True)
        for _ in range(2):
            for batch in torch.from_numpy(data[0].rows.train).split(1):
                loss = nn.functional.cross_entropy(network(features[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    ratios = []
    for _ in range(3):
        start = time.perf_counter()
        plain()
        middle = time.perf_counter()
        StackTrainer(settings, table).train(data)
        ratios.append((time.perf_counter() - middle) / (middle - start))
        if ratios[-1] <= 6:  # the others are for a machine that did something else meanwhile
            break
    assert min(ratios) <= 6


def rows_of_table(table: Table) -> Any:
    from seedbed.data.splits import GroupStratifiedSplit  # noqa: PLC0415

    return GroupStratifiedSplit().rows(table, 0)


class Centred:
    """Takes the mean of the training rows from all rows, and remembers which rows it was fitted to."""

    inputs = Vectors(12)

    def __init__(self) -> None:
        self.fitted_to: list[np.ndarray] = []

    def fit(self, table: Table, train: np.ndarray) -> Prepared:
        self.fitted_to.append(train)
        return Prepared((table.features - table.features[train].mean(0)).astype(np.float32))


@pytest.mark.slow
def test_what_is_fitted_sees_a_seeds_training_rows_only_and_the_seed_trains_on_it() -> None:
    preparation = Centred()
    table = replace(TABLE, preparation=preparation)
    data = [Classification.seed_data(table, rows_of(seed), Strategy(), seed) for seed in (0, 1, 2)]
    assert [rows.tolist() for rows in preparation.fitted_to] == [rows_of(seed).train.tolist() for seed in (0, 1, 2)]
    together = StackTrainer(config(), table).train(data)
    for item, result in zip(data, together, strict=True):
        assert item.features is not None
        own = replace(TABLE, features=item.features)  # the same rows, prepared by hand
        (alone,) = StackTrainer(config(), own).train([Classification.seed_data(own, item.rows, Strategy(), item.seed)])
        assert curve(result, "val/loss") == pytest.approx(curve(alone, "val/loss"), abs=1e-9)
        assert result.metrics["test/loss"] == pytest.approx(alone.metrics["test/loss"], abs=1e-9)


def test_new_rows_are_made_from_prepared_ones() -> None:
    from imblearn.over_sampling import SMOTE  # noqa: PLC0415

    table = replace(TABLE, preparation=Centred())
    item = Classification.seed_data(table, rows_of(0), Resample(SMOTE(k_neighbors=3)), 0)
    assert item.features is not None
    assert item.resampled.features is not None
    minority = item.features[item.rows.train][TABLE.labels[item.rows.train] == 1]
    assert (item.resampled.features >= minority.min(0) - 1e-5).all()
    assert (item.resampled.features <= minority.max(0) + 1e-5).all()


class SeedOwnMetric:
    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, probabilities: torch.Tensor, labels: torch.Tensor) -> float:
        self.seen.append(tuple(probabilities.shape))
        return float((probabilities.argmax(-1) != labels).double().mean())


def test_an_own_metric_is_measured_seed_by_seed_on_the_rows_that_count() -> None:
    task = config()["task"] | {"own_metrics": {"error": {"function": {"_target_": f"{__name__}.SeedOwnMetric"}}}}
    for result in train([0, 1], task=task).values():
        assert result.metrics["test/error"] == pytest.approx(1 - result.metrics["test/accuracy"])
        assert curve(result, "val/error") == pytest.approx([1 - value for value in curve(result, "val/accuracy")])


def test_what_goes_to_another_process_can_be_sent() -> None:
    """A loaded encoder, such as one that holds a C library, cannot."""
    table = replace(
        TABLE, encode=lambda texts, progress=None: np.zeros((len(texts), 12), np.float32), texts=("x",) * 120
    )
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(table)
    sent = pickle.loads(pickle.dumps(Classification.for_training(table)))
    data = [Classification.seed_data(table, rows_of(0), Strategy(), 0)]
    (there,), (here,) = StackTrainer(config(), sent).train(data), StackTrainer(config(), table).train(data)
    assert there.metrics["test/loss"] == here.metrics["test/loss"]
