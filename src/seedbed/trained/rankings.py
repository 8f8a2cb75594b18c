"""The first k of a list that each seed ranks in its own way, and in how many of the seeds' own lists each stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seedbed.statistics import Summary, summary


@dataclass(frozen=True)
class Ranked:
    """An item of a list of k, with its score over S seeds."""

    item: int
    """Its column in the scores."""
    score: Summary
    seeds: int
    """How many seeds have it in their own list of k."""


def top(scores: NDArray[np.floating], seen: NDArray[np.bool_], k: int) -> list[Ranked]:
    """The k items with the highest mean of ``scores`` (S, I) among those not in ``seen`` (I,), best first.

    Fewer where fewer are left; of equal items the lower one comes first, in a seed's own list too.
    """
    left = np.flatnonzero(~seen)
    of_left = scores[:, left].astype(np.float64)
    own_lists = best_first(of_left)[:, :k]
    votes = np.bincount(own_lists.ravel(), minlength=len(left))
    return [
        Ranked(int(left[position]), summary(of_left[:, position]), int(votes[position]))
        for position in best_first(of_left.mean(0))[:k]
    ]


def nearest(factors: NDArray[np.floating], item: int, k: int) -> list[Ranked]:
    """The k items whose ``factors`` (S, I, F) have the highest cosine similarity to those of ``item``, mean over seeds.

    An item whose factors are all zero has the similarity 0 to every other.
    """
    unit = directions(factors.astype(np.float64))
    similarity = np.einsum("sif,sf->si", unit, unit[:, item])
    return top(similarity, np.arange(similarity.shape[1]) == item, k)


def most_alike(factors: NDArray[np.floating], item: int, k: int) -> list[Ranked]:
    """The k items whose ``factors`` (S, I, F) have the highest dot product with those of ``item``, mean over seeds.

    Relative to the product of the item with itself, so that the item would score 1; a longer vector may score more. An
    item whose own factors are all zero scores 0 with every other.
    """
    numbers = factors.astype(np.float64)
    products = np.einsum("sif,sf->si", numbers, numbers[:, item])
    own = products[:, [item]]
    relative = np.divide(products, own, out=np.zeros_like(products), where=own > 0)
    return top(relative, np.arange(products.shape[1]) == item, k)


def directions(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The vectors (..., F) with length one; one that is all zero stays so."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit


def best_first(scores: NDArray[np.number]) -> NDArray[np.intp]:
    """The places of the last axis by falling score, equal ones in order."""
    return np.argsort(-scores, axis=-1, kind="stable")
