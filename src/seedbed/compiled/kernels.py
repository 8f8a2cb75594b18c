"""The arithmetic of a chunk of steps of one seed's dot product, compiled by Numba.

One row of the tables is one user or item, users first. It has W weights: its factors, its bias in column ``factors``, zeros
up to a multiple of a vector register. Of each the optimizer keeps a ``first`` and a ``second`` moment.

All rows take all steps, as dense optimizers want it; but one that a batch does not look up may take several at once, when it
is looked up again or the chunk ends. It stays in the cache meanwhile, and its steps without a gradient are much the same for
all of its numbers. The result is that of single steps but for rounding.

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
from numba.core import cgutils, types
from numba.extending import intrinsic

from seedbed.data.dry import copied
from seedbed.data.sources import cache_dir

ADAM, SGD, ADAGRAD, RMSPROP, KERAS_RMSPROP = range(5)
"""Rules of optimizers, by number."""
LR, SHRINK, L2, MOMENTUM, NESTEROV, FIRST_SHARE, SECOND_KEPT, SECOND_SHARE, ROOT_KEPT, ROOT_SCALE, EPS = range(11)
"""Columns of ``steps`` (K, 11), which say what a seed steps with:

the rate, by which a step is multiplied; what is kept of the weights (decoupled decay); decay that is added to the gradient;
momentum, and whether it is Nesterov's; the gradient's share of the first moment; what is kept of the second moment and the
squared gradient's share of it; the square root of the former; what the second moment's root is multiplied by; epsilon.
"""
COLUMNS = 11
LEFT, CENTRE, MOMENT_0, MOMENT_2, MOMENT_3, MOMENT_4, FIRST_LEFT, SECOND_LEFT, EPSILON = range(9)
"""Columns of ``rests``: what is left of the weights; c and the moments M of ``plan``; what is left of both moments; epsilon."""
LONGEST = 32
"""Steps without a gradient that one move of Adam may stand for, at the most."""
SPREAD = 0.08
"""By which share the largest of their divisors may be above the smallest: at the most its fifth power is left out."""
REGISTER = 8
"""Numbers of 32 bits in a vector register."""
LINE = 16
"""Numbers of 32 bits in a line of the cache."""
AHEAD = 4
"""Ratings by which rows are fetched from memory before they are needed: it answers long after it was asked, but many at a time."""


class Tables(NamedTuple):
    """What a seed learns, and what its steps need meanwhile."""

    state: np.ndarray
    """(R, 3 W), weights, first and second moments side by side, so that a row is fetched from one place of the memory."""
    taken: np.ndarray
    """(R,), the last step of the chunk that each row has taken; -1 before the first."""
    place: np.ndarray
    """(R,), where the row's gradient stands in ``gradients``."""
    gradients: np.ndarray
    """(2 B + 1, W), of the rows of a batch; the last one is zero."""
    width: int
    """W"""
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


class Rates(NamedTuple):
    """What the K steps of a chunk are taken with."""

    steps: np.ndarray
    """(K, 11)"""
    rests: np.ndarray
    """(K, LONGEST, 9): Adam's moves of a row without a gradient, by the step that they begin with and their number less one."""
    reach: np.ndarray
    """(K,), how many steps from each on one such move may stand for."""


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


# ---- memory ----------------------------------------------------------------------------------------------------------


