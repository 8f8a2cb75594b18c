"""Classification metrics of S seeds at once, by the definitions of torchmetrics.

Every function takes a leading seed axis and a mask of the rows that count, and returns one value per seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from seedbed.metrics import ENDLESS, FROM_ZERO, SHARE, Bounds, Metric, alike
from seedbed.stacking.calibration import brier_score, calibration_error, calibration_line

CLASSIFICATION = (
    Metric("loss", "lower", FROM_ZERO, "probabilities"),
    *alike(("accuracy", "balanced_accuracy", "precision", "recall", "f1"), "higher", SHARE, "labels", thresholded=True),
    Metric("mcc", "higher", Bounds(-1.0, 1.0), "labels", thresholded=True),
    *alike(("auroc", "average_precision"), "higher", SHARE, "scores"),
    Metric("g_mean", "higher", SHARE, "labels", thresholded=True),
    Metric("brier", "lower", FROM_ZERO, "probabilities"),
    Metric("ece", "lower", SHARE, "probabilities"),
    Metric("calibration_slope", 1.0, ENDLESS, "probabilities"),
    Metric("calibration_intercept", 0.0, ENDLESS, "probabilities"),
)
"""What ``classification_metrics`` gives under any settings, in its order."""
LATER = ("g_mean", "brier", "ece", "calibration_slope", "calibration_intercept")
"""Those that came when users may have had metrics of their own under these names, which then take their place."""
OF_TWO_CLASSES = ("calibration_slope", "calibration_intercept")
"""Undefined where there are more."""
OF_ALL_CLASSES = ("mcc", "auroc", *OF_TWO_CLASSES)
"""Undefined where all rows are of one class."""
OF_ONE_CLASS = (
    "precision", "recall", "f1", "mcc", "auroc", "average_precision", *OF_TWO_CLASSES,
    "f_beta", "recall_at_precision", "precision_at_recall",
)  # fmt: skip
"""Undefined where the one class that they are about has no row."""


@dataclass(frozen=True)
class Asked:
    """Metrics that take a setting, each of which is there where its setting is; the settings of a task have these names.

    ``beta``: F-beta, in which recall counts beta times as much as precision. ``at_precision``: the highest recall of all
    thresholds at which precision is at least this; ``at_recall`` the reverse. ``costs``: of one false negative and of one
    false positive, by these names, for the mean cost of a row.
    """

    beta: float | None = None
    at_precision: float | None = None
    at_recall: float | None = None
    costs: Mapping[str, float] | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Asked:
        """Of a task's own settings, by name."""
        return cls(**{name: settings.get(name) for name in ASKED_BY})

    @property
    def declared(self) -> tuple[Metric, ...]:
        return tuple(metric for name, metric in ASKED_BY.items() if getattr(self, name) is not None)


ASKED_BY = {
    "beta": Metric("f_beta", "higher", SHARE, "labels", thresholded=True),
    "at_precision": Metric("recall_at_precision", "higher", SHARE, "scores"),
    "at_recall": Metric("precision_at_recall", "higher", SHARE, "scores"),
    "costs": Metric("expected_cost", "lower", FROM_ZERO, "labels", thresholded=True),
}
"""By the name of its setting."""
FALSE_NEGATIVE, FALSE_POSITIVE = "false_negative", "false_positive"


LEAST_LOGIT = math.log(torch.finfo(torch.float64).eps)
"""In the loss of an estimator, whose probabilities may be 0: as in scikit-learn's log_loss."""


