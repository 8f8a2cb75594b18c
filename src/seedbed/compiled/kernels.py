"""The arithmetic of a chunk of steps of one seed's dot product, compiled by Numba.

One row of the tables is one user or item, users first. It has W weights: its factors, its bias in column ``factors``, zeros
up to a multiple of a vector register. Of each the optimizer keeps a ``first`` and a ``second`` moment.

All rows take all steps, as dense optimizers want it; but one that a batch does not look up may take several at once, when it
is looked up again or the chunk ends. It stays in the cache meanwhile, and of its steps without a gradient much is the same
for all of its numbers. The result is that of single steps but for rounding.

Where several threads share a step, each owns every ``parts``-th row and is the only one to change it. Sums are added up in
the order of the batch, so that no number depends on how many threads there are.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np

from seedbed.data.dry import copied
from seedbed.data.sources import cache_dir

ADAM, SGD, ADAGRAD, RMSPROP, KERAS_RMSPROP = range(5)
"""Rules of optimizers, by number."""
LR, SHRINK, L2, MOMENTUM, NESTEROV, FIRST_SHARE, SECOND_KEPT, SECOND_SHARE, ROOT_KEPT, ROOT_SCALE, EPS = range(11)
"""Columns of ``rates`` (K, 11), which say what a seed steps with:

the rate, by which a step is multiplied; what is kept of the weights (decoupled decay); decay that is added to the gradient;
momentum, and whether it is Nesterov's; the gradient's share of the first moment; what is kept of the second moment and the
squared gradient's share of it; the square root of the former; what the second moment's root is multiplied by; epsilon.
"""
COLUMNS = 11
REGISTER = 8
"""Numbers of 32 bits in a vector register."""


class Tables(NamedTuple):
    """What a seed learns, and what its steps need meanwhile."""

    weights: np.ndarray
    first: np.ndarray
    second: np.ndarray
    """Three (R, W)."""
    taken: np.ndarray
    """(R,), the last step of the chunk that each row has taken; -1 before the first."""
    place: np.ndarray
    """(R,), where the row's gradient stands in ``gradients``."""
    gradients: np.ndarray
    """(2 B + 1, W), of the rows of a batch; the last one is zero."""
    scratch: np.ndarray
    """(threads, W)"""
    factors: int
    items: int
    """The row of the first item."""
    biased: bool


class Batches(NamedTuple):
    """The batches of a chunk."""

    counts: np.ndarray
    """(K,), how many ratings are real."""
    rows: np.ndarray
    """(K, 2, B), of the tables: those of the users, and those of the items."""
    ratings: np.ndarray
    """(K, B)"""
    losses: np.ndarray
    """(B,), of the current batch."""


class Objective(NamedTuple):
    """How a product becomes a prediction, and how long a gradient may be."""

    ranged: bool
    low: np.float32
    width: np.float32
    clip: float
    """0: gradients are not clipped."""


