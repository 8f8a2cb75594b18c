"""Strategies in the loss, by weights and in batches: each trains as a plain loop with its formula does, and is measured as ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seedbed.data.splits import Rows
from seedbed.errors import ConfigError
from seedbed.imbalance.balanced_batches import BalancedBatches
from seedbed.imbalance.base import Strategy, TrainingRows
from seedbed.imbalance.class_weights import ClassWeights, EffectiveNumber, keeps_rows
from seedbed.imbalance.losses import Focal, LogitAdjustment
from seedbed.randomness import derive
from seedbed.stacking.batches import in_balance
from seedbed.stacking.metrics import row_losses
from seedbed.tasks.classification import Classification
from tests.stacking.test_against_reference import TABLE, config, curve, plain_network, train

SEEDS = {3: 5, 7: 20}
"""By seed, how many rows of the rarer class it trains on."""
BATCH = 16


def rows_of(seed: int) -> Rows:
    """Seeds of other class shares: what is taken from the training rows differs between them."""
    rare, others = np.flatnonzero(TABLE.labels == 1), np.flatnonzero(TABLE.labels == 0)
    train = np.sort(np.concatenate([rare[: SEEDS[seed]], others[:50]]))
    return Rows(train, np.concatenate([rare[-8:], others[-20:-10]]), np.concatenate([rare[-16:-8], others[-10:]]))


def shares(labels: Tensor) -> Tensor:
    return torch.bincount(labels, minlength=2).double() / len(labels)


def mean(losses: Tensor, weights: Tensor) -> Tensor:
    return (losses * weights).sum() / weights.sum()


def focal(logits: Tensor, labels: Tensor, of_training: Tensor) -> Tensor:
    right = logits.softmax(-1).gather(1, labels[:, None])[:, 0]
    return mean(-((1 - right) ** 2) * right.log(), torch.ones_like(right))


def weighted_focal(logits: Tensor, labels: Tensor, of_training: Tensor) -> Tensor:
    right = logits.softmax(-1).gather(1, labels[:, None])[:, 0]
    return mean(-((1 - right) ** 0.5) * right.log(), torch.where(labels == 1, 0.75, 0.25).double())


def class_balanced(logits: Tensor, labels: Tensor, of_training: Tensor) -> Tensor:
    weights = (1 - 0.9) / (1 - 0.9 ** torch.bincount(of_training).double())
    return nn.functional.cross_entropy(logits, labels, weight=weights)


def logit_adjustment(logits: Tensor, labels: Tensor, of_training: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits + 1.5 * shares(of_training).log(), labels)


def plain(logits: Tensor, labels: Tensor, of_training: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, labels)


Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def by_hand(seed: int, loss_of: Loss, *, balanced: bool) -> tuple[list[float], dict[str, Tensor]]:
    """Losses of the validation rows after three epochs of a plain loop, and the weights then."""
    network, rows = plain_network(seed, torch.float64), rows_of(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    features, labels = torch.from_numpy(TABLE.features).double(), torch.from_numpy(TABLE.labels)
    of_training, val_losses = labels[rows.train], []
    for epoch in range(3):
        if balanced:
            order = torch.from_numpy(in_balance(epoch, rows=rows.train, labels=TABLE.labels[rows.train], seed=seed))
        else:
            generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
            order = torch.from_numpy(rows.train)[torch.randperm(len(rows.train), generator=generator)]
        for batch in order.split(BATCH):
            optimizer.zero_grad()
            loss_of(network(features[batch]), labels[batch], of_training).backward()
            optimizer.step()
        with torch.no_grad():
            val_losses.append(nn.functional.cross_entropy(network(features[rows.val]), labels[rows.val]).item())
    return val_losses, network.state_dict()


@pytest.mark.parametrize(
    ("strategy", "loss", "close"),
    [
        (Focal(), focal, 1e-9),
        (Focal(gamma=0.5, alpha=0.75), weighted_focal, 1e-9),
        (EffectiveNumber(beta=0.9), class_balanced, 1e-6),  # weights, and offsets, are kept in 32 bits
        (LogitAdjustment(tau=1.5), logit_adjustment, 1e-6),
        (BalancedBatches(), plain, 1e-9),
    ],
    ids=["focal", "weighted focal", "class_balanced", "logit_adjustment", "balanced_batches"],
)
def test_a_stack_trains_each_seed_as_a_plain_loop_does(strategy: Strategy, loss: Loss, close: float) -> None:
    """And measures the plain cross-entropy of the plain logits."""
    data = [Classification.seed_data(TABLE, rows_of(seed), strategy, seed) for seed in SEEDS]
    results = train(list(SEEDS), data, max_epochs=3, batch_size=BATCH)
    for seed, result in results.items():
        expected, weights = by_hand(seed, loss, balanced=isinstance(strategy, BalancedBatches))
        assert curve(result, "val/loss") == pytest.approx(expected, abs=close)
        for name, value in weights.items():
            torch.testing.assert_close(result.weights[name], value, atol=10 * close, rtol=0)


# ---- formulas --------------------------------------------------------------------------------------------------------


def test_focal_losses_have_finite_gradients_where_a_row_is_certain() -> None:
    for gamma in (0.5, 2.0):
        logits = torch.tensor([[[200.0, -200.0], [0.0, 1.0]]], requires_grad=True)
        losses, _ = row_losses(logits, torch.tensor([[0, 0]]), focus=gamma)
        losses.sum().backward()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()
        right = torch.tensor([1.0, 0.0]).softmax(0)[1].double()
        assert losses[0].tolist() == pytest.approx([0, float(-((1 - right) ** gamma) * right.log())], rel=1e-5)


def training_rows(*counts: int) -> TrainingRows:
    labels = np.repeat(np.arange(len(counts)), counts)
    names = tuple("abc"[: len(counts)])
    return TrainingRows(np.zeros((len(labels), 1)), labels, names, None, np.arange(len(labels)), int(np.argmin(counts)))


def weights_of(strategy: Strategy, *counts: int) -> np.ndarray:
    weights = strategy.apply(training_rows(*counts), 0, None).class_weights
    assert weights is not None
    return weights


def test_effective_numbers_lead_from_equal_weights_to_inverse_frequencies() -> None:
    counts = (90, 10, 4)
    assert weights_of(EffectiveNumber(0), *counts) == pytest.approx([1, 1, 1])
    assert weights_of(EffectiveNumber(1 - 1e-12), *counts) == pytest.approx(weights_of(ClassWeights(), *counts))
    weights, beta = weights_of(EffectiveNumber(), *counts), 0.9999
    assert weights[1] / weights[0] == pytest.approx((1 - beta**90) / (1 - beta**10))
    assert weights @ counts == pytest.approx(sum(counts))


def test_offsets_are_the_logarithms_of_the_seeds_own_shares() -> None:
    offsets = LogitAdjustment(2).apply(training_rows(6, 2), 0, None).logit_offsets
    assert offsets == pytest.approx([2 * np.log(0.75), 2 * np.log(0.25)])


@pytest.mark.parametrize("counts", [(50, 5), (40, 9, 3), (2, 9)])
def test_batches_hold_as_many_rows_of_each_class(counts: tuple[int, ...]) -> None:
    labels, total = np.repeat(np.arange(len(counts)), counts), sum(counts)
    rows = np.arange(total) + 100
    epochs = [in_balance(epoch, rows=rows, labels=labels, seed=4) for epoch in range(3)]
    for drawn in epochs:
        assert len(drawn) == total
        for start in range(0, total, 7):
            in_batch = np.bincount(labels[drawn[start : start + 7] - 100], minlength=len(counts))
            assert np.ptp(in_batch) <= 1
        for label, count in enumerate(counts):
            times = np.bincount(drawn - 100, minlength=total)[labels == label]
            assert np.ptp(times) <= 1  # those of a rare class come equally often, of a frequent one no row twice
            assert count > total / len(counts) or times.min() >= 1
    assert not np.array_equal(epochs[0], epochs[1])
    assert np.array_equal(epochs[2], in_balance(2, rows=rows, labels=labels, seed=4))
    assert not np.array_equal(epochs[2], in_balance(2, rows=rows, labels=labels, seed=5))


# ---- where they act, and where they cannot ---------------------------------------------------------------------------


def test_each_says_where_it_acts() -> None:
    acting = {type(each).__name__: each.acts_on for each in (Strategy(), EffectiveNumber(), Focal(), BalancedBatches())}
    assert acting == {
        "Strategy": "nothing",
        "EffectiveNumber": "weights",
        "Focal": "loss",
        "BalancedBatches": "batches",
    }
    assert keeps_rows(LogitAdjustment())
    assert not keeps_rows(BalancedBatches())
    for strategy, said in (
        (EffectiveNumber(), "in the loss"),
        (Focal(alpha=0.25), "Focal loss, gamma=2, alpha=0.25"),
        (LogitAdjustment(), "in the loss: tau=1 "),
        (BalancedBatches(), "in every batch"),
    ):
        assert said in " ".join(strategy.describe())


class OwnLoss(Classification):
    def row_losses(self, index: Tensor) -> tuple[Tensor, Tensor]:
        losses, weights = super().row_losses(index)
        return losses**2, weights


class OwnBatches(Classification):
    @classmethod
    def batches(cls, *given: Any) -> Any:
        return super().batches(*given)


def test_a_task_with_a_loss_of_its_own_takes_none_that_acts_on_the_loss() -> None:
    for strategy in (Focal(), LogitAdjustment()):
        with pytest.raises(ConfigError, match=r"acts on the loss, and OwnLoss has a row_losses of its own"):
            OwnLoss.check(TABLE, rows_of(3), strategy)
    with pytest.raises(
        ConfigError, match=r"BalancedBatches acts on the batches, and OwnBatches has a batches of its own"
    ):
        OwnBatches.check(TABLE, rows_of(3), BalancedBatches())
    OwnLoss.check(TABLE, rows_of(3), BalancedBatches())
    for each in (Focal(), LogitAdjustment(), BalancedBatches()):
        Classification.check(TABLE, rows_of(3), each)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Focal(gamma=-1), r"imbalance\.gamma=-1 .*at least 0"),
        (lambda: Focal(alpha=1.0), r"imbalance\.alpha=1\.0 .*between 0 and 1"),
        (lambda: EffectiveNumber(beta=1), r"imbalance\.beta=1 .*below 1"),
        (lambda: LogitAdjustment(tau=None), r"imbalance\.tau=null "),  # type: ignore[arg-type]
        (lambda: Focal(alpha=0.3).check({"a": 3, "b": 2, "c": 1}), r"imbalance\.alpha=0\.3: .* have 3"),
        (lambda: LogitAdjustment().check({"a": 3, "b": 0}), "class 'b' has no training row"),
        (lambda: EffectiveNumber().check({"a": 3, "b": 0}), "class 'b' has no training row"),
        (lambda: BalancedBatches().check({"a": 3, "b": 0}), "class 'b' has no training row"),
    ],
)
def test_settings_and_counts_that_cannot_work(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()


def test_the_training_loss_is_that_of_the_strategy() -> None:
    """With tau 0, gamma 0 and beta 0 it is the plain one, to the last bit."""
    losses = []
    for strategy in (Strategy(), LogitAdjustment(0), Focal(0), EffectiveNumber(0), Focal()):
        data = [Classification.seed_data(TABLE, rows_of(7), strategy, 7)]
        losses.append(curve(train([7], data, **{**config()["trainer"], "max_epochs": 1})[7], "train/loss"))
    assert losses[1:4] == [losses[0]] * 3
    assert losses[4] < losses[0]
