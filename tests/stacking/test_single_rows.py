"""A last batch of one row, where the network holds batch norm: the same rule stacked, alone and without a stacked form."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import strategies
from torch import Tensor, nn

from seedbed.data.splits import GroupStratifiedSplit, Rows
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Strategy
from seedbed.randomness import derive
from seedbed.stacking import Stackable
from seedbed.stacking.batches import FixedBatches, ShuffledBatches
from seedbed.tasks.classification import Classification, LabelledRows
from seedbed.training.row_checks import check_rows, notes_on_single_rows
from seedbed.training.stack_trainer import StackTrainer
from tests.properties import Examine
from tests.stacking.reference import made_up_table, plain_loop
from tests.stacking.test_against_reference import config, curve

TABLE = made_up_table(rows=100, features=4)
SPLIT = GroupStratifiedSplit(train=0.7, val=0.1, test=0.2)


class Plain(nn.Module):
    def __init__(self, in_features: int, out_features: int, norm: str = "BatchNorm1d") -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(in_features, 6), getattr(nn, norm)(6)
        self.last = nn.Linear(6, out_features)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.relu(self.norm(self.first(x))))  # type: ignore[no-any-return]


class Stacked(Plain, Stackable):
    pass


class OwnStatistics(Plain):
    """Measures rows by those that are measured beside them."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.norm = nn.BatchNorm1d(6, track_running_stats=False)


class OneValue(Plain):
    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.first(x)
        return self.last(nn.functional.instance_norm(hidden.unsqueeze(-1)).squeeze(-1))  # type: ignore[no-any-return]