def row_losses(
    logits: Tensor,
    labels: Tensor,
    class_weights: Tensor | None = None,
    logit_offsets: Tensor | None = None,
    focus: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Cross-entropy and weight of every row: (S, N, C) logits, (S, N) labels, (S, C) weights -> two (S, N).

    With weights, a mean over rows is sum(loss) / sum(weight), as in ``torch.nn.CrossEntropyLoss(weight)``. ``logit_offsets``
    (S, C) are added to the logits (Menon et al. 2021). ``focus`` is gamma of the focal loss (1 - p)^gamma * -log(p), where p is
    the probability of the row's own class (Lin et al. 2017).
    """
    if logit_offsets is not None:
        logits = logits + logit_offsets.to(logits.dtype).unsqueeze(1)
    losses = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels)
    if focus:
        missing = -torch.expm1(-losses)  # 1 - p, also where p is nearly 1; at 0, a power may have no finite slope
        losses = missing.clamp(min=torch.finfo(losses.dtype).tiny) ** focus * losses
    if class_weights is None:
        return losses, torch.ones_like(losses)
    weights = class_weights.to(losses.dtype).gather(1, labels)
    return losses * weights, weights


def confusion(predicted: Tensor, labels: Tensor, mask: Tensor, classes: int) -> Tensor:
    """Counts (S, C, C) by true and predicted class, from (S, N) inputs."""
    every = torch.arange(classes, device=labels.device)  # one_hot() would read back the smallest label
    true = ((labels.unsqueeze(-1) == every) & mask.unsqueeze(-1)).double()
    return true.transpose(1, 2) @ (predicted.unsqueeze(-1) == every).double()


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, and 0 where there is nothing to divide by (torchmetrics' ``zero_division=0``)."""
    return torch.where(whole > 0, part / whole.clamp(min=1e-300), torch.zeros_like(part))


def matthews(counts: Tensor) -> Tensor:
    """Matthews correlation coefficient from (S, C, C) counts (Gorodkin 2004).

    0 where all rows are predicted to be of one class, NaN where they are of one class.
    """
    correct, total = counts.diagonal(dim1=1, dim2=2).sum(1), counts.sum((1, 2))
    true, predicted = counts.sum(2), counts.sum(1)
    covariance = correct * total - (true * predicted).sum(1)
    spread = ((total**2 - (predicted**2).sum(1)) * (total**2 - (true**2).sum(1))).clamp(min=0).sqrt()
    value = _ratio(covariance, spread)
    value = torch.where(correct == total, torch.ones_like(value), value)
    return value.masked_fill((true > 0).sum(1) < 2, torch.nan)


def ranking(scores: Tensor, positive: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Area under the ROC curve and average precision per seed, from (S, N) inputs; equal scores are one threshold.

    NaN where a seed has no positive row, or (ROC) no negative one.
    """
    hits, alarms, last_of_tie = _at_thresholds(scores, positive, mask)

    def since_last_threshold(cumulated: Tensor) -> tuple[Tensor, Tensor]:
        at_thresholds = torch.where(last_of_tie, cumulated, torch.zeros_like(cumulated)).cummax(1).values
        before = functional.pad(at_thresholds[:, :-1], (1, 0))
        return before, torch.where(last_of_tie, cumulated - before, torch.zeros_like(cumulated))

    hits_before, new_hits = since_last_threshold(hits)
    _, new_alarms = since_last_threshold(alarms)
    positives, negatives = hits[:, -1], alarms[:, -1]
    area = (new_alarms * (hits_before + new_hits / 2)).sum(1) / (positives * negatives)
    precision = hits / (hits + alarms).clamp(min=1)
    return area, (new_hits * precision).sum(1) / positives


def _at_thresholds(scores: Tensor, positive: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Positive and other rows (S, N) down to each row, from the highest score on, and whether a threshold can lie after it."""
    scores = scores.double().masked_fill(~mask, -torch.inf)
    order = scores.argsort(dim=1, descending=True, stable=True)
    scores, positive, mask = scores.gather(1, order), positive.gather(1, order), mask.gather(1, order)
    # Whole numbers: a CUDA device has no deterministic cumulative sum of floats.
    hits = (positive & mask).long().cumsum(1).double()
    alarms = (~positive & mask).long().cumsum(1).double()
    last_of_tie = torch.ones_like(mask)
    last_of_tie[:, :-1] = scores[:, :-1] != scores[:, 1:]
    return hits, alarms, last_of_tie


def best_where(wanted: str, at_least: float, scores: Tensor, positive: Tensor, mask: Tensor) -> Tensor:
    """The highest recall (S,) of the thresholds at which precision is ``at_least`` so much, or the other way round.

    ``wanted`` is "recall" or "precision". A threshold is a score of some row, and takes all rows with it; 0 where none
    suits, NaN where a seed has no positive row.
    """
    hits, alarms, last_of_tie = _at_thresholds(scores, positive, mask)
    recall, precision = hits / hits[:, -1:], hits / (hits + alarms).clamp(min=1)
    value, other = (recall, precision) if wanted == "recall" else (precision, recall)
    best = torch.where(last_of_tie & (other >= at_least), value, torch.zeros_like(value)).amax(1)
    return best.masked_fill(hits[:, -1] == 0, torch.nan)


def probabilities(logits: Tensor) -> Tensor:
    """The softmax of (..., C) logits in float64, of which rows with the same logits in another order have equal values.

    Summed in the order of the classes, such rows differ in the last bit, and a ranking would part what is tied.
    """
    rising, order = logits.double().sort(dim=-1)
    return torch.empty_like(rising).scatter_(-1, order, rising.softmax(-1))


def classification_metrics(
    logits: Tensor,
    labels: Tensor,
    mask: Tensor,
    minority: int | None = None,
    predicted: Tensor | None = None,
    scores: Tensor | None = None,
    asked: Asked | None = None,
) -> dict[str, Tensor]:
    """All metrics of S seeds: (S, N, C) logits, (S, N) labels and mask -> {name: (S,)}, and those that are ``asked`` for.

    ``predicted`` (S, N) labels and ``scores`` (S, N, C) are what estimators say themselves; None: those of the logits.

    Precision, recall, F1 and F-beta, AUROC and average precision, recall at a precision and the reverse are those of the class
    ``minority`` or, where that is None, the means over the classes, each against the rest (torchmetrics'
    ``average="macro"``). So are calibration slope and intercept, of two classes, and the calibration error, which otherwise is
    that of each row's most probable class. G-mean is the geometric mean of the recalls of all classes. The loss is the plain
    cross-entropy, without class weights, so that variants can be compared.

    A class without rows has none of these values: they are NaN where it is ``minority``, and a mean, balanced accuracy's
    too, leaves it out, where torchmetrics counts 0 for a class that is only predicted. AUROC and Matthews' coefficient are
    NaN where all rows are of one class. Of two rows with equal scores AUROC counts a half, as torchmetrics does; but
    torchmetrics takes a softmax whose last bits part rows that are tied (see ``probabilities``).
    """
    said_logits = logits if scores is None else logits.clamp(min=LEAST_LOGIT)
    losses, _ = row_losses(said_logits, labels)
    classes = logits.shape[-1]
    counts = confusion(logits.argmax(-1) if predicted is None else predicted, labels, mask, classes)
    correct, true, said = counts.diagonal(dim1=1, dim2=2), counts.sum(2), counts.sum(1)
    recalls, precisions = _ratio(correct, true), _ratio(correct, said)
    scores = probabilities(logits) if scores is None else scores
    about = range(classes) if minority is None else [minority]
    ranked = [ranking(scores[..., label], labels == label, mask) for label in about]
    present = true > 0
    of_interest = present[:, about]
    slope, intercept = _calibration(said_logits, labels, mask, minority)
    values = (
        (losses.double() * mask).sum(1) / mask.sum(1),
        _ratio(correct.sum(1), true.sum(1)),
        _mean_of_present(recalls, present),
        _mean_of_present(precisions[:, about], of_interest),
        _mean_of_present(recalls[:, about], of_interest),
        _mean_of_present(_ratio(2 * correct, true + said)[:, about], of_interest),
        matthews(counts),
        torch.stack([area for area, _ in ranked]).nanmean(0),
        torch.stack([precision for _, precision in ranked]).nanmean(0),
        _mean_of_present(recalls.clamp(min=0).log(), present).exp(),
        brier_score(scores, labels, mask),
        calibration_error(*_confidences(scores, labels, minority), mask),
        slope,
        intercept,
    )
    named = {metric.name: value for metric, value in zip(CLASSIFICATION, values, strict=True)}
    if asked is None:
        return named
    if asked.beta is not None:
        weight = asked.beta**2
        f_beta = _ratio((1 + weight) * correct, weight * true + said)
        named["f_beta"] = _mean_of_present(f_beta[:, about], of_interest)
    for name, wanted, at_least in (
        ("recall_at_precision", "recall", asked.at_precision),
        ("precision_at_recall", "precision", asked.at_recall),
    ):
        if at_least is not None:
            of_classes = [best_where(wanted, at_least, scores[..., label], labels == label, mask) for label in about]
            named[name] = torch.stack(of_classes).nanmean(0)
    if asked.costs is not None and minority is not None:
        missed, alarms = true[:, minority] - correct[:, minority], said[:, minority] - correct[:, minority]
        cost = asked.costs[FALSE_NEGATIVE] * missed + asked.costs[FALSE_POSITIVE] * alarms
        named["expected_cost"] = cost / true.sum(1)
    return named


def _confidences(scores: Tensor, labels: Tensor, minority: int | None) -> tuple[Tensor, Tensor]:
    """Probabilities (S, N), and whether what they are about is true: that of one class or, None, of the most probable one."""
    if minority is not None:
        return scores[..., minority].contiguous(), labels == minority
    highest = scores.max(-1)
    return highest.values, highest.indices == labels


def _calibration(logits: Tensor, labels: Tensor, mask: Tensor, minority: int | None) -> tuple[Tensor, Tensor]:
    """Calibration slope and intercept (S,) of one of two classes; NaN where there are more."""
    if logits.shape[-1] != 2 or minority is None:
        nothing = torch.full((len(logits),), torch.nan, dtype=torch.float64, device=logits.device)
        return nothing, nothing
    odds = logits.double()
    return calibration_line(odds[..., minority] - odds[..., 1 - minority], labels == minority, mask)


def _mean_of_present(values: Tensor, present: Tensor) -> Tensor:
    """(S, K) -> (S,): the mean over the classes that are present; NaN where none is."""
    return torch.where(present, values, 0.0).sum(1) / present.sum(1)