def compiled(*flags: str) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called, and keep the code in the user's cache folder.

    Products may be added without rounding in between ("contract"), as PyTorch's own kernels do; ``flags`` may allow more.
    NaN and infinity stay what they are, since they tell that a seed has diverged.
    """

    def compile_(function: Callable[..., Any]) -> Any:
        settings: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", *flags}}
        config: Any = numba.config
        before = config.CACHE_DIR
        if not os.environ.get("NUMBA_CACHE_DIR"):
            config.CACHE_DIR = str(copied(cache_dir() / "compiled"))
        try:
            return numba.njit(cache=True, **settings)(function)
        except RuntimeError:  # a folder that cannot be written: it is compiled for this process alone
            return numba.njit(**settings)(function)
        finally:
            config.CACHE_DIR = before

    return compile_


# ---- the steps of one row --------------------------------------------------------------------------------------------


@compiled()
def _step(kind, tables, row, place, scale, rates, step):  # type: ignore[no-untyped-def]
    """Let a row take a step by the gradient at ``place``, times ``scale``."""
    weights, first, second, gradients = tables.weights, tables.first, tables.second, tables.gradients
    columns = weights.shape[1]
    lr, shrink, l2, momentum = rates[step, LR], rates[step, SHRINK], rates[step, L2], rates[step, MOMENTUM]
    kept, share, eps = rates[step, SECOND_KEPT], rates[step, SECOND_SHARE], rates[step, EPS]
    if kind == ADAM:
        first_share, root_scale = rates[step, FIRST_SHARE], rates[step, ROOT_SCALE]
        for f in range(columns):
            gradient = gradients[place, f] * scale + l2 * weights[row, f]
            m = first[row, f] + (gradient - first[row, f]) * first_share
            v = second[row, f] * kept + gradient * gradient * share
            first[row, f], second[row, f] = m, v
            weights[row, f] = weights[row, f] * shrink - lr * m / (math.sqrt(v) * root_scale + eps)
    elif kind == SGD:
        nesterov = rates[step, NESTEROV] != 0
        for f in range(columns):
            gradient = gradients[place, f] * scale + l2 * weights[row, f]
            if momentum != 0:
                m = momentum * first[row, f] + gradient
                first[row, f] = m
                gradient = gradient + momentum * m if nesterov else m
            weights[row, f] -= lr * gradient
    elif kind == ADAGRAD:
        for f in range(columns):
            gradient = gradients[place, f] * scale + l2 * weights[row, f]
            v = second[row, f] + gradient * gradient
            second[row, f] = v
            weights[row, f] -= lr * gradient / (math.sqrt(v) + eps)
    elif kind == RMSPROP:
        for f in range(columns):
            gradient = gradients[place, f] * scale + l2 * weights[row, f]
            v = second[row, f] * kept + gradient * gradient * share
            second[row, f] = v
            move = gradient / (math.sqrt(v) + eps)
            if momentum > 0:
                move = momentum * first[row, f] + move
                first[row, f] = move
            weights[row, f] -= lr * move
    else:
        for f in range(columns):
            gradient = gradients[place, f] * scale
            v = second[row, f] * kept + gradient * gradient * share
            move = momentum * first[row, f] + lr * gradient / math.sqrt(v + eps)
            first[row, f], second[row, f] = move, v
            weights[row, f] = weights[row, f] * shrink - move


@compiled()
def _rest(kind, tables, row, rates, start, stop, part):  # type: ignore[no-untyped-def]
    """Let a row take the steps from ``start`` to below ``stop``, in none of which it has a gradient."""
    if start >= stop:
        return
    if rates[start, L2] != 0:
        for step in range(start, stop):
            _step(kind, tables, row, tables.gradients.shape[0] - 1, np.float32(1), rates, step)
    elif kind == ADAM:
        _rest_by_moments(tables, row, rates, start, stop, part)
    elif kind != ADAGRAD:
        _rest_by_momentum(kind, tables, row, rates, start, stop)


@compiled()
def _rest_by_moments(tables, row, rates, start, stop, part):  # type: ignore[no-untyped-def]
    """Adam: both moments shrink by the same factors in every column, so that a root is taken once for all steps.

    Two steps share one division, which costs more than all else: a / b + c / d is (a d + c b) / (b d).
    """
    weights, first, second, roots = tables.weights, tables.first, tables.second, tables.scratch
    columns = weights.shape[1]
    for f in range(columns):
        roots[part, f] = math.sqrt(second[row, f])
    m, root, v = np.float32(1), np.float32(1), np.float32(1)
    step = start
    if (stop - start) % 2 == 1:
        m *= np.float32(1) - rates[step, FIRST_SHARE]
        root *= rates[step, ROOT_KEPT]
        v *= rates[step, SECOND_KEPT]
        shrink, lr, scale, eps = (
            rates[step, SHRINK],
            rates[step, LR] * m,
            rates[step, ROOT_SCALE] * root,
            rates[step, EPS],
        )
        for f in range(columns):
            weights[row, f] = weights[row, f] * shrink - first[row, f] * lr / (roots[part, f] * scale + eps)
        step += 1
    while step < stop:
        m *= np.float32(1) - rates[step, FIRST_SHARE]
        root *= rates[step, ROOT_KEPT]
        v *= rates[step, SECOND_KEPT]
        lr, scale, eps = rates[step, LR] * m, rates[step, ROOT_SCALE] * root, rates[step, EPS]
        m *= np.float32(1) - rates[step + 1, FIRST_SHARE]
        root *= rates[step + 1, ROOT_KEPT]
        v *= rates[step + 1, SECOND_KEPT]
        then_lr, then_scale = rates[step + 1, LR] * m, rates[step + 1, ROOT_SCALE] * root
        lr *= rates[step + 1, SHRINK]
        shrink = rates[step, SHRINK] * rates[step + 1, SHRINK]
        for f in range(columns):
            one, other = roots[part, f] * scale + eps, roots[part, f] * then_scale + eps
            move = first[row, f] * (lr * other + then_lr * one) / (one * other)
            weights[row, f] = weights[row, f] * shrink - move
        step += 2
    for f in range(columns):
        first[row, f] *= m
        second[row, f] *= v


@compiled()
def _rest_by_momentum(kind, tables, row, rates, start, stop):  # type: ignore[no-untyped-def]
    """The others: what is left of earlier moves is the same multiple of ``first`` in every column."""
    weights, first, second = tables.weights, tables.first, tables.second
    left, moved, shrink, v = np.float32(1), np.float32(0), np.float32(1), np.float32(1)
    for step in range(start, stop):
        momentum = rates[step, MOMENTUM]
        v *= rates[step, SECOND_KEPT]
        shrink *= rates[step, SHRINK]
        moved *= rates[step, SHRINK]
        if kind == KERAS_RMSPROP:
            left *= momentum
            moved += left
        elif momentum != 0:
            left *= momentum
            further = momentum if rates[step, NESTEROV] != 0 else np.float32(1)
            moved += rates[step, LR] * left * further
    for f in range(weights.shape[1]):
        weights[row, f] = weights[row, f] * shrink - moved * first[row, f]
        first[row, f] *= left
        second[row, f] *= v


# ---- the parts of a step ---------------------------------------------------------------------------------------------


@compiled()
def look_up(numbers, users, items, ratings, tables, batches, part, parts):  # type: ignore[no-untyped-def]
    """Set this part's share of the rows and ratings of the batches from the numbers (K, B) of ratings."""
    for step in range(part, numbers.shape[0], parts):
        for b in range(batches.counts[step]):
            number = numbers[step, b]
            batches.rows[step, 0, b] = users[number]
            batches.rows[step, 1, b] = tables.items + items[number]
            batches.ratings[step, b] = ratings[number]