class Squeezing(nn.Module):
    """Loses the axis of the rows where there is one."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.layer = nn.Linear(in_features, out_features)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.layer(x).squeeze()
        return outputs


def rows_of(seed: int) -> Rows:
    """70 rows to train for even seeds, 69 for odd ones."""
    rows = SPLIT.rows(TABLE, seed)
    return Rows(rows.train[seed % 2 :], rows.val, rows.test)


def data_of(*seeds: int) -> list[LabelledRows]:
    return [Classification.seed_data(TABLE, rows_of(seed), Strategy(), seed) for seed in seeds]


def trainer_of(kind: type[nn.Module], batch_size: int, **settings: Any) -> StackTrainer:
    model = {"_target_": f"{__name__}.{kind.__name__}", "_partial_": True, **settings}
    return StackTrainer(config(model=model, batch_size=batch_size, max_epochs=3), TABLE)


def notes_on(trainer: StackTrainer, rows: dict[int, int] | None) -> list[str]:
    return notes_on_single_rows(trainer.parts, trainer.traits, rows)


def check(trainer: StackTrainer, rows: dict[int, Rows]) -> None:
    check_rows(trainer.parts, trainer.traits, rows)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [69, 23, 3])
def test_stacked_alone_and_without_a_stacked_form_leave_out_the_same_row(batch_size: int) -> None:
    stacked = trainer_of(Stacked, batch_size).train(data_of(0, 1, 2))
    for seed, together in enumerate(stacked):
        (alone,) = trainer_of(Stacked, batch_size).train(data_of(seed))
        (plain,) = trainer_of(Plain, batch_size).train(data_of(seed))
        expected = by_hand(seed, batch_size)
        for result in (together, alone, plain):
            for name, value in expected.state_dict().items():
                torch.testing.assert_close(result.weights[name], value, atol=1e-7, rtol=0)
        assert curve(together, "val/loss") == pytest.approx(curve(plain, "val/loss"), abs=1e-7)


def by_hand(seed: int, batch_size: int) -> nn.Module:
    """Trained by a plain loop on the rows that are taken in each epoch."""
    torch.manual_seed(derive(seed, "weights"))
    network = Plain(4, 2).double()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    features, labels = torch.from_numpy(TABLE.features).double(), torch.from_numpy(TABLE.labels)
    rows = rows_of(seed).train
    for epoch in range(3):
        generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
        for batch in torch.from_numpy(rows)[torch.randperm(len(rows), generator=generator)].split(batch_size):
            if len(batch) > 1:
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(features[batch]), labels[batch]).backward()
                optimizer.step()
    return network


def test_without_batch_norm_no_row_is_left_out() -> None:
    settings = config(batch_size=23, max_epochs=2)
    trainer = StackTrainer(settings, TABLE)
    (result,) = trainer.train(data_of(0))
    torch.manual_seed(derive(0, "weights"))
    network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    expected = plain_loop(
        network, TABLE, rows_of(0), seed=0, epochs=2, batch_size=23, optimizer=optimizer, dtype=torch.float64
    )
    assert len(expected.batch_losses) == 2 * 4
    assert curve(result, "train/loss") == pytest.approx(expected.train_losses, abs=1e-8)
    assert notes_on(trainer, {0: 70}) == []


@pytest.mark.parametrize("kind", [Stacked, Plain])
def test_batch_norm_and_batches_of_one_row_are_refused_before_training(kind: type[nn.Module]) -> None:
    with pytest.raises(ConfigError, match=r"trainer.batch_size=1: .*BatchNorm1d norm\), which needs two rows"):
        trainer_of(kind, 1)


@pytest.mark.parametrize("norm", ["LayerNorm", "Identity"])
def test_other_layers_take_batches_of_one_row(norm: str) -> None:
    assert trainer_of(Plain, 1, norm=norm).train(data_of(0))[0].outcome == "ok"


def test_a_norm_of_single_values_is_refused_before_training() -> None:
    with pytest.raises(ConfigError, match=r"OneValue has a norm that is given single values .*another norm"):
        trainer_of(OneValue, 16)


def test_a_network_that_fails_on_one_row_gets_none() -> None:
    trainer = trainer_of(Squeezing, 23)
    assert "Squeezing fails on a batch of one row" in notes_on(trainer, {0: 70})[0]
    assert trainer.train(data_of(0))[0].outcome == "ok"


def test_the_rule_is_said_with_the_seeds_that_it_is_about() -> None:
    trainer = trainer_of(Stacked, 23)
    (note,) = notes_on(trainer, {0: 70, 1: 69, 2: 70})
    assert "(here under 2 of 3 seeds: 70 training rows under seed 0, trainer.batch_size=23) is left out" in note
    assert "where a seed's resampled rows leave one" in notes_on(trainer, None)[0]
    assert notes_on(trainer, {0: 69}) == []


def test_a_side_of_one_row_is_refused() -> None:
    with pytest.raises(ConfigError, match="seed 4 has a single train row"):
        check(trainer_of(Plain, 16), {4: Rows(np.arange(1), np.arange(2), np.arange(2))})
    one_to_measure = {4: Rows(np.arange(2), np.arange(1), np.arange(2))}
    check(trainer_of(Plain, 16), one_to_measure)
    with pytest.raises(ConfigError, match="seed 4 has a single val row"):
        check(trainer_of(OwnStatistics, 16), one_to_measure)


def test_every_row_is_taken_once_an_epoch_but_for_a_last_batch_that_is_too_small(examine: Examine) -> None:
    def holds(sizes: list[int], batch_size: int, smallest: int) -> None:
        rows = [np.arange(1000, 1000 + size) for size in sizes]
        batches = ShuffledBatches(
            rows, range(len(rows)), batch_size=batch_size, steps_per_chunk=3, smallest=min(smallest, batch_size)
        )
        chunks = list(batches)
        for position, own in enumerate(rows):
            counts = [int(count) for chunk in chunks for count in chunk.host_counts[:, position]]
            taken = [
                row
                for chunk in chunks
                for step, index in enumerate(chunk.index[:, position])
                for row in index[: int(chunk.counts[step, position])].tolist()
            ]
            left_out = len(own) - len(taken)
            assert len(set(taken)) == len(taken)
            assert set(taken) <= set(own.tolist())
            assert all(count == 0 or count >= min(smallest, batch_size) for count in counts)
            assert left_out in (0, len(own) % batch_size)
            assert left_out < min(smallest, batch_size)
            assert sum(count > 0 for count in counts) == batches.steps_of_seeds[position]

    sizes = strategies.lists(strategies.integers(2, 60), min_size=1, max_size=3)
    examine(holds, sizes=sizes, batch_size=strategies.integers(1, 70), smallest=strategies.sampled_from([1, 2]))


def test_every_row_is_evaluated_and_none_alone(examine: Examine) -> None:
    def holds(rows: int, batch_size: int) -> None:
        parts = list(FixedBatches([np.arange(rows)], batch_size=batch_size, smallest=2))
        assert [row for part in parts for row in part.index[0].tolist()] == list(range(rows))
        assert all(part.index.shape[1] >= 2 for part in parts)
        assert [part.start for part in parts] == [batch_size * number for number in range(len(parts))]

    examine(holds, rows=strategies.integers(2, 100), batch_size=strategies.integers(2, 50))


def test_what_is_measured_by_the_rows_beside_it_is_not_measured_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seedbed.training.stacks.EVALUATED_AT_ONCE", 3)
    rows = rows_of(0)
    rows = Rows(rows.train, rows.val, rows.test[:10])
    trainer = trainer_of(OwnStatistics, 3)
    (result,) = trainer.train([Classification.seed_data(TABLE, rows, Strategy(), 0)])
    assert result.outcome == "ok"
    assert re.search("test/accuracy", str(result.metrics))
