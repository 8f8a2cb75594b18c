"""Classification metrics of S seeds at once, by the definitions of torchmetrics.

Every function takes a leading seed axis and a mask of the rows that count, and returns one value per seed.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from seedbed.metrics import FROM_ZERO, SHARE, Bounds, Metric, alike

CLASSIFICATION = (
    Metric("loss", "lower", FROM_ZERO, "probabilities"),
    *alike(("accuracy", "balanced_accuracy", "precision", "recall", "f1"), "higher", SHARE, "labels", thresholded=True),
    Metric("mcc", "higher", Bounds(-1.0, 1.0), "labels", thresholded=True),
    *alike(("auroc", "average_precision"), "higher", SHARE, "scores"),
)
"""What ``classification_metrics`` gives, in its order."""
OF_ALL_CLASSES = ("mcc", "auroc")
"""Undefined where all rows are of one class."""
OF_ONE_CLASS = ("precision", "recall", "f1", "mcc", "auroc", "average_precision")
"""Undefined where the one class that they are about has no row."""


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
    scores = scores.double().masked_fill(~mask, -torch.inf)
    order = scores.argsort(dim=1, descending=True, stable=True)
    scores, positive, mask = scores.gather(1, order), positive.gather(1, order), mask.gather(1, order)
    # Whole numbers: a CUDA device has no deterministic cumulative sum of floats.
    hits = (positive & mask).long().cumsum(1).double()
    alarms = (~positive & mask).long().cumsum(1).double()
    last_of_tie = torch.ones_like(mask)
    last_of_tie[:, :-1] = scores[:, :-1] != scores[:, 1:]

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
) -> dict[str, Tensor]:
    """All metrics of S seeds: (S, N, C) logits, (S, N) labels and mask -> {name: (S,)}.

    ``predicted`` (S, N) labels and ``scores`` (S, N, C) are what estimators say themselves; None: those of the logits.

    Precision, recall, F1, AUROC and average precision are those of the class ``minority`` or, where that is None, the
    means over the classes, each against the rest (torchmetrics' ``average="macro"``). The loss is the plain
    cross-entropy, without class weights, so that variants can be compared.

    A class without rows has none of these values: they are NaN where it is ``minority``, and a mean, balanced accuracy's
    too, leaves it out, where torchmetrics counts 0 for a class that is only predicted. AUROC and Matthews' coefficient are
    NaN where all rows are of one class. Of two rows with equal scores AUROC counts a half, as torchmetrics does; but
    torchmetrics takes a softmax whose last bits part rows that are tied (see ``probabilities``).
    """
    losses, _ = row_losses(logits if scores is None else logits.clamp(min=LEAST_LOGIT), labels)
    classes = logits.shape[-1]
    counts = confusion(logits.argmax(-1) if predicted is None else predicted, labels, mask, classes)
    correct, true, said = counts.diagonal(dim1=1, dim2=2), counts.sum(2), counts.sum(1)
    recalls, precisions = _ratio(correct, true), _ratio(correct, said)
    scores = probabilities(logits) if scores is None else scores
    about = range(classes) if minority is None else [minority]
    ranked = [ranking(scores[..., label], labels == label, mask) for label in about]
    present = true > 0
    of_interest = present[:, about]
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
    )
    return {metric.name: value for metric, value in zip(CLASSIFICATION, values, strict=True)}


def _mean_of_present(values: Tensor, present: Tensor) -> Tensor:
    """(S, K) -> (S,): the mean over the classes that are present; NaN where none is."""
    return (values * present).sum(1) / present.sum(1)
