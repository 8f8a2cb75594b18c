"""Stacked training gives every seed what a plain loop gives it alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hypothesis import strategies
from torch import nn

from seedbed.data.splits import GroupStratifiedSplit, Rows
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Resampled, Strategy
from seedbed.imbalance.class_weights import ClassWeights
from seedbed.randomness import derive
from seedbed.schedules import Constant
from seedbed.stacking.layers import stack
from seedbed.tasks.classification import Classification, LabelledRows
from seedbed.training.seed_results import SeedResult
from seedbed.training.stack_size import seeds_at_once
from seedbed.training.stack_trainer import StackTrainer
from tests.properties import Examine
from tests.stacking.reference import made_up_table, plain_loop

TABLE = made_up_table()
ADAMW = {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 1e-3, "weight_decay": 0.01, "fused": True}


def config(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "model": {"_target_": "seedbed.models.mlp.mlp", "_partial_": True, "hidden": [16, 8], "dropout": 0.0},
        "task": {"_target_": "seedbed.tasks.classification.Classification", "_partial_": True},
        "optimizer": ADAMW,
        "select": "last",
        "monitor": "val/loss",
        "patience": None,
    }
    trainer = {
        "max_epochs": 10, "batch_size": 16, "gradient_clip_val": None, "precision": "64-true", "accelerator": "cpu",
        "devices": 1, "deterministic": False, "seeds_at_once": "auto", "steps_per_chunk": 3,
    }  # fmt: skip
    top = {key: value for key, value in changes.items() if key in base}
    return base | top | {"trainer": trainer | {key: value for key, value in changes.items() if key not in base}}


def rows_of(seed: int) -> Rows:
    return GroupStratifiedSplit().rows(TABLE, seed)


def data_of(seeds: list[int], strategy: Strategy | None = None) -> list[LabelledRows]:
    return [Classification.seed_data(TABLE, rows_of(seed), strategy or Strategy(), seed, None) for seed in seeds]


def train(seeds: list[int], data: list[LabelledRows] | None = None, **changes: Any) -> dict[int, SeedResult]:
    results = StackTrainer(config(**changes), TABLE).train(data or data_of(seeds))
    return {result.seed: result for result in results}


def curve(result: SeedResult, metric: str) -> list[float]:
    return [value for name, _, value in sorted(result.curves, key=lambda point: point[1]) if name == metric]


def plain_network(seed: int, dtype: torch.dtype) -> nn.Module:
    """The network of one seed, made without seedbed's layers."""
    torch.manual_seed(derive(seed, "weights"))
    layers = [nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2)]
    return nn.Sequential(*layers).to(dtype)


@cache
def reference(seed: int, dtype: torch.dtype = torch.float64, epochs: int = 10, **changes: Any):  # type: ignore[no-untyped-def]
    network = plain_network(seed, dtype)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    return plain_loop(
        network,
        TABLE,
        rows_of(seed),
        seed=seed,
        epochs=epochs,
        batch_size=16,
        optimizer=optimizer,
        dtype=dtype,
        **changes,
    )


def test_float64_losses_agree_over_ten_epochs() -> None:
    results = train([3, 7, 11])
    for seed, result in results.items():
        expected = reference(seed)
        assert curve(result, "train/loss") == pytest.approx(expected.train_losses, abs=1e-8)
        assert curve(result, "val/loss") == pytest.approx(expected.val_losses, abs=1e-8)
        for name, value in expected.network.state_dict().items():
            torch.testing.assert_close(result.weights[name], value, atol=1e-8, rtol=0)


def test_float32_losses_agree_over_the_first_epoch() -> None:
    results = train([3, 7], precision="32-true", max_epochs=1)
    for seed, result in results.items():
        expected = reference(seed, torch.float32, epochs=1)
        assert curve(result, "train/loss") == pytest.approx(expected.train_losses, abs=1e-4)
        assert curve(result, "val/loss") == pytest.approx(expected.val_losses, abs=1e-4)


def test_class_weights_and_clipping_agree() -> None:
    data = data_of([3, 7], ClassWeights())
    results = train([3, 7], data, gradient_clip_val=0.05)
    for item in data:
        assert item.resampled.class_weights is not None
        weights = torch.from_numpy(item.resampled.class_weights).double()
        result = results[item.seed]
        expected = reference(item.seed, class_weights=weights, clip_norm=0.05)
        assert curve(result, "train/loss") == pytest.approx(expected.train_losses, abs=1e-7)
        assert curve(result, "val/loss") == pytest.approx(expected.val_losses, abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [0.0, 0.4], ids=["plain", "dropout"])
