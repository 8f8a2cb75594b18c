"""Stacked metrics equal torchmetrics, seed by seed."""

from __future__ import annotations

import pytest
import torch
import torchmetrics.functional.classification as tm
from torch import Tensor

from seedbed.stacking.metrics import CLASSIFICATION, classification_metrics

SEEDS, ROWS = 4, 60


def inputs(coarse: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Logits with many equal scores when ``coarse``, and seeds of unequal size."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(SEEDS, ROWS, 2, generator=generator, dtype=torch.float64)
    if coarse:
        logits = (logits * 2).round() / 2
    labels = (torch.rand(SEEDS, ROWS, generator=generator) < 0.3).long()
    mask = torch.arange(ROWS) < torch.tensor([[ROWS], [41], [23], [ROWS]])
    return logits, labels, mask


def by_torchmetrics(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    scores, predicted = logits.softmax(-1)[:, 1], logits.argmax(-1)
    return {
        "loss": torch.nn.functional.cross_entropy(logits, labels),
        "accuracy": tm.binary_accuracy(predicted, labels),
        "balanced_accuracy": tm.multiclass_accuracy(predicted, labels, 2, average="macro"),
        "precision": tm.binary_precision(predicted, labels),
        "recall": tm.binary_recall(predicted, labels),
        "f1": tm.binary_f1_score(predicted, labels),
        "mcc": tm.binary_matthews_corrcoef(predicted, labels),
        "auroc": tm.binary_auroc(scores, labels),
        "average_precision": tm.binary_average_precision(scores, labels),
    }


@pytest.mark.parametrize("coarse", [False, True], ids=["distinct scores", "equal scores"])
def test_equal_torchmetrics(coarse: bool) -> None:
    logits, labels, mask = inputs(coarse)
    stacked = classification_metrics(logits, labels, mask, minority=1)
    assert tuple(stacked) == CLASSIFICATION
    for seed in range(SEEDS):
        for name, expected in by_torchmetrics(logits[seed][mask[seed]], labels[seed][mask[seed]]).items():
            assert float(stacked[name][seed]) == pytest.approx(float(expected), abs=1e-6), name


def test_hand_computed() -> None:
    """Rows by true/predicted class: 3 ham right, 1 ham taken for spam, 1 spam missed, 2 spam found."""
    labels = torch.tensor([[0, 0, 0, 0, 1, 1, 1]])
    predicted = torch.tensor([[0, 0, 0, 1, 0, 1, 1]])
    logits = torch.nn.functional.one_hot(predicted, 2).double()
    values = classification_metrics(logits, labels, torch.ones(1, 7, dtype=torch.bool), minority=1)
    expected = {
        "accuracy": 5 / 7,
        "balanced_accuracy": (3 / 4 + 2 / 3) / 2,
        "precision": 2 / 3,
        "recall": 2 / 3,
        "f1": 2 / 3,
    }
    for name, value in expected.items():
        assert float(values[name]) == pytest.approx(value)


def test_a_class_never_predicted_gives_zero_and_no_nan() -> None:
    logits = torch.tensor([[[2.0, 0.0]] * 5])
    labels = torch.tensor([[0, 0, 1, 0, 1]])
    values = classification_metrics(logits, labels, torch.ones(1, 5, dtype=torch.bool), minority=1)
    assert [float(values[name]) for name in ("precision", "recall", "f1", "mcc")] == [0, 0, 0, 0]
    assert float(values["auroc"]) == pytest.approx(0.5)
