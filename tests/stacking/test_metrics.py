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


@pytest.mark.parametrize("coarse", [False, True], ids=["distinct scores", "equal scores"])
def test_means_over_classes_equal_torchmetrics(coarse: bool) -> None:
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(SEEDS, ROWS, 4, generator=generator, dtype=torch.float64)
    if coarse:
        logits = (logits * 2).round() / 2
    labels = torch.randint(0, 4, (SEEDS, ROWS), generator=generator)
    labels[1][labels[1] == 3] = 0
    logits[1, :, 3] = -9  # neither there nor predicted: class 3 does not count for this seed
    mask = torch.arange(ROWS) < torch.tensor([[ROWS], [41], [23], [ROWS]])
    stacked = classification_metrics(logits, labels, mask)
    for seed in range(SEEDS):
        scores, true = logits[seed][mask[seed]].softmax(-1), labels[seed][mask[seed]]
        predicted = scores.argmax(-1)
        expected = {
            "accuracy": tm.multiclass_accuracy(predicted, true, 4, average="micro"),
            "precision": tm.multiclass_precision(predicted, true, 4),
            "recall": tm.multiclass_recall(predicted, true, 4),
            "f1": tm.multiclass_f1_score(predicted, true, 4),
            "mcc": tm.multiclass_matthews_corrcoef(predicted, true, 4),
        }
        if seed != 1:  # torchmetrics gives an absent class the area 0, and means over it
            expected["auroc"] = tm.multiclass_auroc(scores, true, 4)
            expected["average_precision"] = tm.multiclass_average_precision(scores, true, 4)
            expected["balanced_accuracy"] = tm.multiclass_accuracy(predicted, true, 4)
        for name, value in expected.items():
            assert float(stacked[name][seed]) == pytest.approx(float(value), abs=1e-6), name
