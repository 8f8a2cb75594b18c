"""Random generators that belong to one seed and one purpose, never to a global stream.

A seed's split, weights, batch order, dropout and resampling each have a generator of their own, so that a seed
draws the same alone, among thirty others, or added later. Its result is the same but for how sums are rounded.
PyTorch's generators are in ``torch_random.py``.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive(seed: int, *purpose: object) -> int:
    """A 63-bit number that depends on the seed and on what it is used for, and on nothing else."""
    text = ":".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def numpy_generator(seed: int, *purpose: object) -> np.random.Generator:
    return np.random.default_rng(derive(seed, *purpose))