@compiled()
def catch_up(kind, tables, batches, rates, step, part, parts):  # type: ignore[no-untyped-def]
    """Bring this part's rows of a batch up to the step, and make room for their gradients."""
    gradients, taken, place = tables.gradients, tables.taken, tables.place
    for b in range(batches.counts[step]):
        for side in range(2):
            row = batches.rows[step, side, b]
            if taken[row] == step or (parts > 1 and row % parts != part):
                continue
            _rest(kind, tables, row, rates, taken[row] + 1, step, part)
            taken[row], place[row] = step, 2 * b + side
            for f in range(gradients.shape[1]):
                gradients[place[row], f] = np.float32(0)


@compiled("reassoc", "nsz")
def _product(weights, user, item, factors):  # type: ignore[no-untyped-def]
    """The sum is added up in several lanes at once, whose number is that of the machine's vector registers."""
    total = np.float32(0)
    for f in range(factors):
        total += weights[user, f] * weights[item, f]
    return total


@compiled()
def compare(tables, batches, objective, step, part, parts):  # type: ignore[no-untyped-def]
    """Set the losses of a batch, and add up the gradients of this part's rows; parts that share a rating both do its product."""
    weights, gradients, place, factors = tables.weights, tables.gradients, tables.place, tables.factors
    count = batches.counts[step]
    for b in range(count):
        user, item = batches.rows[step, 0, b], batches.rows[step, 1, b]
        of_user, of_item = parts == 1 or user % parts == part, parts == 1 or item % parts == part
        if not (of_user or of_item):
            continue
        value = _product(weights, user, item, factors)
        if tables.biased:
            value += weights[user, factors] + weights[item, factors]
        inner = np.float32(1)
        if objective.ranged:
            share = np.float32(1) / (np.float32(1) + math.exp(-value))
            value = share * objective.width + objective.low
            inner = objective.width * share * (np.float32(1) - share)
        error = value - batches.ratings[step, b]
        slope = np.float32(2) * error / np.float32(count) * inner
        batches.losses[b] = error * error
        if of_user:
            _add(gradients, place[user], slope, weights, item, factors, tables.biased)
        if of_item:
            _add(gradients, place[item], slope, weights, user, factors, tables.biased)