def _asks(typing, table, row, column):  # type: ignore[no-untyped-def]
    """What is compiled for ``_prefetch``: LLVM's instruction, to write, to keep in all caches, of data."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        ir: Any = cgutils.ir  # type: ignore[attr-defined]
        array, number = context.make_array(signature.args[0])(context, builder, arguments[0]), ir.IntType(32)
        kinds = zip(arguments[1:], signature.args[1:], strict=True)
        index = [context.cast(builder, value, kind, types.intp) for value, kind in kinds]
        place: Any = cgutils.get_item_pointer(context, builder, signature.args[0], array, index)  # type: ignore[no-untyped-call]
        asks = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        name = "llvm.prefetch.p0"
        function: Any = cgutils.get_or_insert_function(builder.module, asks, name)  # type: ignore[no-untyped-call]
        builder.call(function, [builder.bitcast(place, cgutils.voidptr_t), number(1), number(3), number(1)])

    return types.void(table, row, column), generate


_prefetch: Any = intrinsic(_asks)
"""Asks the memory for the line of the cache in which a number of a table stands, and does not wait for it."""


@compiled()
def _fetch(table, row, columns):  # type: ignore[no-untyped-def]
    """Ask for the first columns of a row."""
    for column in range(0, columns, LINE):
        _prefetch(table, row, column)


# ---- the steps of one row --------------------------------------------------------------------------------------------


@compiled()
def _step(kind, tables, row, place, scale, rates, step):  # type: ignore[no-untyped-def]
    """Let a row take a step by the gradient at ``place``, times ``scale``."""
    state, gradients, columns = tables.state, tables.gradients, tables.width
    first, second = columns, 2 * columns
    lr, shrink, l2, momentum = (
        rates.steps[step, LR],
        rates.steps[step, SHRINK],
        rates.steps[step, L2],
        rates.steps[step, MOMENTUM],
    )
    kept, share, eps = rates.steps[step, SECOND_KEPT], rates.steps[step, SECOND_SHARE], rates.steps[step, EPS]
    if kind == ADAM:
        first_share, root_scale = rates.steps[step, FIRST_SHARE], rates.steps[step, ROOT_SCALE]
        for f in range(columns):
            gradient = gradients[place, f] * scale + l2 * state[row, f]
            m = state[row, first + f] + (gradient - state[row, first + f]) * first_share
            v = state[row, second + f] * kept + gradient * gradient * share
            state[row, first + f], state[row, second + f] = m, v
            state[row, f] = state[row, f] * shrink - lr * m / (math.sqrt(v) * root_scale + eps)
    elif kind == SGD:
        nesterov = rates.steps[step, NESTEROV] != 0
        for f in range(columns):
            gradient = gradients[place, f] * scale + l2 * state[row, f]
            if momentum != 0:
                m = momentum * state[row, first + f] + gradient
                state[row, first + f] = m
                gradient = gradient + momentum * m if nesterov else m
            state[row, f] -= lr * gradient
    elif kind == ADAGRAD:
        for f in range(columns):
            gradient = gradients[place, f] * scale + l2 * state[row, f]
            v = state[row, second + f] + gradient * gradient
            state[row, second + f] = v
            state[row, f] -= lr * gradient / (math.sqrt(v) + eps)
    elif kind == RMSPROP:
        for f in range(columns):
            gradient = gradients[place, f] * scale + l2 * state[row, f]
            v = state[row, second + f] * kept + gradient * gradient * share
            state[row, second + f] = v
            move = gradient / (math.sqrt(v) + eps)
            if momentum > 0:
                move = momentum * state[row, first + f] + move
                state[row, first + f] = move
            state[row, f] -= lr * move
    else:
        for f in range(columns):
            gradient = gradients[place, f] * scale
            v = state[row, second + f] * kept + gradient * gradient * share
            move = momentum * state[row, first + f] + lr * gradient / math.sqrt(v + eps)
            state[row, first + f], state[row, second + f] = move, v
            state[row, f] = state[row, f] * shrink - move


@compiled()
def _rest(kind, tables, row, rates, start, stop):  # type: ignore[no-untyped-def]
    """Let a row take the steps from ``start`` to below ``stop``, in none of which it has a gradient."""
    if start >= stop:
        return
    if rates.steps[start, L2] != 0:
        for step in range(start, stop):
            _step(kind, tables, row, tables.gradients.shape[0] - 1, np.float32(1), rates, step)
    elif kind == ADAM:
        while start < stop:
            steps = min(stop - start, rates.reach[start])
            _rest_by_moments(tables, row, rates.rests, start, steps)
            start += steps
    elif kind != ADAGRAD:
        _rest_by_momentum(kind, tables, row, rates, start, stop)


@compiled()
def _rest_by_moments(tables, row, rests, start, steps):  # type: ignore[no-untyped-def]
    """Adam: the sum of some moves, see ``plan``."""
    state, first, second = tables.state, tables.width, 2 * tables.width
    at = steps - 1
    left, centre, eps = rests[start, at, LEFT], rests[start, at, CENTRE], rests[start, at, EPSILON]
    none, two = rests[start, at, MOMENT_0], rests[start, at, MOMENT_2]
    three, four = rests[start, at, MOMENT_3], rests[start, at, MOMENT_4]
    first_left, second_left = rests[start, at, FIRST_LEFT], rests[start, at, SECOND_LEFT]
    for f in range(tables.width):
        root = math.sqrt(state[row, second + f])
        inverse = np.float32(1) / (root * centre + eps)
        x = root * inverse
        move = state[row, first + f] * inverse * (none + x * x * (two - x * (three - x * four)))
        state[row, f] = state[row, f] * left - move
        state[row, first + f] *= first_left
        state[row, second + f] *= second_left


@compiled()
def plan(rates):  # type: ignore[no-untyped-def]
    """Set ``rests`` and ``reach`` for Adam.

    Without a gradient the moments of all weights shrink by the same factors. Step k moves a weight by m a_k / (r s_k + eps),
    with the first moment m and the second's root r from before them all. The divisors s_k differ little, so that the sum of
    the moves is a short series about their mean c: with x = r / (r c + eps) it is m / (r c + eps) times M_0 + M_2 x^2 -
    M_3 x^3 + M_4 x^4 - ..., where M_j is the sum of a_k (s_k - c)^j, and M_1 = 0. So all steps take one division, which
    costs more than all else.
    """
    for start in range(rates.steps.shape[0]):
        m, root, v, left, base = 1.0, 1.0, 1.0, 1.0, 0.0
        low, high, sums = np.inf, 0.0, np.zeros(5)
        for steps in range(min(LONGEST, rates.steps.shape[0] - start)):
            step = start + steps
            m *= 1 - np.float64(rates.steps[step, FIRST_SHARE])
            root *= np.float64(rates.steps[step, ROOT_KEPT])
            v *= np.float64(rates.steps[step, SECOND_KEPT])
            left *= np.float64(rates.steps[step, SHRINK])
            divisor, pull = root * rates.steps[step, ROOT_SCALE], m * rates.steps[step, LR]
            low, high = min(low, divisor), max(high, divisor)
            if high > low * (1 + SPREAD):
                break
            if steps == 0:
                base = divisor
            for j in range(5):
                sums[j] = sums[j] * rates.steps[step, SHRINK] + pull * (divisor - base) ** j
            d = sums[1] / sums[0] if sums[0] > 0 else 0.0  # of the mean from the first divisor
            of = rates.rests[start, steps]
            of[LEFT], of[CENTRE], of[EPSILON] = left, base + d, rates.steps[step, EPS]
            of[MOMENT_0], of[MOMENT_2] = sums[0], sums[2] - d * sums[1]
            of[MOMENT_3] = sums[3] - 3 * d * sums[2] + 2 * d * d * sums[1]
            of[MOMENT_4] = sums[4] - 4 * d * sums[3] + 6 * d * d * sums[2] - 3 * d**3 * sums[1]
            of[FIRST_LEFT], of[SECOND_LEFT] = m, v
            rates.reach[start] = steps + 1


@compiled()
def _rest_by_momentum(kind, tables, row, rates, start, stop):  # type: ignore[no-untyped-def]
    """The others: what is left of earlier moves is the same multiple of ``first`` in every column."""
    state, first, second = tables.state, tables.width, 2 * tables.width
    left, moved, shrink, v = np.float32(1), np.float32(0), np.float32(1), np.float32(1)
    for step in range(start, stop):
        momentum = rates.steps[step, MOMENTUM]
        v *= rates.steps[step, SECOND_KEPT]
        shrink *= rates.steps[step, SHRINK]
        moved *= rates.steps[step, SHRINK]
        if kind == KERAS_RMSPROP:
            left *= momentum
            moved += left
        elif momentum != 0:
            left *= momentum
            further = momentum if rates.steps[step, NESTEROV] != 0 else np.float32(1)
            moved += rates.steps[step, LR] * left * further
    for f in range(tables.width):
        state[row, f] = state[row, f] * shrink - moved * state[row, first + f]
        state[row, first + f] *= left
        state[row, second + f] *= v


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
    count = batches.counts[step]
    for b in range(count):
        for side in range(2):
            row = batches.rows[step, side, min(b + AHEAD, count - 1)]
            if parts == 1 or row % parts == part:
                _fetch(tables.state, row, 3 * tables.width)
            row = batches.rows[step, side, b]
            if taken[row] == step or (parts > 1 and row % parts != part):
                continue
            _rest(kind, tables, row, rates, taken[row] + 1, step)
            taken[row], place[row] = step, 2 * b + side
            for f in range(gradients.shape[1]):
                gradients[place[row], f] = np.float32(0)


@compiled("reassoc", "nsz")
def _product(state, user, item, factors):  # type: ignore[no-untyped-def]
    """The sum is added up in several lanes at once, whose number is that of the machine's vector registers."""
    total = np.float32(0)
    for f in range(factors):
        total += state[user, f] * state[item, f]
    return total