@pytest.mark.parametrize(
    "optimizer",
    [ADAMW, {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.05, "momentum": 0.9}],
    ids=["adamw", "sgd"],
)
def test_a_seed_alone_is_the_same_among_ten(dropout: float, optimizer: dict[str, Any]) -> None:
    model = config()["model"] | {"dropout": dropout}
    few: dict[str, Any] = {"model": model, "optimizer": optimizer, "max_epochs": 4}
    alone, among = train([7], **few)[7], train(list(range(10)), **few)[7]
    assert [point[:2] for point in alone.curves] == [point[:2] for point in among.curves]
    np.testing.assert_allclose([p[2] for p in alone.curves], [p[2] for p in among.curves], atol=1e-9)
    assert alone.metrics["test/accuracy"] == among.metrics["test/accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [0.0, 0.4], ids=["plain", "dropout"])
def test_seeds_of_unequal_size_leave_each_other_alone(dropout: float) -> None:
    """Seed 1 trains on 20 rows, seed 2 on 84: other numbers of steps, and a last batch of another size."""
    model = config()["model"] | {"dropout": dropout}
    data = data_of([1, 2, 3])
    short = LabelledRows(1, data[0].rows, Resampled(source=np.arange(20)))
    among = train([1, 2, 3], [short, *data[1:]], model=model, max_epochs=4)
    for item in (short, data[1]):
        alone = train([item.seed], [item], model=model, max_epochs=4)[item.seed]
        np.testing.assert_allclose([p[2] for p in alone.curves], [p[2] for p in among[item.seed].curves], atol=1e-9)
        for name, value in alone.weights.items():
            torch.testing.assert_close(among[item.seed].weights[name], value, atol=1e-9, rtol=0)


def test_the_short_seed_takes_no_step_while_it_rests() -> None:
    """AdamW's moments and decay move weights at a zero gradient; a resting seed must take exactly its own steps."""
    data = data_of([1, 2])
    short = LabelledRows(1, data[0].rows, Resampled(source=np.arange(20)))
    among = train([1, 2], [short, data[1]])[1]
    network = plain_network(1, torch.float64)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    rows = Rows(short.rows.train[:20], short.rows.val, short.rows.test)
    expected = plain_loop(
        network, TABLE, rows, seed=1, epochs=10, batch_size=16, optimizer=optimizer, dtype=torch.float64
    )
    assert len(expected.batch_losses) == 20
    for name, value in expected.network.state_dict().items():
        torch.testing.assert_close(among.weights[name], value, atol=1e-8, rtol=0)


LIMITS = strategies.fixed_dictionaries(
    {},
    optional={
        "max_steps": strategies.integers(1, 40),
        "limit_train_batches": strategies.integers(1, 7) | strategies.sampled_from([0.5, 0.75, 1.0]),
    },
)


@pytest.mark.slow
def test_limits_of_steps_and_batches_hold_for_each_seed_as_if_it_were_alone(examine: Examine) -> None:
    """Of unequal epochs, of 2, 6 and 4 batches, each seed takes what a plain loop that knows of no other takes."""

    def holds(limits: dict[str, Any], steps_per_chunk: int) -> None:
        stacked = train([1, 2, 3], UNEQUAL, max_epochs=7, steps_per_chunk=steps_per_chunk, **limits)
        for item in UNEQUAL:
            result, train_rows = stacked[item.seed], item.rows.train[item.resampled.source]
            total, limit = math.ceil(len(train_rows) / 16), limits.get("limit_train_batches", 1.0)
            network = plain_network(item.seed, torch.float64)
            expected = plain_loop(
                network,
                TABLE,
                Rows(train_rows, item.rows.val, item.rows.test),
                seed=item.seed,
                epochs=7,
                batch_size=16,
                optimizer=torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01),
                dtype=torch.float64,
                batches=int(total * limit) if isinstance(limit, float) else limit,
                max_steps=limits.get("max_steps"),
            )
            assert curve(result, "train/loss") == pytest.approx(expected.train_losses, abs=1e-8)
            assert curve(result, "val/loss") == pytest.approx(expected.val_losses, abs=1e-8)
            assert result.epoch == len(expected.val_losses) - 1
            for name, value in network.state_dict().items():
                torch.testing.assert_close(result.weights[name], value, atol=1e-8, rtol=0)

    examine(holds, limits=LIMITS, steps_per_chunk=strategies.integers(1, 8))


