"""Vectors of newcomers: users, or items, that a factor model was not trained on, from few ratings or from metadata.

All of it is pure functions of arrays, of one seed at a time. A newcomer's rating of row ``i`` of the other side is taken
for ``scale(design[i] @ vector + offsets[i])``: a vector holds the newcomer's factors and, last, its bias.

Howard and Gugger 2020, "Deep Learning for Coders with fastai and PyTorch", chapter 8, names the mean vector, a typical
user and a model of metadata as ways to begin; the ridge regression is the half step of alternating least squares for one
user: Koren, Bell and Volinsky 2009, "Matrix Factorization Techniques for Recommender Systems".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from seedbed.models.matrix import MatrixFactorization
from seedbed.models.rating import DotProduct
from seedbed.stacking.layers import SigmoidRange

Array = NDArray[np.float64]
Numbers = NDArray[np.integer]
Side = Literal["user", "item"]
SIDES: tuple[Side, ...] = ("user", "item")

RIDGE = 5.0
"""How hard ``fold_in`` holds on to where it starts: the best on validation users of MovieLens-100K, of the values that
``experiments/cold_start.yaml`` searches."""
METADATA_RIDGES = np.logspace(-2, 4, 25)


@dataclass(frozen=True)
class FactorModel:
    """What one seed has learned, as a newcomer of one side needs it."""

    vectors: Array
    """(N, D) of the users, or items, of the newcomer's own side, by their rows in the vocabulary."""
    design: Array
    """(M, D), by the rows of the other side: its factors, and 1 for the newcomer's bias."""
    offsets: Array
    """(M,): the biases of the other side."""
    y_range: tuple[float, float] | None = None
    """Onto which a sigmoid brings the score; None: the score is the rating."""

    def ratings(self, vectors: Array, rows: Numbers) -> Array:
        """(...): what vectors (..., D) give to these rows (...) of the other side."""
        return self.scaled((self.design[rows] * vectors).sum(-1) + self.offsets[rows])[0]

    def scaled(self, scores: Array) -> tuple[Array, Array]:
        """Ratings, and how fast they rise with the score."""
        if self.y_range is None:
            return scores, np.ones_like(scores)
        low, high = self.y_range
        share = 0.5 * (1 + np.tanh(0.5 * scores))  # the sigmoid, without overflow
        return low + (high - low) * share, (high - low) * share * (1 - share)


def is_factor_model(network: nn.Module) -> bool:
    """Whether a newcomer's vector can be had for this network, or for a stack of such."""
    return isinstance(network, DotProduct)


def factor_model(network: nn.Module, state: Mapping[str, Tensor] | None = None, side: Side = "user") -> FactorModel:
    """Read a ``DotProduct`` off its weights; ``state`` are those of one seed where the network is a stack.

    Raises ``ValueError`` for another network.
    """
    if not isinstance(network, DotProduct):
        raise ValueError(f"{type(network).__name__} is not a factor model")
    weights = {name: value.cpu().double().numpy() for name, value in (state or network.state_dict()).items()}
    own, other = (side, "item") if side == "user" else (side, "user")
    vectors, design = weights[f"{own}_factors.weight"], weights[f"{other}_factors.weight"]
    offsets = np.zeros(len(design))
    if f"{own}_bias.weight" in weights:
        vectors = np.hstack([vectors, weights[f"{own}_bias.weight"]])
        design = np.hstack([design, np.ones((len(design), 1))])
        offsets = weights[f"{other}_bias.weight"][:, 0]
    scale = network.scale
    return FactorModel(vectors, design, offsets, (scale.low, scale.high) if isinstance(scale, SigmoidRange) else None)


def matrix_model(network: MatrixFactorization) -> FactorModel:
    """Users as newcomers to a factorized matrix; the bias of a vector holds the global one too."""
    weights = {name: value.cpu().double().numpy() for name, value in network.state_dict().items()}
    user_bias = weights["user_bias.weight"] + weights["global_bias.weight"]
    return FactorModel(
        vectors=np.hstack([weights["user_factors.weight"], user_bias]),
        design=np.hstack([weights["item_factors.weight"], np.ones_like(weights["item_bias.weight"])]),
        offsets=weights["item_bias.weight"][:, 0],
        y_range=(network.scale.low, network.scale.high),
    )