@compiled()
def compare(tables, batches, objective, step, part, parts):  # type: ignore[no-untyped-def]
    """Set the losses of a batch, and add up the gradients of this part's rows; parts that share a rating both do its product."""
    state, gradients, place, factors = tables.state, tables.gradients, tables.place, tables.factors
    count = batches.counts[step]
    for b in range(count):
        for side in range(2):
            row = batches.rows[step, side, min(b + AHEAD, count - 1)]
            _fetch(state, row, tables.width)
            _fetch(gradients, place[row], tables.width)
        user, item = batches.rows[step, 0, b], batches.rows[step, 1, b]
        of_user, of_item = parts == 1 or user % parts == part, parts == 1 or item % parts == part
        if not (of_user or of_item):
            continue
        value = _product(state, user, item, factors)
        if tables.biased:
            value += state[user, factors] + state[item, factors]
        inner = np.float32(1)
        if objective.ranged:
            share = np.float32(1) / (np.float32(1) + math.exp(-value))
            value = share * objective.width + objective.low
            inner = objective.width * share * (np.float32(1) - share)
        error = value - batches.ratings[step, b]
        slope = np.float32(2) * error / np.float32(count) * inner
        batches.losses[b] = error * error
        if of_user:
            _add(gradients, place[user], slope, state, item, factors, tables.biased)
        if of_item:
            _add(gradients, place[item], slope, state, user, factors, tables.biased)