def unequal() -> list[LabelledRows]:
    return [
        LabelledRows(item.seed, item.rows, Resampled(source=np.arange(rows)))
        for item, rows in zip(data_of([1, 2, 3]), (20, 84, 50), strict=True)
    ]


UNEQUAL = unequal()


class Spied(Constant):
    """Remembers which steps of how many it was asked for, by the steps of an epoch."""

    asked: ClassVar[set[tuple[int, int, int]]] = set()

    def at(self, step: int, *, steps: int, steps_per_epoch: int, lr: float) -> dict[str, float]:
        self.asked.add((steps_per_epoch, step, steps))
        return super().at(step, steps=steps, steps_per_epoch=steps_per_epoch, lr=lr)


def test_a_schedule_ends_with_the_steps_that_a_seed_takes() -> None:
    """Seeds whose epochs have 2, 6 and 4 batches take 9 steps; of 20 the first takes 14, in 7 epochs."""
    settings = config(max_epochs=7, max_steps=9) | {"schedule": {"_target_": f"{__name__}.Spied"}}
    StackTrainer(settings, TABLE).train(UNEQUAL)
    assert Spied.asked == {(batches, step, 9) for step in range(9) for batches in (2, 6, 4)}
    Spied.asked.clear()
    settings["trainer"] |= {"max_steps": 20, "limit_train_batches": 3}
    StackTrainer(settings, TABLE).train(UNEQUAL)
    assert Spied.asked == {*((2, step, 14) for step in range(14)), *((3, step, 20) for step in range(20))}


def test_a_fraction_of_fewer_batches_than_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"limit_train_batches=0.2: an epoch of seed 1 has 2 batches.*whole number"):
        train([1, 2, 3], UNEQUAL, limit_train_batches=0.2)


@pytest.mark.slow
def test_a_seed_that_stops_early_keeps_its_weights_and_the_others_go_on() -> None:
    fast = {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.1, "weight_decay": 0.01}
    seeds = list(range(6))
    stopped = train(seeds, optimizer=fast, patience=2, max_epochs=12)
    free = train(seeds, optimizer=fast, max_epochs=12)
    lengths = {seed: len(curve(result, "val/loss")) for seed, result in stopped.items()}
    assert min(lengths.values()) < max(lengths.values())
    at_stop = {length: train(seeds, optimizer=fast, max_epochs=length) for length in {*lengths.values()} - {12}}
    at_stop[12] = free
    for seed, length in lengths.items():
        full = curve(free[seed], "val/loss")
        assert curve(stopped[seed], "val/loss") == pytest.approx(full[:length], abs=1e-9)
        best = int(np.argmin(full[:length]))
        assert length == 12 or length - 1 - best == 2
        for name, value in at_stop[length][seed].weights.items():
            torch.testing.assert_close(stopped[seed].weights[name], value, atol=1e-9, rtol=0)


def test_best_epoch_is_put_back_for_each_seed() -> None:
    fast = {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.1, "weight_decay": 0.01}
    best = train([0, 1, 2], optimizer=fast, select="best", max_epochs=8)
    epochs = {result.epoch for result in best.values()}
    assert len(epochs) > 1
    until = {epoch: train([0, 1, 2], optimizer=fast, max_epochs=epoch + 1) for epoch in epochs}
    for seed, result in best.items():
        losses = curve(result, "val/loss")
        assert result.epoch == int(np.argmin(losses))
        for name, value in until[result.epoch][seed].weights.items():
            torch.testing.assert_close(result.weights[name], value, atol=1e-9, rtol=0)


