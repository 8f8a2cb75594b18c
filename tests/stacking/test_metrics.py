"""Stacked metrics equal torchmetrics, seed by seed."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal, localcontext
from typing import Any

import pytest
import torch
import torchmetrics.functional.classification as tm
from hypothesis import strategies
from torch import Tensor

from seedbed.metrics import Metric
from seedbed.stacking.metrics import CLASSIFICATION, OF_TWO_CLASSES, classification_metrics, probabilities
from tests.properties import Examine

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
    assert tuple(stacked) == tuple(metric.name for metric in CLASSIFICATION)
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
        # A plain softmax parts rows that are tied by their last bits, which changes areas in the third decimal.
        scores, true = probabilities(logits[seed][mask[seed]]), labels[seed][mask[seed]]
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


# ---- by definition, with ties and classes that have no rows ----------------------------------------------------------


def by_definition(scores: list[list[Decimal]], predicted: list[int], labels: list[int], label: int) -> dict[str, float]:
    """Of one class against the rest: pairs of a row of it and another, tied ones counted a half; and thresholds."""
    own = [row[label] for row, true in zip(scores, labels, strict=True) if true == label]
    others = [row[label] for row, true in zip(scores, labels, strict=True) if true != label]
    found = sum(true == label == guess for true, guess in zip(labels, predicted, strict=True))
    wins = sum((one > other) + 0.5 * (one == other) for one in own for other in others)
    above = [[sum(score >= threshold for score in side) for side in (own, others)] for threshold in own]
    nothing = math.nan
    return {
        "precision": (found / max(predicted.count(label), 1)) if own else nothing,
        "recall": found / len(own) if own else nothing,
        "f1": 2 * found / (len(own) + predicted.count(label)) if own else nothing,
        "auroc": wins / (len(own) * len(others)) if own and others else nothing,
        "average_precision": sum(hits / (hits + alarms) for hits, alarms in above) / len(own) if own else nothing,
    }


def exact_softmax(logits: list[float]) -> list[Decimal]:
    """To 40 places, so that equal values are equal, whatever the order of the logits."""
    with localcontext(prec=60):
        powers = [Decimal(value).exp() for value in logits]
        return [(power / sum(sorted(powers))).quantize(Decimal(1).scaleb(-40)) for power in powers]


def mean_of_defined(values: list[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


@strategies.composite
def few_logits(draw: Any) -> tuple[list[list[float]], list[int]]:
    """Rows of two to four classes with many tied scores, and labels that may leave classes without a row."""
    classes = draw(strategies.integers(2, 4))
    row = strategies.lists(strategies.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.5]), min_size=classes, max_size=classes)
    logits = draw(strategies.lists(row, min_size=1, max_size=25))
    labels = strategies.lists(strategies.integers(0, classes - 1), min_size=len(logits), max_size=len(logits))
    return logits, draw(labels)


@pytest.mark.slow
def test_metrics_are_those_of_their_definitions(examine: Examine) -> None:
    def holds(rows: tuple[list[list[float]], list[int]]) -> None:
        logits, labels = rows
        scores, predicted = [exact_softmax(row) for row in logits], [row.index(max(row)) for row in logits]
        of_classes = [by_definition(scores, predicted, labels, label) for label in range(len(logits[0]))]
        inputs = torch.tensor([logits]), torch.tensor([labels]), torch.ones(1, len(labels), dtype=torch.bool)
        means = classification_metrics(*inputs)
        for name in of_classes[0]:
            expected = mean_of_defined([of_class[name] for of_class in of_classes])
            assert float(means[name]) == pytest.approx(expected, abs=1e-9, nan_ok=True), name
            for label, of_class in enumerate(of_classes):
                value = classification_metrics(*inputs, minority=label)[name]
                assert float(value) == pytest.approx(of_class[name], abs=1e-9, nan_ok=True), (name, label)
        recalls = mean_of_defined([of_class["recall"] for of_class in of_classes])
        assert float(means["balanced_accuracy"]) == pytest.approx(recalls)
        assert math.isnan(float(means["mcc"])) == (len(set(labels)) == 1)

    examine(holds, rows=few_logits())


def test_rows_whose_scores_are_tied_in_another_order_of_the_logits_are_tied() -> None:
    """A softmax that is summed in the order of the classes parts some of these by one bit."""
    rows = [list(order) for order in itertools.permutations([0.1, 0.7, 1.3, 2.9])]
    scores = probabilities(torch.tensor([rows], dtype=torch.float64))
    assert len(set(scores.flatten().tolist())) == 4
    labels = torch.arange(len(rows)).unsqueeze(0) % 4
    logits = torch.tensor([rows], dtype=torch.float64)
    value = classification_metrics(logits, labels, torch.ones_like(labels, dtype=torch.bool))["auroc"]
    of_classes = [
        by_definition([exact_softmax(row) for row in rows], [0] * 24, labels[0].tolist(), label)["auroc"]
        for label in range(4)
    ]
    assert float(value) == pytest.approx(sum(of_classes) / 4, abs=1e-12)


def test_a_class_without_rows_has_no_values() -> None:
    logits = torch.tensor([[[2.0, 0.0], [0.0, 2.0], [2.0, 0.0]]])
    labels = torch.tensor([[0, 0, 0]])
    values = classification_metrics(logits, labels, torch.ones(1, 3, dtype=torch.bool), minority=1)
    undefined = {name for name, value in values.items() if math.isnan(float(value))}
    assert undefined == {"precision", "recall", "f1", "mcc", "auroc", "average_precision", *OF_TWO_CLASSES}
    assert float(values["balanced_accuracy"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("metric", CLASSIFICATION, ids=lambda metric: metric.name)
def test_what_a_metric_needs_and_whether_a_threshold_matters(metric: Metric) -> None:
    """Of two classes: what needs labels alone is blind to all else of the scores, what needs scores to all but their order."""
    logits, labels, mask = inputs(coarse=False)
    value = classification_metrics(logits, labels, mask, minority=1)[metric.name]
    sharper = classification_metrics(3 * logits, labels, mask, minority=1)[metric.name]
    shift = torch.tensor([0.0, 0.5])
    shifted = classification_metrics(logits + shift, labels, mask, minority=1)[metric.name]
    assert torch.allclose(value, sharper) == (metric.needs in ("labels", "scores"))
    assert torch.allclose(value, shifted) == (metric.needs == "scores" or metric.name == "calibration_slope")
    assert metric.thresholded == (metric.needs == "labels")
    assert (metric.bounds.low is None) == (metric.name in OF_TWO_CLASSES)
    assert metric.bounds.low is None or float(value.min()) >= metric.bounds.low
    assert metric.bounds.high is None or float(value.max()) <= metric.bounds.high


@pytest.mark.parametrize(
    "metric", [each for each in CLASSIFICATION if each.name not in OF_TWO_CLASSES], ids=lambda metric: metric.name
)
def test_a_perfect_prediction_is_the_best(metric: Metric) -> None:
    _, labels, mask = inputs(coarse=False)
    right = 20 * torch.nn.functional.one_hot(labels, 2).double()
    values = [
        float(classification_metrics(logits, labels, mask, minority=1)[metric.name][0])
        for logits in (inputs(coarse=False)[0], right, right.flip(-1))
    ]
    assert metric.best(values) == 1
    assert not any(metric.is_better(value, values[2]) for value in values[2:])