@compiled()
def _add(gradients, place, slope, state, other, factors, biased):  # type: ignore[no-untyped-def]
    for f in range(factors):
        gradients[place, f] += slope * state[other, f]
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
    # A norm that is no number makes state of it, as torch.nn.utils.clip_grad_norm_ does.
    return np.float32(1) if scale > 1 else np.float32(scale)


@compiled()
def update(kind, tables, batches, objective, rates, step, part, parts):  # type: ignore[no-untyped-def]
    """Let this part's rows of the batch take the step."""
    scale = _scale(tables, batches, objective.clip, step) if objective.clip > 0 else np.float32(1)
    count = batches.counts[step]
    for b in range(count):
        for side in range(2):
            row = batches.rows[step, side, min(b + AHEAD, count - 1)]
            if parts == 1 or row % parts == part:
                _fetch(tables.state, row, 3 * tables.width)
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
    steps = rates.steps.shape[0]
    for row in range(part, tables.taken.shape[0], parts):
        _rest(kind, tables, row, rates, tables.taken[row] + 1, steps)
        tables.taken[row] = -1


@compiled()
def train(kind, tables, batches, objective, rates, sums):  # type: ignore[no-untyped-def]
    """Take all steps of a chunk, in one thread; ``sums`` (K,) gets those of the losses."""
    for step in range(rates.steps.shape[0]):
        catch_up(kind, tables, batches, rates, step, 0, 1)
        compare(tables, batches, objective, step, 0, 1)
        sums[step] = total_loss(batches, step)
        update(kind, tables, batches, objective, rates, step, 0, 1)
    finish(kind, tables, rates, 0, 1)


# ---- weights, between the network and the tables ---------------------------------------------------------------------


@compiled()
def load(tables, user_factors, item_factors, user_bias, item_bias):  # type: ignore[no-untyped-def]
    """Fill the table with the weights of a network."""
    state, factors, items = tables.state, tables.factors, tables.items
    for row in range(state.shape[0]):
        source, at = (user_factors, row) if row < items else (item_factors, row - items)
        for f in range(factors):
            state[row, f] = source[at, f]
        if tables.biased:
            state[row, factors] = user_bias[at, 0] if row < items else item_bias[at, 0]


@compiled()
def store(tables, user_factors, item_factors, user_bias, item_bias):  # type: ignore[no-untyped-def]
    """Give a network the weights of the table."""
    state, factors, items = tables.state, tables.factors, tables.items
    for row in range(state.shape[0]):
        target, at = (user_factors, row) if row < items else (item_factors, row - items)
        for f in range(factors):
            target[at, f] = state[row, f]
        if tables.biased:
            biases = user_bias if row < items else item_bias
            biases[at, 0] = state[row, factors]