def test_a_seed_that_diverges_is_frozen_and_the_others_do_not_notice() -> None:
    """Seed 2 meets a NaN in its features: from that step on it takes none."""
    clean = data_of([1, 2, 3])
    source = np.arange(len(clean[1].rows.train))
    poisoned = LabelledRows(
        2,
        clean[1].rows,
        Resampled(source=source, features=np.full((1, 12), np.nan, np.float32), labels=np.array([1])),
    )
    results = train([1, 2, 3], [clean[0], poisoned, clean[2]], max_epochs=4)
    expected = train([1, 3], max_epochs=4)
    assert [results[seed].outcome for seed in (1, 2, 3)] == ["ok", "diverged", "ok"]
    assert results[2].metrics == {}
    assert all(torch.isfinite(value).all() for value in results[2].weights.values())
    for seed in (1, 3):
        np.testing.assert_allclose(
            [p[2] for p in results[seed].curves], [p[2] for p in expected[seed].curves], atol=1e-9
        )


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_the_stack_size_does_not_change_a_result(at_once: int) -> None:
    trainer = StackTrainer(config(seeds_at_once=at_once), TABLE)
    data = data_of([0, 1, 2, 3])
    size = seeds_at_once(trainer.builder, data)
    assert size == at_once
    results = [result for start in range(0, 4, size) for result in trainer.train(data[start : start + size])]
    for result in results:
        assert curve(result, "val/loss") == pytest.approx(reference(result.seed).val_losses, abs=1e-8)


class Odd(nn.Module):
    """A user's network: batch norm and dropout inside a forward of its own, so that it has no stacked form."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(in_features, 8), nn.BatchNorm1d(8)
        self.dropout, self.last = nn.Dropout(0.3), nn.Linear(8, out_features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.dropout(torch.relu(self.norm(self.first(x)))))  # type: ignore[no-any-return]


@pytest.mark.slow
def test_a_network_without_stacked_form_trains_one_seed_at_a_time() -> None:
    settings = config(model={"_target_": f"{__name__}.Odd", "_partial_": True})
    trainer = StackTrainer(settings, TABLE)
    data = data_of([0, 1])
    assert seeds_at_once(trainer.builder, data) == 1
    result = trainer.train(data[:1])[0]
    torch.manual_seed(derive(0, "weights"))
    network = Odd(12, 2).double()
    torch.manual_seed(derive(0, "dropout"))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    expected = plain_loop(
        network, TABLE, rows_of(0), seed=0, epochs=10, batch_size=16, optimizer=optimizer, dtype=torch.float64
    )
    assert curve(result, "train/loss") == pytest.approx(expected.train_losses, abs=1e-8)
    assert curve(result, "val/loss") == pytest.approx(expected.val_losses, abs=1e-8)
    assert set(result.weights) == set(network.state_dict())


def _frozen() -> nn.Sequential:
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    network[0].requires_grad_(False)
    return network


def _tied() -> nn.Sequential:
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(), layer)


def _shared_weight() -> nn.Sequential:
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    network[2].weight = network[0].weight
    return network


def _changed() -> nn.Sequential:
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.ReLU())


def _hooked() -> nn.Sequential:
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    network[0].register_forward_hook(lambda module, inputs, output: output * 2)
    return network


@pytest.mark.parametrize("make", [_frozen, _tied, _shared_weight, _changed, _hooked])
def test_what_stacking_would_lose_is_not_stacked(make: Callable[[], nn.Sequential]) -> None:
    assert stack([make(), make()], [0, 1]) is None
    assert stack([nn.Sequential(nn.Linear(4, 2)), nn.Sequential(nn.Linear(4, 2))], [0, 1]) is not None


def test_dropout_of_everything_gives_zeros_as_in_pytorch() -> None:
    model = config()["model"] | {"dropout": 1.0}
    assert {result.outcome for result in train([0, 1], model=model, max_epochs=1).values()} == {"ok"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupt_during_the_fit_stays_an_interrupt(error: type[BaseException]) -> None:
    class Stop(pl.Callback):
        def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
            raise error

    with pytest.raises(error):
        StackTrainer(config(), TABLE).train(data_of([0]), [Stop()])


@pytest.mark.parametrize("setting", ["limit_val_batches", "min_steps", "callbacks", "check_val_every_n_epoch"])
def test_trainer_arguments_that_would_not_be_honoured_are_refused(setting: str) -> None:
    with pytest.raises(ConfigError, match=f"trainer.{setting}: seedbed does not take this setting"):
        StackTrainer(config(**{setting: 1}), TABLE)