def mean_ratings(rows: Numbers, ratings: Array, size: int, ridge: float) -> FactorModel:
    """The plain baseline, a model without factors: the mean rating of each of ``size`` rows of the other side.

    A newcomer's vector is one number, how much higher it rates (is rated), and begins at 0. A row's mean is drawn
    towards that of all ``ratings`` (n,), as if it had ``ridge`` more ratings of that: Koren 2010, "Factor in the
    Neighbors", section 2.1.
    """
    mean = ratings.mean()
    above = np.bincount(rows, weights=ratings - mean, minlength=size)
    offsets = mean + above / (np.bincount(rows, minlength=size) + ridge)
    return FactorModel(np.zeros((1, 1)), np.ones((size, 1)), offsets)


# ---- vectors ---------------------------------------------------------------------------------------------------------


def mean_vector(vectors: Array) -> Array:
    """(D,): the mean of the trained vectors (N, D)."""
    mean: Array = vectors.mean(0)
    return mean


def typical_vector(vectors: Array, design: Array) -> Array:
    """(D,): of the trained vectors (N, D), the one whose scores are nearest to those of the mean vector.

    By the mean squared difference over the trained rows of the other side, ``design`` (M, D), before a sigmoid. Scores
    and not vectors are compared: how far two vectors lie apart depends on how a model happens to share a score out
    between the factors of its two sides, and some factors hardly matter to any score.
    """
    apart = ((vectors - mean_vector(vectors)) @ design.T) ** 2
    typical: Array = vectors[apart.mean(1).argmin()]
    return typical


def metadata_vectors(features: NDArray[np.floating], vectors: Array, new: NDArray[np.floating]) -> Array:
    """(n, D): what the known ``features`` (N, F) of trained ones say of their vectors (N, D), for ``new`` (n, F).

    By ridge regression; how strong the ridge is, leaving one out at a time decides among the trained ones.
    """
    from sklearn.linear_model import RidgeCV

    fitted = RidgeCV(alphas=METADATA_RIDGES).fit(features.astype(np.float64), vectors)
    predicted: Array = fitted.predict(new.astype(np.float64)).reshape(len(new), vectors.shape[1])
    return predicted


def fold_in(
    model: FactorModel, start: Array, rows: Numbers, ratings: Array, known: NDArray[np.bool_], ridge: float
) -> Array:
    """(n, D): vectors of n newcomers who have rated (were rated by) the ``rows`` (n, k) of the other side.

    Ridge regression of the ``ratings`` (n, k) that are ``known`` (n, k), drawn towards ``start`` (n, D), which is the
    answer without ratings. A sigmoid is taken for the straight line that it is near the start's scores (one
    Gauss-Newton step): so the errors stay those of ratings, as in training, and the answer one linear system. More
    steps, or the regression of ratings put through the sigmoid's inverse, which cannot take one at an end of the range,
    were no better on validation users.
    """
    scores = np.einsum("nkd,nd->nk", model.design[rows], start) + model.offsets[rows]
    expected, slopes = model.scaled(scores)
    design = model.design[rows] * (slopes * known)[:, :, None]
    errors = ((ratings - expected) * known)[:, :, None]
    transposed = design.swapaxes(1, 2)
    count, width = design.shape[1:]
    # The same solution by either system; the smaller one is solved.
    if count <= width:
        moved = transposed @ np.linalg.solve(design @ transposed + ridge * np.eye(count), errors)
    else:
        moved = np.linalg.solve(transposed @ design + ridge * np.eye(width), transposed @ errors)
    folded: Array = start + moved[:, :, 0]
    return folded


def vector_of(model: FactorModel, rows: Numbers, ratings: Array, start: Array, ridge: float = RIDGE) -> Array:
    """(D,): ``fold_in`` of one newcomer by all its ratings (k,) of the ``rows`` (k,) of the other side."""
    known = np.ones((1, len(rows)), dtype=bool)
    of_one = np.asarray(ratings, dtype=np.float64)[None]
    vector: Array = fold_in(model, start[None], rows[None], of_one, known, ridge)[0]
    return vector
