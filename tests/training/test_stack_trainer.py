"""Many fits in one process, and what Lightning's loop costs; what a stack holds for each seed."""

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
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Strategy
from seedbed.imbalance.resample import Resample
from seedbed.tasks.classification import Classification
from seedbed.training.stack_trainer import StackTrainer
from tests.stacking.reference import made_up_table
from tests.stacking.test_against_reference import TABLE, config, curve, data_of, rows_of, train


def test_many_trainers_in_one_process_leave_nothing_behind() -> None:
    """Lightning's Trainer keeps its module: twenty fits must not pile up, nor hand over what a callback remembers."""
    modules: list[weakref.ref[Any]] = []
    trainer = StackTrainer(config(max_epochs=1, patience=1), TABLE)
    build = trainer._module

    def remembered(*args: Any) -> Any:
        module, *rest = build(*args)
        modules.append(weakref.ref(module))
        return (module, *rest)

    trainer._module = remembered  # type: ignore[method-assign]
    data = data_of([0, 1])
    trainer.train(data)
    before = psutil.Process().memory_info().rss
    results = [trainer.train(data) for _ in range(20)]
    gc.collect()
    assert len(modules) == 21
    assert [module for module in modules if module() is not None] == []
    assert psutil.Process().memory_info().rss - before < 50e6
    assert all(again[0].curves == results[0][0].curves for again in results)


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


def test_only_so_many_seeds_are_prepared_at_a_time_as_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = StackTrainer(config(), replace(TABLE, preparation=Centred()))
    of_a_seed = 120 * 12 * 4
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 6 * of_a_seed * 4}))
    assert trainer.seeds_in_memory == 4
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 0}))
    assert trainer.seeds_in_memory == 1
    assert StackTrainer(config(), TABLE).seeds_in_memory is None


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    """With the same rows for all, each seed and each epoch shuffles anew, and the same seed repeats its orders."""
    trainer = StackTrainer(config(batch_size=8), TABLE)

    def orders(seeds: list[int]) -> list[list[int]]:
        _, batches, *_ = trainer._module(data_of(seeds), torch.device("cpu"))
        epochs = [torch.cat([chunk.index for chunk in batches]) for _ in range(2)]
        return [epoch[:, position].flatten().tolist() for epoch in epochs for position in range(len(seeds))]

    drawn = orders([0, 1, 2])
    assert len({tuple(order) for order in drawn}) == 6
    assert orders([0, 1, 2]) == drawn
    assert orders([1]) == [drawn[1], drawn[4]]


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


class WithoutSize(nn.Module):
    """A network whose first batch would say how large it is."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.layer = nn.LazyLinear(out_features)


def gives_nothing(in_features: int, out_features: int) -> None:
    return None


def cannot_be_built(in_features: int, out_features: int) -> nn.Module:
    raise KeyError("width")


class GivesMore(nn.Module):
    """One output more than there are classes, which no loss would notice."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.layer = nn.Linear(in_features, out_features + 1)

    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x)


class GivesTwo(GivesMore):
    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x), x


class Detached(GivesMore):
    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x)[:, 1:].detach()


class WithoutWeights(nn.Module):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()


def of_wrong_width(in_features: int, out_features: int) -> nn.Module:
    return nn.Sequential(nn.Linear(in_features, 8), nn.BatchNorm1d(9), nn.Linear(9, out_features))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"_target_": f"{__name__}.GivesMore"}, r"GivesMore gives \(5, 3\) for 5 rows, .*Classification wants \(5, 2\)"),
        ({"_target_": f"{__name__}.GivesTwo"}, r"GivesTwo gives tuple for 5 rows"),
        ({"_target_": f"{__name__}.Detached"}, "Detached gives does not depend on weights"),
        ({"_target_": f"{__name__}.WithoutWeights"}, "WithoutWeights has no weights"),
        ({"_target_": f"{__name__}.of_wrong_width"}, "of_wrong_width fails on 5 rows .*Mend its layers"),
        ({"_target_": "seedbed.models.mlp.mlp", "hidden": [0]}, r"layer without units: .* 0.weight is of shape \(0, .*from 1 on"),
        ({"_target_": f"{__name__}.WithoutSize"}, "layer.weight whose size its first batch would say"),
        ({"_target_": f"{__name__}.gives_nothing"}, "gives_nothing gives NoneType, which is no network"),
        ({"_target_": f"{__name__}.cannot_be_built"}, "cannot build .*cannot_be_built: KeyError: 'width'"),
    ],
)  # fmt: skip
def test_what_is_no_network_that_can_be_trained_is_refused_before_training(model: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        StackTrainer(config(model={"_partial_": True, **model}), TABLE)


def test_a_batch_is_not_padded_to_far_more_rows_than_there_are() -> None:
    trainer = StackTrainer(config(batch_size=5_000_000), TABLE)
    with pytest.raises(ConfigError, match=r"trainer.batch_size=5000000: there are \d+ training rows.*Give \d+ for"):
        trainer.check_rows({0: rows_of_table(TABLE)})
    StackTrainer(config(batch_size=1000), TABLE).check_rows({0: rows_of_table(TABLE)})