@compiled()
def _add(gradients, place, slope, weights, other, factors, biased):  # type: ignore[no-untyped-def]
    for f in range(factors):
        gradients[place, f] += slope * weights[other, f]
    if biased:
        gradients[place, factors] += slope


@compiled()
def _scale(tables, batches, clip, step):  # type: ignore[no-untyped-def]
    """What gradients are multiplied by, so that their norm over all rows is at most ``clip``."""
    squares = 0.0
    for b in range(batches.counts[step]):
        for side in range(2):
            if tables.place[batches.rows[step, side, b]] == 2 * b + side:
                for f in range(tables.gradients.shape[1]):
                    squares += np.float64(tables.gradients[2 * b + side, f]) ** 2
    scale = clip / (math.sqrt(squares) + 1e-6)
    # A norm that is no number makes weights of it, as torch.nn.utils.clip_grad_norm_ does.
    return np.float32(1) if scale > 1 else np.float32(scale)


@compiled()
def update(kind, tables, batches, objective, rates, step, part, parts):  # type: ignore[no-untyped-def]
    """Let this part's rows of the batch take the step."""
    scale = _scale(tables, batches, objective.clip, step) if objective.clip > 0 else np.float32(1)
    for b in range(batches.counts[step]):
        for side in range(2):
            row = batches.rows[step, side, b]
            if tables.place[row] == 2 * b + side and not (parts > 1 and row % parts != part):
                _step(kind, tables, row, 2 * b + side, scale, rates, step)


@compiled()
def total_loss(batches, step):  # type: ignore[no-untyped-def]
    """The sum of the losses of a batch."""
    total = 0.0
    for b in range(batches.counts[step]):
        total += batches.losses[b]
    return total


# ---- a chunk ---------------------------------------------------------------------------------------------------------


@compiled()
def finish(kind, tables, rates, part, parts):  # type: ignore[no-untyped-def]
    """Bring this part's rows up to the end of the chunk, whether its batches have looked them up or not."""
    steps = rates.shape[0]
    for row in range(part, tables.taken.shape[0], parts):
        _rest(kind, tables, row, rates, tables.taken[row] + 1, steps, part)
        tables.taken[row] = -1


@compiled()
def train(kind, tables, batches, objective, rates, sums):  # type: ignore[no-untyped-def]
    """Take all steps of a chunk, in one thread; ``sums`` (K,) gets those of the losses."""
    for step in range(rates.shape[0]):
        catch_up(kind, tables, batches, rates, step, 0, 1)
        compare(tables, batches, objective, step, 0, 1)
        sums[step] = total_loss(batches, step)
        update(kind, tables, batches, objective, rates, step, 0, 1)
    finish(kind, tables, rates, 0, 1)


# ---- weights, between the network and the tables ---------------------------------------------------------------------


@compiled()
def load(tables, user_factors, item_factors, user_bias, item_bias):  # type: ignore[no-untyped-def]
    """Fill the table with the weights of a network."""
    weights, factors, items = tables.weights, tables.factors, tables.items
    for row in range(weights.shape[0]):
        source, at = (user_factors, row) if row < items else (item_factors, row - items)
        for f in range(factors):
            weights[row, f] = source[at, f]
        if tables.biased:
            weights[row, factors] = user_bias[at, 0] if row < items else item_bias[at, 0]


@compiled()
def store(tables, user_factors, item_factors, user_bias, item_bias):  # type: ignore[no-untyped-def]
    """Give a network the weights of the table."""
    weights, factors, items = tables.weights, tables.factors, tables.items
    for row in range(weights.shape[0]):
        target, at = (user_factors, row) if row < items else (item_factors, row - items)
        for f in range(factors):
            target[at, f] = weights[row, f]
        if tables.biased:
            biases = user_bias if row < items else item_bias
            biases[at, 0] = weights[row, factors]
