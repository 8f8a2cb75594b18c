"""How well the probabilities of S seeds' classifiers agree with what is true: Brier score, calibration error, slope and intercept.

Every function takes a leading seed axis and a mask of the rows that count, and returns one float64 value per seed.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

BINS = 15
"""Of the expected calibration error; each holds as many rows, give or take one."""
STEPS = 20
"""Of Newton's method; five to fifteen are needed. Always all are taken: on a GPU, Python would have to wait for whether they are needed."""
FLAT, STEEP = 1e-13, 1e-7
"""Where the mean gradient is as small as the former, a fit is done; where it is above the latter in the end, it has no result."""


def brier_score(probabilities: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of (S, N, C) probabilities: of two classes that of one of them, of more the sum over the classes.

    As ``brier_score_loss`` of scikit-learn has it (Brier 1950).
    """
    every = torch.arange(probabilities.shape[-1], device=labels.device)
    errors = ((probabilities - (labels.unsqueeze(-1) == every).double()) ** 2).sum(-1)
    return _mean(errors, mask) / (2 if len(every) == 2 else 1)


def calibration_error(probabilities: Tensor, right: Tensor, mask: Tensor) -> Tensor:
    """Expected calibration error: over ``BINS`` bins of equally many rows, the mean of |mean probability - share of right ones|.

    (S, N) probabilities, and whether what they are about is true. Rows with equal probabilities count as right to the share of
    them that is: in which bin each of them falls, where they are in several, changes nothing.
    """
    count = mask.sum(1, keepdim=True)
    given, order = probabilities.masked_fill(~mask, torch.inf).sort(dim=1, stable=True)
    hits = functional.pad((right & mask).gather(1, order).long().cumsum(1), (1, 0))
    first, last = torch.searchsorted(given, given), torch.searchsorted(given, given, right=True)
    shares = (hits.gather(1, last) - hits.gather(1, first)).double() / (last - first)
    place = torch.arange(given.shape[1], device=given.device).expand_as(given)
    gaps = torch.where(place < count, given - shares, 0.0)
    bins = (place * BINS).div(count.clamp(min=1), rounding_mode="floor")
    in_bins = (bins.unsqueeze(-1) == torch.arange(BINS, device=given.device)).double()
    return (gaps.unsqueeze(1) @ in_bins).abs().sum((1, 2)) / count.squeeze(1)


def calibration_line(logits: Tensor, positive: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and intercept of the calibration of (S, N) logits: two logistic regressions of the labels on them (Cox 1958).

    The slope, 1 where it is right, is below 1 where probabilities are too extreme. The intercept is that with the slope fixed
    at 1 ("calibration in the large", Van Calster et al. 2019): 0 where probabilities are right on average, below 0 where they
    are too high. NaN where rows are of one class; the slope also where a threshold parts the classes, as it then has no end.
    """
    logits = torch.where(mask, logits.double(), 0.0)
    both = ((positive & mask).any(1)) & ((~positive & mask).any(1))
    middle = _mean(logits, mask).unsqueeze(1)
    spread = _mean((logits - middle) ** 2, mask).sqrt().clamp(min=1e-300).unsqueeze(1)
    # Both fits at once: on the standardised logits without an offset, and on nothing with the logits as the offset.
    on = torch.cat([(logits - middle) / spread, torch.zeros_like(logits)])
    offset = torch.cat([torch.zeros_like(logits), logits])
    intercepts, slopes = _logistic_fit(on, offset, positive.repeat(2, 1), mask.repeat(2, 1))
    seeds, nothing = len(logits), logits.new_full((), torch.nan)
    slope = torch.where(_overlap(logits, positive, mask), slopes[:seeds] / spread.squeeze(1), nothing)
    return slope, torch.where(both, intercepts[seeds:], nothing)


def _overlap(logits: Tensor, positive: Tensor, mask: Tensor) -> Tensor:
    """(S,) whether no threshold parts the classes, either way round: only then does a logistic regression on one number end."""

    def ends(side: Tensor) -> tuple[Tensor, Tensor]:
        return logits.masked_fill(~side, torch.inf).amin(1), logits.masked_fill(~side, -torch.inf).amax(1)

    (lowest, highest), (low, high) = ends(positive & mask), ends(~positive & mask)
    return (lowest < high) & (low < highest)


def _logistic_fit(on: Tensor, offset: Tensor, positive: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """(S,) constants and slopes of logistic regressions of ``positive`` on (S, N) numbers with an offset, by Newton's method.

    A step that would raise the loss is halved. A seed that is done stays as it is, whatever steps its neighbours take.
    """
    true, weight = (positive & mask).double(), mask.double()
    count = weight.sum(1)
    idle = (on == 0).all(1).double()  # nothing to find a slope of

    def at(constant: Tensor, slope: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The loss, the size of its mean gradient, and Newton's step from there (two)."""
        linear = offset + constant.unsqueeze(1) + slope.unsqueeze(1) * on
        said = linear.sigmoid()
        loss = (functional.softplus(linear, threshold=700) * weight).sum(1) - (linear * true).sum(1)
        residual, curved = said * weight - true, said * (1 - said) * weight
        down, across = residual.sum(1), (residual * on).sum(1)
        a, b, d = curved.sum(1), (curved * on).sum(1), (curved * on * on).sum(1) + idle
        det = (a * d - b * b).clamp(min=1e-300)
        steps = (b * across - d * down) / det, (b * down - a * across) / det
        return loss, torch.maximum(down.abs(), across.abs()) / count, *steps

    share = (true.sum(1) / count).clamp(1 / (2 * count), 1 - 1 / (2 * count))
    constant, slope = share.logit() - _mean(offset, mask), torch.zeros_like(count)
    loss, size, up, right = at(constant, slope)
    part = torch.ones_like(count)
    for _ in range(STEPS):
        tried = constant + part * up, slope + part * right
        there, new_size, new_up, new_right = at(*tried)
        taken = (size > FLAT) & (there <= loss + 1e-12 * (1 + loss))
        constant, slope = torch.where(taken, tried[0], constant), torch.where(taken, tried[1], slope)
        loss, size = torch.where(taken, there, loss), torch.where(taken, new_size, size)
        up, right = torch.where(taken, new_up, up), torch.where(taken, new_right, right)
        part = torch.where(taken, torch.ones_like(part), part / 2)
    lost = size.nan_to_num(torch.inf) > STEEP
    return constant.masked_fill(lost, torch.nan), slope.masked_fill(lost, torch.nan)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum(1) / mask.sum(1)
